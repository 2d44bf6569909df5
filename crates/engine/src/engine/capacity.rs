//! Capacity plans of a running engine: made aside on a schedule, kept over restarts, told as alerts.
//!
//! When an alert of a plan ends: the first plan that judges its series otherwise ends it, and so does
//! a plan that finds others of its resource but not its series, or that does not plan the resource any
//! more. Where the source answers and has nothing at all of the resource, the alert ends after
//! [`PATIENCE`] pauses of the schedule. While the source does not answer, or the series cannot be
//! planned, nothing was seen to change, and the alert stays for as long as that lasts.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bongsu_alert::{Policy, Transition};
use bongsu_core::{Alert, AlertState, Labels, Timestamp, Verdict};
use tokio::task::{JoinError, JoinSet};

use super::Engine;
use crate::Error;
use crate::capacity::{Answer, CapacityJob, Heard, Kept, Ran, Standing, is_of_plan};
use crate::config::Config;
use crate::server::CapacityView;
use crate::shard::Shard;
use crate::source::Source;
use crate::state::StateFile;

/// After a failure it is tried again after so long.
const RETRY_MS: i64 = 600_000;
/// An alert ends when there is nothing of its resource for so many pauses between plans.
const PATIENCE: u32 = 3;
/// How often it is looked which alerts have been over for long enough to be forgotten.
const SWEEP_MS: i64 = 15_000;

/// The plans, and when the next is due.
#[derive(Debug)]
pub(super) struct Plans {
    job: Option<CapacityJob>,
    running: JoinSet<Ended>,
    stop: Arc<AtomicBool>,
    answer: Option<Arc<Answer>>,
    file: Option<StateFile<Kept>>,
    /// From when on the schedule counts; without it a plan is due.
    counted_from: Option<Timestamp>,
    /// When one failed, where none worked since.
    failed_at: Option<Timestamp>,
    problem: Option<String>,
    /// Whether the outside was shown all of it.
    shown: bool,
    swept: Option<Timestamp>,
}

