use std::ops::Range;

use bongsu_core::{Error, Result};

use crate::adaptive::bounded;
use crate::check;
use crate::moments::{LARGEST_ROOT, ROOTABLE, fine_root, rough_root};

/// Points that share a shift and a check.
const BLOCK: usize = 256;

/// Plain exponentially weighted z-scores of a whole column: the distance of each value from the
/// exponentially weighted mean of the values before it, in exponentially weighted standard
/// deviations.
///
/// `score_i = |x_i - mean| / sqrt(var)`; then, with `d = x_i - mean`, `mean += alpha d` and
/// `var = (1 - alpha)(var + alpha d^2)`. The mean starts at the first value, the variance at 0.
///
/// - `values`: any unit; NaN marks a missing value, which is passed over.
/// - `alpha`: the weight of the newest value, domain (0, 1).
///
/// Returns as many scores as values; NaN for the first value and for missing ones. With variance 0
/// a value equal to the mean scores 0 and any other infinity.
///
/// # Errors
/// When `alpha` is outside its domain or a value is infinite.
///
/// Cost: O(n) time, constant memory beside the result.
///
/// Source: Finch 2009, *Incremental calculation of weighted mean and variance*; equal to pandas'
/// `ewm(alpha, adjust=False, ignore_na=True)` with `.mean()` and `.var(bias=True)`.
///
/// ```
/// let scores = bongsu_stats::ewma::ewm_zscore(&[0.0, 2.0, 4.0], 0.5)?;
/// assert_eq!(scores[2], 3.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn ewm_zscore(values: &[f64], alpha: f64) -> Result<Vec<f64>> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Error::parameter("alpha", alpha, "in (0, 1)"));
    }
    // Ends at the first value of an ordinary size.
    if values.iter().all(|x| x.is_nan() || x.abs() < SMALL) {
        let scaled: Vec<f64> = values.iter().map(|x| x * RAISE).collect();
        return scores(&scaled, alpha);
    }
    scores(values, alpha)
}

/// Where products of smaller values could lose digits, a whole column is multiplied by [`RAISE`].
const SMALL: f64 = 1e-280;

/// `2^600`.
const RAISE: f64 = f64::from_bits((1023 + 600) << 52);

/// [`ewm_zscore`] of values that are not all tiny.
fn scores(values: &[f64], alpha: f64) -> Result<Vec<f64>> {
    let mut scores = Vec::with_capacity(values.len());
    let missing = values.iter().take_while(|x| x.is_nan()).count();
    let Some(&first) = values.get(missing) else {
        scores.resize(values.len(), f64::NAN);
        return Ok(scores);
    };
    check::no_infinity(&[first]).or_else(|_| check::no_infinity(values))?;
    scores.resize(missing + 1, f64::NAN);
    let mut state = State {
        last: first,
        deviation: 0.0,
        var: 0.0,
        std: 0.0,
    };
    let recursion = Recursion::new(alpha);
    let mut out = [0.0; BLOCK];
    let mut buffers = Buffers {
        deviations: [0.0; BLOCK],
        squares: [0.0; BLOCK],
        sums: [0.0; BLOCK + 1],
        roots: [0.0; BLOCK + 1],
    };
    let (blocks, rest) = values
        .get(missing + 1..)
        .unwrap_or_default()
        .as_chunks::<BLOCK>();
    for points in blocks {
        let end = recursion.block(state, points, &mut buffers, &mut out);
        state = if let Some(end) = end {
            end
        } else {
            check::no_infinity(points).or_else(|_| check::no_infinity(values))?;
            recursion.plain(state, points, &mut out)
        };
        scores.extend_from_slice(&out);
    }
    check::no_infinity(rest).or_else(|_| check::no_infinity(values))?;
    recursion.plain(state, rest, &mut out);
    scores.extend(out.iter().take(rest.len()));
    Ok(scores)
}

