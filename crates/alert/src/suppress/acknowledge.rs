//! Alerts that somebody has taken up.

use std::collections::BTreeMap;

use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::farewell::page;
use super::flush::Content;
use super::state::{Group, Known};
use super::{Outcome, Stage, Suppressor};
use crate::{Note, NoteKind, Occasion, Page};

/// That somebody has taken up an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub at: Timestamp,
    /// Who, where it was said.
    pub by: Option<String>,
    /// What was said of it.
    pub note: Option<String>,
}

impl Acknowledgement {
    pub(super) fn note(&self) -> NoteKind {
        NoteKind::Acknowledged {
            by: self.by.clone(),
            note: self.note.clone(),
        }
    }
}

impl Suppressor {
    /// Takes note that somebody has taken up the alert with this
    /// [fingerprint](bongsu_core::Labels::fingerprint). Until it ends its severity does not rise, and
    /// nobody is reminded of a group of which every alert is taken up. Receivers that know of it are
    /// told at the next [`Suppressor::tick`], whatever the budget of messages; a message about the
    /// group with [`Occasion::Acknowledged`] acknowledges the incident at PagerDuty where everything
    /// that fires in it is taken up.
    ///
    /// `false` when it is not known to fire; then nothing changes. Nor does it when the same was said
    /// of it before.
    pub fn acknowledge(&mut self, fingerprint: u64, acknowledgement: Acknowledgement) -> bool {
        let Some(known) = self.state.known.get(&fingerprint).filter(|k| k.fires()) else {
            return false;
        };
        let before = self.state.acknowledged.get(&fingerprint);
        let says_nothing_new = |before: &Acknowledgement| {
            (&before.by, &before.note) == (&acknowledgement.by, &acknowledgement.note)
        };
        if before.is_some_and(says_nothing_new) {
            return true;
        }
        let groups = known.groups.clone();
        let at = acknowledgement.at;
        let reason = acknowledgement.note().to_string();
        self.state.acknowledged.insert(fingerprint, acknowledgement);
        let stage = Stage::Acknowledgement;
        self.note(fingerprint, at, stage, Outcome::Noted, reason);
        let now = self.state.now.unwrap_or(at);
        for id in groups {
            let Some(group) = self.state.groups.get(&id) else {
                continue;
            };
            let aware = group.members.get(&fingerprint);
            if aware.is_none_or(|member| member.told.is_none()) {
                continue;
            }
            let content = self.present(group, now);
            let told = page(group, Occasion::Acknowledged, content, now);
            if let Some(told) = told {
                let receiver = &told.receiver;
                let reason = format!("told to {receiver}: acknowledged");
                let key = told.key();
                let is_older =
                    |page: &Page| page.occasion == Occasion::Acknowledged && page.key() == key;
                self.state.farewells.retain(|page| !is_older(page));
                self.state.farewells.push(told);
                self.note(fingerprint, now, stage, Outcome::Paged, reason);
                if let Some(group) = self.state.groups.get_mut(&id) {
                    group.sequence = group.sequence.saturating_add(1);
                }
            }
        }
        true
    }

    /// Who has taken up the alert, while it fires.
    #[must_use]
    pub fn acknowledgement(&self, fingerprint: u64) -> Option<&Acknowledgement> {
        self.state.acknowledged.get(&fingerprint)
    }

    /// Takes note that nobody looks after the alert with this
    /// [fingerprint](bongsu_core::Labels::fingerprint) any more: reminders and rising severity come
    /// again, the first of them when its group is looked at next. No message tells of it by itself;
    /// PagerDuty, for one, knows no way back.
    ///
    /// `false` when nobody had taken it up.
    pub fn unacknowledge(&mut self, fingerprint: u64, at: Timestamp) -> bool {
        if self.state.acknowledged.remove(&fingerprint).is_none() {
            return false;
        }
        let reason = "nobody looks after it any more".to_owned();
        let stage = Stage::Acknowledgement;
        self.note(fingerprint, at, stage, Outcome::Noted, reason);
        true
    }

    /// Who has taken up which alerts, by fingerprint.
    #[must_use]
    pub const fn acknowledgements(&self) -> &BTreeMap<u64, Acknowledgement> {
        &self.state.acknowledged
    }

    /// What the receiver of the group knows to fire or to flap.
    pub(super) fn present(&self, group: &Group, now: Timestamp) -> Content {
        let mut content = Content::default();
        for (&fingerprint, member) in &group.members {
            let Some(known) = self.state.known.get(&fingerprint) else {
                continue;
            };
            let flaps = self.flapping(fingerprint, now);
            let flaps = flaps.filter(|_| member.flapping_told);
            let fires = known.fires() && member.told.is_some();
            if flaps.is_none() && !fires {
                continue;
            }
            let flapping = flaps.map(|percent| NoteKind::Flapping { percent });
            let taken_up = self.taken_up(fingerprint).filter(|_| fires);
            content.alerts.insert(fingerprint, known.alert.clone());
            let kinds = flapping.into_iter().chain(taken_up);
            content
                .notes
                .extend(kinds.map(|kind| Note { fingerprint, kind }));
        }
        content
    }

    /// What is to be said of an alert that somebody has taken up.
    pub(super) fn taken_up(&self, fingerprint: u64) -> Option<NoteKind> {
        let acknowledgement = self.acknowledgement(fingerprint)?;
        Some(acknowledgement.note())
    }

    /// It is over, or forgotten.
    pub(super) fn drop_acknowledgement(&mut self, fingerprint: u64) {
        let fires = self.state.known.get(&fingerprint).is_some_and(Known::fires);
        if !fires {
            self.state.acknowledged.remove(&fingerprint);
        }
    }
}
