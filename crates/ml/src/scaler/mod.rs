//! Scalers that are part of a fitted model, and detectors on scaled columns.

mod column;
mod fitted;
mod scaled;

use std::fmt;
use std::str::FromStr;

use bongsu_core::ndarray::{ArrayView1, ArrayView2};
use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use column::Column;

pub use fitted::FittedScaler;
pub use scaled::{FittedScaled, Scaled};

/// How each column of a table is brought to a common scale.
///
/// `z = (x - center) / scale` with, of the column that was fitted:
///
/// | scaler | center | scale |
/// |---|---|---|
/// | `none` | 0 | 1 |
/// | `standard` | mean | standard deviation (divisor n) |
/// | `min_max` | minimum | maximum - minimum |
/// | `robust` | median | upper quartile - lower quartile (linear interpolation) |
///
/// A scale of 0 counts as 1, so that a constant column becomes 0. Deviations are taken from a
/// value of the column, so an offset of 1e9 costs no digits, and columns near the ends of the
/// range of floats neither overflow nor vanish. scikit-learn also leaves a column unscaled whose
/// deviation is within its own rounding error; here only an exact 0 does that.
///
/// Default: `standard`.
///
/// Source: scikit-learn 1.9.1, `StandardScaler`, `MinMaxScaler` and `RobustScaler`.
///
/// ```
/// use bongsu_core::ndarray::array;
/// use bongsu_ml::Scaler;
/// let x = array![[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]];
/// let scaler = Scaler::MinMax.fit(x.view())?;
/// assert_eq!(scaler.transform(x.view())?, array![[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaler {
    /// Columns stay as they are.
    None,
    /// Mean 0, standard deviation 1.
    #[default]
    Standard,
    /// From 0 to 1.
    MinMax,
    /// Median 0, interquartile range 1.
    Robust,
}

impl Scaler {
    const ALL: [Self; 4] = [Self::None, Self::Standard, Self::MinMax, Self::Robust];

    /// Learns the center and the scale of each column of `x`.
    ///
    /// Cost: O(n d) time, O(n d log n) for `robust`; a copy of one column.
    ///
    /// # Errors
    /// When `x` has no rows, no columns or a value that is not finite.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn fit(self, x: ArrayView2<'_, f64>) -> Result<FittedScaler> {
        crate::check::table("a scaler", &x, 1)?;
        let mut values = Vec::with_capacity(x.nrows());
        let learn = |column: ArrayView1<'_, f64>| {
            values.clear();
            values.extend(column);
            Column::learn(self, &mut values)
        };
        let columns = x.columns().into_iter().map(learn).collect();
        Ok(FittedScaler::new(self, columns))
    }

    /// The word used in configuration: `none`, `standard`, `min_max` or `robust`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Standard => "standard",
            Self::MinMax => "min_max",
            Self::Robust => "robust",
        }
    }
}

impl fmt::Display for Scaler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scaler {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|scaler| scaler.as_str() == text);
        let domain = "none, standard, min_max or robust";
        found.ok_or_else(|| Error::parameter("scaler", format!("`{text}`"), domain))
    }
}
