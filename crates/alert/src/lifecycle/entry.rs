use std::time::Duration;

use bongsu_core::{Alert, AlertState, Labels, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use super::{HoldReason, Transition};
use crate::{Policy, describe};

/// All that is known of one identity: at most one alert that lasts and one that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    policy: Policy,
    last_seen: Timestamp,
    /// The labels of the last verdict, to notice two series under one identity.
    last_labels: Labels,
    current: Option<Current>,
    /// Kept for the retention time, and until the identity fires again.
    resolved: Option<Alert>,
    last_resolved: Option<Timestamp>,
}

/// A pending or firing alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Current {
    alert: Alert,
    anomalous_points: u32,
    /// The first of the normal points seen since the last anomalous one.
    normal_since: Option<Timestamp>,
    /// Whether it has been told that the alert is held back.
    held: bool,
}

impl Entry {
    pub(super) fn new(policy: Policy, verdict: &Verdict) -> Self {
        Self {
            policy,
            last_seen: verdict.timestamp,
            last_labels: verdict.labels.clone(),
            current: None,
            resolved: None,
            last_resolved: None,
        }
    }

    pub(super) fn last_seen(&self) -> Timestamp {
        self.last_seen
    }

    pub(super) fn last_labels(&self) -> &Labels {
        &self.last_labels
    }

    pub(super) fn current(&self) -> Option<&Alert> {
        self.current.as_ref().map(|current| &current.alert)
    }

    /// The alert that lasts, else the one recently resolved, to add to it.
    pub(super) fn latest_mut(&mut self) -> Option<&mut Alert> {
        match &mut self.current {
            Some(current) => Some(&mut current.alert),
            None => self.resolved.as_mut(),
        }
    }

    pub(super) fn resolved(&self) -> Option<&Alert> {
        self.resolved.as_ref()
    }

    pub(super) fn last_resolved(&self) -> Option<Timestamp> {
        self.last_resolved
    }

    /// The identity, when there is an alert that says it.
    pub(super) fn labels(&self) -> Option<&Labels> {
        let alert = self.current().or(self.resolved())?;
        Some(&alert.labels)
    }

    /// Takes in a verdict that is later than the last one.
    pub(super) fn step(
        &mut self,
        identity: &Labels,
        policy: &Policy,
        verdict: &Verdict,
    ) -> Option<Transition> {
        self.policy = *policy;
        self.last_seen = verdict.timestamp;
        if self.last_labels != verdict.labels {
            self.last_labels = verdict.labels.clone();
        }
        // While the model warms up nothing is known: the alert stays as it is.
        let score = verdict.score?;
        if verdict.anomalous {
            self.anomalous(identity, verdict, score)
        } else {
            self.normal(verdict.timestamp)
        }
    }

    fn anomalous(
        &mut self,
        identity: &Labels,
        verdict: &Verdict,
        score: f64,
    ) -> Option<Transition> {
        let is_new = self.current.is_none();
        let current = self
            .current
            .get_or_insert_with(|| Current::pending(identity, &self.policy, verdict));
        current.normal_since = None;
        current.raise_peak(verdict, score);
        if current.alert.state == AlertState::Firing {
            return None;
        }
        current.anomalous_points = current.anomalous_points.saturating_add(1);
        let lasted = verdict.timestamp.millis_since(current.alert.starts_at);
        if lasted < millis(self.policy.for_duration)
            || current.anomalous_points < self.policy.min_points
        {
            return is_new.then(|| Transition::Pending(current.alert.clone()));
        }
        let cooldown = self.last_resolved.map(|t| t + self.policy.cooldown);
        if let Some(until) = cooldown.filter(|&until| verdict.timestamp < until) {
            let told = std::mem::replace(&mut current.held, true);
            return (!told).then(|| Transition::Held {
                alert: current.alert.clone(),
                reason: HoldReason::Cooldown { until },
            });
        }
        current.alert.state = AlertState::Firing;
        current.alert.fired_at = Some(verdict.timestamp);
        current.alert.severity = self.policy.severity;
        self.resolved = None;
        Some(Transition::Fired(current.alert.clone()))
    }

