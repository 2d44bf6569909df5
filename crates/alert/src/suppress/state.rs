//! What the suppression remembers.

use std::collections::BTreeMap;

use bongsu_core::{Alert, AlertState, Labels, Severity, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use super::acknowledge::Acknowledgement;
use super::budget::Budgets;
use super::explain::{Step, Trails};
use super::flapping::FlapTrack;
use super::settle::{Band, Settled};
use super::silence::Silence;
use crate::Page;

/// Everything that a [`Suppressor`](crate::Suppressor) has to remember across a restart.
///
/// Memory: nothing for a series that is quiet; about 1.7 KB for each alert that fires or waits for
/// its end to be told, with its group (100,000 of them: 165 MB, and 60 MB as a snapshot); 16 bytes
/// for each alert that ended within a day; 24 bytes for a series whose alert fired within its last 21
/// checks; and the steps that [`Suppressor::explain`](crate::Suppressor::explain) tells, about 150
/// bytes each. Each part has a limit, see [`Limits`](crate::Limits).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SuppressorState {
    /// The latest moment heard of.
    pub(super) now: Option<Timestamp>,
    /// The alerts that fire, and those whose end is not told yet, by fingerprint.
    pub(super) known: BTreeMap<u64, Known>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    /// The series with an alert among their last checks.
    pub(super) flaps: BTreeMap<u64, FlapTrack>,
    /// When alerts ended that did so lately.
    pub(super) ended: BTreeMap<u64, Timestamp>,
    pub(super) budgets: Budgets,
    pub(super) silences: Vec<Silence>,
    pub(super) trails: Trails,
    /// Messages that no budget holds back: to receivers that hear no more of what they were told, and
    /// of alerts that somebody has taken up.
    pub(super) farewells: Vec<Page>,
    /// Alerts forgotten because there were too many.
    pub(super) dropped: u64,
    /// Who has taken up alerts that fire.
    pub(super) acknowledged: BTreeMap<u64, Acknowledgement>,
}

/// An alert that fires, or whose end is not told yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) alert: Alert,
    /// Its severity before any escalation, which is what Alertmanager is sent.
    pub(super) own_severity: Severity,
    pub(super) band: Band,
    pub(super) settled: Option<Settled>,
    /// The maintenance window after which it is not to be told.
    pub(super) excused: Option<String>,
    pub(super) groups: Vec<GroupId>,
}

/// A group of alerts of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct GroupId {
    /// A hash of the route's path.
    pub(super) route: u64,
    /// The fingerprint of the group's labels.
    pub(super) labels: u64,
}

/// The alerts of one route with the same labels, and when they are told next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) path: String,
    pub(super) receiver: String,
    pub(super) labels: Labels,
    pub(super) members: BTreeMap<u64, Member>,
    pub(super) next: Timestamp,
    pub(super) last_page: Option<Timestamp>,
    pub(super) sequence: u64,
}

/// What the receiver knows of one alert of the group.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Member {
    /// The severity that it was told with, once it was told that the alert fires.
    pub(super) told: Option<Severity>,
    /// Whether it was told that the alert is flapping, since that began.
    pub(super) flapping_told: bool,
    /// Whether it is to be told that the flapping is over.
    pub(super) calmed: bool,
    /// Whether it is to be told that the alert has ended, though it was not told that it fired.
    pub(super) brief: bool,
    /// Since when the budget holds back what is new.
    pub(super) held: Option<Timestamp>,
}

impl Known {
    pub(super) fn fires(&self) -> bool {
        self.alert.state == AlertState::Firing
    }
}

impl GroupId {
    pub(super) fn new(path: &str, labels: &Labels) -> Self {
        Self {
            route: hash(path),
            labels: labels.fingerprint(),
        }
    }
}

/// A hash of a text that is the same in every release.
pub(crate) fn hash(text: &str) -> u64 {
    // One label with a fixed name is always valid.
    Labels::from_pairs([("text", text)])
        .unwrap_or_default()
        .fingerprint()
}

impl SuppressorState {
    fn check(&self) -> Result<(), String> {
        for (&fingerprint, known) in &self.known {
            let right = known.alert.labels.fingerprint() == fingerprint
                && known.alert.state != AlertState::Pending
                && known.alert.fired_at.is_some();
            let belongs = |id: &GroupId| {
                let group = self.groups.get(id);
                group.is_some_and(|group| group.members.contains_key(&fingerprint))
            };
            if !right || !known.groups.iter().all(belongs) {
                return Err(format!("the alert {fingerprint:016x} contradicts itself"));
            }
        }
        for (id, group) in &self.groups {
            let right = *id == GroupId::new(&group.path, &group.labels);
            let belongs = |fingerprint: &u64| {
                let known = self.known.get(fingerprint);
                known.is_some_and(|known| known.groups.contains(id))
            };
            if !right || !group.members.keys().all(belongs) {
                return Err(format!("the group {} contradicts itself", group.labels));
            }
        }
        if !self.flaps.values().all(FlapTrack::is_valid) || !self.budgets.is_valid() {
            return Err("a history of checks or a budget is outside its domain".to_owned());
        }
        let mut taken_up = self.acknowledged.keys();
        let fires = |fingerprint: &u64| self.known.get(fingerprint).is_some_and(Known::fires);
        if !taken_up.all(fires) {
            return Err("an alert that does not fire is acknowledged".to_owned());
        }
        for silence in &self.silences {
            silence.compile().map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

impl SuppressorState {
    /// As [`Suppressor::acknowledgement`](crate::Suppressor::acknowledgement), of a saved state.
    #[must_use]
    pub fn acknowledgement(&self, fingerprint: u64) -> Option<&Acknowledgement> {
        self.acknowledged.get(&fingerprint)
    }

    /// As [`Suppressor::explain`](crate::Suppressor::explain), of a saved state.
    pub fn explain(&self, fingerprint: u64) -> impl Iterator<Item = &Step> {
        self.trails.of(fingerprint)
    }
}

impl Snapshot for SuppressorState {
    const KIND: &'static str = "alert.suppressor";
    const VERSION: u16 = 3;

    fn validate(&self) -> bongsu_core::Result<()> {
        self.check().map_err(bongsu_core::Error::snapshot)
    }
}
