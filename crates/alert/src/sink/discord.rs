//! Discord's web hooks.

use std::time::Duration;

use serde_json::{Value, json};

use super::chat::{Chat, ChatMessage, ChatSink};
use super::message::{Item, Message, colour, cut, escape_within};

/// The limits of Discord's reference of embeds.
const MAX_EMBEDS: usize = 10;
const MAX_ALL: usize = 6_000;
const MAX_TITLE: usize = 256;
const MAX_DESCRIPTION: usize = 4_096;
const MAX_VALUE: usize = 1_024;
/// The longest text of one alert, so that several fit.
const MAX_TEXT: usize = 600;
/// What a value beside it may have.
const MAX_FACT: usize = 120;

/// Posts messages to a channel of Discord through a web hook, as embeds.
///
/// A message has its title, and an embed for each alert with its summary, what was observed and
/// expected, the deviation, the score, since when, what contributed most, the likely cause, and
/// links, in the colour of its severity. Where Discord's limits (10 embeds, 6,000 characters) hold
/// no more, the message ends with a line for each further alert, then with how many more. Texts are
/// escaped and mentions are switched off, so no label calls people, and an address in one does not
/// become a link. Messages keep a distance of half a second; the pause that Discord asks for (429, `retry_after`) is honoured.
///
/// Parameters: the address of the web hook, a secret; see [`SinkBuilder`](crate::SinkBuilder) for the
/// others.
///
/// Errors of a delivery: a web hook that is gone (401, 404) is
/// [`Misconfigured`](crate::ErrorKind::Misconfigured) and tried again every 5 minutes; what Discord
/// refuses (400) is [`Rejected`](crate::ErrorKind::Rejected).
///
/// Cost: one request a message.
///
/// Source: Discord's documentation of web hooks, of embeds and of rate limits.
///
/// ```
/// use bongsu_alert::DiscordSink;
/// use bongsu_core::Secret;
/// let sink = DiscordSink::builder(Secret::new("https://discord.com/api/webhooks/1/T0K3N")).build()?;
/// assert!(!format!("{sink:?}").contains("T0K3N"));
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
pub type DiscordSink = ChatSink<Discord>;

/// Discord, for [`ChatSink`].
#[derive(Debug, Clone, Copy)]
pub struct Discord;

impl Chat for Discord {
    const NAME: &'static str = "discord";
    const CALLED: &'static str = "Discord";
    const DISTANCE: Duration = Duration::from_millis(500);

    fn body(message: &ChatMessage<'_>) -> Value {
        body(message.0)
    }
}

/// Room that is counted as it is used.
struct Room(usize);

impl Room {
    /// The text escaped and cut to `most` and to what is left of all.
    fn take(&mut self, text: &str, most: usize) -> String {
        let text = escape(text, most.min(self.0));
        self.0 -= text.encode_utf16().count().min(self.0);
        text
    }
}

fn body(message: &Message) -> Value {
    let mut room = Room(MAX_ALL);
    let title = room.take(&message.title, MAX_TITLE);
    let lead = room.take(&message.lead.join("\n"), MAX_TEXT);
    let tint = colour(message.open, message.severity);
    let mut first = json!({"title": title, "color": tint});
    set(&mut first, "description", lead);
    let mut embeds = vec![first];
    let mut shown = 0;
    // Two embeds stay free: the one with the title and the one with what follows.
    for item in message.items.iter().take(MAX_EMBEDS - 2) {
        if room.0 < most_of(item) {
            break;
        }
        embeds.push(detail(&mut room, item, message.items.len() > 1));
        shown += 1;
    }
    let rest = lines(&mut room, message, shown);
    if !rest.is_empty() {
        embeds.push(json!({"description": rest, "color": tint}));
    }
    json!({"embeds": embeds, "allowed_mentions": {"parse": []}})
}

/// The most characters that an alert needs with all that is known, and some for what follows.
fn most_of(item: &Item) -> usize {
    2 * MAX_TEXT + item.facts.len() * (MAX_FACT + 20) + MAX_VALUE + 200
}

/// All that is known of one alert.
fn detail(room: &mut Room, item: &Item, with_state: bool) -> Value {
    let state = if with_state {
        format!("**{}** ", item.state())
    } else {
        String::new()
    };
    room.0 -= state.len().min(room.0);
    let mut text = state + &room.take(&item.summary, MAX_TEXT);
    if !item.notes.is_empty() {
        text.push('\n');
        text.push_str(&room.take(&item.notes.join("\n"), MAX_TEXT));
    }
    let mut fields = Vec::new();
    for (name, value) in &item.facts {
        room.0 -= name.len().min(room.0);
        let value = room.take(value, MAX_FACT);
        if !value.is_empty() {
            fields.push(json!({"name": name, "value": value, "inline": true}));
        }
    }
    let links: Vec<String> = item.links.iter().map(link).collect();
    let links = links.join("   ");
    if !links.is_empty() && links.encode_utf16().count() <= MAX_VALUE.min(room.0) {
        room.0 -= links.encode_utf16().count();
        fields.push(json!({"name": "Links", "value": links}));
    }
    let tint = colour(!item.resolved, item.severity);
    json!({"description": text, "color": tint, "fields": fields})
}

