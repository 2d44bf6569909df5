use bongsu_core::ndarray::linalg::general_mat_mul;
use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Error, Result};
use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

use super::centered;
use super::cross::{Lag, check_lag, strongest};
use super::pearson::Correlation;

/// The most series whose pairs are all correlated: their results take about 100 MiB.
const MAX_SERIES: usize = 2_048;

/// Pairs are worked on in squares of so many series.
const TILE: usize = 64;

/// How a pair of series moves together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The place of one series.
    pub first: usize,
    /// The place of the other; above `first`.
    pub second: usize,
    /// Their correlation at the same time.
    pub correlation: Correlation,
    /// The lag at which they agree most; positive when the second follows.
    pub lag: Lag,
}

/// The correlations of all pairs of several series, at the same time and at the best lag.
#[derive(Debug, Clone, PartialEq)]
pub struct LagMatrix {
    pairs: Vec<Pair>,
}

impl LagMatrix {
    /// Every pair, in order of the first and then the second series.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }
}

/// Correlates every pair of `columns` at each lag from `-max_lag` to `max_lag`.
///
/// The definition is that of [`cross_correlation`](super::cross_correlation), with missing values
/// taken as the mean of their series. The series are cut into blocks; for each frequency the products
/// of all blocks' spectra are one product of matrices, whose sum over the blocks is transformed back
/// for each pair once.
///
/// # Errors
/// When the lengths differ, there are more than 2,048 series or fewer than
/// [`MIN_POINTS`](super::MIN_POINTS) points, or `max_lag` is not below their number.
///
/// Cost: O(m^2 n) time with a small constant, 40 bytes a pair.
///
/// ```
/// use bongsu_rca::correlation::lag_matrix;
/// let x: Vec<f64> = (0..60).map(|i| f64::from(i * i % 23)).collect();
/// let y: Vec<f64> = (0..60).map(|i: i32| f64::from((i - 3).pow(2) % 23)).collect();
/// let matrix = lag_matrix(&[x, y], 5)?;
/// assert_eq!(matrix.pairs()[0].lag.points, 3);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn lag_matrix(columns: &[Vec<f64>], max_lag: usize) -> Result<LagMatrix> {
    let rows = columns.first().map_or(0, Vec::len);
    if let Some(other) = columns.iter().find(|column| column.len() != rows) {
        return Err(Error::shape("length of a series", other.len(), rows));
    }
    if columns.len() > MAX_SERIES {
        return Err(Error::input(format!(
            "the pairs of {} series are too many to correlate; at most {MAX_SERIES} series are taken",
            columns.len()
        )));
    }
    check_lag(max_lag, rows)?;
    let known: Vec<Known> = columns.iter().map(|column| Known::of(column)).collect();
    let unit: Vec<Option<Vec<f64>>> = columns.iter().map(|column| unit(column)).collect();
    let spectra = Spectra::new(&unit, rows, max_lag);
    let mut pairs = Vec::with_capacity(columns.len() * columns.len().saturating_sub(1) / 2);
    let mut starts: Vec<(usize, usize)> = Vec::new();
    for first in (0..columns.len()).step_by(TILE) {
        starts.extend(
            (first..columns.len())
                .step_by(TILE)
                .map(|second| (first, second)),
        );
    }
    for (first, second) in starts {
        spectra.tile(first, second, &mut |i, j, at_lags: &[f64]| {
            let moves = |i: usize| matches!(unit.get(i), Some(Some(_)));
            let clamp = |r: &f64| r.clamp(-1.0, 1.0);
            let at_lags: Vec<f64> = at_lags.iter().map(clamp).collect();
            let points = match (known.get(i), known.get(j)) {
                (Some(first), Some(second)) => first.in_common(second),
                _ => rows,
            };
            let (correlation, lag) = if moves(i) && moves(j) && points >= super::MIN_POINTS {
                let r = at_lags.get(max_lag).copied().unwrap_or_default();
                (Correlation::new(r, points), strongest(&at_lags))
            } else {
                (Correlation::none(points), Lag { points: 0, r: 0.0 })
            };
            pairs.push(Pair {
                first: i,
                second: j,
                correlation,
                lag,
            });
        });
    }
    pairs.sort_unstable_by_key(|pair| (pair.first, pair.second));
    Ok(LagMatrix { pairs })
}

