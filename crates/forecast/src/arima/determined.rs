//! Series that differences and a trend explain up to rounding: a line, a season, or both.

use bongsu_core::Result;

use super::candidate::{Candidate, Selection};
use super::errors::StandardErrors;
use super::fit::{Solution, Table};
use super::fitted::FittedArima;
use super::{Arima, Diffuse, Orders, Trend};

/// The first of `models`, which have no coefficients, that leaves nothing but rounding of the series,
/// if there is one.
///
/// Its innovations have the variance of what is left, and at least that of a value of 1 to 2 rounded
/// in its last bit, in the scaled unit: intervals are as narrow as the numbers allow.
pub(super) fn determined(table: &Table, models: &[(Orders, Trend)]) -> Result<Option<Selection>> {
    for &(orders, trend) in models {
        let config = Arima::new(orders).trend(trend)?.diffuse(Diffuse::Exact)?;
        // A series too short for one of the models is left to the search, which says so.
        let Ok(problem) = table.any_problem(&config) else {
            continue;
        };
        let Some(rounding) = problem.residual.rounding else {
            continue;
        };
        let solution = Solution {
            coefficients: Vec::new(),
            effects: problem.residual.effects.clone(),
            variance: rounding.max(f64::EPSILON * f64::EPSILON),
            converged: true,
            value: f64::NAN,
        };
        let fitted = FittedArima::new(&problem, &solution, StandardErrors::default())?;
        let candidates = vec![Candidate {
            orders,
            trend,
            log_likelihood: Some(fitted.log_likelihood()),
            information: Some(fitted.information()),
            converged: true,
            failure: None,
        }];
        return Ok(Some(Selection { fitted, candidates }));
    }
    Ok(None)
}
