//! A message as Slack's Block Kit.

use serde_json::{Value, json};

use crate::sink::message::{Item, Message, cut, escape_within};

/// The limits of Slack's reference of Block Kit.
const MAX_BLOCKS: usize = 50;
const MAX_HEADER: usize = 150;
const MAX_SECTION: usize = 3_000;
const MAX_FIELD: usize = 2_000;
const MAX_FIELDS: usize = 10;
const MAX_ALT: usize = 2_000;
/// The longest address that becomes a link: two of them fit into a section.
const MAX_ADDRESS: usize = 1_400;
/// The alerts shown with all that is known; the others have a line each.
const DETAILED: usize = 8;
/// What a line about one alert may have, so that a section holds several.
const MAX_LINE: usize = 600;

/// The body of the request, with uploaded plots by the fingerprints of their alerts.
pub(super) fn body(message: &Message, files: &[(u64, String)]) -> Value {
    let header = json!({"type": "plain_text", "text": cut(&message.title, MAX_HEADER)});
    let mut blocks = vec![json!({"type": "header", "text": header})];
    if !message.lead.is_empty() {
        let text = escape(&message.lead.join("\n"), MAX_SECTION);
        blocks.push(section(&text));
    }
    let (detailed, brief) = message
        .items
        .split_at_checked(DETAILED)
        .unwrap_or((&message.items, &[]));
    for item in detailed {
        detail(&mut blocks, item, message.items.len() > 1);
        if let Some((_, file)) = files.iter().find(|(of, _)| *of == item.fingerprint) {
            blocks.push(json!({
                "type": "image",
                "slack_file": {"id": file},
                "alt_text": cut(&item.summary, MAX_ALT),
            }));
        }
    }
    lines(&mut blocks, message, brief);
    json!({"text": escape(&fallback(message), MAX_SECTION), "blocks": blocks})
}

/// What a notification shows.
fn fallback(message: &Message) -> String {
    match message.items.first() {
        Some(first) => format!("{}\n{}", message.title, first.summary),
        None => message.title.clone(),
    }
}

/// All that is known of one alert: at most three blocks, and its plot.
fn detail(blocks: &mut Vec<Value>, item: &Item, with_state: bool) {
    let state = if with_state {
        format!("*{}* ", item.state())
    } else {
        String::new()
    };
    let room = MAX_SECTION - state.len();
    let mut block = section(&format!("{state}{}", escape(&item.summary, room)));
    let fields: Vec<Value> = item
        .facts
        .iter()
        .take(MAX_FIELDS)
        .map(|(name, value)| {
            let text = format!("*{name}*\n");
            let value = escape(value, MAX_FIELD - text.len());
            json!({"type": "mrkdwn", "verbatim": true, "text": format!("{text}{value}")})
        })
        .collect();
    if let (Some(block), false) = (block.as_object_mut(), fields.is_empty()) {
        block.insert("fields".to_owned(), Value::from(fields));
    }
    blocks.push(block);
    if !item.notes.is_empty() {
        let text = escape(&item.notes.join("\n"), MAX_FIELD);
        let text = json!({"type": "mrkdwn", "verbatim": true, "text": text});
        blocks.push(json!({"type": "context", "elements": [text]}));
    }
    // A button that only opens an address would need an application that listens; a link does not.
    let links: Vec<String> = item
        .links
        .iter()
        .map(|(name, address)| (name, escape(&link(address), usize::MAX)))
        .filter(|(_, address)| address.chars().count() <= MAX_ADDRESS)
        .map(|(name, address)| format!("<{address}|{name}>"))
        .collect();
    if !links.is_empty() {
        blocks.push(section(&links.join("   ")));
    }
}

/// One line for each further alert, as far as there is room.
fn lines(blocks: &mut Vec<Value>, message: &Message, brief: &[Item]) {
    let mut shown = message.items.len() - brief.len();
    let mut text = String::new();
    let mut room = MAX_SECTION;
    for item in brief {
        let line = format!("*{}* {}\n", item.state(), escape(&item.summary, MAX_LINE));
        let length = line.chars().count();
        if length > room {
            // One block stays free for what follows.
            if blocks.len() + 2 >= MAX_BLOCKS {
                break;
            }
            blocks.push(section(&std::mem::take(&mut text)));
            room = MAX_SECTION;
        }
        room -= length;
        text.push_str(&line);
        shown += 1;
    }
    if !text.is_empty() {
        blocks.push(section(&text));
    }
    if let Some(more) = message.beyond(shown) {
        blocks.push(section(&more));
    }
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": text}})
}

/// The address without what would end Slack's link.
fn link(address: &str) -> String {
    address.replace('|', "%7C").replace('>', "%3E")
}

/// Slack's control characters replaced, so that no label can mention people or make links.
fn escape(text: &str, limit: usize) -> String {
    escape_within(text, limit, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Links;
    use crate::testing::{alert, labels, resolved};

    fn check(body: &Value) {
        let blocks = body["blocks"].as_array().unwrap();
        assert!((1..=MAX_BLOCKS).contains(&blocks.len()), "{}", blocks.len());
        for block in blocks {
            if let Some(text) = block["text"]["text"].as_str() {
                let most = if block["type"] == "header" {
                    150
                } else {
                    3_000
                };
                assert!((1..=most).contains(&text.chars().count()));
            }
            let fields = block["fields"].as_array();
            assert!(fields.is_none_or(|fields| fields.len() <= 10));
        }
    }

    #[test]
    fn no_label_can_mention_people() {
        let mut one = alert("up", 0);
        one.labels = labels(&[("x", "<!channel> & <https://e|x>")]);
        one.summary = one.labels.selector();
        let body = body(&Message::of_alerts(&[one], &Links::default()), &[]);
        let text = body["blocks"][1]["text"]["text"].as_str().unwrap();
        assert_eq!(text, r#"{x="&lt;!channel&gt; &amp; &lt;https://e|x&gt;"}"#);
        assert!(!body["text"].as_str().unwrap().contains('<'));
    }

    #[test]
    fn links_are_links_and_stay_so() {
        let links = Links::default()
            .runbook("https://w.example/a|b?x=1&y=2")
            .unwrap();
        let body = body(&Message::of_alerts(&[alert("up", 0)], &links), &[]);
        assert_eq!(
            body["blocks"][2]["text"]["text"],
            "<https://w.example/a%7Cb?x=1&amp;y=2|Runbook>"
        );
    }

    #[test]
    fn a_storm_fits_into_one_message() {
        for (count, length) in [(2, 1), (9, 10), (5_000, 40), (5_000, 900), (300, 10_000)] {
            let mut alerts: Vec<_> = (0..count).map(|i| alert("up", i)).collect();
            for alert in &mut alerts {
                alert.summary = "&".repeat(length);
            }
            alerts[0] = resolved(alerts[0].clone(), 9);
            let message = Message::of_alerts(&alerts, &Links::default());
            let body = body(&message, &[]);
            check(&body);
            let last = body["blocks"].as_array().unwrap().last().unwrap();
            let more = last["text"]["text"].as_str().unwrap().starts_with("and ");
            assert_eq!(more, count > 200, "{count} alerts of {length}");
        }
    }
}
