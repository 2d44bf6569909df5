//! Alertmanager's mails.

use bongsu_alert::GlobalConfig;
use serde_json::{Map, Value};

use super::{global_text_or_file, text_or_file, truth, unsupported};
use crate::Error;

/// What has no place here and would change how mails are sent; with `smtp_` before it in `global`.
const UNKNOWN: [&str; 5] = [
    "hello",
    "auth_secret",
    "auth_secret_file",
    "auth_identity",
    "force_implicit_tls",
];

/// The sink that an entry of `email_configs` describes.
pub(super) fn carried_over(entry: &Value, global: &GlobalConfig, at: &str) -> Result<Value, Error> {
    let wrong = |key: &str, why: &str| Error::config(format!("{at}.{key}: {why}"));
    let plain = |key: &str| {
        let said = |value: &&Value| !value.is_null() && **value != "";
        let all = || global.get(&format!("smtp_{key}"));
        entry.get(key).filter(said).or_else(all).filter(said)
    };
    for key in UNKNOWN {
        if plain(key).is_some() {
            return Err(unsupported(at, key));
        }
    }
    // A subject is one of Alertmanager's own texts; other headers may decide where a mail ends up.
    let headers = entry.get("headers").and_then(Value::as_object);
    let mut headers = headers.into_iter().flatten();
    if let Some((name, _)) = headers.find(|(name, _)| !name.eq_ignore_ascii_case("subject")) {
        return Err(unsupported(&format!("{at}.headers"), name));
    }
    let mut sink = Map::from_iter([("type".to_owned(), Value::from("email"))]);
    let mut set = |key: &str, value: Value| sink.insert(key.to_owned(), value);

    let text = |key: &str| plain(key).and_then(Value::as_str);
    let needed = |key: &str| text(key).ok_or_else(|| wrong(key, "is missing"));
    let smarthost = needed("smarthost")?;
    let (host, port) = smarthost
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
        .ok_or_else(|| {
            wrong(
                "smarthost",
                "must be a name and a port, such as mail.example.org:587",
            )
        })?;
    set("host", Value::from(host.trim_matches(['[', ']'])));
    set("port", Value::from(port));
    set("from", Value::from(needed("from")?));
    let to = entry.get("to").and_then(Value::as_str).unwrap_or_default();
    let to: Vec<&str> = recipients(to);
    if to.is_empty() {
        return Err(wrong("to", "is missing"));
    }
    set("to", Value::from(to));
    let send_resolved = truth(entry, "send_resolved", at)?.unwrap_or(false);
    set("send_resolved", Value::from(send_resolved));

    let said = |password: &Value| *password != "";
    let password = text_or_file(entry, "auth_password").filter(said);
    let password = password
        .or_else(|| global_text_or_file(global, "smtp_auth_password"))
        .filter(said);
    let encrypted = match truth(entry, "require_tls", at)? {
        Some(own) => own,
        None => global
            .get("smtp_require_tls")
            .is_none_or(|all| *all != false),
    };
    let security = match (port, encrypted) {
        (465, _) => "tls",
        (_, true) => "starttls",
        (_, false) if password.is_some() => {
            let why = "a password is not sent without encryption; set require_tls, or list this \
                       receiver under `sinks`";
            return Err(wrong("require_tls", why));
        }
        (_, false) => "none",
    };
    set("security", Value::from(security));
    match (plain("auth_username"), password) {
        (Some(user), Some(password)) => {
            set("user", user.clone());
            set("password", password);
        }
        (None, None) => {}
        (Some(_), None) => return Err(wrong("auth_password", "is missing beside auth_username")),
        (None, Some(_)) => return Err(wrong("auth_username", "is missing beside auth_password")),
    }
    let tls = entry.get("tls_config").filter(|tls| !tls.is_null());
    if let Some(tls) = tls.or_else(|| global.get("smtp_tls_config")) {
        let at = format!("{at}.tls_config");
        let Value::Object(tls) = tls else {
            return Err(Error::config(format!("{at}: must be a mapping")));
        };
        for (key, value) in tls {
            match (key.as_str(), value) {
                ("ca_file", ca) => drop(set("ca", ca.clone())),
                ("insecure_skip_verify", Value::Bool(false)) => {}
                _ => return Err(unsupported(&at, key)),
            }
        }
    }
    Ok(Value::Object(sink))
}

