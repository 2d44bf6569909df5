//! What verdicts and transitions change.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_core::{Alert, AlertState, Labels, Timestamp, Verdict, format_duration};

use super::flapping::{FlapChange, FlapTrack};
use super::settle::Band;
use super::state::{Group, GroupId, Known};
use super::{Outcome, Stage, Suppressor, escalation};
use crate::number::number;
use crate::{Subject, Transition, describe};

/// For how long an end is remembered, so that a replay of it is known.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// The time between two sweeps of what is only remembered.
const SWEEP: Duration = Duration::from_secs(3600);

impl Suppressor {
    /// Takes in a verdict, anomalous or not, with the step in the alert's life that it caused: the
    /// answer of [`Lifecycle::observe`](crate::Lifecycle::observe). Every verdict counts as a check
    /// for flapping, so give those of normal series, too; they cost little.
    pub fn observe(
        &mut self,
        identity: &Labels,
        verdict: &Verdict,
        transition: Option<&Transition>,
    ) {
        let fingerprint = identity.fingerprint();
        match transition {
            Some(transition) => {
                self.step(fingerprint, verdict.timestamp, transition, Some(verdict));
            }
            None => self.goes_on(fingerprint, verdict),
        }
        if verdict.score.is_some() {
            self.check(fingerprint, verdict.timestamp);
        }
    }

    /// Takes in a step in an alert's life that no verdict caused, at the moment `at`: the answer of
    /// [`Lifecycle::end`](crate::Lifecycle::end) or
    /// [`Lifecycle::expire`](crate::Lifecycle::expire), or an alert that already fires when the
    /// suppression begins.
    pub fn transition(&mut self, at: Timestamp, transition: &Transition) {
        let fingerprint = transition.alert().labels.fingerprint();
        self.step(fingerprint, at, transition, None);
        if matches!(transition, Transition::Resolved(_)) {
            // Nothing judges the series any more, so nothing could tell when it comes to rest.
            self.state.flaps.remove(&fingerprint);
        }
    }

    fn step(
        &mut self,
        fingerprint: u64,
        at: Timestamp,
        transition: &Transition,
        verdict: Option<&Verdict>,
    ) {
        let told = match transition {
            Transition::Fired(alert) => return self.fired(fingerprint, alert),
            Transition::Resolved(alert) => return self.ended(fingerprint, at, alert, verdict),
            Transition::Pending(_) => (Outcome::Noted, "anomalous; it waits to fire".to_owned()),
            Transition::Cleared(_) => (Outcome::Dropped, "normal before it fired".to_owned()),
            Transition::Held { reason, .. } => (Outcome::Held, reason.to_string()),
        };
        self.note(fingerprint, at, Stage::Lifecycle, told.0, told.1);
    }

    fn fired(&mut self, fingerprint: u64, alert: &Alert) {
        let at = alert.fired_at.unwrap_or(alert.starts_at);
        let known = self.state.known.get(&fingerprint);
        let repeated = match known {
            Some(known) if known.fires() => alert.starts_at <= known.alert.starts_at,
            Some(known) => known.alert.resolved_at.is_some_and(|end| at <= end),
            None => self
                .state
                .ended
                .get(&fingerprint)
                .is_some_and(|&end| at <= end),
        };
        if repeated {
            let reason = "it is known that it fires".to_owned();
            return self.note(fingerprint, at, Stage::Dedup, Outcome::Dropped, reason);
        }
        self.make_room();
        self.uninhibit(fingerprint);
        let subject = Subject::new(alert);
        let excused = self.rules.maintenance.iter();
        let excused = excused
            .filter(|window| !window.page_after && window.holds(subject, at))
            .map(|window| window.name.clone())
            .next();
        let mut known = Known {
            alert: alert.clone(),
            own_severity: alert.severity,
            band: Band::of(&alert.verdict),
            settled: None,
            excused,
            groups: Vec::new(),
        };
        known.alert.state = AlertState::Firing;
        known.alert.fired_at = Some(at);
        known.alert.severity = escalation::severity(&self.rules.escalation, alert, at);
        self.state.acknowledged.remove(&fingerprint);
        let before = self.state.known.remove(&fingerprint);
        known.groups = before.map(|known| known.groups).unwrap_or_default();
        self.inhibitor
            .add(self.tree.rules(), fingerprint, Subject::new(&known.alert));
        self.state.known.insert(fingerprint, known);
        let reason = format!("it fires: {}", alert.summary);
        self.note(fingerprint, at, Stage::Lifecycle, Outcome::Noted, reason);
        self.join(fingerprint, at);
    }

