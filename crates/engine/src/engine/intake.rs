//! Judging what was fetched, and passing on what was found.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bongsu_alert::Transition;
use bongsu_core::{Alert, Labels, Timestamp, format_duration};
use tokio::task::JoinError;

use super::jobs::{Data, Fetched, Job};
use super::{Engine, told};
use crate::Error;
use crate::capacity::is_of_plan;
use crate::journal::verdict_row;
use crate::judge::{Finding, Judged};
use crate::metrics::Stage;
use crate::observe::Observer as _;
use crate::query::Query;
use crate::server::newest;
use crate::trace;
use crate::training::{Arrived, Training};

/// The longest that a server can ask to be left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// So many moments the missing part of an answer is waited for, while the others go on.
const PATIENCE_WITH_PARTS: i64 = 20;

/// For how long an alert of `query` goes on without a verdict.
pub(super) fn patience(query: &Query) -> Duration {
    let step = Duration::from_millis(query.judge.step.unsigned_abs());
    let forget = query.config.forget_after.duration();
    // Without forgetting, an absent series is news for as long as it stays away.
    if forget.is_zero() {
        Duration::MAX
    } else {
        forget + step
    }
}

impl Engine {
    /// Judges what was fetched, writes it down and saves.
    pub(super) async fn apply(&mut self, fetched: Vec<Result<Fetched, JoinError>>) {
        for outcome in fetched {
            if self.stopping.load(Ordering::Relaxed) {
                // What is not judged yet is asked for again after the next start.
                break;
            }
            let (job, answer) = match outcome {
                Ok(done) => done,
                Err(failure) => match failure.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => continue,
                },
            };
            if let Some(query) = self.queries.get_mut(job.query) {
                query.fetching = false;
            }
            match answer {
                Ok(_) if self.is_of_the_future(&job) => {}
                Ok(data) => self.take_in(job, data).await,
                Err(error) => self.query_failed(job.query, &error),
            }
        }
        self.compare_clocks();
        self.expire();
        self.write_journal().await;
        self.note_judged();
        let due = self
            .last_save
            .is_none_or(|at| at.elapsed() >= self.settings.save_every);
        if due && let Err(error) = self.save().await {
            tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
        }
    }

    /// Lets reports know up to when all is judged and written.
    fn note_judged(&self) {
        let cursors = self.state.queries.iter().map(|query| query.cursor);
        let oldest = cursors.min().flatten();
        let oldest = oldest.filter(|_| self.unwritten.is_empty());
        if let Some(oldest) = oldest {
            self.judged.store(oldest.as_millis(), Ordering::Relaxed);
        }
    }

    async fn take_in(&mut self, job: Job, data: Data) {
        let (Some(query), Some(state)) = (
            self.queries.get_mut(job.query),
            self.state.queries.get_mut(job.query),
        ) else {
            return;
        };
        if job.skipped > 0 {
            let span = format_duration(Duration::from_millis(job.skipped.unsigned_abs()));
            let why = if self.source.is_scraped() {
                "exporters do not tell of the time before they are asked"
            } else {
                "the downtime was longer than engine.max_catch_up"
            };
            let message = format!("{span} of data were skipped: {why}");
            tracing::warn!(query = %query.config.name, "{message}");
            self.observer.problem(&query.config.name, &message);
        }
        query.judge.is_full = self.state_bytes > self.settings.max_state_bytes;
        let mut judge = query.judge.clone();
        let begun = Instant::now();
        let mut known = std::mem::take(&mut state.series);
        let mut budget = std::mem::take(&mut state.budget);
        let (quality, series) = (data.answer.quality, data.answer.series);
        let (complete, in_history) = (!quality.partial, job.history_until.is_some());
        if let Some(meanwhile) = &mut query.meanwhile {
            let arrived = Arrived {
                grid: job.grid,
                series: series.clone(),
                closed: data.closed.clone(),
                complete,
            };
            if !meanwhile.keep(arrived) {
                tracing::warn!(query = %query.config.name, "a training takes so long that it is given up: what came meanwhile is more than is kept");
                query.meanwhile = None;
            }
        }
        judge.closed = data.closed;
        let tick = std::mem::replace(&mut query.tick, tracing::Span::none());
        let span = trace::judge(&tick, series.len());
        let judged = self.aside(move || {
            let _entered = span.entered();
            let pieces = judge.gather(series);
            let spent = Some(&mut budget);
            let judged = judge.judge(&mut known, pieces, job.grid, complete, in_history, spent);
            (known, budget, judged)
        });
        let (known, budget, judged) = judged.await;
        let (Some(query), Some(state)) = (
            self.queries.get_mut(job.query),
            self.state.queries.get_mut(job.query),
        ) else {
            return;
        };
        state.budget = budget;
        state.series = known;
        let moments = job.grid.to.millis_since(job.grid.from) / query.judge.step + 1;
        let width = i64::try_from(state.width()).unwrap_or(i64::MAX);
        query
            .pace
            .note(moments.saturating_mul(width), begun.elapsed());
        let name = &query.config.name;
        self.metrics
            .queries
            .took(name, Stage::Judge, begun.elapsed());
        self.metrics
            .queries
            .succeeded(name, &quality, &judged, state.series.len());
        self.metrics.queries.maintained(name, data.unknown.len());
        query.succeeded(&quality, &judged, data.unknown, &mut self.observer);
        if let Some(training) = &query.training {
            Training::observe(&mut state.training, &judged);
            training.review(&mut state.training, &mut state.series, job.grid.to);
        }
        if complete {
            state.cursor = Some(job.grid.to);
        } else {
            let wait = query.judge.step.saturating_mul(PATIENCE_WITH_PARTS);
            let waited_for = job.grid.to.add_millis(-wait);
            state.cursor = Some(state.cursor.map_or(waited_for, |c| c.max(waited_for)));
            let pause = Duration::from_millis(query.judge.step.unsigned_abs());
            query.came_in_part(self.source.real_time(pause));
        }
        if let Some(cursor) = state.cursor {
            self.metrics
                .queries
                .judged_until(&query.config.name, cursor);
        }
        let history_ends = job.history_until.is_some_and(|until| job.grid.to >= until);
        state.history_until = job.history_until.filter(|_| !history_ends);
        let name = query.config.name.clone();
        let begun = Instant::now();
        self.observe(job, judged, history_ends).await;
        self.metrics
            .queries
            .took(&name, Stage::PassOn, begun.elapsed());
    }

    /// Passes verdicts to journal, observer and alert lifecycle, and news to the courier.
    async fn observe(&mut self, job: Job, judged: Judged, history_ends: bool) {
        let Some(query) = self.queries.get(job.query) else {
            return;
        };
        let (name, policy) = (query.config.name.clone(), query.policy);
        let is_fixed = self.source.is_fixed();
        let mut transitions = Vec::new();
        let mut pages = Vec::new();
        let mut verdicts = Vec::with_capacity(judged.findings.len());
        for Finding {
            identity, verdict, ..
        } in judged.findings
        {
            if is_fixed {
                self.catch_up_incidents(verdict.timestamp).await;
            }
            let lifecycle = &mut self.state.lifecycle;
            match lifecycle.observe(&identity, &policy, &verdict) {
                Ok(mut transition) => {
                    // History is not news.
                    if job.history_until.is_none() {
                        let change = transition.as_ref();
                        let due = Self::suppress(&mut self.suppressor, &identity, &verdict, change);
                        pages.extend(due);
                        if let Some(transition) = &mut transition {
                            self.note_incident(transition);
                        }
                    }
                    transitions.extend(transition);
                }
                Err(error) => {
                    tracing::warn!(%error, series = %verdict.labels, "a verdict was not taken in");
                }
            }
            self.totals.verdicts += 1;
            self.totals.anomalies += u64::from(verdict.anomalous);
            if self.journal.is_some() && (verdict.anomalous || !self.settings.anomalous_only) {
                let row = verdict_row(&name, &verdict);
                self.unwritten.push(verdict.timestamp, &row);
            }
            verdicts.push(verdict);
        }
        let ended = judged.gone.iter();
        let lifecycle = &mut self.state.lifecycle;
        let ended: Vec<Transition> = ended
            .filter_map(|(identity, at)| lifecycle.end(identity, *at))
            .collect();
        if job.history_until.is_some() {
            // What fired and was resolved before the start is history, not news.
            transitions.clear();
        } else {
            transitions.extend(self.note(job.grid.to, ended));
        }
        if history_ends {
            let of_query = |alert: &&Alert| alert.labels.get("query") == Some(name.as_str());
            let lasting = self.state.lifecycle.active().filter(of_query).cloned();
            let lasting: Vec<Transition> = lasting.map(Transition::Fired).collect();
            transitions.extend(self.note(job.grid.to, lasting));
        }
        if let Some(query) = self.queries.get(job.query) {
            self.observer.verdicts(&query.config, &verdicts);
        }
        // The receiver holds what came before the start already, or refuses it as too old.
        if let Some(write_back) = &self.write_back
            && job.history_until.is_none()
        {
            // A receiver without an out-of-order window takes no verdict about what came late.
            let in_order = verdicts.iter().filter(|v| v.timestamp >= job.grid.from);
            write_back.send(&name, in_order);
        }
        if self.server.is_some() {
            let before = self.view.read(|view| view.verdicts.get(&name).cloned());
            let series = self.state.queries.get(job.query).map(|q| q.series.iter());
            let known = series.into_iter().flatten().map(|series| &series.labels);
            let newest = newest(before.as_deref().unwrap_or_default(), &verdicts, known);
            self.view.renew(|view| {
                view.verdicts.insert(name, newest);
            });
        }
        self.send(pages);
        self.tell(transitions);
    }

    /// Ends the alerts of series that nothing was heard of for very long, and forgets old ones.
    pub(super) fn expire(&mut self) {
        let now = self
            .state
            .queries
            .iter()
            .filter_map(|query| query.cursor)
            .max();
        let longest = self.queries.iter().map(patience).max();
        let longest = longest.unwrap_or(Duration::MAX);
        if let Some(now) = now {
            // Plans have a time of their own.
            let of_queries = |identity: &Labels| !is_of_plan(identity);
            let lifecycle = &mut self.state.lifecycle;
            let transitions = lifecycle.expire_where(now, longest, of_queries);
            let transitions = self.note(now, transitions);
            self.tell(transitions);
        }
    }

    /// Takes note of changes that no verdict caused, at the moment `at`.
    pub(super) fn note(&mut self, at: Timestamp, mut changes: Vec<Transition>) -> Vec<Transition> {
        told::note(&mut self.suppressor, at, &changes);
        for transition in &mut changes {
            self.note_incident(transition);
        }
        changes
    }

    pub(super) fn tell(&mut self, transitions: Vec<Transition>) {
        let mut news = Vec::new();
        for transition in transitions {
            self.observer.transition(&transition);
            match &transition {
                Transition::Fired(_) => {
                    self.totals.fired += 1;
                    self.metrics.alerts.fired();
                }
                Transition::Resolved(_) => {
                    self.totals.resolved += 1;
                    self.metrics.alerts.resolved();
                }
                _ => {}
            }
            news.extend(transition.into_notification());
        }
        let news = self.audible(news);
        self.courier.enqueue(&news);
    }

    fn query_failed(&mut self, index: usize, error: &Error) {
        self.totals.failures += 1;
        if let Some(query) = self.queries.get_mut(index) {
            let name = &query.config.name;
            self.metrics.queries.failed(name, error.reason());
            let tick = std::mem::replace(&mut query.tick, tracing::Span::none());
            trace::fail(&tick, error);
            let wait = self.source.real_time(query.next_wait());
            let asked = error.retry_after().unwrap_or_default();
            query.failed(
                error,
                wait.max(asked.min(LONGEST_PAUSE)),
                &mut self.observer,
            );
        }
    }
}
