use std::fmt::Debug;

use bongsu_core::{
    Error as CoreError, Result as CoreResult, ScalePrior, Score, Snapshot, StreamDetector,
    Timestamp,
};
use bongsu_stream::{
    Bound, HalfSpaceTrees, HalfSpaceTreesStream, Loda, LodaStream, MicroClusters,
    MicroClustersStream, RandomCutForest, RandomCutForestStream, Thresholded,
};
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

/// What a configuration of this crate's dependency says of itself; `contributions` is the method
/// that tells what each feature contributes, where there is one.
macro_rules! for_features {
    ($config:ty, $stream:ty $(, $contributions:ident)?) => {
        impl ForFeatures for $config {
            type Stream = $stream;

            fn build(&self, features: usize) -> CoreResult<Self::Stream> {
                self.build(features)
            }

            fn validate(&self) -> CoreResult<()> {
                self.validate()
            }

            fn of(stream: &Self::Stream) -> &Self {
                stream.config()
            }

            $(fn contributions(stream: &Self::Stream, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
                stream.$contributions(x)
            })?
        }
    };
}

for_features!(HalfSpaceTrees, HalfSpaceTreesStream);
for_features!(RandomCutForest, RandomCutForestStream, attribution);
for_features!(MicroClusters, MicroClustersStream, contributions);
for_features!(Loda, LodaStream, contributions);

/// A detector of rows that learns point by point and takes as many features as its first point has,
/// with a bound that is learned from its own scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
#[allow(
    clippy::large_enum_variant,
    reason = "it is kept in a box, and open only before its first point"
)]
pub enum AnyFeatures<C: ForFeatures> {
    /// Nothing was learned yet.
    Open {
        /// What the detector will be.
        config: C,
        /// What its bound will be.
        bound: Bound,
    },
    /// From the first point on.
    Fixed(Thresholded<C::Stream>),
}

impl<C: ForFeatures> AnyFeatures<C> {
    /// # Errors
    /// When a parameter is outside its domain.
    pub(super) fn new(config: C, bound: Bound) -> CoreResult<Self> {
        config.validate()?;
        bound.validate()?;
        Ok(Self::Open { config, bound })
    }

    /// Settles the number of features before the first point.
    ///
    /// # Errors
    /// When the configuration is not for this number of features.
    pub(super) fn fix(&mut self, features: usize) -> CoreResult<()> {
        if let Self::Open { config, bound } = self {
            *self = Self::Fixed(bound.on(config.build(features)?)?);
        }
        Ok(())
    }

    pub(super) fn contributions(&self, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
        match self {
            Self::Open { .. } => Ok(None),
            Self::Fixed(stream) => C::contributions(stream.detector(), x),
        }
    }

    /// The score of `x` before the bound is laid on it.
    pub(super) fn raw_score(&self, x: &[f64]) -> CoreResult<Score> {
        match self {
            Self::Open { config, .. } => config.build(x.len())?.score(x),
            Self::Fixed(stream) => stream.detector().score(x),
        }
    }

    pub(super) const fn fixed(&self) -> Option<&Thresholded<C::Stream>> {
        match self {
            Self::Open { .. } => None,
            Self::Fixed(stream) => Some(stream),
        }
    }
}

impl<C: ForFeatures> StreamDetector for AnyFeatures<C> {
    fn score(&self, x: &[f64]) -> CoreResult<Score> {
        match self {
            Self::Open { config, bound } => bound.on(config.build(x.len())?)?.score(x),
            Self::Fixed(stream) => stream.score(x),
        }
    }

    fn learn(&mut self, x: &[f64]) -> CoreResult<()> {
        match self {
            Self::Open { .. } => self.score_then_learn(x).map(drop),
            Self::Fixed(stream) => stream.learn(x),
        }
    }

    fn score_then_learn(&mut self, x: &[f64]) -> CoreResult<Score> {
        match self {
            Self::Open { config, bound } => {
                let mut stream = bound.on(config.build(x.len())?)?;
                let score = stream.score_then_learn(x)?;
                *self = Self::Fixed(stream);
                Ok(score)
            }
            Self::Fixed(stream) => stream.score_then_learn(x),
        }
    }

    /// Scores are calibrated.
    fn threshold(&self) -> Option<f64> {
        Some(1.0)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        if let Self::Fixed(stream) = self {
            stream.set_time(timestamp);
        }
    }

    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        match self {
            Self::Open { .. } => false,
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
            let (config, bound) = (C::of(stream.detector()).clone(), *stream.bound());
            *self = Self::Open { config, bound };
        }
    }
}

impl<C: ForFeatures> Snapshot for AnyFeatures<C> {
    const KIND: &'static str = "engine.any_features";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        match self {
            Self::Open { config, bound } => {
                config.validate()?;
                bound.validate()
            }
            Self::Fixed(stream) => stream.validate(),
        }
        .map_err(|e| CoreError::snapshot(e.to_string()))
    }
}
