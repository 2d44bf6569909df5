//! Receivers as Alertmanager's configuration file describes them.

use serde_json::{Map, Value};

use crate::Error;

/// A kind of receivers of Alertmanager.
struct Kind {
    section: &'static str,
    /// What we call it.
    sink: &'static str,
    /// Their keys of the address or key, and ours. With `_file` added theirs name a file.
    address: (&'static [&'static str], &'static str),
    /// Whether they are told of ends unless they say.
    send_resolved: bool,
    /// Our key for a bearer token.
    token: Option<&'static str>,
}

const KINDS: [Kind; 3] = [
    Kind {
        section: "webhook_configs",
        sink: "webhook",
        address: (&["url"], "url"),
        send_resolved: true,
        token: Some("token"),
    },
    Kind {
        section: "slack_configs",
        sink: "slack",
        address: (&["api_url"], "url"),
        send_resolved: false,
        token: None,
    },
    Kind {
        section: "pagerduty_configs",
        sink: "pagerduty",
        address: (&["routing_key", "service_key"], "routing_key"),
        send_resolved: true,
        token: None,
    },
];

/// Keys of `http_config` that change nothing here: no redirect is followed in any case.
const HARMLESS: [&str; 2] = ["follow_redirects", "enable_http2"];

/// The sink that an entry of the section `section` describes; what only concerns Alertmanager's own
/// texts is left out. `at` is where it stands.
pub(super) fn carried_over(section: &str, entry: &Value, at: &str) -> Result<Value, Error> {
    let Some(kind) = KINDS.iter().find(|kind| kind.section == section) else {
        return Err(Error::config(format!(
            "{at}: cannot be carried over from Alertmanager; list what is told under `sinks`"
        )));
    };
    let mut sink = Map::from_iter([("type".to_owned(), Value::from(kind.sink))]);
    let (theirs, ours) = kind.address;
    let Some(address) = theirs.iter().find_map(|key| text_or_file(entry, key)) else {
        let key = theirs.first().copied().unwrap_or_default();
        return Err(Error::config(format!("{at}.{key}: is missing")));
    };
    sink.insert(ours.to_owned(), address);
    let send_resolved = match entry.get("send_resolved") {
        None => kind.send_resolved,
        Some(Value::Bool(wanted)) => *wanted,
        Some(_) => {
            let message = format!("{at}.send_resolved: must be true or false");
            return Err(Error::config(message));
        }
    };
    sink.insert("send_resolved".to_owned(), Value::from(send_resolved));
    if kind.sink == "pagerduty"
        && let Some(url) = entry.get("url").and_then(Value::as_str)
    {
        // Theirs is the address of events, ours that of the service.
        let service = url.trim_end_matches('/').trim_end_matches("/v2/enqueue");
        sink.insert("url".to_owned(), Value::from(service));
    }
    if let Some(timeout) = entry.get("timeout").filter(|timeout| **timeout != "0s") {
        sink.insert("timeout".to_owned(), timeout.clone());
    }
    if let Some(http) = entry.get("http_config") {
        let at = format!("{at}.http_config");
        let Value::Object(http) = http else {
            return Err(Error::config(format!("{at}: must be a mapping")));
        };
        for (key, value) in http {
            if let Some(token) = token(key, value) {
                let Some(ours) = kind.token else {
                    return Err(unsupported(&at, key));
                };
                sink.insert(ours.to_owned(), token);
            } else if !HARMLESS.contains(&key.as_str()) {
                return Err(unsupported(&at, key));
            }
        }
    }
    Ok(Value::Object(sink))
}

/// The value of `key`, or the file that `key` with `_file` added names, as a secret.
fn text_or_file(entry: &Value, key: &str) -> Option<Value> {
    if let Some(value) = entry.get(key) {
        return Some(value.clone());
    }
    let file = entry.get(format!("{key}_file"))?.as_str()?;
    Some(Value::from(format!("file:{file}")))
}