/// Which values of a series are there.
struct Known {
    count: usize,
    rows: usize,
    /// A bit for each row.
    words: Vec<u64>,
}

impl Known {
    fn of(column: &[f64]) -> Self {
        let word = |part: &[f64]| {
            let bits = part.iter().enumerate();
            bits.fold(0, |word, (i, x)| word | u64::from(x.is_finite()) << i)
        };
        let words: Vec<u64> = column.chunks(64).map(word).collect();
        Self {
            count: words.iter().map(|word| word.count_ones() as usize).sum(),
            rows: column.len(),
            words,
        }
    }

    /// In how many rows both have a value.
    fn in_common(&self, other: &Self) -> usize {
        if self.count == self.rows || other.count == other.rows {
            return self.count.min(other.count);
        }
        let both = self.words.iter().zip(&other.words);
        both.map(|(a, b)| (a & b).count_ones() as usize).sum()
    }
}

/// The series with mean 0 and sum of squares 1, missing values as 0; `None` when it does not move.
fn unit(column: &[f64]) -> Option<Vec<f64>> {
    let known: Vec<f64> = column.iter().copied().filter(|x| x.is_finite()).collect();
    if known.len() < super::MIN_POINTS {
        return None;
    }
    let moves = centered(&known)?;
    let norm = moves.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut moves = moves.into_iter();
    let place = |x: &f64| {
        if x.is_finite() {
            moves.next().unwrap_or_default() / norm
        } else {
            0.0
        }
    };
    Some(column.iter().map(place).collect())
}

/// Real and imaginary parts at each frequency: a matrix of series by blocks each.
struct Parts {
    re: Vec<Vec<f64>>,
    im: Vec<Vec<f64>>,
}

/// The spectra of the blocks of several series, and of the longer windows around these blocks.
struct Spectra {
    series: usize,
    blocks: usize,
    size: usize,
    max_lag: usize,
    block: Parts,
    window: Parts,
}

impl Spectra {
    fn new(unit: &[Option<Vec<f64>>], rows: usize, max_lag: usize) -> Self {
        let size = (4 * (2 * max_lag + 1)).next_power_of_two().max(64);
        let length = size - 2 * max_lag;
        let blocks = rows.div_ceil(length);
        let forward = RealFftPlanner::<f64>::new().plan_fft_forward(size);
        let empty = || Parts {
            re: vec![vec![0.0; unit.len() * blocks]; size / 2 + 1],
            im: vec![vec![0.0; unit.len() * blocks]; size / 2 + 1],
        };
        let (mut block, mut window) = (empty(), empty());
        let mut time = forward.make_input_vec();
        let mut spectrum = forward.make_output_vec();
        let mut scratch = forward.make_scratch_vec();
        let mut transform = |part: &[f64], skip: usize, place: usize, parts: &mut Parts| {
            time.fill(0.0);
            for (slot, x) in time.iter_mut().skip(skip).zip(part) {
                *slot = *x;
            }
            // The lengths are those of the plan, so this cannot fail.
            let done = forward.process_with_scratch(&mut time, &mut spectrum, &mut scratch);
            debug_assert!(done.is_ok());
            for ((value, re), im) in spectrum.iter().zip(&mut parts.re).zip(&mut parts.im) {
                if let (Some(re), Some(im)) = (re.get_mut(place), im.get_mut(place)) {
                    (*re, *im) = (value.re, value.im);
                }
            }
        };
        for (i, values) in unit.iter().enumerate() {
            let Some(values) = values else { continue };
            for b in 0..blocks {
                let (from, to) = (b * length, ((b + 1) * length).min(rows));
                let place = i * blocks + b;
                transform(
                    values.get(from..to).unwrap_or_default(),
                    0,
                    place,
                    &mut block,
                );
                // The window begins `max_lag` points earlier; before the first point there is nothing.
                let early = from.saturating_sub(max_lag);
                let late = (to + max_lag).min(rows);
                let skip = max_lag - (from - early);
                let part = values.get(early..late).unwrap_or_default();
                transform(part, skip, place, &mut window);
            }
        }
        Self {
            series: unit.len(),
            blocks,
            size,
            max_lag,
            block,
            window,
        }
    }

