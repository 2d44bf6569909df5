use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, ShardConfig};
use crate::Error;

/// How many alerts may be expected by chance: anomalous points whose score is not rare enough among
/// the latest scores of all series are held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// So many alerts a day of all series together. Domain: above 0, at most 100000.
    pub alerts_per_day: f64,
}

impl BudgetConfig {
    fn validate(&self, path: &str) -> Result<(), Error> {
        if self.alerts_per_day > 0.0 && self.alerts_per_day <= 1e5 {
            return Ok(());
        }
        Err(Error::config(format!(
            "{path}budget.alerts_per_day is {}, but must be above 0 and at most 100000",
            self.alerts_per_day
        )))
    }
}

impl Config {
    /// Checks the budgets of alerts.
    pub(super) fn validate_budgets(&self) -> Result<(), Error> {
        for (i, query) in self.queries.iter().enumerate() {
            if let Some(budget) = &query.budget {
                budget.validate(&format!("queries[{i}]."))?;
            }
        }
        let Some(whole) = &self.engine.budget else {
            return Ok(());
        };
        whole.validate("engine.")?;
        let (own, others) = self.own_budgets();
        let rest = whole.alerts_per_day - own;
        if rest < 0.0 || (rest == 0.0 && others > 0) {
            return Err(Error::config(format!(
                "engine.budget.alerts_per_day is {}, but the queries with a budget of their own take \
                 {own}{}",
                whole.alerts_per_day,
                if others > 0 {
                    ", and the others need a share too"
                } else {
                    ""
                }
            )));
        }
        Ok(())
    }

    /// What queries with a budget of their own take, and how many queries have none.
    fn own_budgets(&self) -> (f64, usize) {
        let budgets = self.queries.iter().map(|query| &query.budget);
        let own = budgets
            .clone()
            .flatten()
            .map(|budget| budget.alerts_per_day);
        (own.sum(), budgets.filter(|budget| budget.is_none()).count())
    }

    /// How many alerts a day may be expected of a query by chance: its own budget, or an equal share
    /// of what the others leave of the budget of all. Of several processes each has its part.
    pub(crate) fn allowance(&self, own: Option<&BudgetConfig>) -> Option<f64> {
        let part = self.shard.as_ref().map_or(1.0, ShardConfig::part);
        Some(self.allowance_of_all(own)? * part)
    }

    fn allowance_of_all(&self, own: Option<&BudgetConfig>) -> Option<f64> {
        if let Some(own) = own {
            return Some(own.alerts_per_day);
        }
        let whole = self.engine.budget.as_ref()?;
        let (taken, others) = self.own_budgets();
        Some((whole.alerts_per_day - taken).max(0.0) / others.max(1) as f64)
    }
}
