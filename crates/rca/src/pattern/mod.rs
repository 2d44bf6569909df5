//! Kinds of incident, by the shapes that their metrics take.

mod cascade;
mod marker;
mod shape;
mod slope;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Graph;
use crate::rank::{Evidence, Split};

/// A kind of incident that is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Its name.
    pub name: String,
    /// Parts of the names of the metrics that may show it, in any case (default: all metrics).
    #[serde(default)]
    pub metrics: Vec<String>,
    /// The shape that they take.
    pub shape: Shape,
    /// The least confidence with which it is reported, in percent, in [0, 100] (default: 50).
    #[serde(default = "half")]
    pub min_confidence: f64,
}

const fn half() -> f64 {
    50.0
}

/// The shape of a pattern. Deviations are robust standard deviations of normal times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Shape {
    /// It rises slowly and goes on rising, after the rhythm of normal times was taken off: the 95 %
    /// interval of Theil and Sen's slope, made wider for the autocorrelation of what the line leaves, is
    /// above 0. The confidence is Kendall's rank correlation with time.
    GradualIncrease {
        /// Looked at from the onset for so long, in seconds.
        within_seconds: f64,
        /// The value that must not be reached; with it, the time that is left is told with its interval.
        #[serde(default)]
        limit: Option<f64>,
    },
    /// It rises at once, whether it falls again or not; the confidence is the share of the variance that one
    /// jump explains of the time that it is high and as long before.
    SuddenIncrease {
        /// From normal to half of its height in at most so many seconds from the onset.
        within_seconds: f64,
    },
    /// It goes to another level, up or down, and stays; the confidence is the share of the
    /// variance that one jump explains of the incident and as long before.
    LevelShift,
    /// It reaches a ceiling and rests there; the confidence is the share of the incident at the
    /// ceiling.
    Saturation {
        /// What counts as at the ceiling: within this share of the way from normal to it.
        tolerance: f64,
    },
    /// It falls to nothing or has no values any more; the confidence is the share of the incident.
    DropToAbsent {
        /// What counts as nothing: at most this share of the normal median.
        remaining: f64,
    },
    /// It goes high again and again, at regular distances, where its highest moments deviate; the confidence
    /// is how regular they are.
    Periodic {
        /// At least so many times.
        least_times: usize,
    },
    /// It changes shortly before the incident and so may have caused it, as a version does; what is
    /// constant otherwise need not change by much. The confidence falls with the time between, from 100 %
    /// at the onset to 50 % at the farthest.
    Precedes {
        /// At most so many seconds before the onset (of the bundled pattern 900: a roll-out takes
        /// minutes). What lies before that is normal.
        within_seconds: f64,
    },
    /// Services that depend on each other deviate one after the other, each caller after its callee or,
    /// where moments are too far apart to tell, at the same one; the confidence is the least correlation
    /// along the chain, times the share of its steps in which the order is seen, others counting half. The
    /// surest chain is told, and of those within 5 % of it the longest.
    Cascade {
        /// From one service to the next in at most so many seconds.
        within_seconds: f64,
        /// With at least this correlation, in (0, 1].
        correlation: f64,
    },
}

/// A pattern that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternMatch {
    /// Its name.
    pub pattern: String,
    /// The services that show it; of a cascade in its order.
    pub services: Vec<String>,
    /// The metric that shows it; none for a cascade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// How well the shape fits, in percent.
    pub confidence: f64,
    /// What was seen, in a sentence.
    pub evidence: String,
    /// When a limit will be reached, where the pattern has one that is not reached yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_limit: Option<TimeToLimit>,
}

/// How long what rises takes to its limit if it goes on as it does, after the last moment of the data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimeToLimit {
    /// The limit.
    pub limit: f64,
    /// In how many seconds it is reached.
    pub seconds: f64,
    /// In how many at the steep end of the 95 % interval of the slope ...
    pub soonest_seconds: f64,
    /// ... and at the flat end.
    pub latest_seconds: f64,
}