/// One line for each further alert, as far as there is room, and how many there are beyond.
fn lines(room: &mut Room, message: &Message, mut shown: usize) -> String {
    let mut text = String::new();
    let mut left = room.0.min(MAX_DESCRIPTION).saturating_sub(40);
    for item in message.items.iter().skip(shown) {
        let line = format!("**{}** {}\n", item.state(), escape(&item.summary, 300));
        let length = line.encode_utf16().count();
        if length > left {
            break;
        }
        left -= length;
        text.push_str(&line);
        shown += 1;
    }
    text + &message.beyond(shown).unwrap_or_default()
}

fn set(embed: &mut Value, key: &str, text: String) {
    if let (Some(embed), false) = (embed.as_object_mut(), text.is_empty()) {
        embed.insert(key.to_owned(), Value::from(text));
    }
}

/// A link that its address cannot end.
fn link((name, address): &(&'static str, String)) -> String {
    let address = address
        .replace('(', "%28")
        .replace(')', "%29")
        .replace(char::is_whitespace, "%20");
    format!("[{name}]({address})")
}

/// Discord's Markdown, addresses, mentions and time stamps taken off their meaning.
fn escape(text: &str, limit: usize) -> String {
    // A space of no width is in the way of what finds addresses.
    let text = text.replace("://", ":\u{200b}//");
    let escaped = escape_within(&text, limit, |c| match c {
        '\\' => Some("\\\\"),
        '*' => Some("\\*"),
        '_' => Some("\\_"),
        '~' => Some("\\~"),
        '`' => Some("\\`"),
        '|' => Some("\\|"),
        '<' => Some("\\<"),
        '>' => Some("\\>"),
        '#' => Some("\\#"),
        '[' => Some("\\["),
        ']' => Some("\\]"),
        '(' => Some("\\("),
        ')' => Some("\\)"),
        '@' => Some("@\u{200b}"),
        _ => None,
    });
    cut(escaped.trim(), limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Links;
    use crate::testing::{alert, labels, resolved};

    /// Checks the limits that Discord states, and gives the sum of all texts.
    fn check(body: &Value) -> usize {
        let embeds = body["embeds"].as_array().unwrap();
        assert!((1..=10).contains(&embeds.len()), "{}", embeds.len());
        let length = |value: &Value, most: usize| {
            let length = value.as_str().unwrap_or_default().encode_utf16().count();
            assert!(length <= most, "{length} of {most}: {value}");
            length
        };
        let mut all = 0;
        for embed in embeds {
            all += length(&embed["title"], 256) + length(&embed["description"], 4_096);
            let none = Vec::new();
            let fields = embed["fields"].as_array().unwrap_or(&none);
            assert!(fields.len() <= 25);
            for field in fields {
                assert!(field["value"].as_str().is_some_and(|text| !text.is_empty()));
                all += length(&field["name"], 256) + length(&field["value"], 1_024);
            }
        }
        assert!(all <= 6_000, "{all}");
        all
    }

    #[test]
    fn no_label_can_mention_people() {
        let mut one = alert("up", 0);
        one.labels = labels(&[("x", "@everyone <@1> [a](https://e) `*_~|# \\")]);
        one.summary = one.labels.selector();
        let body = body(&Message::of_alerts(&[one], &Links::default()));
        let text = body["embeds"][1]["description"].as_str().unwrap();
        assert_eq!(
            text,
            "{x=\"@\u{200b}everyone \\<@\u{200b}1\\> \\[a\\]\\(https:\u{200b}//e\\) \\`\\*\\_\\~\\|\\# \\\\\\\\\"}"
        );
        assert_eq!(body["allowed_mentions"], json!({"parse": []}));
    }

    #[test]
    fn links_are_links_and_stay_so() {
        let links = Links::default()
            .runbook("https://w.example/a_(b)?x=1&y=2")
            .unwrap();
        let body = body(&Message::of_alerts(&[alert("up", 0)], &links));
        let fields = body["embeds"][1]["fields"].as_array().unwrap();
        assert_eq!(
            fields.last().unwrap()["value"],
            "[Runbook](https://w.example/a_%28b%29?x=1&y=2)"
        );
    }

    #[test]
    fn a_storm_fits_into_one_message() {
        for (count, length) in [
            (1, 1),
            (1, 9_000),
            (2, 10),
            (9, 10),
            (5_000, 40),
            (5_000, 900),
            (300, 10_000),
        ] {
            for text in ["x", "*", "\u{1f525}", "\u{200b}"] {
                let mut alerts: Vec<_> = (0..count).map(|i| alert("up", i)).collect();
                for alert in &mut alerts {
                    alert.summary = text.repeat(length);
                    alert.cause = Some(text.repeat(length));
                }
                alerts[0] = resolved(alerts[0].clone(), 9);
                let message = Message::of_alerts(&alerts, &Links::default());
                let body = body(&message);
                check(&body);
                let more = body.to_string().contains("and ");
                assert_eq!(more, count > 100, "{count} of {length}");
            }
        }
    }
}