/// The last value, its deviation from the mean before it, and the variance after it.
#[derive(Debug, Clone, Copy)]
struct State {
    last: f64,
    deviation: f64,
    var: f64,
    /// The root of the variance where that is not within [`EXACT`].
    std: f64,
}

/// Variances that are neither so small nor so large that squares lose digits.
const EXACT: Range<f64> = 1e-250..1e250;

impl State {
    fn std(&self) -> f64 {
        if EXACT.contains(&self.var) {
            self.var.sqrt()
        } else {
            self.std
        }
    }
}

/// The first-order recursion `s_i = x_i + r s_(i-1)` with `r = 1 - alpha`. Both the deviations and
/// the variances (of `d^2`) follow it: from `mean_i = mean_(i-1) + alpha d_i` comes
/// `d_i = (x_i - x_(i-1)) + r d_(i-1)`, which needs no mean, so that a large offset costs no digits.
///
/// As it stands each step waits for the one before. Put into itself it becomes
/// `s_i = (x_i + r x_(i-1)) + r^2 (x_(i-2) + r x_(i-3)) + r^4 s_(i-4)`: four steps wait only for the
/// four before them, and are taken together. (Parhi & Messerschmitt 1989, *Pipeline
/// interleaving and parallelism in recursive digital filters*.) The weights are positive, so that nothing is lost by it.
#[derive(Debug, Clone, Copy)]
struct Recursion {
    alpha: f64,
    /// `1 - alpha`, and its second and fourth power.
    rest: f64,
    second: f64,
    fourth: f64,
}

/// What is known of a block before its scores.
#[derive(Debug)]
struct Buffers {
    deviations: [f64; BLOCK],
    squares: [f64; BLOCK],
    /// Variances before each point and after the last, over `alpha (1 - alpha)`.
    sums: [f64; BLOCK + 1],
    /// About the inverse roots of these.
    roots: [f32; BLOCK + 1],
}

impl Recursion {
    fn new(alpha: f64) -> Self {
        let rest = 1.0 - alpha;
        let second = rest * rest;
        Self {
            alpha,
            rest,
            second,
            fourth: second * second,
        }
    }

    /// Takes four inputs `x`; `old` are those one place earlier, and `state` the four sums before,
    /// which it replaces. `before` and what it returns are `x_i + r x_(i-1)` of the last four and of
    /// these.
    #[inline(always)]
    fn four(&self, before: [f64; 4], x: [f64; 4], old: [f64; 4], state: &mut [f64; 4]) -> [f64; 4] {
        let r = self.rest;
        let near = [
            x[0] + r * old[0],
            x[1] + r * old[1],
            x[2] + r * old[2],
            x[3] + r * old[3],
        ];
        let far = [before[2], before[3], near[0], near[1]];
        for (state, (near, far)) in state.iter_mut().zip(near.iter().zip(far)) {
            *state = (near + self.second * far) + self.fourth * *state;
        }
        near
    }

