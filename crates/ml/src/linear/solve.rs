use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// A weighted mean in two parts: subtracting the first, a value of the column, is exact nearby.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Center {
    shift: f64,
    offset: f64,
}

impl Center {
    const ZERO: Self = Self {
        shift: 0.0,
        offset: 0.0,
    };

    fn of(values: &(impl Iterator<Item = (f64, f64)> + Clone)) -> Self {
        let shift = values.clone().next().map_or(0.0, |(value, _)| value);
        let total: f64 = values.clone().map(|(_, weight)| weight).sum();
        let mean = |shift: f64, offset: f64| {
            let terms = values.clone().map(|(v, w)| w * ((v - shift) - offset));
            terms.sum::<f64>() / total
        };
        let offset = mean(shift, 0.0);
        Self {
            shift,
            // What the rounding of the first mean has left.
            offset: offset + mean(shift, offset),
        }
    }

    /// How far `x` is from the mean.
    pub(super) fn deviation(self, x: f64) -> f64 {
        (x - self.shift) - self.offset
    }

    /// The mean plus `deviation`.
    pub(super) fn plus(self, deviation: f64) -> f64 {
        self.shift + (self.offset + deviation)
    }

    pub(super) fn is_finite(self) -> bool {
        self.shift.is_finite() && self.offset.is_finite() && self.plus(0.0).is_finite()
    }
}

/// Centred rows times the roots of their weights.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) x_centers: Vec<Center>,
    pub(super) y_center: Center,
    pub(super) has_intercept: bool,
    pub(super) total_weight: f64,
    /// Columns divided by `lengths`.
    x: DMatrix<f64>,
    y: DVector<f64>,
    /// The Euclidean length of each column; 1 for columns of zeros.
    pub(super) lengths: Vec<f64>,
}

/// The coefficients, in the units of the table, and what their errors follow from.
#[derive(Debug)]
pub(super) struct Solution {
    pub(super) coefficients: Vec<f64>,
    /// The covariance of the coefficients over the variance of an observation of weight 1.
    pub(super) covariance: DMatrix<f64>,
    /// How many coefficients they are worth: the rank, less what the penalty takes.
    pub(super) effective: f64,
    pub(super) residual_squares: f64,
    pub(super) total_squares: f64,
}

impl Problem {
    pub(super) fn new(
        x: &ArrayView2<'_, f64>,
        y: &[f64],
        weights: &[f64],
        has_intercept: bool,
    ) -> Result<Self> {
        let counted: Vec<usize> = (0..y.len())
            .filter(|&row| weights.get(row).is_some_and(|w| *w > 0.0))
            .collect();
        let weight = |row: usize| weights.get(row).copied().unwrap_or(0.0);
        let total_weight: f64 = counted.iter().map(|&row| weight(row)).sum();
        let n = counted.len();
        let target = |row: usize| y.get(row).copied().unwrap_or(0.0);
        let center = |value: &dyn Fn(usize) -> f64| {
            if has_intercept {
                Center::of(&counted.iter().map(|&row| (value(row), weight(row))))
            } else {
                Center::ZERO
            }
        };
        let y_center = center(&target);
        let scaled = |row: usize, deviation: f64| weight(row).sqrt() * deviation;
        let targets = counted
            .iter()
            .map(|&row| scaled(row, y_center.deviation(target(row))));
        let y = DVector::from_iterator(n, targets);
        let (mut x_centers, mut lengths) = (Vec::new(), Vec::new());
        let mut values = Vec::with_capacity(n * x.ncols());
        for column in x.columns() {
            let value = |row: usize| column.get(row).copied().unwrap_or(0.0);
            let center = center(&value);
            let start = values.len();
            values.extend(
                counted
                    .iter()
                    .map(|&row| scaled(row, center.deviation(value(row)))),
            );
            let own = values.get_mut(start..).unwrap_or_default();
            let length = length(own);
            own.iter_mut().for_each(|v| *v /= length);
            lengths.push(length);
            x_centers.push(center);
        }
        let finite = lengths.iter().all(|length| length.is_finite())
            && x_centers.iter().all(|center| center.is_finite())
            && y_center.is_finite()
            && total_weight.is_finite()
            && y.norm_squared().is_finite();
        if !finite {
            return Err(Error::input(
                "sums of squares of the columns or of the target leave the range of floats; scale \
                 them first",
            ));
        }
        Ok(Self {
            x: DMatrix::from_vec(n, x.ncols(), values),
            x_centers,
            y_center,
            has_intercept,
            total_weight,
            y,
            lengths,
        })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.y.len()
    }