/// The bearer token that a key of `http_config` gives.
fn token(key: &str, value: &Value) -> Option<Value> {
    match key {
        "authorization" => {
            let known = ["type", "credentials", "credentials_file"];
            let scheme = value.get("type").map_or(Some("Bearer"), Value::as_str)?;
            let plain = value
                .as_object()?
                .keys()
                .all(|key| known.contains(&key.as_str()));
            (plain && scheme.eq_ignore_ascii_case("bearer"))
                .then(|| text_or_file(value, "credentials"))?
        }
        "bearer_token" => Some(value.clone()),
        "bearer_token_file" => Some(Value::from(format!("file:{}", value.as_str()?))),
        _ => None,
    }
}

fn unsupported(at: &str, key: &str) -> Error {
    Error::config(format!(
        "{at}.{key}: cannot be carried over from Alertmanager; list this receiver under `sinks`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(section: &str, entry: &Value) -> Result<Value, String> {
        carried_over(section, entry, "here").map_err(|e| e.to_string())
    }

    #[test]
    fn what_we_have_as_well_is_carried_over() {
        for (section, entry, expected) in [
            (
                "webhook_configs",
                json!({"url": "http://h", "send_resolved": false, "timeout": "5s", "max_alerts": 3,
                    "http_config": {"authorization": {"credentials": "t"}, "follow_redirects": true}}),
                json!({"type": "webhook", "url": "http://h", "send_resolved": false, "timeout": "5s",
                    "token": "t"}),
            ),
            (
                "webhook_configs",
                json!({"url_file": "/u", "timeout": "0s", "http_config": {"bearer_token_file": "/t"}}),
                json!({"type": "webhook", "url": "file:/u", "send_resolved": true, "token": "file:/t"}),
            ),
            (
                "slack_configs",
                json!({"api_url": "http://h", "channel": "#a", "title": "t"}),
                json!({"type": "slack", "url": "http://h", "send_resolved": false}),
            ),
            (
                "slack_configs",
                json!({"api_url_file": "/u", "send_resolved": true}),
                json!({"type": "slack", "url": "file:/u", "send_resolved": true}),
            ),
            (
                "pagerduty_configs",
                json!({"service_key": "k", "http_config": {"enable_http2": false}}),
                json!({"type": "pagerduty", "routing_key": "k", "send_resolved": true}),
            ),
            (
                "pagerduty_configs",
                json!({"routing_key": "k", "url": "https://events.eu.pagerduty.com/v2/enqueue"}),
                json!({"type": "pagerduty", "routing_key": "k", "send_resolved": true,
                    "url": "https://events.eu.pagerduty.com"}),
            ),
        ] {
            assert_eq!(read(section, &entry).unwrap(), expected, "{entry}");
        }
    }

    #[test]
    fn what_we_do_not_have_is_named_and_never_shown() {
        let web = |http: Value| json!({"url": "http://h", "http_config": http});
        for (section, entry, key) in [
            (
                "webhook_configs",
                web(json!({"proxy_url": "hunter2"})),
                "http_config.proxy_url",
            ),
            (
                "webhook_configs",
                web(json!({"tls_config": {}})),
                "http_config.tls_config",
            ),
            (
                "webhook_configs",
                web(json!({"basic_auth": {"password": "hunter2"}})),
                "http_config.basic_auth",
            ),
            (
                "webhook_configs",
                web(json!({"authorization": {"type": "Digest", "credentials": "hunter2"}})),
                "http_config.authorization",
            ),
            (
                "webhook_configs",
                web(json!("hunter2")),
                "http_config: must be",
            ),
            (
                "slack_configs",
                json!({"api_url": "http://h", "http_config": {"bearer_token": "hunter2"}}),
                "http_config.bearer_token",
            ),
            (
                "webhook_configs",
                json!({"url": "http://h", "send_resolved": "hunter2"}),
                "here.send_resolved",
            ),
            ("webhook_configs", json!({}), "here.url: is missing"),
            (
                "victorops_configs",
                json!({"api_key": "hunter2"}),
                "cannot be carried over",
            ),
        ] {
            let error = read(section, &entry).unwrap_err();
            assert!(error.contains(key) && !error.contains("hunter2"), "{error}");
        }
    }
}
