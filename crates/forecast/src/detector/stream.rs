use bongsu_core::{Error, Expectation, Result, Score, Snapshot, StreamDetector, Timestamp};
use serde::{Deserialize, Serialize};

use super::OnlineForecaster;
use super::clock::{Clock, median_gap};
use super::fitted::score;
use super::walk::Walk;
use crate::Timeline;
use crate::check::bounded;
use crate::model::{FittedModel, Model};
use crate::timeline::{MAX_STEPS, Step};

/// Early on the model is fitted again when the values have grown by this part.
const GROWTH: usize = 4;

/// A forecaster as a detector, point by point; see [`OnlineForecaster`].
///
/// Two are equal when their snapshots are: missing values, NaN inside, are then equal as well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForecastStream {
    config: OnlineForecaster,
    seen: u64,
    clock: Clock,
    /// Until the first fit the values so far and their times; empty after it.
    first: Vec<(Timestamp, f64)>,
    /// How many there must be at the next attempt of a first fit.
    due: usize,
    fitted: Option<Followed>,
    /// Why the latest fit failed.
    failure: Option<String>,
}

impl PartialEq for ForecastStream {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |stream: &Self| bongsu_core::snapshot::to_bytes(stream).ok();
        bytes(self).is_some_and(|own| Some(own) == bytes(other))
    }
}

/// A fitted model on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Followed {
    walk: Walk,
    /// What the model expects of the next step, without calibration and in the model's level.
    band: Expectation,
    /// What was seen less what the model was told: how far the level moved since the last fit.
    offset: f64,
    /// The latest anomalous values in a row that the model has not been told of, and what was
    /// expected of them.
    held: Vec<(f64, f64)>,
    /// How many anomalous values in a row there are, with those that were told.
    in_a_row: u32,
    /// Steps since a fit worked.
    stale: u64,
}

/// The band of a level that moved; open bounds stay open.
fn moved(band: Expectation, by: f64) -> Expectation {
    let to = |x: f64| {
        if x.is_finite() {
            (x + by).clamp(f64::MIN, f64::MAX)
        } else {
            x
        }
    };
    Expectation {
        expected: to(band.expected),
        lower: to(band.lower),
        upper: to(band.upper),
    }
}

