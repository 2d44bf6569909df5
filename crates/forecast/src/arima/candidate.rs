//! Models that a search has tried.

use serde::{Deserialize, Serialize};

use super::errors::standard_errors;
use super::fit::{Problem, Solution, Table};
use super::fitted::FittedArima;
use super::orders::Orders;
use super::region::is_farther;
use super::{Arima, Diffuse, Trend};
use crate::{Criterion, Information};
use bongsu_core::{Error, Result};

/// A model that a search has tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its orders.
    pub orders: Orders,
    /// Its trend.
    pub trend: Trend,
    /// Its log-likelihood; `None` where it could not be fitted.
    pub log_likelihood: Option<f64>,
    /// Its information criteria; `None` where it could not be fitted.
    pub information: Option<Information>,
    /// Whether its fit converged.
    pub converged: bool,
    /// Why it could not be fitted, or was refused.
    pub failure: Option<String>,
}

impl Candidate {
    /// What is compared, infinite where it could not be fitted or was refused.
    #[must_use]
    pub fn score(&self, criterion: Criterion) -> f64 {
        match (&self.information, &self.failure) {
            (Some(information), None) => information.by(criterion),
            _ => f64::INFINITY,
        }
    }
}

/// The best model of a search, and every one that it has tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The best model.
    pub fitted: FittedArima,
    /// Every model that was tried, in the order of the search.
    pub candidates: Vec<Candidate>,
}

/// A candidate and what its search found.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub(crate) candidate: Candidate,
    pub(crate) solution: Option<Solution>,
}

/// How candidates of one search are fitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) diffuse: Diffuse,
    pub(crate) iterations: usize,
    /// How many times as far from 0 as the unit circle every root has to be. Above 1 a model with
    /// several roots and its maximum there, which would go on to the circle, is refused.
    pub(crate) farther: f64,
}

/// The part of the way to the least distance from the circle, beyond it, that still counts as there.
const AT_LIMIT: f64 = 0.05;

impl Rules {
    fn config(&self, orders: Orders, trend: Trend) -> Result<Arima> {
        Arima::new(orders)
            .trend(trend)?
            .diffuse(self.diffuse)?
            .iterations(self.iterations)
    }

    /// Fits a candidate, from the coefficients of related models too.
    pub(crate) fn fit(
        &self,
        table: &Table,
        orders: Orders,
        trend: Trend,
        related: &[(Orders, &[f64])],
    ) -> Tried {
        let mut candidate = Candidate {
            orders,
            trend,
            log_likelihood: None,
            information: None,
            converged: false,
            failure: None,
        };
        match self.solve(table, orders, trend, related) {
            Ok((problem, solution, log_likelihood)) => {
                let parameters = problem.names.len() + orders.coefficients() + 1;
                let steps = problem.timeline.len().saturating_sub(orders.burn());
                candidate.log_likelihood = Some(log_likelihood);
                candidate.information = Some(Information::new(log_likelihood, parameters, steps));
                candidate.converged = solution.converged;
                let beyond = self.farther + AT_LIMIT * (self.farther - 1.0);
                if self.farther > 1.0 && !is_farther(&orders, &solution.coefficients, beyond) {
                    candidate.failure =
                        Some(format!("ARIMA{orders} has a root at the unit circle"));
                }
                Tried {
                    candidate,
                    solution: Some(solution),
                }
            }
            Err(error) => {
                candidate.failure = Some(error.to_string());
                Tried {
                    candidate,
                    solution: None,
                }
            }
        }
    }

    fn solve(
        &self,
        table: &Table,
        orders: Orders,
        trend: Trend,
        related: &[(Orders, &[f64])],
    ) -> Result<(Problem, Solution, f64)> {
        let problem = table.problem(&self.config(orders, trend)?)?;
        let starts: Vec<Vec<f64>> = related
            .iter()
            .map(|(from, coefficients)| carry(from, coefficients, &orders))
            .collect();
        let solution = problem.solve_within(&starts, self.iterations, self.farther)?;
        let log_likelihood = problem.log_likelihood(&solution).ok_or_else(|| {
            Error::input(format!(
                "ARIMA{orders} has no finite likelihood for this series"
            ))
        })?;
        Ok((problem, solution, log_likelihood))
    }

    /// The best of `tried`, as a model of its own.
    pub(crate) fn select(
        &self,
        table: &Table,
        tried: Vec<Tried>,
        criterion: Criterion,
    ) -> Result<Selection> {
        let mut best: Option<&Tried> = None;
        for one in &tried {
            let score = one.candidate.score(criterion);
            if score.is_finite() && best.is_none_or(|b| score < b.candidate.score(criterion)) {
                best = Some(one);
            }
        }
        // Where every one was refused, the simplest that could be fitted.
        let simplest = || {
            let fitted = tried.iter().filter(|one| one.solution.is_some());
            fitted.min_by_key(|one| one.candidate.orders.coefficients())
        };
        let best = best.or_else(simplest).ok_or_else(|| {
            let failures = tried
                .iter()
                .filter_map(|one| one.candidate.failure.as_deref());
            let first = failures
                .into_iter()
                .next()
                .unwrap_or("there are no candidates");
            Error::input(format!(
                "none of the {} models could be fitted: {first}",
                tried.len()
            ))
        })?;
        let Candidate { orders, trend, .. } = best.candidate;
        let problem = table.problem(&self.config(orders, trend)?)?;
        let solution = best
            .solution
            .as_ref()
            .ok_or_else(|| Error::input("the best model has no solution"))?;
        let errors = standard_errors(&problem, solution);
        let fitted = FittedArima::new(&problem, solution, errors)?;
        Ok(Selection {
            fitted,
            candidates: tried.into_iter().map(|one| one.candidate).collect(),
        })
    }
}

/// Coefficients of a related model: lags that it lacks start at 0.
fn carry(from: &Orders, coefficients: &[f64], to: &Orders) -> Vec<f64> {
    let factors = from.split(coefficients);
    let mut out = Vec::with_capacity(to.coefficients());
    for (part, size) in [
        (factors.ar, to.ar),
        (factors.ma, to.ma),
        (factors.seasonal_ar, to.seasonal_ar),
        (factors.seasonal_ma, to.seasonal_ma),
    ] {
        let known = part.iter().copied().chain(std::iter::repeat(0.0));
        out.extend(known.take(size));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_that_a_related_model_lacks_start_at_nothing() {
        let from = Orders::new(1, 0, 1).seasonal(1, 0, 0, 4);
        let to = Orders::new(2, 0, 1);
        assert_eq!(carry(&from, &[0.9, 0.8, 0.7], &to), [0.9, 0.0, 0.8]);
    }
}
