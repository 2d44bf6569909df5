use std::collections::BTreeMap;
use std::path::PathBuf;

use bongsu_core::{Direction, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AlertingConfig, BudgetConfig, CapacityConfig, GapsConfig, GroupConfig, MaintenanceConfig,
    OutputConfig, RcaConfig, ReportsConfig, ServerConfig, ShardConfig, SinkConfig, SourceConfig,
    Span, TrainingConfig,
};
use crate::Error;

/// The whole configuration of a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the data come from.
    pub source: SourceConfig,
    /// What is judged; at least one, unless only capacity is planned.
    #[serde(default)]
    pub queries: Vec<QueryConfig>,
    /// Who is told. Without any, alerts go to the log.
    #[serde(default)]
    pub sinks: Vec<SinkConfig>,
    /// Who is told of which alerts in which messages, and what keeps these few. The sinks at the top
    /// level hear of every alert all the same.
    #[serde(default)]
    pub alerting: Option<AlertingConfig>,
    /// Where the state lives between runs.
    #[serde(default)]
    pub state: StateConfig,
    /// What is written besides alerts.
    #[serde(default)]
    pub output: OutputConfig,
    /// Reports of days, weeks and months; without this section there are none.
    #[serde(default)]
    pub reports: Option<ReportsConfig>,
    /// How the loop runs.
    #[serde(default)]
    pub engine: EngineSettings,
    /// The service's own HTTP server; without this section there is none.
    #[serde(default)]
    pub server: Option<ServerConfig>,
    /// Times in which series neither alarm nor teach, for example deployments.
    #[serde(default)]
    pub maintenance: Vec<MaintenanceConfig>,
    /// The part of the series that this process judges; without it all.
    #[serde(default)]
    pub shard: Option<ShardConfig>,
    /// How alerts become incidents, and where their causes are looked for; without this section
    /// alerts are grouped by time and labels, and no cause is looked for.
    #[serde(default)]
    pub rca: Option<RcaConfig>,
    /// When resources run out; planned by the service on a schedule, and by
    /// `bongsu capacity --config`.
    #[serde(default)]
    pub capacity: Option<CapacityConfig>,
}

/// One query and how its series are judged.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// A short name, unique in the file; it becomes the label `query` of the alerts.
    pub name: String,
    /// PromQL, or what the source understands; left out where `group.channels` has expressions.
    #[serde(default)]
    pub expr: String,
    /// Judge several series together, as the channels of one model; without this section each is
    /// judged by itself.
    #[serde(default)]
    pub group: Option<GroupConfig>,
    /// The distance between judged points.
    #[serde(default = "default_step")]
    pub step: Span,
    /// How often the source is asked; what came since is then judged at once. `0s`, and whatever is
    /// shorter than the step, means at every step.
    #[serde(default)]
    pub interval: Span,
    /// The history that a detector sees before it first judges live data.
    #[serde(default = "default_window")]
    pub window: Span,
    /// How far behind the clock the newest judged point stays, so that half-written data are not
    /// judged.
    #[serde(default)]
    pub offset: Span,
    /// The detector's name; `bongsu detect --list` shows them all.
    #[serde(default = "default_detector")]
    pub detector: String,
    /// The detector's parameters by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Whether a new series starts from the scale of its siblings, the other series of the query,
    /// rather than from a warm-up of its own, where at least 8 of them have warmed up and the
    /// detector can (`ewma`, `online-mad`, `holt-winters`, `seasonal-profile`).
    #[serde(default)]
    pub start_from_siblings: bool,
    /// The side of the expected value that counts: `up`, `down` or `both`.
    #[serde(default)]
    #[schemars(with = "DirectionSchema")]
    pub direction: Direction,
    /// The least deviation from the expected value that counts, in the metric's unit.
    #[serde(default)]
    pub min_abs_dev: f64,
    /// The least deviation that counts, as a share of the expected value.
    #[serde(default)]
    pub min_rel_dev: f64,
    /// The unit of the values, for plots: for example `bytes`, `seconds`, `ratio`.
    #[serde(default)]
    pub unit: Option<String>,
    /// How verdicts become alerts.
    #[serde(default)]
    pub alert: AlertPolicy,
    /// A series is called absent when it has no sample for this long; `0` never.
    #[serde(default = "default_absent_after")]
    pub absent_after: Span,
    /// A series that stays away for this long is forgotten.
    #[serde(default = "default_forget_after")]
    pub forget_after: Span,
    /// What becomes of holes in a series.
    #[serde(default)]
    pub gaps: GapsConfig,
    /// For so long points may come after those that follow them: so much of the past is asked for
    /// again each time, and what came late is learned in its place. `0s`: such points are not
    /// learned. At most a day.
    #[serde(default)]
    pub late: Span,
    /// How many alerts may be expected of it by chance; without this section an equal share of
    /// `engine.budget`, where there is one.
    #[serde(default)]
    pub budget: Option<BudgetConfig>,
    /// Training on history, beside the judging; without this section detectors only learn as they
    /// judge.
    #[serde(default)]
    pub training: Option<TrainingConfig>,
}

/// A parameter's value as it may be written in a configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParameterValue {
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A word or a list by commas.
    Text(String),
}

