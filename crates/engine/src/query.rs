//! A configured query at work.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bongsu_alert::{Policy, Transition};
use bongsu_core::{Alert, Labels, Timestamp, format_duration};

use crate::asked::Asked;
use crate::config::{Config, QueryConfig};
use crate::engine::Pace;
use crate::judge::{Budget, Judge, Judged};
use crate::maintenance::Maintenance;
use crate::server::{BudgetView, ModelView, QueryView};
use crate::shard::Shard;
use crate::state::{EngineState, QueryState};
use crate::training::{Meanwhile, Reason, Training};
use crate::{Error, Observer, sinks};

/// The first wait before a failed query is tried again; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// A query and how its last fetches went.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) config: QueryConfig,
    pub(crate) judge: Judge,
    /// What the source is asked.
    pub(crate) asked: Asked,
    pub(crate) policy: Policy,
    failures: u32,
    pub(crate) retry_at: Option<Instant>,
    last_problem: Option<String>,
    /// What is not known of its maintenance windows.
    unknown_maintenance: Vec<String>,
    /// Whether a fetch is under way.
    pub(crate) fetching: bool,
    /// How much of it is judged at once.
    pub(crate) pace: Pace,
    /// The trace of the tick that is under way.
    pub(crate) tick: tracing::Span,
    pub(crate) maintenance: Maintenance,
    pub(crate) training: Option<Training>,
    /// A training that was asked for.
    pub(crate) requested: bool,
    /// Whether the training under way was asked for.
    pub(crate) by_request: bool,
    /// What came since a training began that is under way; `None` while there is none.
    pub(crate) meanwhile: Option<Meanwhile>,
    /// Why the latest training gave nothing.
    pub(crate) training_problem: Option<String>,
    /// The versions of trained detectors that are kept.
    pub(crate) kept: Vec<u64>,
}

impl Query {
    /// The queries of a configuration.
    pub(crate) fn all(config: &Config) -> Result<Vec<Self>, Error> {
        let queries = config.queries.iter();
        queries.map(|query| Self::new(query, config)).collect()
    }

    fn new(query: &QueryConfig, whole: &Config) -> Result<Self, Error> {
        let config = query.clone();
        let at = |e: &dyn std::fmt::Display| Error::config(format!("query `{}`: {e}", config.name));
        let policy = sinks::policy(&config.alert).map_err(|e| at(&e))?;
        let mut judge = Judge::new(&config, whole.engine.max_series).map_err(|e| at(&e))?;
        judge.allow(whole.allowance(config.budget.as_ref()));
        judge.shard = whole.shard.as_ref().map_or(Shard::ALL, Shard::new);
        Ok(Self {
            judge,
            asked: Asked::new(&config),
            policy,
            maintenance: Maintenance::new(&whole.maintenance, &config.name)?,
            training: Training::new(&config).map_err(|e| at(&e))?,
            requested: false,
            by_request: false,
            meanwhile: None,
            training_problem: None,
            kept: Vec::new(),
            config,
            failures: 0,
            retry_at: None,
            last_problem: None,
            unknown_maintenance: Vec::new(),
            fetching: false,
            pace: Pace::default(),
            tick: tracing::Span::none(),
        })
    }

    /// Takes the place of `old`, the query of the same name in the configuration before.
    pub(crate) fn follow(&mut self, old: &Self) {
        if self.signature() != old.signature() {
            return;
        }
        self.last_problem.clone_from(&old.last_problem);
        self.pace = old.pace;
        if self.training.is_some() {
            // A training under way is broken off, so one that was asked for is still due.
            self.requested = old.requested || old.meanwhile.is_some() && old.by_request;
            self.training_problem.clone_from(&old.training_problem);
        }
    }

    /// What the series' states depend on; when it changes they start afresh.
    pub(crate) fn signature(&self) -> String {
        let parameters: Vec<String> = self
            .config
            .parameter_texts()
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let step = format_duration(self.config.step.duration());
        format!(
            "{} {} {} {}",
            self.config.detector,
            parameters.join(","),
            step,
            self.config.expr_text()
        ) + &self.judge.grouping_text()
    }

    pub(crate) fn succeeded(
        &mut self,
        quality: &bongsu_prometheus::Quality,
        judged: &Judged,
        unknown: Vec<String>,
        observer: &mut dyn Observer,
    ) {
        self.failures = 0;
        self.retry_at = None;
        let mut problems = data_problems(quality);
        self.unknown_maintenance = unknown;
        if !self.unknown_maintenance.is_empty() {
            let unknown = self.unknown_maintenance.join("; ");
            problems.push(format!("judged without maintenance windows: {unknown}"));
        }
        if judged.refused_series > 0 {
            problems.push(format!(
                "{} series beyond {} were refused",
                judged.refused_series,
                if self.judge.is_full {
                    "state.max_bytes"
                } else {
                    "engine.max_series"
                }
            ));
        }
        if judged.misplaced > 0 {
            problems.push(
                "series have no place in their group, since they lack the label of the channel or \
                 another series has it; they were left out"
                    .to_owned(),
            );
        }
        if judged.missing_values > 0 {
            problems.push("samples that are NaN or infinite were not judged".to_owned());
        }
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        self.report(problem, observer);
    }

