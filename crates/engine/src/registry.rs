//! The one table of detectors: the binary, the configuration and the docs read it.

mod state;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, DeviationFilter, FitDetectorDyn, Result as CoreResult};
use bongsu_stats::{Ewma, Iqr, RobustZ, ZScore};

pub use state::StreamState;

use crate::Error;
use crate::config::nearest;

/// A detector by name, with its parameters.
#[derive(Debug)]
pub struct DetectorSpec {
    /// The name in `--detector` and in the configuration.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What can be set.
    pub parameters: &'static [ParameterSpec],
    stream: fn(&Parameters<'_>) -> CoreResult<StreamState>,
    batch: Option<BuildBatch>,
}

/// Makes a detector that is fitted on a table.
type BuildBatch = fn(&Parameters<'_>) -> CoreResult<Box<dyn FitDetectorDyn>>;

/// A parameter of a detector.
#[derive(Debug)]
pub struct ParameterSpec {
    /// The name in `--set name=value`.
    pub name: &'static str,
    /// The value when it is not set.
    pub default: &'static str,
    /// The values it may have.
    pub domain: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn parameter(
    name: &'static str,
    default: &'static str,
    domain: &'static str,
    about: &'static str,
) -> ParameterSpec {
    ParameterSpec {
        name,
        default,
        domain,
        about,
    }
}

const fn window_or_all(domain: &'static str) -> ParameterSpec {
    parameter(
        "window",
        "auto",
        domain,
        "points looked back on; `all` fits once on all rows (`detect` only), `auto` is `all` in `detect` and 100 elsewhere",
    )
}

/// Parameters that every detector takes: what counts as a deviation.
pub const COMMON_PARAMETERS: &[ParameterSpec] = &[
    parameter(
        "direction",
        "both",
        "up, down or both",
        "the side of the expected value that counts",
    ),
    parameter(
        "min_abs_dev",
        "0",
        "finite, at least 0",
        "the least deviation that counts, in the metric's unit",
    ),
    parameter(
        "min_rel_dev",
        "0",
        "finite, at least 0",
        "the least deviation that counts, as a share of the expected value",
    ),
];

/// Every detector.
pub const DETECTORS: &[DetectorSpec] = &[
    DetectorSpec {
        name: "zscore",
        summary: "Rolling z-score: distance from the window's mean in standard deviations.",
        parameters: &[
            parameter("window", "100", "2 to 1048576", "points in the window"),
            parameter(
                "threshold",
                "3",
                "finite, above 0",
                "standard deviations at the bound",
            ),
            parameter(
                "inclusive",
                "true",
                "true or false",
                "whether the judged point is part of its window",
            ),
        ],
        stream: |p| {
            let config = ZScore::new()
                .window(p.integer("window")?)?
                .threshold(p.number("threshold")?)?
                .inclusive(p.flag("inclusive")?);
            Ok(StreamState::ZScore(config.build()?))
        },
        batch: None,
    },
    DetectorSpec {
        name: "robust-z",
        summary: "Robust z-score: distance from the median in median absolute deviations.",
        parameters: &[
            window_or_all("auto, all, or 3 to 1048576"),
            parameter(
                "threshold",
                "3.5",
                "finite, above 0",
                "robust standard deviations at the bound",
            ),
        ],
        stream: |p| {
            Ok(StreamState::RobustZ(
                robust_z(p)?.window(p.window()?)?.build()?,
            ))
        },
        batch: Some(|p| Ok(Box::new(robust_z(p)?))),
    },
    DetectorSpec {
        name: "iqr",
        summary: "Tukey's fences: distance beyond the quartiles in interquartile ranges.",
        parameters: &[
            window_or_all("auto, all, or 4 to 1048576"),
            parameter(
                "threshold",
                "1.5",
                "finite, above 0",
                "interquartile ranges beyond the quartiles at the bound",
            ),
        ],
        stream: |p| Ok(StreamState::Iqr(iqr(p)?.window(p.window()?)?.build()?)),
        batch: Some(|p| Ok(Box::new(iqr(p)?))),
    },
    DetectorSpec {
        name: "ewma",
        summary: "Exponentially weighted level, slope and scale that follow the metric; the default for live metrics.",
        parameters: &[
            parameter(
                "threshold",
                "4",
                "finite, above 0",
                "scales from the expected value at the bound",
            ),
            parameter(
                "half_life",
                "2",
                "finite, above 0",
                "points after which a value's weight in the level has halved",
            ),
            parameter(
                "scale_half_life",
                "80",
                "finite, above 0",
                "points after which a value's weight in the scale has halved",
            ),
            parameter(
                "robust",
                "true",
                "true or false",
                "follow a slope and do not learn from anomalous values",
            ),
            parameter(
                "patience",
                "5",
                "2 to 10000",
                "anomalous points in a row on one side that make a new level",
            ),
            parameter(
                "warmup",
                "30",
                "2 to 10000",
                "points learned before the first score",
            ),
            parameter(
                "min_scale",
                "0",
                "finite, at least 0",
                "the least scale, in the metric's unit",
            ),
        ],
        stream: |p| {
            let config = Ewma::new()
                .threshold(p.number("threshold")?)?
                .half_life(p.number("half_life")?)?
                .scale_half_life(p.number("scale_half_life")?)?
                .robust(p.flag("robust")?)
                .patience(p.parse("patience")?)?
                .warmup(p.parse("warmup")?)?
                .min_scale(p.number("min_scale")?)?;
            Ok(StreamState::Ewma(config.build()?))
        },
        batch: None,
    },
];

fn robust_z(p: &Parameters<'_>) -> CoreResult<RobustZ> {
    RobustZ::new().threshold(p.number("threshold")?)
}

fn iqr(p: &Parameters<'_>) -> CoreResult<Iqr> {
    Iqr::new().threshold(p.number("threshold")?)
}

/// The streaming window of detectors that also work on all rows at once.
const STREAM_WINDOW: usize = 100;

/// The parameters given for one detector, checked against its table.
#[derive(Debug)]
struct Parameters<'a> {
    spec: &'static DetectorSpec,
    given: &'a BTreeMap<String, String>,
}

impl Parameters<'_> {
    fn text(&self, name: &str) -> &str {
        let default = || {
            self.spec
                .parameters
                .iter()
                .find(|p| p.name == name)
                .map(|p| p.default)
        };
        let given = self.given.get(name).map(String::as_str);
        given.or_else(default).unwrap_or_default()
    }

    fn parse<T: std::str::FromStr>(&self, name: &str) -> CoreResult<T> {
        let text = self.text(name);
        text.parse().map_err(|_| {
            let domain = self
                .spec
                .parameters
                .iter()
                .find(|p| p.name == name)
                .map(|p| p.domain);
            bongsu_core::Error::parameter(name, format!("`{text}`"), domain.unwrap_or_default())
        })
    }

    fn number(&self, name: &str) -> CoreResult<f64> {
        self.parse(name)
    }

    fn integer(&self, name: &str) -> CoreResult<usize> {
        self.parse(name)
    }

    fn flag(&self, name: &str) -> CoreResult<bool> {
        self.parse(name)
    }

    fn on_all_rows(&self) -> bool {
        self.spec.batch.is_some() && matches!(self.text("window"), "auto" | "all")
    }

    fn window(&self) -> CoreResult<usize> {
        match self.text("window") {
            "auto" => Ok(STREAM_WINDOW),
            "all" => Err(bongsu_core::Error::parameter(
                "window",
                "`all`",
                "a number of points when points are judged one by one",
            )),
            _ => self.integer("window"),
        }
    }
}

/// The table's row for `name`.
///
/// # Errors
/// When there is none; the message has the nearest name.
pub fn find(name: &str) -> Result<&'static DetectorSpec, Error> {
    DETECTORS
        .iter()
        .find(|spec| spec.name == name)
        .ok_or_else(|| {
            let hint = nearest(name, DETECTORS.iter().map(|spec| spec.name)).map_or_else(
                || "see `bongsu detect --list`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Error::config(format!("detector `{name}` is unknown; {hint}"))
        })
}

fn checked<'a>(name: &str, given: &'a BTreeMap<String, String>) -> Result<Parameters<'a>, Error> {
    let spec = find(name)?;
    for key in given.keys() {
        if !spec.parameters.iter().any(|p| p.name == key) {
            let known: Vec<&str> = spec.parameters.iter().map(|p| p.name).collect();
            let hint = nearest(key, known.iter().copied()).map_or_else(
                || format!("it has: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Error::config(format!(
                "detector `{name}` has no parameter `{key}`; {hint}"
            )));
        }
    }
    Ok(Parameters { spec, given })
}

