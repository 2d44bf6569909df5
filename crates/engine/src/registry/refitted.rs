mod beyond;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{
    Error as CoreError, Expectation, Result as CoreResult, Score, Snapshot, StreamDetector,
    Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{DetectorSpec, Input, Method, Parameters};
use crate::consecutive::Consecutive;
use crate::fitted::Fitted;
use crate::older::Gone;
use beyond::Beyond;

/// The fewest and the most points that `history` may be.
const LEAST_HISTORY: usize = 16;
const MOST_POINTS: usize = 1 << 20;

/// In the place of the points until the next fit: there is none.
const NEVER: usize = 0;

/// A detector that must be fitted on many rows, made to judge and learn point by point: it is
/// fitted again and again on the latest points.
///
/// Its raw score is the calibrated score of the latest fit, so its bound is 1.
///
/// Given a past to be fitted on, it keeps that fit: whoever trains it decides when the next is due.
///
/// The fitted model is not part of the saved state but made again from the points that it was
/// fitted on, which are; so a restored detector goes on exactly as before.
///
/// A forest would take a point beyond the range of the latest fit for one at the edge of that range. So
/// such a point is judged by a forest that is grown on a point about as far out, too.
///
/// Cost: a fit now and then; a point costs what the detector takes for one row, and for the whole
/// history where neighbours in time matter. Memory: `history + refit` points and the fitted model;
/// with a fit for good `history` points, and twice as many more where neighbours in time matter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refitted {
    detector: String,
    parameters: BTreeMap<String, String>,
    history: usize,
    /// Points from one fit to the next, or `NEVER`.
    refit: usize,
    min_points: usize,
    max_alarm_share: Option<f64>,
    features: usize,
    /// The latest points, oldest first, the features of a point together: the `history` that the
    /// model was fitted on, and those learned since.
    points: VecDeque<f64>,
    /// When they were observed.
    times: VecDeque<Timestamp>,
    /// How many points were learned since the model was fitted; `None` before the first fit.
    since_fit: Option<usize>,
    next_time: Option<Timestamp>,
    seen: u64,
    /// What versions before 11 kept of points beyond the range of the fit.
    farthest: Gone<Option<Vec<f64>>>,
    /// Made when it is first needed; empty when the method refused the points.
    #[serde(skip)]
    model: OnceLock<Option<Arc<Fitted>>>,
    #[serde(skip)]
    beyond: Beyond,
}

impl PartialEq for Refitted {
    /// The model follows from the rest.
    fn eq(&self, other: &Self) -> bool {
        self.detector == other.detector
            && self.parameters == other.parameters
            && (self.history, self.refit, self.min_points)
                == (other.history, other.refit, other.min_points)
            && self.max_alarm_share == other.max_alarm_share
            && self.features == other.features
            && self.points == other.points
            && self.times == other.times
            && self.since_fit == other.since_fit
            && self.next_time == other.next_time
            && self.seen == other.seen
    }
}

impl Refitted {
    pub(super) fn new(
        spec: &'static DetectorSpec,
        parameters: &Parameters<'_>,
    ) -> CoreResult<Self> {
        let detector = Self {
            detector: spec.name.to_owned(),
            parameters: parameters.given().clone(),
            history: parameters.integer("history")?,
            refit: parameters.integer("refit")?,
            min_points: parameters.integer("min_points")?,
            max_alarm_share: parameters.unless("max_alarm_share", "none")?,
            features: 0,
            points: VecDeque::new(),
            times: VecDeque::new(),
            since_fit: None,
            next_time: None,
            seen: 0,
            farthest: Gone::default(),
            model: OnceLock::new(),
            beyond: Beyond::default(),
        };
        detector.check_sizes()?;
        detector.with_config(|_| Ok(()))?;
        Ok(detector)
    }

