//! When resources run out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bongsu_capacity::{Candidate, Planner, WhatIf};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ScheduleConfig, Span};
use crate::Error;
use crate::schedule::Schedule;

/// When resources run out; planned by the service on a schedule, and by `bongsu capacity --config`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityConfig {
    /// What is planned; at least one.
    pub resources: Vec<CapacityResource>,
    /// How far to look ahead.
    #[serde(default = "thirty_days")]
    pub horizon: Span,
    /// How far to look back.
    #[serde(default = "thirty_days")]
    pub history: Span,
    /// The distance of the points that are asked for.
    #[serde(default = "hour")]
    pub step: Span,
    /// How much of what may come an interval holds, in percent, in [50, 99].
    #[serde(default = "level")]
    pub level: f64,
    /// The zone of the clock and the calendar, by its name in the IANA database.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The models to choose among, such as `theil-sen`; all when none is named.
    #[serde(default)]
    pub models: Vec<String>,
    /// Below so many days left there is an alert.
    #[serde(default = "week")]
    pub alert_days: f64,
    /// Below so many days left there are recommendations.
    #[serde(default = "month")]
    pub recommend_days: f64,
    /// A catalogue of recommendations in YAML, in place of the bundled one.
    #[serde(default)]
    pub recommendations: Option<PathBuf>,
    /// Changes whose effect is asked for, such as `traffic=+30%` or `nodes=6+2`.
    #[serde(default)]
    pub what_if: Vec<String>,
    /// When the service plans them; every six hours unless set. It plans at once where there is no
    /// answer yet, and again after ten minutes where the source failed. Sources of type `csv` and
    /// `scrape` hold no past that the service could plan from.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// Labels that the alerts of all resources carry.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A resource that is planned.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityResource {
    /// Its name.
    pub name: String,
    /// The query of its use; each series that it gives is planned.
    #[serde(alias = "query")]
    pub expr: String,
    /// The bound in the unit of the query. Without it 80 for a name with cpu or network in it, 85 for memory, 90
    /// for disk; a hundredth of that where all values are between 0 and 1.
    #[serde(default)]
    pub threshold: Option<f64>,
}

fn thirty_days() -> Span {
    Span::from_secs(30 * 86_400)
}

fn hour() -> Span {
    Span::from_secs(3_600)
}

const fn level() -> f64 {
    80.0
}

fn utc() -> String {
    "UTC".to_owned()
}

/// The time between two plans where the schedule says nothing.
const USUAL_PAUSE: Span = Span::from_secs(6 * 3_600);

const fn week() -> f64 {
    7.0
}

const fn month() -> f64 {
    30.0
}

impl CapacityConfig {
    pub(crate) fn planner(&self) -> Result<Planner, Error> {
        let planner = Planner::new()
            .horizon(self.horizon.millis())?
            .level(self.level / 100.0)?
            .timezone(&self.timezone)?;
        if self.models.is_empty() {
            return Ok(planner);
        }
        let models = self.models.iter().map(|name| Candidate::from_name(name));
        let models: Vec<_> = models.collect::<Result<_, _>>()?;
        Ok(planner.candidates(&models)?)
    }

    pub(crate) fn schedule(&self) -> Result<Schedule, Error> {
        let at = |e| Error::config(format!("schedule.{e}"));
        let usual = ScheduleConfig {
            every: Some(USUAL_PAUSE),
            ..self.schedule.clone()
        };
        let given = Schedule::new(&self.schedule, "capacity").map_err(at)?;
        // With an interval there is always a schedule.
        let usual = || Schedule::new(&usual, "capacity").map_err(at);
        match given {
            Some(given) => Ok(given),
            None => usual()?.ok_or_else(|| Error::config("schedule: there is none")),
        }
    }

    pub(crate) fn changes(&self) -> Result<Vec<WhatIf>, Error> {
        let changes = self.what_if.iter().map(|text| Ok(text.parse()?));
        changes.collect()
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        let at = |e: &dyn std::fmt::Display| Error::config(format!("capacity.{e}"));
        if self.resources.is_empty() {
            return Err(at(&"resources: there must be at least one"));
        }
        let mut names = BTreeSet::new();
        for (i, resource) in self.resources.iter().enumerate() {
            if resource.name.is_empty() || resource.expr.is_empty() {
                let message = format!("resources[{i}]: the name and the query must not be empty");
                return Err(at(&message));
            }
            // Plans, alerts and metrics are told apart by it.
            if !names.insert(&resource.name) {
                let message = format!("resources[{i}].name: `{}` is there twice", resource.name);
                return Err(at(&message));
            }
            let bound = resource.threshold;
            let usual = || bongsu_capacity::Resource::usual_threshold(&resource.name);
            if bound.is_some_and(|bound| !bound.is_finite()) || bound.or_else(usual).is_none() {
                let message = format!(
                    "resources[{i}].threshold: `{}` needs a finite one, as its name says none of cpu, \
                     memory, disk and network",
                    resource.name
                );
                return Err(at(&message));
            }
        }
        for (name, days) in [
            ("alert_days", self.alert_days),
            ("recommend_days", self.recommend_days),
        ] {
            if !(0.0..=3_650.0).contains(&days) {
                return Err(at(&format!("{name}: must be in [0, 3650], not {days}")));
            }
        }
        if self.step.millis() < 1_000 || self.history.millis() < 10 * self.step.millis() {
            return Err(at(
                &"history: must be at least ten steps of a second or more",
            ));
        }
        for name in self.labels.keys() {
            if ["query", "resource"].contains(&name.as_str()) {
                return Err(at(&format!("labels: `{name}` is set by Bongsu itself")));
            }
        }
        bongsu_core::Labels::from_pairs(self.labels.clone())
            .map_err(|e| at(&format!("labels: {e}")))?;
        self.schedule().map_err(|e| at(&e))?;
        self.planner().map_err(|e| at(&e))?;
        self.changes().map_err(|e| at(&e)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn two_resources_of_one_name_are_refused() {
        let of = |second: &str| {
            let yaml = format!(
                "source: {{type: prometheus, url: 'http://localhost:9090'}}
capacity: {{resources: [{{name: cpu, expr: a}}, {{name: {second}, expr: b, threshold: 1}}]}}"
            );
            parse(&yaml, None).map(drop).map_err(|e| e.to_string())
        };
        assert_eq!(of("cpu b"), Ok(()));
        let wrong = of("cpu").unwrap_err();
        assert!(
            wrong.contains("capacity.resources[1].name: `cpu` is there twice"),
            "{wrong}"
        );
    }
}
