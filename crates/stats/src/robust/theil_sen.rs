use bongsu_core::{Error, Result};

use super::median;
use crate::check;
use crate::special::normal_isf;

/// The result of [`theil_sen`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TheilSen {
    /// The median slope.
    pub slope: f64,
    /// `median(y) - slope median(x)`.
    pub intercept: f64,
    /// The lower bound of the slope's confidence interval.
    pub lower: f64,
    /// The upper bound of the slope's confidence interval.
    pub upper: f64,
}

/// Up to this number of points every slope is computed.
const FEW: usize = 512;

/// The line of Theil and Sen: its slope is the median slope of the lines through two points. 29 % of
/// the points may be outliers.
///
/// - `x`: finite, not all equal.
/// - `y`: finite, as many as `x`.
/// - `confidence`: the probability that the interval of the slope covers it, domain (0, 1); 0.95 is
///   usual.
///
/// # Errors
/// When `x` and `y` have different lengths or fewer than 2 points, a value is not finite, all `x` are
/// equal, `confidence` is outside its domain, or the slopes are more than the largest float.
///
/// Cost: O(n log n) time, times the 60 or so rounds in which a slope is found to its last digits;
/// O(n^2) up to 512 points. Memory: 64 bytes a point, at most 1 MiB for the slopes of few points.
///
/// Sources: Sen 1968, <https://doi.org/10.1080/01621459.1968.10480934>; SciPy 1.17 `theilslopes`.
///
/// ```
/// let x: Vec<f64> = (0..9).map(f64::from).collect();
/// let mut y: Vec<f64> = x.iter().map(|x| 3.0 + 2.0 * x).collect();
/// y[4] = 1e6;
/// let line = bongsu_stats::robust::theil_sen(&x, &y, 0.95)?;
/// assert_eq!((line.slope, line.intercept), (2.0, 5.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn theil_sen(x: &[f64], y: &[f64], confidence: f64) -> Result<TheilSen> {
    if x.len() != y.len() {
        return Err(Error::shape("number of y values", y.len(), x.len()));
    }
    if x.len() < 2 {
        return Err(Error::not_enough_data("a line", 2, x.len()));
    }
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(Error::parameter("confidence", confidence, "in (0, 1)"));
    }
    check::finite_rows(x)?;
    check::finite_rows(y)?;
    // Quartered where differences would overflow: slopes stay as they are.
    let huge = x.iter().chain(y).any(|v| v.abs() > 0.25 * f64::MAX);
    let unit = if huge { 0.25 } else { 1.0 };
    let mut points: Vec<(f64, f64)> = x
        .iter()
        .map(|x| x * unit + 0.0)
        .zip(y.iter().map(|y| y * unit))
        .collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let n = points.len() as u64;
    let ties = |runs: &mut dyn Iterator<Item = u64>| runs.collect::<Vec<u64>>();
    let x_runs = ties(
        &mut points
            .chunk_by(|a, b| a.0 == b.0)
            .map(|run| run.len() as u64),
    );
    let mut sorted: Vec<f64> = y.iter().map(|y| y + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let y_runs = ties(&mut sorted.chunk_by(|a, b| a == b).map(|run| run.len() as u64));
    let slopes = n * (n - 1) / 2 - x_runs.iter().map(|k| k * (k - 1) / 2).sum::<u64>();
    if slopes == 0 {
        return Err(Error::input("a line needs x values that are not all equal"));
    }

    let term = |k: &u64| (k * (k - 1)) as f64 * (2 * k + 5) as f64;
    let tied: f64 = x_runs.iter().chain(&y_runs).map(term).sum();
    let deviation = ((term(&n) - tied) / 18.0).max(0.0).sqrt();
    let reach = normal_isf(0.5 * (1.0 - confidence)) * deviation;
    let count = slopes as f64;
    let upper = (((count + reach) / 2.0).round_ties_even() as u64).min(slopes - 1);
    let lower = (((count - reach) / 2.0).round_ties_even() as u64).saturating_sub(1);
    let ranks = [(slopes - 1) / 2, slopes / 2, lower, upper];
    let [low, high, lower, upper] = if points.len() <= FEW {
        of_all(&points, ranks)
    } else {
        let by_count = SlopeCount::new(&points);
        ranks.map(|rank| by_count.slope(rank))
    };
    let slope = low.midpoint(high);
    let line = TheilSen {
        slope,
        intercept: median(y) - slope * median(x),
        lower,
        upper,
    };
    if line.slope.is_finite() && line.intercept.is_finite() {
        Ok(line)
    } else {
        Err(Error::input(
            "the slopes are more than the largest float; scale the points first",
        ))
    }
}

