//! Looking at groups, and making messages.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_core::{Alert, AlertState, Labels, Timestamp};

use super::acknowledge::Acknowledgement;
use super::budget::{Backlog, BudgetKey};
use super::review::{News, Standing};
use super::state::{Group, GroupId, hash};
use super::{Outcome, Stage, Suppressor};
use crate::page::key;
use crate::{Digest, DigestGroup, Note, Occasion, Page};

/// What one group contributes to a message.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Each alert once.
    pub(super) alerts: BTreeMap<u64, Alert>,
    pub(super) notes: Vec<Note>,
}

impl Suppressor {
    /// Data time has reached `now`: makes the messages that are due, in the order in which they
    /// became due. Call it once a tick, after the verdicts, and at [`Suppressor::next_due`].
    ///
    /// Time never goes back: an earlier `now` counts as the latest one.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Page> {
        let now = self.state.now.map_or(now, |latest| latest.max(now));
        self.state.now = Some(now);
        // What has waited longest comes first.
        let waiting = self.state.budgets.backlogs.iter();
        let mut waiting: Vec<_> = waiting.map(|(key, held)| (held.since, *key)).collect();
        waiting.sort_unstable();
        let mut pages = self.farewells();
        pages.extend(
            waiting
                .into_iter()
                .filter_map(|(_, key)| self.digest(key, now)),
        );
        while let Some(&(due, id)) = self.schedule.first()
            && due <= now
        {
            self.schedule.pop_first();
            if let Some(mut group) = self.state.groups.remove(&id) {
                pages.extend(self.look(id, &mut group, now));
                self.put_back(id, group);
            }
        }
        self.tidy(now);
        pages
    }

    /// Looks at a group, and makes its message when it has something to say.
    fn look(&mut self, id: GroupId, group: &mut Group, now: Timestamp) -> Option<Page> {
        let route = self.tree.route(*self.routes.get(&id.route)?)?;
        let (receiver, waits) = (route.receiver.clone(), route.waits);
        let closed = route.closed(now);
        group.next = now + waits.group_interval;
        let mut reviewed = self.review(group, now);
        if let Some(reason) = closed {
            for (_, standing) in &mut reviewed {
                if let Standing::News(_) | Standing::Known = standing {
                    *standing = Standing::Held(Stage::Route, reason.clone());
                }
            }
        }
        self.part(id, group, &reviewed, now);
        let news = reviewed.iter().any(|(_, s)| matches!(s, Standing::News(_)));
        let fires = reviewed.iter().any(|(fingerprint, standing)| {
            *standing == Standing::Known && self.acknowledgement(*fingerprint).is_none()
        });
        let repeats = group.last_page.map(|last| last + waits.repeat_interval);
        let reminds = fires && repeats.is_some_and(|due| now >= due);
        if !news && !reminds {
            return None;
        }
        if !self.afford(id, &receiver, now) {
            self.hold_back(id, group, &receiver, &reviewed, now);
            return None;
        }
        let occasion = reviewed
            .iter()
            .filter_map(|(_, standing)| match standing {
                Standing::News(news) => Some(news.occasion()),
                _ => None,
            })
            .min()
            .unwrap_or(Occasion::Reminder);
        let mut content = Content::default();
        let sequence = group.sequence;
        self.tell(id, group, &reviewed, &receiver, now, &mut content);
        let (alerts, notes) = content.ordered();
        Some(Page {
            receiver,
            route: group.path.clone(),
            group: group.labels.clone(),
            at: now,
            sequence,
            occasion,
            alerts,
            notes,
            digest: None,
        })
    }

    /// Whether a message may be sent now; takes its token.
    fn afford(&mut self, id: GroupId, receiver: &str, now: Timestamp) -> bool {
        let Some(config) = self.rules.budget else {
            return true;
        };
        let key = bucket(config.per, id, receiver);
        // What waits comes first.
        !self.state.budgets.backlogs.contains_key(&key)
            && self.state.budgets.take(&config, key, now)
    }

    /// What is new waits for a digest.
    fn hold_back(
        &mut self,
        id: GroupId,
        group: &mut Group,
        receiver: &str,
        reviewed: &[(u64, Standing)],
        now: Timestamp,
    ) {
        let Some(config) = self.rules.budget else {
            return;
        };
        let mut any = false;
        for (fingerprint, standing) in reviewed {
            if let Standing::News(_) = standing
                && let Some(member) = group.members.get_mut(fingerprint)
            {
                any = true;
                member.held.get_or_insert(now);
                let reason = format!("the budget of messages to {receiver} is used up");
                self.note(*fingerprint, now, Stage::Budget, Outcome::Held, reason);
            }
        }
        if any {
            let key = bucket(config.per, id, receiver);
            self.state.budgets.hold(key, receiver, id, now);
        }
    }

    /// Notes why alerts are held, and lets go of those that are over and were never told.
    fn part(
        &mut self,
        id: GroupId,
        group: &mut Group,
        reviewed: &[(u64, Standing)],
        now: Timestamp,
    ) {
        for (fingerprint, standing) in reviewed {
            match standing {
                Standing::Held(stage, reason) => {
                    self.note(*fingerprint, now, *stage, Outcome::Held, reason.clone());
                }
                Standing::Gone => {
                    let reason = "it ended before its group was looked at".to_owned();
                    self.note(*fingerprint, now, Stage::Grouping, Outcome::Dropped, reason);
                    group.members.remove(fingerprint);
                    self.leave(*fingerprint, id);
                }
                Standing::News(_) | Standing::Known => {}
            }
        }
    }

    /// Puts into `content` what there is to say of the group, which counts as told from now on.
    fn tell(
        &mut self,
        id: GroupId,
        group: &mut Group,
        reviewed: &[(u64, Standing)],
        receiver: &str,
        now: Timestamp,
        content: &mut Content,
    ) {
        group.last_page = Some(now);
        group.sequence = group.sequence.saturating_add(1);
        for (fingerprint, standing) in reviewed {
            let (Some(known), Some(member)) = (
                self.state.known.get(fingerprint),
                group.members.get_mut(fingerprint),
            ) else {
                continue;
            };
            let Standing::News(news) = *standing else {
                if *standing == Standing::Known {
                    let taken_up = self.state.acknowledged.get(fingerprint);
                    content.notes.extend(taken_up.map(|by| Note {
                        fingerprint: *fingerprint,
                        kind: by.note(),
                    }));
                    content.alerts.insert(*fingerprint, known.alert.clone());
                }
                continue;
            };
            content.alerts.insert(*fingerprint, known.alert.clone());
            let taken_up = self.state.acknowledged.get(fingerprint);
            let taken_up = taken_up.map(Acknowledgement::note);
            let notes = news.notes(known, member).into_iter().chain(taken_up);
            content.notes.extend(notes.map(|kind| Note {
                fingerprint: *fingerprint,
                kind,
            }));
            member.held = None;
            member.calmed = false;
            member.brief = false;
            member.told = Some(known.alert.severity);
            member.flapping_told = matches!(news, News::Flapping(_));
            let reason = format!("told to {receiver}: {}", news.occasion().as_str());
            self.note(*fingerprint, now, Stage::Grouping, Outcome::Paged, reason);
            if news == News::Ended {
                group.members.remove(fingerprint);
                self.leave(*fingerprint, id);
            }
        }
    }

    /// The summary of what was held back, when there is a token for it.
    fn digest(&mut self, bucket: u64, now: Timestamp) -> Option<Page> {
        let Some(config) = self.rules.budget else {
            // There is no budget any more: groups tell on their own again.
            self.state.budgets.backlogs.remove(&bucket);
            return None;
        };
        if self.state.budgets.ready_at(&config, bucket, now) > now {
            return None;
        }
        let backlog = self.state.budgets.backlogs.remove(&bucket)?;
        let (mut content, mut groups) = (Content::default(), Vec::new());
        for &id in &backlog.groups {
            let Some(mut group) = self.state.groups.remove(&id) else {
                continue;
            };
            if let Some(told) = self.digest_of(id, &mut group, &backlog, now, &mut content) {
                groups.push(told);
            }
            self.put_back(id, group);
        }
        if groups.is_empty() {
            return None;
        }
        // Those that fire first, in an order that people see a reason in.
        groups.sort_by(|a, b| (a.firing == 0, &a.labels).cmp(&(b.firing == 0, &b.labels)));
        self.state.budgets.take(&config, bucket, now);
        let sequence = self.state.budgets.digests;
        self.state.budgets.digests = sequence.saturating_add(1);
        // Since when each was held back is said by the digest.
        content
            .notes
            .retain(|note| !matches!(note.kind, crate::NoteKind::HeldBack { .. }));
        let (alerts, notes) = content.ordered();
        Some(Page {
            digest: Some(Digest::new(backlog.since, &alerts, groups)),
            receiver: backlog.receiver,
            route: String::new(),
            group: Labels::empty(),
            at: now,
            sequence,
            occasion: Occasion::Digest,
            alerts,
            notes,
        })
    }

    /// What is new in one group, if it may be told now.
    fn digest_of(
        &mut self,
        id: GroupId,
        group: &mut Group,
        backlog: &Backlog,
        now: Timestamp,
        content: &mut Content,
    ) -> Option<DigestGroup> {
        let route = self.tree.route(*self.routes.get(&id.route)?)?;
        if route.closed(now).is_some() {
            // The next look at the group goes on with it.
            return None;
        }
        let reviewed = self.review(group, now);
        self.part(id, group, &reviewed, now);
        let fires = reviewed.iter().filter(|(_, standing)| match standing {
            Standing::News(news) => *news != News::Ended,
            Standing::Known => true,
            Standing::Held(..) | Standing::Gone => false,
        });
        let told = DigestGroup {
            key: key(&backlog.receiver, &group.path, &group.labels, ""),
            labels: group.labels.clone(),
            firing: fires.count(),
        };
        let news: Vec<_> = reviewed
            .into_iter()
            .filter(|(_, standing)| matches!(standing, Standing::News(_)))
            .collect();
        if news.is_empty() {
            return None;
        }
        self.tell(id, group, &news, &backlog.receiver, now, content);
        Some(told)
    }

    /// Keeps the group when there is an alert in it.
    pub(super) fn put_back(&mut self, id: GroupId, group: Group) {
        if group.members.is_empty() {
            self.schedule.remove(&(group.next, id));
            let backlogs = self.state.budgets.backlogs.values_mut();
            backlogs.for_each(|backlog| {
                backlog.groups.remove(&id);
            });
        } else {
            self.schedule.insert((group.next, id));
            self.state.groups.insert(id, group);
        }
    }
}

