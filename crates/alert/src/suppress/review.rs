//! What there is to say of the alerts of a group.

use bongsu_core::{Severity, Timestamp};

use super::silence::Silenced;
use super::state::{Group, Known, Member};
use super::{Stage, Suppressor};
use crate::{NoteKind, Occasion, Subject};

/// What there is to say of one alert to one receiver.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// Something new.
    News(News),
    /// It fires, as the receiver knows.
    Known,
    /// Nothing at the moment, for this reason.
    Held(Stage, String),
    /// Nothing, and it is over.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum News {
    /// It fires.
    New,
    /// It is more severe than the receiver knows.
    Escalated(Severity),
    /// It begins to flap.
    Flapping(f64),
    /// It is over.
    Ended,
}

impl News {
    pub(super) const fn occasion(self) -> Occasion {
        match self {
            Self::New => Occasion::Fired,
            Self::Escalated(_) => Occasion::Escalated,
            Self::Flapping(_) => Occasion::Flapping,
            Self::Ended => Occasion::Resolved,
        }
    }

    /// What is to be said beside the alert itself.
    pub(super) fn notes(self, known: &Known, member: &Member) -> Vec<NoteKind> {
        let own = match self {
            Self::New => member.calmed.then_some(NoteKind::FlappingEnded),
            Self::Escalated(from) => Some(NoteKind::Escalated {
                from,
                to: known.alert.severity,
            }),
            Self::Flapping(percent) => Some(NoteKind::Flapping { percent }),
            Self::Ended => known.settled.map(|settled| NoteKind::Settled {
                from: settled.from,
                to: settled.to,
            }),
        };
        let held = member.held.map(|since| NoteKind::HeldBack { since });
        let over = matches!(self, Self::Ended);
        let brief = (member.brief && over).then_some(NoteKind::Brief);
        own.into_iter().chain(brief).chain(held).collect()
    }
}

impl Suppressor {
    /// What there is to say of each alert of the group.
    pub(super) fn review(&self, group: &Group, now: Timestamp) -> Vec<(u64, Standing)> {
        let members = group.members.iter();
        members
            .map(|(&fingerprint, member)| {
                let known = self.state.known.get(&fingerprint);
                let standing = known.map_or(Standing::Gone, |known| {
                    self.standing(fingerprint, known, member, now)
                });
                (fingerprint, standing)
            })
            .collect()
    }

    fn standing(
        &self,
        fingerprint: u64,
        known: &Known,
        member: &Member,
        now: Timestamp,
    ) -> Standing {
        let flapping = self.flapping(fingerprint, now);
        match flapping {
            Some(_) if member.flapping_told => {
                let reason = "it is flapping, which was told".to_owned();
                return Standing::Held(Stage::Flapping, reason);
            }
            None if !known.fires() => {
                // Of one that was told to be flapping the receiver waits for the end, too.
                let awaited =
                    member.told.is_some() || member.held.is_some() || member.brief || member.calmed;
                return if awaited {
                    Standing::News(News::Ended)
                } else {
                    Standing::Gone
                };
            }
            _ => {}
        }
        if let Some((stage, reason)) = self.gate(fingerprint, known, now) {
            return Standing::Held(stage, reason);
        }
        match (flapping, member.told) {
            (Some(percent), _) => Standing::News(News::Flapping(percent)),
            (None, None) => Standing::News(News::New),
            (None, Some(told))
                if known.alert.severity > told && self.acknowledgement(fingerprint).is_none() =>
            {
                Standing::News(News::Escalated(told))
            }
            (None, Some(_)) => Standing::Known,
        }
    }

    /// The rate of state changes of an alert that is flapping.
    pub(super) fn flapping(&self, fingerprint: u64, now: Timestamp) -> Option<f64> {
        let config = self.rules.flapping.as_ref()?;
        let track = self.state.flaps.get(&fingerprint)?;
        track
            .is_flapping(now, config)
            .then(|| track.percent(config))
    }

    /// What holds an alert at this moment.
    pub(super) fn gate(
        &self,
        fingerprint: u64,
        known: &Known,
        now: Timestamp,
    ) -> Option<(Stage, String)> {
        let subject = Subject::new(&known.alert);
        if let Some(window) = &known.excused {
            let reason =
                format!("it began in the maintenance window `{window}`, not told after it");
            return Some((Stage::Maintenance, reason));
        }
        if let Some(mute) = self.rules.mutes.iter().find(|q| q.holds(subject, now)) {
            return Some((Stage::Mute, format!("muted by `{}`", mute.name)));
        }
        let mut silences = self.state.silences.iter().zip(&self.silences);
        let silenced = Silenced::new(subject, known.own_severity, &self.sent);
        if let Some((silence, _)) = silences.find(|(s, m)| s.holds(m, &silenced, now)) {
            let (id, author) = (silence.id(), silence.created_by());
            let reason = format!("silenced by {id} of {author}: {}", silence.comment());
            return Some((Stage::Silence, reason));
        }
        let windows = &self.rules.maintenance;
        if let Some(window) = windows.iter().find(|q| q.holds(subject, now)) {
            let reason = format!("in the maintenance window `{}`", window.name);
            return Some((Stage::Maintenance, reason));
        }
        let (rule, source) = self.inhibitor.inhibited(self.tree.rules(), subject)?;
        debug_assert_ne!(source, fingerprint, "an alert never inhibits itself");
        let reason = match self.state.known.get(&source) {
            Some(source) => format!("inhibited by {} ({rule})", source.alert.labels),
            None => format!("inhibited ({rule})"),
        };
        Some((Stage::Inhibition, reason))
    }
}
