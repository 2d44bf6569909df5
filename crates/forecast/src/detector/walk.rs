//! The way of a model through a series, one value after another.

use bongsu_core::{
    Error, ErrorKind, Expectation, FittedForecaster, ForecastRequest, Labels, Result, SeriesView,
    Timestamp,
};
use serde::{Deserialize, Serialize};

use super::ForecastDetector;
use crate::conformal::Adaptive;
use crate::model::{FittedModel, Model};
use crate::timeline::Step;
use crate::{Timeline, check};

/// Of the largest magnitude: a half-band is never below that, so that the rounding of a metric that is
/// met exactly is not judged.
const FLOOR: f64 = 1e-10;

/// A model and where it has come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Walk {
    pub(super) timeline: Timeline,
    pub(super) model: FittedModel,
    /// The values of the last steps, as many as a fit takes; NaN where one is missing.
    pub(super) recent: Vec<f64>,
    /// The steps since the last fit.
    pub(super) since: usize,
    /// The last steps that the model has not been told of, because it cannot be.
    pub(super) untold: usize,
    pub(super) failed_refits: usize,
    pub(super) largest: f64,
    pub(super) adaptive: Option<Adaptive>,
}

impl Walk {
    /// Fits the model to the first `initial` of `values`, and judges them.
    pub(super) fn start(
        config: &ForecastDetector,
        timeline: &Timeline,
        values: &[f64],
        initial: usize,
    ) -> Result<(Self, Vec<Expectation>)> {
        let values = values.get(..initial).unwrap_or(values);
        let timeline = Timeline::new(timeline.start(), timeline.step(), values.len())?;
        let model = config.model.fit(&view(&times(&timeline, 0)?, values)?)?;
        let recent = values.len().saturating_sub(config.window);
        let mut walk = Self {
            timeline,
            model,
            recent: values.iter().skip(recent).copied().collect(),
            since: 0,
            untold: 0,
            failed_refits: 0,
            largest: 0.0,
            adaptive: config.calibration()?,
        };
        for value in values {
            walk.largest = walk.largest.max(value.abs());
        }
        let band = walk.band(config.level, 1)?;
        let halves = [band.expected - band.lower, band.upper - band.expected];
        let mut last = 0.0;
        let residuals = walk.model.residuals().to_vec();
        let mut judged = Vec::with_capacity(values.len());
        for (&value, residual) in values.iter().zip(residuals) {
            if !value.is_nan() {
                last = value;
            }
            if residual.is_nan() {
                judged.push(Expectation::symmetric(last, f64::INFINITY));
                continue;
            }
            let [below, above] = halves;
            let expected = value - residual;
            let expectation = Expectation {
                expected,
                lower: expected - below,
                upper: expected + above,
            };
            walk.calibrate(&expectation, value)?;
            judged.push(expectation);
        }
        Ok((walk, judged))
    }

    /// What is expected `ahead` steps after the last one, by the model.
    pub(super) fn band(&self, level: f64, ahead: usize) -> Result<Expectation> {
        let steps = self.untold.saturating_add(ahead);
        let levels = [level];
        let request = ForecastRequest::steps(steps).levels(&levels);
        let forecast = self.model.forecast(&request)?;
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        let expected = last(&forecast.mean);
        let (lower, upper) = forecast
            .intervals
            .first()
            .map_or((f64::NAN, f64::NAN), |interval| {
                (last(&interval.lower), last(&interval.upper))
            });
        let floor = (FLOOR * self.largest).max(f64::MIN_POSITIVE);
        // A forecast without a number expects the last value and bounds nothing.
        if !expected.is_finite() {
            let recent = self.recent.iter().rev().find(|value| !value.is_nan());
            let last = recent.copied().unwrap_or(0.0);
            return Ok(Expectation::symmetric(last, f64::INFINITY));
        }
        let bound = |bound: f64, open: f64| if bound.is_nan() { open } else { bound };
        Ok(Expectation {
            expected,
            lower: bound(lower, f64::NEG_INFINITY).min(expected - floor),
            upper: bound(upper, f64::INFINITY).max(expected + floor),
        })
    }

    /// The band as calibration makes it.
    pub(super) fn calibrated(&self, mut band: Expectation) -> Expectation {
        if let Some(reach) = self.adaptive.as_ref().and_then(Adaptive::reach) {
            let floor = (FLOOR * self.largest).max(f64::MIN_POSITIVE);
            let below = (reach * (band.expected - band.lower)).max(floor);
            let above = (reach * (band.upper - band.expected)).max(floor);
            (band.lower, band.upper) = (band.expected - below, band.expected + above);
        }
        band
    }

