//! Labelled series through a query, as the service would have judged them.

use std::collections::HashMap;
use std::time::Duration;

use bongsu_core::{Alert, Timestamp};

use crate::config::{
    ChannelsConfig, Config, GroupConfig, NewChannels, QueryConfig, SourceConfig, Span, parse,
};
use crate::registry::DetectorSpec;
use crate::{Error, Table, WalkMode, Walked, walk_forward};

/// How the service would have judged the series of a bench.
#[derive(Debug, Clone)]
pub struct BenchWalk {
    /// By the engine itself, or faster.
    pub mode: WalkMode,
    /// The configuration whose first query says how detectors are trained, what counts as a deviation and
    /// when an alert fires, and whose section `alerting` says what is told; `None` for the defaults.
    pub like: Option<Config>,
}

/// What detectors are walked with where nothing else is said.
const PLAIN: &str = "source: {type: csv, path: none.csv}\nqueries: [{name: bench, expr: '*'}]";

/// What a walk made of a table.
pub(super) struct Rows {
    /// The score of each row, NaN where it was not judged.
    pub(super) scores: Vec<f64>,
    /// Whether an alert fired at each row.
    pub(super) firing: Vec<bool>,
    /// Messages to people.
    pub(super) messages: usize,
}

impl BenchWalk {
    /// The configuration that is walked with.
    fn config(&self, spec: &DetectorSpec, step: i64, channels: usize) -> Result<Config, Error> {
        let plain = || parse(PLAIN, None);
        let like = self.like.clone().map_or_else(plain, Ok)?;
        let first = like.queries.first().cloned();
        let mut query = first.unwrap_or_else(|| QueryConfig::new("bench", "*"));
        if query.detector != spec.name {
            query.parameters.clear();
        }
        spec.name.clone_into(&mut query.detector);
        "*".clone_into(&mut query.expr);
        query.step = span(step);
        // Labels do not tell of what is not there.
        query.absent_after = Span::default();
        query.group = (spec.input.is_together() && channels > 1).then(|| GroupConfig {
            by: Vec::new(),
            channels: ChannelsConfig::default(),
            max_gap: span(step.saturating_mul(5)),
            max_missing: 0.5,
            new_channels: NewChannels::Ignore,
        });
        Ok(Config {
            source: SourceConfig::Csv {
                path: "none.csv".into(),
            },
            queries: vec![query],
            maintenance: Vec::new(),
            shard: None,
            rca: None,
            capacity: None,
            ..like
        })
    }

    /// Whether people would be told: by an exact walk with a section `alerting`.
    pub(super) fn tells(&self) -> bool {
        let alerting = self.like.as_ref().and_then(|like| like.alerting.as_ref());
        self.mode == WalkMode::Exact && alerting.is_some()
    }

    /// Judges the rows of `table` by the detector `spec`.
    ///
    /// # Errors
    /// When the detector refuses them, or nothing was judged.
    pub(super) fn judge(&self, spec: &DetectorSpec, table: &Table) -> Result<Rows, Error> {
        let step = usual_gap(&table.timestamps)
            .ok_or_else(|| Error::input("there are not two rows with different times"))?;
        let config = self.config(spec, step, table.channels.len())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::input)?;
        let walked = walk_forward(&config, table.to_series()?, self.mode);
        let walked = runtime.block_on(walked)?;
        if walked.verdicts.is_empty() {
            let why = walked.problems.first();
            let why = why.map_or("nothing was judged", |(_, message)| message.as_str());
            return Err(Error::input(why.to_owned()));
        }
        Ok(rows(&walked, &table.timestamps, step))
    }
}

/// What belongs to each row: a moment is judged by the newest row up to it.
fn rows(walked: &Walked, times: &[Timestamp], step: i64) -> Rows {
    let mut best: HashMap<Timestamp, f64> = HashMap::with_capacity(times.len());
    for (_, verdict) in &walked.verdicts {
        if let Some(score) = verdict.score {
            let known = best.entry(verdict.timestamp).or_insert(score);
            *known = known.max(score);
        }
    }
    let moments: Vec<Timestamp> = times.iter().map(|time| time.align_up(step)).collect();
    let newest = |row: usize| moments.get(row) != moments.get(row + 1);
    let score = |(row, moment): (usize, &Timestamp)| {
        let known = best.get(moment).copied().filter(|_| newest(row));
        known.unwrap_or(f64::NAN)
    };
    let fires = |alert: &Alert, at: Timestamp| {
        alert.fired_at.is_some_and(|from| from <= at)
            && alert.resolved_at.is_none_or(|until| at < until)
    };
    Rows {
        scores: moments.iter().enumerate().map(score).collect(),
        firing: moments
            .iter()
            .map(|&at| walked.alerts.iter().any(|alert| fires(alert, at)))
            .collect(),
        messages: walked.messages.len(),
    }
}

fn span(millis: i64) -> Span {
    Span::from(Duration::from_millis(millis.unsigned_abs()))
}

/// The median distance of rows in milliseconds.
fn usual_gap(times: &[Timestamp]) -> Option<i64> {
    let pairs = times.iter().zip(times.iter().skip(1));
    let mut gaps: Vec<i64> = pairs
        .map(|(a, b)| b.millis_since(*a))
        .filter(|gap| *gap > 0)
        .collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}
