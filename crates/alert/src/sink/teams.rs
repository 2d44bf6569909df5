//! Microsoft Teams, by the web hook of a workflow.

use std::time::Duration;

use serde_json::{Value, json};

use super::chat::{Chat, ChatMessage, ChatSink};
use super::message::{Item, Message, cut};

/// Teams takes messages of at most 28 KB.
const MAX_BODY: usize = 27_000;
const MAX_TITLE: usize = 256;
/// The longest text of one alert, in characters.
const MAX_TEXT: usize = 600;
const MAX_FACT: usize = 200;
const MAX_ADDRESS: usize = 1_400;
/// How many alerts are shown with all that is known, and how many at all, from the most to the
/// fewest.
const STEPS: [(usize, usize); 6] = [(8, 60), (8, 20), (4, 12), (2, 6), (1, 2), (1, 1)];

/// Posts messages to a channel or chat of Microsoft Teams, through the web hook of a workflow ("Post
/// to a channel when a webhook request is received"), as Adaptive Cards.
///
/// A card has the title in the colour of the severity, and for each alert its summary, what was
/// observed and expected, the deviation, the score, since when, what contributed most, the likely
/// cause, and links as buttons. Where there are more alerts than 28 KB hold, further ones have a
/// line each, and the card ends with how many more. Everything that comes from data is in text runs,
/// which know no markup, so no label mentions people or makes links. Messages keep a distance of a
/// quarter of a second; `Retry-After` is honoured.
///
/// Parameters: the address of the web hook, a secret; see [`SinkBuilder`](crate::SinkBuilder) for the
/// others.
///
/// Errors of a delivery: a web hook that is gone (401, 403, 404, 410) is
/// [`Misconfigured`](crate::ErrorKind::Misconfigured) and tried again every 5 minutes; what Teams
/// refuses (400, 413) is [`Rejected`](crate::ErrorKind::Rejected). 202 means accepted.
///
/// Cost: one request a message.
///
/// Source: Microsoft's documentation of incoming web hooks with workflows, and the schema of
/// Adaptive Cards 1.4.
///
/// ```
/// use bongsu_alert::TeamsSink;
/// use bongsu_core::Secret;
/// let url = "https://example.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=T0K3N";
/// let sink = TeamsSink::builder(Secret::new(url)).build()?;
/// assert!(!format!("{sink:?}").contains("T0K3N"));
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
pub type TeamsSink = ChatSink<Teams>;

/// Microsoft Teams, for [`ChatSink`].
#[derive(Debug, Clone, Copy)]
pub struct Teams;

impl Chat for Teams {
    const NAME: &'static str = "teams";
    const CALLED: &'static str = "Teams";
    const DISTANCE: Duration = Duration::from_millis(250);

    fn body(message: &ChatMessage<'_>) -> Value {
        body(message.0)
    }
}

/// The largest of the cards that Teams takes.
fn body(message: &Message) -> Value {
    let mut card = Value::Null;
    for (detailed, shown) in STEPS {
        card = card_of(message, detailed, shown);
        if card.to_string().len() <= MAX_BODY {
            break;
        }
    }
    card
}

fn card_of(message: &Message, detailed: usize, shown: usize) -> Value {
    let colour = if message.open { "attention" } else { "good" };
    let title = json!({
        "type": "TextRun", "text": cut(&message.title, MAX_TITLE),
        "size": "large", "weight": "bolder", "color": colour,
    });
    let mut blocks = vec![block(&[title])];
    blocks.extend(
        message
            .lead
            .iter()
            .map(|line| block(&[run(line, MAX_TEXT)])),
    );
    for (i, item) in message.items.iter().take(shown).enumerate() {
        let mut runs = Vec::new();
        if message.items.len() > 1 {
            runs.push(bold(&format!("{} ", item.state())));
        }
        runs.push(run(&item.summary, MAX_TEXT));
        if i >= detailed {
            blocks.push(block(&runs));
            continue;
        }
        let mut parts = vec![block(&runs)];
        detail(&mut parts, item);
        blocks.push(json!({"type": "Container", "separator": i > 0, "items": parts}));
    }
    if let Some(more) = message.beyond(shown) {
        blocks.push(block(&[run(&more, MAX_TEXT)]));
    }
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": cut(&message.title, MAX_TITLE),
        "body": blocks,
    });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// All that is known of one alert beside its summary.
fn detail(parts: &mut Vec<Value>, item: &Item) {
    for (name, value) in &item.facts {
        let runs = [bold(&format!("{name}: ")), run(value, MAX_FACT)];
        let mut fact = block(&runs);
        if let Some(fact) = fact.as_object_mut() {
            fact.insert("spacing".to_owned(), json!("none"));
        }
        parts.push(fact);
    }
    for note in &item.notes {
        parts.push(block(&[run(note, MAX_TEXT)]));
    }
    let links: Vec<Value> = item
        .links
        .iter()
        .filter(|(_, address)| address.len() <= MAX_ADDRESS)
        .map(|(name, address)| json!({"type": "Action.OpenUrl", "title": name, "url": address}))
        .collect();
    if !links.is_empty() {
        parts.push(json!({"type": "ActionSet", "actions": links}));
    }
}

fn block(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

/// A text that stays what it is: runs know no markup.
fn run(text: &str, limit: usize) -> Value {
    json!({"type": "TextRun", "text": cut(text, limit)})
}

fn bold(text: &str) -> Value {
    json!({"type": "TextRun", "text": text, "weight": "bolder"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Links;
    use crate::testing::{alert, labels, resolved};

    /// The objects within `value`.
    fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
            Value::Object(map) => {
                found.push(value);
                map.values().for_each(|item| objects(item, found));
            }
            _ => {}
        }
    }

    #[test]
    fn texts_of_data_are_in_runs_only() {
        let mut one = alert("up", 0);
        one.labels = labels(&[("x", "**b** [a](https://e) <at>all</at> {{DATE(2020)}}")]);
        one.summary = one.labels.selector();
        one.cause = Some("**b** of somebody".to_owned());
        let body = body(&Message::of_alerts(&[one], &Links::default()));
        let mut all = Vec::new();
        objects(&body, &mut all);
        let marked: Vec<_> = all
            .into_iter()
            .filter(|object| {
                let text = object["text"].as_str().or(object["value"].as_str());
                text.is_some_and(|text| text.contains("**"))
            })
            .collect();
        assert_eq!(marked.len(), 3);
        assert!(marked.iter().all(|object| object["type"] == "TextRun"));
    }

    #[test]
    fn a_storm_fits_into_one_card() {
        for (count, length) in [(1, 1), (1, 90_000), (9, 10), (5_000, 40), (300, 10_000)] {
            for text in ["x", "\"", "\u{1f525}", "\u{1}"] {
                let mut alerts: Vec<_> = (0..count).map(|i| alert("up", i)).collect();
                for alert in &mut alerts {
                    alert.summary = text.repeat(length);
                    alert.cause = Some(text.repeat(length));
                }
                alerts[0] = resolved(alerts[0].clone(), 9);
                let links = Links::default()
                    .runbook(format!("https://e/{}", "x".repeat(length)))
                    .unwrap();
                let message = Message::of_alerts(&alerts, &links);
                let body = body(&message).to_string();
                assert!(body.len() <= 28_000, "{}", body.len());
                assert_eq!(body.contains(" more\""), count > 60, "{count} of {length}");
            }
        }
    }
}
