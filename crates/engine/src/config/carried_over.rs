//! Receivers as Alertmanager's configuration file describes them.

mod email;

use bongsu_alert::GlobalConfig;
use serde_json::{Map, Value, json};

use crate::Error;

/// A kind of receivers of Alertmanager.
struct Kind {
    section: &'static str,
    /// What we call it.
    sink: &'static str,
    /// Their keys of the address or key, and ours. With `_file` added theirs name a file.
    address: (&'static [&'static str], &'static str),
    /// The key of `global` that stands for the address.
    global: Option<&'static str>,
    /// Whether they are told of ends unless they say.
    send_resolved: bool,
    /// Whether ours can authenticate by headers.
    auth: bool,
}

const fn kind(section: &'static str, sink: &'static str) -> Kind {
    Kind {
        section,
        sink,
        address: (&["webhook_url"], "url"),
        global: None,
        send_resolved: true,
        auth: false,
    }
}

const KINDS: [Kind; 6] = [
    Kind {
        address: (&["url"], "url"),
        auth: true,
        ..kind("webhook_configs", "webhook")
    },
    Kind {
        address: (&["api_url"], "url"),
        global: Some("slack_api_url"),
        send_resolved: false,
        ..kind("slack_configs", "slack")
    },
    Kind {
        address: (&["routing_key", "service_key"], "routing_key"),
        ..kind("pagerduty_configs", "pagerduty")
    },
    kind("discord_configs", "discord"),
    kind("msteams_configs", "teams"),
    kind("msteamsv2_configs", "teams"),
];

/// Keys of `http_config` that change nothing here: no redirect is followed in any case.
const HARMLESS: [&str; 2] = ["follow_redirects", "enable_http2"];

/// The sink that an entry of the section `section` describes, with what `global` says for all; what
/// only concerns Alertmanager's own texts is left out. `at` is where it stands.
pub(super) fn carried_over(
    section: &str,
    entry: &Value,
    global: &GlobalConfig,
    at: &str,
) -> Result<Value, Error> {
    if section == "email_configs" {
        return email::carried_over(entry, global, at);
    }
    let Some(kind) = KINDS.iter().find(|kind| kind.section == section) else {
        return Err(Error::config(format!(
            "{at}: cannot be carried over from Alertmanager; list what is told under `sinks`"
        )));
    };
    let mut sink = Map::from_iter([("type".to_owned(), Value::from(kind.sink))]);
    let (theirs, ours) = kind.address;
    let own = theirs.iter().find_map(|key| text_or_file(entry, key));
    let address = own.or_else(|| global_text_or_file(global, kind.global?));
    let Some(address) = address else {
        let key = theirs.first().copied().unwrap_or_default();
        return Err(Error::config(format!("{at}.{key}: is missing")));
    };
    sink.insert(ours.to_owned(), address);
    let send_resolved = truth(entry, "send_resolved", at)?.unwrap_or(kind.send_resolved);
    sink.insert("send_resolved".to_owned(), Value::from(send_resolved));
    match kind.sink {
        "pagerduty" => {
            let url = entry.get("url").or_else(|| global.get("pagerduty_url"));
            if let Some(url) = url.and_then(Value::as_str) {
                // Theirs is the address of events, ours that of the service.
                let service = url.trim_end_matches('/').trim_end_matches("/v2/enqueue");
                sink.insert("url".to_owned(), Value::from(service));
            }
        }
        "slack" => {
            if let Some(channel) = entry.get("channel").filter(|channel| **channel != "") {
                sink.insert("channel".to_owned(), channel.clone());
            }
        }
        _ => {}
    }
    if let Some(timeout) = entry.get("timeout").filter(|timeout| **timeout != "0s") {
        sink.insert("timeout".to_owned(), timeout.clone());
    }
    let own = entry.get("http_config").filter(|http| !http.is_null());
    let http = match own {
        Some(http) => Some((http, format!("{at}.http_config"))),
        None => global
            .get("http_config")
            .map(|http| (http, "alerting.routing.global.http_config".to_owned())),
    };
    if let Some((http, at)) = http {
        let Value::Object(http) = http else {
            return Err(Error::config(format!("{at}: must be a mapping")));
        };
        for (key, value) in http {
            if let Some((ours, value)) = auth(key, value) {
                if !kind.auth {
                    return Err(unsupported(&at, key));
                }
                sink.insert(ours.to_owned(), value);
            } else if !HARMLESS.contains(&key.as_str()) {
                return Err(unsupported(&at, key));
            }
        }
    }
    Ok(Value::Object(sink))
}

