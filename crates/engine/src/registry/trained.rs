use std::collections::BTreeMap;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{
    Calibrator, Error as CoreError, Expectation, Result as CoreResult, Rows, Score, Snapshot,
    StreamDetector, Timestamp,
};
use bongsu_neural::LiveNetwork;
use serde::{Deserialize, Serialize};

use super::networks::{NetworkConfig, least_history, live_parameters, too_short};
use super::{DetectorSpec, Method, Parameters};
use crate::consecutive::Consecutive;
use crate::fitted::Fitted;

/// The most points that are made up where some are missing; after a longer absence the next point
/// follows as it is.
const MOST_MISSING: i64 = 60;

/// A network made to judge point by point: it is trained once, on the first points, and then only
/// judges. A reset makes it learn anew.
///
/// Its raw score is the calibrated score of the network, so its bound is 1. To networks of
/// sequences missing points are straight lines between those around them.
///
/// Cost: the point that completes the history takes the whole training; any other takes a pass of
/// the network. Memory: the history until then, the network and a window after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    detector: String,
    parameters: BTreeMap<String, String>,
    history: usize,
    max_alarm_share: Option<f64>,
    phase: Phase,
    next_time: Option<Timestamp>,
    seen: u64,
}

/// What it is at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Phase {
    Gathering {
        features: usize,
        /// The points, oldest first, the features of a point together.
        points: Vec<f64>,
        times: Vec<Timestamp>,
    },
    Judging(Box<Judge>),
}

const NOTHING: Phase = Phase::Gathering {
    features: 0,
    points: Vec::new(),
    times: Vec::new(),
};

/// A trained network and the latest point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Judge {
    network: LiveNetwork,
    calibrator: Calibrator,
    /// Milliseconds from one point to the next; `None` where neighbours do not matter.
    step: Option<i64>,
    last: Vec<f64>,
    time: Timestamp,
}

impl Trained {
    pub(super) fn new(
        spec: &'static DetectorSpec,
        parameters: &Parameters<'_>,
    ) -> CoreResult<Self> {
        let (history, max_alarm_share) = live_parameters(parameters)?;
        let detector = Self {
            detector: spec.name.to_owned(),
            parameters: parameters.given().clone(),
            history,
            max_alarm_share,
            phase: NOTHING,
            next_time: None,
            seen: 0,
        };
        let least = least_history(parameters)?;
        if history < least {
            return Err(too_short(history, least));
        }
        detector.config()?;
        Ok(detector)
    }

