//! Events as PagerDuty's Events API v2 takes them.

use bongsu_core::{Labels, METRIC_NAME, Secret, Severity, Timestamp};
use serde_json::{Map, Value, json};

use crate::sink::message::{Item, Message, cut};
use crate::time::rfc3339;

/// The longest body that PagerDuty takes.
pub(super) const MAX_BODY: usize = 512_000;
/// What the parts beside the details may have, and what is written between the details.
const MARGIN: usize = 64;
const MAX_SUMMARY: usize = 1_024;
const MAX_SOURCE: usize = 255;
const MAX_ADDRESS: usize = 2_000;
const MAX_LINKS: usize = 10;
/// The longest text within the details.
const MAX_TEXT: usize = 4_000;

/// What is to be done with an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Trigger,
    Acknowledge,
    Resolve,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }
}

/// The events of one delivery, without the key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    action: Action,
    incident: String,
    /// Only to trigger.
    payload: Option<Payload>,
}

#[derive(Debug, Clone, PartialEq)]
struct Payload {
    summary: String,
    source: String,
    severity: Severity,
    since: Timestamp,
    links: Vec<(String, String)>,
    details: Vec<(String, Value)>,
}

impl Event {
    /// Something about an incident that needs no description.
    pub(super) fn bare(action: Action, incident: impl Into<String>) -> Self {
        Self {
            action,
            incident: incident.into(),
            payload: None,
        }
    }

    /// The incident's `dedup_key`.
    pub(super) fn incident(&self) -> &str {
        &self.incident
    }

    /// Opens the incident, or renews it, with `message`; closes it when nothing fires any more.
    pub(super) fn of_message(
        incident: String,
        message: &Message,
        labels: &Labels,
        since: Timestamp,
    ) -> Self {
        if !message.open {
            return Self::bare(Action::Resolve, incident);
        }
        let summary = match message.items.as_slice() {
            [one] => one.summary.clone(),
            _ => message.title.clone(),
        };
        let several = message.items.len() > 1;
        let mut links: Vec<(String, String)> = Vec::new();
        for item in &message.items {
            for (name, address) in &item.links {
                let known = links.iter().any(|(_, known)| known == address);
                if !known && links.len() < MAX_LINKS && address.len() <= MAX_ADDRESS {
                    let name = if several {
                        format!("{name}: {}", item.name)
                    } else {
                        (*name).to_owned()
                    };
                    links.push((cut(&name, MAX_SOURCE), address.clone()));
                }
            }
        }
        Self {
            action: Action::Trigger,
            incident,
            payload: Some(Payload {
                summary,
                source: source(labels),
                severity: message.severity,
                since,
                links,
                details: details(message, labels),
            }),
        }
    }

    /// Opens the incident of a group that a digest only counts.
    pub(super) fn of_count(
        incident: String,
        message: &Message,
        labels: &Labels,
        firing: usize,
        since: Timestamp,
    ) -> Self {
        let summary = format!("{firing} alerts fire in {}", labels.selector());
        let lead = message.lead.iter().map(|line| json!(cut(line, MAX_TEXT)));
        Self {
            action: Action::Trigger,
            incident,
            payload: Some(Payload {
                summary,
                source: source(labels),
                severity: message.severity,
                since,
                links: Vec::new(),
                details: vec![("held back".to_owned(), lead.collect())],
            }),
        }
    }

    /// The body of the request; details that would make it too large are left out and counted.
    pub(super) fn body(&self, routing_key: &Secret) -> String {
        let mut event = json!({
            "routing_key": routing_key.expose(),
            "event_action": self.action.as_str(),
            "dedup_key": self.incident,
        });
        let (Some(event_map), Some(payload)) = (event.as_object_mut(), &self.payload) else {
            return event.to_string();
        };
        event_map.insert("client".to_owned(), json!("Bongsu"));
        let links = payload
            .links
            .iter()
            .map(|(name, address)| json!({"href": address, "text": name}));
        event_map.insert("links".to_owned(), links.collect());
        let mut described = json!({
            "summary": cut(&payload.summary, MAX_SUMMARY),
            "source": payload.source,
            "severity": severity(payload.severity),
            "timestamp": rfc3339(payload.since),
        });
        let room = MAX_BODY
            .saturating_sub(event_map_length(event_map) + described.to_string().len() + MARGIN);
        if let Some(described) = described.as_object_mut() {
            described.insert("custom_details".to_owned(), within(&payload.details, room));
        }
        event_map.insert("payload".to_owned(), described);
        event.to_string()
    }
}

