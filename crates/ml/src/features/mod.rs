//! Features of the windows of a series.

mod extract;
mod stream;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::FeatureStream;

/// The longest window.
const LONGEST: usize = 1 << 20;

/// Configuration of window features: what a sliding or tumbling window of a series looks like, in
/// numbers that table detectors take.
///
/// Of the values present (NaN marks a missing one), in this order:
///
/// | name | what it is |
/// |---|---|
/// | `count` | values present |
/// | `mean`, `std` | mean and standard deviation (divisor n - 1) |
/// | `min`, `p25`, `median`, `p75`, `max` | quantiles with linear interpolation |
/// | `slope` | change a row of the least squares line, missing rows keeping their place |
/// | `spikiness` | variance of the leave-one-out variances |
/// | `acf1` | autocorrelation of neighbouring rows: `sum (x_t - m)(x_(t+1) - m) / sum (x_t - m)^2` |
/// | `entropy` | entropy in nats of the histogram of 10 equal bins from `min` to `max` |
/// | `crossings` | how often the series crosses its median |
///
/// A feature that needs more values than there are is NaN: `std` and `slope` need 2, `spikiness` 3,
/// the others 1. Of a constant window `slope`, `spikiness`, `acf1` and `entropy` are 0. Features of
/// a window that spans nearly the whole range of floats may be infinite.
///
/// One pass over the series with the last window in memory; every window is computed anew from
/// deviations from one of its values, so that an offset of 1e9 costs no digits and no error builds
/// up. Cost: O(log w) comparisons and a move of at most `8 w` bytes a row for the quantiles, O(w) a
/// window for the rest.
///
/// Sources: pandas 2.3.3 `rolling`; tsfeatures (Hyndman, Wang and Laptev 2015,
/// <https://doi.org/10.1109/ICDMW.2015.104>) for spikiness, with its leave-one-out variance
/// `((n - 1) v - (x - m)^2) / (n - 2)`, autocorrelation and crossings; NumPy 2.4.6 `histogram`.
///
/// ```
/// use bongsu_ml::WindowFeatures;
/// let features = WindowFeatures::new().window(4)?.stride(2)?;
/// let table = features.extract(&[1.0, 2.0, 3.0, 4.0, f64::NAN, 6.0])?;
/// let column = |name: &str| WindowFeatures::NAMES.iter().position(|n| *n == name).unwrap_or(0);
/// assert_eq!(table.nrows(), 2);
/// assert_eq!((table[[0, column("mean")]], table[[0, column("slope")]]), (2.5, 1.0));
/// assert_eq!((table[[1, column("count")]], table[[1, column("max")]]), (3.0, 6.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowFeatures {
    window: usize,
    stride: usize,
}

impl Default for WindowFeatures {
    fn default() -> Self {
        Self {
            window: 100,
            stride: 1,
        }
    }
}

impl WindowFeatures {
    /// The number of features.
    pub const COUNT: usize = 13;

    /// The names of the features, in order.
    pub const NAMES: [&'static str; Self::COUNT] = [
        "count",
        "mean",
        "std",
        "min",
        "p25",
        "median",
        "p75",
        "max",
        "slope",
        "spikiness",
        "acf1",
        "entropy",
        "crossings",
    ];

    /// The defaults: 100 rows, a window at every row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The window in rows. Domain: [2, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, rows: usize) -> Result<Self> {
        self.window = check::count("window", rows, 2, LONGEST)?;
        Ok(self)
    }

    /// Rows from one window to the next: 1 slides, the window's length tumbles. Domain:
    /// [1, 1048576]. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn stride(mut self, rows: usize) -> Result<Self> {
        self.stride = check::count("stride", rows, 1, LONGEST)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("window", self.window, 2, LONGEST)?;
        check::count("stride", self.stride, 1, LONGEST)?;
        Ok(())
    }

    /// The features of every full window of `values`, one row a window: window `i` ends with value
    /// `window - 1 + i stride`.
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    pub fn extract(&self, values: &[f64]) -> Result<Array2<f64>> {
        let mut stream = self.build()?;
        let full = (values.len() + 1).saturating_sub(self.window);
        let windows = full.div_ceil(self.stride);
        let mut out = Vec::with_capacity(windows.saturating_mul(Self::COUNT));
        for (row, &value) in values.iter().enumerate() {
            let pushed = stream.push(value);
            let named = |_| Error::non_finite(format!("the value in row {row}"), value);
            if let Some(features) = pushed.map_err(named)? {
                out.extend(features);
            }
        }
        let shape = (out.len() / Self::COUNT, Self::COUNT);
        Array2::from_shape_vec(shape, out)
            .map_err(|_| Error::shape("number of windows", shape.0, windows))
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<FeatureStream> {
        FeatureStream::new(self.clone())
    }
}
