//! One-class support vector machine.

mod active;
mod cache;
mod fitted;
mod kernel;
mod lanes;
mod solver;
mod start;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result};
use serde::{Deserialize, Serialize};

use crate::check;
use lanes::{Function, Panels};
use solver::Limits;

pub use fitted::FittedOneClassSvm;
pub use kernel::{Gamma, Kernel};

/// The most iterations that can be asked for.
const MOST_ITERATIONS: usize = 1 << 40;

/// Sums of kernel values up to this can be squared.
const LARGEST_KERNEL: f64 = 1e100;

/// Configuration of a one-class support vector machine.
///
/// It learns a surface that keeps about `1 - nu` of the rows inside:
/// `score(x) = rho - sum_i a_i K(x_i, x)` with the weights that minimise `a' K a / 2` subject to
/// `0 <= a_i <= 1` and `sum_i a_i = nu n`. Above 0 a row is outside, and anomalous: the score is
/// minus libsvm's decision value, and the threshold is 0 unless `contamination` is set. Only rows
/// with a weight above 0 (support vectors) are kept. Columns are not scaled here; put a
/// [`Scaled`](crate::Scaled) around it when their units differ.
///
/// The solver is sequential minimal optimisation with second-order choice of pairs, shrinking, and
/// a bounded cache of kernel rows, as in libsvm. It stops at a fifth of the tolerance, and starts from the rows that
/// are least like a sample of the others, which saves most of the steps. The result does not depend on
/// the number of threads.
///
/// Cost of fitting: O(n s d) to start with `s` support vectors (at least `nu n`), then O(n d) a
/// step whose kernel row is not in the cache and O(n) otherwise, with some `s` steps. Memory: the
/// cache (at most `cache_mb`), three copies of the table while rows are set aside, and 60 bytes a
/// row.
///
/// Sources: Schölkopf et al. 2001, <https://doi.org/10.1162/089976601750264965>; Fan, Chen and Lin
/// 2005, *JMLR* 6, 1889-1918; reference scikit-learn 1.9.1 `OneClassSVM` (libsvm).
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::{Array2, array}};
/// use bongsu_ml::OneClassSvm;
/// let ring = |i: usize| [(i as f64).sin(), (i as f64).cos()];
/// let x = Array2::from_shape_fn((50, 2), |(i, j)| ring(i)[j]);
/// let fitted = OneClassSvm::new().nu(0.1)?.fit(x.view())?;
/// let scores = fitted.score(array![[0.9, 0.1], [4.0, 4.0]].view())?;
/// assert!(scores[0] < 0.0 && scores[1] > 0.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneClassSvm {
    kernel: Kernel,
    nu: f64,
    gamma: Gamma,
    degree: u32,
    coef0: f64,
    tolerance: f64,
    shrinking: bool,
    cache_mb: usize,
    max_iterations: Option<usize>,
    contamination: Option<f64>,
}

impl Default for OneClassSvm {
    fn default() -> Self {
        Self {
            kernel: Kernel::Rbf,
            nu: 0.1,
            gamma: Gamma::Scale,
            degree: 3,
            coef0: 0.0,
            tolerance: 1e-3,
            shrinking: true,
            cache_mb: 200,
            max_iterations: None,
            contamination: None,
        }
    }
}

