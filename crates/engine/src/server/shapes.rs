//! The shapes of other crates' types in JSON, for the description.
#![expect(
    dead_code,
    reason = "these describe types of other crates in the description of the server"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// Milliseconds since 1970.
#[derive(JsonSchema)]
#[schemars(rename = "Moment")]
pub(super) struct MomentShape(i64);

/// What was found of a point.
#[derive(JsonSchema)]
#[schemars(rename = "Verdict")]
pub(super) struct VerdictShape {
    timestamp: MomentShape,
    /// Which series.
    labels: BTreeMap<String, String>,
    /// What was observed; `null` when the series is absent.
    value: Option<f64>,
    /// 0 as expected, 1 at the bound, above 1 anomalous; `null` while warming up.
    score: Option<f64>,
    expected: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    /// The side of the expected value.
    direction: Option<SideShape>,
    anomalous: bool,
    explanation: Option<ExplanationShape>,
}

/// A side of the expected value.
#[derive(JsonSchema)]
#[schemars(rename = "Side", rename_all = "snake_case")]
enum SideShape {
    Up,
    Down,
    Both,
}

/// Why a verdict is what it is.
#[derive(JsonSchema)]
#[schemars(rename = "Explanation")]
struct ExplanationShape {
    summary: String,
    /// The largest share first.
    contributions: Vec<ContributionShape>,
}

/// The part of one feature in a score.
#[derive(JsonSchema)]
#[schemars(rename = "Contribution")]
struct ContributionShape {
    feature: String,
    /// In [0, 1].
    share: f64,
}

/// An alert.
#[derive(JsonSchema)]
#[schemars(rename = "Alert")]
pub(super) struct AlertShape {
    /// Its identity.
    labels: BTreeMap<String, String>,
    state: LifeShape,
    severity: DangerShape,
    /// The first anomalous point.
    starts_at: MomentShape,
    fired_at: Option<MomentShape>,
    resolved_at: Option<MomentShape>,
    /// One line for people.
    summary: String,
    /// What probably led to it, where that is known.
    cause: Option<String>,
    /// The verdict with the highest score so far.
    verdict: VerdictShape,
}

/// That somebody has taken up an alert.
#[derive(JsonSchema)]
#[schemars(rename = "Acknowledgement")]
pub(super) struct AcknowledgementShape {
    at: MomentShape,
    by: Option<String>,
    note: Option<String>,
}

/// Where an alert is in its life.
#[derive(JsonSchema)]
#[schemars(rename = "AlertState", rename_all = "snake_case")]
enum LifeShape {
    Pending,
    Firing,
    Resolved,
}

/// How bad an alert is.
#[derive(JsonSchema)]
#[schemars(rename = "Severity", rename_all = "snake_case")]
pub(super) enum DangerShape {
    Info,
    Warning,
    Minor,
    Major,
    Critical,
}

/// One thing that happened to an alert on its way to the receivers.
#[derive(JsonSchema)]
#[schemars(rename = "Step")]
pub(super) struct StepShape {
    at: MomentShape,
    /// When it happened last, when it happened several times in a row.
    until: MomentShape,
    count: u32,
    /// Where: `lifecycle`, `silence`, `grouping` and others.
    stage: String,
    /// What came of it: `noted`, `held`, `dropped` or `paged`.
    outcome: String,
    reason: String,
}
