use std::slice;

use bongsu_core::Result;

use crate::check;
use crate::moments::{HUGE, Moments, TINY};

/// Rolling z-scores of a whole column: `|x_i - mean| / std` with the sample standard deviation
/// (divisor `window - 1`).
///
/// - `values`: any unit; NaN marks a missing value.
/// - `window`: points, domain [2, 1048576].
/// - `inclusive`: whether the window ends with `x_i` itself (as pandas' `rolling(window)`), or with
///   the point before it.
///
/// Returns as many scores as values. A score is NaN where the window is not full or where it or
/// the point itself has a missing value. A constant window gives 0 for a value equal to its mean,
/// where pandas divides 0 by 0 and gives NaN, and infinity for any other value.
///
/// # Errors
/// When `window` is outside its domain or a value is infinite.
///
/// Cost: O(n) time, 7 numbers a point of the window beside the result.
///
/// Source: pandas 2.3, `rolling(w).mean()` and `.std()`; the accuracy does not decay with the
/// length of the series.
///
/// ```
/// let z = bongsu_stats::zscore::rolling_zscore(&[1.0, 2.0, 3.0, 2.0], 3, true)?;
/// assert!(z[0].is_nan() && z[1].is_nan());
/// assert!((z[2] - 1.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn rolling_zscore(values: &[f64], window: usize, inclusive: bool) -> Result<Vec<f64>> {
    check::window("window", window, 2)?;
    check::no_infinity(values)?;
    let mut scores = vec![f64::NAN; values.len()];
    let mut kernel = Kernel::new(window, usize::from(!inclusive));
    for start in (0..values.len()).step_by(window) {
        kernel.block(values, start, &mut scores);
    }
    Ok(scores)
}

/// Buffers of one window length; see the module `moments` for the method.
struct Kernel {
    window: usize,
    /// How far behind the window the judged point lies: 0 or 1.
    lag: usize,
    /// `1 / (k + 1)`.
    inverse: Vec<f64>,
    /// For `k + 1` points of the current block: the share of the previous block in the window.
    share: Vec<f64>,
    /// `n_a n_b / n` of Chan's formula.
    weight: Vec<f64>,
    prefix_mean: Vec<f64>,
    prefix_m2: Vec<f64>,
    /// Entry `j` belongs to the previous block without its first `j` values.
    suffix_mean: Vec<f64>,
    suffix_m2: Vec<f64>,
    /// The largest magnitude in the previous block.
    largest: f64,
}

impl Kernel {
    fn new(window: usize, lag: usize) -> Self {
        let n = window as f64;
        let table = |f: &dyn Fn(f64) -> f64| (1..=window).map(|k| f(k as f64)).collect();
        Self {
            window,
            lag,
            inverse: table(&|k| 1.0 / k),
            share: table(&|k| (n - k) / n),
            weight: table(&|k| (n - k) * k / n),
            prefix_mean: vec![0.0; window],
            prefix_m2: vec![0.0; window],
            suffix_mean: vec![0.0; window],
            suffix_m2: vec![0.0; window],
            largest: 0.0,
        }
    }

    /// Scores the points whose window ends in the block that begins at `start`.
    fn block(&mut self, values: &[f64], start: usize, scores: &mut [f64]) {
        let w = self.window;
        let block = values
            .get(start..(start + w).min(values.len()))
            .unwrap_or_default();
        let (Some(&first), Some(&last)) = (block.first(), block.last()) else {
            return;
        };
        let largest = block.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        scan(
            block.iter(),
            first,
            &self.inverse,
            &mut self.prefix_mean,
            &mut self.prefix_m2,
        );
        // The points judged, one for each window that ends in this block.
        let judged = values.get(start + self.lag..).unwrap_or_default();
        let ends = block.len().min(judged.len());
        let out = scores.get_mut(start + self.lag..).unwrap_or_default();
        let mut smallest = f64::INFINITY;
        let gap = match start.checked_sub(1).and_then(|at| values.get(at)) {
            Some(before) => {
                let both = ends.min(w - 1);
                smallest = self.merge(judged, out, both, before - first, first);
                before - first
            }
            None => f64::NAN,
        };
        if ends == w
            && let (Some(&mean), Some(&m2)) = (self.prefix_mean.last(), self.prefix_m2.last())
            && let (Some(x), Some(z)) = (judged.get(w - 1), out.get_mut(w - 1))
        {
            *z = ((x - first) - mean).abs() / (m2 / (w as f64 - 1.0)).sqrt();
            smallest = smallest.min(m2);
        }
        if largest.max(self.largest) > HUGE {
            self.repair(values, start, ends, scores, |_| true);
        } else if smallest < TINY {
            self.repair(values, start, ends, scores, |k| self.m2(k, gap) < TINY);
        }
        if block.len() == w {
            scan(
                block.iter().rev(),
                last,
                &self.inverse,
                &mut self.suffix_mean,
                &mut self.suffix_m2,
            );
            self.suffix_mean.reverse();
            self.suffix_m2.reverse();
            self.largest = largest;
        }
    }