/// A fresh streaming detector.
///
/// # Errors
/// When the name or a parameter is unknown, or a value is outside its domain.
pub fn build(name: &str, parameters: &BTreeMap<String, String>) -> Result<StreamState, Error> {
    let parameters = checked(name, parameters)?;
    Ok((parameters.spec.stream)(&parameters)?)
}

/// How `detect` runs a detector.
#[derive(Debug)]
pub enum Runner {
    /// Point by point, learning as it goes.
    Stream(StreamState),
    /// Fitted once, then applied to every row.
    Batch(BatchConfig),
}

/// A configured detector that is fitted on a table.
pub struct BatchConfig(Box<dyn FitDetectorDyn>);

impl BatchConfig {
    /// Learns from `x`.
    ///
    /// # Errors
    /// As [`bongsu_core::FitDetector::fit`].
    pub fn fit(&self, x: &ArrayView2<'_, f64>) -> Result<Box<dyn Detector>, Error> {
        Ok(self.0.fit_boxed(x.view())?)
    }
}

impl std::fmt::Debug for BatchConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BatchConfig")
    }
}

/// The detector as `detect` runs it on a file.
///
/// # Errors
/// As [`build`].
pub fn runner(name: &str, parameters: &BTreeMap<String, String>) -> Result<Runner, Error> {
    let parameters = checked(name, parameters)?;
    match parameters.spec.batch {
        Some(batch) if parameters.on_all_rows() => {
            Ok(Runner::Batch(BatchConfig(batch(&parameters)?)))
        }
        _ => Ok(Runner::Stream((parameters.spec.stream)(&parameters)?)),
    }
}