/// The addresses of a list, which commas part, except within quotes.
fn recipients(list: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = list.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let parts = parts.map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(entry: &Value, global: &Value) -> Result<Value, String> {
        let global = serde_json::from_value(global.clone()).unwrap();
        carried_over(entry, &global, "here").map_err(|e| e.to_string())
    }

    #[test]
    fn a_mail_goes_where_it_went() {
        let global = json!({
            "smtp_smarthost": "mail.example.org:587", "smtp_from": "am@example.org",
            "smtp_auth_username": "am", "smtp_auth_password_file": "/p",
        });
        let entry =
            json!({"to": "a@b.c, \"Doe, Jo\" <jo@b.c>,", "headers": {"subject": "x"}, "html": "y"});
        let expected = json!({
            "type": "email", "host": "mail.example.org", "port": 587, "security": "starttls",
            "from": "am@example.org", "to": ["a@b.c", "\"Doe, Jo\" <jo@b.c>"],
            "user": "am", "password": "file:/p", "send_resolved": false,
        });
        assert_eq!(read(&entry, &global).unwrap(), expected);
        let own = json!({
            "to": "a@b.c", "from": "x@y.z", "smarthost": "[::1]:465", "send_resolved": true,
            "auth_username": "u", "auth_password": "p",
            "tls_config": {"ca_file": "/ca.pem", "insecure_skip_verify": false},
        });
        let expected = json!({
            "type": "email", "host": "::1", "port": 465, "security": "tls", "from": "x@y.z",
            "to": ["a@b.c"], "user": "u", "password": "p", "ca": "/ca.pem", "send_resolved": true,
        });
        assert_eq!(read(&own, &global).unwrap(), expected);
        let open =
            json!({"smtp_smarthost": "h:25", "smtp_from": "x@y.z", "smtp_require_tls": false});
        let sink = read(&json!({"to": "a@b.c"}), &open).unwrap();
        assert_eq!(
            (&sink["security"], sink.get("user")),
            (&json!("none"), None)
        );
        let encrypted = read(&json!({"to": "a@b.c", "require_tls": true}), &open).unwrap();
        assert_eq!(encrypted["security"], "starttls");
    }

    #[test]
    fn what_cannot_be_carried_over_is_named_and_never_shown() {
        let good = json!({"to": "a@b.c", "from": "x@y.z", "smarthost": "h:587"});
        assert!(read(&good, &json!(null)).is_ok());
        for (key, value, place) in [
            ("smarthost", json!("hunter2"), "here.smarthost: must be"),
            ("smarthost", json!(null), "here.smarthost: is missing"),
            ("from", json!(""), "here.from: is missing"),
            ("to", json!(" , "), "here.to: is missing"),
            ("hello", json!("hunter2"), "here.hello: cannot"),
            ("auth_secret", json!("hunter2"), "here.auth_secret: cannot"),
            (
                "auth_identity",
                json!("hunter2"),
                "here.auth_identity: cannot",
            ),
            (
                "auth_password",
                json!("hunter2"),
                "here.auth_username: is missing",
            ),
            (
                "auth_username",
                json!("hunter2"),
                "here.auth_password: is missing",
            ),
            ("require_tls", json!("hunter2"), "here.require_tls: must be"),
            (
                "headers",
                json!({"Reply-To": "hunter2"}),
                "here.headers.Reply-To: cannot",
            ),
            (
                "tls_config",
                json!({"cert_file": "hunter2"}),
                "here.tls_config.cert_file: cannot",
            ),
            (
                "tls_config",
                json!({"insecure_skip_verify": true}),
                "insecure_skip_verify: cannot",
            ),
            ("tls_config", json!("hunter2"), "here.tls_config: must be"),
        ] {
            let mut entry = good.clone();
            entry[key] = value;
            let error = read(&entry, &json!(null)).unwrap_err();
            assert!(
                error.contains(place) && !error.contains("hunter2"),
                "{error}"
            );
        }
        let mut open = good;
        open["require_tls"] = json!(false);
        open["auth_username"] = json!("u");
        open["auth_password"] = json!("hunter2");
        let error = read(&open, &json!(null)).unwrap_err();
        assert!(error.contains("here.require_tls: a password"), "{error}");
    }
}
