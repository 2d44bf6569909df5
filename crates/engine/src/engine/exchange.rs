//! Putting newly trained detectors to work, or those of an earlier version.

use std::time::Instant;

use bongsu_core::Timestamp;
use tokio::task::JoinError;

use super::Engine;
use super::training::{Trained, on};
use crate::Error;
use crate::metrics::TrainingOutcome;
use crate::observe::Observer as _;
use crate::training::{Candidate, Meanwhile, ModelVersion, Reason};

/// So often what came meanwhile is learned beside the loop. Learning is faster than what comes, unless
/// the machine cannot keep up with judging either.
const MOST_ROUNDS: u32 = 10;

/// Why what was trained is not put to work.
const OVERTAKEN: &str =
    "it was overtaken, by a roll-back or by more points than can be kept meanwhile";

/// What became of a training.
enum Outcome {
    Exchanged,
    /// The new detectors are not good enough.
    Refused(String),
    /// There are no new detectors.
    Failed(String),
}

impl Engine {
    /// Takes over what a training gave.
    pub(super) async fn finish_training(&mut self, trained: Result<Trained, JoinError>) {
        let trained = match trained {
            Ok(trained) => trained,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        let Some(query) = self.queries.get_mut(trained.query) else {
            return;
        };
        // Nothing is kept for a training that was overtaken: by a roll-back, say.
        let meanwhile = query.meanwhile.take();
        if query.signature() != trained.signature {
            return;
        }
        let name = query.config.name.clone();
        let (took, reason) = (trained.took, trained.reason);
        let outcome = match &trained.outcome {
            // The holdout was judged when the training ended; by now its memory may have passed.
            Ok(candidate) if trained.caught_up == 0 => {
                self.objection(trained.query, candidate).map_or(Ok(()), Err)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        let (outcome, meanwhile) = match (outcome, meanwhile) {
            (Ok(()), Some(meanwhile)) if self.is_far_behind(&trained, &meanwhile) => {
                self.catch_up(trained, meanwhile);
                return;
            }
            outcome => outcome,
        };
        let outcome = match (outcome, trained.outcome) {
            (Ok(()), Ok(candidate)) => {
                let span = (trained.from, trained.to);
                match meanwhile {
                    Some(meanwhile) => {
                        self.exchange(trained.query, candidate, meanwhile, reason, span)
                            .await
                    }
                    None => Outcome::Failed(OVERTAKEN.to_owned()),
                }
            }
            (Err(why), Ok(_)) => Outcome::Refused(why),
            (Err(why), Err(_)) => Outcome::Failed(why),
            (Ok(()), Err(error)) => Outcome::Failed(error.to_string()),
        };
        let (kind, why) = match outcome {
            Outcome::Exchanged => (TrainingOutcome::Exchanged, None),
            Outcome::Refused(why) => (TrainingOutcome::Refused, Some(why)),
            Outcome::Failed(why) => (TrainingOutcome::Failed, Some(why)),
        };
        self.metrics.training.trained(&name, reason, kind, took);
        let (Some(query), Some(state)) = (
            self.queries.get_mut(trained.query),
            self.state.queries.get_mut(trained.query),
        ) else {
            return;
        };
        if let Some(why) = &why {
            state.training.failed_at(trained.to);
            if query.training_problem.as_ref() != Some(why) {
                tracing::warn!(query = %name, %reason, "training gave nothing; the detectors at work stay: {why}");
                self.observer
                    .problem(&name, &format!("training gave nothing: {why}"));
            }
        }
        query.training_problem = why;
    }

    fn objection(&self, index: usize, candidate: &Candidate) -> Option<String> {
        let (query, state) = (self.queries.get(index)?, self.state.queries.get(index)?);
        let training = query.training.as_ref()?;
        candidate.objection(&training.config, &state.series)
    }

    /// Whether more came since the training began than is judged within about a second.
    fn is_far_behind(&self, trained: &Trained, meanwhile: &Meanwhile) -> bool {
        let query = self.queries.get(trained.query);
        let pace = query.map_or(i64::MAX, |query| query.pace.points());
        let points = i64::try_from(meanwhile.points()).unwrap_or(i64::MAX);
        trained.caught_up < MOST_ROUNDS && points > pace
    }

    /// Lets the new detectors learn what came `meanwhile` where they were trained, while the loop goes
    /// on judging; what comes until then is less, and is learned at the exchange.
    fn catch_up(&mut self, trained: Trained, meanwhile: Meanwhile) {
        let Some(query) = self.queries.get_mut(trained.query) else {
            return;
        };
        query.meanwhile = Some(Meanwhile::default());
        let (judge, pool) = (query.judge.clone(), self.trainer.pool());
        self.training.spawn(async move {
            let begun = Instant::now();
            let (outcome, caught_up) = (trained.outcome, trained.caught_up + 1);
            let outcome = match outcome {
                Ok(mut candidate) => {
                    let teach = move || {
                        meanwhile.teach(&judge, &mut candidate.series);
                        candidate
                    };
                    on(&pool, teach).await
                }
                Err(error) => Err(error),
            };
            Trained {
                took: trained.took + begun.elapsed(),
                caught_up,
                outcome,
                ..trained
            }
        });
    }

    /// Puts new detectors to work, once they know what came meanwhile, and keeps them as a version.
    async fn exchange(
        &mut self,
        index: usize,
        mut candidate: Candidate,
        meanwhile: Meanwhile,
        reason: Reason,
        (from, to): (Timestamp, Timestamp),
    ) -> Outcome {
        let (Some(query), Some(state)) = (
            self.queries.get_mut(index),
            self.state.queries.get_mut(index),
        ) else {
            return Outcome::Failed("the query is gone".to_owned());
        };
        let Some(training) = &query.training else {
            return Outcome::Failed("the query is not trained any more".to_owned());
        };
        let judge = query.judge.clone();
        let name = query.config.name.clone();
        let (detector, signature) = (query.config.detector.clone(), query.signature());
        let versions = self.trainer.versions(&name, training.config.keep);
        let newest = versions.as_ref().and_then(|v| v.numbers().pop());
        let number = newest.unwrap_or(0).max(state.training.version) + 1;
        let candidate = self
            .aside(move || {
                meanwhile.teach(&judge, &mut candidate.series);
                candidate
            })
            .await;
        let series = candidate.series.into_iter();
        let version = ModelVersion {
            version: number,
            query: name.clone(),
            detector,
            reason,
            from,
            to,
            points: candidate.points,
            alarm_rate: candidate.tally.alarm_rate().unwrap_or(0.0),
            signature,
            series: series.map(|state| (state.labels, state.learned)).collect(),
        };
        let (version, kept) = if let Some(versions) = versions {
            let save = move || {
                let saved = versions.save(&version);
                (version, saved, versions.numbers())
            };
            let (version, saved, kept) = self.aside(save).await;
            if let Err(error) = saved {
                tracing::error!(query = %name, %error, "the version is not kept to go back to");
            }
            (version, kept)
        } else {
            (version, Vec::new())
        };
        let (Some(query), Some(state)) = (
            self.queries.get_mut(index),
            self.state.queries.get_mut(index),
        ) else {
            return Outcome::Failed("the query is gone".to_owned());
        };
        query.kept = kept;
        let exchanged = query.judge.exchange(&mut state.series, version.series);
        state.training.exchanged(number, to);
        tracing::info!(
            query = %name, %reason, version = number, series = exchanged,
            points = candidate.points, left_out = candidate.left_out.len(),
            alarm_rate = version.alarm_rate, "new detectors are at work"
        );
        for why in candidate.left_out.iter().take(3) {
            tracing::warn!(query = %name, "not trained: {why}");
        }
        Outcome::Exchanged
    }

    /// Puts the detectors of an earlier version to work again.
    ///
    /// # Errors
    /// When there is no such query or version, or it is of another configuration.
    pub(super) async fn roll_back(&mut self, query: String, number: u64) -> Result<usize, Error> {
        let mut named = self.queries.iter().enumerate();
        let Some((index, own)) = named.find(|(_, own)| own.config.name == query) else {
            return Err(Error::config(format!("there is no query `{query}`")));
        };
        let keep = own
            .training
            .as_ref()
            .map_or(1, |training| training.config.keep);
        let Some(versions) = self.trainer.versions(&query, keep) else {
            return Err(Error::config(
                "without state.directory no versions are kept",
            ));
        };
        let version = self.aside(move || versions.load(number)).await?;
        let (Some(own), Some(state)) = (
            self.queries.get_mut(index),
            self.state.queries.get_mut(index),
        ) else {
            return Err(Error::config(format!("there is no query `{query}`")));
        };
        if version.signature != own.signature() {
            return Err(Error::state(format!(
                "version {number} was trained with another detector, expression, step or parameters"
            )));
        }
        let at = state.cursor.unwrap_or(version.to);
        let exchanged = own.judge.exchange(&mut state.series, version.series);
        state.training.rolled_back(number, version.to, at);
        // A training under way must not undo it, and a crash must not lose it.
        own.meanwhile = None;
        own.requested = false;
        self.last_save = None;
        tracing::info!(
            query,
            version = number,
            series = exchanged,
            "an earlier version is at work"
        );
        Ok(exchanged)
    }
}