    /// Tells `each` of the pairs of a square of series their correlations at all lags.
    fn tile(&self, first: usize, second: usize, each: &mut dyn FnMut(usize, usize, &[f64])) {
        let height = TILE.min(self.series - first);
        let width = TILE.min(self.series - second);
        let bins = self.size / 2 + 1;
        let (mut re, mut im) = (Vec::with_capacity(bins), Vec::with_capacity(bins));
        let blocks = self.block.re.iter().zip(&self.block.im);
        let windows = self.window.re.iter().zip(&self.window.im);
        for ((a_re, a_im), (b_re, b_im)) in blocks.zip(windows) {
            let (a_re, a_im) = (
                self.rows(a_re, first, height),
                self.rows(a_im, first, height),
            );
            let (b_re, b_im) = (
                self.rows(b_re, second, width),
                self.rows(b_im, second, width),
            );
            // conj(a) b = (a_re b_re + a_im b_im) + i (a_re b_im - a_im b_re)
            let mut real = Array2::zeros((height, width));
            let mut imaginary = Array2::zeros((height, width));
            add_product(&mut real, 1.0, a_re, b_re);
            add_product(&mut real, 1.0, a_im, b_im);
            add_product(&mut imaginary, 1.0, a_re, b_im);
            add_product(&mut imaginary, -1.0, a_im, b_re);
            re.push(real);
            im.push(imaginary);
        }
        let back = RealFftPlanner::<f64>::new().plan_fft_inverse(self.size);
        let mut spectrum = back.make_input_vec();
        let mut time = back.make_output_vec();
        let mut scratch = back.make_scratch_vec();
        for i in 0..height {
            for j in 0..width {
                if first + i >= second + j {
                    continue;
                }
                for ((slot, re), im) in spectrum.iter_mut().zip(&re).zip(&im) {
                    let part = |part: &Array2<f64>| part.get((i, j)).copied().unwrap_or_default();
                    *slot = Complex::new(part(re) / self.size as f64, part(im) / self.size as f64);
                }
                // The ends of a real signal's spectrum are real.
                if let Some(end) = spectrum.first_mut() {
                    end.im = 0.0;
                }
                if let Some(end) = spectrum.last_mut() {
                    end.im = 0.0;
                }
                let done = back.process_with_scratch(&mut spectrum, &mut time, &mut scratch);
                debug_assert!(done.is_ok());
                each(
                    first + i,
                    second + j,
                    time.get(..=2 * self.max_lag).unwrap_or_default(),
                );
            }
        }
    }

    fn rows<'a>(&self, part: &'a [f64], from: usize, count: usize) -> &'a [f64] {
        part.get(from * self.blocks..(from + count) * self.blocks)
            .unwrap_or_default()
    }
}

/// `c += alpha a b'` for row-major `a` (m x k), `b` (n x k) and `c` (m x n).
fn add_product(c: &mut Array2<f64>, alpha: f64, a: &[f64], b: &[f64]) {
    let (m, n) = c.dim();
    let k = a.len() / m.max(1);
    let views = ArrayView2::from_shape((m, k), a).ok();
    if let Some((a, b)) = views.zip(ArrayView2::from_shape((n, k), b).ok()) {
        general_mat_mul(alpha, &a, &b.t(), 1.0, c);
    }
}
