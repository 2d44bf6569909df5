//! One detector through the series.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bongsu_core::{Result as CoreResult, Snapshot, StreamDetector as _, Timestamp, snapshot};
use bongsu_eval::{Evaluate, LabelledScores, LabelledSeries, RunResult, RunStatus, SeriesKind};
use serde::{Deserialize, Serialize};

use super::store::Store;
use super::walk::BenchWalk;
use super::{BenchRequest, is_nab, unlabelled};
use crate::registry::{self, DetectorSpec, StreamState};
use crate::{DetectRequest, Error, Table, TimeUnit, detect};

/// The measures that are kept.
const KEPT: [&str; 15] = [
    "roc_auc",
    "pr_auc",
    "best_f1",
    "vus_roc",
    "vus_pr",
    "precision",
    "recall",
    "f1",
    "affiliation_f1",
    "range_f1",
    "event_recall",
    "event_precision",
    "detection_delay_seconds",
    "false_alerts_per_week",
    "accuracy",
];
/// Those that mean something where the order of rows means nothing.
const OF_TABLES: [&str; 7] = [
    "roc_auc",
    "pr_auc",
    "best_f1",
    "precision",
    "recall",
    "f1",
    "accuracy",
];

/// A detector that goes from shorter to longer series.
pub(super) struct Runner<'a> {
    spec: &'static DetectorSpec,
    limit: Duration,
    unlabelled: bool,
    walk: Option<&'a BenchWalk>,
    store: Option<&'a Store>,
    /// The costliest run so far, by what it foretells: seconds a squared row and channel.
    rate: f64,
}

impl<'a> Runner<'a> {
    pub(super) fn new(
        spec: &'static DetectorSpec,
        request: &'a BenchRequest,
        store: Option<&'a Store>,
    ) -> Self {
        Self {
            spec,
            limit: request.limit,
            unlabelled: request.unlabelled,
            walk: request.walk.as_ref(),
            store,
            rate: 0.0,
        }
    }

    /// Judges `one`, unless that was done before or is foreseen to take too long.
    ///
    /// # Errors
    /// When the result cannot be kept.
    pub(super) fn run(&mut self, one: &LabelledSeries) -> Result<(RunResult, bool), Error> {
        if let Some(kept) = self
            .store
            .and_then(|store| store.run(self.spec.name, one, self.unlabelled))
        {
            self.learn(&kept);
            return Ok((kept, true));
        }
        let squares = squares(one.values.nrows(), one.values.ncols());
        let foreseen = self.rate * squares;
        let mut run = self.empty(one);
        if foreseen > self.limit.as_secs_f64() {
            run.status = RunStatus::Skipped;
            run.reason = Some(format!("foreseen to take {foreseen:.0} s"));
            // Not kept: with another limit it may run.
            return Ok((run, false));
        }
        let scores = self.judge(one, &mut run);
        self.learn(&run);
        if let Some(store) = self.store {
            // The scores first: a kept run has them.
            if let Some(scores) = scores.filter(|_| is_nab(one)) {
                store.keep_scores(self.spec.name, one, &scores)?;
            }
            store.keep(&run, one, self.unlabelled)?;
        }
        Ok((run, false))
    }

    fn learn(&mut self, run: &RunResult) {
        // A run that ended early because the detector refused tells nothing.
        if run.status == RunStatus::Done {
            // The newest counts: it is the longest series so far.
            self.rate = run.seconds / squares(run.rows, run.channels);
        }
    }

    fn empty(&self, one: &LabelledSeries) -> RunResult {
        RunResult {
            detector: self.spec.name.to_owned(),
            set: one.set.clone(),
            family: one.family.clone(),
            series: one.name.clone(),
            kind: one.kind.name().to_owned(),
            rows: one.values.nrows(),
            channels: one.values.ncols(),
            status: RunStatus::Failed,
            reason: None,
            seconds: 0.0,
            measures: BTreeMap::new(),
        }
    }

