//! The slope of values that depend on each other.

use bongsu_stats::robust::{TheilSen, theil_sen};
use bongsu_stats::special::normal_isf;

/// The confidence of intervals.
const USUAL: f64 = 0.95;

/// As many independent values are told of at least: a line has two parameters.
const LEAST_VALUES: f64 = 2.0;

/// Theil and Sen's line with an interval of its slope that is as wide for moments that depend on each other
/// as one of 95 % for independent ones. `None` where the line cannot be told.
///
/// With the autocorrelation `a` of what the line leaves at lag 1, `n` values tell as much as
/// `n (1 - a) / (1 + a)` independent ones, so that the interval is wider by the root of that. They are
/// taken for two at least: `a` is at most `(n - 2) / (n + 2)`.
///
/// Cost: O(n^2) time and memory.
pub(super) fn line(t: &[f64], x: &[f64]) -> Option<TheilSen> {
    let line = theil_sen(t, x, USUAL).ok()?;
    let memory = memory(&line, t, x);
    let widening = ((1.0 + memory) / (1.0 - memory)).sqrt();
    let reach = normal_isf(0.5 * (1.0 - USUAL)) * widening * deviation(x);
    let mut slopes = Vec::new();
    for (i, (at, from)) in t.iter().zip(x).enumerate() {
        let later = t.iter().zip(x).skip(i + 1);
        slopes.extend(later.map(|(t, x)| (x - from) / (t - at)));
    }
    slopes.sort_by(f64::total_cmp);
    let last = slopes.len().checked_sub(1)?;
    let rank = |at: f64| slopes.get((at.max(0.0) as usize).min(last)).copied();
    let count = slopes.len() as f64;
    Some(TheilSen {
        lower: rank((0.5 * (count - reach)).round_ties_even() - 1.0)?,
        upper: rank((0.5 * (count + reach)).round_ties_even())?,
        ..line
    })
}

/// The autocorrelation at lag 1 of what the line leaves.
fn memory(line: &TheilSen, t: &[f64], x: &[f64]) -> f64 {
    let rest: Vec<f64> = t
        .iter()
        .zip(x)
        .map(|(t, x)| x - line.intercept - line.slope * t)
        .collect();
    let scale = rest.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if scale <= 0.0 {
        return 0.0;
    }
    let power: f64 = rest.iter().map(|x| (x / scale).powi(2)).sum();
    let lagged: f64 = rest
        .iter()
        .zip(rest.iter().skip(1))
        .map(|(a, b)| a / scale * (b / scale))
        .sum();
    let n = x.len() as f64;
    let most = (n - LEAST_VALUES) / (n + LEAST_VALUES);
    (lagged / power).clamp(0.0, most.max(0.0))
}

/// The standard deviation of Kendall's sum over the pairs of independent values, of which some may be equal.
fn deviation(x: &[f64]) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let term = |k: usize| (k * (k - 1)) as f64 * (2 * k + 5) as f64;
    let tied: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|run| term(run.len()))
        .sum();
    ((term(x.len()) - tied) / 18.0).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_independent_values_it_is_the_interval_of_theil_and_sen() {
        // What is left alternates, so that no autocorrelation widens the interval.
        let t: Vec<f64> = (0..30).map(f64::from).collect();
        let value = |t: &f64| 0.5 * t + [1.0, -1.0][*t as usize % 2] * (1.0 + (t * 7.0) % 5.0);
        let x: Vec<f64> = t.iter().map(value).collect();
        assert_eq!(line(&t, &x), theil_sen(&t, &x, USUAL).ok());
        // Also where values are equal.
        let x: Vec<f64> = x.iter().map(|x| (x / 3.0).round()).collect();
        assert_eq!(line(&t, &x), theil_sen(&t, &x, USUAL).ok());
    }

    #[test]
    fn what_remembers_has_a_wider_interval() {
        let t: Vec<f64> = (0..200).map(f64::from).collect();
        let x: Vec<f64> = t.iter().map(|t| 0.1 * t + (0.05 * t).sin()).collect();
        let (wide, narrow) = (line(&t, &x).unwrap(), theil_sen(&t, &x, USUAL).unwrap());
        assert_eq!(wide.slope, narrow.slope);
        // The autocorrelation is next to 1: the interval is at least seven times as wide.
        assert!(wide.upper - wide.lower > 7.0 * (narrow.upper - narrow.lower));
        assert_eq!(line(&[0.0], &[1.0]), None);
        assert_eq!(line(&[0.0, 1.0], &[1.0, f64::NAN]), None);
        let level = line(&t, &[5.0; 200]).unwrap();
        assert_eq!((level.slope, level.lower, level.upper), (0.0, 0.0, 0.0));
    }
}