/// The patterns that are looked for without configuration.
#[must_use]
pub fn defaults() -> Vec<Pattern> {
    let pattern = |name: &str, metrics: &[&str], shape: Shape| Pattern {
        name: name.to_owned(),
        metrics: metrics.iter().map(|m| (*m).to_owned()).collect(),
        shape,
        min_confidence: half(),
    };
    let gradual = Shape::GradualIncrease {
        within_seconds: 3_600.0,
        limit: None,
    };
    let sudden = Shape::SuddenIncrease {
        within_seconds: 300.0,
    };
    let cascade = Shape::Cascade {
        within_seconds: 600.0,
        correlation: 0.7,
    };
    let markers = ["version", "deploy", "revision", "generation", "rollout"];
    let precedes = Shape::Precedes {
        within_seconds: 900.0,
    };
    vec![
        pattern("memory_leak", &["mem", "heap", "rss"], gradual),
        pattern("cpu_spike", &["cpu"], sudden),
        pattern("cascading_failure", &[], cascade),
        pattern("deployment_change", &markers, precedes),
        pattern("saturation", &[], Shape::Saturation { tolerance: 0.02 }),
        pattern(
            "drop_to_absent",
            &[],
            Shape::DropToAbsent { remaining: 0.05 },
        ),
        pattern("periodic_overload", &[], Shape::Periodic { least_times: 3 }),
        pattern("level_shift", &[], Shape::LevelShift),
    ]
}

impl Pattern {
    /// Checks every domain.
    ///
    /// # Errors
    /// When a value is outside its domain.
    pub fn validate(&self) -> Result<()> {
        let positive = |name: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(Error::parameter(name, value, "finite and above 0"))
            }
        };
        let share = |name: &str, value: f64| {
            if value > 0.0 && value <= 1.0 {
                Ok(())
            } else {
                Err(Error::parameter(name, value, "in (0, 1]"))
            }
        };
        if !(0.0..=100.0).contains(&self.min_confidence) {
            return Err(Error::parameter(
                "min_confidence",
                self.min_confidence,
                "in [0, 100]",
            ));
        }
        match self.shape {
            Shape::GradualIncrease { within_seconds, .. }
            | Shape::SuddenIncrease { within_seconds }
            | Shape::Precedes { within_seconds } => positive("within_seconds", within_seconds),
            Shape::Saturation { tolerance } => share("tolerance", tolerance),
            Shape::DropToAbsent { remaining } => share("remaining", remaining),
            Shape::Cascade {
                within_seconds,
                correlation,
            } => {
                positive("within_seconds", within_seconds)?;
                share("correlation", correlation)
            }
            Shape::Periodic { least_times } if least_times < 3 => {
                Err(Error::parameter("least_times", least_times, "at least 3"))
            }
            Shape::Periodic { .. } | Shape::LevelShift => Ok(()),
        }
    }
}

/// What patterns are looked for in.
pub(crate) struct Input<'a> {
    pub(crate) split: &'a Split<'a>,
    pub(crate) evidence: &'a Evidence,
    pub(crate) graph: &'a Graph,
    /// [`Options::block_share`](crate::Options::block_share).
    pub(crate) share: f64,
}

/// Whether one of `parts` is in `name`, in any case; always when there are none.
pub(crate) fn names_match(parts: &[String], name: &str) -> bool {
    let name = name.to_lowercase();
    parts.is_empty() || parts.iter().any(|part| name.contains(&part.to_lowercase()))
}

/// The patterns that are there, the surest first; of a pattern at most one match a service.
pub(crate) fn find(input: &Input<'_>, patterns: &[Pattern]) -> Result<Vec<PatternMatch>> {
    let mut found: Vec<PatternMatch> = Vec::new();
    for pattern in patterns {
        pattern.validate()?;
        let mut matches = match pattern.shape {
            Shape::Cascade {
                within_seconds,
                correlation,
            } => cascade::find(input, &pattern.name, within_seconds, correlation),
            _ => shape::find(input, pattern),
        };
        matches.retain(|one| one.confidence >= pattern.min_confidence);
        matches.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        for one in matches {
            let same = |known: &PatternMatch| {
                known.pattern == one.pattern && known.services == one.services
            };
            if !found.iter().any(same) {
                found.push(one);
            }
        }
    }
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    Ok(found)
}
