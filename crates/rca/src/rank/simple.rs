//! Rankers that look at each metric by itself.

use super::Order;
use super::evidence::{Evidence, Layout};
use super::split::Split;
use crate::Observations;

/// The largest robust deviation of each service.
pub(super) fn robust(evidence: &Evidence, layout: &Layout) -> Order {
    let sizes = evidence.deviations.iter().map(|d| d.size).collect();
    Order::of_metrics(sizes, layout)
}

/// The largest distance above the center since the onset, in units of the spread of what lies before
/// it; where that is zero, in the metric's own unit.
fn largest(split: &Split<'_>, layout: &Layout, scale: impl Fn(&[f64]) -> (f64, f64)) -> Order {
    let parts = split.normal.iter().zip(&split.after);
    let scores = parts.map(|(normal, after)| {
        let known: Vec<f64> = normal.iter().copied().filter(|x| !x.is_nan()).collect();
        if known.is_empty() {
            return f64::NEG_INFINITY;
        }
        let (center, spread) = scale(&known);
        let spread = if spread > 0.0 { spread } else { 1.0 };
        after
            .iter()
            .filter(|x| !x.is_nan())
            .map(|x| x / spread - center / spread)
            .fold(f64::NEG_INFINITY, f64::max)
    });
    Order::of_metrics(scores.collect(), layout)
}

/// By `(x - mean) / standard deviation`.
pub(super) fn n_sigma(split: &Split<'_>, layout: &Layout) -> Order {
    largest(split, layout, |normal| {
        let n = normal.len() as f64;
        let mean = normal.iter().map(|x| x / n).sum::<f64>();
        let variance = normal.iter().map(|x| (x - mean).powi(2) / n).sum::<f64>();
        (mean, variance.sqrt())
    })
}

/// By `(x - median) / IQR`.
pub(super) fn baro(split: &Split<'_>, layout: &Layout) -> Order {
    use bongsu_stats::robust::{median, quantile};
    largest(split, layout, |normal| {
        let spread = quantile(normal, 0.75) - quantile(normal, 0.25);
        (median(normal), spread)
    })
}

/// By the energy distance of what lies before and since the onset, as a share of what is possible: 0
/// for equal distributions, 1 for those that do not overlap at all.
pub(super) fn epsilon(split: &Split<'_>, layout: &Layout) -> Order {
    let known =
        |part: &[f64]| -> Vec<f64> { part.iter().copied().filter(|x| !x.is_nan()).collect() };
    let parts = split.normal.iter().zip(&split.after);
    let scores = parts.map(|(normal, after)| {
        let (a, b) = (known(normal), known(after));
        let Ok(distance) = bongsu_stats::hypothesis::energy_distance(&a, &b) else {
            return f64::NEG_INFINITY;
        };
        let gap = mean_gap(&a, &b);
        if gap > 0.0 {
            distance * distance / (2.0 * gap)
        } else {
            0.0
        }
    });
    Order::of_metrics(scores.collect(), layout)
}

/// The mean distance of a value of `a` from one of `b`.
fn mean_gap(a: &[f64], b: &[f64]) -> f64 {
    let mut b = b.to_vec();
    b.sort_unstable_by(f64::total_cmp);
    let sum: f64 = b.iter().sum();
    let mut below = vec![0.0];
    below.extend(b.iter().scan(0.0, |total, x| {
        *total += x;
        Some(*total)
    }));
    let n = b.len() as f64;
    let one = |x: &f64| {
        let rank = b.partition_point(|y| y < x);
        let lower = below.get(rank).copied().unwrap_or_default();
        let count = rank as f64;
        (count * x - lower + (sum - lower) - (n - count) * x) / n
    };
    a.iter().map(one).sum::<f64>() / a.len().max(1) as f64
}

/// Splits at the onset itself, as the published formulae do.
pub(super) fn at_onset<'a>(
    observations: &'a Observations,
    apart: Option<&'a Observations>,
    split: &Split<'a>,
) -> Split<'a> {
    Split::new(observations, apart, split.onset, 0, false, |_, _| {
        Vec::new()
    })
    .unwrap_or_else(|_| split.clone())
}