impl std::fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// How verdicts become alerts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertPolicy {
    /// Points must be anomalous for this long before the alert fires.
    #[serde(rename = "for")]
    pub for_duration: Span,
    /// Points must be normal for this long before the alert is resolved.
    pub keep_firing_for: Span,
    /// After it was resolved, the same alert does not fire again for this long.
    pub cooldown: Span,
    /// So many points must be anomalous, besides lasting for long enough.
    pub min_points: u32,
    /// How bad it is: `info`, `warning`, `minor`, `major` or `critical`.
    #[schemars(with = "SeveritySchema")]
    pub severity: Severity,
    /// Labels added to the alert, for example `team: storage`.
    pub labels: BTreeMap<String, String>,
}

impl Default for AlertPolicy {
    fn default() -> Self {
        Self {
            for_duration: Span::default(),
            keep_firing_for: Span::default(),
            cooldown: Span::default(),
            min_points: 1,
            severity: Severity::default(),
            labels: BTreeMap::new(),
        }
    }
}

/// Where the state lives between runs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StateConfig {
    /// A directory that is created when missing. Without one, nothing is kept between runs.
    pub directory: Option<PathBuf>,
    /// The least time between two saves; `0s` saves after every tick.
    pub save_every: Span,
    /// While the state that was saved last has more bytes than this, new series are refused and
    /// counted; those that are known stay.
    pub max_bytes: u64,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            directory: None,
            save_every: Span::default(),
            max_bytes: 1 << 30,
        }
    }
}

/// How the loop runs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// After a longer downtime than this, older points are skipped and counted.
    pub max_catch_up: Span,
    /// The most series that one query may bring; more are refused and counted.
    pub max_series: usize,
    /// Threads that train detectors beside the judging.
    pub training_threads: usize,
    /// When more bytes of verdicts than this wait for a disk that does not take them, nothing is
    /// fetched until it does.
    pub max_unwritten: usize,
    /// How many alerts may be expected of all queries by chance; without this section scores above
    /// 1 are anomalous, however many there are.
    pub budget: Option<BudgetConfig>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            max_catch_up: Span::from_secs(24 * 3_600),
            max_series: 20_000,
            training_threads: 1,
            max_unwritten: 64 << 20,
            budget: None,
        }
    }
}

/// The side of the expected value that counts.
#[derive(JsonSchema)]
#[schemars(rename = "Direction")]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a type of another crate in the schema")]
enum DirectionSchema {
    /// Above what is expected.
    Up,
    /// Below what is expected.
    Down,
    /// Both sides.
    Both,
}

/// Five degrees of danger.
#[derive(JsonSchema)]
#[schemars(rename = "Severity")]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a type of another crate in the schema")]
enum SeveritySchema {
    /// Worth knowing.
    Info,
    /// Look at it in working hours.
    Warning,
    /// Look at it today.
    Minor,
    /// Look at it now.
    Major,
    /// Wake somebody.
    Critical,
}

fn default_step() -> Span {
    Span::from_secs(60)
}

fn default_window() -> Span {
    Span::from_secs(3 * 3_600)
}

fn default_detector() -> String {
    "auto-stream".to_owned()
}

fn default_absent_after() -> Span {
    Span::from_secs(5 * 60)
}

fn default_forget_after() -> Span {
    Span::from_secs(24 * 3_600)
}

impl QueryConfig {
    /// A query with everything else at its default.
    #[must_use]
    pub fn new(name: impl Into<String>, expr: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            expr: expr.into(),
            group: None,
            step: default_step(),
            interval: Span::default(),
            window: default_window(),
            offset: Span::default(),
            detector: default_detector(),
            parameters: BTreeMap::new(),
            start_from_siblings: false,
            direction: Direction::default(),
            min_abs_dev: 0.0,
            min_rel_dev: 0.0,
            unit: None,
            alert: AlertPolicy::default(),
            absent_after: default_absent_after(),
            forget_after: default_forget_after(),
            gaps: GapsConfig::default(),
            late: Span::default(),
            budget: None,
            training: None,
        }
    }

    /// What the source is asked: each expression, with its channel where it gives one.
    #[must_use]
    pub fn exprs(&self) -> Vec<(Option<&str>, &str)> {
        match self.group.as_ref().and_then(GroupConfig::exprs) {
            None => vec![(None, &self.expr)],
            Some(exprs) => exprs
                .iter()
                .map(|(channel, expr)| (Some(channel.as_str()), expr.as_str()))
                .collect(),
        }
    }

    /// The expressions as a text for people.
    #[must_use]
    pub fn expr_text(&self) -> String {
        let parts = self.exprs().into_iter().map(|(channel, expr)| {
            channel.map_or_else(|| expr.to_owned(), |channel| format!("{channel}: {expr}"))
        });
        parts.collect::<Vec<_>>().join("; ")
    }

    /// The side and size of deviations that count.
    ///
    /// # Errors
    /// When a minimum deviation is outside its domain.
    pub fn filter(&self) -> Result<bongsu_core::DeviationFilter, Error> {
        Ok(bongsu_core::DeviationFilter::new()
            .direction(self.direction)
            .min_abs_dev(self.min_abs_dev)?
            .min_rel_dev(self.min_rel_dev)?)
    }

    /// The parameters as texts, as the registry reads them.
    #[must_use]
    pub fn parameter_texts(&self) -> BTreeMap<String, String> {
        self.parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect()
    }
}