impl ForecastStream {
    pub(super) fn fresh(config: OnlineForecaster) -> Self {
        Self {
            due: config.detector.initial,
            config,
            seen: 0,
            clock: Clock::UNSET,
            first: Vec::new(),
            fitted: None,
            failure: None,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &OnlineForecaster {
        &self.config
    }

    /// The model as it was fitted last; `None` while warming up.
    #[must_use]
    pub fn model(&self) -> Option<&FittedModel> {
        self.fitted.as_ref().map(|fitted| &fitted.walk.model)
    }

    /// Why the latest fit failed, while none has worked since.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Puts the first fit off until there are `values`, or as many as the window holds: for a past
    /// that is known at once. Gives the number of values that it waits for.
    pub fn fit_first_after(&mut self, values: usize) -> usize {
        let detector = &self.config.detector;
        self.due = values.clamp(detector.initial, detector.window);
        self.due
    }

    /// Lets the first fit stay, whatever follows it: the model is updated value by value and not fitted
    /// again, for whoever fits another one elsewhere. After a hole that is too long for the model, or a
    /// reset, it is fitted anew as long as there are fewer values than that fit was put off for.
    pub fn keep_first_fit(&mut self) {
        let detector = &mut self.config.detector;
        (detector.refit, detector.window) = (MAX_STEPS, self.due.max(detector.initial));
    }

    /// Learns a value as [`StreamDetector::learn`] does; where it is time for a fit, `model` says of
    /// what, from the values that it will be fitted to (NaN where one is missing).
    ///
    /// # Errors
    /// When there is not one value, or it is not finite; nothing is learned then. A failure of `model`
    /// is one of the fit, see [`ForecastStream::failure`].
    pub fn learn_with(&mut self, x: &[f64], model: &dyn Fn(&[f64]) -> Result<Model>) -> Result<()> {
        let value = bounded(single(x)?);
        let steps = self.clock.steps();
        let now = self.clock.next();
        self.seen = self.seen.saturating_add(1);
        let changed = self.clock.advance();
        if steps > self.config.longest_hole() || changed {
            self.start_anew();
        }
        let followed = match self.fitted.as_mut() {
            Some(fitted) => fitted.follow(&self.config, value, steps),
            None => Ok(()),
        };
        if followed.is_err() {
            // The model is beyond what floats can tell.
            self.start_anew();
        }
        if self.fitted.is_some() {
            self.fit_again(now, model);
        } else {
            self.first.push((now, value));
            self.start(model);
        }
        Ok(())
    }

    fn start_anew(&mut self) {
        self.fitted = None;
        self.first.clear();
        self.due = self.config.detector.initial;
        self.clock.tell(None);
    }

    /// Fits the model for the first time, where there are enough values.
    fn start(&mut self, model: &dyn Fn(&[f64]) -> Result<Model>) {
        if self.first.len() < self.due {
            return;
        }
        match self.first_fit(model) {
            Ok(fitted) => {
                let step = match fitted.walk.timeline.step() {
                    Step::Millis(step) => Some(step),
                    Step::Months { .. } => None,
                };
                self.clock.tell(step);
                self.fitted = Some(fitted);
                self.first = Vec::new();
                self.failure = None;
            }
            Err(error) => self.failure = Some(error.to_string()),
        }
        // Where it failed it may work with more values, or once the window has moved on.
        let grown = self.first.len() + (self.first.len() / GROWTH).max(1);
        self.due = grown.min(self.config.detector.window);
        if self.first.len() >= self.config.detector.window {
            let keep = self.first.len() - self.first.len() / GROWTH;
            self.first.drain(..self.first.len() - keep);
        }
    }

    fn first_fit(&self, model: &dyn Fn(&[f64]) -> Result<Model>) -> Result<Followed> {
        let times: Vec<Timestamp> = self.first.iter().map(|&(time, _)| time).collect();
        let step = median_gap(&times).unwrap_or(1000);
        let mut values: Vec<f64> = Vec::with_capacity(times.len());
        let mut before: Option<Timestamp> = None;
        for &(time, value) in &self.first {
            let gap = before.map_or(1.0, |before| time.millis_since(before) as f64 / step as f64);
            let missing = (gap.round() as u64).saturating_sub(1);
            if missing > self.config.longest_hole() {
                values.clear();
            } else {
                values.resize(values.len() + missing as usize, f64::NAN);
            }
            values.push(value);
            before = Some(time);
        }
        let window = self.config.detector.window;
        values.drain(..values.len().saturating_sub(window));
        let last = times.last().map_or(0, |time| time.as_millis());
        let back = (values.len() as i64 - 1).saturating_mul(step);
        let start = Timestamp::from_millis(last.saturating_sub(back));
        let timeline = Timeline::new(start, Step::Millis(step), values.len())?;
        let mut config = self.config.detector.clone();
        config.model = model(&values)?;
        let (walk, _) = Walk::start(&config, &timeline, &values, values.len())?;
        walk.validate()?;
        let band = walk.band(config.level, 1)?;
        Ok(Followed {
            walk,
            band,
            offset: 0.0,
            held: Vec::new(),
            in_a_row: 0,
            stale: 0,
        })
    }

    /// Fits the model again where it is time.
    fn fit_again(&mut self, now: Timestamp, model: &dyn Fn(&[f64]) -> Result<Model>) {
        let config = &self.config.detector;
        let Some(fitted) = self.fitted.as_mut() else {
            return;
        };
        let (since, len) = (fitted.walk.since, fitted.walk.window(config.window).len());
        let grown = len.saturating_sub(since) / GROWTH;
        let is_due = since >= config.refit || (len < config.window && since >= grown.max(1));
        if !is_due {
            return;
        }
        let failed = match fitted.fit_again(&self.config, now, model) {
            Ok(()) => {
                self.failure = None;
                return;
            }
            Err(error) => error,
        };
        self.failure = Some(failed.to_string());
        fitted.walk.since = 0;
        if fitted.stale > 2 * config.window as u64 {
            self.start_anew();
        }
    }

    /// The band of the next value; `None` while warming up.
    fn band(&self) -> Option<Expectation> {
        let fitted = self.fitted.as_ref()?;
        let steps = self.clock.steps();
        let band = match steps {
            1 => fitted.band,
            _ if steps > self.config.longest_hole() => return None,
            // Values are missing before it: the forecast reaches further.
            _ => {
                let band = fitted.walk.band(self.config.detector.level, steps as usize);
                band.unwrap_or_else(|_| Expectation::symmetric(fitted.band.expected, f64::INFINITY))
            }
        };
        Some(moved(fitted.walk.calibrated(band), fitted.offset))
    }
}

impl Followed {
    /// Judges a value and takes it into account, after `steps - 1` missing ones.
    fn follow(&mut self, config: &OnlineForecaster, value: f64, steps: u64) -> Result<()> {
        let (level, window) = (config.detector.level, config.detector.window);
        for _ in 1..steps {
            self.walk.take(f64::NAN, window)?;
        }
        if steps > 1 {
            self.band = self.walk.band(level, 1)?;
            self.held.clear();
        }
        self.stale = self.stale.saturating_add(steps);
        let judged = moved(self.walk.calibrated(self.band), self.offset);
        self.walk
            .calibrate(&self.band, bounded(value - self.offset))?;
        let told = self.told(config, value, &judged);
        self.walk.take(bounded(told - self.offset), window)?;
        // Fits see values at their level, not where the model believes them.
        if let Some(last) = self.walk.recent.last_mut() {
            *last = told;
        }
        self.band = self.walk.band(level, 1)?;
        Ok(())
    }

    /// What the model is told of a value: NaN where it is anomalous, unless that is a new level.
    fn told(&mut self, config: &OnlineForecaster, value: f64, judged: &Expectation) -> f64 {
        if config.patience == 0 || score(value, judged) <= config.threshold {
            self.held.clear();
            self.in_a_row = 0;
            return value;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row > config.patience {
            // It is restless here: taken as it is, until it calms down.
            return value;
        }
        self.held.push((value, judged.expected));
        if self.in_a_row < config.patience {
            return f64::NAN;
        }
        let held = std::mem::take(&mut self.held);
        let above = held.iter().filter(|(value, expected)| value > expected);
        let above = above.count();
        let recent = self.walk.recent.iter_mut().rev();
        for (slot, (value, _)) in recent.zip(held.iter().rev().skip(1)) {
            *slot = *value;
        }
        if above == 0 || above == held.len() {
            let mut deviations: Vec<f64> = held.iter().map(|(x, e)| bounded(x - e)).collect();
            deviations.sort_unstable_by(f64::total_cmp);
            let shift = deviations.get(deviations.len() / 2).copied().unwrap_or(0.0);
            let before = self.walk.recent.iter_mut().rev().skip(held.len() - 1);
            for slot in before {
                *slot = bounded(*slot + shift);
            }
            self.offset = bounded(self.offset + shift);
            self.in_a_row = 0;
        }
        value
    }

    fn fit_again(
        &mut self,
        config: &OnlineForecaster,
        now: Timestamp,
        model: &dyn Fn(&[f64]) -> Result<Model>,
    ) -> Result<()> {
        let config = &config.detector;
        let model = model(self.walk.window(config.window))?;
        self.walk.refit_anchored(&model, config.window, now)?;
        (self.offset, self.stale) = (0.0, 0);
        self.band = self.walk.band(config.level, 1)?;
        Ok(())
    }
}

impl StreamDetector for ForecastStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let value = single(x)?;
        Ok(match self.band() {
            Some(band) => Score::Ready(score(value, &band)),
            None => Score::Warmup {
                remaining: self.due.saturating_sub(self.first.len()).max(1) as u64,
            },
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        let model = self.config.detector.model.clone();
        self.learn_with(x, &|_| Ok(model.clone()))
    }

    /// What is expected of the next value, with the bounds from which on it is anomalous.
    fn expectation(&self) -> Option<Expectation> {
        let mut band = self.band()?;
        let wide = |bound: f64| band.expected + self.config.threshold * (bound - band.expected);
        (band.lower, band.upper) = (wide(band.lower), wide(band.upper));
        Some(band)
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        self.clock.set(timestamp);
    }

    /// What is kept of values; what the model holds beside its residuals is not counted.
    fn heap_bytes(&self) -> usize {
        let fitted = self.fitted.as_ref().map_or(0, |fitted| {
            use bongsu_core::FittedForecaster as _;
            let numbers = fitted.walk.recent.capacity() + fitted.walk.model.residuals().len();
            8 * numbers + 16 * fitted.held.capacity()
        });
        16 * self.first.capacity() + fitted
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        *self = Self::fresh(self.config.clone());
    }
}

fn single(x: &[f64]) -> Result<f64> {
    match *x {
        [value] if value.is_finite() => Ok(value),
        [value] => Err(Error::non_finite("feature 0", value)),
        _ => Err(Error::shape("number of features", x.len(), 1)),
    }
}

impl Snapshot for ForecastStream {
    const KIND: &'static str = "forecast.stream";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let window = self.config.detector.window;
        let fitted = match &self.fitted {
            None => true,
            Some(fitted) => {
                fitted.walk.validate()?;
                let held = fitted
                    .held
                    .iter()
                    .all(|(x, e)| x.is_finite() && e.is_finite());
                let band = fitted.band;
                let adaptive = self.config.detector.adaptive.is_some();
                held && fitted.held.len() <= self.config.patience as usize
                    && fitted.offset.is_finite()
                    && band.expected.is_finite()
                    && band.lower <= band.expected
                    && band.expected <= band.upper
                    && fitted.walk.adaptive.is_some() == adaptive
                    && fitted.walk.recent.len() < 2 * window.max(1) + 1
                    && matches!(fitted.walk.timeline.step(), Step::Millis(_))
            }
        };
        let ordered = self.first.iter().zip(self.first.iter().skip(1));
        let first = self.first.len() <= window
            && self.first.iter().all(|(_, value)| value.is_finite())
            && ordered.clone().all(|((a, _), (b, _))| a < b)
            && (self.fitted.is_none() || self.first.is_empty())
            && self.due <= window;
        if fitted && first && self.clock.is_valid() {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the state of a forecaster that follows a metric contradicts itself",
            ))
        }
    }
}