/// A plan that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) ran: Ran,
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
        let path = directory.map(|directory| directory.join("capacity.bngs"));
        let file = path.map(|path| StateFile::new(path, "capacity plan", "it is made again"));
        let job = job(config, source)?;
        let kept = job.as_ref().and(file.as_ref());
        let kept = kept.map(StateFile::load).transpose()?.flatten();
        let answer = kept.map(Kept::answer).transpose()?;
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
            swept: None,
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

    /// Whether plans decide on the alert with these labels.
    pub(super) fn decide_on(&self, identity: &Labels) -> bool {
        self.job.is_some() && is_of_plan(identity)
    }

    /// For how long after `at` an alert waits for a series of its resource.
    fn patience(&self, at: Timestamp) -> Option<Duration> {
        let next = self.job.as_ref()?.schedule.next(at)?;
        let pause = next.millis_since(at).max(RETRY_MS);
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

    /// As if it was never looked what is over.
    #[cfg(test)]
    pub(super) fn sweep_again(&mut self) {
        self.swept = None;
    }

    #[cfg(test)]
    pub(super) fn planned_at(&self) -> Option<Timestamp> {
        self.answer.as_ref().map(|answer| answer.at)
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
        let stop = Arc::clone(&self.plans.stop);
        self.plans.running.spawn(async move {
            let begun = Instant::now();
            let ran = job.run(source, stop).await;
            let took = begun.elapsed();
            Ended { took, ran }
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
        let Ran { at, heard, outcome } = ended.ran;
        self.metrics
            .capacity
            .planned(outcome.as_ref().ok(), ended.took);
        self.plans.shown = false;
        match outcome {
            Ok(answer) => {
                for failure in &answer.report.failures {
                    tracing::warn!("not planned: {failure}");
                }
                let answer = Arc::new(answer);
                self.plans.answer = Some(Arc::clone(&answer));
                self.plans.counted_from = Some(at);
                self.plans.failed_at = answer.incomplete.then_some(at);
                self.plans.problem = None;
                self.tell_plan(Some(&answer), &heard, at);
                // First what was told: after a crash in between the plan is made and told again.
                if let Err(error) = self.save().await {
                    tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
                } else if let Some(file) = self.plans.file.clone() {
                    let kept = self.aside(move || file.save(&Kept::new(&answer)?)).await;
                    if let Err(error) = kept {
                        tracing::error!(%error, "the plan cannot be kept for the next start");
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "capacity could not be planned; it is tried again");
                self.plans.failed_at = Some(at);
                self.plans.problem = Some(error.to_string());
                if self.tell_plan(None, &heard, at)
                    && let Err(error) = self.save().await
                {
                    tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
                }
            }
        }
    }

    /// Alerts of what runs out soon, and the end of those of what does not any more, or is gone.
    /// Gives whether something changed.
    fn tell_plan(&mut self, answer: Option<&Answer>, heard: &Heard, at: Timestamp) -> bool {
        let alert_days = self.config.capacity.as_ref().map(|c| c.alert_days);
        let verdicts = answer.map(|answer| answer.verdicts(alert_days.unwrap_or_default()));
        let mut transitions = Vec::new();
        let mut pages = Vec::new();
        let mut judged = HashSet::new();
        for one in verdicts.into_iter().flatten() {
            let fingerprint = one.identity.fingerprint();
            judged.insert(fingerprint);
            let lifecycle = &mut self.state.lifecycle;
            let is_worse = one.verdict.anomalous
                && lifecycle.get(fingerprint).is_some_and(|alert| {
                    alert.state == AlertState::Firing && alert.severity < one.severity
                });
            if is_worse {
                // An alert keeps its severity, so that a graver one takes its place.
                let at = at.add_millis(-1);
                let over = lifecycle.end(&one.identity, at);
                let over = self.note(at, over.into_iter().collect());
                transitions.extend(over);
            }
            let policy = Policy::default().severity(one.severity);
            let lifecycle = &mut self.state.lifecycle;
            match lifecycle.observe(&one.identity, &policy, &one.verdict) {
                Ok(mut change) => {
                    pages.extend(Self::suppress(
                        &mut self.suppressor,
                        &one.identity,
                        &one.verdict,
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
        let over = self.end_unplanned(&judged, heard, at);
        transitions.extend(self.note(at, over));
        let changed = !transitions.is_empty();
        self.send(pages);
        self.tell(transitions);
        changed
    }

    /// Ends the alerts of series that are gone, of those that were not `judged`; the others go on.
    fn end_unplanned(
        &mut self,
        judged: &HashSet<u64>,
        heard: &Heard,
        at: Timestamp,
    ) -> Vec<Transition> {
        let lifecycle = &mut self.state.lifecycle;
        let lasting = lifecycle.active().chain(lifecycle.pending());
        let unjudged: Vec<Alert> = lasting
            .filter(|alert| is_of_plan(&alert.labels))
            .filter(|alert| !judged.contains(&alert.labels.fingerprint()))
            .cloned()
            .collect();
        let mut over = Vec::new();
        for alert in unjudged {
            match heard.standing(&alert.labels) {
                Standing::Gone => over.extend(lifecycle.end(&alert.labels, at)),
                Standing::Missed => {}
                // Without a score it changes nothing but that the series counts as seen.
                Standing::GoesOn => {
                    let policy = Policy::default().severity(alert.severity);
                    let seen = Verdict::unjudged(at, alert.verdict.labels);
                    if let Err(error) = lifecycle.observe(&alert.labels, &policy, &seen) {
                        tracing::warn!(%error, "an alert of a plan does not go on");
                    }
                }
            }
        }
        if let Some(patience) = self.plans.patience(at) {
            over.extend(lifecycle.expire_where(at, patience, is_of_plan));
        }
        over
    }

    /// Forgets alerts of plans that have been over for long enough: no query's time does it.
    pub(super) fn sweep_plans(&mut self) {
        let now = self.source.now();
        let recent = |at: Timestamp| (0..SWEEP_MS).contains(&now.millis_since(at));
        if self.plans.job.is_none() || self.plans.swept.is_some_and(recent) {
            return;
        }
        self.plans.swept = Some(now);
        self.state.lifecycle.forget_where(now, is_of_plan);
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
