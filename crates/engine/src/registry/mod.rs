//! The one table of detectors: the binary, the configuration and the docs read it.

mod columns;
mod markdown;
mod online;
mod parameter;
mod refitted;
mod sequences;
mod state;
mod tables;

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
pub const DETECTORS: &[&[DetectorSpec]] = &[
    online::ONLINE,
    columns::COLUMNS,
    tables::TABLES,
    sequences::SEQUENCES,
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
    let parameters = Parameters::new(spec, given)?;
    Ok(match spec.method {
        Method::Batch(batch) | Method::Both { batch, .. } if parameters.on_all_rows() => {
            // What is for running services is wrong there too, not only where it counts.
            if matches!(spec.method, Method::Batch(_)) {
                Refitted::new(spec, &parameters)?;
            }
            Runner::Batch(batch(&parameters)?)
        }
        _ => Runner::Stream(Box::new(build(name, given)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts just outside of what a domain states, and on its inner edges.
    fn edges(domain: &str) -> (Vec<String>, Vec<String>) {
        let (mut outside, mut inside) = (vec!["left".to_owned()], Vec::new());
        let (words, last) = domain.rsplit_once(" or ").unwrap_or(("", domain));
        let numbers = match domain {
            "true or false" | "up, down or both" => None,
            _ => range(last.trim_start_matches("in ")),
        };
        let Some((beyond, within)) = numbers else {
            let words = domain.replace(" or ", ", ");
            inside.extend(words.split(", ").map(str::to_owned));
            return (outside, inside);
        };
        inside.extend(within);
        if words.contains("in ") {
            // What lies beyond one range may lie within the other.
            return (outside, inside);
        }
        outside.extend(beyond);
        let words = words.split(',').map(str::trim);
        inside.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        (outside, inside)
    }

    fn range(range: &str) -> Option<(Vec<String>, Vec<String>)> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        if range == "an IANA time zone" {
            return Some((owned(&["Mars/Olympus"]), owned(&["Europe/Berlin", "UTC"])));
        }
        let (beyond, within): (&[&str], &[&str]) = match range {
            "finite, above 0" => (&["0", "-1e-9", "inf", "NaN"], &["1e-9"]),
            "finite, above 1" => (&["1", "inf", "NaN"], &["1.001"]),
            "finite, at least 0" => (&["-1e-9", "inf", "NaN"], &["0"]),
            "finite" => (&["inf", "NaN"], &["-1", "0"]),
            "(0, 0.5]" => (&["0", "0.51", "NaN"], &["1e-3", "0.5"]),
            "(0, 1]" => (&["0", "1.01", "NaN"], &["1e-3", "1"]),
            "(0, 1 - level)" => (&["0", "0.03", "NaN"], &["1e-6", "0.01"]),
            "[0.5, 1)" => (&["0.49", "1", "NaN"], &["0.5", "0.97"]),
            "(0, 1)" => (&["0", "1", "NaN"], &["1e-3", "0.99"]),
            _ => return whole_numbers(range),
        };
        Some((owned(beyond), owned(within)))
    }

    fn whole_numbers(range: &str) -> Option<(Vec<String>, Vec<String>)> {
        let (least, most) = match range.strip_prefix("at least ") {
            Some(least) => (least, None),
            None => range.split_once(" to ").map(|(a, b)| (a, Some(b)))?,
        };
        let number = |text: &str| text.parse::<u128>().unwrap();
        let mut outside = vec!["2.5".to_owned()];
        outside.extend(most.map(|most| (number(most) + 1).to_string()));
        outside.extend(number(least).checked_sub(1).map(|below| below.to_string()));
        let inside = [Some(least), most].into_iter().flatten();
        Some((outside, inside.map(str::to_owned).collect()))
    }

    #[test]
    fn domains_are_what_is_accepted() {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        for spec in detectors() {
            for p in spec.all_parameters() {
                // A window over all rows is for files only.
                let accepted = |value: &str| {
                    let mut given = one(p.name, value);
                    if p.name == "model" && spec.name == "seasonal" {
                        given.insert("method".to_owned(), "classical".to_owned());
                    }
                    build(spec.name, &given).is_ok() || runner(spec.name, &given).is_ok()
                };
                let (outside, inside) = edges(p.domain);
                for value in outside {
                    assert!(!accepted(&value), "{} {}={value}", spec.name, p.name);
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
