use bongsu_core::{Result as CoreResult, ScalePrior, Score, StreamDetector, Timestamp};
use bongsu_stats::{
    BocpdStream, CusumStream, EwmaStream, IqrStream, RobustZStream, SpectralResidualStream,
    SpotStream, TwoWindowStream, ZScoreStream,
};
use bongsu_stream::{
    AutoStreamState, HalfSpaceTrees, HoltWintersStream, Loda, MicroClusters, OnlineMadStream,
    RandomCutForest, SeasonalProfileStream,
};
use serde::{Deserialize, Serialize};

use super::{AnyFeatures, ForecasterStream, Refitted, Trained};

/// The state of a streaming detector of any kind, as it is kept between runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StreamState {
    /// `zscore`
    ZScore(ZScoreStream),
    /// `robust-z`
    RobustZ(RobustZStream),
    /// `iqr`
    Iqr(IqrStream),
    /// `ewma`
    Ewma(EwmaStream),
    /// `cusum`
    Cusum(CusumStream),
    /// `spot`
    Spot(Box<SpotStream>),
    /// `bocpd`
    Bocpd(Box<BocpdStream>),
    /// `two-window`
    TwoWindow(TwoWindowStream),
    /// `spectral-residual`
    SpectralResidual(SpectralResidualStream),
    /// Any detector that is fitted on many rows.
    Refitted(Box<Refitted>),
    /// `hst`
    HalfSpaceTrees(Box<AnyFeatures<HalfSpaceTrees>>),
    /// `rcf`
    RandomCutForest(Box<AnyFeatures<RandomCutForest>>),
    /// `micro-clusters`
    MicroClusters(Box<AnyFeatures<MicroClusters>>),
    /// `loda`
    Loda(Box<AnyFeatures<Loda>>),
    /// `online-mad`
    OnlineMad(Box<OnlineMadStream>),
    /// `seasonal-profile`
    SeasonalProfile(Box<SeasonalProfileStream>),
    /// `holt-winters`
    HoltWinters(Box<HoltWintersStream>),
    /// `forecast`
    Forecaster(Box<ForecasterStream>),
    /// Any network.
    Trained(Box<Trained>),
    /// `auto-stream`
    AutoStream(Box<AutoStreamState>),
}

macro_rules! each {
    ($state:expr, $detector:ident => $call:expr) => {
        match $state {
            StreamState::ZScore($detector) => $call,
            StreamState::RobustZ($detector) => $call,
            StreamState::Iqr($detector) => $call,
            StreamState::Ewma($detector) => $call,
            StreamState::Cusum($detector) => $call,
            StreamState::Spot($detector) => $call,
            StreamState::Bocpd($detector) => $call,
            StreamState::TwoWindow($detector) => $call,
            StreamState::SpectralResidual($detector) => $call,
            StreamState::Refitted($detector) => $call,
            StreamState::HalfSpaceTrees($detector) => $call,
            StreamState::RandomCutForest($detector) => $call,
            StreamState::MicroClusters($detector) => $call,
            StreamState::Loda($detector) => $call,
            StreamState::OnlineMad($detector) => $call,
            StreamState::SeasonalProfile($detector) => $call,
            StreamState::HoltWinters($detector) => $call,
            StreamState::Forecaster($detector) => $call,
            StreamState::Trained($detector) => $call,
            StreamState::AutoStream($detector) => $call,
        }
    };
}

impl StreamState {
    /// Checks the state after it was read from a file.
    ///
    /// # Errors
    /// When a field is outside its domain.
    pub fn validate(&self) -> CoreResult<()> {
        use bongsu_core::Snapshot as _;
        each!(self, detector => detector.validate())
    }

    /// Settles the number of features before the first point, so that what does not suit it is
    /// told at once.
    ///
    /// # Errors
    /// When the configuration is not for this number of features.
    pub(crate) fn fix_features(&mut self, features: usize) -> CoreResult<()> {
        match self {
            Self::HalfSpaceTrees(detector) => detector.fix(features),
            Self::RandomCutForest(detector) => detector.fix(features),
            Self::MicroClusters(detector) => detector.fix(features),
            Self::Loda(detector) => detector.fix(features),
            _ => Ok(()),
        }
    }

    /// Makes it the detector of a past of rows of `features` numbers, `values`, at `times`, oldest
    /// first: fitted on all of them at once where it is fitted at all. The state must be fresh.
    ///
    /// # Errors
    /// When there are too few values for a fit, or the method refuses them.
    pub(crate) fn learn_past(
        &mut self,
        times: &[Timestamp],
        values: &[f64],
        features: usize,
    ) -> CoreResult<()> {
        match self {
            Self::Refitted(detector) => detector.fit_on(times, values, features),
            Self::Trained(detector) => detector.train_on(times, values),
            Self::Forecaster(detector) => detector.fit_on(times, values),
            _ => {
                for (time, row) in times.iter().zip(values.chunks(features.max(1))) {
                    self.set_time(*time);
                    self.learn(row)?;
                }
                Ok(())
            }
        }
    }

    /// The raw score of the next point, of detectors whose scores are calibrated by a bound that they
    /// were given.
    pub(crate) fn raw_score(&self, x: &[f64]) -> CoreResult<Option<Score>> {
        match self {
            Self::HalfSpaceTrees(detector) => detector.raw_score(x).map(Some),
            Self::RandomCutForest(detector) => detector.raw_score(x).map(Some),
            Self::MicroClusters(detector) => detector.raw_score(x).map(Some),
            Self::Loda(detector) => detector.raw_score(x).map(Some),
            _ => Ok(None),
        }
    }

    /// How many values of the next point the detector takes as on a limit because they lie beyond it.
    pub(crate) fn outside_limits(&self, x: &[f64]) -> u64 {
        match self {
            Self::HalfSpaceTrees(detector) => detector
                .fixed()
                .map_or(0, |stream| stream.detector().outside(x) as u64),
            _ => 0,
        }
    }

    /// How much each feature of the next point contributes to its score; `None` where the detector
    /// cannot tell.
    pub(crate) fn contributions(&self, x: &[f64]) -> CoreResult<Option<Vec<f64>>> {
        match self {
            Self::HalfSpaceTrees(detector) => detector.contributions(x),
            Self::RandomCutForest(detector) => detector.contributions(x),
            Self::MicroClusters(detector) => detector.contributions(x),
            Self::Loda(detector) => detector.contributions(x),
            Self::Refitted(detector) => detector.contributions(x),
            Self::Trained(detector) => detector.contributions(x),
            _ => Ok(None),
        }
    }
}

impl StreamDetector for StreamState {
    fn score(&self, x: &[f64]) -> CoreResult<Score> {
        each!(self, detector => detector.score(x))
    }

    fn learn(&mut self, x: &[f64]) -> CoreResult<()> {
        each!(self, detector => detector.learn(x))
    }

    fn score_then_learn(&mut self, x: &[f64]) -> CoreResult<Score> {
        each!(self, detector => detector.score_then_learn(x))
    }

    fn expectation(&self) -> Option<bongsu_core::Expectation> {
        each!(self, detector => detector.expectation())
    }

    fn threshold(&self) -> Option<f64> {
        each!(self, detector => detector.threshold())
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        each!(self, detector => detector.set_time(timestamp));
    }

    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        each!(self, detector => detector.start_from(prior))
    }

    fn heap_bytes(&self) -> usize {
        each!(self, detector => detector.heap_bytes())
    }

    fn seen(&self) -> u64 {
        each!(self, detector => detector.seen())
    }

    fn reset(&mut self) {
        each!(self, detector => detector.reset());
    }
}