    pub(super) fn calibrate(&mut self, band: &Expectation, value: f64) -> Result<()> {
        match &mut self.adaptive {
            Some(adaptive) if !value.is_nan() => {
                adaptive.observe(super::fitted::score(value, band).min(f64::MAX))
            }
            _ => Ok(()),
        }
    }

    /// Judges the next value, then takes it into account.
    pub(super) fn step(&mut self, config: &ForecastDetector, value: f64) -> Result<Expectation> {
        let band = self.band(config.level, 1)?;
        let judged = self.calibrated(band);
        self.calibrate(&band, value)?;
        self.take(value, config.window)?;
        if self.since >= config.refit {
            self.refit(&config.model, config.window);
        }
        Ok(judged)
    }

    /// Takes the value of the next step into account, without a new fit; one beyond what models take
    /// as the largest that they do.
    pub(super) fn take(&mut self, value: f64, window: usize) -> Result<()> {
        let value = check::bounded(value);
        let timeline = self.timeline.extended(1)?;
        let now = [timeline.at(timeline.len() - 1)?];
        self.largest = self.largest.max(value.abs());
        self.recent.push(value);
        // Removed by the thousand, or by the window: then a step costs O(1).
        if self.recent.len() >= 2 * window {
            self.recent.drain(..self.recent.len() - window);
        }
        self.timeline = timeline;
        self.since += 1;
        let told = self.untold == 0;
        let updated = if told {
            self.model.update(&view(&now, &[value])?)
        } else {
            Ok(())
        };
        match updated {
            Ok(()) if told => {}
            Ok(()) => self.untold += 1,
            Err(error) if error.kind() == ErrorKind::Unsupported => self.untold += 1,
            // The value is one that the model cannot take: it is as if it were missing.
            Err(_) => {
                if self.model.update(&view(&now, &[f64::NAN])?).is_err() {
                    self.untold += 1;
                }
            }
        }
        Ok(())
    }

    /// The last values, as many as a fit takes.
    pub(super) fn window(&self, window: usize) -> &[f64] {
        let skipped = self.recent.len().saturating_sub(window);
        self.recent.get(skipped..).unwrap_or_default()
    }

    fn refit(&mut self, model: &Model, window: usize) {
        let len = self.window(window).len();
        let start = self.timeline.len().saturating_sub(len);
        if self.refit_at(model, window, start, self.timeline).is_err() {
            self.failed_refits += 1;
        }
    }

    /// As on a grid that starts with the values to be fitted to, so that its length stays that of
    /// the window, and ends at `now`.
    pub(super) fn refit_anchored(
        &mut self,
        model: &Model,
        window: usize,
        now: Timestamp,
    ) -> Result<()> {
        let len = self.window(window).len();
        self.recent.drain(..self.recent.len() - len);
        let Step::Millis(step) = self.timeline.step() else {
            return Err(Error::unsupported("a grid of months does not move"));
        };
        let back = i64::try_from(len.saturating_sub(1)).unwrap_or(i64::MAX);
        let start = now.as_millis().saturating_sub(step.saturating_mul(back));
        let anchored = Timeline::new(Timestamp::from_millis(start), self.timeline.step(), len)?;
        self.refit_at(model, window, 0, anchored)
    }

    /// Fits `model` to the last values, whose first lies at the index `start` of `timeline`.
    fn refit_at(
        &mut self,
        model: &Model,
        window: usize,
        start: usize,
        timeline: Timeline,
    ) -> Result<()> {
        let times = times(&timeline, start)?;
        self.since = 0;
        let fitted = model.fit(&view(&times, self.window(window))?)?;
        // Of values beyond all scales a model may come out that could not be saved.
        fitted.validate()?;
        (self.model, self.timeline, self.untold) = (fitted, timeline, 0);
        Ok(())
    }

    pub(super) fn validate(&self) -> Result<()> {
        self.timeline.validate()?;
        self.model.validate()?;
        check::no_infinity(&self.recent)?;
        if let Some(adaptive) = &self.adaptive {
            adaptive.validate()?;
        }
        let inside = self.recent.len() <= self.timeline.len()
            && self.untold <= self.timeline.len()
            && (0.0..=f64::MAX).contains(&self.largest);
        if inside {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the state of a forecaster as a detector does not fit its grid",
            ))
        }
    }
}

/// The moments of a grid from `start` on.
fn times(timeline: &Timeline, start: usize) -> Result<Vec<Timestamp>> {
    (start..timeline.len())
        .map(|index| timeline.at(index))
        .collect()
}

fn view<'a>(times: &'a [Timestamp], values: &'a [f64]) -> Result<SeriesView<'a>> {
    static LABELS: std::sync::LazyLock<Labels> = std::sync::LazyLock::new(Labels::empty);
    SeriesView::new(&LABELS, times, values)
}
