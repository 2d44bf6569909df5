use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::onset::OnsetSource;
use crate::pattern::PatternMatch;
use crate::rank::Movement;
use crate::{Dependency, Ranker, Relations};

/// The version of the report's form.
pub const SCHEMA: u32 = 1;

/// Whether a cause could be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RcaVerdict {
    /// The services are ranked, and something is wrong with one of them, most likely with the first. Of
    /// another ranker than the default, the first is more likely the cause than none of them.
    Ranked,
    /// The evidence is too weak for a cause; the order is only where to look first.
    NotProven,
}

/// What was found about an incident. It depends on nothing but the data and the options.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RcaReport {
    /// The version of this form: 1.
    pub schema: u32,
    /// When the incident began, in Unix seconds.
    #[serde(serialize_with = "seconds")]
    pub onset: Timestamp,
    /// How that is known.
    pub onset_source: OnsetSource,
    /// How sure that is, in percent.
    pub onset_confidence: f64,
    /// Whether a cause could be told.
    pub verdict: RcaVerdict,
    /// The answer in a sentence or two.
    pub summary: String,
    /// The likelihood that none of the services is the cause, in percent.
    pub none_likelihood: f64,
    /// How the services were ranked.
    pub ranker: Ranker,
    /// Every service, the most suspicious first.
    pub services: Vec<ServiceCause>,
    /// Every metric that could be judged, the most suspicious first.
    pub metrics: Vec<MetricCause>,
    /// Who moved when: the metrics that moved clearly, the earliest first.
    pub timeline: Vec<Moved>,
    /// How the most suspicious metrics go together; `None` where that was not asked for, and where there
    /// are fewer than two that move or too few moments.
    pub relations: Option<Relations>,
    /// What kind of incident it looks like, the surest first.
    pub patterns: Vec<PatternMatch>,
    /// What to do, from the catalogue of actions.
    pub actions: Vec<Advice>,
    /// The dependencies that were used.
    pub dependencies: Vec<Dependency>,
    /// Services that depend on each other in a circle.
    pub cycles: Vec<Vec<String>>,
    /// What else should be known when reading this.
    pub notes: Vec<String>,
    /// The time covered, in Unix seconds: the first moment ...
    #[serde(serialize_with = "seconds")]
    pub from: Timestamp,
    /// ... and the last.
    #[serde(serialize_with = "seconds")]
    pub to: Timestamp,
}

/// How suspicious a service is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceCause {
    /// Its name.
    pub service: String,
    /// The ranker's score; higher is more suspicious.
    pub score: f64,
    /// How likely it is the cause, in percent: by the default ranker's comparison with normal times,
    /// whichever ranker orders the services.
    pub likelihood: f64,
    /// Why, in a sentence.
    pub evidence: String,
    /// The service called by this one that explains it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<String>,
}

/// How suspicious a metric is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricCause {
    /// The service that it is measured of.
    pub service: String,
    /// Its name.
    pub metric: String,
    /// The ranker's score; higher is more suspicious.
    pub score: f64,
    /// When it moved, in seconds after the onset; negative before it. `None` when it did not.
    pub lag_seconds: Option<f64>,
    /// What it did, in a sentence.
    pub evidence: String,
    /// How far it went from its normal median, in robust standard deviations.
    pub deviation: f64,
    /// Which way.
    pub movement: Movement,
    /// Its normal median; `None` when it has none.
    pub normal: Option<f64>,
    /// The level that it went to; `None` when it has no values there.
    pub level: Option<f64>,
}

/// A metric that moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The service.
    pub service: String,
    /// The metric.
    pub metric: String,
    /// Seconds after the onset.
    pub lag_seconds: f64,
    /// How far, in robust standard deviations.
    pub deviation: f64,
    /// Which way.
    pub movement: Movement,
}

/// An action of the catalogue and why it applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The service that it is for.
    pub service: String,
    /// What to do.
    pub action: String,
    /// Why it applies.
    pub because: String,
}

fn seconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = time.as_millis();
    if millis % 1_000 == 0 {
        serializer.serialize_i64(millis / 1_000)
    } else {
        serializer.serialize_f64(time.as_secs_f64())
    }
}

impl RcaReport {
    /// The most suspicious service, when a cause could be told.
    #[must_use]
    pub fn cause(&self) -> Option<&ServiceCause> {
        let ranked = self.verdict == RcaVerdict::Ranked;
        self.services.first().filter(|_| ranked)
    }
}