fn event_map_length(map: &Map<String, Value>) -> usize {
    let length = |(name, value): (&String, &Value)| name.len() + value.to_string().len() + 4;
    map.iter().map(length).sum()
}

/// As many of the details, in their order, as `room` bytes hold.
fn within(details: &[(String, Value)], room: usize) -> Value {
    // For the count of what is left out.
    let mut room = room.saturating_sub(MARGIN);
    let mut kept = Map::new();
    for (i, (name, value)) in details.iter().enumerate() {
        let length = json!(name).to_string().len() + value.to_string().len() + 2;
        if length > room {
            kept.insert("left out".to_owned(), json!(details.len() - i));
            break;
        }
        room -= length;
        kept.insert(name.clone(), value.clone());
    }
    Value::Object(kept)
}

/// What is known, in the order of its importance.
fn details(message: &Message, labels: &Labels) -> Vec<(String, Value)> {
    let lead = message
        .lead
        .iter()
        .enumerate()
        .map(|(i, line)| (format!("note {}", i + 1), json!(cut(line, MAX_TEXT))));
    let own: Vec<(String, Value)> = match message.items.as_slice() {
        [one] => facts(one),
        items => items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let mut all = Map::new();
                all.insert("state".to_owned(), json!(item.state()));
                all.insert("summary".to_owned(), json!(cut(&item.summary, MAX_TEXT)));
                all.extend(facts(item));
                (format!("alert {}", i + 1), Value::Object(all))
            })
            .collect(),
    };
    let labels = labels
        .iter()
        .map(|(name, value)| (format!("label {name}"), json!(cut(value, MAX_TEXT))));
    lead.chain(own).chain(labels).collect()
}

fn facts(item: &Item) -> Vec<(String, Value)> {
    let facts = item
        .facts
        .iter()
        .map(|(name, value)| (name.to_lowercase(), json!(cut(value, MAX_TEXT))));
    let notes = (!item.notes.is_empty()).then(|| {
        (
            "notes".to_owned(),
            json!(cut(&item.notes.join("; "), MAX_TEXT)),
        )
    });
    facts.chain(notes).collect()
}

/// What is affected: the machine or the part, as far as the labels tell.
fn source(labels: &Labels) -> String {
    let name = ["instance", "host", "node", "pod", "service", "job", "query"]
        .into_iter()
        .chain([METRIC_NAME])
        .find_map(|name| labels.get(name));
    cut(name.unwrap_or("bongsu"), MAX_SOURCE)
}

/// PagerDuty has four degrees; a warning and a minor alert are both a warning there.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning | Severity::Minor => "warning",
        Severity::Major => "error",
        Severity::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Links;
    use crate::testing::{alert, labels};

    fn key() -> Secret {
        Secret::new("k".repeat(32))
    }

    #[test]
    fn a_body_is_never_too_large() {
        for (count, length) in [
            (1, 10),
            (1, 600_000),
            (5_000, 10),
            (5_000, 9_000),
            (200, 3_000),
        ] {
            let mut alerts: Vec<_> = (0..count).map(|i| alert("up", i)).collect();
            for alert in &mut alerts {
                // Six bytes each in JSON.
                alert.summary = "\u{1}".repeat(length);
            }
            let links = Links::default()
                .runbook(format!("https://e/{}", "x".repeat(length)))
                .unwrap();
            let message = Message::of_alerts(&alerts, &links);
            let wide = labels(&[("a", &"ü".repeat(length)), ("b", &"\"".repeat(length))]);
            let body = Event::of_message("i".to_owned(), &message, &wide, alerts[0].starts_at)
                .body(&key());
            assert!(
                body.len() <= MAX_BODY,
                "{count} of {length}: {}",
                body.len()
            );
            let body: Value = serde_json::from_str(&body).unwrap();
            let details = body["payload"]["custom_details"].as_object().unwrap();
            assert_eq!(
                details.contains_key("left out"),
                body.to_string().len() > 400_000
            );
            assert!(body["payload"]["summary"].as_str().unwrap().chars().count() <= 1_024);
        }
    }

    #[test]
    fn five_degrees_become_four() {
        let all = [
            (Severity::Info, "info"),
            (Severity::Warning, "warning"),
            (Severity::Minor, "warning"),
            (Severity::Major, "error"),
            (Severity::Critical, "critical"),
        ];
        for (ours, theirs) in all {
            assert_eq!(severity(ours), theirs);
        }
    }
}
