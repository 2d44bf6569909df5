//! Why an alert did or did not page.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::time::rfc3339;

/// The part of the suppression that a [`Step`] tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// The alert's own life: pending, firing, resolved.
    Lifecycle,
    /// Transitions that came before.
    Dedup,
    /// Alerts that change their state too often.
    Flapping,
    /// Mutes.
    Mute,
    /// Silences made in Alertmanager.
    Silence,
    /// Maintenance windows.
    Maintenance,
    /// Other alerts that make this one needless.
    Inhibition,
    /// The times at which a route tells something.
    Route,
    /// The waits of a group.
    Grouping,
    /// The budget of messages.
    Budget,
    /// Severity that rises.
    Escalation,
    /// Somebody has taken it up.
    Acknowledgement,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Dedup => "dedup",
            Self::Flapping => "flapping",
            Self::Mute => "mute",
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
            Self::Inhibition => "inhibition",
            Self::Route => "route",
            Self::Grouping => "grouping",
            Self::Budget => "budget",
            Self::Escalation => "escalation",
            Self::Acknowledgement => "acknowledgement",
        }
    }
}

/// What came of an alert at a [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Taken note of; it goes on.
    Noted,
    /// Not told now, perhaps later.
    Held,
    /// Not told.
    Dropped,
    /// Told.
    Paged,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Noted => "noted",
            Self::Held => "held",
            Self::Dropped => "dropped",
            Self::Paged => "paged",
        }
    }
}

/// One thing that happened to an alert on its way to the receivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// When it happened last, when it happened several times in a row.
    pub until: Timestamp,
    /// How many times in a row.
    pub count: u32,
    /// Where.
    pub stage: Stage,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
}

/// One line: when, where, what and why.
impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stage, outcome) = (self.stage.as_str(), self.outcome.as_str());
        write!(
            f,
            "{} {outcome} by {stage}: {}",
            rfc3339(self.at),
            self.reason
        )?;
        if self.count > 1 {
            write!(f, " ({} times, until {})", self.count, rfc3339(self.until))?;
        }
        Ok(())
    }
}

/// The latest steps of the alerts that something happened to lately.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Trails {
    steps: BTreeMap<u64, VecDeque<Step>>,
    /// The alerts in the order of their latest steps; made anew after loading.
    #[serde(skip)]
    order: BTreeSet<(Timestamp, u64)>,
}

impl Trails {
    /// Takes note of a step, and forgets what is beyond the limits: so many alerts, and so many
    /// steps of each.
    pub(super) fn push(&mut self, fingerprint: u64, step: Step, limits: (usize, usize)) {
        let trail = self.steps.entry(fingerprint).or_default();
        if let Some(last) = trail.back() {
            self.order.remove(&(last.until, fingerprint));
        }
        let until = step.until;
        match trail.back_mut() {
            Some(last)
                if (last.stage, last.outcome, &last.reason)
                    == (step.stage, step.outcome, &step.reason) =>
            {
                last.until = step.until;
                last.count = last.count.saturating_add(1);
            }
            _ => trail.push_back(step),
        }
        if trail.len() > limits.1 {
            trail.pop_front();
        }
        self.order.insert((until, fingerprint));
        while self.steps.len() > limits.0 {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            self.steps.remove(&oldest);
        }
    }

    pub(super) fn of(&self, fingerprint: u64) -> impl Iterator<Item = &Step> {
        self.steps.get(&fingerprint).into_iter().flatten()
    }

    /// Makes the order anew.
    pub(super) fn rebuild(&mut self) {
        let last = |(&fingerprint, steps): (&u64, &VecDeque<Step>)| {
            steps.back().map(|step| (step.until, fingerprint))
        };
        self.order = self.steps.iter().filter_map(last).collect();
        self.steps.retain(|_, steps| !steps.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(second: i64, reason: &str) -> Step {
        Step {
            at: Timestamp::from_secs(second),
            until: Timestamp::from_secs(second),
            count: 1,
            stage: Stage::Mute,
            outcome: Outcome::Held,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn repetitions_are_counted_and_the_oldest_is_forgotten() {
        let mut trails = Trails::default();
        let limits = (2, 2);
        for (fingerprint, second, reason) in [
            (1, 0, "a"),
            (1, 60, "a"),
            (1, 120, "b"),
            (2, 130, "a"),
            (1, 140, "c"),
        ] {
            trails.push(fingerprint, step(second, reason), limits);
        }
        let told: Vec<_> = trails.of(1).map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "1970-01-01T00:02:00.000Z held by mute: b",
                "1970-01-01T00:02:20.000Z held by mute: c",
            ]
        );
        trails.rebuild();
        trails.push(3, step(150, "a"), limits);
        trails.push(3, step(210, "a"), limits);
        assert_eq!(trails.of(2).count(), 0);
        assert_eq!(trails.of(1).count(), 2);
        assert_eq!(
            trails.of(3).next().unwrap().to_string(),
            "1970-01-01T00:02:30.000Z held by mute: a (2 times, until 1970-01-01T00:03:30.000Z)"
        );
    }
}