    fn check_sizes(&self) -> CoreResult<()> {
        let sizes = [
            ("history", self.history, LEAST_HISTORY),
            ("refit", self.refit, 1),
            ("min_points", self.min_points, 8),
        ];
        for (name, value, least) in sizes {
            let is_never = self.since_fit.is_some() && (name, value) == ("refit", NEVER);
            if !is_never && !(least..=MOST_POINTS).contains(&value) {
                let domain = format!("{least} to {MOST_POINTS}");
                return Err(CoreError::parameter(name, value, domain));
            }
        }
        match self.max_alarm_share {
            Some(share) if !(share > 0.0 && share <= 0.5) => Err(CoreError::parameter(
                "max_alarm_share",
                share,
                "in (0, 0.5]",
            )),
            _ => Ok(()),
        }
    }

    fn spec(&self) -> CoreResult<&'static DetectorSpec> {
        super::find(&self.detector).map_err(|e| CoreError::snapshot(e.to_string()))
    }

    /// Gives the configuration that the parameters make to `use_it`.
    fn with_config<T>(
        &self,
        use_it: impl FnOnce(&dyn bongsu_core::FitDetectorDyn) -> CoreResult<T>,
    ) -> CoreResult<T> {
        self.with_config_of(&self.parameters, use_it)
    }

    fn with_config_of<T>(
        &self,
        parameters: &BTreeMap<String, String>,
        use_it: impl FnOnce(&dyn bongsu_core::FitDetectorDyn) -> CoreResult<T>,
    ) -> CoreResult<T> {
        let spec = self.spec()?;
        let Method::Batch(batch) = spec.method else {
            return Err(CoreError::snapshot(format!(
                "`{}` is not fitted on many rows",
                spec.name
            )));
        };
        let parameters = Parameters::new(spec.takes(), parameters);
        let parameters = parameters.map_err(|e| CoreError::snapshot(e.to_string()))?;
        use_it(batch(&parameters)?.as_ref())
    }

    fn as_configured(&self) -> CoreResult<Self> {
        let spec = self.spec()?;
        let parameters = Parameters::new(spec.takes(), &self.parameters);
        Self::new(
            spec,
            &parameters.map_err(|e| CoreError::snapshot(e.to_string()))?,
        )
    }

    /// The points from `from` to `to`, counted from the oldest kept one, and `next` after them.
    fn gather(
        &self,
        from: usize,
        to: usize,
        next: &[f64],
    ) -> CoreResult<(Vec<Timestamp>, Array2<f64>)> {
        let features = self.features.max(next.len());
        let kept = self.points.range(from * features..to * features).copied();
        let values: Vec<f64> = kept.chain(next.iter().copied()).collect();
        let mut times: Vec<Timestamp> = self.times.range(from..to).copied().collect();
        if !next.is_empty() {
            let last = times.last().copied().unwrap_or(Timestamp::from_millis(0));
            times.push(
                self.next_time
                    .unwrap_or(last.add_millis(1))
                    .max(last.add_millis(1)),
            );
        }
        let rows = Array2::from_shape_vec((times.len(), features), values);
        Ok((times, rows.map_err(|e| CoreError::snapshot(e.to_string()))?))
    }

    fn forget_models(&mut self) {
        self.model = OnceLock::new();
        self.beyond = Beyond::default();
    }

    fn is_sequence(&self) -> bool {
        self.spec().is_ok_and(|spec| spec.input == Input::Series)
    }

    fn fit(&self) -> CoreResult<Fitted> {
        let to = self.times.len() - self.since_fit.unwrap_or(0);
        let (times, values) = self.gather(to.saturating_sub(self.history), to, &[])?;
        self.with_rows(&times, &values.view(), |rows, _| {
            let fit = |config: &dyn bongsu_core::FitDetectorDyn| {
                Fitted::new(config, rows, self.max_alarm_share)
            };
            self.with_config(fit).map(|(fitted, _)| fitted)
        })
    }

    fn with_rows<T>(
        &self,
        times: &[Timestamp],
        values: &ArrayView2<'_, f64>,
        use_them: impl FnOnce(&bongsu_core::Rows<'_>, usize) -> CoreResult<T>,
    ) -> CoreResult<T> {
        if self.is_sequence() {
            let grid = Consecutive::new(times, values);
            let last = grid.places.last().copied().unwrap_or(0);
            use_them(&grid.rows()?, last)
        } else {
            use_them(
                &bongsu_core::Rows::at(times, *values)?,
                times.len().saturating_sub(1),
            )
        }
    }

    fn model(&self) -> Option<&Arc<Fitted>> {
        self.since_fit?;
        let fit = || match self.fit() {
            Ok(fitted) => Some(Arc::new(fitted)),
            // Said aloud once a series; whether later points suit the method is seen in the scores.
            Err(e) if self.seen == self.first_fit() as u64 => {
                tracing::warn!(detector = self.detector, error = %e, "not fitted; tried again later");
                None
            }
            Err(e) => {
                tracing::debug!(detector = self.detector, error = %e, "not fitted; tried again later");
                None
            }
        };
        self.model.get_or_init(fit).as_ref()
    }

    fn score_with(&self, model: &Arc<Fitted>, x: &[f64]) -> CoreResult<f64> {
        let beyond = self.model_beyond_range(model, x)?;
        let model = beyond.as_ref().unwrap_or(model);
        // A row by itself, or at the end of those before it where they matter.
        let from = if self.is_sequence() {
            self.oldest_context()
        } else {
            self.times.len()
        };
        let (times, values) = self.gather(from, self.times.len(), x)?;
        self.with_rows(&times, &values.view(), |rows, last| {
            let scores = model.detector.score_rows(rows)?;
            let raw = scores.get(last).copied().unwrap_or(f64::NAN);
            Ok(model.calibrator.calibrate(raw))
        })
    }

    /// Fits on all of `values` at `times`, and never again by itself.
    pub(super) fn fit_on(
        &mut self,
        times: &[Timestamp],
        values: &[f64],
        features: usize,
    ) -> CoreResult<()> {
        self.reset();
        if times.len() < self.first_fit() {
            let needed = self.first_fit();
            return Err(CoreError::not_enough_data("points", needed, times.len()));
        }
        self.history = times.len().clamp(LEAST_HISTORY, MOST_POINTS);
        self.refit = NEVER;
        let from = times.len().saturating_sub(self.history);
        self.times.extend(times.iter().skip(from));
        self.points.extend(values.iter().skip(from * features));
        (self.features, self.seen) = (features, times.len() as u64);
        self.since_fit = Some(0);
        let fitted = self.fit()?;
        self.model = OnceLock::from(Some(Arc::new(fitted)));
        Ok(())
    }

    /// What the latest fit says of the features of `x`.
    pub(super) fn contributions(&self, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
        self.check(x)?;
        let Some(model) = self.model() else {
            return Ok(None);
        };
        let beyond = self.model_beyond_range(model, x)?;
        beyond.as_ref().unwrap_or(model).detector.contributions(x)
    }

    fn is_fitted_for_good(&self) -> bool {
        self.since_fit.is_some() && self.refit == NEVER
    }

    /// Keeps a point beside those of the fit for good, where the next is judged by it: the latest
    /// `history`, and up to as many before them, so that they are thrown away in one go.
    fn remember(&mut self, time: Timestamp, x: &[f64]) {
        if !self.is_sequence() {
            return;
        }
        self.times.push_back(time);
        self.points.extend(x);
        let since = self.since_fit.map_or(0, |since| since + 1);
        self.since_fit = Some(since);
        if since >= 2 * self.history {
            let fitted = self.times.len() - since;
            self.times.drain(fitted..fitted + self.history);
            let of = |points: usize| points * self.features;
            self.points.drain(of(fitted)..of(fitted + self.history));
            self.since_fit = Some(since - self.history);
        }
    }

    fn oldest_context(&self) -> usize {
        self.times.len().saturating_sub(self.history)
    }

    fn check(&self, x: &[f64]) -> CoreResult<()> {
        if x.is_empty() || (self.features > 0 && x.len() != self.features) {
            return Err(CoreError::shape(
                "number of features",
                x.len(),
                self.features.max(1),
            ));
        }
        match x.iter().position(|value| !value.is_finite()) {
            Some(i) => Err(CoreError::non_finite(
                format!("feature {i}"),
                x.get(i).copied().unwrap_or(f64::NAN),
            )),
            None => Ok(()),
        }
    }

    fn first_fit(&self) -> usize {
        self.min_points.min(self.history)
    }

    /// Whether the points have grown enough for another fit.
    fn is_fit_due(&self) -> bool {
        match self.since_fit {
            None => self.times.len() >= self.first_fit(),
            Some(since) => {
                let fitted_on = self.times.len() - since;
                // Early on a fit rests on few points.
                let early = (fitted_on / 10).max(1);
                since
                    >= if fitted_on < self.history {
                        self.refit.min(early)
                    } else {
                        self.refit
                    }
            }
        }
    }

    fn remaining(&self) -> u64 {
        match self.since_fit {
            None => self.first_fit().saturating_sub(self.times.len()).max(1) as u64,
            Some(since) => self.refit.saturating_sub(since).max(1) as u64,
        }
    }
}

