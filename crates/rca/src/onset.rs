use bongsu_core::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Observations;

/// The fewest moments before and from an onset on that is looked for.
const LEAST: usize = 5;

/// Of the time around an onset at most so many rows are looked at, evenly spaced.
const WINDOW_ROWS: usize = 256;

/// How an onset is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnsetSource {
    /// The caller gave it.
    Given,
    /// It was found in the data.
    Detected,
}

/// When an incident began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    /// The moment.
    pub time: Timestamp,
    /// How it is known.
    pub source: OnsetSource,
    /// How sure it is, in percent.
    pub confidence: f64,
}

/// The moment at which the levels of the metrics changed together.
///
/// Each metric is replaced by the ranks of its values. For a change at row `k`, the log-likelihood ratio
/// of two levels against one is `-n_e ln(1 - R^2_k) / 2`, where `R^2_k` is the share of the variance
/// that the two levels explain and `n_e = n (1 - a) / (1 + a)` for the autocorrelation `a` of what they
/// leave at lag 1. The sum over the metrics, divided by the square root of their number because they
/// depend on each other, gives the probabilities of all rows, and against `ln n` that of no change.
///
/// The confidence is the probability of a change within a twentieth of the data around the moment. With
/// `normal` from another time, the change is looked for in `observations` only, from its first row on.
///
/// # Errors
/// When there are fewer than 10 moments, or no metric moves.
///
/// Cost: O(metrics x moments x log moments) time.
pub fn find_onset(observations: &Observations, normal: Option<&Observations>) -> Result<Onset> {
    let first = normal.map_or(LEAST, Observations::n_rows).max(LEAST);
    let rows = normal.map_or(0, Observations::n_rows) + observations.n_rows();
    if rows < first + LEAST {
        return Err(Error::not_enough_data(
            "finding the onset",
            first + LEAST,
            rows,
        ));
    }
    let mut total = vec![0.0; rows];
    let mut moving = 0.0;
    for (metric, column) in observations.metrics().iter().zip(observations.columns()) {
        let before = match normal {
            None => Some(&[][..]),
            Some(normal) => {
                let place = normal.metrics().iter().position(|m| m == metric);
                place
                    .and_then(|i| normal.columns().get(i))
                    .map(Vec::as_slice)
            }
        };
        let Some(before) = before else { continue };
        if let Some(gains) = gains(&[before, column].concat(), first) {
            moving += 1.0;
            for (sum, gain) in total.iter_mut().zip(gains) {
                *sum += gain;
            }
        }
    }
    if moving == 0.0 {
        return Err(Error::input(
            "no metric moves, so there is no onset to be found; give one",
        ));
    }
    let candidates = total.get(first..=rows - LEAST).unwrap_or_default();
    let best = candidates.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let place = candidates
        .iter()
        .position(|x| *x == best)
        .unwrap_or_default();
    let temper = f64::sqrt(moving);
    let weight = |gain: f64| ((gain - best) / temper).exp();
    let near = (rows / 20).max(1);
    let (mut close, mut all) = (0.0, 0.0);
    for (i, gain) in candidates.iter().enumerate() {
        let weight = weight(*gain);
        all += weight;
        if i.abs_diff(place) <= near {
            close += weight;
        }
    }
    // A change may be at any of n rows, and has a parameter more for each metric.
    let price = (rows as f64).ln() * (1.0 + 0.5 * temper);
    let none = (price - best / temper).min(700.0).exp() * all / candidates.len() as f64;
    let row = first + place - normal.map_or(0, Observations::n_rows);
    Ok(Onset {
        time: observations.times().get(row).copied().unwrap_or_default(),
        source: OnsetSource::Detected,
        confidence: 100.0 * close / (all + none),
    })
}

