use std::slice;

use bongsu_core::Result;

use crate::check;
use crate::moments::{HUGE, Moments, TINY, inverse_power};

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
/// Cost: O(n) time, 7 numbers a point of the window beside the result; some three times both where
/// values are above 1e150 in magnitude or all below 1e-135. Only a window of such small values within
/// two windows' length of larger ones takes O(window) time.
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
    let mut scores = Vec::with_capacity(values.len() + 1);
    if !inclusive {
        // The first window ends before the second value.
        scores.push(f64::NAN);
    }
    let mut kernel = Kernel::new(window.min(values.len().max(2)), window);
    for start in (0..values.len()).step_by(window) {
        if kernel
            .block(values, start, !inclusive, &mut scores)
            .is_infinite()
        {
            check::no_infinity(values)?;
        }
    }
    scores.truncate(values.len());
    Ok(scores)
}

/// Moments of the growing ends of a block, relative to the border point they grow from.
struct Ends {
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Ends {
    fn new(len: usize) -> Self {
        Self {
            means: vec![0.0; len],
            squares: vec![0.0; len],
        }
    }
}

/// Buffers of one window length; see the module `moments` for the method.
struct Kernel {
    window: usize,
    /// `1 / (k + 1)`.
    inverse: Vec<f64>,
    /// For `k + 1` points of the current block: the share of the previous block in the window.
    share: Vec<f64>,
    /// `n_a n_b / n` of Chan's formula.
    weight: Vec<f64>,
    /// Of the current block: entry `k` covers its first `k + 1` values.
    prefix: Ends,
    /// Of the current and of the previous block: entry `j` covers all but its first `j` values.
    suffix: Ends,
    before: Ends,
    /// The largest magnitude in the previous block.
    largest: f64,
    scores: Vec<f64>,
    /// For blocks that have to be scaled, once there is one.
    scaled: Option<Box<Self>>,
}

/// What is known of the windows that end in a block.
#[derive(Debug, Clone, Copy)]
struct Filled {
    /// How many there are.
    ends: usize,
    /// The shift of the previous block minus that of this one.
    gap: f64,
    /// How many have a sum of squares below [`TINY`].
    doubtful: usize,
    /// The block's largest magnitude, or 0 when it is far from [`HUGE`].
    largest: f64,
}

impl Kernel {
    /// For blocks of `window` values, of which at most `len` are used.
    fn new(len: usize, window: usize) -> Self {
        let n = window as f64;
        let table = |f: &dyn Fn(f64) -> f64| (1..=len).map(|k| f(k as f64)).collect();
        Self {
            window,
            inverse: table(&|k| 1.0 / k),
            share: table(&|k| (n - k) / n),
            weight: table(&|k| (n - k) * k / n),
            prefix: Ends::new(len),
            suffix: Ends::new(len),
            before: Ends::new(len),
            largest: 0.0,
            scores: vec![f64::NAN; len],
            scaled: None,
        }
    }

    /// Appends the scores of the windows that end in the block that begins at `start`, and returns
    /// the block's largest magnitude, or 0 when it is far from [`HUGE`]. When `lag`, the value after
    /// the window is judged.
    fn block(&mut self, values: &[f64], start: usize, lag: bool, scores: &mut Vec<f64>) -> f64 {
        let filled = self.fill(values, start, lag);
        if filled.doubtful > 0 || filled.largest.max(self.largest) > HUGE {
            let doubtful = self
                .fill_scaled(values, start, lag)
                .unwrap_or_else(|| self.doubtful(filled));
            let judged = values.get(start + usize::from(lag)..).unwrap_or_default();
            self.repair(values, start, judged, &doubtful);
        }
        scores.extend(self.scores.iter().take(filled.ends));
        self.advance(filled.largest);
        filled.largest
    }

    /// Scores the windows that end in the block that begins at `start`.
    fn fill(&mut self, values: &[f64], start: usize, lag: bool) -> Filled {
        let w = self.window;
        let mut filled = Filled {
            ends: 0,
            gap: f64::NAN,
            doubtful: 0,
            largest: 0.0,
        };
        let block = values
            .get(start..(start + w).min(values.len()))
            .unwrap_or_default();
        let (Some(&first), Some(&last)) = (block.first(), block.last()) else {
            return filled;
        };
        filled.largest = if block.len() == w {
            self.scan_both(block, first, last)
        } else {
            self.scan(block, first)
        };
        let judged = values.get(start + usize::from(lag)..).unwrap_or_default();
        let ends = block.len().min(judged.len());
        filled.ends = ends;
        if let Some(before) = start.checked_sub(1).and_then(|at| values.get(at)) {
            filled.gap = before - first;
            filled.doubtful = self.merge(judged, ends.min(w - 1), filled.gap, first);
        }
        if ends == w
            && let (Some(&mean), Some(&m2)) = (self.prefix.means.last(), self.prefix.squares.last())
            && let (Some(x), Some(z)) = (judged.get(w - 1), self.scores.get_mut(w - 1))
        {
            *z = ((x - first) - mean).abs() / (m2 / (w as f64 - 1.0)).sqrt();
            filled.doubtful += usize::from(m2 < TINY);
        }
        filled
    }