impl StreamDetector for Refitted {
    fn score(&self, x: &[f64]) -> CoreResult<Score> {
        self.check(x)?;
        match self.model() {
            Some(model) => self.score_with(model, x).map(Score::Ready),
            None => Ok(Score::Warmup {
                remaining: self.remaining(),
            }),
        }
    }

    fn learn(&mut self, x: &[f64]) -> CoreResult<()> {
        self.check(x)?;
        self.features = x.len();
        let last = self.times.back().copied();
        let after = last.map_or(Timestamp::from_millis(0), |last| last.add_millis(1));
        let time = self.next_time.take().map_or(after, |time| time.max(after));
        self.seen = self.seen.saturating_add(1);
        if self.is_fitted_for_good() {
            self.remember(time, x);
            return Ok(());
        }
        self.times.push_back(time);
        self.points.extend(x);
        if let Some(since) = &mut self.since_fit {
            *since += 1;
        }
        if self.is_fit_due() {
            self.since_fit = Some(0);
            self.forget_models();
        }
        let since = self.since_fit.unwrap_or(0);
        while self.times.len() - since > self.history {
            self.times.pop_front();
            self.points.drain(..self.features);
        }
        Ok(())
    }

    /// The band of the next point, of detectors that expect one; for a sequence as it would be if
    /// the latest value came again.
    fn expectation(&self) -> Option<Expectation> {
        let model = self.model()?;
        if !self.is_sequence() {
            return model.detector.expectation();
        }
        let again: Vec<f64> = self
            .points
            .range(self.points.len() - self.features..)
            .copied()
            .collect();
        let (times, values) = self
            .gather(self.oldest_context(), self.times.len(), &again)
            .ok()?;
        let band = self.with_rows(&times, &values.view(), |rows, last| {
            let bands = model.expectations(rows)?;
            Ok(bands.and_then(|bands| bands.get(last).copied()))
        });
        band.ok().flatten().filter(|band| band.expected.is_finite())
    }

