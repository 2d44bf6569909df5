//! Capacity plans of a running engine: made aside on a schedule, kept over restarts, told as alerts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bongsu_alert::Policy;
use bongsu_core::{AlertState, Labels, Timestamp};
use tokio::task::{JoinError, JoinSet};

use super::Engine;
use crate::Error;
use crate::capacity::{Answer, CapacityJob};
use crate::config::Config;
use crate::server::CapacityView;
use crate::shard::Shard;
use crate::source::Source;

/// After a failure it is tried again after so long.
const RETRY_MS: i64 = 600_000;
/// Without an answer for so many runs, alerts end.
const PATIENCE: u32 = 3;

/// The plans, and when the next is due.
#[derive(Debug)]
pub(super) struct Plans {
    job: Option<CapacityJob>,
    running: JoinSet<Ended>,
    stop: Arc<AtomicBool>,
    answer: Option<Arc<Answer>>,
    file: Option<PathBuf>,
    /// From when on the schedule counts; without it a plan is due.
    counted_from: Option<Timestamp>,
    /// When one failed, where none worked since.
    failed_at: Option<Timestamp>,
    problem: Option<String>,
    /// Whether the outside was shown all of it.
    shown: bool,
}

/// A plan that ended.
#[derive(Debug)]
pub(super) struct Ended {
    begun: Timestamp,
    took: Duration,
    outcome: Result<Answer, Error>,
}

fn job(config: &Config, source: &Source) -> Result<Option<CapacityJob>, Error> {
    let Some(section) = &config.capacity else {
        return Ok(None);
    };
    let job = CapacityJob::new(
        section,
        config.shard.as_ref().map_or(Shard::ALL, Shard::new),
    )?;
    if source.is_fixed() || source.is_scraped() {
        tracing::info!("the source holds no past to plan `capacity` from while it is judged");
        return Ok(None);
    }
    Ok(Some(job))
}

impl Plans {
    /// With what an earlier run left in the directory of the state.
    pub(super) fn open(
        config: &Config,
        source: &Source,
        directory: Option<&Path>,
    ) -> Result<Self, Error> {
        let file = directory.map(|directory| directory.join("capacity.json"));
        let job = job(config, source)?;
        let answer = job.as_ref().and(file.as_deref()).and_then(Answer::load);
        let mut plans = Self {
            job: None,
            running: JoinSet::new(),
            stop: Arc::default(),
            answer: answer.map(Arc::new),
            file,
            counted_from: None,
            failed_at: None,
            problem: None,
            shown: false,
        };
        plans.put(job, source.now());
        Ok(plans)
    }

    fn put(&mut self, job: Option<CapacityJob>, now: Timestamp) {
        if job.is_none() {
            self.answer = None;
        }
        let answer = self.answer.as_ref();
        self.counted_from = job.as_ref().and_then(|job| {
            let answer = answer.filter(|answer| job.fits(answer))?;
            Some(job.schedule.since(answer.at, now))
        });
        self.job = job;
        self.failed_at = None;
        self.problem = None;
        self.shown = false;
    }

    /// What another configuration asks for; nothing changes yet.
    pub(super) fn next_job(config: &Config, source: &Source) -> Result<Option<CapacityJob>, Error> {
        job(config, source)
    }

    /// Goes on by another configuration; what is under way is dropped.
    pub(super) fn exchange(&mut self, job: Option<CapacityJob>, now: Timestamp) {
        self.break_off();
        self.put(job, now);
    }

    /// The labels of the alerts that plans may have led to.
    pub(super) fn identities(&self) -> impl Iterator<Item = &Labels> {
        self.answer.iter().flat_map(|answer| answer.identities())
    }

    /// For how long an alert waits for the next plan.
    pub(super) fn patience(&self) -> Option<Duration> {
        let next = self.next()?;
        let pause = next.millis_since(self.counted_from?).max(RETRY_MS);
        Some(Duration::from_millis(pause.unsigned_abs()) * PATIENCE)
    }

    /// When the next plan is due; `None` where it is at once, or never.
    fn next(&self) -> Option<Timestamp> {
        let job = self.job.as_ref()?;
        job.schedule.next(self.counted_from?)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let waits = self
            .failed_at
            .is_some_and(|at| now < at.add_millis(RETRY_MS));
        let planned = self.counted_from.is_some() && self.next().is_none_or(|next| now < next);
        let planned = planned && self.failed_at.is_none();
        self.job.is_some() && self.running.is_empty() && !waits && !planned
    }

    /// The next plan that has ended; never while there is none.
    pub(super) async fn ended(&mut self) -> Option<Result<Ended, JoinError>> {
        self.running.join_next().await
    }

