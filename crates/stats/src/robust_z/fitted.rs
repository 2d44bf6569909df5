use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Expectation, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::RobustZ;
use super::spread::{Spread, overflows};
use crate::check;

/// The robust z-score against the median and scale of a column; see [`RobustZ`].
///
/// Cost: O(1) time a row, constant memory.
///
/// ```
/// use bongsu_core::Detector as _;
/// let fitted = bongsu_stats::RobustZ::new().fit_column(&[1.0, 2.0, 3.0, 4.0, 100.0])?;
/// assert_eq!(fitted.median(), 3.0);
/// let band = fitted.expectation().unwrap();
/// assert!(band.upper > 8.1 && band.upper < 8.2);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedRobustZ {
    config: RobustZ,
    center: f64,
    scale: f64,
}

impl FittedRobustZ {
    pub(super) fn learn(config: RobustZ, mut values: Vec<f64>) -> Result<Self> {
        check::finite_rows(&values)?;
        if values.len() < 3 {
            return Err(Error::not_enough_data("a robust z-score", 3, values.len()));
        }
        values.sort_by(f64::total_cmp);
        let Spread { center, scale } = Spread::of(&values);
        if overflows(&values) || !scale.is_finite() {
            return Err(Error::input(
                "the values span more than the largest float; scale them down first",
            ));
        }
        Ok(Self {
            config,
            center,
            scale,
        })
    }

    /// The median of the column.
    #[must_use]
    pub const fn median(&self) -> f64 {
        self.center
    }

    /// The scale in standard deviations of normal data; 0 for a constant column.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// The raw score of one finite value.
    #[must_use]
    pub fn score_value(&self, x: f64) -> f64 {
        check::ratio((x - self.center).abs(), self.scale)
    }
}

impl Detector for FittedRobustZ {
    fn n_features(&self) -> usize {
        1
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::score_rows(&x, out, |x| self.score_value(x))
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn expectation(&self) -> Option<Expectation> {
        Some(Expectation::symmetric(
            self.center,
            self.config.threshold * self.scale,
        ))
    }
}

impl Snapshot for FittedRobustZ {
    const KIND: &'static str = "stats.robust-z.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        check::non_negative("scale", self.scale)?;
        check::single(&[self.center]).map(|_| ())
    }
}
