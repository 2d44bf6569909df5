//! Judge, trainings and lives of alerts without the engine around them.

use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::Lifecycle;
use bongsu_core::{Series, Timestamp};
use bongsu_prometheus::Range;
use rayon::ThreadPool;

use super::Walked;
use crate::Error;
use crate::config::Config;
use crate::engine::aside::MOST_POINTS;
use crate::engine::intake::patience;
use crate::engine::jobs::{check_span, closed};
use crate::engine::training::{Trainer, train};
use crate::judge::Grid;
use crate::query::Query;
use crate::source::Source;
use crate::state::QueryState;
use crate::training::{Reason, Task, Training};

/// The moments of a stretch at most, where something may have to be trained.
const MOST_STEPS: i64 = 1_000;

pub(super) async fn walk(config: &Config, series: Vec<Series>) -> Result<Walked, Error> {
    let source = Arc::new(Source::Fixed(series));
    let trainer = Trainer::new(config.engine.training_threads, None)?;
    let queries = Query::all(config)?;
    let patience = queries.iter().map(patience).max();
    let mut walked = Walked::default();
    for query in queries {
        check_span(&source, &query)?;
        let mut walk = Walk {
            query,
            state: QueryState::default(),
            lifecycle: Lifecycle::new(),
            source: Arc::clone(&source),
            pool: trainer.pool(),
            patience: patience.unwrap_or(Duration::MAX),
        };
        let name = walk.query.config.name.clone();
        if let Err(error) = walk.run(&mut walked).await {
            walked.problems.push((name.clone(), error.to_string()));
        }
        walked.trainings.push((name, walk.state.training.version));
    }
    Ok(walked)
}

/// A query on its way.
struct Walk {
    query: Query,
    state: QueryState,
    lifecycle: Lifecycle,
    source: Arc<Source>,
    pool: Arc<ThreadPool>,
    patience: Duration,
}

impl Walk {
    async fn run(&mut self, walked: &mut Walked) -> Result<(), Error> {
        let (Some(start), step) = (self.source.start(), self.query.judge.step) else {
            return Ok(());
        };
        let offset = self.query.config.offset.millis();
        let newest = self.source.now().add_millis(-offset).align_up(step);
        let mut from = start.align_up(step);
        while from <= newest {
            let to = self.end_of_stretch(from).min(newest);
            self.judge(Grid { from, to }, walked).await?;
            while let Some(reason) = self.query.training_due(&self.state) {
                if let Err(error) = self.train(reason, to).await {
                    self.state.training.failed_at(to);
                    let problem = format!("training gave nothing: {error}");
                    walked
                        .problems
                        .push((self.query.config.name.clone(), problem));
                }
            }
            from = to.add_millis(step);
        }
        Ok(())
    }

    /// The last moment of the stretch that begins at `from`: the next at which a training is due by the
    /// calendar, if that is near.
    fn end_of_stretch(&self, from: Timestamp) -> Timestamp {
        let step = self.query.judge.step;
        let series = i64::try_from(self.state.width()).unwrap_or(i64::MAX).max(1);
        let steps = (MOST_POINTS / series).max(1);
        let Some(training) = &self.query.training else {
            return from.add_millis(step.saturating_mul(steps - 1));
        };
        let far = from.add_millis(step.saturating_mul(steps.min(MOST_STEPS) - 1));
        let next = training.next_try(&self.state.training).align_up(step);
        next.clamp(from, far)
    }

    async fn judge(&mut self, grid: Grid, walked: &mut Walked) -> Result<(), Error> {
        let range = Range {
            start: grid.from,
            end: grid.to,
            step_ms: self.query.judge.step,
        };
        let (query, state) = (&self.query, &mut self.state);
        let answer = query.asked.fetch(&self.source, &range).await?;
        let mut judge = query.judge.clone();
        (judge.closed, _) = closed(&self.source, &query.maintenance, &range).await;
        let pieces = judge.gather(answer.series);
        let spent = Some(&mut state.budget);
        let judged = judge.judge(&mut state.series, pieces, grid, true, false, spent);
        if let Some(training) = &query.training {
            Training::observe(&mut state.training, &judged);
            // At the end of a long stretch it is too late to tell what had passed when.
            training.review(&mut state.training, &mut state.series, Timestamp::MIN);
        }
        state.cursor = Some(grid.to);
        for finding in judged.findings {
            let verdict = finding.verdict;
            match (self.lifecycle).observe(&finding.identity, &query.policy, &verdict) {
                Ok(transition) => transition.iter().for_each(|change| walked.note(change)),
                Err(error) => walked
                    .problems
                    .push((query.config.name.clone(), error.to_string())),
            }
            walked.verdicts.push((query.config.name.clone(), verdict));
        }
        for (identity, at) in &judged.gone {
            let ended = self.lifecycle.end(identity, *at);
            ended.iter().for_each(|change| walked.note(change));
        }
        let expired = self.lifecycle.expire(grid.to, self.patience);
        expired.iter().for_each(|change| walked.note(change));
        Ok(())
    }

    /// Trains at the moment `to`, and puts the new detectors to work.
    async fn train(&mut self, reason: Reason, to: Timestamp) -> Result<(), Error> {
        let Some(training) = &self.query.training else {
            return Ok(());
        };
        let config = training.config.clone();
        let drifted = training.drifted_at(&self.state.training, self.state.series.len());
        let since = drifted.filter(|_| reason == Reason::Drift);
        let task = Task::new(self.query.judge.clone(), config.clone(), since, to);
        let width = i64::try_from(self.state.width()).unwrap_or(i64::MAX);
        let pool = Arc::clone(&self.pool);
        let (asked, maintenance) = (&self.query.asked, &self.query.maintenance);
        let candidate = train(&self.source, asked, maintenance, task, width, pool).await?;
        if let Some(why) = candidate.objection(&config, &self.state.series) {
            return Err(Error::source(why));
        }
        let series = candidate.series.into_iter();
        let learned = series.map(|one| (one.labels, one.learned)).collect();
        self.query.judge.exchange(&mut self.state.series, learned);
        let version = self.state.training.version + 1;
        self.state.training.exchanged(version, to);
        Ok(())
    }
}