    /// Judges `one` and fills in `run`; gives the scores where there are any.
    fn judge(&self, one: &LabelledSeries, run: &mut RunResult) -> Option<Vec<f64>> {
        let request = DetectRequest {
            detector: self.spec.name.to_owned(),
            ..DetectRequest::default()
        };
        let table = table_of(one);
        if let Some(walk) = self.walk {
            return self.walk(walk, one, &table, run);
        }
        let start = Instant::now();
        let judged = detect(&table, &request);
        run.seconds = start.elapsed().as_secs_f64();
        let rows = match judged {
            Ok(rows) => rows,
            Err(error) => {
                run.reason = Some(error.to_string());
                return None;
            }
        };
        let scores: Vec<f64> = rows
            .iter()
            .map(|row| row.score.unwrap_or(f64::NAN))
            .collect();
        let alarms: Vec<bool> = rows.iter().map(|row| row.anomalous).collect();
        let measured = if self.unlabelled {
            unlabelled::measures(&table, &rows, &request)
        } else {
            measures(one, &scores, &alarms).map_err(Error::from)
        };
        match measured {
            Ok(measures) => {
                run.measures = measures;
                run.status = RunStatus::Done;
                Some(scores)
            }
            Err(error) => {
                run.reason = Some(error.to_string());
                None
            }
        }
    }
}

impl Runner<'_> {
    /// The same through a query of the service.
    fn walk(
        &self,
        walk: &BenchWalk,
        one: &LabelledSeries,
        table: &Table,
        run: &mut RunResult,
    ) -> Option<Vec<f64>> {
        let start = Instant::now();
        let walked = walk.judge(self.spec, table);
        run.seconds = start.elapsed().as_secs_f64();
        let measured = walked.and_then(|rows| {
            let mut found = measures(one, &rows.scores, &rows.firing)?;
            if walk.tells() {
                found.insert("messages".to_owned(), rows.messages as f64);
            }
            Ok((found, rows.scores))
        });
        match measured {
            Ok((measures, scores)) => {
                run.measures = measures;
                run.status = RunStatus::Done;
                Some(scores)
            }
            Err(error) => {
                run.reason = Some(error.to_string());
                None
            }
        }
    }
}

fn squares(rows: usize, channels: usize) -> f64 {
    // Small series tell more of the fixed cost than of the growth.
    let rows = rows.max(1_000) as f64;
    rows * rows * channels as f64
}

fn table_of(one: &LabelledSeries) -> Table {
    let mut newest = Timestamp::MIN;
    let mut late_rows = Vec::new();
    for (row, &time) in one.times.iter().enumerate() {
        if row > 0 && time <= newest {
            late_rows.push(row);
        }
        newest = newest.max(time);
    }
    Table {
        timestamp_texts: Vec::new(),
        timestamps: one.times.clone(),
        unit: TimeUnit::Seconds,
        channels: one.channels.clone(),
        values: one.values.clone(),
        late_rows,
    }
}

fn measures(
    one: &LabelledSeries,
    scores: &[f64],
    alarms: &[bool],
) -> CoreResult<BTreeMap<String, f64>> {
    let judged = |len: usize| one.judged_from.min(len)..len;
    let tabular = one.kind == SeriesKind::Tabular;
    // A clock that goes back (as in summer time) must not end the evaluation: rows are in order.
    let mut times: Vec<Timestamp> = one
        .times
        .get(judged(one.times.len()))
        .unwrap_or_default()
        .to_vec();
    times.sort_unstable();
    let rows = LabelledScores {
        times: &times,
        scores: scores.get(judged(scores.len())).unwrap_or_default(),
        alarms: Some(alarms.get(judged(alarms.len())).unwrap_or_default()),
        labels: one.judged_labels(),
    };
    let found = Evaluate::default()
        .vus_window(if tabular { 0 } else { 100 })?
        .measure(&rows)?;
    let names: &[&str] = if tabular { &OF_TABLES } else { &KEPT };
    let value = |name: &&str| Some(((*name).to_owned(), found.value(name)?));
    // Ranking measures of a series without anomalies do not exist; PR-AUC tells that there are some.
    Ok(names.iter().filter_map(value).collect())
}

/// A streaming detector as it is saved.
#[derive(Serialize, Deserialize)]
struct Kept(StreamState);

impl Snapshot for Kept {
    const KIND: &'static str = "engine.bench_state";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        self.0.validate()
    }
}

/// The bytes of the detector's saved state after 2,000 rows of one channel; `None` where it refuses
/// them.
pub(super) fn state_bytes(spec: &DetectorSpec) -> Option<u64> {
    let mut state = registry::build(spec.name, &BTreeMap::new()).ok()?;
    state.fix_features(1).ok()?;
    for row in 0..2_000_u32 {
        state.set_time(Timestamp::from_secs(60 * i64::from(row)));
        let value = (f64::from(row) / 20.0).sin() + f64::from(row * 7919 % 97) / 97.0;
        state.learn(&[value]).ok()?;
    }
    let bytes = snapshot::to_bytes(&Kept(state)).ok()?;
    u64::try_from(bytes.len()).ok()
}
