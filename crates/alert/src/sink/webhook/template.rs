//! Bodies of one's own.

use bongsu_core::{Alert, nearest};
use serde_json::{Map, Value};

use super::fields::{FIELDS, Field, Scene, Shot, label};
use crate::Error;
use crate::sink::http::Kind;

/// The key of an object that stands for as many elements of its list as there are alerts.
const EACH: &str = "each_alert";

/// The body of a web hook's request, with placeholders.
///
/// - A JSON object or list is sent as JSON. Placeholders are filled within its texts, so whatever a
///   label holds, it stays a text. A list may hold `{"each_alert": ...}`, which stands for one
///   element for each alert.
/// - A text that is JSON is the same; any other text is sent as `text/plain`.
///
/// `{name}` is a placeholder; `{{` and `}}` stand for braces. Of the message: `title`, `status`
/// (`firing` or `resolved`), `severity`, `text` (all of it in plain words), `lead` (what a digest
/// says), `sent_at`, `firing` and `resolved` (numbers of alerts), `occasion`, `receiver`, `route`,
/// `group`, `key` (the same for all messages about one group or alert), `id` (of this message). Of
/// the alert, outside of `each_alert` the first that fires: `name`, `state`, `alert_severity`,
/// `fingerprint`, `summary`, `value`, `expected`, `range`, `deviation`, `score`, `since`, `until`,
/// `contributed`, `cause`, `notes`, `runbook`, `dashboard` and `labels.NAME`. A text that is nothing
/// but `{labels}` becomes an object with all labels. What is unknown is empty.
///
/// ```
/// use bongsu_alert::Template;
/// use serde_json::json;
/// let template = Template::new(&json!({
///     "message": "{severity}: {summary}",
///     "alerts": [{"each_alert": {"host": "{labels.instance}", "value": "{value}"}}],
/// }))?;
/// # let _ = template;
/// let error = Template::new(&json!({"message": "{sumary}"})).unwrap_err().to_string();
/// assert!(error.contains("did you mean `summary`?"), "{error}");
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Template(Node);

#[derive(Debug, Clone)]
enum Node {
    /// A body that is a text.
    Plain(Vec<Piece>),
    Text(Vec<Piece>),
    Labels,
    List(Vec<Self>),
    Each(Box<Self>),
    Object(Vec<(String, Self)>),
    Other(Value),
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Field(fn(&Shot<'_>) -> String),
    Label(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When a placeholder is unknown or a brace not closed, `each_alert` stands elsewhere than in a
    /// list or beside other keys, or a text begins like JSON and is not.
    pub fn new(template: &Value) -> Result<Self, Error> {
        let Value::String(text) = template else {
            return node(template, false).map(Self);
        };
        match serde_json::from_str::<Value>(text) {
            Ok(json @ (Value::Object(_) | Value::Array(_))) => node(&json, false).map(Self),
            Err(error) if begins_like_json(text) => {
                let domain = format!("JSON, as its beginning says; {error}");
                Err(Error::parameter("template", "not JSON", domain))
            }
            _ => Ok(Self(Node::Plain(pieces(text)?))),
        }
    }

    pub(super) fn fill(&self, scene: &Scene<'_>) -> (Kind, String) {
        let firing = scene.alerts.iter().find(|a| crate::sink::message::fires(a));
        let shot = Shot {
            scene,
            alert: firing.or(scene.alerts.first()),
        };
        match &self.0 {
            Node::Plain(pieces) => (Kind::Text, written(pieces, &shot)),
            node => (Kind::Json, filled(node, &shot).to_string()),
        }
    }
}

fn begins_like_json(text: &str) -> bool {
    let text = text.trim_start();
    let object = text.strip_prefix('{').map(str::trim_start);
    object.is_some_and(|rest| rest.starts_with('"')) || text.starts_with('[')
}

fn node(value: &Value, in_list: bool) -> Result<Node, Error> {
    Ok(match value {
        Value::String(text) if text == "{labels}" => Node::Labels,
        Value::String(text) => Node::Text(pieces(text)?),
        Value::Array(items) => {
            let items = items.iter().map(|item| node(item, true));
            Node::List(items.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => match map.get(EACH) {
            Some(each) if in_list && map.len() == 1 => Node::Each(Box::new(node(each, false)?)),
            Some(_) => {
                let domain = "the only key of an object in a list";
                return Err(Error::parameter("template", format!("`{EACH}`"), domain));
            }
            None => {
                let items = map
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), node(value, false)?)));
                Node::Object(items.collect::<Result<_, Error>>()?)
            }
        },
        other => Node::Other(other.clone()),
    })
}

/// The text cut at its placeholders.
fn pieces(text: &str) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        literal.push_str(before);
        if let Some((brace, after)) = [("{", "{{"), ("}", "}}")]
            .into_iter()
            .find_map(|(brace, double)| Some((brace, after.strip_prefix(double)?)))
        {
            literal.push_str(brace);
            rest = after;
            continue;
        }
        let field = after.strip_prefix('{').and_then(|a| a.split_once('}'));
        let Some((name, after)) = field else {
            // The text may hold a secret, so it is not shown.
            let domain = "with placeholders such as {summary} between braces; a brace itself is written twice";
            return Err(Error::parameter(
                "template",
                "a text with a lone brace",
                domain,
            ));
        };
        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        pieces.push(piece(name)?);
        rest = after;
    }
    literal.push_str(rest);
    pieces.push(Piece::Literal(literal));
    Ok(pieces)
}

