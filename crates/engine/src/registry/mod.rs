//! The one table of detectors: the binary, the configuration and the docs read it.

mod columns;
mod markdown;
mod online;
mod parameter;
mod refitted;
mod state;

use std::collections::BTreeMap;
use std::fmt;

use bongsu_core::{FitDetectorDyn, Result as CoreResult};

pub use markdown::markdown;
pub use parameter::{COMMON_PARAMETERS, ParameterSpec, REFIT_PARAMETERS, take_filter};
pub use refitted::Refitted;
pub use state::StreamState;

use self::parameter::Parameters;
use crate::Error;
use crate::config::nearest;

/// Every detector, in groups of a kind.
pub const DETECTORS: &[&[DetectorSpec]] = &[online::ONLINE, columns::COLUMNS];

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
    /// What it judges.
    pub input: Input,
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
        }
    }

    /// Its own parameters, and those that all which learn as it does have in common.
    pub fn all_parameters(&self) -> impl Iterator<Item = &'static ParameterSpec> {
        let refit = match self.method {
            Method::Batch(_) => REFIT_PARAMETERS,
            Method::Stream(_) | Method::Both { .. } => &[],
        };
        self.parameters.iter().chain(refit)
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
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Column => "a channel, value by value",
            Self::Series => "a channel as a sequence",
            Self::Table => "all channels of a row together",
        })
    }
}

/// Makes a detector that learns point by point.
type BuildStream = fn(&Parameters<'_>) -> CoreResult<StreamState>;
/// Makes a detector that is fitted on many rows.
type BuildBatch = fn(&Parameters<'_>) -> CoreResult<Box<dyn FitDetectorDyn>>;

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
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Stream",
            Self::Batch(_) => "Batch",
            Self::Both { .. } => "Both",
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
}

impl fmt::Display for Learns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PointByPoint => "point by point",
            Self::OnManyRows => "on many rows at once",
            Self::EitherWay => "either way",
        })
    }
}

/// The table's row for `name`.
///
/// # Errors
/// When there is none; the message has the nearest name.
pub fn find(name: &str) -> Result<&'static DetectorSpec, Error> {
    detectors().find(|spec| spec.name == name).ok_or_else(|| {
        let hint = nearest(name, detectors().map(|spec| spec.name)).map_or_else(
            || "see `bongsu detect --list`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Error::config(format!("detector `{name}` is unknown; {hint}"))
    })
}

/// A fresh detector that judges and learns point by point; one that must be fitted on many rows is
/// fitted again and again on the latest points.
///
/// # Errors
/// When the name or a parameter is unknown, or a value is outside its domain.
pub fn build(name: &str, given: &BTreeMap<String, String>) -> Result<StreamState, Error> {
    let spec = find(name)?;
    let parameters = Parameters::new(spec, given)?;
    Ok(match spec.method {
        Method::Stream(stream) | Method::Both { stream, .. } => stream(&parameters)?,
        Method::Batch(_) => StreamState::Refitted(Box::new(Refitted::new(spec, &parameters)?)),
    })
}

/// How `detect` runs a detector.
pub(crate) enum Runner {
    /// Point by point, learning as it goes.
    Stream(StreamState),
    /// Fitted once, then applied to every row.
    Batch(Box<dyn FitDetectorDyn>),
}

/// The detector as `detect` runs it on a file.
///
/// # Errors
/// As [`build`].
pub(crate) fn runner(name: &str, given: &BTreeMap<String, String>) -> Result<Runner, Error> {
    let spec = find(name)?;
    let parameters = Parameters::new(spec, given)?;
    Ok(match spec.method {
        Method::Batch(batch) | Method::Both { batch, .. } if parameters.on_all_rows() => {
            // What is for running services is wrong there too, not only where it counts.
            if matches!(spec.method, Method::Batch(_)) {
                Refitted::new(spec, &parameters)?;
            }
            Runner::Batch(batch(&parameters)?)
        }
        _ => Runner::Stream(build(name, given)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts just outside of what a domain states, and on its inner edges.
    fn edges(domain: &str) -> (Vec<String>, Vec<String>) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let range = domain
            .split_once(" or in ")
            .map_or(domain, |(_, range)| range)
            .trim_start_matches("in ");
        match range {
            "finite, above 0" => (owned(&["0", "-1e-9", "inf", "NaN"]), owned(&["1e-9"])),
            "finite, at least 0" => (owned(&["-1e-9", "inf", "NaN"]), owned(&["0"])),
            "finite" => (owned(&["inf", "NaN", "some"]), owned(&["-1", "0"])),
            "(0, 0.5]" => (owned(&["0", "0.51", "NaN"]), owned(&["1e-3", "0.5"])),
            "(0, 1]" => (owned(&["0", "1.01", "NaN"]), owned(&["1e-3", "1"])),
            "(0, 1)" => (owned(&["0", "1", "NaN"]), owned(&["1e-3", "0.99"])),
            "true or false" => (owned(&["yes", "1"]), owned(&["true", "false"])),
            "an IANA time zone" => (owned(&["Mars/Olympus"]), owned(&["Europe/Berlin", "UTC"])),
            _ if range.contains(" to ") => whole_numbers(range),
            _ => {
                let words = domain.replace(" or ", ", ");
                (
                    owned(&["left", ""]),
                    words.split(", ").map(str::to_owned).collect(),
                )
            }
        }
    }

    fn whole_numbers(range: &str) -> (Vec<String>, Vec<String>) {
        let range = range.rsplit(" or ").next().unwrap();
        let (least, most) = range.split_once(" to ").unwrap();
        let (below, above): (u64, u64) = (least.parse().unwrap(), most.parse().unwrap());
        let mut outside = vec![(above + 1).to_string(), "2.5".to_owned(), "some".to_owned()];
        outside.extend(below.checked_sub(1).map(|below| below.to_string()));
        (outside, vec![least.to_owned(), most.to_owned()])
    }

    #[test]
    fn domains_are_what_is_accepted() {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        for spec in detectors() {
            for p in spec.all_parameters() {
                let accepted = |value: &str| build(spec.name, &one(p.name, value)).is_ok();
                let (outside, inside) = edges(p.domain);
                for value in outside {
                    assert!(!accepted(&value), "{} {}={value}", spec.name, p.name);
                    assert!(runner(spec.name, &one(p.name, &value)).is_err());
                }
                for value in inside {
                    assert!(accepted(&value), "{} {}={value}", spec.name, p.name);
                }
                assert!(accepted(p.default), "{} {}", spec.name, p.name);
            }
        }
        for p in COMMON_PARAMETERS {
            let accepted = |value: &str| take_filter(&mut one(p.name, value)).is_ok();
            let (outside, inside) = edges(p.domain);
            for value in outside {
                assert!(!accepted(&value), "{}={value}", p.name);
            }
            for value in inside {
                assert!(accepted(&value), "{}={value}", p.name);
            }
            assert!(accepted(p.default), "{}", p.name);
        }
    }
}