/// What is true or false, or not there.
fn truth(entry: &Value, key: &str, at: &str) -> Result<Option<bool>, Error> {
    match entry.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(wanted)) => Ok(Some(*wanted)),
        Some(_) => Err(Error::config(format!("{at}.{key}: must be true or false"))),
    }
}

/// As [`text_or_file`], of the global section.
fn global_text_or_file(global: &GlobalConfig, key: &str) -> Option<Value> {
    if let Some(value) = global.get(key).filter(|value| !value.is_null()) {
        return Some(value.clone());
    }
    let file = global.get(&format!("{key}_file"))?.as_str()?;
    Some(Value::from(format!("file:{file}")))
}

/// The value of `key`, or the file that `key` with `_file` added names, as a secret.
fn text_or_file(entry: &Value, key: &str) -> Option<Value> {
    if let Some(value) = entry.get(key).filter(|value| !value.is_null()) {
        return Some(value.clone());
    }
    let file = entry.get(format!("{key}_file"))?.as_str()?;
    Some(Value::from(format!("file:{file}")))
}

/// Our key and value for what a key of `http_config` says of who asks.
fn auth(key: &str, value: &Value) -> Option<(&'static str, Value)> {
    if key == "basic_auth" {
        let known = ["username", "password", "password_file"];
        let fields = value.as_object()?;
        let plain = fields.keys().all(|key| known.contains(&key.as_str()));
        let (user, password) = (value.get("username")?, text_or_file(value, "password")?);
        let basic = json!({"type": "basic", "username": user, "password": password});
        return plain.then_some(("auth", basic));
    }
    Some(("token", token(key, value)?))
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
        read_with(section, entry, &json!(null))
    }

    fn read_with(section: &str, entry: &Value, global: &Value) -> Result<Value, String> {
        let global = serde_json::from_value(global.clone()).unwrap();
        carried_over(section, entry, &global, "here").map_err(|e| e.to_string())
    }

    #[test]
    fn what_holds_for_all_stands_for_what_is_left_out() {
        let global = json!({
            "slack_api_url_file": "/s", "pagerduty_url": "https://p.example/v2/enqueue",
            "resolve_timeout": "5m", "opsgenie_api_key": "unused",
        });
        let slack = read_with("slack_configs", &json!({"channel": "#ops"}), &global).unwrap();
        let expected =
            json!({"type": "slack", "url": "file:/s", "channel": "#ops", "send_resolved": false});
        assert_eq!(slack, expected);
        let own = json!({"api_url": "http://own"});
        assert_eq!(
            read_with("slack_configs", &own, &global).unwrap()["url"],
            "http://own"
        );
        let pager = read_with("pagerduty_configs", &json!({"routing_key": "k"}), &global).unwrap();
        assert_eq!(pager["url"], "https://p.example");
        // What all requests of Alertmanager need is needed here, too.
        let hook = json!({"url": "http://h"});
        let proxy = json!({"http_config": {"proxy_url": "hunter2"}});
        let error = read_with("webhook_configs", &hook, &proxy).unwrap_err();
        assert!(
            error.starts_with("alerting.routing.global.http_config.proxy_url"),
            "{error}"
        );
        assert!(!error.contains("hunter2"));
        let basic =
            json!({"http_config": {"basic_auth": {"username": "u", "password_file": "/p"}}});
        let auth = &read_with("webhook_configs", &hook, &basic).unwrap()["auth"];
        assert_eq!(
            *auth,
            json!({"type": "basic", "username": "u", "password": "file:/p"})
        );
        let mut bare = hook;
        bare["http_config"] = json!({});
        assert!(
            read_with("webhook_configs", &bare, &basic)
                .unwrap()
                .get("auth")
                .is_none()
        );
        let shown = format!(
            "{:?}",
            serde_json::from_value::<GlobalConfig>(json!({"smtp_auth_password": "hunter2"}))
        );
        assert!(shown.contains("smtp_auth_password") && !shown.contains("hunter2"));
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
                json!({"type": "slack", "url": "http://h", "channel": "#a", "send_resolved": false}),
            ),
            (
                "discord_configs",
                json!({"webhook_url": "http://h", "title": "t"}),
                json!({"type": "discord", "url": "http://h", "send_resolved": true}),
            ),
            (
                "msteams_configs",
                json!({"webhook_url_file": "/u", "send_resolved": false}),
                json!({"type": "teams", "url": "file:/u", "send_resolved": false}),
            ),
            (
                "msteamsv2_configs",
                json!({"webhook_url": "http://h"}),
                json!({"type": "teams", "url": "http://h", "send_resolved": true}),
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
                web(json!({"basic_auth": {"username": "u", "password_ref": "hunter2"}})),
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