fn piece(name: &str) -> Result<Piece, Error> {
    if let Some(label) = name.strip_prefix("labels.").filter(|l| !l.is_empty()) {
        return Ok(Piece::Label(label.to_owned()));
    }
    let known = FIELDS.iter().find(|(known, _): &&Field| *known == name);
    if let Some((_, get)) = known {
        return Ok(Piece::Field(*get));
    }
    let names = || FIELDS.iter().map(|(name, _)| *name);
    let hint = match nearest(name, names()) {
        _ if name == "labels" => "; `{labels}` must stand alone in its text".to_owned(),
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    let all = names().collect::<Vec<_>>().join(", ");
    let domain = format!("one of {all} or labels.NAME{hint}");
    Err(Error::parameter("template", format!("{{{name}}}"), domain))
}

fn written(pieces: &[Piece], shot: &Shot<'_>) -> String {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Field(get) => get(shot),
        Piece::Label(name) => label(shot, name),
    });
    texts.collect()
}

fn filled(node: &Node, shot: &Shot<'_>) -> Value {
    match node {
        Node::Plain(pieces) | Node::Text(pieces) => Value::from(written(pieces, shot)),
        Node::Labels => shot.alert.map(labels).unwrap_or_default().into(),
        Node::List(items) => {
            let items = items.iter().flat_map(|item| match item {
                Node::Each(each) => {
                    let alerts = shot.scene.alerts.iter().map(Some);
                    alerts
                        .map(|alert| filled(each, &Shot { alert, ..*shot }))
                        .collect()
                }
                item => vec![filled(item, shot)],
            });
            items.collect()
        }
        // It stands in lists only.
        Node::Each(each) => filled(each, shot),
        Node::Object(items) => {
            let items = items
                .iter()
                .map(|(key, node)| (key.clone(), filled(node, shot)));
            Value::Object(items.collect())
        }
        Node::Other(value) => value.clone(),
    }
}

fn labels(alert: &Alert) -> Map<String, Value> {
    let labels = alert.labels.iter();
    labels
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use bongsu_core::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::Links;
    use crate::sink::message::Message;
    use crate::testing::{alert, resolved};

    fn fill(template: &Value, alerts: &[Alert]) -> (Kind, String) {
        let links = Links::default().runbook("https://w/{__name__}").unwrap();
        let scene = Scene {
            now: Timestamp::from_secs(60),
            page: None,
            alerts,
            links: &links,
            message: Message::of_alerts(alerts, &links),
        };
        Template::new(template).unwrap().fill(&scene)
    }

    #[test]
    fn placeholders_are_filled_within_texts() {
        let mut one = alert("up", 0);
        one.summary = r#"", "injected": "\u0000"#.to_owned();
        one.cause = Some("a deployment".to_owned());
        let template = json!({
            "text": "{severity}/{summary}/{{x}}/{labels.__name__}/{labels.none}",
            "count": 3,
            "of": ["{cause}", {"each_alert": ["{name}", "{state}", "{value}", "{runbook}"]}],
            "labels": "{labels}",
        });
        let ended = resolved(alert("down", 0), 60);
        let (kind, body) = fill(&template, &[ended, one.clone()]);
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = format!("warning/{}/{{x}}/up/", one.summary);
        let expected = json!({
            "text": text,
            "count": 3,
            "of": [
                "a deployment",
                ["down", "resolved", "0.93", "https://w/down"],
                ["up", "firing", "0.93", "https://w/up"],
            ],
            "labels": {"__name__": "up"},
        });
        assert_eq!((kind, body), (Kind::Json, expected));
    }

    #[test]
    fn every_field_has_a_value() {
        let mut one = alert("up", 0);
        one.cause = Some("x".to_owned());
        for (name, _) in FIELDS {
            let (_, text) = fill(&json!(format!("<{{{name}}}>")), std::slice::from_ref(&one));
            let empty = text == "<>";
            let of_pages = [
                "lead",
                "receiver",
                "route",
                "group",
                "until",
                "contributed",
                "dashboard",
            ];
            assert_eq!(empty, of_pages.contains(&name), "{name}: {text}");
        }
    }

    #[test]
    fn a_text_is_a_text_and_json_is_json() {
        let alerts = [alert("up", 0)];
        let (kind, body) = fill(&json!("{title}\n{firing} fire"), &alerts);
        assert_eq!((kind, body.as_str()), (Kind::Text, "WARNING: up\n1 fire"));
        let (kind, body) = fill(&json!(r#" {"a": "{firing}"} "#), &alerts);
        assert_eq!((kind, body.as_str()), (Kind::Json, r#"{"a":"1"}"#));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (template, word) in [
            (json!({"a": "{sevrity}"}), "did you mean `severity`?"),
            (json!("{nothing}"), "one of title, status"),
            (json!("{title"), "a lone brace"),
            (json!("a } b"), "a lone brace"),
            (json!("all {labels}"), "must stand alone"),
            (json!({"each_alert": "x"}), "each_alert"),
            (json!([{"each_alert": "x", "b": 1}]), "each_alert"),
            (json!(r#"{"a": {value}}"#), "JSON"),
        ] {
            let error = Template::new(&template).unwrap_err().to_string();
            assert!(error.contains(word), "{template}: {error}");
        }
    }
}
