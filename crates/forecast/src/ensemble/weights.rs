//! Weights by the errors of past forecasts.

use std::collections::BTreeMap;

use bongsu_core::{Result, SeriesView, Timestamp};

use crate::{Backtest, Backtested, Member, Timeline};

/// The weight of each of `members`, with a sum of 1: one over the mean absolute error of its forecasts
/// from the last moments of `series`.
pub(super) fn by_error(
    members: &[&Member],
    series: &SeriesView<'_>,
    horizon: usize,
    origins: usize,
) -> Result<Vec<f64>> {
    let (_, values) = Timeline::of(series)?;
    // As much is known at the first origin as is forecast from it.
    let origins = origins.min((values.len() / horizon).saturating_sub(1));
    let initial = values.len() - origins * horizon;
    if origins == 0 || initial < 2 {
        return Ok(shares(&vec![0.0; members.len()]));
    }
    let backtest = Backtest::new(initial, horizon)?.step(horizon)?;
    let run = |member: &&Member| backtest.run(*member, series).map(|b| errors(&b));
    let each: Vec<Errors> = members.iter().map(run).collect::<Result<_>>()?;
    let everywhere = |origin: &Timestamp| each.iter().all(|one| one.contains_key(origin));
    let mean = |one: &Errors| {
        let common = one.iter().filter(|(origin, _)| everywhere(origin));
        let (total, count) = common.fold((0.0, 0), |(total, count), (_, (sum, n))| {
            (total + sum, count + n)
        });
        if count == 0 {
            0.0
        } else {
            total / count as f64
        }
    };
    let means: Vec<f64> = each.iter().map(mean).collect();
    Ok(shares(&means))
}

/// The sum of the absolute errors at an origin, and how many there are.
type Errors = BTreeMap<Timestamp, (f64, usize)>;

fn errors(backtested: &Backtested) -> Errors {
    let mut errors = Errors::new();
    for row in &backtested.rows {
        let (sum, count) = errors.entry(row.origin).or_default();
        if let Some(actual) = row.actual {
            *sum += (actual - row.mean).abs();
            *count += 1;
        }
    }
    errors
}

/// One over each error, scaled to a sum of 1. An error of 0 leaves nothing to the others.
fn shares(errors: &[f64]) -> Vec<f64> {
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    // Of the least error over this one: neither 0 nor infinity is divided by itself.
    let part = |&error: &f64| if error == least { 1.0 } else { least / error };
    let parts: Vec<f64> = errors.iter().map(part).collect();
    let total: f64 = parts.iter().sum();
    parts.iter().map(|part| part / total).collect()
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the values are exact")]
mod tests {
    use super::shares;

    #[test]
    fn weights_are_one_over_the_errors() {
        assert_eq!(shares(&[1.0, 3.0]), [0.75, 0.25]);
        assert_eq!(shares(&[0.0, 3.0, 0.0]), [0.5, 0.0, 0.5]);
        assert_eq!(shares(&[f64::INFINITY, 2.0]), [0.0, 1.0]);
        assert_eq!(shares(&[f64::INFINITY, f64::INFINITY]), [0.5, 0.5]);
        assert_eq!(shares(&[1e-320, 1e-320]), [0.5, 0.5]);
        assert_eq!(shares(&[0.0]), [1.0]);
    }
}
