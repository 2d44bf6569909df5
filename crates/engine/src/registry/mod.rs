//! The one table of detectors: the binary, the configuration and the docs read it.

mod adaptive;
mod any_features;
mod columns;
pub mod drift;
pub mod forecast;
mod forecaster;
mod markdown;
mod multivariate;
mod networks;
mod online;
mod parameter;
mod refitted;
mod sequences;
mod state;
mod tables;
mod trained;

use std::collections::BTreeMap;
use std::fmt;

use bongsu_core::{FitDetectorDyn, Result as CoreResult};

pub use any_features::{AnyFeatures, ForFeatures};
pub use forecaster::ForecasterStream;
pub use markdown::markdown;
pub use parameter::{COMMON_PARAMETERS, ParameterSpec, REFIT_PARAMETERS, take_filter};
pub use refitted::Refitted;
pub use state::StreamState;
pub use trained::Trained;

pub(crate) use self::networks::NetworkConfig;
use self::parameter::{Parameters, Takes};
use crate::Error;
use bongsu_core::nearest;

/// Every detector, in groups of a kind.
pub const DETECTORS: &[&[DetectorSpec]] = &[
    online::ONLINE,
    columns::COLUMNS,
    tables::TABLES,
    sequences::SEQUENCES,
    multivariate::MULTIVARIATE,
    adaptive::ADAPTIVE,
    forecaster::FORECASTER,
    networks::NETWORKS,
];

/// Every detector.
pub fn detectors() -> impl Iterator<Item = &'static DetectorSpec> {
    DETECTORS.iter().copied().flatten()
}

/// A detector by name, with its parameters.
#[derive(Debug)]
pub struct DetectorSpec {
    /// The name in `--detector` and in the configuration.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What can be set, beside what all detectors have in common.
    pub parameters: &'static [ParameterSpec],
    /// What the preset `classic` sets; empty where the defaults are the classic values.
    pub classic: &'static [(&'static str, &'static str)],
    /// What it judges.
    pub input: Input,
    /// How the parameters of what it is made of begin, where it is made of something.
    inner: Option<&'static str>,
    method: Method,
}

impl DetectorSpec {
    /// How it learns.
    #[must_use]
    pub const fn learns(&self) -> Learns {
        match self.method {
            Method::Stream(_) => Learns::PointByPoint,
            Method::Batch(_) => Learns::OnManyRows,
            Method::Both { .. } => Learns::EitherWay,
            Method::Network(_) => Learns::Once,
        }
    }

    /// Its own parameters, and those that all which learn as it does have in common.
    pub fn all_parameters(&self) -> impl Iterator<Item = &'static ParameterSpec> + use<> {
        self.takes().all()
    }

    const fn takes(&self) -> Takes {
        let refit = match self.method {
            Method::Batch(_) => REFIT_PARAMETERS,
            Method::Stream(_) | Method::Both { .. } | Method::Network(_) => &[],
        };
        Takes {
            kind: "detector",
            name: self.name,
            parameters: [self.parameters, refit],
            classic: self.classic,
            inner: self.inner,
        }
    }

    /// Whether points further apart than those that it judges teach it the same: it is fitted on
    /// many rows, whose order means nothing to it.
    pub(crate) const fn takes_any_step(&self) -> bool {
        let fitted = matches!(self.method, Method::Batch(_) | Method::Network(_));
        fitted && !self.input.is_sequence()
    }

    /// Whether `detect` fits it on all rows rather than on a moving window.
    fn is_for_all_rows(&self, parameters: &Parameters<'_>) -> bool {
        match self.method {
            Method::Stream(_) => false,
            Method::Batch(_) | Method::Network(_) => true,
            Method::Both { .. } => matches!(parameters.text("window"), "auto" | "all"),
        }
    }
}

/// What a detector judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The values of one channel, whose order means nothing or is the detector's own affair.
    Column,
    /// One channel as consecutive points: seasons and shapes count, holes are filled.
    Series,
    /// All channels of a row together.
    Table,
    /// All channels of a row together, the rows as consecutive points.
    TableSeries,
}

impl Input {
    /// Whether all channels of a row are judged together.
    #[must_use]
    pub const fn is_together(self) -> bool {
        matches!(self, Self::Table | Self::TableSeries)
    }

    /// Whether rows are consecutive points, whose holes are filled.
    #[must_use]
    pub const fn is_sequence(self) -> bool {
        matches!(self, Self::Series | Self::TableSeries)
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Column => "a channel, value by value",
            Self::Series => "a channel as a sequence",
            Self::Table => "all channels of a row together",
            Self::TableSeries => "all channels together, as a sequence",
        })
    }
}