    fn spec(&self) -> CoreResult<&'static DetectorSpec> {
        super::find(&self.detector).map_err(|e| CoreError::snapshot(e.to_string()))
    }

    fn config(&self) -> CoreResult<NetworkConfig> {
        let spec = self.spec()?;
        let Method::Network(network) = spec.method else {
            let message = format!("`{}` is no network", spec.name);
            return Err(CoreError::snapshot(message));
        };
        let parameters = Parameters::new(spec.takes(), &self.parameters);
        let parameters = parameters.map_err(|e| CoreError::snapshot(e.to_string()))?;
        Ok(network(&parameters)?.causal())
    }

    fn is_sequence(&self) -> bool {
        self.spec().is_ok_and(|spec| spec.input.is_sequence())
    }

    const fn features(&self) -> usize {
        match &self.phase {
            Phase::Gathering { features, .. } => *features,
            Phase::Judging(judge) => judge.last.len(),
        }
    }

    fn check(&self, x: &[f64]) -> CoreResult<()> {
        let features = self.features();
        if x.is_empty() || (features > 0 && x.len() != features) {
            return Err(CoreError::shape(
                "number of features",
                x.len(),
                features.max(1),
            ));
        }
        match x.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((i, &bad)) => Err(CoreError::non_finite(format!("feature {i}"), bad)),
            None => Ok(()),
        }
    }

    /// The network that the gathered points make.
    fn trained(&self, points: &[f64], times: &[Timestamp]) -> CoreResult<Judge> {
        let features = points.len() / times.len().max(1);
        let values = ArrayView2::from_shape((times.len(), features), points)
            .map_err(|e| CoreError::snapshot(e.to_string()))?;
        let filled = self.is_sequence().then(|| Consecutive::new(times, &values));
        let rows = filled.as_ref().map(Consecutive::rows).transpose()?;
        let values = rows.as_ref().map_or(values, Rows::values);
        let mut observe = |_: &bongsu_neural::Progress| std::ops::ControlFlow::Continue(());
        let (network, scores) = self.config()?.train(&values, &mut observe)?;
        let learned = Rows::untimed(values);
        let fitted = Box::new(network.clone());
        let fitted = Fitted::of(fitted, &scores, &learned, self.max_alarm_share)?;
        let mut network = network.live();
        for row in values.rows() {
            network.learn(&row.to_vec())?;
        }
        Ok(Judge {
            network,
            calibrator: fitted.calibrator,
            step: filled.map(|_| median_step(times)),
            last: points
                .iter()
                .skip(points.len() - features)
                .copied()
                .collect(),
            time: times.last().copied().unwrap_or(Timestamp::from_millis(0)),
        })
    }

    /// Trains on all of `values` at `times`, however long the history is to be otherwise.
    pub(super) fn train_on(&mut self, times: &[Timestamp], values: &[f64]) -> CoreResult<()> {
        self.phase = Phase::Judging(Box::new(self.trained(values, times)?));
        self.seen = times.len() as u64;
        Ok(())
    }

    /// Trains when there are enough points; where that fails, again when there are more.
    fn train_when_due(&mut self) {
        let Phase::Gathering {
            points,
            times,
            features,
        } = &self.phase
        else {
            return;
        };
        if times.len() < self.history {
            return;
        }
        match self.trained(points, times) {
            Ok(judge) => self.phase = Phase::Judging(Box::new(judge)),
            Err(e) => {
                tracing::warn!(detector = self.detector, error = %e, "not trained; tried again with later points");
                let older = self.history / 2;
                self.phase = Phase::Gathering {
                    features: *features,
                    points: points.iter().skip(older * features).copied().collect(),
                    times: times.iter().skip(older).copied().collect(),
                };
            }
        }
    }

    /// What each feature contributes to the error of `x`, were it the next point.
    pub(super) fn contributions(&self, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
        self.check(x)?;
        match &self.phase {
            Phase::Gathering { .. } => Ok(None),
            Phase::Judging(judge) => judge.before(x, self.next_time)?.network().contributions(x),
        }
    }
}

/// A network up to the point before one.
enum Before<'a> {
    AsItIs(&'a LiveNetwork),
    /// Points were missing.
    Filled(Box<LiveNetwork>),
}

impl Before<'_> {
    const fn network(&self) -> &LiveNetwork {
        match self {
            Self::AsItIs(network) => network,
            Self::Filled(network) => network,
        }
    }
}

impl Judge {
    /// When a point is that has no time of its own, or one that does not move on.
    fn moment(&self, time: Option<Timestamp>) -> Timestamp {
        let after = self.time.add_millis(self.step.unwrap_or(1).max(1));
        match time {
            Some(time) if time > self.time => time,
            _ => after,
        }
    }

    /// The points missing between the latest and `x`, on a straight line.
    fn missing(&self, x: &[f64], time: Option<Timestamp>) -> Vec<Vec<f64>> {
        let Some(step) = self.step else {
            return Vec::new();
        };
        let gone = self.moment(time).millis_since(self.time);
        let steps = (gone as f64 / step as f64).round() as i64;
        if !(2..=MOST_MISSING + 1).contains(&steps) {
            return Vec::new();
        }
        let point = |k: i64| {
            let part = k as f64 / steps as f64;
            let pairs = self.last.iter().zip(x);
            pairs.map(|(a, b)| a * (1.0 - part) + b * part).collect()
        };
        (1..steps).map(point).collect()
    }