    fn threshold(&self) -> Option<f64> {
        Some(1.0)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        self.next_time = Some(timestamp);
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    /// Without the fitted model, which does not tell its size.
    fn heap_bytes(&self) -> usize {
        self.points.capacity() * size_of::<f64>() + self.times.capacity() * size_of::<Timestamp>()
    }

    fn reset(&mut self) {
        if self.is_fitted_for_good()
            && let Ok(fresh) = self.as_configured()
        {
            *self = fresh;
            return;
        }
        self.points.clear();
        self.times.clear();
        self.since_fit = None;
        self.next_time = None;
        self.forget_models();
        self.features = 0;
        self.seen = 0;
    }
}

impl Snapshot for Refitted {
    const KIND: &'static str = "engine.refitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        self.check_sizes()?;
        self.with_config(|_| Ok(()))?;
        let since = self.since_fit.unwrap_or(0);
        let ordered = self
            .times
            .iter()
            .zip(self.times.iter().skip(1))
            .all(|(a, b)| a < b);
        let consistent = self.times.len().checked_mul(self.features) == Some(self.points.len())
            && self.times.len() as u64 <= self.seen
            && (self.features > 0 || self.times.is_empty())
            && since <= self.times.len()
            && self.times.len() - since <= self.history
            && (self.since_fit.is_none() || self.times.len() > since)
            && (since <= self.refit || (self.refit == NEVER && since < 2 * self.history));
        if consistent && ordered && self.points.iter().all(|x| x.is_finite()) {
            Ok(())
        } else {
            Err(CoreError::snapshot(
                "the points to be fitted on do not fit together",
            ))
        }
    }
}
