//! Points beyond the range of the latest fit.

use std::sync::{Arc, OnceLock};

use bongsu_core::Result as CoreResult;

use super::Refitted;
use crate::fitted::Fitted;

/// Methods that cut the range of what they are fitted on into parts, and so see no difference between
/// a point at its edge and one far beyond it.
const BLIND_BEYOND_RANGE: [&str; 2] = ["isolation-forest", "extended-isolation-forest"];

impl Refitted {
    fn is_blind_beyond_range(&self) -> bool {
        BLIND_BEYOND_RANGE.contains(&self.detector.as_str())
    }

    /// Whether a feature of `x` is outside what the latest fit, and the `farthest` point, have seen of
    /// it.
    fn is_beyond(&self, x: &[f64], farthest: Option<&[f64]>) -> bool {
        let to = self.times.len() - self.since_fit.unwrap_or(0);
        let from = to.saturating_sub(self.history);
        x.iter().enumerate().any(|(feature, value)| {
            let fitted = self.points.range(from * self.features..to * self.features);
            let fitted = fitted.skip(feature).step_by(self.features.max(1));
            let mut seen = fitted.chain(farthest.and_then(|point| point.get(feature)));
            let above = |other: &f64| other >= value;
            let below = |other: &f64| other <= value;
            !(seen.clone().any(above) && seen.any(below))
        })
    }

    /// Whether `farthest` is as far out as `x`, up to twice as far, wherever `x` is beyond the range: a
    /// forest that is grown on a point much farther out does not tell `x` from the range.
    fn is_like(&self, x: &[f64], farthest: &[f64]) -> bool {
        let to = self.times.len() - self.since_fit.unwrap_or(0);
        let from = to.saturating_sub(self.history);
        x.iter()
            .zip(farthest)
            .enumerate()
            .all(|(feature, (value, other))| {
                let fitted = self.points.range(from * self.features..to * self.features);
                let fitted = fitted.skip(feature).step_by(self.features.max(1)).copied();
                let (least, most) = fitted.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| {
                    (a.min(x), b.max(x))
                });
                let as_far =
                    |own: f64, other: f64| own <= 0.0 || (own <= other && other <= 2.0 * own);
                as_far(value - most, other - most) && as_far(least - value, least - other)
            })
    }

    /// The model that is fitted on `x`, too.
    fn fit_with(&self, x: &[f64]) -> CoreResult<Fitted> {
        let to = self.times.len() - self.since_fit.unwrap_or(0);
        let (times, values) = self.gather(to.saturating_sub(self.history), to, x)?;
        self.with_rows(&times, &values.view(), |rows, _| {
            self.with_config(|config| Fitted::new(config, rows, self.max_alarm_share))
        })
    }

    /// Where `x` is beyond the range of `fitted`, the model that judges it: that which is fitted on the
    /// farthest point, too, or, where `x` is farther, on `x`.
    pub(super) fn model_beyond_range(
        &self,
        fitted: &Arc<Fitted>,
        x: &[f64],
    ) -> CoreResult<Option<Arc<Fitted>>> {
        if !self.is_blind_beyond_range() || !self.is_beyond(x, None) {
            return Ok(None);
        }
        if let Some(farthest) = self.farthest.as_deref()
            && self.is_like(x, farthest)
        {
            let widened = self
                .widened
                .get_or_init(|| self.fit_with(farthest).ok().map(Arc::new));
            return Ok(Some(Arc::clone(widened.as_ref().unwrap_or(fitted))));
        }
        self.fit_with(x).map(|model| Some(Arc::new(model)))
    }

    #[cfg(test)]
    pub(in crate::registry) fn farthest(&self) -> Option<&[f64]> {
        self.farthest.as_deref()
    }

    /// Takes note of a point that is to be learned.
    pub(super) fn note_farthest(&mut self, x: &[f64]) {
        if self.since_fit.is_some()
            && self.is_blind_beyond_range()
            && self.is_beyond(x, self.farthest.as_deref())
        {
            self.farthest = Some(x.to_vec());
            self.widened = OnceLock::new();
        }
    }
}
