use bongsu_core::{Error, Result};

use super::regression::dot;
use super::{scaled, series};

/// The result of [`canova_hansen`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanovaHansenTest {
    /// The joint statistic of all seasonal frequencies.
    pub statistic: f64,
    /// What it is above with probability 0.05 where the season is stable.
    pub critical_value: f64,
    /// The number of autocovariances taken into account.
    pub lags: usize,
}

impl CanovaHansenTest {
    /// Whether the season changes, at 5 %: the series asks for a seasonal difference.
    #[must_use]
    pub fn is_unstable(&self) -> bool {
        self.statistic > self.critical_value
    }
}

/// What the statistic is above with probability 0.05, for seasons of 2 to 12 steps.
const CRITICAL: [f64; 11] = [
    0.461_714_6,
    0.747_965_5,
    1.000_781_8,
    1.237_535_0,
    1.462_524_0,
    1.692_020_0,
    1.904_309_6,
    2.116_960_2,
    2.326_856_2,
    2.540_692_2,
    2.739_100_7,
];

/// A pivot that is less than this share of its diagonal leaves the matrix without an inverse.
const SINGULAR: f64 = 1e-12;

/// The test of Canova and Hansen: whether the season of a series is stable. A statistic above the
/// critical value says that it changes.
///
/// With the residuals `e_t` from the means of the `s` seasons, the `s - 1` waves `f_t` of the seasonal
/// frequencies, and `F_t = sum_(i<=t) f_i e_i`,
///
/// `1 / n^2 sum_t F_t' W^(-1) F_t`, `W` the long-run covariance of `f_t e_t` by Bartlett's weights over
/// `s (n / 100)^(1/4)` lags
///
/// - `values`: consecutive, finite, not all equal, at least `2 s + 5` of them.
/// - `period`: the season `s` in steps. Domain: [2, 366].
///
/// # Errors
/// When the period is outside its domain, there are too few values, one is not finite, or the season
/// explains all of them.
///
/// Cost: O(n s^2) time however many lags, since the weighted sum over lags is one of squares of moving
/// sums; O(n s) memory.
///
/// Source: Canova & Hansen 1995, <https://doi.org/10.1080/07350015.1995.10524598>; the critical values
/// of pmdarima 2.1 `CHTest`, which for seasons of more than 12 steps other than 24, 52 and 365 are
/// `0.269 s^0.928`.
///
/// ```
/// use bongsu_stats::hypothesis::canova_hansen;
/// let noise = |i: i32| f64::from(i * i * 7 % 11) / 11.0;
/// let stable: Vec<f64> = (0..96).map(|i| f64::from(i % 4) + noise(i)).collect();
/// assert!(!canova_hansen(&stable, 4)?.is_unstable());
/// let turning: Vec<f64> = (0..96).map(|i| f64::from((i + i / 24) % 4) + noise(i)).collect();
/// assert!(canova_hansen(&turning, 4)?.is_unstable());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn canova_hansen(values: &[f64], period: usize) -> Result<CanovaHansenTest> {
    if !(2..=366).contains(&period) {
        return Err(Error::parameter("period", period, "in [2, 366]"));
    }
    series("the test of stable seasons", values, 2 * period + 5)?;
    let residuals = without_season(values, period);
    let n = residuals.len();
    let size = n as f64;
    let lags = (period as f64 * (size / 100.0).powf(0.25)).round_ties_even() as usize;
    let width = period - 1;
    let waves = waves(period);
    let mut products = Vec::with_capacity(n * width);
    for (wave, e) in waves.chunks_exact(width).cycle().zip(&residuals) {
        products.extend(wave.iter().map(|f| f * e));
    }
    let mut factor = long_run(&products, width, lags);
    let statistic = if cholesky(&mut factor, width) {
        let mut sums = vec![0.0; width];
        let mut solved = Vec::with_capacity(width);
        let mut total = 0.0;
        for row in products.chunks_exact(width) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            total += solved_squares(&factor, &sums, &mut solved);
        }
        total / (size * size)
    } else {
        return Err(Error::input(
            "the test of stable seasons needs values that the season leaves noise of",
        ));
    };
    Ok(CanovaHansenTest {
        statistic,
        critical_value: critical_value(period),
        lags,
    })
}