    /// Minimises the squared residuals plus `alpha` times the squared coefficients.
    ///
    /// With `X = Q R`, and `[R; D] = [U; V] S W'` for the penalty `D`, the coefficients are
    /// `W S^-1 U' Q' y`: a matrix times a vector of uncorrelated errors, so their covariance is
    /// that matrix times its transpose.
    pub(super) fn solve(&self, alpha: f64) -> Result<Solution> {
        let d = self.lengths.len();
        let factors = self.x.clone().qr();
        let mut rotated = self.y.clone();
        factors.q_tr_mul(&mut rotated);
        let triangle = factors.unpack_r();
        let height = triangle.nrows();
        let rotated = rotated.rows(0, height).into_owned();
        let mut stacked = triangle.resize(height + d, d, 0.0);
        for (k, length) in self.lengths.iter().enumerate() {
            if let Some(entry) = stacked.get_mut((height + k, k)) {
                *entry = alpha.sqrt() / length;
            }
        }
        // The iteration for singular values does not end on an infinite entry.
        if !stacked.iter().all(|entry| entry.is_finite()) {
            return Err(Error::input(
                "the penalty relative to a column leaves the range of floats; scale the columns \
                 first",
            ));
        }
        let svd = stacked
            .try_svd(true, true, f64::EPSILON, 0)
            .ok_or_else(|| Error::input("the singular values of the table cannot be computed"))?;
        let (Some(u), Some(w)) = (svd.u, svd.v_t) else {
            return Err(Error::input(
                "the singular values of the table cannot be computed",
            ));
        };
        let u = u.rows(0, height).into_owned();
        let values = svd.singular_values;
        let most = self.n_rows().max(d) as f64 * f64::EPSILON * values.max();
        let kept: Vec<usize> = (0..values.len())
            .filter(|&k| values.get(k).is_some_and(|&v| v > most))
            .collect();
        let dropped: Vec<usize> = (0..values.len()).filter(|k| !kept.contains(k)).collect();
        let u = u.select_columns(&kept);
        let inverse = kept
            .iter()
            .map(|&k| 1.0 / values.get(k).copied().unwrap_or(1.0));
        let inverse = DVector::from_iterator(kept.len(), inverse);
        let lengths = DVector::from_vec(self.lengths.clone());
        let unscale = |mut rows: DMatrix<f64>| {
            for mut column in rows.column_iter_mut() {
                column.component_div_assign(&lengths);
            }
            rows
        };
        let directions = w.select_rows(&kept).transpose() * DMatrix::from_diagonal(&inverse);
        let mut directions = unscale(directions);
        if !dropped.is_empty() {
            // The least coefficients in the units of the table: no part along what has no effect.
            let idle = idle_directions(unscale(w.select_rows(&dropped).transpose()));
            let along = idle.transpose() * &directions;
            directions -= idle * along;
            // Exactly, where a column is constant.
            for (column, mut row) in self.x.column_iter().zip(directions.row_iter_mut()) {
                if column.iter().all(|x| *x == 0.0) {
                    row.fill(0.0);
                }
            }
        }
        let map = &directions * u.transpose();
        let coefficients = &map * &rotated;
        let scaled = coefficients.component_mul(&lengths);
        let residuals = &self.y - &self.x * scaled;
        let solution = Solution {
            coefficients: coefficients.iter().copied().collect(),
            covariance: &map * map.transpose(),
            effective: u.norm_squared(),
            residual_squares: residuals.norm_squared(),
            total_squares: self.y.norm_squared(),
        };
        if solution.coefficients.iter().all(|b| b.is_finite()) {
            Ok(solution)
        } else {
            Err(Error::input(
                "a coefficient leaves the range of floats; scale the columns first",
            ))
        }
    }
}

/// An orthonormal basis of the columns, each brought to length 1 first.
fn idle_directions(mut columns: DMatrix<f64>) -> DMatrix<f64> {
    for mut column in columns.column_iter_mut() {
        let length = length(column.as_slice());
        column /= length;
    }
    columns.qr().q()
}

/// The Euclidean length without overflow of squares; 1 for zeros.
fn length(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let squares: f64 = values.iter().map(|v| (v / largest) * (v / largest)).sum();
    largest * squares.sqrt()
}