    fn ended(&mut self, fingerprint: u64, at: Timestamp, alert: &Alert, verdict: Option<&Verdict>) {
        if !self.state.known.get(&fingerprint).is_some_and(Known::fires) {
            let reason = "it is not known that it fires".to_owned();
            return self.note(fingerprint, at, Stage::Dedup, Outcome::Dropped, reason);
        }
        self.uninhibit(fingerprint);
        let Some(known) = self.state.known.get_mut(&fingerprint) else {
            return;
        };
        let end = alert.resolved_at.unwrap_or(at);
        let worst = known.alert.verdict.value;
        known.settled = verdict.and_then(|verdict| known.band.settled(worst, verdict));
        known.alert = Alert {
            state: AlertState::Resolved,
            resolved_at: Some(end),
            severity: known.alert.severity,
            cause: alert.cause.clone().or(known.alert.cause.take()),
            ..alert.clone()
        };
        let reason = match &known.settled {
            Some(_) => "settled at a new level",
            None => "it ended",
        };
        self.state.ended.insert(fingerprint, end);
        forget_oldest(&mut self.state.ended, self.rules.limits.alerts, |&end| end);
        let reason = reason.to_owned();
        self.note(fingerprint, at, Stage::Lifecycle, Outcome::Noted, reason);
        self.drop_acknowledgement(fingerprint);
        self.keep_brief(fingerprint, end);
        self.forget_told(fingerprint);
    }

    /// An alert that lasted for as long as its group waits, and that nothing holds when it ends, is
    /// told even when it was over before the next look at its group.
    fn keep_brief(&mut self, fingerprint: u64, end: Timestamp) {
        let Some(known) = self.state.known.get(&fingerprint) else {
            return;
        };
        if self.gate(fingerprint, known, end).is_some() {
            return;
        }
        let lasted_from = known.alert.fired_at.unwrap_or(known.alert.starts_at);
        for id in &known.groups {
            let route = self.routes.get(&id.route).and_then(|&i| self.tree.route(i));
            let group = self.state.groups.get_mut(id);
            if let Some(member) = group.and_then(|group| group.members.get_mut(&fingerprint)) {
                let wait = route.map_or(Duration::ZERO, |route| route.waits.group_wait);
                // Nobody hears afterwards of what came and went while its route was closed.
                let open = route.is_none_or(|route| route.closed(end).is_none());
                let untold = open && member.told.is_none() && member.held.is_none();
                // What it was owed before stays owed, however short it is this time.
                member.brief |= untold && end >= lasted_from + wait;
            }
        }
    }

    /// A verdict that changed nothing in the alert's life: its worst point and its severity.
    fn goes_on(&mut self, fingerprint: u64, verdict: &Verdict) {
        let Some(known) = self.state.known.get_mut(&fingerprint) else {
            return;
        };
        if !known.fires() {
            return;
        }
        let alert = &mut known.alert;
        if verdict.anomalous && verdict.score > alert.verdict.score {
            alert.verdict = verdict.clone();
            alert.summary = describe(alert);
        }
        let severity = escalation::severity(&self.rules.escalation, alert, verdict.timestamp);
        if severity <= alert.severity || self.state.acknowledged.contains_key(&fingerprint) {
            return;
        }
        let reason = format!("severity rises from {} to {severity}", alert.severity);
        self.uninhibit(fingerprint);
        if let Some(known) = self.state.known.get_mut(&fingerprint) {
            known.alert.severity = severity;
            let subject = Subject::new(&known.alert);
            self.inhibitor.add(self.tree.rules(), fingerprint, subject);
        }
        let at = verdict.timestamp;
        self.note(fingerprint, at, Stage::Escalation, Outcome::Noted, reason);
        self.join(fingerprint, at);
    }

    /// Takes the alert out of the sources of inhibition, where it is one.
    pub(super) fn uninhibit(&mut self, fingerprint: u64) {
        if let Some(known) = self.state.known.get(&fingerprint) {
            let subject = Subject::new(&known.alert);
            self.inhibitor
                .remove(self.tree.rules(), fingerprint, subject);
        }
    }

    /// A check for flapping.
    fn check(&mut self, fingerprint: u64, at: Timestamp) {
        let Some(config) = self.rules.flapping else {
            return;
        };
        let fires = self.state.known.get(&fingerprint).is_some_and(Known::fires);
        let track = match self.state.flaps.get_mut(&fingerprint) {
            Some(track) => track,
            None if !fires => return,
            None => {
                forget_oldest(
                    &mut self.state.flaps,
                    self.rules.limits.alerts,
                    FlapTrack::last,
                );
                let flaps = &mut self.state.flaps;
                flaps.entry(fingerprint).or_insert(FlapTrack::new(at))
            }
        };
        let change = track.check(fires, at, &config);
        if track.is_idle() {
            self.state.flaps.remove(&fingerprint);
        }
        if let Some(change) = change {
            self.flapped(fingerprint, at, change);
        }
    }

    fn flapped(&mut self, fingerprint: u64, at: Timestamp, change: FlapChange) {
        let Some(known) = self.state.known.get(&fingerprint) else {
            return;
        };
        let fires = known.fires();
        for id in &known.groups {
            let group = self.state.groups.get_mut(id);
            let Some(member) = group.and_then(|group| group.members.get_mut(&fingerprint)) else {
                continue;
            };
            if let FlapChange::Ended(_) = change
                && member.flapping_told
                && fires
            {
                // It fires for good now: that is news.
                member.told = None;
                member.calmed = true;
            }
            member.flapping_told = false;
        }
        let (word, percent) = match change {
            FlapChange::Began(percent) => ("begins", percent),
            FlapChange::Ended(percent) => ("ends", percent),
        };
        let reason = format!("flapping {word}: {} % state changes", number(percent, 3));
        self.note(fingerprint, at, Stage::Flapping, Outcome::Noted, reason);
    }

