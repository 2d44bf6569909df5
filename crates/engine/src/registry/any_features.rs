use std::fmt::Debug;

use bongsu_core::{
    Error as CoreError, Result as CoreResult, ScalePrior, Score, Snapshot, StreamDetector,
    Timestamp,
};
use bongsu_stream::{HalfSpaceTrees, HalfSpaceTreesStream, RandomCutForest, RandomCutForestStream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A configuration whose detector is made for a number of features.
pub trait ForFeatures: Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send {
    /// What it makes.
    type Stream: StreamDetector + Snapshot + Clone + PartialEq;

    /// A detector of `features` features that has seen nothing.
    ///
    /// # Errors
    /// When the configuration is outside its domain, or not for this number of features.
    fn build(&self, features: usize) -> CoreResult<Self::Stream>;

    /// Checks the configuration.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    fn validate(&self) -> CoreResult<()>;

    /// The configuration that `stream` was made of.
    fn of(stream: &Self::Stream) -> &Self;

    /// How much each feature of `x` contributes to its score; see
    /// [`bongsu_core::Detector::contributions`].
    ///
    /// # Errors
    /// When `x` cannot be scored.
    fn contributions(stream: &Self::Stream, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
        let _ = (stream, x);
        Ok(None)
    }
}

impl ForFeatures for HalfSpaceTrees {
    type Stream = HalfSpaceTreesStream;

    fn build(&self, features: usize) -> CoreResult<Self::Stream> {
        self.build(features)
    }

    fn validate(&self) -> CoreResult<()> {
        self.validate()
    }

    fn of(stream: &Self::Stream) -> &Self {
        stream.config()
    }
}

impl ForFeatures for RandomCutForest {
    type Stream = RandomCutForestStream;

    fn build(&self, features: usize) -> CoreResult<Self::Stream> {
        self.build(features)
    }

    fn validate(&self) -> CoreResult<()> {
        self.validate()
    }

    fn of(stream: &Self::Stream) -> &Self {
        stream.config()
    }

    fn contributions(stream: &Self::Stream, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
        stream.attribution(x)
    }
}

/// A detector of rows that learns point by point and takes as many features as its first point has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum AnyFeatures<C: ForFeatures> {
    /// Nothing was learned yet.
    Open(C),
    /// From the first point on.
    Fixed(C::Stream),
}

impl<C: ForFeatures> AnyFeatures<C> {
    /// Settles the number of features before the first point.
    ///
    /// # Errors
    /// When the configuration is not for this number of features, or another is settled already.
    pub(super) fn fix(&mut self, features: usize) -> CoreResult<()> {
        if let Self::Open(config) = self {
            *self = Self::Fixed(config.build(features)?);
        }
        Ok(())
    }

    pub(super) fn contributions(&self, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
        match self {
            Self::Open(_) => Ok(None),
            Self::Fixed(stream) => C::contributions(stream, x),
        }
    }

    fn fixed(&self) -> Option<&C::Stream> {
        match self {
            Self::Open(_) => None,
            Self::Fixed(stream) => Some(stream),
        }
    }
}

impl<C: ForFeatures> StreamDetector for AnyFeatures<C> {
    fn score(&self, x: &[f64]) -> CoreResult<Score> {
        match self {
            Self::Open(config) => config.build(x.len())?.score(x),
            Self::Fixed(stream) => stream.score(x),
        }
    }

    fn learn(&mut self, x: &[f64]) -> CoreResult<()> {
        self.score_then_learn(x).map(drop)
    }

    fn score_then_learn(&mut self, x: &[f64]) -> CoreResult<Score> {
        match self {
            Self::Open(config) => {
                let mut stream = config.build(x.len())?;
                let score = stream.score_then_learn(x)?;
                *self = Self::Fixed(stream);
                Ok(score)
            }
            Self::Fixed(stream) => stream.score_then_learn(x),
        }
    }

    fn threshold(&self) -> Option<f64> {
        self.fixed().and_then(StreamDetector::threshold)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        if let Self::Fixed(stream) = self {
            stream.set_time(timestamp);
        }
    }

    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        match self {
            Self::Open(_) => false,
            Self::Fixed(stream) => stream.start_from(prior),
        }
    }

    fn heap_bytes(&self) -> usize {
        self.fixed().map_or(0, StreamDetector::heap_bytes)
    }

    fn seen(&self) -> u64 {
        self.fixed().map_or(0, StreamDetector::seen)
    }

    /// The next point may have another number of features.
    fn reset(&mut self) {
        if let Self::Fixed(stream) = self {
            *self = Self::Open(C::of(stream).clone());
        }
    }
}

impl<C: ForFeatures> Snapshot for AnyFeatures<C> {
    const KIND: &'static str = "engine.any_features";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        match self {
            Self::Open(config) => config.validate(),
            Self::Fixed(stream) => stream.validate(),
        }
        .map_err(|e| CoreError::snapshot(e.to_string()))
    }
}