    fn before(&self, x: &[f64], time: Option<Timestamp>) -> CoreResult<Before<'_>> {
        let missing = self.missing(x, time);
        if missing.is_empty() {
            return Ok(Before::AsItIs(&self.network));
        }
        let mut network = self.network.clone();
        for point in &missing {
            network.learn(point)?;
        }
        Ok(Before::Filled(Box::new(network)))
    }

    fn learn(&mut self, x: &[f64], time: Option<Timestamp>) -> CoreResult<()> {
        for point in self.missing(x, time) {
            self.network.learn(&point)?;
        }
        self.network.learn(x)?;
        self.time = self.moment(time);
        x.clone_into(&mut self.last);
        Ok(())
    }
}

fn median_step(times: &[Timestamp]) -> i64 {
    let steps = times.iter().zip(times.iter().skip(1));
    let mut steps: Vec<i64> = steps.map(|(a, b)| b.millis_since(*a)).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(1).max(1)
}

impl StreamDetector for Trained {
    fn score(&self, x: &[f64]) -> CoreResult<Score> {
        self.check(x)?;
        match &self.phase {
            Phase::Gathering { times, .. } => Ok(Score::Warmup {
                remaining: self.history.saturating_sub(times.len()).max(1) as u64,
            }),
            Phase::Judging(judge) => {
                let score = judge.before(x, self.next_time)?.network().score(x)?;
                Ok(match score {
                    Score::Ready(raw) => Score::Ready(judge.calibrator.calibrate(raw)),
                    warmup @ Score::Warmup { .. } => warmup,
                })
            }
        }
    }

    fn learn(&mut self, x: &[f64]) -> CoreResult<()> {
        self.check(x)?;
        let time = self.next_time.take();
        match &mut self.phase {
            Phase::Gathering {
                features,
                points,
                times,
            } => {
                *features = x.len();
                let after = times
                    .last()
                    .map_or(Timestamp::from_millis(0), |t| t.add_millis(1));
                times.push(time.map_or(after, |time| time.max(after)));
                points.extend(x);
                self.train_when_due();
            }
            Phase::Judging(judge) => judge.learn(x, time)?,
        }
        self.seen = self.seen.saturating_add(1);
        Ok(())
    }

    /// What a network that foretells a single metric expects of the next point, were none missing.
    fn expectation(&self) -> Option<Expectation> {
        match &self.phase {
            Phase::Gathering { .. } => None,
            Phase::Judging(judge) => judge.network.expectation(),
        }
    }

    fn threshold(&self) -> Option<f64> {
        Some(1.0)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        self.next_time = Some(timestamp);
    }

    fn heap_bytes(&self) -> usize {
        match &self.phase {
            Phase::Gathering { points, times, .. } => {
                points.capacity() * size_of::<f64>() + times.capacity() * size_of::<Timestamp>()
            }
            Phase::Judging(judge) => {
                size_of::<Judge>()
                    + judge.network.network().heap_bytes()
                    + judge.network.heap_bytes()
                    + judge.last.capacity() * size_of::<f64>()
            }
        }
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.phase = NOTHING;
        self.next_time = None;
        self.seen = 0;
    }
}

impl Snapshot for Trained {
    const KIND: &'static str = "engine.trained";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        self.config()?;
        let fits = match &self.phase {
            Phase::Gathering {
                features,
                points,
                times,
            } => {
                times.len().checked_mul(*features) == Some(points.len())
                    && times.len() < self.history.max(1)
                    && times.len() as u64 <= self.seen
                    && (*features > 0 || times.is_empty())
                    && points.iter().all(|value| value.is_finite())
                    && times.iter().zip(times.iter().skip(1)).all(|(a, b)| a < b)
            }
            Phase::Judging(judge) => {
                judge.network.validate()?;
                judge.calibrator.validate()?;
                judge.last.len() == judge.network.network().scaler().features()
                    && judge.last.iter().all(|value| value.is_finite())
                    && judge.step.is_none_or(|step| step > 0)
            }
        };
        if fits {
            Ok(())
        } else {
            Err(CoreError::snapshot(
                "the points that a network is trained on do not fit together",
            ))
        }
    }
}
