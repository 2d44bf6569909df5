use bongsu_core::{Drift, DriftDetector, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::{
    Adwin, AdwinDetector, Ddm, DdmDetector, Eddm, EddmDetector, HddmA, HddmADetector, HddmW,
    HddmWDetector, Kswin, KswinDetector, PageHinkley, PageHinkleyDetector,
};

/// The configuration of any drift detector.
///
/// ```
/// use bongsu_stream::{Ddm, DriftMethod};
/// let state = DriftMethod::Ddm(Ddm::new()).build()?;
/// assert_eq!(state.name(), "ddm");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftMethod {
    /// Adaptive windowing.
    Adwin(Adwin),
    /// The drift detection method.
    Ddm(Ddm),
    /// The early drift detection method.
    Eddm(Eddm),
    /// Hoeffding's bound on the moving average.
    HddmA(HddmA),
    /// The `McDiarmid` bound on weighted averages.
    HddmW(HddmW),
    /// The Page-Hinkley test.
    PageHinkley(PageHinkley),
    /// Kolmogorov-Smirnov tests over a window.
    Kswin(Kswin),
}

impl DriftMethod {
    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Adwin(config) => config.validate(),
            Self::Ddm(config) => config.validate(),
            Self::Eddm(config) => config.validate(),
            Self::HddmA(config) => config.validate(),
            Self::HddmW(config) => config.validate(),
            Self::PageHinkley(config) => config.validate(),
            Self::Kswin(config) => config.validate(),
        }
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<DriftState> {
        Ok(match self {
            Self::Adwin(config) => DriftState::Adwin(config.build()?),
            Self::Ddm(config) => DriftState::Ddm(config.build()?),
            Self::Eddm(config) => DriftState::Eddm(config.build()?),
            Self::HddmA(config) => DriftState::HddmA(config.build()?),
            Self::HddmW(config) => DriftState::HddmW(config.build()?),
            Self::PageHinkley(config) => DriftState::PageHinkley(config.build()?),
            Self::Kswin(config) => DriftState::Kswin(config.build()?),
        })
    }
}

/// A drift detector of any kind: plain data that can be saved.
///
/// Cost and memory: those of the detector that it holds.
///
/// ```
/// use bongsu_core::{DriftDetector as _, snapshot};
/// use bongsu_stream::{Adwin, DriftMethod, DriftState};
/// let mut state = DriftMethod::Adwin(Adwin::new()).build()?;
/// state.update(0.5)?;
/// let saved = snapshot::to_bytes(&state)?;
/// assert_eq!(snapshot::from_bytes::<DriftState>(&saved)?, state);
/// assert_eq!(state.as_adwin().map(|adwin| adwin.width()), Some(1));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftState {
    /// Adaptive windowing.
    Adwin(AdwinDetector),
    /// The drift detection method.
    Ddm(DdmDetector),
    /// The early drift detection method.
    Eddm(EddmDetector),
    /// Hoeffding's bound on the moving average.
    HddmA(HddmADetector),
    /// The `McDiarmid` bound on weighted averages.
    HddmW(HddmWDetector),
    /// The Page-Hinkley test.
    PageHinkley(PageHinkleyDetector),
    /// Kolmogorov-Smirnov tests over a window.
    Kswin(KswinDetector),
}

/// Calls the same method on whichever detector it is.
macro_rules! with_detector {
    ($state:expr, $detector:ident => $call:expr) => {
        match $state {
            DriftState::Adwin($detector) => $call,
            DriftState::Ddm($detector) => $call,
            DriftState::Eddm($detector) => $call,
            DriftState::HddmA($detector) => $call,
            DriftState::HddmW($detector) => $call,
            DriftState::PageHinkley($detector) => $call,
            DriftState::Kswin($detector) => $call,
        }
    };
}

impl DriftState {
    /// The word used in configuration: `adwin`, `ddm`, `eddm`, `hddm_a`, `hddm_w`, `page_hinkley`
    /// or `kswin`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Adwin(_) => "adwin",
            Self::Ddm(_) => "ddm",
            Self::Eddm(_) => "eddm",
            Self::HddmA(_) => "hddm_a",
            Self::HddmW(_) => "hddm_w",
            Self::PageHinkley(_) => "page_hinkley",
            Self::Kswin(_) => "kswin",
        }
    }

    /// ADWIN, when it is that: for its width, estimate and variance.
    #[must_use]
    pub const fn as_adwin(&self) -> Option<&AdwinDetector> {
        match self {
            Self::Adwin(adwin) => Some(adwin),
            _ => None,
        }
    }

    /// Goes on with what it has after a drift, instead of starting anew.
    pub(super) fn hold(&mut self) {
        with_detector!(self, detector => detector.hold());
    }
}

impl DriftDetector for DriftState {
    fn update(&mut self, x: f64) -> Result<Drift> {
        with_detector!(self, detector => detector.update(x))
    }

    fn reset(&mut self) {
        with_detector!(self, detector => detector.reset());
    }
}

impl Snapshot for DriftState {
    const KIND: &'static str = "stream.drift";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        with_detector!(self, detector => detector.validate())
    }
}