    /// Tells a plan that is under way that nobody waits for it.
    pub(super) fn break_off(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.stop = Arc::default();
        self.running = JoinSet::new();
    }

    fn view(&self) -> Option<CapacityView> {
        self.job.as_ref()?;
        Some(CapacityView {
            at: self.answer.as_ref().map(|answer| answer.at),
            next: self.next(),
            problem: self.problem.clone(),
            report: self.answer.clone(),
        })
    }
}

impl Engine {
    /// Begins a plan where one is due and none is under way.
    pub(super) fn start_plan(&mut self) {
        let now = self.source.now();
        if !self.plans.is_due(now) {
            return;
        }
        let Some(job) = self.plans.job.clone() else {
            return;
        };
        let source = Arc::clone(&self.source);
        let (before, stop) = (self.plans.answer.clone(), Arc::clone(&self.plans.stop));
        self.plans.running.spawn(async move {
            let begun = Instant::now();
            let outcome = job.run(source, before, stop).await;
            Ended {
                begun: now,
                took: begun.elapsed(),
                outcome,
            }
        });
    }

    /// Takes in what a plan found.
    pub(super) async fn finish_plan(&mut self, ended: Result<Ended, JoinError>) {
        let ended = match ended {
            Ok(ended) => ended,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        self.metrics
            .capacity
            .planned(ended.outcome.as_ref().ok(), ended.took);
        self.plans.shown = false;
        match ended.outcome {
            Ok(answer) => {
                for failure in &answer.report.failures {
                    tracing::warn!("not planned: {failure}");
                }
                let answer = Arc::new(answer);
                let before = self.plans.answer.replace(Arc::clone(&answer));
                self.plans.counted_from = Some(answer.at);
                self.plans.failed_at = answer.incomplete.then_some(ended.begun);
                self.plans.problem = None;
                self.tell_plan(&answer, before.as_deref());
                // First what was told: after a crash in between the plan is made and told again.
                if let Err(error) = self.save().await {
                    tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
                } else if let Some(file) = self.plans.file.clone() {
                    let kept = self.aside(move || answer.save(&file)).await;
                    if let Err(error) = kept {
                        tracing::error!(%error, "the plan cannot be kept for the next start");
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "capacity could not be planned; it is tried again");
                self.plans.failed_at = Some(ended.begun);
                self.plans.problem = Some(error.to_string());
            }
        }
    }

    /// Alerts of what runs out soon, and the end of those of what does not any more.
    fn tell_plan(&mut self, answer: &Answer, before: Option<&Answer>) {
        let alert_days = self.config.capacity.as_ref().map(|c| c.alert_days);
        let verdicts = answer.verdicts(alert_days.unwrap_or_default());
        let mut transitions = Vec::new();
        let mut pages = Vec::new();
        for judged in verdicts {
            let fingerprint = judged.identity.fingerprint();
            let lifecycle = &mut self.state.lifecycle;
            let is_worse = judged.verdict.anomalous
                && lifecycle.get(fingerprint).is_some_and(|alert| {
                    alert.state == AlertState::Firing && alert.severity < judged.severity
                });
            if is_worse {
                // An alert keeps its severity, so that a graver one takes its place.
                let at = answer.at.add_millis(-1);
                let over = lifecycle.end(&judged.identity, at);
                let over = self.note(at, over.into_iter().collect());
                transitions.extend(over);
            }
            let policy = Policy::default().severity(judged.severity);
            let lifecycle = &mut self.state.lifecycle;
            match lifecycle.observe(&judged.identity, &policy, &judged.verdict) {
                Ok(mut change) => {
                    pages.extend(Self::suppress(
                        &mut self.suppressor,
                        &judged.identity,
                        &judged.verdict,
                        change.as_ref(),
                    ));
                    if let Some(change) = &mut change {
                        self.note_incident(change);
                    }
                    transitions.extend(change);
                }
                Err(error) => tracing::warn!(%error, "a plan was not taken in"),
            }
        }
        let known: Vec<&Labels> = answer.identities().collect();
        let gone = before.into_iter().flat_map(Answer::identities);
        let gone = gone.filter(|labels| !known.contains(labels));
        let lifecycle = &mut self.state.lifecycle;
        let gone = gone
            .filter_map(|labels| lifecycle.end(labels, answer.at))
            .collect();
        transitions.extend(self.note(answer.at, gone));
        self.send(pages);
        self.tell(transitions);
    }

    /// Shows the outside the newest plan.
    pub(super) fn show_plan(&mut self) {
        if self.plans.shown {
            return;
        }
        self.plans.shown = true;
        self.metrics.capacity.show(self.plans.answer.as_deref());
        let capacity = self.plans.view();
        self.view.renew(|view| view.capacity = capacity);
    }
}