    /// What the outside may see of it.
    pub(crate) fn view(&self, state: &QueryState) -> QueryView {
        QueryView {
            name: self.config.name.clone(),
            expr: self.config.expr_text(),
            detector: self.config.detector.clone(),
            step: format_duration(self.config.step.duration()),
            series: state.series.len(),
            judged_until: state.cursor,
            failures: self.failures,
            problem: self.last_problem.clone(),
            unknown_maintenance: self.unknown_maintenance.clone(),
            budget: self.judge.allowed().map(|alerts_per_day| BudgetView {
                alerts_per_day,
                held: state.budget.held,
                passed: state.budget.passed,
            }),
            model: self.training.as_ref().map(|training| ModelView {
                query: self.config.name.clone(),
                version: state.training.version,
                trained_until: state.training.trained,
                next: training.next(&state.training),
                in_training: self.meanwhile.is_some(),
                drifted_series: state.training.drifted(),
                problem: self.training_problem.clone(),
                kept: self.kept.clone(),
            }),
        }
    }

    /// Why its detectors are to be trained now, when they are.
    pub(crate) fn training_due(&self, state: &QueryState) -> Option<Reason> {
        let training = self.training.as_ref()?;
        let now = state.cursor?;
        if self.meanwhile.is_some() || state.history_until.is_some() {
            return None;
        }
        if self.requested {
            return Some(Reason::Request);
        }
        training.due(&state.training, now, state.series.len())
    }

    /// How long to wait after one more failure: it doubles with each.
    pub(crate) fn next_wait(&self) -> Duration {
        FIRST_RETRY
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_RETRY)
    }

    /// A part of the series did not come: it is asked for again, sooner or later.
    pub(crate) fn came_in_part(&mut self, wait: Duration) {
        self.failures += 1;
        self.retry_at = Some(Instant::now() + wait);
    }

    pub(crate) fn failed(&mut self, error: &Error, wait: Duration, observer: &mut dyn Observer) {
        self.failures += 1;
        self.retry_at = Some(Instant::now() + wait);
        self.report(Some(format!("the query failed: {error}")), observer);
    }

    /// It was judged further than the clock says it is.
    pub(crate) fn waits_for_clock(&mut self, observer: &mut dyn Observer) {
        let problem = "it was judged further than the clock says it is now, so it waits: a clock was \
                       set back, or the state is of another machine";
        self.report(Some(problem.to_owned()), observer);
    }

    /// The saved state of this query, if it is judged as before; else a fresh one.
    fn adopt(&self, saved: &mut Vec<QueryState>) -> QueryState {
        let fresh = QueryState {
            name: self.config.name.clone(),
            signature: self.signature(),
            watch: self.judge.watch_text(),
            ..QueryState::default()
        };
        let found = saved.iter().position(|old| old.name == fresh.name);
        let Some(mut old) = found.map(|at| saved.swap_remove(at)) else {
            return fresh;
        };
        if old.signature != fresh.signature {
            tracing::info!(query = %fresh.name, "the query changed, so its detectors start afresh");
            return fresh;
        }
        // Those that another process judges now.
        old.series
            .retain(|series| self.judge.shard.owns(&series.labels));
        if old.watch != fresh.watch {
            self.judge.watch_anew(&mut old.series);
            old.training.forget_drifts();
            old.watch = fresh.watch;
        }
        let budgeted = self.judge.allowed().is_some();
        if !budgeted {
            old.budget = Budget::default();
        }
        for series in &mut old.series {
            series.identity = self.judge.identity(&series.labels);
            if !budgeted {
                series.tail = None;
            }
        }
        old
    }

    /// Tells of a problem when it is new, and of its end.
    fn report(&mut self, problem: Option<String>, observer: &mut dyn Observer) {
        if problem == self.last_problem {
            return;
        }
        if let Some(message) = &problem {
            tracing::warn!(query = %self.config.name, "{message}");
            observer.problem(&self.config.name, message);
        } else {
            tracing::info!(query = %self.config.name, "the query is well again");
        }
        self.last_problem = problem;
    }
}

/// What is wrong with an answer, in words.
pub(crate) fn data_problems(quality: &bongsu_prometheus::Quality) -> Vec<String> {
    let mut problems: Vec<String> = quality
        .warnings
        .iter()
        .map(|text| format!("warning: {text}"))
        .collect();
    if quality.partial {
        problems.push(
            "the answer is partial: what there is was judged, the rest is asked for again"
                .to_owned(),
        );
    }
    for (count, what) in [
        (
            quality.histogram_series,
            "series of native histograms were left out",
        ),
        (
            quality.duplicate_points,
            "points at a time already taken were dropped",
        ),
        (quality.unordered_points, "points came out of order"),
    ] {
        if count > 0 {
            // Without the count, which would make the same problem new at every tick.
            problems.push(what.to_owned());
        }
    }
    problems
}

/// Brings a saved state in line with the configured queries: same order, changed ones afresh.
/// Gives the alerts that ended because nothing judges their series any more, nor is it `planned`.
pub(crate) fn adopt(
    state: &mut EngineState,
    queries: &[Query],
    planned: impl Fn(&Labels) -> bool,
) -> Vec<Alert> {
    let mut saved = std::mem::take(&mut state.queries);
    state.queries = queries
        .iter()
        .map(|query| query.adopt(&mut saved))
        .collect();
    let judged: HashSet<u64> = state
        .queries
        .iter()
        .flat_map(|query| &query.series)
        .map(|series| series.identity.fingerprint())
        .collect();
    let orphans: Vec<(Labels, Timestamp)> = state
        .lifecycle
        .active()
        .chain(state.lifecycle.pending())
        .filter(|alert| !judged.contains(&alert.labels.fingerprint()) && !planned(&alert.labels))
        .map(|alert| (alert.labels.clone(), alert.verdict.timestamp))
        .collect();
    let ended = orphans
        .iter()
        .filter_map(|(identity, at)| state.lifecycle.end(identity, *at));
    ended.filter_map(Transition::into_notification).collect()
}
