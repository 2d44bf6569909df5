use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Expectation, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::{Iqr, Quartiles};
use crate::check;

/// The fences of a column; see [`Iqr`].
///
/// Cost: O(1) time a row, constant memory.
///
/// ```
/// use bongsu_core::Detector as _;
/// let fitted = bongsu_stats::Iqr::new().fit_column(&[1.0, 2.0, 3.0, 4.0, 5.0])?;
/// let band = fitted.expectation().unwrap();
/// assert_eq!((band.lower, band.expected, band.upper), (-1.0, 3.0, 7.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedIqr {
    config: Iqr,
    quartiles: Quartiles,
}

impl FittedIqr {
    pub(super) fn learn(config: Iqr, mut values: Vec<f64>) -> Result<Self> {
        check::finite_rows(&values)?;
        if values.len() < 4 {
            return Err(Error::not_enough_data(
                "an interquartile range",
                4,
                values.len(),
            ));
        }
        let quartiles = Quartiles::select(&mut values);
        if (quartiles.upper - quartiles.lower).is_infinite() {
            return Err(Error::input(
                "the quartiles span more than the largest float; scale the values down first",
            ));
        }
        Ok(Self { config, quartiles })
    }

    /// The lower quartile, the median and the upper quartile of the column.
    #[must_use]
    pub const fn quartiles(&self) -> [f64; 3] {
        [
            self.quartiles.lower,
            self.quartiles.median,
            self.quartiles.upper,
        ]
    }

    /// The raw score of one finite value.
    #[must_use]
    pub fn score_value(&self, x: f64) -> f64 {
        self.quartiles.score(x)
    }
}

impl Detector for FittedIqr {
    fn n_features(&self) -> usize {
        1
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::score_rows(&x, out, |x| self.quartiles.score(x))
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn expectation(&self) -> Option<Expectation> {
        let (lower, upper) = self.quartiles.fences(self.config.threshold);
        Some(Expectation {
            expected: self.quartiles.median,
            lower,
            upper,
        })
    }
}

impl Snapshot for FittedIqr {
    const KIND: &'static str = "stats.iqr.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let [lower, median, upper] = self.quartiles();
        let ordered = lower <= median && median <= upper;
        if ordered && (upper - lower).is_finite() && median.is_finite() {
            Ok(())
        } else {
            Err(Error::snapshot("the quartiles are not finite and in order"))
        }
    }
}
