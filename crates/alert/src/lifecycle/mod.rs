mod entry;
mod transition;

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_core::{Alert, AlertState, Labels, Snapshot, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use self::entry::Entry;
pub use self::transition::{HoldReason, Transition};
use crate::sink::message::cause_line;
use crate::{Error, Policy};

/// The alerts followed at once unless [`Lifecycle::with_limit`] says otherwise.
const DEFAULT_LIMIT: usize = 100_000;

/// Turns verdicts into alerts: one at a time for each identity, from pending over firing to
/// resolved.
///
/// Its clock is the time of the verdicts; it never reads another one.
///
/// - **Firing.** An alert fires at the first anomalous verdict that is [`Policy::for_duration`]
///   or more after the first one, when no normal verdict came between and at least
///   [`Policy::min_points`] were anomalous. A missing point neither resets the wait nor fires: time
///   runs on, as it does in Prometheus between two evaluations, but only a verdict can fire.
/// - **Resolving.** It is resolved at the first normal verdict that is [`Policy::keep_firing_for`]
///   or more after the first one since it was last anomalous.
/// - **Cooldown.** After a resolve the identity does not fire for [`Policy::cooldown`]; it is
///   [held](Transition::Held), and fires when the time is over and it is still anomalous.
/// - **Warm-up.** A verdict without a score changes nothing, except that the series counts as seen.
///   A finding that a series is absent therefore needs a score.
/// - **Order.** A verdict that is not later than the last one of its identity is ignored and
///   [counted](Lifecycle::ignored). Give each series an identity of its own: two series at the same
///   time under one identity are an error. An identity that has neither an alert nor a recent one
///   is not remembered, so its first anomalous verdict may have any time: whoever feeds late
///   points of normal series must drop them first.
///
/// Memory: nothing for a normal series; about 1 KB for each identity that is pending, firing,
/// recently resolved or cooling down, of which there are at most 100,000 (see
/// [`Lifecycle::with_limit`]). Cost of a verdict: O(log n).
///
/// ```
/// use std::time::Duration;
/// use bongsu_alert::{Lifecycle, Policy, Transition};
/// use bongsu_core::{Labels, Timestamp, Verdict};
///
/// let labels = Labels::from_pairs([("__name__", "queue_length"), ("instance", "a")])?;
/// let policy = Policy::default().for_duration(Duration::from_secs(60));
/// let mut lifecycle = Lifecycle::new();
/// let mut story = Vec::new();
/// for (second, score) in [(0, 0.2), (30, 3.0), (60, 4.0), (90, 3.5), (120, 0.1)] {
///     let verdict = Verdict {
///         timestamp: Timestamp::from_secs(second),
///         labels: labels.clone(),
///         value: Some(10.0 * score),
///         score: Some(score),
///         expected: Some(1.0),
///         lower: Some(0.0),
///         upper: Some(5.0),
///         direction: None,
///         anomalous: score > 1.0,
///         explanation: None,
///     };
///     story.push(match lifecycle.observe(&labels, &policy, &verdict)? {
///         None => "nothing".to_owned(),
///         Some(Transition::Pending(_)) => "pending".to_owned(),
///         Some(Transition::Fired(alert)) => alert.summary,
///         Some(Transition::Resolved(_)) => "resolved".to_owned(),
///         Some(other) => format!("{other:?}"),
///     });
/// }
/// assert_eq!(story, [
///     "nothing",
///     "pending",
///     "nothing",
///     r#"queue_length{instance="a"} is 40, expected 1 (0 to 5), score 4"#,
///     "resolved",
/// ]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    entries: BTreeMap<u64, Entry>,
    limit: usize,
    ignored: u64,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// Follows no alerts yet, and at most 100,000 identities at once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            limit: DEFAULT_LIMIT,
            ignored: 0,
        }
    }

    /// Follows at most `limit` identities at once; at least 1. A snapshot keeps the limit.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            ..Self::new()
        }
    }

    /// Takes in a verdict, anomalous or not, of the series whose alert has the labels `identity`.
    ///
    /// # Errors
    /// When `policy` is outside its domain, the score is not a number, two series have verdicts at
    /// the same time under one identity, or an alert begins while
    /// [as many as allowed](Lifecycle::with_limit) are pending or firing. The state is then as it
    /// was.
    pub fn observe(
        &mut self,
        identity: &Labels,
        policy: &Policy,
        verdict: &Verdict,
    ) -> Result<Option<Transition>, Error> {
        policy.validate()?;
        if verdict.score.is_some_and(f64::is_nan) {
            let what = verdict.labels.selector();
            return Err(Error::input(format!("the score of {what} is not a number")));
        }
        let fingerprint = identity.fingerprint();
        if let Some(entry) = self.entries.get_mut(&fingerprint) {
            if verdict.timestamp <= entry.last_seen() {
                if verdict.timestamp == entry.last_seen() && verdict.labels != *entry.last_labels()
                {
                    return Err(Error::input(format!(
                        "{} and {} have verdicts at {} under the identity {identity}",
                        entry.last_labels(),
                        verdict.labels,
                        verdict.timestamp,
                    )));
                }
                self.ignored = self.ignored.saturating_add(1);
                return Ok(None);
            }
            return Ok(entry.step(identity, policy, verdict));
        }
        if verdict.score.is_none() || !verdict.anomalous {
            return Ok(None);
        }
        self.make_room()?;
        let mut entry = Entry::new(*policy, verdict);
        let transition = entry.step(identity, policy, verdict);
        self.entries.insert(fingerprint, entry);
        Ok(transition)
    }

    /// Ends the alert of `identity` at `at`, whatever its policy says: its series is forgotten, or
    /// nothing judges it any more. From then on the identity ignores verdicts up to `at`.
    pub fn end(&mut self, identity: &Labels, at: Timestamp) -> Option<Transition> {
        self.entries.get_mut(&identity.fingerprint())?.stop(at)
    }

    /// Data time has reached `now`: ends the alerts of series that have had no verdict for `after`
    /// (a resolved one has `now` as its end), and forgets what has been over for long enough.
    /// Call it once a tick. From then on the identities ended here ignore verdicts up to `now`.
    ///
    /// Cost: O(n) in the identities followed.
    pub fn expire(&mut self, now: Timestamp, after: Duration) -> Vec<Transition> {
        self.expire_where(now, after, |_| true)
    }

    /// Like [`Lifecycle::expire`] for the alerts whose labels `of` says: data of several kinds may have
    /// times of their own. Identities that have no alert any more are forgotten with any of them.
    pub fn expire_where(
        &mut self,
        now: Timestamp,
        after: Duration,
        of: impl Fn(&Labels) -> bool,
    ) -> Vec<Transition> {
        let mut transitions = Vec::new();
        self.entries.retain(|_, entry| {
            if !entry.labels().is_none_or(&of) {
                return true;
            }
            transitions.extend(entry.expire(now, after));
            entry.forget(now)
        });
        transitions
    }

    /// Forgets what has been over for long enough at `now`, of the alerts whose labels `of` says, and
    /// ends none.
    pub fn forget_where(&mut self, now: Timestamp, of: impl Fn(&Labels) -> bool) {
        self.entries
            .retain(|_, entry| !entry.labels().is_some_and(&of) || entry.forget(now));
    }

    /// The alerts that fire, in order of their fingerprints.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        self.current(AlertState::Firing)
    }

    /// The alerts that wait to fire, in order of their fingerprints.
    pub fn pending(&self) -> impl Iterator<Item = &Alert> {
        self.current(AlertState::Pending)
    }

    /// The alerts resolved less than [`Policy::resolved_retention`] before the last
    /// [`Lifecycle::expire`] whose identity does not fire again, in order of their fingerprints.
    pub fn recently_resolved(&self) -> impl Iterator<Item = &Alert> {
        self.entries.values().filter_map(Entry::resolved)
    }

    /// The alert of the identity with this [fingerprint](Labels::fingerprint): the one that lasts,
    /// else the one recently resolved.
    #[must_use]
    pub fn get(&self, fingerprint: u64) -> Option<&Alert> {
        let entry = self.entries.get(&fingerprint)?;
        entry.current().or(entry.resolved())
    }

    /// Says what probably led to the alert that [`Lifecycle::get`] finds: from then on messages tell
    /// it as the likely cause. It becomes one line of at most 1,000 characters; an empty text takes
    /// it back. Returns whether there is such an alert. Where there is a
    /// [`Suppressor`](crate::Suppressor), tell it [as well](crate::Suppressor::set_cause).
    pub fn set_cause(&mut self, fingerprint: u64, cause: &str) -> bool {
        let entry = self.entries.get_mut(&fingerprint);
        match entry.and_then(Entry::latest_mut) {
            Some(alert) => {
                alert.cause = cause_line(cause);
                true
            }
            None => false,
        }
    }

    /// The number of verdicts ignored because they were not later than the last one.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The number of identities followed: pending, firing, recently resolved or cooling down.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no identity is followed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn current(&self, state: AlertState) -> impl Iterator<Item = &Alert> {
        self.entries
            .values()
            .filter_map(Entry::current)
            .filter(move |alert| alert.state == state)
    }

    /// Makes sure that one more identity fits, if need be by forgetting the one resolved first.
    fn make_room(&mut self) -> Result<(), Error> {
        if self.entries.len() < self.limit {
            return Ok(());
        }
        let oldest = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.current().is_none())
            .min_by_key(|(_, entry)| entry.last_resolved())
            .map(|(&fingerprint, _)| fingerprint)
            .ok_or_else(|| Error::full(self.limit))?;
        self.entries.remove(&oldest);
        Ok(())
    }
}

impl Snapshot for Lifecycle {
    const KIND: &'static str = "alert.lifecycle";
    const VERSION: u16 = 1;

    fn validate(&self) -> bongsu_core::Result<()> {
        if self.entries.len() > self.limit {
            return Err(bongsu_core::Error::snapshot(format!(
                "{} alerts are more than the limit of {}",
                self.entries.len(),
                self.limit
            )));
        }
        self.entries
            .iter()
            .try_for_each(|(&fingerprint, entry)| entry.check(fingerprint))
            .map_err(bongsu_core::Error::snapshot)
    }
}
