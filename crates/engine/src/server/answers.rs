//! What the server answers and takes, as its description shows it.

use bongsu_alert::{Acknowledgement, Step};
use bongsu_core::{Alert, Timestamp, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shapes::{AcknowledgementShape, AlertShape, MomentShape, StepShape, VerdictShape};
use super::view::{ModelView, QueryView};
use crate::Totals;
use crate::config::Span;

/// An answer in JSON.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Answer")]
pub(super) struct Envelope<T> {
    /// The version of the answers.
    pub(super) schema: u32,
    #[serde(flatten)]
    pub(super) data: T,
}

/// Why a request was refused.
#[derive(Serialize, JsonSchema)]
pub(super) struct Refusal {
    pub(super) error: String,
}

/// How the service is.
#[derive(Serialize, JsonSchema)]
pub(super) struct Status {
    /// Of the program.
    pub(super) version: &'static str,
    pub(super) uptime_seconds: f64,
    /// How many there are.
    pub(super) queries: usize,
    /// Series judged at present, of all queries.
    pub(super) series: usize,
    pub(super) alerts_firing: usize,
    /// Since the start.
    pub(super) totals: Totals,
    pub(super) problems: Vec<Problem>,
    /// Maintenance windows that cannot be read in full.
    pub(super) maintenance: Vec<Problem>,
}

/// What is wrong with a query.
#[derive(Serialize, JsonSchema)]
pub(super) struct Problem {
    pub(super) query: String,
    pub(super) problem: String,
}

/// The queries.
#[derive(Serialize, JsonSchema)]
pub(super) struct QueryList {
    pub(super) queries: Vec<QueryView>,
}

/// The trained detectors.
#[derive(Serialize, JsonSchema)]
pub(super) struct ModelList {
    pub(super) models: Vec<ModelView>,
}

/// The alerts that fire.
#[derive(Serialize, JsonSchema)]
pub(super) struct AlertList {
    pub(super) alerts: Vec<KnownAlert>,
}

/// An alert and the number by which it is known.
#[derive(Serialize, JsonSchema)]
pub(super) struct KnownAlert {
    /// 16 hexadecimal digits.
    pub(super) fingerprint: String,
    /// Who has taken it up; `null` where nobody has.
    #[schemars(with = "Option<AcknowledgementShape>")]
    pub(super) acknowledged: Option<Acknowledgement>,
    #[serde(flatten)]
    #[schemars(with = "AlertShape")]
    pub(super) alert: Alert,
}

/// That somebody takes up an alert.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcknowledgeOrder {
    /// Who.
    pub by: Option<String>,
    /// What there is to say of it, in one line.
    pub note: Option<String>,
}

/// An alert that somebody has taken up.
#[derive(Serialize, JsonSchema)]
pub(super) struct Acknowledged {
    /// 16 hexadecimal digits.
    pub(super) fingerprint: String,
    #[schemars(with = "AcknowledgementShape")]
    pub(super) acknowledged: Acknowledgement,
}

/// An alert that nobody looks after any more.
#[derive(Serialize, JsonSchema)]
pub(super) struct Unacknowledged {
    /// 16 hexadecimal digits.
    pub(super) fingerprint: String,
}

/// What happened to an alert.
#[derive(Serialize, JsonSchema)]
pub(super) struct Explained {
    pub(super) fingerprint: String,
    /// The oldest first.
    #[schemars(with = "Vec<StepShape>")]
    pub(super) steps: Vec<Step>,
}

/// Verdicts.
#[derive(Serialize, JsonSchema)]
pub(super) struct VerdictList {
    pub(super) verdicts: Vec<QueryVerdict>,
    /// How many more there are, beyond the limit.
    pub(super) left_out: usize,
}

/// A verdict and its query.
#[derive(Serialize, JsonSchema)]
pub(super) struct QueryVerdict {
    pub(super) query: String,
    #[serde(flatten)]
    #[schemars(with = "VerdictShape")]
    pub(super) verdict: Verdict,
}

/// What is to be trained.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TrainOrder {
    /// The query; without it, every query that is trained.
    pub(super) query: Option<String>,
}

/// The queries that will be trained.
#[derive(Serialize, JsonSchema)]
pub(super) struct Asked {
    pub(super) queries: Vec<String>,
}

/// Which version is to be at work again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBackOrder {
    pub(super) query: String,
    pub(super) version: u64,
}

/// Detectors were exchanged.
#[derive(Serialize, JsonSchema)]
pub(super) struct Exchanged {
    /// So many.
    pub(super) series: usize,
}

/// A silence to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceOrder {
    /// What alerts must meet, all of it, as in Alertmanager: `team="db"`, `instance=~"a|b"`.
    pub matchers: Vec<String>,
    /// Its first moment; now, when it is left out.
    #[serde(default)]
    #[schemars(with = "Option<MomentShape>")]
    pub starts_at: Option<Timestamp>,
    /// The moment after its last. Either this or `duration`.
    #[serde(default)]
    #[schemars(with = "Option<MomentShape>")]
    pub ends_at: Option<Timestamp>,
    /// How long it lasts: `2h`.
    #[serde(default)]
    pub duration: Option<Span>,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Which silence.
#[derive(Serialize, JsonSchema)]
pub(super) struct SilenceId {
    pub(super) id: String,
}

/// Silences.
#[derive(Serialize, JsonSchema)]
pub(super) struct SilenceList {
    pub(super) silences: Vec<SilenceView>,
}

/// A silence.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SilenceView {
    /// Its identity, where it was made.
    pub id: String,
    /// What alerts must meet, all of it.
    pub matchers: Vec<String>,
    /// Its first moment.
    #[schemars(with = "MomentShape")]
    pub starts_at: Timestamp,
    /// The moment after its last.
    #[schemars(with = "MomentShape")]
    pub ends_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Where it was made.
    pub made_in: Maker,
    /// Whether it holds now.
    pub active: bool,
}

/// Where a silence was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Maker {
    /// Here.
    Bongsu,
    /// In Alertmanager.
    Alertmanager,
}
