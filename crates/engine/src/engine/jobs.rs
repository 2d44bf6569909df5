//! What is due, and fetching it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_alert::Suppressor;
use bongsu_core::{Timestamp, format_duration};
use bongsu_prometheus::{Answer, Range};
use futures_util::future::join_all;
use tracing::Instrument as _;

use super::Engine;
use super::aside::MOST_POINTS;
use super::keep::DISK_PAUSE;
use crate::Error;
use crate::judge::Grid;
use crate::maintenance::{Closed, Maintenance};
use crate::metrics::Stage;
use crate::query::Query;
use crate::source::Source;
use crate::state::QueryState;
use crate::trace;

/// The longest sleep between two ticks, so that alerts are sent again in time.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);
/// The most moments that are fetched and judged at once; longer stretches are done in pieces.
const MOST_STEPS: i64 = 1_000;
/// The moments of the first stretch, while it is not known how many series there are.
const FIRST_STEPS: i64 = 10;
/// The most moments of a file.
const MOST_FILE_STEPS: i64 = 50_000_000;
/// A stretch of a query that is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) query: usize,
    pub(super) grid: Grid,
    /// Where the history from before the first start ends, while it is judged.
    pub(super) history_until: Option<Timestamp>,
    /// Moments before the grid that are given up.
    pub(super) skipped: i64,
}

/// Data that were fetched and not yet judged.
pub(super) type Fetched = (Job, Result<Data, Error>);

/// What a query and its maintenance windows answered.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) answer: Answer,
    pub(super) closed: Closed,
    /// What is not known of the maintenance windows: the data are judged as if there were none.
    pub(super) unknown: Vec<String>,
}

impl Engine {
    /// Starts to fetch what is due at `now`, each query on its own: a slow one holds up no other.
    /// With `at_once` what there is is fetched before the query's interval has passed, too.
    pub(super) async fn start_fetching(&mut self, now: Timestamp, at_once: bool) {
        if self.waits_for_disk().await {
            return;
        }
        self.tell_waiting_for_clock();
        let queries = self.queries.iter().zip(&self.state.queries).enumerate();
        let due: Vec<Job> = queries
            .filter_map(|(i, (query, state))| self.job(i, query, state, now, at_once))
            .collect();
        let due = self.in_step(due);
        for job in due {
            let Some(query) = self.queries.get_mut(job.query) else {
                continue;
            };
            // What came late is asked for too; a file is complete.
            let knows = self
                .state
                .queries
                .get(job.query)
                .is_some_and(|q| q.cursor.is_some());
            let late = if knows && !self.source.is_fixed() {
                query.config.late.millis()
            } else {
                0
            };
            query.fetching = true;
            let source = Arc::clone(&self.source);
            let asked = query.asked.clone();
            let range = Range {
                start: job.grid.from.add_millis(-late).align_up(query.judge.step),
                end: job.grid.to,
                step_ms: query.judge.step,
            };
            let (metrics, name) = (self.metrics.clone(), query.config.name.clone());
            let maintenance = query.maintenance.clone();
            query.tick = trace::tick(&query.config.name, &range);
            let span = trace::fetch(&query.tick);
            let fetch = async move {
                let begun = Instant::now();
                let (answer, (closed, unknown)) = tokio::join!(
                    asked.fetch(&source, &range),
                    closed(&source, &maintenance, &range)
                );
                metrics.queries.took(&name, Stage::Fetch, begun.elapsed());
                let data = answer.map(|answer| Data {
                    answer,
                    closed,
                    unknown,
                });
                (job, data)
            };
            self.fetching.spawn(fetch.instrument(span));
        }
    }

    /// Those of `due` that are begun: with a stride one after the other, so that what comes of them is
    /// always the same.
    fn in_step(&self, due: Vec<Job>) -> Vec<Job> {
        if self.stride.is_none() {
            return due;
        }
        let first = due.into_iter().min_by_key(|job| (job.grid.from, job.query));
        first
            .filter(|_| self.fetching.is_empty())
            .into_iter()
            .collect()
    }

