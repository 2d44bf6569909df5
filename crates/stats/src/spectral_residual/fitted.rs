use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::SpectralResidual;
use crate::check;

/// The spectral residual of whole columns; see [`SpectralResidual`].
///
/// The rows of a call are one series, judged by its own spectrum: nothing but the configuration is
/// learned. Scoring allocates about 100 bytes a row while at work; a fitted one takes 40 bytes.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// let mut x = Array2::from_shape_fn((64, 1), |(i, _)| (i % 4) as f64);
/// x[[40, 0]] = 20.0;
/// let fitted = bongsu_stats::SpectralResidual::new().average(1)?.fit(x.view())?;
/// let scores = fitted.score(x.view())?;
/// let above = (0..64).filter(|&i| scores[i] > fitted.threshold().unwrap());
/// assert_eq!(above.collect::<Vec<_>>(), [40]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedSpectralResidual {
    config: SpectralResidual,
}

impl FittedSpectralResidual {
    pub(super) const fn new(config: SpectralResidual) -> Self {
        Self { config }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SpectralResidual {
        &self.config
    }
}

impl Detector for FittedSpectralResidual {
    fn n_features(&self) -> usize {
        1
    }

    /// Fails when there are fewer than 12 rows or than `smoothing`, too.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        let values = check::column(&x)?;
        if out.len() != values.len() {
            return Err(Error::shape(
                "length of the output",
                out.len(),
                values.len(),
            ));
        }
        out.copy_from_slice(&self.config.score(&values)?);
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }
}

impl Snapshot for FittedSpectralResidual {
    const KIND: &'static str = "stats.spectral-residual.fitted";
    const VERSION: u16 = 2;

    fn validate(&self) -> Result<()> {
        self.config.validate()
    }
}
