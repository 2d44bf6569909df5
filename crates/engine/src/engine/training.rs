//! Training detectors beside the judging, and exchanging them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_core::{Series, Timestamp};
use bongsu_prometheus::{Answer, Range};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::Engine;
use super::jobs::closed;
use crate::Error;
use crate::asked::Asked;
use crate::judge::Grid;
use crate::maintenance::Maintenance;
use crate::query::Query;
use crate::source::Source;
use crate::trace;
use crate::training::{Candidate, Meanwhile, Reason, Task, Versions};

/// So many points are asked for at once.
const MOST_FETCHED: i64 = 1_000_000;
/// More points of all series together are not learned at once.
const MOST_POINTS: i64 = 100_000_000;

/// A training that is under way, or waits to be taken over.
#[derive(Debug)]
pub(super) struct Trained {
    pub(super) query: usize,
    /// Which query it was: the configuration may change meanwhile.
    pub(super) signature: String,
    pub(super) reason: Reason,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) took: Duration,
    /// So often the new detectors learned what had come meanwhile.
    pub(super) caught_up: u32,
    pub(super) outcome: Result<Candidate, Error>,
}

/// What trains: threads of its own, so that judging does not wait.
#[derive(Debug, Clone)]
pub(super) struct Trainer {
    threads: usize,
    pool: Arc<ThreadPool>,
    /// The directory of the state.
    state: Option<PathBuf>,
}

impl Trainer {
    pub(super) fn new(threads: usize, state: Option<PathBuf>) -> Result<Self, Error> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|i| format!("bongsu-train-{i}"))
            .build()
            .map_err(|e| Error::config(format!("engine.training_threads: {e}")))?;
        Ok(Self {
            threads,
            pool: Arc::new(pool),
            state,
        })
    }

    /// This one, or one of as many threads as `threads`.
    pub(super) fn resized(&self, threads: usize) -> Result<Self, Error> {
        if threads == self.threads {
            return Ok(self.clone());
        }
        Self::new(threads, self.state.clone())
    }

    /// Notes which versions of `query` are kept.
    pub(super) fn look(&self, query: &mut Query) {
        let keep = query.training.as_ref().map(|training| training.config.keep);
        let versions = keep.and_then(|keep| self.versions(&query.config.name, keep));
        versions.as_ref().inspect(|versions| versions.tidy());
        query.kept = versions
            .map(|versions| versions.numbers())
            .unwrap_or_default();
    }

    pub(super) fn pool(&self) -> Arc<ThreadPool> {
        Arc::clone(&self.pool)
    }

    pub(super) fn versions(&self, query: &str, keep: usize) -> Option<Versions> {
        let state = self.state.as_deref()?;
        Some(Versions::new(state, query, keep))
    }
}

impl Engine {
    /// Begins the next training that is due, when none is under way; whether it did.
    pub(super) fn start_training(&mut self) -> bool {
        if !self.training.is_empty() {
            return false;
        }
        if let Some((index, reason)) = self.in_turn() {
            self.turn = index + 1;
            let (Some(query), Some(state)) =
                (self.queries.get_mut(index), self.state.queries.get(index))
            else {
                return false;
            };
            let (Some(to), Some(training)) = (state.cursor, &query.training) else {
                return false;
            };
            let drifted = training.drifted_at(&state.training, state.series.len());
            let since = drifted.filter(|_| reason == Reason::Drift);
            let task = Task::new(query.judge.clone(), training.config.clone(), since, to);
            let series = i64::try_from(state.width()).unwrap_or(i64::MAX);
            query.requested = false;
            query.by_request = reason == Reason::Request;
            query.meanwhile = Some(Meanwhile::default());
            let (source, pool) = (Arc::clone(&self.source), self.trainer.pool());
            let (asked, maintenance) = (query.asked.clone(), query.maintenance.clone());
            let signature = query.signature();
            let name = query.config.name.clone();
            tracing::info!(query = %name, %reason, series, "training begins");
            let span = trace::train(&name, &reason);
            let train = async move {
                let begun = Instant::now();
                let from = task.learn.from;
                let outcome = train(&source, &asked, &maintenance, task, series, pool).await;
                if let Err(error) = &outcome {
                    trace::fail(&tracing::Span::current(), error);
                }
                Trained {
                    query: index,
                    signature,
                    reason,
                    from,
                    to,
                    took: begun.elapsed(),
                    caught_up: 0,
                    outcome,
                }
            };
            self.training.spawn(train.instrument(span));
            return true;
        }
        false
    }

    /// The next query that is to be trained, and why: each has its turn, so that none that is always
    /// due keeps others waiting.
    fn in_turn(&self) -> Option<(usize, Reason)> {
        let count = self.queries.len();
        let turns = (0..count).map(|i| (self.turn + i) % count);
        let due = |index: usize| {
            let (query, state) = (self.queries.get(index)?, self.state.queries.get(index)?);
            Some((index, query.training_due(state)?))
        };
        turns.into_iter().find_map(due)
    }