    fn job(
        &self,
        index: usize,
        query: &Query,
        state: &QueryState,
        now: Timestamp,
        at_once: bool,
    ) -> Option<Job> {
        let waits = query.retry_at.is_some_and(|at| at > Instant::now());
        if query.fetching || waits || self.source.is_empty() {
            return None;
        }
        let step = query.judge.step;
        let reach = now.add_millis(-query.config.offset.millis());
        // A file is complete, so its last rows belong to the moment that follows them.
        let newest = match self.source.start() {
            Some(_) => reach.align_up(step),
            None if at_once || state.cursor.is_none() => reach.align_down(step),
            None => {
                let interval = query.config.interval.millis().max(step);
                reach.align_down(interval).align_down(step)
            }
        };
        // What exporters do not tell of was not absent.
        let known = self.source.known_from()?.align_up(step);
        let (from, skipped) = match (state.cursor, self.source.start()) {
            (Some(cursor), None) => {
                let next = cursor.add_millis(step);
                let reach = newest
                    .add_millis(-self.settings.max_catch_up)
                    .align_up(step);
                let from = next.max(reach.min(newest)).max(known);
                (from, from.millis_since(next))
            }
            (Some(cursor), Some(_)) => (cursor.add_millis(step), 0),
            (None, Some(start)) => (start.align_up(step), 0),
            (None, None) => {
                let window = query.config.window.millis();
                (newest.add_millis(-window).align_up(step).max(known), 0)
            }
        };
        let is_first = state.cursor.is_none() && self.source.start().is_none();
        let steps = match i64::try_from(state.width()).unwrap_or(i64::MAX) {
            // The first stretch tells which channels the groups have, and a file is at hand.
            0 if query.config.group.is_some() || self.source.is_fixed() => MOST_STEPS,
            0 => FIRST_STEPS,
            // The story of a file does not depend on the speed of the machine.
            series if self.source.is_fixed() => (MOST_POINTS / series).clamp(1, MOST_STEPS),
            series => (query.pace.points() / series).clamp(1, MOST_STEPS),
        };
        let steps = self.stride.map_or(steps, |most| steps.min(most));
        let to = newest.min(from.add_millis(step.saturating_mul(steps - 1)));
        (from <= to).then_some(Job {
            query: index,
            grid: Grid { from, to },
            history_until: state.history_until.or(is_first.then_some(newest)),
            skipped,
        })
    }

    pub(super) fn until_next(&self) -> Duration {
        let now = self.source.now();
        // Before that there is nothing to judge.
        let known = self.source.known_from().unwrap_or(now.add_millis(1_000));
        let waits = self
            .queries
            .iter()
            .zip(&self.state.queries)
            .filter(|(query, _)| !query.fetching)
            .map(|(query, state)| {
                let next = state.cursor.map_or(now, |cursor| {
                    let step = query.judge.step;
                    let interval = query.config.interval.millis().max(step);
                    let next = cursor.add_millis(step).align_up(interval).align_up(step);
                    next.add_millis(query.config.offset.millis())
                });
                let next = next.max(known.align_up(query.judge.step));
                let data = Duration::from_millis(next.millis_since(now).max(0).unsigned_abs());
                let retry = query.retry_at.map_or(Duration::ZERO, |at| {
                    at.saturating_duration_since(Instant::now())
                });
                self.source.real_time(data).max(retry)
            });
        let messages = self.suppressor.as_ref().and_then(Suppressor::next_due);
        let incidents = self.incidents.known_due();
        let incidents = incidents.filter(|_| !self.source.is_fixed());
        let messages = messages.into_iter().chain(incidents).map(|due| {
            let wait = Duration::from_millis(due.millis_since(now).max(0).unsigned_abs());
            self.source.real_time(wait)
        });
        let least = if self.is_over_full() {
            DISK_PAUSE
        } else {
            Duration::from_millis(1)
        };
        waits
            .chain(messages)
            .min()
            .unwrap_or(LONGEST_SLEEP)
            .clamp(least, LONGEST_SLEEP)
    }
}

/// The maintenance windows that touch `range`, and what is not known of them: expressions that do
/// not answer, or only in part, and series of them that do not say what they are about.
pub(super) async fn closed(
    source: &Source,
    maintenance: &Maintenance,
    range: &Range,
) -> (Closed, Vec<String>) {
    let mut answers = Vec::new();
    let mut unknown = Vec::new();
    let asked = maintenance
        .exprs()
        .map(async |expr| (expr, source.fetch(expr, range).await));
    for (expr, answer) in join_all(asked).await {
        match answer {
            Ok(answer) => {
                if answer.quality.partial {
                    unknown.push(format!("`{expr}`: the answer is partial"));
                }
                answers.push(answer.series);
            }
            Err(error) => {
                answers.push(Vec::new());
                unknown.push(format!("`{expr}`: {error}"));
            }
        }
    }
    let grid = Grid {
        from: range.start,
        to: range.end,
    };
    unknown.extend(maintenance.unlabelled(&answers));
    (maintenance.closed(grid, range.step_ms, &answers), unknown)
}

/// Refuses a step so short that a file has absurdly many moments.
pub(super) fn check_span(source: &Source, query: &Query) -> Result<(), Error> {
    let Some(start) = source.start() else {
        return Ok(());
    };
    let steps = source.now().millis_since(start) / query.judge.step;
    if steps <= MOST_FILE_STEPS {
        return Ok(());
    }
    Err(Error::config(format!(
        "query `{}`: a step of {} makes {steps} moments of the file, more than {MOST_FILE_STEPS}",
        query.config.name,
        format_duration(query.config.step.duration())
    )))
}