    /// The scores of a block and the state after it; nothing when a value is missing or so large,
    /// or a variance so small or large, that it has to be done by [`Self::plain`].
    #[inline(never)]
    #[expect(
        clippy::indexing_slicing,
        reason = "lengths and places are known when compiling"
    )]
    fn block(
        &self,
        start: State,
        points: &[f64; BLOCK],
        buffers: &mut Buffers,
        out: &mut [f64; BLOCK],
    ) -> Option<State> {
        let State {
            last,
            deviation,
            var,
            ..
        } = start;
        let r = self.rest;
        // The variance over the sum of squares, weighted by powers of r.
        let scale = self.alpha * r;
        let sum = var / scale;
        let Buffers {
            deviations,
            squares,
            sums,
            roots,
        } = buffers;

        let mut total = [0.0; 4];
        let steps = [
            points[0] - last,
            points[1] - points[0],
            points[2] - points[1],
            points[3] - points[2],
        ];
        let mut near = [0.0, 0.0, steps[2] + r * steps[1], steps[3] + r * steps[2]];
        let mut state = [0.0; 4];
        let mut s = deviation;
        for k in 0..4 {
            s = steps[k] + r * s;
            state[k] = s;
            deviations[k] = s;
            squares[k] = s * s;
            total[k] = squares[k];
        }
        let values = |from: usize| points[from..from + BLOCK - 4].as_chunks::<4>().0.iter();
        let outputs = deviations[4..].as_chunks_mut::<4>().0.iter_mut();
        let outputs = outputs.zip(squares[4..].as_chunks_mut::<4>().0);
        for (((x, y), z), (d, square)) in values(4).zip(values(3)).zip(values(2)).zip(outputs) {
            let steps = [x[0] - y[0], x[1] - y[1], x[2] - y[2], x[3] - y[3]];
            let old = [y[0] - z[0], y[1] - z[1], y[2] - z[2], y[3] - z[3]];
            near = self.four(near, steps, old, &mut state);
            *d = state;
            for k in 0..4 {
                square[k] = state[k] * state[k];
                total[k] += square[k];
            }
        }
        // The sum bounds every deviation and every sum, and a missing value fails it.
        let total = total.iter().sum::<f64>();
        if !(total + sum < ROOTABLE && last.abs() < 1e100) {
            return None;
        }

        let mut largest = [0.0_f32; 4];
        sums[0] = sum;
        roots[0] = rough_root(sum as f32);
        largest[0] = roots[0];
        let mut near = [
            0.0,
            0.0,
            squares[2] + r * squares[1],
            squares[3] + r * squares[2],
        ];
        let mut s = sum;
        for k in 0..4 {
            s = squares[k] + r * s;
            state[k] = s;
            sums[k + 1] = s;
            roots[k + 1] = rough_root(s as f32);
            largest[k] = greater(largest[k], roots[k + 1]);
        }
        let values = |from: usize| squares[from..from + BLOCK - 4].as_chunks::<4>().0.iter();
        let outputs = sums[5..].as_chunks_mut::<4>().0.iter_mut();
        let outputs = outputs.zip(roots[5..].as_chunks_mut::<4>().0);
        for ((x, y), (sum, root)) in values(4).zip(values(3)).zip(outputs) {
            near = self.four(near, *x, *y, &mut state);
            *sum = state;
            *root = state.map(|s| rough_root(s as f32));
            for k in 0..4 {
                largest[k] = greater(largest[k], root[k]);
            }
        }
        if largest.iter().any(|&root| root > LARGEST_ROOT) {
            return None;
        }
        let scale = scale.sqrt().recip();
        for i in 0..BLOCK {
            out[i] = deviations[i].abs() * fine_root(sums[i], roots[i], scale);
        }
        Some(State {
            last: points[BLOCK - 1],
            deviation: deviations[BLOCK - 1],
            var: self.alpha * r * sums[BLOCK],
            std: 0.0,
        })
    }

    /// The scores of any points, one by one, and the state after them.
    fn plain(&self, mut state: State, points: &[f64], out: &mut [f64; BLOCK]) -> State {
        for (x, score) in points.iter().zip(out) {
            let step = x - state.last;
            let deviation = if step.is_infinite() {
                let half = (0.5 * x - 0.5 * state.last) + 0.5 * self.rest * state.deviation;
                2.0 * half
            } else {
                step + self.rest * state.deviation
            };
            let deviation = bounded(deviation);
            *score = check::ratio(deviation.abs(), state.std());
            if !deviation.is_nan() {
                state = self.after(state, *x, deviation);
            }
        }
        state
    }

    /// The state after `x`.
    fn after(&self, state: State, x: f64, deviation: f64) -> State {
        let mut var = self.rest * (state.var + self.alpha * deviation * deviation);
        let mut std = 0.0;
        if !EXACT.contains(&var) {
            std = state.std().hypot(self.alpha.sqrt() * deviation);
            std = bounded(self.rest.sqrt() * std);
            var = std * std;
        }
        State {
            last: x,
            deviation,
            var,
            std,
        }
    }
}

