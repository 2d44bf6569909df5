use bongsu_core::ndarray::{ArrayView1, ArrayView2};
use bongsu_core::{Error, Expectation, Result, Snapshot};
use bongsu_stats::special::student_isf;
use serde::{Deserialize, Serialize};

use super::solve::{Center, Problem, Solution};
use crate::check;

/// Coefficients and their errors; see [`LinearRegression`](super::LinearRegression).
///
/// With `s^2` the weighted squared residuals over the degrees of freedom left, the covariance of
/// the coefficients is `s^2 (X'X + alpha I)^-1 X'X (X'X + alpha I)^-1` on centred columns: the
/// usual one for least squares. A ridge is biased; its errors tell the spread alone.
///
/// Memory: `8 d (d + 4)` bytes.
///
/// ```
/// use bongsu_core::ndarray::array;
/// use bongsu_ml::LinearRegression;
/// let x = array![[1.0], [2.0], [3.0], [4.0]];
/// let fitted = LinearRegression::new().fit(x.view(), &[3.1, 4.9, 7.1, 8.9])?;
/// let band = fitted.predict_interval(array![[5.0]].view(), 0.95)?[0];
/// assert!(band.lower < 10.9 && 10.9 < band.upper && fitted.r2() > 0.99);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedLinearRegression {
    x_centers: Vec<Center>,
    y_center: Center,
    has_intercept: bool,
    coefficients: Vec<f64>,
    /// Row by row; over the variance of an observation of weight 1.
    covariance: Vec<f64>,
    total_weight: f64,
    /// Of an observation of weight 1; none when no degrees of freedom are left.
    variance: Option<f64>,
    freedom: f64,
    r2: f64,
    importance: Vec<f64>,
}

impl FittedLinearRegression {
    pub(super) fn learn(problem: &Problem, solution: &Solution) -> Result<Self> {
        let intercept = if problem.has_intercept { 1.0 } else { 0.0 };
        let freedom = problem.n_rows() as f64 - solution.effective - intercept;
        // Sums of effective coefficients are rounded.
        let freedom = if (freedom - freedom.round()).abs() < 1e-9 {
            freedom.round()
        } else {
            freedom
        };
        let (rest, total) = (solution.residual_squares, solution.total_squares);
        let spread = total.sqrt();
        let importance = |(b, length): (&f64, &f64)| {
            if spread > 0.0 {
                b * length / spread
            } else {
                0.0
            }
        };
        let lengths = problem.lengths.iter();
        let fitted = Self {
            x_centers: problem.x_centers.clone(),
            y_center: problem.y_center,
            has_intercept: problem.has_intercept,
            coefficients: solution.coefficients.clone(),
            covariance: solution.covariance.transpose().iter().copied().collect(),
            total_weight: problem.total_weight,
            variance: (freedom >= 1.0).then(|| rest / freedom),
            freedom: freedom.max(0.0),
            r2: match (rest > 0.0, total > 0.0) {
                (false, _) => 1.0,
                (true, false) => 0.0,
                (true, true) => 1.0 - rest / total,
            },
            importance: solution
                .coefficients
                .iter()
                .zip(lengths)
                .map(importance)
                .collect(),
        };
        if fitted.validate().is_ok() {
            Ok(fitted)
        } else {
            Err(Error::input(
                "errors of the coefficients leave the range of floats; scale the columns first",
            ))
        }
    }