/// The row before which nothing had begun yet, with a probability of 95 %, when the onset is known to
/// within `uncertainty` milliseconds of `time`: from the joint change of the metrics around it, as
/// [`find_onset`] weighs it, each counting by its share of the largest of `weights`.
pub(crate) fn earliest_onset(
    observations: &Observations,
    time: Timestamp,
    uncertainty: i64,
    weights: &[f64],
) -> usize {
    let row = |millis: i64| observations.row_at(time.add_millis(millis));
    let (from, to) = (row(-uncertainty), row(uncertainty.saturating_add(1)));
    let around = uncertainty.saturating_mul(3);
    let (start, end) = (
        row(-around).min(from.saturating_sub(LEAST)),
        row(around).max(to + LEAST),
    );
    let end = end.min(observations.n_rows());
    let every = (end - start).div_ceil(WINDOW_ROWS).max(1);
    if from >= to || (to - from) / every < 2 {
        return from;
    }
    let mut total = vec![0.0; (end - start).div_ceil(every)];
    let mut moving = 0.0;
    let most = weights.iter().copied().fold(0.0, f64::max);
    for (column, weight) in observations.columns().iter().zip(weights) {
        let weight = if most > 0.0 { weight / most } else { 1.0 };
        if weight <= 0.0 {
            continue;
        }
        let window = column.get(start..end).unwrap_or_default();
        let thinned: Vec<f64> = window.iter().copied().step_by(every).collect();
        if let Some(gains) = gains(&thinned, LEAST) {
            moving += weight;
            for (sum, gain) in total.iter_mut().zip(gains) {
                *sum += weight * gain;
            }
        }
    }
    let candidates: Vec<(usize, f64)> = total
        .iter()
        .enumerate()
        .map(|(i, gain)| (start + i * every, gain / f64::sqrt(moving).max(1.0)))
        .filter(|(row, _)| (from..to).contains(row))
        .collect();
    let best = candidates
        .iter()
        .map(|c| c.1)
        .fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = candidates.iter().map(|c| (c.1 - best).exp()).sum();
    let mut passed = 0.0;
    for (row, gain) in candidates {
        passed += (gain - best).exp();
        if passed >= 0.05 * sum {
            return row;
        }
    }
    from
}

/// How much better two levels explain a metric than one, for each row at which the second may begin.
fn gains(values: &[f64], first: usize) -> Option<Vec<f64>> {
    let ranks = centered_ranks(values)?;
    let known = values.iter().filter(|x| !x.is_nan()).count() as f64;
    let total: f64 = ranks.iter().map(|x| x * x).sum();
    let mut sum = 0.0;
    let mut count = 0.0;
    let mut explained = Vec::with_capacity(ranks.len());
    for (rank, value) in ranks.iter().zip(values) {
        // Those before the row; all sum to zero.
        let rest = known - count;
        explained.push(if count > 0.0 && rest > 0.0 {
            sum * sum * known / (count * rest) / total
        } else {
            0.0
        });
        sum += rank;
        count += f64::from(u8::from(!value.is_nan()));
    }
    let allowed = explained.iter().enumerate().skip(first);
    let (best, _) = allowed
        .take(ranks.len().saturating_sub(first + LEAST) + 1)
        .max_by(|a, b| a.1.total_cmp(b.1))?;
    let memory = autocorrelation(&ranks, best);
    let effective = known * (1.0 - memory) / (1.0 + memory);
    let gain = |share: &f64| -0.5 * effective * (-share.min(1.0 - 1e-6)).ln_1p();
    Some(explained.iter().map(gain).collect())
}

/// The autocorrelation at lag 1 of what two levels leave, in [0, 0.99].
fn autocorrelation(ranks: &[f64], cut: usize) -> f64 {
    let (left, right) = ranks.split_at(cut.min(ranks.len()));
    let rest = [left, right].map(|part| {
        let mean = part.iter().sum::<f64>() / part.len().max(1) as f64;
        part.iter().map(|x| x - mean).collect::<Vec<_>>()
    });
    let rest = rest.concat();
    let power: f64 = rest.iter().map(|x| x * x).sum();
    let lagged: f64 = rest
        .iter()
        .zip(rest.iter().skip(1))
        .map(|(a, b)| a * b)
        .sum();
    if power > 0.0 {
        (lagged / power).clamp(0.0, 0.99)
    } else {
        0.0
    }
}

/// Ranks less their mean; missing values at 0. `None` when all are equal or too few are there.
fn centered_ranks(values: &[f64]) -> Option<Vec<f64>> {
    let mut order: Vec<(f64, usize)> = values
        .iter()
        .copied()
        .zip(0..)
        .filter(|(x, _)| !x.is_nan())
        .collect();
    if order.len() < 2 * LEAST {
        return None;
    }
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    if order.first()?.0 == order.last()?.0 {
        return None;
    }
    let middle = 0.5 * (order.len() as f64 - 1.0);
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for ties in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = below as f64 + 0.5 * (ties.len() as f64 - 1.0) - middle;
        for &(_, place) in ties {
            if let Some(slot) = ranks.get_mut(place) {
                *slot = rank;
            }
        }
        below += ties.len();
    }
    Some(ranks)
}
