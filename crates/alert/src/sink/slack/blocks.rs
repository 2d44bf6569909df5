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
    let header = json!({"type": "header", "text": plain(&message.title, MAX_HEADER)});
    let mut blocks = vec![header];
    if !message.lead.is_empty() {
        blocks.push(section(&plain(&message.lead.join("\n"), MAX_SECTION)));
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
    let text = escape(&fallback(message), MAX_SECTION);
    json!({"text": text, "mrkdwn": false, "blocks": blocks})
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
    let text = match with_state {
        true => with_state_of(item, &item.summary),
        false => item.summary.clone(),
    };
    let mut block = section(&plain(&text, MAX_SECTION));
    let facts = item.facts.iter().take(MAX_FIELDS);
    let fields: Vec<Value> = facts
        .map(|(name, value)| plain(&format!("{name}\n{value}"), MAX_FIELD))
        .collect();
    if let (Some(block), false) = (block.as_object_mut(), fields.is_empty()) {
        block.insert("fields".to_owned(), Value::from(fields));
    }
    blocks.push(block);
    if !item.notes.is_empty() {
        let text = plain(&item.notes.join("\n"), MAX_FIELD);
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
        let text = links.join("   ");
        blocks.push(section(
            &json!({"type": "mrkdwn", "verbatim": true, "text": text}),
        ));
    }
}

/// One line for each further alert, as far as there is room.
fn lines(blocks: &mut Vec<Value>, message: &Message, brief: &[Item]) {
    let mut shown = message.items.len() - brief.len();
    let mut text = String::new();
    let mut room = MAX_SECTION;
    for item in brief {
        let line = with_state_of(item, &cut(&item.summary, MAX_LINE)) + "\n";
        let length = line.encode_utf16().count();
        if length > room {
            // One block stays free for what follows.
            if blocks.len() + 2 >= MAX_BLOCKS {
                break;
            }
            blocks.push(section(&plain(&std::mem::take(&mut text), MAX_SECTION)));
            room = MAX_SECTION;
        }
        room -= length;
        text.push_str(&line);
        shown += 1;
    }
    if !text.is_empty() {
        blocks.push(section(&plain(&text, MAX_SECTION)));
    }
    if let Some(more) = message.beyond(shown) {
        blocks.push(section(&plain(&more, MAX_SECTION)));
    }
}

/// The text with the alert's state before it.
fn with_state_of(item: &Item, text: &str) -> String {
    format!("{}: {text}", item.state().to_uppercase())
}

fn section(text: &Value) -> Value {
    json!({"type": "section", "text": text})
}

/// A text that Slack shows as it is: no emphasis, no emoji, no links and no mentions. Slack has no
/// escapes for the characters of emphasis, so whatever holds data is such a text.
fn plain(text: &str, limit: usize) -> Value {
    json!({"type": "plain_text", "emoji": false, "text": cut(text, limit)})
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
    fn no_label_is_emphasis_a_link_or_a_mention() {
        let mut one = alert("up", 0);
        one.labels = labels(&[("x", "<!channel> & <https://e|x> *b* _i_ ~s~ `c` :tada:")]);
        one.summary = one.labels.selector();
        one.cause = Some("*because* <@U1>".to_owned());
        let links = Links::default().runbook("https://w.example/r").unwrap();
        let many = vec![one.clone(); 20];
        for alerts in [std::slice::from_ref(&one), &many] {
            let body = body(&Message::of_alerts(alerts, &links), &[]);
            let blocks = body["blocks"].as_array().unwrap();
            let shown = blocks[1]["text"]["text"].as_str().unwrap();
            assert!(shown.ends_with(&one.summary), "{shown}");
            // Only the links of the configuration are more than plain texts.
            let mut marked = 0;
            for block in blocks {
                let elements = block["elements"].as_array().into_iter().flatten();
                let fields = block["fields"].as_array().into_iter().flatten();
                let own = block.get("text");
                for text in elements.chain(fields).chain(own) {
                    match text["type"].as_str().unwrap() {
                        "plain_text" => assert_eq!(text["emoji"], false),
                        kind => {
                            assert_eq!(kind, "mrkdwn");
                            assert_eq!(text["text"], "<https://w.example/r|Runbook>");
                            marked += 1;
                        }
                    }
                }
            }
            assert_eq!(marked, alerts.len().min(DETAILED));
            // What a notification shows has no Markdown either, and no mentions.
            assert_eq!(body["mrkdwn"], false);
            assert!(!body["text"].as_str().unwrap().contains('<'));
        }
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