    /// Makes the current block the previous one.
    fn advance(&mut self, largest: f64) {
        std::mem::swap(&mut self.suffix, &mut self.before);
        self.largest = largest;
    }

    /// [`Self::fill`] of this block and the one before times a power of two that brings the largest
    /// value near 1, and which windows are doubtful even so; nothing when it is near enough already.
    fn fill_scaled(&mut self, values: &[f64], start: usize, lag: bool) -> Option<Vec<bool>> {
        let w = self.window;
        let from = start.saturating_sub(w);
        let end = (start + w).min(values.len());
        let both = values.get(from..end)?.iter();
        let largest = both.fold(0.0, |m: f64, x| m.max(x.abs()));
        if largest == 0.0 || (1e-100..1e100).contains(&largest) {
            return None;
        }
        let factor = inverse_power(largest);
        let reach = values.get(from..(end + usize::from(lag)).min(values.len()))?;
        let reach: Vec<f64> = reach.iter().map(|x| x * factor).collect();
        let mut kernel = self
            .scaled
            .take()
            .unwrap_or_else(|| Box::new(Self::new(self.inverse.len(), w)));
        if from < start {
            kernel.fill(&reach, 0, lag);
            kernel.advance(0.0);
        }
        let filled = kernel.fill(&reach, start - from, lag);
        self.scores.clone_from(&kernel.scores);
        let doubtful = kernel.doubtful(filled);
        self.scaled = Some(kernel);
        Some(doubtful)
    }

    /// Which windows that end in the block have a sum of squares below [`TINY`].
    fn doubtful(&self, filled: Filled) -> Vec<bool> {
        let (prefix, before, weight) = (&self.prefix, &self.before, &self.weight);
        (0..filled.ends)
            .map(|k| merged_squares(prefix, before, weight, filled.gap, k) < TINY)
            .collect()
    }

    /// Welford's moments of the beginnings and the ends of a whole block, in one loop over both,
    /// since either alone would wait for its own sums. Returns the largest magnitude, or 0 when it is
    /// far from [`HUGE`].
    fn scan_both(&mut self, block: &[f64], first: f64, last: f64) -> f64 {
        let (mut sum, mut mean, mut m2) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        let Ends { means, squares } = &mut self.prefix;
        let outputs = means.iter_mut().zip(squares.iter_mut());
        let Ends { means, squares } = &mut self.suffix;
        let outputs = outputs.zip(means.iter_mut().rev().zip(squares.iter_mut().rev()));
        let inputs = block.iter().zip(block.iter().rev()).zip(&self.inverse);
        for (((x, y), inverse), ((mean_0, m2_0), (mean_1, m2_1))) in inputs.zip(outputs) {
            let d = [x - first, y - last];
            sum = [sum[0] + d[0], sum[1] + d[1]];
            let next = [sum[0] * inverse, sum[1] * inverse];
            m2 = [
                m2[0] + (d[0] - mean[0]) * (d[0] - next[0]),
                m2[1] + (d[1] - mean[1]) * (d[1] - next[1]),
            ];
            mean = next;
            [*mean_0, *mean_1] = mean;
            [*m2_0, *m2_1] = m2;
        }
        let [m2, _] = m2;
        // No value is further than the root of this sum from the mean, which the first one is near.
        // (With a NaN in the block the comparison fails.)
        if m2 < HUGE * HUGE * 0.1 && first.abs() < HUGE * 0.1 {
            return 0.0;
        }
        block.iter().fold(0.0, |m: f64, x| m.max(x.abs()))
    }

    /// [`Self::scan_both`] for the last, short block, which has no successor.
    fn scan(&mut self, block: &[f64], first: f64) -> f64 {
        let (mut sum, mut mean, mut m2, mut largest) = (0.0, 0.0, 0.0, 0.0_f64);
        let Ends { means, squares } = &mut self.prefix;
        let outputs = means.iter_mut().zip(squares);
        for ((x, inverse), (mean_out, m2_out)) in block.iter().zip(&self.inverse).zip(outputs) {
            let d = x - first;
            sum += d;
            let next = sum * inverse;
            m2 += (d - mean) * (d - next);
            mean = next;
            (*mean_out, *m2_out) = (mean, m2);
            largest = largest.max(x.abs());
        }
        largest
    }

