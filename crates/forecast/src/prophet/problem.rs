//! What is fitted: the posterior, and one pass over the data that gathers all it needs.

use bongsu_core::ndarray::Array2;
use nalgebra::{DMatrix, DVector};

use super::Growth;
use super::trend::TrendOf;

/// The least noise, in the unit of the model: that of values which the model explains entirely.
pub(super) const LEAST_SIGMA: f64 = 1e-9;

/// Precisions of the normal priors of rate and offset (deviation 5).
const TREND_PRECISION: f64 = 1.0 / 25.0;

/// Data and priors, in the unit of the model.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) growth: Growth,
    /// Between 0 and 1, increasing.
    pub(super) t: Vec<f64>,
    pub(super) y: Vec<f64>,
    /// Capacities above the floor; 0 where growth is not logistic.
    pub(super) cap: Vec<f64>,
    /// The number of points.
    pub(super) points: f64,
    pub(super) x: Array2<f64>,
    /// Whether each column of `x` multiplies the trend.
    pub(super) multiplies: Vec<bool>,
    /// The deviations of the normal priors of the columns.
    pub(super) priors: Vec<f64>,
    pub(super) changes: Vec<f64>,
    /// The scale of the Laplace prior of the deltas.
    pub(super) tau: f64,
}

/// What one pass over the data gathers at some parameters.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) residuals: Vec<f64>,
    /// The sum of their squares.
    pub(super) squares: f64,
    /// The derivatives of the mean, times the residuals.
    pub(super) gradient: DVector<f64>,
    /// The derivatives of the mean, times themselves.
    pub(super) gram: Option<DMatrix<f64>>,
}

/// Sums over the rows of one piece of the trend.
#[derive(Debug, Clone, Default)]
struct Sums {
    uu: f64,
    uut: f64,
    uutt: f64,
    ur: f64,
    utr: f64,
    /// With each column.
    ux: Vec<f64>,
    utx: Vec<f64>,
}

/// The parameters are one vector: rate, offset, coefficients of the columns, deltas.
impl Problem {
    /// The number of parameters before the deltas.
    pub(super) fn smooth(&self) -> usize {
        2 + self.priors.len()
    }

    /// The number of all parameters.
    pub(super) fn len(&self) -> usize {
        self.smooth() + self.changes.len()
    }

    /// Whether the mean is a linear function of the parameters.
    pub(super) fn is_linear(&self) -> bool {
        self.growth != Growth::Logistic && !self.multiplies.contains(&true)
    }

    /// The precisions of the normal priors of the parameters before the deltas.
    pub(super) fn precisions(&self) -> Vec<f64> {
        let columns = self.priors.iter().map(|scale| 1.0 / (scale * scale));
        [TREND_PRECISION; 2].into_iter().chain(columns).collect()
    }

    /// The noise that is most probable with this sum of squared residuals.
    pub(super) fn sigma(&self, squares: f64) -> f64 {
        let n = self.points;
        let variance = 2.0 * squares / (n + (n * n + 16.0 * squares).sqrt());
        variance.sqrt().max(LEAST_SIGMA)
    }

    /// The logarithm of the posterior, without its constants.
    pub(super) fn log_posterior(&self, at: &DVector<f64>, squares: f64, sigma: f64) -> f64 {
        let smooth = self.smooth();
        let normal: f64 = self
            .precisions()
            .iter()
            .zip(at.iter())
            .map(|(precision, x)| precision * x * x)
            .sum();
        let laplace: f64 = at.iter().skip(smooth).map(|delta| delta.abs()).sum();
        let prior = 0.5 * normal + laplace / self.tau + 2.0 * sigma * sigma;
        let n = self.points;
        -prior - n * sigma.ln() - 0.5 * squares / (sigma * sigma)
    }

    /// The trend at these parameters.
    pub(super) fn trend<'a>(&'a self, at: &'a DVector<f64>) -> TrendOf<'a> {
        let all = at.as_slice();
        TrendOf {
            growth: self.growth,
            rate: all.first().copied().unwrap_or(0.0),
            offset: all.get(1).copied().unwrap_or(0.0),
            changes: &self.changes,
            deltas: all.get(self.smooth()..).unwrap_or_default(),
        }
    }

    /// The first row of each piece of the trend, and the number of rows.
    fn bounds(&self) -> Vec<usize> {
        let starts = self
            .changes
            .iter()
            .map(|c| self.t.partition_point(|t| t < c));
        let ends = [self.t.len()];
        [0].into_iter().chain(starts).chain(ends).collect()
    }