    /// The number of features.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.coefficients.len()
    }

    /// The change of the target with each feature, in their units.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The target where every feature is 0; 0 for a regression without intercept.
    #[must_use]
    pub fn intercept(&self) -> f64 {
        let slopes = self.coefficients.iter().zip(&self.x_centers);
        self.y_center
            .plus(-slopes.map(|(b, c)| b * c.plus(0.0)).sum::<f64>())
            * if self.has_intercept { 1.0 } else { 0.0 }
    }

    /// The share of the target's (weighted) variance that is explained; about 0 instead of the
    /// mean for a regression without intercept. 0 for a constant target that is not met exactly.
    #[must_use]
    pub const fn r2(&self) -> f64 {
        self.r2
    }

    /// Rows minus effective coefficients: their rank for least squares, fewer for ridge.
    #[must_use]
    pub const fn degrees_of_freedom(&self) -> f64 {
        self.freedom
    }

    /// The standard deviation of an observation of weight 1 about the prediction; `None` when less
    /// than one degree of freedom is left.
    #[must_use]
    pub fn residual_std(&self) -> Option<f64> {
        self.variance.map(f64::sqrt)
    }

    /// The standard error of each coefficient; `None` as for
    /// [`FittedLinearRegression::residual_std`].
    #[must_use]
    pub fn standard_errors(&self) -> Option<Vec<f64>> {
        let d = self.n_features();
        let diagonal = self.covariance.iter().step_by(d + 1);
        let variance = self.variance?;
        Some(diagonal.map(|c| (variance * c.max(0.0)).sqrt()).collect())
    }

    /// The standard error of the intercept; `None` without intercept, and as for
    /// [`FittedLinearRegression::residual_std`].
    #[must_use]
    pub fn intercept_standard_error(&self) -> Option<f64> {
        let origin: Vec<f64> = self.x_centers.iter().map(|c| -c.plus(0.0)).collect();
        let error = self.standard_error(self.variance?, &origin, 0.0);
        self.has_intercept.then_some(error)
    }

    /// Each coefficient over its standard error; 0 where the error and the coefficient are 0, as
    /// for a constant column. `None` as for [`FittedLinearRegression::residual_std`].
    #[must_use]
    pub fn t_values(&self) -> Option<Vec<f64>> {
        let errors = self.standard_errors()?;
        let ratio = |(b, error): (&f64, f64)| if *b == 0.0 { 0.0 } else { b / error };
        Some(self.coefficients.iter().zip(errors).map(ratio).collect())
    }

    /// The standardised coefficients: by how many standard deviations the target changes with one
    /// of each feature. Comparable between features of different units; the sign is kept.
    #[must_use]
    pub fn importance(&self) -> &[f64] {
        &self.importance
    }

    /// The predicted target of one row.
    ///
    /// # Errors
    /// When `row` has another number of features or a value that is not finite, and when the
    /// prediction leaves the range of floats.
    pub fn predict_row(&self, row: &[f64]) -> Result<f64> {
        check::row(row, self.n_features())?;
        let deviations = row.iter().zip(&self.x_centers);
        let terms = deviations
            .zip(&self.coefficients)
            .map(|((&x, c), b)| b * c.deviation(x));
        let prediction = self.y_center.plus(terms.sum());
        if prediction.is_finite() {
            Ok(prediction)
        } else {
            Err(out_of_range())
        }
    }

    /// The predicted target of each row of `x`.
    ///
    /// Cost: O(d) a row.
    ///
    /// # Errors
    /// When `x` has another number of features or a value that is not finite, and when a prediction
    /// leaves the range of floats.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let mut row = Vec::with_capacity(x.ncols());
        let predict = |values: ArrayView1<'_, f64>| {
            row.clear();
            row.extend(values);
            self.predict_row(&row)
        };
        x.rows().into_iter().map(predict).collect()
    }

    /// What is expected of an observation of weight 1 at each row of `x`, with bounds that hold it
    /// with probability `level`.
    ///
    /// - `level`: a coverage, domain (0, 1).
    ///
    /// Cost: O(d^2) a row.
    ///
    /// # Errors
    /// When `level` is outside its domain, as [`FittedLinearRegression::predict`], and when less
    /// than one degree of freedom was left.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn predict_interval(&self, x: ArrayView2<'_, f64>, level: f64) -> Result<Vec<Expectation>> {
        self.interval(&x, level, 1.0)
    }

    /// As [`FittedLinearRegression::predict_interval`], of the mean of all observations there.
    ///
    /// # Errors
    /// As [`FittedLinearRegression::predict_interval`].
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn mean_interval(&self, x: ArrayView2<'_, f64>, level: f64) -> Result<Vec<Expectation>> {
        self.interval(&x, level, 0.0)
    }

    fn interval(&self, x: &ArrayView2<'_, f64>, level: f64, own: f64) -> Result<Vec<Expectation>> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::parameter("level", level, "in (0, 1)"));
        }
        let variance = self.variance.ok_or_else(|| {
            Error::unsupported("an interval needs more rows than coefficients when fitting")
        })?;
        let expected = self.predict(*x)?;
        let quantile = student_isf(0.5 * (1.0 - level), self.freedom);
        let band = |(row, expected): (ArrayView1<'_, f64>, f64)| {
            let pairs = row.iter().zip(&self.x_centers);
            let deviations: Vec<f64> = pairs.map(|(&x, c)| c.deviation(x)).collect();
            let half_width = quantile * self.standard_error(variance, &deviations, own);
            if half_width.is_finite() {
                Ok(Expectation::symmetric(expected, half_width))
            } else {
                Err(out_of_range())
            }
        };
        x.rows().into_iter().zip(expected).map(band).collect()
    }

    /// The standard error of a prediction at these deviations from the means, with `own` times the
    /// variance of a single observation.
    fn standard_error(&self, variance: f64, deviations: &[f64], own: f64) -> f64 {
        if variance == 0.0 {
            return 0.0;
        }
        let mean = if self.has_intercept {
            1.0 / self.total_weight
        } else {
            0.0
        };
        // Squares of the deviations themselves could leave the range of floats.
        let largest = deviations.iter().fold(0.0_f64, |m, d| m.max(d.abs()));
        if largest == 0.0 {
            return (variance * (own + mean)).sqrt();
        }
        let rows = self.covariance.chunks_exact(self.n_features().max(1));
        let terms = rows.zip(deviations).map(|(covariances, a)| {
            let products = covariances.iter().zip(deviations);
            let sum: f64 = products.map(|(c, b)| c * (b / largest)).sum();
            a / largest * sum
        });
        // Rounding may leave a sum just below 0, but what is not a number must stay so.
        let sum: f64 = terms.sum();
        let leverage = if sum < 0.0 { 0.0 } else { sum };
        variance.sqrt() * (largest * leverage.sqrt()).hypot((own + mean).sqrt())
    }
}

fn out_of_range() -> Error {
    Error::input("a prediction or its interval leaves the range of floats; scale the columns first")
}

impl Snapshot for FittedLinearRegression {
    const KIND: &'static str = "ml.linear_regression";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let d = self.n_features();
        let lengths = self.x_centers.len() == d
            && self.importance.len() == d
            && d > 0
            && d.checked_mul(d) == Some(self.covariance.len());
        let finite = |values: &[f64]| values.iter().all(|x| x.is_finite());
        let numbers = finite(&self.coefficients)
            && finite(&self.covariance)
            && finite(&self.importance)
            && finite(&[self.freedom, self.r2])
            && self.x_centers.iter().all(|c| c.is_finite())
            && self.y_center.is_finite();
        let variance = self
            .variance
            .is_none_or(|v| v >= 0.0 && v.is_finite() && self.freedom >= 1.0);
        if lengths
            && numbers
            && variance
            && self.total_weight > 0.0
            && self.total_weight.is_finite()
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the coefficients, centers and covariances of a linear regression do not fit",
            ))
        }
    }
}