/// The greater of two numbers, neither of them NaN: one instruction, where `max` takes three.
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that sends a block from the one way to the other agrees with the definition.
    #[test]
    fn blocks_agree_with_single_steps() {
        let mut state = 7_u64;
        let mut noise = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let plain: Vec<f64> = (0..5 * BLOCK + 77).map(|_| noise()).collect();
        let mut inputs = Vec::new();
        for (offset, scale) in [
            (0.0, 1.0),
            (1e9, 1e-3),
            (0.0, 1e-12),
            (0.0, 1e-40),
            (0.0, 1e60),
        ] {
            let values: Vec<f64> = plain.iter().map(|x| offset + scale * x).collect();
            let mut holes = values.clone();
            holes[0] = f64::NAN;
            holes[3 * BLOCK + 5] = f64::NAN;
            let mut spiked = values.clone();
            spiked[BLOCK + 9] = offset + scale * 1e9;
            inputs.extend([values, holes, spiked]);
        }
        inputs.push([vec![3.0; 2 * BLOCK], vec![4.0; 3 * BLOCK]].concat());
        for (case, values) in inputs.iter().enumerate() {
            for alpha in [1e-6, 0.1, 0.5, 0.999] {
                let scores = ewm_zscore(values, alpha).unwrap();
                let recursion = Recursion::new(alpha);
                let mut state: Option<State> = None;
                let mut out = [0.0; BLOCK];
                for (row, (x, score)) in values.iter().zip(&scores).enumerate() {
                    let Some(last) = state else {
                        assert!(score.is_nan());
                        if !x.is_nan() {
                            state = Some(State {
                                last: *x,
                                deviation: 0.0,
                                var: 0.0,
                                std: 0.0,
                            });
                        }
                        continue;
                    };
                    state = Some(recursion.plain(last, &[*x], &mut out));
                    let expected = out[0];
                    let equal = (score - expected).abs() <= 1e-11 * (1.0 + expected)
                        || score.total_cmp(&expected).is_eq();
                    assert!(
                        equal,
                        "case {case}, alpha {alpha}, row {row}: {score}, not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn scores_do_not_depend_on_the_magnitude() {
        let plain: Vec<f64> = (0..600).map(|i| f64::from(i * 7 % 5)).collect();
        let expected = ewm_zscore(&plain, 0.1).unwrap();
        for exponent in [-1074, -1022, -700, -532, -450, -60, 60, 450, 500, 700, 1020] {
            // In two factors, as neither reaches all the way.
            let half = 2.0_f64.powi(exponent / 2);
            let rest = 2.0_f64.powi(exponent - exponent / 2);
            let scaled: Vec<f64> = plain.iter().map(|x| x * half * rest).collect();
            let scores = ewm_zscore(&scaled, 0.1).unwrap();
            for (row, (a, b)) in scores.iter().zip(&expected).enumerate().skip(1) {
                let equal = (a - b).abs() <= 1e-11 * (1.0 + b) || a == b;
                assert!(equal, "2^{exponent}, row {row}: {a}, not {b}");
            }
            // The same after values of an ordinary size have been forgotten.
            let mixed = [plain.clone(), scaled].concat();
            assert!(
                ewm_zscore(&mixed, 0.1).unwrap()[1..]
                    .iter()
                    .all(|z| *z >= 0.0)
            );
        }
    }

    #[test]
    fn infinity_is_refused_in_any_row() {
        for row in [0, 1, 2 * BLOCK, 2 * BLOCK + 3, 3 * BLOCK - 1] {
            let mut values = vec![1.0; 3 * BLOCK - 1];
            values.push(2.0);
            values[row] = f64::INFINITY;
            let message = ewm_zscore(&values, 0.1).unwrap_err().to_string();
            assert!(message.contains(&format!("row {row}")), "{message}");
        }
    }
}