    /// Adds the alert, at the moment `at`, to a group of each route that keeps it.
    pub(super) fn join(&mut self, fingerprint: u64, at: Timestamp) {
        let Some(known) = self.state.known.get_mut(&fingerprint) else {
            return;
        };
        let subject = Subject::new(&known.alert);
        let fired_at = known.alert.fired_at.unwrap_or(known.alert.starts_at);
        let mut joined = Vec::new();
        for index in self.tree.matching(subject) {
            let Some(route) = self.tree.route(index) else {
                continue;
            };
            let labels = route.group_of(subject);
            let id = GroupId::new(&route.path, &labels);
            // One that escalates stays in its group, also where severities are grouped apart.
            let elsewhere = |group: &GroupId| group.route == id.route && *group != id;
            if known.groups.iter().any(elsewhere) {
                continue;
            }
            let group = self.state.groups.entry(id).or_insert_with(|| Group {
                path: route.path.clone(),
                receiver: route.receiver.clone(),
                labels,
                members: BTreeMap::new(),
                next: at.max(fired_at + route.waits.group_wait),
                last_page: None,
                sequence: 0,
            });
            self.schedule.insert((group.next, id));
            group.members.entry(fingerprint).or_default();
            if !known.groups.contains(&id) {
                known.groups.push(id);
                let wait = group.next.millis_since(fired_at).max(0);
                let wait = format_duration(Duration::from_millis(wait.unsigned_abs()));
                joined.push(format!(
                    "it joins the group {} of the route {} for {}, which is looked at {wait} after it fired",
                    group.labels, route.path, route.receiver
                ));
            }
        }
        for reason in joined {
            self.note(
                fingerprint,
                fired_at,
                Stage::Grouping,
                Outcome::Noted,
                reason,
            );
        }
    }

    /// Takes the alert out of a group; it is forgotten when it is over and in no other.
    pub(super) fn leave(&mut self, fingerprint: u64, id: GroupId) {
        if let Some(known) = self.state.known.get_mut(&fingerprint) {
            known.groups.retain(|other| *other != id);
        }
        self.forget_told(fingerprint);
    }

    fn forget_told(&mut self, fingerprint: u64) {
        let told = |known: &Known| !known.fires() && known.groups.is_empty();
        if self.state.known.get(&fingerprint).is_some_and(told) {
            self.state.known.remove(&fingerprint);
        }
    }

    /// Makes sure that one more alert fits: a sixteenth goes, those that are over first, then those
    /// that began first. Who was told of one is told its end.
    fn make_room(&mut self) {
        let limit = self.rules.limits.alerts;
        if self.state.known.len() < limit {
            return;
        }
        let mut order: Vec<(bool, Timestamp, u64)> = self
            .state
            .known
            .iter()
            .map(|(&fingerprint, known)| (known.fires(), known.alert.starts_at, fingerprint))
            .collect();
        order.sort_unstable();
        let gone: Vec<(Timestamp, u64)> = order
            .into_iter()
            .take(limit.div_ceil(16))
            .map(|(_, began, fingerprint)| (began, fingerprint))
            .collect();
        self.forget(&gone.iter().map(|&(_, fingerprint)| fingerprint).collect());
        for (began, fingerprint) in gone {
            self.state.dropped = self.state.dropped.saturating_add(1);
            let reason = format!("more than {limit} alerts are known");
            self.note(
                fingerprint,
                began,
                Stage::Lifecycle,
                Outcome::Dropped,
                reason,
            );
        }
    }

    /// Forgets, once an hour, what is remembered no longer.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        if self.tidied.is_some_and(|at| now < at + SWEEP) {
            return;
        }
        self.tidied = Some(now);
        self.state.ended.retain(|_, end| now < *end + REMEMBERED);
        self.state.budgets.tidy(self.rules.budget.as_ref(), now);
        let known = &self.state.known;
        match &self.rules.flapping {
            Some(config) => self.state.flaps.retain(|fingerprint, track| {
                known.contains_key(fingerprint) || !track.lapsed(now, config)
            }),
            None => self.state.flaps.clear(),
        }
    }
}

/// Makes sure that one more entry fits: a sixteenth goes, oldest first.
fn forget_oldest<T>(map: &mut BTreeMap<u64, T>, limit: usize, time: impl Fn(&T) -> Timestamp) {
    if map.len() < limit {
        return;
    }
    let mut times: Vec<(Timestamp, u64)> = map.iter().map(|(&key, x)| (time(x), key)).collect();
    times.sort_unstable();
    for (_, key) in times.into_iter().take(limit.div_ceil(16)) {
        map.remove(&key);
    }
}