    /// Scores the windows that reach into the previous block and returns their smallest sum of
    /// squares. `gap` is the shift of the previous block minus that of this one.
    #[expect(
        clippy::indexing_slicing,
        reason = "every slice has the length `count`, which lets the loop become vector code"
    )]
    fn merge(&self, judged: &[f64], out: &mut [f64], count: usize, gap: f64, shift: f64) -> f64 {
        let (x, z) = (&judged[..count], &mut out[..count]);
        let (pm, pq) = (&self.prefix_mean[..count], &self.prefix_m2[..count]);
        let (sm, sq) = (&self.suffix_mean[1..=count], &self.suffix_m2[1..=count]);
        let (share, weight) = (&self.share[..count], &self.weight[..count]);
        let degrees = 1.0 / (self.window as f64 - 1.0);
        let mut smallest = f64::INFINITY;
        for i in 0..count {
            let delta = gap + (sm[i] - pm[i]);
            let m2 = (sq[i] + pq[i]) + delta * delta * weight[i];
            let mean = pm[i] + delta * share[i];
            z[i] = ((x[i] - shift) - mean).abs() / (m2 * degrees).sqrt();
            smallest = if m2 < smallest { m2 } else { smallest };
        }
        smallest
    }

    /// The sum of squares of the window that ends `k` points into the block.
    fn m2(&self, k: usize, gap: f64) -> f64 {
        let at = |values: &[f64], k: usize| values.get(k).copied().unwrap_or(f64::NAN);
        if k + 1 == self.window {
            return at(&self.prefix_m2, k);
        }
        let delta = gap + (at(&self.suffix_mean, k + 1) - at(&self.prefix_mean, k));
        (at(&self.suffix_m2, k + 1) + at(&self.prefix_m2, k)) + delta * delta * at(&self.weight, k)
    }

    /// Does the windows for which `doubtful` holds over again, each on its own: constant ones, and
    /// those whose squares leave the range.
    fn repair(
        &self,
        values: &[f64],
        start: usize,
        ends: usize,
        scores: &mut [f64],
        doubtful: impl Fn(usize) -> bool,
    ) {
        let w = self.window;
        // How many values up to the one before the block are equal to it, counted up to w.
        let mut run = 0;
        let mut last = f64::NAN;
        for &x in values
            .get(start.saturating_sub(w)..start)
            .unwrap_or_default()
        {
            run = if x == last { run + 1 } else { 1 };
            last = x;
        }
        for (k, &x) in values.iter().skip(start).take(ends).enumerate() {
            run = if x == last { run + 1 } else { 1 };
            last = x;
            let end = start + k + 1;
            let at = end - 1 + self.lag;
            if end < w || !doubtful(k) {
                continue;
            }
            let (Some(&x), Some(score)) = (values.get(at), scores.get_mut(at)) else {
                continue;
            };
            let window = values.get(end - w..end).unwrap_or_default();
            let moments = Moments::exact(if run >= w {
                slice::from_ref(&last)
            } else {
                window
            });
            let std = (moments.m2 / (w as f64 - 1.0)).sqrt();
            *score = check::ratio(moments.deviation(x).abs(), std);
        }
    }
}

/// Welford's moments of ever longer runs of `values`, relative to `shift`.
fn scan<'a>(
    values: impl Iterator<Item = &'a f64>,
    shift: f64,
    inverse: &[f64],
    means: &mut [f64],
    squares: &mut [f64],
) {
    let (mut sum, mut mean, mut m2) = (0.0, 0.0, 0.0);
    for (((x, inverse), mean_out), m2_out) in values.zip(inverse).zip(means).zip(squares) {
        let d = x - shift;
        sum += d;
        let next = sum * inverse;
        m2 += (d - mean) * (d - next);
        mean = next;
        *mean_out = mean;
        *m2_out = m2;
    }
}