impl Content {
    /// The alerts that fire, then those that ended, each part by time and labels; the notes in the
    /// same order.
    pub(super) fn ordered(mut self) -> (Vec<Alert>, Vec<Note>) {
        let told: BTreeSet<u64> = self.alerts.keys().copied().collect();
        self.notes.retain(|note| told.contains(&note.fingerprint));
        let mut alerts: Vec<(u64, Alert)> = self.alerts.into_iter().collect();
        alerts.sort_by(|(_, a), (_, b)| {
            let over = |alert: &Alert| alert.state == AlertState::Resolved;
            (over(a), a.starts_at, &a.labels).cmp(&(over(b), b.starts_at, &b.labels))
        });
        let places: BTreeMap<u64, usize> = alerts
            .iter()
            .enumerate()
            .map(|(i, (fingerprint, _))| (*fingerprint, i))
            .collect();
        self.notes
            .sort_by_key(|note| places.get(&note.fingerprint).copied());
        (
            alerts.into_iter().map(|(_, alert)| alert).collect(),
            self.notes,
        )
    }
}

fn bucket(per: BudgetKey, id: GroupId, receiver: &str) -> u64 {
    match per {
        BudgetKey::Receiver => hash(receiver),
        BudgetKey::Group => hash(&format!("{:x}/{:x}", id.route, id.labels)),
    }
}