/// The slopes of these ranks, of all slopes.
fn of_all(points: &[(f64, f64)], ranks: [u64; 4]) -> [f64; 4] {
    let mut slopes = Vec::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let later = points.iter().skip(i + 1).filter(|later| later.0 > x);
        slopes.extend(later.map(|later| (later.1 - y) / (later.0 - x)));
    }
    slopes.sort_unstable_by(f64::total_cmp);
    ranks.map(|rank| slopes.get(rank as usize).copied().unwrap_or(f64::NAN))
}

/// Counts slopes by the order of `y - slope x`, which two points change when the slope passes theirs.
struct SlopeCount<'a> {
    points: &'a [(f64, f64)],
    least: f64,
    most: f64,
}

impl<'a> SlopeCount<'a> {
    fn new(points: &'a [(f64, f64)]) -> Self {
        // The steepest lines join neighbours: the last of a group of equal x and the first of the
        // next, and the other way round.
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut before: Option<&[(f64, f64)]> = None;
        for group in points.chunk_by(|a, b| a.0 == b.0) {
            if let (Some(before), Some(first), Some(last)) = (before, group.first(), group.last())
                && let (Some(low), Some(high)) = (before.first(), before.last())
            {
                least = least.min((first.1 - high.1) / (first.0 - high.0));
                most = most.max((last.1 - low.1) / (last.0 - low.0));
            }
            before = Some(group);
        }
        Self {
            points,
            least,
            most,
        }
    }

    /// The slope that `rank` slopes are not above, to its last digits.
    fn slope(&self, rank: u64) -> f64 {
        let (mut low, mut high) = (self.least, self.most);
        if self.at_most(low) > rank {
            return low;
        }
        for round in 0..200 {
            let middle = if round % 4 == 3 {
                between(low, high)
            } else {
                low.midpoint(high)
            };
            if !(low < middle && middle < high) {
                break;
            }
            if self.at_most(middle) > rank {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// How many slopes are at most `slope`: the pairs whose order `y - slope x` turns round.
    fn at_most(&self, slope: f64) -> u64 {
        // Points of equal x are in ascending order of y, and stay so.
        let mut rests: Vec<f64> = self.points.iter().map(|(x, y)| y - slope * x).collect();
        let mut buffer = rests.clone();
        let equal = self.points.chunk_by(|a, b| a.0 == b.0);
        let ties: u64 = equal.map(equal_pairs).sum();
        turned(&mut rests, &mut buffer) - ties
    }
}

/// The pairs of equal points.
fn equal_pairs(group: &[(f64, f64)]) -> u64 {
    let runs = group
        .chunk_by(|a, b| a.1 == b.1)
        .map(|run| run.len() as u64);
    runs.map(|k| k * (k - 1) / 2).sum()
}

/// Halfway in the order of floats, which takes 64 rounds over any distance.
fn between(low: f64, high: f64) -> f64 {
    let key = |x: f64| {
        let bits = x.to_bits() as i64;
        bits ^ (((bits >> 63) as u64) >> 1) as i64
    };
    let middle = key(low).midpoint(key(high));
    f64::from_bits((middle ^ (((middle >> 63) as u64) >> 1) as i64) as u64)
}

/// Sorts, and counts the pairs of which the later value was not above the earlier one.
fn turned(values: &mut [f64], buffer: &mut [f64]) -> u64 {
    let n = values.len();
    if n <= 16 {
        let mut pairs = 0;
        for i in 1..n {
            let (sorted, rest) = values.split_at_mut(i);
            let Some(&x) = rest.first() else { break };
            let place = sorted.partition_point(|&y| y < x);
            pairs += (i - place) as u64;
            if let Some(part) = values.get_mut(place..=i) {
                part.rotate_right(1);
            }
        }
        return pairs;
    }
    let half = n / 2;
    let (left, right) = values.split_at_mut(half);
    let (left_buffer, right_buffer) = buffer.split_at_mut(half);
    let mut pairs = turned(left, left_buffer) + turned(right, right_buffer);
    let (mut left, mut right) = (&*left, &*right);
    for slot in buffer.iter_mut() {
        let from_left = match (left.first(), right.first()) {
            (Some(a), Some(b)) => a < b,
            (Some(_), None) => true,
            _ => false,
        };
        let source = if from_left { &mut left } else { &mut right };
        if let Some((&x, rest)) = source.split_first() {
            *slot = x;
            *source = rest;
        }
        if !from_left {
            pairs += left.len() as u64;
        }
    }
    values.copy_from_slice(buffer);
    pairs
}