/// Makes a detector that learns point by point.
type BuildStream = fn(&Parameters<'_>) -> CoreResult<StreamState>;
/// Makes a detector that is fitted on many rows.
type BuildBatch = fn(&Parameters<'_>) -> CoreResult<Box<dyn FitDetectorDyn>>;
/// Makes a network that is to be trained.
type BuildNetwork = fn(&Parameters<'_>) -> CoreResult<NetworkConfig>;

/// How a detector is made.
#[derive(Clone, Copy)]
enum Method {
    Stream(BuildStream),
    Batch(BuildBatch),
    Both {
        /// On a moving window.
        stream: BuildStream,
        /// On all rows.
        batch: BuildBatch,
    },
    Network(BuildNetwork),
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Stream",
            Self::Batch(_) => "Batch",
            Self::Both { .. } => "Both",
            Self::Network(_) => "Network",
        })
    }
}

/// How a detector learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learns {
    /// Point by point.
    PointByPoint,
    /// Fitted on many rows at once.
    OnManyRows,
    /// Either.
    EitherWay,
    /// Trained on many rows, and never again.
    Once,
}

impl fmt::Display for Learns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PointByPoint => "point by point",
            Self::OnManyRows => "on many rows at once",
            Self::EitherWay => "either way",
            Self::Once => "once, on many rows",
        })
    }
}

/// The table's row for `name`.
///
/// # Errors
/// When there is none; the message has the nearest name.
pub fn find(name: &str) -> Result<&'static DetectorSpec, Error> {
    detectors().find(|spec| spec.name == name).ok_or_else(|| {
        let names = detectors().map(|spec| spec.name);
        unknown("detector", name, names, "bongsu detect --list")
    })
}

/// What is said of a name that is not in a table, whose rows `list` shows.
fn unknown(kind: &str, name: &str, names: impl Iterator<Item = &'static str>, list: &str) -> Error {
    let hint = nearest(name, names).map_or_else(
        || format!("see `{list}`"),
        |near| format!("did you mean `{near}`?"),
    );
    Error::config(format!("{kind} `{name}` is unknown; {hint}"))
}

/// A fresh detector that judges and learns point by point; one that must be fitted on many rows is
/// fitted again and again on the latest points.
///
/// # Errors
/// When the name or a parameter is unknown, or a value is outside its domain.
pub fn build(name: &str, given: &BTreeMap<String, String>) -> Result<StreamState, Error> {
    let spec = find(name)?;
    let parameters = Parameters::new(spec.takes(), given)?;
    Ok(match spec.method {
        Method::Stream(stream) | Method::Both { stream, .. } => stream(&parameters)?,
        Method::Batch(_) => StreamState::Refitted(Box::new(Refitted::new(spec, &parameters)?)),
        Method::Network(_) => StreamState::Trained(Box::new(Trained::new(spec, &parameters)?)),
    })
}

/// How `detect` runs a detector.
pub(crate) enum Runner {
    /// Point by point, learning as it goes.
    Stream(Box<StreamState>),
    /// Fitted once, then applied to every row.
    Batch(Box<dyn FitDetectorDyn>),
}

/// The detector as `detect` runs it on a file.
///
/// # Errors
/// As [`build`].
pub(crate) fn runner(name: &str, given: &BTreeMap<String, String>) -> Result<Runner, Error> {
    let spec = find(name)?;
    let parameters = Parameters::new(spec.takes(), given)?;
    Ok(match spec.method {
        Method::Batch(batch) | Method::Both { batch, .. } if spec.is_for_all_rows(&parameters) => {
            // What is for running services is wrong there too, not only where it counts.
            if matches!(spec.method, Method::Batch(_)) {
                Refitted::new(spec, &parameters)?;
            }
            Runner::Batch(batch(&parameters)?)
        }
        Method::Network(network) => {
            // What is for running services is wrong there too, not only where it counts.
            networks::live_parameters(&parameters)?;
            Runner::Batch(Box::new(network(&parameters)?))
        }
        _ => Runner::Stream(Box::new(build(name, given)?)),
    })
}

/// The network of this name that is to be trained.
///
/// # Errors
/// As [`build`], and when the detector is no network.
pub(crate) fn network(
    name: &str,
    given: &BTreeMap<String, String>,
) -> Result<NetworkConfig, Error> {
    let spec = find(name)?;
    let parameters = Parameters::new(spec.takes(), given)?;
    let Method::Network(network) = spec.method else {
        let networks = detectors().filter(|spec| spec.learns() == Learns::Once);
        let names: Vec<&str> = networks.map(|spec| spec.name).collect();
        return Err(Error::config(format!(
            "`{name}` is not trained ahead of its use; these are: {}",
            names.join(", ")
        )));
    };
    networks::live_parameters(&parameters)?;
    Ok(network(&parameters)?)
}

#[cfg(test)]
mod refitted_tests;
#[cfg(test)]
mod tests;