    /// Gathers everything at the parameters `at`, the gram matrix only if asked for.
    pub(super) fn pass(&self, at: &DVector<f64>, with_gram: bool) -> Pass {
        let width = self.priors.len();
        let trend = self.trend(at);
        let betas = at.as_slice().get(2..self.smooth()).unwrap_or_default();
        let mixed = self.multiplies.contains(&true);
        let pick = |wanted: bool| -> Vec<f64> {
            let pairs = betas.iter().zip(&self.multiplies);
            pairs
                .map(|(&b, &m)| if m == wanted { b } else { 0.0 })
                .collect()
        };
        let (added, multiplied) = (pick(false), pick(true));
        let mut scaled = (mixed && with_gram).then(|| self.x.clone());
        let mut residuals = Vec::with_capacity(self.y.len());
        let mut squares = 0.0;
        let mut of_columns = vec![0.0; width];
        let mut sums = Vec::with_capacity(self.changes.len() + 1);
        let bounds = self.bounds();
        let pieces = trend.pieces();
        for (piece, (&from, &to)) in pieces.iter().zip(bounds.iter().zip(bounds.iter().skip(1))) {
            let mut s = Sums::default();
            if with_gram {
                s.ux = vec![0.0; width];
                s.utx = vec![0.0; width];
            }
            for row in from..to {
                let [t, y, cap] = [&self.t, &self.y, &self.cap]
                    .map(|values| values.get(row).copied().unwrap_or(0.0));
                let x = row_of(&self.x, row, width);
                let value = piece.at(self.growth, t, cap);
                let factor = if mixed {
                    1.0 + dot(x, &multiplied)
                } else {
                    1.0
                };
                let residual = y - value * factor - dot(x, &added);
                let u = match self.growth {
                    Growth::Logistic => factor * value * (1.0 - value / cap),
                    Growth::Linear | Growth::Flat => factor,
                };
                squares += residual * residual;
                residuals.push(residual);
                s.uu += u * u;
                s.uut += u * u * t;
                s.uutt += u * u * t * t;
                s.ur += u * residual;
                s.utr += u * t * residual;
                let x = match &mut scaled {
                    None => x,
                    Some(scaled) => {
                        let from = row * width;
                        let all = scaled.as_slice_mut().unwrap_or_default();
                        let mine = all.get_mut(from..from + width).unwrap_or_default();
                        for (x, &m) in mine.iter_mut().zip(&self.multiplies) {
                            *x *= if m { value } else { 1.0 };
                        }
                        mine
                    }
                };
                if mixed && !with_gram {
                    for ((sum, x), &m) in of_columns.iter_mut().zip(x).zip(&self.multiplies) {
                        *sum += x * residual * if m { value } else { 1.0 };
                    }
                } else {
                    add_scaled(&mut of_columns, x, residual);
                }
                if with_gram {
                    add_scaled(&mut s.ux, x, u);
                    add_scaled(&mut s.utx, x, u * t);
                }
            }
            sums.push(s);
        }
        let derivatives = trend.derivatives();
        let gram = with_gram.then(|| {
            let x = scaled.as_ref().unwrap_or(&self.x);
            self.gram(&x.t().dot(x), &sums, &derivatives)
        });
        Pass {
            residuals,
            squares,
            gradient: self.gradient(&of_columns, &sums, &derivatives),
            gram,
        }
    }

    /// Where the parameter `i` of the trend (rate, offset, deltas) is among all.
    fn index(&self, i: usize) -> usize {
        if i < 2 { i } else { i + self.priors.len() }
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "every parameter of the trend and every column has its place"
    )]
    fn gradient(
        &self,
        of_columns: &[f64],
        sums: &[Sums],
        derivatives: &[[f64; 2]],
    ) -> DVector<f64> {
        let mut gradient = DVector::zeros(self.len());
        for (i, &value) in of_columns.iter().enumerate() {
            gradient[2 + i] = value;
        }
        for (piece, s) in sums.iter().enumerate() {
            for (i, [of_u, of_ut]) in derivatives.iter().take(piece + 2).enumerate() {
                gradient[self.index(i)] += of_u * s.ur + of_ut * s.utr;
            }
        }
        gradient
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "every parameter of the trend and every column has its place"
    )]
    fn gram(
        &self,
        of_columns: &Array2<f64>,
        sums: &[Sums],
        derivatives: &[[f64; 2]],
    ) -> DMatrix<f64> {
        let mut gram = DMatrix::zeros(self.len(), self.len());
        for ((i, j), &value) in of_columns.indexed_iter() {
            gram[(2 + i, 2 + j)] = value;
        }
        for (piece, s) in sums.iter().enumerate() {
            // The deltas of later changepoints have no part in this piece.
            let factors = derivatives.get(..piece + 2).unwrap_or_default();
            for (i, [of_u, of_ut]) in factors.iter().enumerate() {
                let row = self.index(i);
                let [a, b] = [of_u * s.uu + of_ut * s.uut, of_u * s.uut + of_ut * s.uutt];
                for (j, [u, ut]) in factors.iter().enumerate().skip(i) {
                    gram[(self.index(j), row)] += a * u + b * ut;
                }
                for (j, (ux, utx)) in s.ux.iter().zip(&s.utx).enumerate() {
                    let value = of_u * ux + of_ut * utx;
                    // Below the diagonal, which is all that is set until now.
                    let (low, high) = (row.min(2 + j), row.max(2 + j));
                    gram[(high, low)] += value;
                }
            }
        }
        gram.fill_upper_triangle_with_lower_triangle();
        gram
    }
}

/// A row of a matrix in row order.
fn row_of(x: &Array2<f64>, row: usize, width: usize) -> &[f64] {
    let all = x.as_slice().unwrap_or_default();
    all.get(row * width..(row + 1) * width).unwrap_or_default()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(sums: &mut [f64], x: &[f64], factor: f64) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += x * factor;
    }
}
