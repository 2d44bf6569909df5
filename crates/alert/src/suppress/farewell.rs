//! The last message to a receiver that hears no more of what it was told.

use std::collections::BTreeSet;

use bongsu_core::{Alert, AlertState, Labels, Timestamp};

use super::flush::Content;
use super::state::{Group, GroupId, Known, Member};
use super::{Outcome, Stage, Suppressor};
use crate::routing::Route;
use crate::{Note, NoteKind, Occasion, Page, Subject};

impl Suppressor {
    /// The last messages to receivers that hear no more of alerts that they know, because the
    /// configuration has changed: each such alert is [resolved](AlertState::Resolved) for them, and
    /// where it still fires a [note](NoteKind::Moved) says so. Its new receivers are told of it as of
    /// a new one.
    ///
    /// [`Suppressor::tick`] gives them as well; call this where the former receivers can only be
    /// reached until the new configuration is put to work. Neither the budget of messages nor a
    /// time interval holds them.
    pub fn farewells(&mut self) -> Vec<Page> {
        std::mem::take(&mut self.state.farewells)
    }

    /// What `receiver` was told of and still fires, a message for each group: for a sink that begins
    /// to serve it, and has heard of nothing yet.
    #[must_use]
    pub fn welcome(&self, receiver: &str) -> Vec<Page> {
        let now = self.state.now.unwrap_or(Timestamp::MIN);
        let groups = self.groups_of(receiver);
        let pages = groups.filter_map(|group| {
            let mut content = Content::default();
            for (&fingerprint, member) in &group.members {
                if let Some(known) = self.state.known.get(&fingerprint)
                    && known.fires()
                    && member.told.is_some()
                {
                    content.alerts.insert(fingerprint, known.alert.clone());
                }
            }
            page(group, Occasion::Fired, content, now)
        });
        pages.collect()
    }

    /// The end of all that `receiver` was told of, a message for each group: for a sink that serves
    /// it no longer. As [`Suppressor::farewells`] has it, but the receiver goes on with its other
    /// sinks, so nothing changes here.
    #[must_use]
    pub fn parting(&self, receiver: &str) -> Vec<Page> {
        let now = self.state.now.unwrap_or(Timestamp::MIN);
        let groups = self.groups_of(receiver);
        let pages = groups.filter_map(|group| {
            let content = self.last_words(group, now, &NoteKind::Moved);
            page(group, Occasion::Resolved, content, now)
        });
        pages.collect()
    }

    fn groups_of(&self, receiver: &str) -> impl Iterator<Item = &Group> {
        let groups = self.state.groups.values();
        groups.filter(move |group| group.receiver == receiver)
    }

    /// Whether the tree has no place for the group any more.
    pub(super) fn is_obsolete(&self, id: GroupId, group: &Group) -> bool {
        let route = self.routes.get(&id.route).and_then(|&i| self.tree.route(i));
        let Some(route) = route.filter(|route| route.receiver == group.receiver) else {
            return true;
        };
        let mut members = group.members.keys();
        let known = members.find_map(|fingerprint| self.state.known.get(fingerprint));
        known.is_some_and(|known| !groups_alike(route, group, known))
    }

    /// Takes leave of the groups of which `gone` holds.
    pub(super) fn part_where(&mut self, gone: impl Fn(&Self, GroupId, &Group) -> bool) {
        let groups = self.state.groups.iter();
        let ids: Vec<GroupId> = groups
            .filter(|&(&id, group)| gone(self, id, group))
            .map(|(&id, _)| id)
            .collect();
        let now = self.state.now.unwrap_or(Timestamp::MIN);
        for id in ids {
            let Some(group) = self.state.groups.remove(&id) else {
                continue;
            };
            self.schedule.remove(&(group.next, id));
            for backlog in self.state.budgets.backlogs.values_mut() {
                backlog.groups.remove(&id);
            }
            let farewell = self.farewell(id, &group, now);
            self.state.farewells.extend(farewell);
        }
    }

    /// The last message about a group, when its receiver waits for one.
    fn farewell(&mut self, id: GroupId, group: &Group, now: Timestamp) -> Option<Page> {
        let content = self.last_words(group, now, &NoteKind::Moved);
        for &fingerprint in content.alerts.keys() {
            let receiver = &group.receiver;
            let reason = format!("the configuration changed: {receiver} is told the end");
            self.note(fingerprint, now, Stage::Route, Outcome::Paged, reason);
        }
        for &fingerprint in group.members.keys() {
            self.leave(fingerprint, id);
        }
        page(group, Occasion::Resolved, content, now)
    }