    fn normal(&mut self, at: Timestamp) -> Option<Transition> {
        let current = self.current.as_mut()?;
        if current.alert.state == AlertState::Firing {
            let since = *current.normal_since.get_or_insert(at);
            if at.millis_since(since) < millis(self.policy.keep_firing_for) {
                return None;
            }
        }
        self.end(at)
    }

    /// The series is gone: ends the alert when it has not been seen for `after`.
    pub(super) fn expire(&mut self, now: Timestamp, after: Duration) -> Option<Transition> {
        if now.millis_since(self.last_seen) < millis(after) {
            return None;
        }
        self.stop(now)
    }

    /// Ends the alert without waiting for anything.
    pub(super) fn stop(&mut self, at: Timestamp) -> Option<Transition> {
        let transition = self.end(at.max(self.last_seen))?;
        self.last_seen = self.last_seen.max(at);
        Some(transition)
    }

    fn end(&mut self, at: Timestamp) -> Option<Transition> {
        let Current { mut alert, .. } = self.current.take()?;
        if alert.state != AlertState::Firing {
            return Some(Transition::Cleared(alert));
        }
        alert.state = AlertState::Resolved;
        alert.resolved_at = Some(at);
        self.last_resolved = Some(at);
        self.resolved = Some(alert.clone());
        Some(Transition::Resolved(alert))
    }

    /// Drops what has been kept for long enough; `false` when nothing is left to know.
    pub(super) fn forget(&mut self, now: Timestamp) -> bool {
        let age = self
            .last_resolved
            .map_or(i64::MAX, |resolved| now.millis_since(resolved));
        if age >= millis(self.policy.resolved_retention) {
            self.resolved = None;
        }
        self.current.is_some() || self.resolved.is_some() || age < millis(self.policy.cooldown)
    }

    /// Checks what the state machine guarantees, for a decoded entry stored under `fingerprint`.
    pub(super) fn check(&self, fingerprint: u64) -> Result<(), String> {
        self.policy.validate().map_err(|e| e.to_string())?;
        let right_key = self.labels().is_none_or(|l| l.fingerprint() == fingerprint);
        let current = self.current.as_ref().is_none_or(|current| {
            let alert = &current.alert;
            let fired = match alert.state {
                AlertState::Pending => alert.fired_at.is_none(),
                AlertState::Firing => alert.fired_at.is_some() && self.resolved.is_none(),
                AlertState::Resolved => false,
            };
            fired
                && alert.resolved_at.is_none()
                && alert.starts_at <= self.last_seen
                && alert.verdict.score.is_some_and(|score| !score.is_nan())
        });
        let resolved = self.resolved.as_ref().is_none_or(|alert| {
            alert.state == AlertState::Resolved
                && alert.fired_at.is_some()
                && alert.resolved_at.is_some()
                && alert.resolved_at == self.last_resolved
        });
        if right_key && current && resolved {
            Ok(())
        } else {
            Err(format!("the alert {fingerprint:016x} contradicts itself"))
        }
    }
}

impl Current {
    fn pending(identity: &Labels, policy: &Policy, verdict: &Verdict) -> Self {
        let mut alert = Alert {
            labels: identity.clone(),
            state: AlertState::Pending,
            severity: policy.severity,
            starts_at: verdict.timestamp,
            fired_at: None,
            resolved_at: None,
            summary: String::new(),
            cause: None,
            verdict: verdict.clone(),
        };
        alert.summary = describe(&alert);
        Self {
            alert,
            anomalous_points: 0,
            normal_since: None,
            held: false,
        }
    }

    fn raise_peak(&mut self, verdict: &Verdict, score: f64) {
        if self.alert.verdict.score.is_none_or(|peak| score > peak) {
            self.alert.verdict = verdict.clone();
            self.alert.summary = describe(&self.alert);
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