    /// Asks for a training of `query`, or of all queries that are trained.
    ///
    /// # Errors
    /// When there is no such query, or none that is trained.
    pub(super) fn request_training(&mut self, query: Option<&str>) -> Result<Vec<String>, Error> {
        let mut asked = Vec::new();
        for own in &mut self.queries {
            let name = &own.config.name;
            if query.is_some_and(|query| query != name) {
                continue;
            }
            if own.training.is_some() {
                own.requested = true;
                asked.push(name.clone());
            } else if query.is_some() {
                return Err(Error::config(format!(
                    "query `{name}` has no `training` section"
                )));
            }
        }
        match (asked.is_empty(), query) {
            (false, _) => Ok(asked),
            (true, Some(query)) => Err(Error::config(format!("there is no query `{query}`"))),
            (true, None) => Err(Error::config("no query has a `training` section")),
        }
    }
}

/// Fetches the window and trains on it.
///
/// # Errors
/// When it is too large, cannot be had whole, or nothing can be learned from it.
pub(super) async fn train(
    source: &Source,
    asked: &Asked,
    maintenance: &Maintenance,
    mut task: Task,
    series: i64,
    pool: Arc<ThreadPool>,
) -> Result<Candidate, Error> {
    let steps = task.learn.to.millis_since(task.learn.from) / task.step() + 1;
    let points = steps.saturating_mul(series);
    if points > MOST_POINTS {
        return Err(Error::source(format!(
            "training.window has {points} points of all series together, more than {MOST_POINTS}; a \
             shorter window or a longer step may help"
        )));
    }
    let past = fetch(source, asked, task.learn, task.step(), series).await?;
    let holdout = fetch(source, asked, task.holdout, task.judge.step, series).await?;
    let whole = Range {
        start: task.learn.from,
        end: task.holdout.to,
        step_ms: task.judge.step,
    };
    let (windows, unknown) = closed(source, maintenance, &whole).await;
    if !unknown.is_empty() {
        let why = unknown.join("; ");
        let message = format!("the maintenance windows are not known in full: {why}");
        return Err(Error::source(message));
    }
    task.judge.closed = windows;
    on(&pool, move || task.run(past, holdout)).await?
}

/// What `work` gives, done on the threads that train: nobody waits for them at the end of the
/// service.
pub(super) async fn on<T: Send + 'static>(
    pool: &ThreadPool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (tell, told) = oneshot::channel();
    pool.spawn(move || {
        // Whoever asked may have gone.
        let _ = tell.send(catch_unwind(AssertUnwindSafe(work)));
    });
    match told.await {
        Ok(Ok(given)) => Ok(given),
        Ok(Err(_)) | Err(_) => Err(Error::source(
            "the training panicked, which is a mistake in the program: please report it",
        )),
    }
}

/// What there is on `grid`, of about so many `series`: asked for in pieces that every server gives.
async fn fetch(
    source: &Source,
    asked: &Asked,
    grid: Grid,
    step_ms: i64,
    series: i64,
) -> Result<Vec<Series>, Error> {
    let reach = step_ms.saturating_mul((MOST_FETCHED / series.max(1)).max(1) - 1);
    let mut parts = Vec::new();
    let mut start = grid.from;
    while start <= grid.to {
        let end = grid.to.min(start.add_millis(reach));
        let range = Range {
            start,
            end,
            step_ms,
        };
        let answer = asked.fetch(source, &range).await?;
        if answer.quality.partial {
            return Err(Error::source(
                "the answer is partial, which is not trained on",
            ));
        }
        parts.push(answer);
        start = end.add_millis(step_ms);
    }
    Ok(Answer::join(parts).series)
}

#[cfg(test)]
mod tests {
    use bongsu_core::Labels;

    use super::*;
    use crate::config::QueryConfig;

    #[tokio::test]
    async fn what_is_fetched_in_pieces_is_whole() {
        let times: Vec<Timestamp> = (0..100).map(|i| Timestamp::from_secs(60 * i)).collect();
        let series = |name: &str, from: usize| {
            let labels = Labels::from_pairs([("__name__", name)]).unwrap();
            let values = (from..100).map(|i| i as f64).collect();
            Series::new(labels, times[from..].to_vec(), values).unwrap()
        };
        let source = Source::Fixed(vec![series("a", 0), series("b", 31)]);
        let asked = Asked::new(&QueryConfig::new("all", "*"));
        let grid = Grid {
            from: Timestamp::from_secs(60),
            to: Timestamp::from_secs(60 * 99),
        };
        let whole = fetch(&source, &asked, grid, 60_000, 1).await.unwrap();
        assert_eq!((whole[0].len(), whole[1].len()), (99, 69));
        // Seven moments at once, and then one.
        for series in [MOST_FETCHED / 7, 10 * MOST_FETCHED] {
            let pieces = fetch(&source, &asked, grid, 60_000, series).await.unwrap();
            assert_eq!(pieces, whole);
        }
    }
}