    /// Puts `told` in the place of an earlier last message to the same group that has not left yet:
    /// what ended there has ended, and what fires is here as it is now.
    fn say_once(&mut self, mut told: Page) {
        let key = told.key();
        let same = |page: &Page| page.occasion == Occasion::Resolved && page.key() == key;
        let farewells = &mut self.state.farewells;
        if let Some(place) = farewells.iter().position(same) {
            let earlier = farewells.remove(place);
            let known: BTreeSet<Labels> = told.alerts.iter().map(|a| a.labels.clone()).collect();
            let ended = earlier.alerts.into_iter().filter(|alert| {
                alert.state == AlertState::Resolved && !known.contains(&alert.labels)
            });
            let ended: Vec<Alert> = ended.collect();
            let of: BTreeSet<u64> = ended.iter().map(|a| a.labels.fingerprint()).collect();
            let notes = earlier.notes.into_iter();
            told.notes
                .extend(notes.filter(|note| of.contains(&note.fingerprint)));
            told.alerts.extend(ended);
        }
        self.state.farewells.push(told);
    }

    /// Forgets these alerts. Receivers that wait for the end of one are told it.
    pub(super) fn forget(&mut self, fingerprints: &BTreeSet<u64>) {
        let known = fingerprints.iter().filter_map(|f| self.state.known.get(f));
        let groups: BTreeSet<GroupId> = known.flat_map(|known| known.groups.clone()).collect();
        let now = self.state.now.unwrap_or(Timestamp::MIN);
        for id in groups {
            let Some(mut group) = self.state.groups.remove(&id) else {
                continue;
            };
            let (gone, left) = std::mem::take(&mut group.members)
                .into_iter()
                .partition(|(fingerprint, _)| fingerprints.contains(fingerprint));
            group.members = gone;
            let mut content = self.last_words(&group, now, &NoteKind::Forgotten);
            group.members = left;
            if !content.alerts.is_empty() {
                let present = self.present(&group, now);
                content.alerts.extend(present.alerts);
                content.notes.extend(present.notes);
                if let Some(told) = page(&group, Occasion::Resolved, content, now) {
                    self.say_once(told);
                }
                group.sequence = group.sequence.saturating_add(1);
            }
            self.put_back(id, group);
        }
        for &fingerprint in fingerprints {
            self.uninhibit(fingerprint);
            self.state.known.remove(&fingerprint);
            self.drop_acknowledgement(fingerprint);
        }
    }

    /// The end of each alert whose end the receiver waits for; what still fires has this note.
    fn last_words(&self, group: &Group, now: Timestamp, still: &NoteKind) -> Content {
        let mut content = Content::default();
        for (&fingerprint, member) in &group.members {
            if let Some(known) = self.state.known.get(&fingerprint)
                && awaits(known, member)
            {
                if known.fires() {
                    content.notes.push(Note {
                        fingerprint,
                        kind: still.clone(),
                    });
                }
                content.alerts.insert(fingerprint, ended(known, now));
            }
        }
        content
    }
}

pub(super) fn page(
    group: &Group,
    occasion: Occasion,
    content: Content,
    now: Timestamp,
) -> Option<Page> {
    if content.alerts.is_empty() {
        return None;
    }
    let (alerts, notes) = content.ordered();
    Some(Page {
        receiver: group.receiver.clone(),
        route: group.path.clone(),
        group: group.labels.clone(),
        at: now,
        sequence: group.sequence,
        occasion,
        alerts,
        notes,
        digest: None,
    })
}

/// Whether the route still groups by the labels that the group has.
fn groups_alike(route: &Route, group: &Group, known: &Known) -> bool {
    let now = route.group_of(Subject::new(&known.alert));
    // Values may differ: those that come from the severity change while an alert lasts.
    let names = |labels: &Labels| -> Vec<String> {
        labels.iter().map(|(name, _)| name.to_owned()).collect()
    };
    names(&now) == names(&group.labels)
}

/// Whether the receiver waits to hear of the end.
fn awaits(known: &Known, member: &Member) -> bool {
    let aware = member.told.is_some() || member.flapping_told || member.calmed;
    aware || (!known.fires() && (member.held.is_some() || member.brief))
}

/// The alert as it is over for the receiver.
fn ended(known: &Known, now: Timestamp) -> Alert {
    let mut alert = known.alert.clone();
    if known.fires() {
        alert.state = AlertState::Resolved;
        alert.resolved_at = Some(now.max(alert.starts_at));
    }
    alert
}