impl OneClassSvm {
    /// The defaults: radial basis functions of `scale` width, `nu` 0.1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The kernel. Default: `rbf`.
    #[must_use]
    pub const fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// The share of rows that may lie outside, at most; also the least share of support vectors.
    /// Domain: (0, 1]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn nu(mut self, nu: f64) -> Result<Self> {
        self.nu = share(nu)?;
        Ok(self)
    }

    /// The factor `gamma` of `rbf`, `poly` and `sigmoid`. Domain: `scale`, `auto` or a finite
    /// number above 0. Default: `scale`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn gamma(mut self, gamma: Gamma) -> Result<Self> {
        self.gamma = gamma.validate()?;
        Ok(self)
    }

    /// The degree of `poly`. Domain: [1, 20]. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn degree(mut self, degree: u32) -> Result<Self> {
        self.degree = degree_in_domain(degree)?;
        Ok(self)
    }

    /// The constant of `poly` and `sigmoid`. Domain: finite. Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn coef0(mut self, coef0: f64) -> Result<Self> {
        self.coef0 = finite(coef0)?;
        Ok(self)
    }

    /// By how much the optimality conditions may be broken, in units of the score; no finer than
    /// 1e-12 of the largest gradient possible. Domain: finite, above 0. Default: 1e-3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn tolerance(mut self, tolerance: f64) -> Result<Self> {
        self.tolerance = check::positive("tol", tolerance)?;
        Ok(self)
    }

    /// Whether rows that are unlikely to change are set aside. Default: yes.
    #[must_use]
    pub const fn shrinking(mut self, shrinking: bool) -> Self {
        self.shrinking = shrinking;
        self
    }

    /// The most memory for kernel rows, in MiB; two rows are always held. Domain: [1, 65536].
    /// Default: 200.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn cache_mb(mut self, mebibytes: usize) -> Result<Self> {
        self.cache_mb = check::count("cache_mb", mebibytes, 1, 1 << 16)?;
        Ok(self)
    }

    /// The most steps of the solver; `None` is the larger of 10,000,000 and 100 a row. Domain:
    /// [1, 2^40]. Default: `None`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_iterations(mut self, steps: Option<usize>) -> Result<Self> {
        if let Some(steps) = steps {
            check::count("max_iterations", steps, 1, MOST_ITERATIONS)?;
        }
        self.max_iterations = steps;
        Ok(self)
    }

    /// The share of training rows above the threshold; with `None` the threshold is 0, the surface
    /// itself. Domain: (0, 0.5]. Default: `None`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: Option<f64>) -> Result<Self> {
        if let Some(share) = share {
            check::contamination(share)?;
        }
        self.contamination = share;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        self.clone()
            .nu(self.nu)?
            .gamma(self.gamma)?
            .degree(self.degree)?
            .coef0(self.coef0)?
            .tolerance(self.tolerance)?
            .cache_mb(self.cache_mb)?
            .max_iterations(self.max_iterations)?
            .contamination(self.contamination)?;
        Ok(())
    }

    fn function(&self, x: &ArrayView2<'_, f64>) -> Result<Function> {
        let (coef0, degree) = (self.coef0, self.degree);
        Ok(match self.kernel {
            Kernel::Linear => Function::Linear,
            Kernel::Rbf => Function::Rbf {
                gamma: self.gamma.resolve(x)?,
            },
            Kernel::Poly => Function::Poly {
                gamma: self.gamma.resolve(x)?,
                coef0,
                degree,
            },
            Kernel::Sigmoid => Function::Sigmoid {
                gamma: self.gamma.resolve(x)?,
                coef0,
            },
        })
    }

    fn limits(&self, rows: usize) -> Limits {
        let usual = rows.saturating_mul(100).max(10_000_000);
        Limits {
            tolerance: self.tolerance,
            shrinking: self.shrinking,
            cache_bytes: self.cache_mb << 20,
            iterations: self.max_iterations.unwrap_or(usual),
        }
    }
}

impl FitDetector for OneClassSvm {
    type Fitted = FittedOneClassSvm;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedOneClassSvm> {
        self.validate()?;
        check::table("a one-class support vector machine", &x, 2)?;
        if u32::try_from(x.nrows()).is_err() {
            return Err(Error::shape("number of rows", x.nrows(), u32::MAX as usize));
        }
        let function = self.function(&x)?;
        let points = Panels::of_table(&x);
        bounded(function, &points)?;
        let weights = start::weights(function, &points, self.nu);
        let gradient = start::gradient(function, &points, &weights);
        let limits = self.limits(x.nrows());
        let solution = solver::solve(function, &points, weights, gradient, limits);
        FittedOneClassSvm::learn(self.contamination, function, &points, &solution, &x)
    }
}

/// The kernel of each row with itself, which bounds the others, leaves room for sums and squares.
fn bounded(function: Function, points: &Panels) -> Result<()> {
    let mut point = vec![0.0; points.features()];
    for row in 0..points.len() {
        points.copy_row(row, &mut point);
        let own = function.of_itself(&point).abs();
        if own.is_nan() || own > LARGEST_KERNEL {
            return Err(Error::input(format!(
                "the kernel of row {row} with itself is {own:e}, above {LARGEST_KERNEL:e}; scale \
                 the columns first"
            )));
        }
    }
    Ok(())
}

fn share(nu: f64) -> Result<f64> {
    if nu > 0.0 && nu <= 1.0 {
        Ok(nu)
    } else {
        Err(Error::parameter("nu", nu, "in (0, 1]"))
    }
}

fn degree_in_domain(degree: u32) -> Result<u32> {
    if (1..=20).contains(&degree) {
        Ok(degree)
    } else {
        Err(Error::parameter("degree", degree, "in [1, 20]"))
    }
}

fn finite(coef0: f64) -> Result<f64> {
    if coef0.is_finite() {
        Ok(coef0)
    } else {
        Err(Error::parameter("coef0", coef0, "finite"))
    }
}
