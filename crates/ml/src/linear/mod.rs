//! Linear regression: ordinary least squares and ridge.

mod fitted;
mod solve;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;
use solve::Problem;

pub use fitted::FittedLinearRegression;

/// Configuration of a linear regression.
///
/// `y = intercept + sum_k b_k x_k` with the coefficients that minimise
/// `sum_i w_i (y_i - y(x_i))^2 + alpha sum_k b_k^2`: ordinary least squares at `alpha` 0, ridge
/// above. The intercept is not penalised. Where columns depend on each other (a constant one, two
/// alike) least squares has many solutions, and the one with the least `sum_k b_k^2` is taken, as
/// scikit-learn does; whether they depend is judged on columns scaled to the same length, so that
/// units do not matter.
///
/// Columns and target are centred by exact differences, so an offset of 1e9 costs no digits, and
/// solved by a QR factorisation and a singular value decomposition of its triangle; normal
/// equations, which would square the condition number, are not formed.
///
/// Cost of fitting: O(n d^2 + d^3) time, one copy of the table.
///
/// Sources: Golub & Van Loan 2013, *Matrix Computations*, 5.3 and 5.5; references scikit-learn
/// 1.9.1 `LinearRegression` and `Ridge`, statsmodels 0.15.0 `OLS` and `WLS`.
///
/// ```
/// use bongsu_core::ndarray::array;
/// use bongsu_ml::LinearRegression;
/// let x = array![[1.0], [2.0], [3.0], [4.0]];
/// let fitted = LinearRegression::new().fit(x.view(), &[3.1, 4.9, 7.1, 8.9])?;
/// assert!((fitted.coefficients()[0] - 1.96).abs() < 1e-12);
/// assert!((fitted.predict(array![[10.0]].view())?[0] - 20.7).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearRegression {
    alpha: f64,
    intercept: bool,
}

impl Default for LinearRegression {
    fn default() -> Self {
        Self {
            alpha: 0.0,
            intercept: true,
        }
    }
}

impl LinearRegression {
    /// The defaults: ordinary least squares with an intercept.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The weight of the penalty on squared coefficients. Domain: finite, at least 0. Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        self.alpha = penalty(alpha)?;
        Ok(self)
    }

    /// Whether there is an intercept. Default: yes.
    #[must_use]
    pub const fn intercept(mut self, intercept: bool) -> Self {
        self.intercept = intercept;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        penalty(self.alpha).map(|_| ())
    }

    /// Learns to predict `y` from the rows of `x`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, `y` has another length than `x` has rows, a value is
    /// not finite, there are fewer rows than coefficients (least squares only; ridge takes any
    /// number), or squares leave the range of floats.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn fit(&self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<FittedLinearRegression> {
        self.fit_with(&x, y, None)
    }

    /// As [`LinearRegression::fit`], row `i` counting `weights[i]` times (its error variance is
    /// proportional to the inverse). Domain of a weight: finite, at least 0; rows of weight 0 are
    /// left out.
    ///
    /// # Errors
    /// As [`LinearRegression::fit`], and when there are not as many weights as rows or one is
    /// outside the domain.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn fit_weighted(
        &self,
        x: ArrayView2<'_, f64>,
        y: &[f64],
        weights: &[f64],
    ) -> Result<FittedLinearRegression> {
        if weights.len() != x.nrows() {
            return Err(Error::shape("number of weights", weights.len(), x.nrows()));
        }
        let bad = |w: &&f64| !(w.is_finite() && **w >= 0.0);
        if let Some(&weight) = weights.iter().find(bad) {
            return Err(Error::parameter("weight", weight, "finite and at least 0"));
        }
        self.fit_with(&x, y, Some(weights))
    }

    fn fit_with(
        &self,
        x: &ArrayView2<'_, f64>,
        y: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<FittedLinearRegression> {
        self.validate()?;
        check::table("a linear regression", x, 1)?;
        if y.len() != x.nrows() {
            return Err(Error::shape("number of targets", y.len(), x.nrows()));
        }
        if let Some(row) = y.iter().position(|value| !value.is_finite()) {
            let value = y.get(row).copied().unwrap_or(f64::NAN);
            return Err(Error::non_finite(format!("the target in row {row}"), value));
        }
        let ones = vec![1.0; y.len()];
        let problem = Problem::new(x, y, weights.unwrap_or(&ones), self.intercept)?;
        let coefficients = x.ncols() + usize::from(self.intercept);
        if problem.n_rows() == 0 || (self.alpha == 0.0 && problem.n_rows() < coefficients) {
            let what = format!(
                "ordinary least squares with {} features (a ridge, alpha above 0, takes fewer)",
                x.ncols()
            );
            return Err(Error::not_enough_data(what, coefficients, problem.n_rows()));
        }
        FittedLinearRegression::learn(&problem, &problem.solve(self.alpha)?)
    }
}

fn penalty(alpha: f64) -> Result<f64> {
    if alpha.is_finite() && alpha >= 0.0 {
        Ok(alpha)
    } else {
        Err(Error::parameter("alpha", alpha, "finite and at least 0"))
    }
}
