//! Polynomial prediction.

mod filter;
mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedPoly;

/// The longest window.
const LONGEST: usize = 1 << 16;

/// Configuration of polynomial prediction for a regularly sampled series.
///
/// A polynomial of degree `power` is fitted by least squares to the `window` values before each
/// one and continued by one step; `score = sqrt(mean((x - prediction)^2)) / s` over the `average`
/// rows around the row, where `s` is 1.4826 times the median of the absolute prediction errors of
/// the training rows, so that a score compares with a number of standard deviations that outliers do
/// not move. Where that median is 0, their mean
/// takes its place, and the smallest positive float that of a mean of 0 too.
///
/// On a regular grid the prediction is a fixed filter: one dot product a row. Its coefficients come
/// from orthonormal polynomials of the grid, whose recursion does not lose digits with the degree.
///
/// Rows are consecutive observations of one column. The prediction of a row uses the rows before it
/// alone. So does its score with `causal`: the mean is then over the latest `average` rows. At the
/// ends the mean is over the rows that there are. The first `window` rows of a call have fewer values before them, and are predicted by a
/// polynomial of a degree reduced in proportion (the error of the first row is 0). What is expected
/// of a row is its prediction, with bounds beyond which a row, were all around like it, would exceed
/// the threshold.
///
/// Cost: O(w + average) a row; O(w^2 p) once for the filters of the first rows. Memory of a fitted model:
/// `8 w` bytes.
///
/// Source: the forward prediction of Li, Ma and Mei 2007, "A unifying method for outlier and change
/// detection from data streams based on local polynomial fitting", PAKDD. `POLY` of TSB-AD fits
/// blocks to both of their sides, looking ahead, and compares spectra; its scores differ.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_ml::Poly;
/// let wave = |i: usize| (i as f64 / 9.0).sin() + ((i * 7) % 5) as f64 * 0.01;
/// let mut x = Array2::from_shape_fn((200, 1), |(i, _)| wave(i));
/// let fitted = Poly::new().window(10)?.average(1)?.fit(x.view())?;
/// x[[150, 0]] += 1.0;
/// let scores = fitted.score(x.view())?;
/// assert!(scores[150] > 20.0 && scores[149] < 5.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Poly {
    window: usize,
    power: usize,
    average: usize,
    causal: bool,
    contamination: f64,
}

impl Default for Poly {
    fn default() -> Self {
        Self {
            window: 50,
            power: 4,
            average: 100,
            causal: false,
            contamination: 0.1,
        }
    }
}

impl Poly {
    /// The defaults: degree 4 on 50 values, errors averaged over the 100 rows around each,
    /// contamination 0.1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of values before each one that its prediction uses. Domain: [2, 65536], more
    /// than `power`. Default: 50.
    ///
    /// # Errors
    /// When outside [2, 65536]; that it is more than `power` is checked on fitting.
    pub fn window(mut self, points: usize) -> Result<Self> {
        self.window = check::count("window", points, 2, LONGEST)?;
        Ok(self)
    }

    /// The degree of the polynomial. Domain: [0, 10]. Default: 4.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn power(mut self, degree: usize) -> Result<Self> {
        self.power = check::count("power", degree, 0, 10)?;
        Ok(self)
    }

    /// Over how many rows squared errors are averaged; 1 for the error of the row alone. Domain:
    /// [1, 65536]. Default: 100, which ranks the points of labelled series far better than 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn average(mut self, rows: usize) -> Result<Self> {
        self.average = check::count("average", rows, 1, LONGEST)?;
        Ok(self)
    }

    /// Whether a row is judged only by what came before it and by itself. Default: no.
    #[must_use]
    pub const fn causal(mut self, causal: bool) -> Self {
        self.causal = causal;
        self
    }

    /// The share of training rows taken as anomalous: the threshold is the quantile of the training
    /// scores above which that share lies. Domain: (0, 0.5]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = check::contamination(share)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("window", self.window, 2, LONGEST)?;
        check::count("power", self.power, 0, 10)?;
        check::count("average", self.average, 1, LONGEST)?;
        check::contamination(self.contamination)?;
        if self.window > self.power {
            Ok(())
        } else {
            Err(Error::parameter(
                "window",
                self.window,
                format!("more than the power, {}", self.power),
            ))
        }
    }
}

impl FitDetector for Poly {
    type Fitted = FittedPoly;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedPoly> {
        self.validate()?;
        check::table("polynomial prediction", &x, self.window + 2)?;
        if x.ncols() != 1 {
            return Err(Error::shape("number of columns", x.ncols(), 1));
        }
        let values: Vec<f64> = x.iter().copied().collect();
        FittedPoly::learn(self, &values)
    }
}
