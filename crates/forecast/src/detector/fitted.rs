use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Expectation, Result, Rows, Snapshot};
use serde::{Deserialize, Serialize};

use super::{ForecastDetector, column, walk::Walk};
use crate::model::FittedModel;

/// The most steps after those that it learned from in one call.
const MAX_AHEAD: usize = 1 << 20;

/// A forecaster as a fitted detector; see [`ForecastDetector`].
///
/// Takes what the model takes, and 32 bytes a step it learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedForecastDetector {
    config: ForecastDetector,
    timed: bool,
    /// What was expected of each step it learned from.
    judged: Vec<Expectation>,
    walk: Walk,
}

/// How many half-bands a value lies from what is expected; 0 where it is missing or the band has no
/// bound on its side.
pub(super) fn score(value: f64, band: &Expectation) -> f64 {
    if value.is_nan() {
        return 0.0;
    }
    let half = if value >= band.expected {
        band.upper - band.expected
    } else {
        band.expected - band.lower
    };
    if half == f64::INFINITY {
        return 0.0;
    }
    // Halves, so that the distance of two large magnitudes stays finite.
    let distance = (0.5 * value - 0.5 * band.expected).abs();
    (2.0 * (distance / half)).min(f64::MAX)
}

impl FittedForecastDetector {
    pub(super) const fn new(
        config: ForecastDetector,
        timed: bool,
        judged: Vec<Expectation>,
        walk: Walk,
    ) -> Self {
        Self {
            config,
            timed,
            judged,
            walk,
        }
    }

    /// The model as it was fitted last.
    #[must_use]
    pub const fn model(&self) -> &FittedModel {
        &self.walk.model
    }

    /// How often the model could not be fitted anew, and went on as it was.
    #[must_use]
    pub const fn failed_refits(&self) -> usize {
        self.walk.failed_refits
    }

    /// The step of each row.
    fn steps(&self, rows: &Rows<'_>) -> Result<Vec<usize>> {
        let known = self.walk.timeline;
        match rows.timestamps() {
            Some(times) if self.timed => {
                let step = |&time| {
                    known.index_of(time).ok_or_else(|| {
                        Error::input(format!(
                            "{time} is not on the grid that the detector was fitted to, which starts \
                             at {}",
                            known.start()
                        ))
                    })
                };
                times.iter().map(step).collect()
            }
            _ => Ok((0..rows.len()).collect()),
        }
    }

    fn bands(&self, rows: &Rows<'_>) -> Result<(Vec<f64>, Vec<Expectation>)> {
        let values = column(&rows.values())?;
        let steps = self.steps(rows)?;
        let known = self.judged.len();
        let ahead = steps
            .last()
            .map_or(0, |&last| (last + 1).saturating_sub(known));
        if ahead > MAX_AHEAD {
            return Err(Error::input(format!(
                "the last row lies {ahead} steps after those that the detector was fitted to, but at \
                 most {MAX_AHEAD} can be followed: fit it anew"
            )));
        }
        let mut later = vec![f64::NAN; ahead];
        for (&step, &value) in steps.iter().zip(&values) {
            let slot = step.checked_sub(known).and_then(|i| later.get_mut(i));
            if let Some(slot) = slot {
                *slot = value;
            }
        }
        let mut bands = Vec::with_capacity(ahead);
        if !later.is_empty() {
            let mut walk = self.walk.clone();
            for &value in &later {
                bands.push(walk.step(&self.config, value)?);
            }
        }
        let band = |&step: &usize| {
            let band = match step.checked_sub(known) {
                Some(later) => bands.get(later),
                None => self.judged.get(step),
            };
            band.copied()
                .unwrap_or_else(|| Expectation::symmetric(0.0, f64::INFINITY))
        };
        Ok((values, steps.iter().map(band).collect()))
    }
}

impl Detector for FittedForecastDetector {
    fn n_features(&self) -> usize {
        1
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        self.score_rows_into(&Rows::untimed(x), out)
    }

    fn threshold(&self) -> Option<f64> {
        Some(1.0)
    }

    fn score_rows_into(&self, rows: &Rows<'_>, out: &mut [f64]) -> Result<()> {
        if out.len() != rows.len() {
            return Err(Error::shape("number of scores", out.len(), rows.len()));
        }
        let (values, bands) = self.bands(rows)?;
        for ((out, &value), band) in out.iter_mut().zip(&values).zip(&bands) {
            *out = score(value, band);
        }
        Ok(())
    }

    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        Ok(Some(self.bands(rows)?.1))
    }
}

impl Snapshot for FittedForecastDetector {
    const KIND: &'static str = "forecast.detector";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.walk.validate()?;
        let expected = |band: &Expectation| {
            band.expected.is_finite() && band.lower <= band.expected && band.expected <= band.upper
        };
        let adaptive = self.walk.adaptive.is_some() == self.config.adaptive.is_some();
        if self.judged.len() == self.walk.timeline.len()
            && self.judged.iter().all(expected)
            && adaptive
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the expectations of a forecaster as a detector do not fit its grid",
            ))
        }
    }
}