fn critical_value(period: usize) -> f64 {
    match period {
        24 => 5.098_624,
        52 => 10.341_416,
        365 => 65.444_45,
        _ => {
            let smoothed = 0.269 * (period as f64).powf(0.928);
            CRITICAL.get(period - 2).copied().unwrap_or(smoothed)
        }
    }
}

/// What the means of the seasons leave of the values, in a unit in which squares do not overflow.
fn without_season(values: &[f64], period: usize) -> Vec<f64> {
    let (mut out, _) = scaled(values);
    // Twice, so that what is left of a large level has its digits.
    for _ in 0..2 {
        for start in 0..period {
            let season = || out.iter().skip(start).step_by(period);
            let mean = season().sum::<f64>() / season().count() as f64;
            out.iter_mut()
                .skip(start)
                .step_by(period)
                .for_each(|x| *x -= mean);
        }
    }
    scaled(&out).0
}

/// Cosine and sine of each seasonal frequency, `period - 1` in all, at the steps 1 to `period`.
fn waves(period: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(period * (period - 1));
    for step in 1..=period {
        for k in 0..period - 1 {
            // The angle within a turn is exact.
            let turns = ((k / 2 + 1) * step % period) as f64 / period as f64;
            let (sine, cosine) = (std::f64::consts::TAU * turns).sin_cos();
            out.push(if k % 2 == 0 { cosine } else { sine });
        }
    }
    out
}

/// The long-run covariance of the rows by Bartlett's weights, below the diagonal: over all windows of
/// `lags + 1` rows, also those that reach beyond the ends, the squares of their sums.
fn long_run(rows: &[f64], width: usize, lags: usize) -> Vec<f64> {
    let n = rows.len() / width;
    let row = |i: usize| rows.get(i * width..(i + 1) * width).unwrap_or_default();
    let mut out = vec![0.0; width * width];
    let mut window = vec![0.0; width];
    for end in 0..n + lags {
        if end < n {
            window.iter_mut().zip(row(end)).for_each(|(w, x)| *w += x);
        }
        if let Some(gone) = end.checked_sub(lags + 1) {
            window.iter_mut().zip(row(gone)).for_each(|(w, x)| *w -= x);
        }
        for (target, &a) in out.chunks_exact_mut(width).zip(&window) {
            target
                .iter_mut()
                .zip(&window)
                .for_each(|(t, b)| *t += a * b);
        }
    }
    let scale = 1.0 / (n as f64 * (lags as f64 + 1.0));
    out.iter_mut().for_each(|x| *x *= scale);
    out
}

/// Replaces the lower part of a symmetric matrix by its Cholesky factor; whether it has one.
fn cholesky(a: &mut [f64], size: usize) -> bool {
    for i in 0..size {
        let (done, rest) = a.split_at_mut(i * size);
        let Some(row) = rest.get_mut(..size) else {
            return false;
        };
        for (j, other) in done.chunks_exact(size).enumerate() {
            let (Some(before), Some(pivot)) = (other.get(..j), other.get(j)) else {
                return false;
            };
            let sum = dot(row.get(..j).unwrap_or_default(), before);
            if let Some(slot) = row.get_mut(j) {
                *slot = (*slot - sum) / pivot;
            }
        }
        let before = row.get(..i).unwrap_or_default();
        let squares = dot(before, before);
        let Some(diagonal) = row.get_mut(i) else {
            return false;
        };
        let left = *diagonal - squares;
        if left.is_nan() || left <= SINGULAR * *diagonal {
            return false;
        }
        *diagonal = left.sqrt();
    }
    true
}

/// The squared length of the solution of `L x = b`.
fn solved_squares(factor: &[f64], b: &[f64], solved: &mut Vec<f64>) -> f64 {
    solved.clear();
    for (row, b) in factor.chunks_exact(b.len()).zip(b) {
        let sum = dot(row.get(..solved.len()).unwrap_or_default(), solved);
        let pivot = row.get(solved.len()).copied().unwrap_or(f64::NAN);
        solved.push((b - sum) / pivot);
    }
    dot(solved, solved)
}
