//! What the placeholders of a template stand for.

use bongsu_core::{Alert, Timestamp};

use crate::annotations::{Links, annotations};
use crate::page::key;
use crate::sink::email::plain_text;
use crate::sink::message::{Item, Message, fires};
use crate::time::rfc3339;
use crate::{Occasion, Page};

/// What a message is made of.
pub(super) struct Scene<'a> {
    pub(super) now: Timestamp,
    pub(super) page: Option<&'a Page>,
    pub(super) alerts: &'a [Alert],
    pub(super) links: &'a Links,
    pub(super) message: Message,
}

/// The scene with the alert that is spoken of, if there is any.
#[derive(Clone, Copy)]
pub(super) struct Shot<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) alert: Option<&'a Alert>,
}

/// A placeholder and what it stands for.
pub(super) type Field = (&'static str, fn(&Shot<'_>) -> String);

/// Every placeholder but `labels.NAME`.
pub(super) const FIELDS: [Field; 31] = [
    ("title", |s| s.scene.message.title.clone()),
    ("status", |s| {
        let open = s.scene.message.open;
        if open { "firing" } else { "resolved" }.to_owned()
    }),
    ("severity", |s| s.scene.message.severity.to_string()),
    ("text", |s| plain_text(&s.scene.message)),
    ("lead", |s| s.scene.message.lead.join("\n")),
    ("sent_at", |s| rfc3339(s.scene.now)),
    ("firing", |s| count(s, false)),
    ("resolved", |s| count(s, true)),
    ("occasion", occasion),
    ("receiver", |s| of_page(s, |page| page.receiver.clone())),
    ("route", |s| of_page(s, |page| page.route.clone())),
    ("group", |s| of_page(s, |page| page.group.selector())),
    ("key", message_key),
    ("id", message_id),
    ("name", |s| of_alert(s, |alert| alert.labels.selector())),
    ("state", |s| of_alert(s, state)),
    ("alert_severity", |s| {
        of_alert(s, |alert| alert.severity.to_string())
    }),
    ("fingerprint", |s| of_alert(s, fingerprint)),
    ("summary", |s| of_alert(s, |alert| alert.summary.clone())),
    ("value", |s| annotation(s, "value")),
    ("expected", |s| annotation(s, "expected")),
    ("range", |s| fact(s, "Expected range")),
    ("deviation", |s| fact(s, "Deviation")),
    ("score", |s| annotation(s, "score")),
    ("since", |s| annotation(s, "since")),
    ("until", |s| fact(s, "Until")),
    ("contributed", |s| fact(s, "Contributed most")),
    ("cause", |s| annotation(s, "cause")),
    ("notes", notes),
    ("runbook", |s| annotation(s, "runbook_url")),
    ("dashboard", |s| annotation(s, "dashboard_url")),
];

/// The label `name` of the alert.
pub(super) fn label(shot: &Shot<'_>, name: &str) -> String {
    of_alert(shot, |alert| {
        alert.labels.get(name).unwrap_or_default().to_owned()
    })
}

fn of_page(shot: &Shot<'_>, get: impl Fn(&Page) -> String) -> String {
    shot.scene.page.map(get).unwrap_or_default()
}

fn of_alert(shot: &Shot<'_>, get: impl Fn(&Alert) -> String) -> String {
    shot.alert.map(get).unwrap_or_default()
}

fn annotation(shot: &Shot<'_>, name: &str) -> String {
    of_alert(shot, |alert| {
        let mut all = annotations(alert, shot.scene.links);
        all.remove(name).unwrap_or_default()
    })
}

/// What the messages for people say of the alert.
fn item<'a>(shot: &Shot<'a>) -> Option<&'a Item> {
    let fingerprint = shot.alert?.labels.fingerprint();
    let over = !fires(shot.alert?);
    let mut items = shot.scene.message.items.iter();
    items.find(|item| item.fingerprint == fingerprint && item.resolved == over)
}

fn fact(shot: &Shot<'_>, name: &str) -> String {
    let facts = item(shot).map(|item| item.facts.as_slice());
    let mut facts = facts.unwrap_or_default().iter();
    let found = facts.find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn notes(shot: &Shot<'_>) -> String {
    item(shot).map_or_else(String::new, |item| item.notes.join("\n"))
}

fn state(alert: &Alert) -> String {
    if fires(alert) { "firing" } else { "resolved" }.to_owned()
}

fn fingerprint(alert: &Alert) -> String {
    format!("{:016x}", alert.labels.fingerprint())
}

fn count(shot: &Shot<'_>, over: bool) -> String {
    let items = shot.scene.message.items.iter();
    items
        .filter(|item| item.resolved == over)
        .count()
        .to_string()
}

fn occasion(shot: &Shot<'_>) -> String {
    let own = || {
        if shot.scene.message.open {
            Occasion::Fired
        } else {
            Occasion::Resolved
        }
    };
    let occasion = shot.scene.page.map_or_else(own, |page| page.occasion);
    occasion.as_str().to_owned()
}

/// The key of the group, or of the first alert.
fn message_key(shot: &Shot<'_>) -> String {
    match shot.scene.page {
        Some(page) => page.key(),
        None => shot
            .scene
            .alerts
            .first()
            .map(fingerprint)
            .unwrap_or_default(),
    }
}

/// What tells the message from all others.
fn message_id(shot: &Shot<'_>) -> String {
    match (shot.scene.page, shot.scene.alerts) {
        (Some(page), _) => page.id(),
        (None, [first, ..]) => {
            let count = shot.scene.alerts.len();
            let last = shot.scene.alerts.last().unwrap_or(first);
            let moments = (last.starts_at.as_millis(), last.resolved_at);
            key("", "", &first.labels, &format!("{count}/{moments:?}"))
        }
        (None, []) => String::new(),
    }
}