/// Takes the parameters common to all detectors out of `parameters`.
///
/// # Errors
/// When a value is outside its domain.
pub fn take_filter(parameters: &mut BTreeMap<String, String>) -> Result<DeviationFilter, Error> {
    let mut number = |name: &str| -> Result<f64, Error> {
        let Some(text) = parameters.remove(name) else {
            return Ok(0.0);
        };
        let refused =
            || bongsu_core::Error::parameter(name, format!("`{text}`"), "finite, at least 0");
        Ok(text.parse::<f64>().map_err(|_| refused())?)
    };
    let filter = DeviationFilter::new()
        .min_abs_dev(number("min_abs_dev")?)?
        .min_rel_dev(number("min_rel_dev")?)?;
    Ok(match parameters.remove("direction") {
        Some(direction) => filter.direction(direction.parse()?),
        None => filter,
    })
}

/// The table in Markdown, for the docs.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Detectors\n\nGenerated by `bongsu detect --list --format markdown`; do not edit by hand.\n\n\
         Set a parameter with `--set name=value` or under `parameters:` in the configuration.\n",
    );
    for spec in DETECTORS {
        let _ = write!(out, "\n## `{}`\n\n{}\n\n", spec.name, spec.summary);
        parameter_table(&mut out, spec.parameters);
    }
    out.push_str("\n## Parameters of every detector\n\n");
    parameter_table(&mut out, COMMON_PARAMETERS);
    out
}

fn parameter_table(out: &mut String, parameters: &[ParameterSpec]) {
    out.push_str("| parameter | default | domain | meaning |\n| --- | --- | --- | --- |\n");
    for p in parameters {
        let _ = writeln!(
            out,
            "| `{}` | `{}` | {} | {} |",
            p.name, p.default, p.domain, p.about
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts just outside of what a domain states, and on its inner edges.
    fn edges(domain: &str) -> (Vec<String>, Vec<String>) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        match domain {
            "finite, above 0" => (owned(&["0", "-1e-9", "inf", "NaN"]), owned(&["1e-9"])),
            "finite, at least 0" => (owned(&["-1e-9", "inf", "NaN"]), owned(&["0"])),
            "true or false" => (owned(&["yes", "1"]), owned(&["true", "false"])),
            "up, down or both" => (owned(&["left", ""]), owned(&["up", "down", "both"])),
            _ => {
                let range = domain.trim_start_matches("auto, all, or ");
                let (least, most) = range.split_once(" to ").unwrap();
                let (below, above): (u64, u64) = (least.parse().unwrap(), most.parse().unwrap());
                let outside = vec![
                    (below - 1).to_string(),
                    (above + 1).to_string(),
                    "2.5".to_owned(),
                    "some".to_owned(),
                ];
                (outside, vec![least.to_owned(), most.to_owned()])
            }
        }
    }

    #[test]
    fn domains_are_what_is_accepted() {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        for spec in DETECTORS {
            for p in spec.parameters {
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