    /// Scores the windows that reach into the previous block and returns how many of them have a
    /// sum of squares below [`TINY`]. `gap` is the shift of the previous block minus `shift`, that of this one.
    #[expect(
        clippy::indexing_slicing,
        reason = "every slice has the length `count`, which lets the loop become vector code"
    )]
    fn merge(&mut self, judged: &[f64], count: usize, gap: f64, shift: f64) -> usize {
        let (x, z) = (&judged[..count], &mut self.scores[..count]);
        let (pm, pq) = (&self.prefix.means[..count], &self.prefix.squares[..count]);
        let (sm, sq) = (
            &self.before.means[1..=count],
            &self.before.squares[1..=count],
        );
        let (share, weight) = (&self.share[..count], &self.weight[..count]);
        let degrees = 1.0 / (self.window as f64 - 1.0);
        // Counted rather than compared: a minimum of floats does not become vector code.
        let mut tiny = 0_u64;
        for i in 0..count {
            let delta = gap + (sm[i] - pm[i]);
            let m2 = (sq[i] + pq[i]) + delta * delta * weight[i];
            let mean = pm[i] + delta * share[i];
            z[i] = ((x[i] - shift) - mean).abs() / (m2 * degrees).sqrt();
            tiny += u64::from(m2 < TINY);
        }
        tiny as usize
    }

    /// Does the doubtful windows over again, each on its own: constant ones, and those whose squares
    /// leave the range.
    fn repair(&mut self, values: &[f64], start: usize, judged: &[f64], doubtful: &[bool]) {
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
        let ending = values.iter().skip(start).zip(doubtful);
        let windows = ending.zip(judged).zip(&mut self.scores).enumerate();
        for (k, (((&end, &doubtful), &x), score)) in windows {
            run = if end == last { run + 1 } else { 1 };
            last = end;
            let end = start + k + 1;
            if end < w || !doubtful {
                continue;
            }
            let window = values.get(end - w..end).unwrap_or_default();
            let moments = Moments::exact(&if run >= w {
                [slice::from_ref(&last), &[]]
            } else {
                [window, &[]]
            });
            let std = (moments.m2 / (w as f64 - 1.0)).sqrt();
            *score = check::ratio(moments.deviation(x).abs(), std);
        }
    }
}

/// The sum of squares of the window that ends with entry `k` of the block.
fn merged_squares(prefix: &Ends, before: &Ends, weight: &[f64], gap: f64, k: usize) -> f64 {
    let at = |values: &[f64], k: usize| values.get(k).copied().unwrap_or(f64::NAN);
    if k + 1 == prefix.squares.len() {
        return at(&prefix.squares, k);
    }
    let delta = gap + (at(&before.means, k + 1) - at(&prefix.means, k));
    (at(&before.squares, k + 1) + at(&prefix.squares, k)) + delta * delta * at(weight, k)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(window: &[f64], x: f64) -> f64 {
        let moments = Moments::exact(&[window, &[]]);
        let std = (moments.m2 / (window.len() as f64 - 1.0)).sqrt();
        check::ratio(moments.deviation(x).abs(), std)
    }

    #[test]
    fn every_window_agrees_with_itself_alone_whatever_the_magnitudes() {
        let pattern = |i: usize| (i * 7 % 5) as f64 + (i % 11) as f64 * 0.1;
        for magnitudes in [
            [1e200; 4],
            [1e307; 4],
            [1e-200; 4],
            [1e-300; 4],
            [1.0, 1e200, 1.0, 1e-200],
            [1e-160, 1e-180, 1e160, 1e180],
            [1e300, 1e-300, 1e300, 1.0],
        ] {
            for (window, inclusive) in [(2, true), (9, true), (9, false), (40, false)] {
                let values: Vec<f64> = (0..203)
                    .map(|i| pattern(i) * magnitudes[i / 13 % 4])
                    .collect();
                let scores = rolling_zscore(&values, window, inclusive).unwrap();
                for (i, score) in scores.iter().enumerate() {
                    let end = i + usize::from(inclusive);
                    if end < window {
                        assert!(score.is_nan());
                        continue;
                    }
                    let expected = alone(&values[end - window..end], values[i]);
                    assert!(
                        (score - expected).abs() <= 1e-9 * (1.0 + expected) || *score == expected,
                        "{magnitudes:?}, window {window}, row {i}: {score}, not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn huge_and_tiny_columns_take_time_in_proportion_to_their_length() {
        // With each window on its own these would take minutes.
        for magnitude in [1e200, 1e-200] {
            let values: Vec<f64> = (0..400_000)
                .map(|i| magnitude * f64::from(i * 7 % 1_000))
                .collect();
            let scores = rolling_zscore(&values, 100_000, true).unwrap();
            assert!(scores.iter().skip(100_000).all(|z| *z < 2.0));
        }
    }
}
