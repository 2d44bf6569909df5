use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::{Ecod, combine};
use crate::tails::Tails;

/// The distributions of a table's columns; see [`Ecod`].
///
/// Cost: O(d log n) time a row; 8 bytes a training value.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::array};
/// let rows = array![[1.0, 5.0], [2.0, 4.0], [3.0, 6.0], [4.0, 5.5]];
/// let fitted = bongsu_ml::Ecod::new().fit(rows.view())?;
/// let parts = fitted.contributions(&[9.0, 5.0])?.unwrap();
/// assert!(parts[0] > parts[1]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedEcod {
    tails: Tails,
    threshold: f64,
}

impl FittedEcod {
    pub(super) fn learn(config: &Ecod, x: &ArrayView2<'_, f64>) -> Result<(Self, Vec<f64>)> {
        let (tails, scores) = Tails::learn("ECOD", x, combine)?;
        let threshold = quantile(&scores, 1.0 - config.contamination);
        Ok((Self { tails, threshold }, scores))
    }
}

impl Detector for FittedEcod {
    fn n_features(&self) -> usize {
        self.tails.n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        self.tails.score(&x, out, combine)
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// What each feature adds to the score.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        Ok(Some(self.tails.contributions(row, combine)?))
    }
}

impl Snapshot for FittedEcod {
    const KIND: &'static str = "ml.ecod";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.tails.validate()?;
        if self.threshold.is_finite() {
            Ok(())
        } else {
            Err(Error::snapshot("the threshold is not finite"))
        }
    }
}
