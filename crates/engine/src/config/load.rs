use std::path::Path;

use bongsu_core::nearest;
use serde_json::Value;

use super::within::innermost;
use super::{Config, older};
use crate::Error;

/// Reads the configuration file at `path` and overlays `profile` when one is named.
///
/// # Errors
/// When the file cannot be read, and as [`parse`].
pub fn load(path: &Path, profile: Option<&str>) -> Result<Config, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::config(format!("{}: {e}", path.display())))?;
    parse(&text, profile).map_err(|e| Error::config(format!("{}: {e}", path.display())))
}

/// Reads a configuration in YAML (of which JSON is a part) and overlays `profile` when one is named.
///
/// The overlay is merged key by key; lists and scalars replace those of the base.
///
/// # Errors
/// When the text is not YAML, the profile is not there, an environment variable is not set, a key
/// is unknown, or a value is outside its domain. The message names the place.
pub fn parse(text: &str, profile: Option<&str>) -> Result<Config, Error> {
    // A snippet of the source could show a secret that stands beside the mistake.
    // Numbers that may be passwords stay as they are written.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let mut value: Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|e| Error::config(e.to_string()))?;
    overlay_profile(&mut value, profile)?;
    older::translate(&mut value)?;
    expand_variables(&mut value, "", &|name| std::env::var(name).ok())?;
    let config: Config = serde_path_to_error::deserialize(&value).map_err(|e| {
        let (path, message) = (e.path().to_string(), e.into_inner().to_string());
        let (path, message) = innermost(&value, path, message);
        let message = if may_hold_secrets(&path) {
            without_value(&message)
        } else {
            with_suggestion(&message)
        };
        Error::config(if path == "." {
            message
        } else {
            format!("{path}: {message}")
        })
    })?;
    config.validate()?;
    Ok(config)
}

/// The sections with secrets in them.
fn may_hold_secrets(path: &str) -> bool {
    ["source", "sinks", "alerting", "server", "output"]
        .iter()
        .any(|section| path.starts_with(section))
}

/// serde's message about a value of the wrong type, without the value.
pub(super) fn without_value(message: &str) -> String {
    let is_about_value =
        message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    match message.rsplit_once(", expected ") {
        Some((found, expected)) if is_about_value => {
            let kind = found.split(['"', '`']).next().unwrap_or_default();
            format!("{}, expected {expected}", kind.trim_end())
        }
        _ => with_suggestion(message),
    }
}

fn overlay_profile(value: &mut Value, profile: Option<&str>) -> Result<(), Error> {
    let profiles = value
        .as_object_mut()
        .and_then(|base| base.remove("profiles"));
    check_profiles(profiles.as_ref())?;
    let Some(name) = profile else {
        return Ok(());
    };
    let overlay = profiles.as_ref().and_then(|all| all.get(name));
    let Some(overlay) = overlay else {
        let known: Vec<&str> = profiles
            .as_ref()
            .and_then(Value::as_object)
            .map(|all| all.keys().map(String::as_str).collect())
            .unwrap_or_default();
        return Err(Error::config(format!(
            "profile `{name}` is not in the file, which has: {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        )));
    };
    if !overlay.is_null() {
        merge(value, overlay);
    }
    Ok(())
}

/// `profiles` is a map of maps; nothing at all stands for an empty one.
fn check_profiles(profiles: Option<&Value>) -> Result<(), Error> {
    let all = match profiles {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(all)) => all,
        Some(_) => {
            return Err(Error::config(
                "profiles: must be a map of names to overlays",
            ));
        }
    };
    match all
        .iter()
        .find(|(_, overlay)| !(overlay.is_object() || overlay.is_null()))
    {
        Some((name, _)) => Err(Error::config(format!(
            "profiles.{name}: must be a map like the file itself"
        ))),
        None => Ok(()),
    }
}

fn merge(base: &mut Value, overlay: &Value) {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => {
            for (key, value) in overlay {
                merge(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, overlay) => *base = overlay.clone(),
    }
}

/// Replaces `${NAME}` in every text; `$${` stands for a literal `${`.
fn expand_variables(
    value: &mut Value,
    path: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match value {
        Value::String(text) if text.contains("${") => {
            *text = expand(text, lookup).map_err(|e| Error::config(format!("{path}: {e}")))?;
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                expand_variables(item, &format!("{path}[{i}]"), lookup)?;
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                expand_variables(item, &path, lookup)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = after;
            continue;
        }
        let (name, tail) = after
            .split_once('}')
            .ok_or_else(|| "a `${` is not closed by `}`".to_owned())?;
        out.push_str(before);
        out.push_str(
            &lookup(name).ok_or_else(|| format!("environment variable {name} is not set"))?,
        );
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// Adds the nearest known key to serde's message about an unknown one.
fn with_suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(unknown)) = (is_unknown, quoted.next()) else {
        return message.to_owned();
    };
    nearest(unknown, quoted).map_or_else(
        || message.to_owned(),
        |known| format!("{message}; did you mean `{known}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AuthConfig, SourceConfig};

    const BASE: &str = "
source: {type: prometheus, url: 'http://localhost:9090'}
queries:
  - {name: cpu, expr: up, step: 30s}
profiles:
  prod:
    source: {url: 'http://prod:9090'}
    engine: {max_series: 5}
";

    #[test]
    fn a_profile_overlays_the_base() {
        let base = parse(BASE, None).unwrap();
        assert_eq!(base.engine.max_series, 20_000);
        let prod = parse(BASE, Some("prod")).unwrap();
        assert_eq!(prod.engine.max_series, 5);
        assert!(format!("{:?}", prod.source).contains("http://prod:9090"));
        let error = parse(BASE, Some("prdo")).unwrap_err().to_string();
        assert!(error.contains("prdo") && error.contains("prod"), "{error}");
    }

    #[test]
    fn unknown_keys_are_errors_with_path_and_suggestion() {
        let text = BASE.replace("step: 30s", "stepp: 30s");
        let error = parse(&text, None).unwrap_err().to_string();
        assert!(
            error.contains("queries[0]") && error.contains("did you mean `step`?"),
            "{error}"
        );
    }

    #[test]
    fn values_outside_their_domain_name_the_query() {
        for (from, to, word) in [
            ("step: 30s", "step: 30", "queries[0].step"),
            ("step: 30s", "step: 0s", "step"),
            ("step: 30s", "detector: zscor", "did you mean `zscore`"),
            (
                "step: 30s",
                "detector: zscore, parameters: {window: 0}",
                "window",
            ),
            ("step: 30s", "min_abs_dev: -1", "min_abs_dev"),
            ("expr: up", "expr: ''", "expr"),
        ] {
            let error = parse(&BASE.replace(from, to), None)
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{to}: {error}");
        }
    }

    /// The message that `text` is refused with, which never shows what is marked as secret.
    fn refusal(text: &str) -> String {
        let error = parse(text, None).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{text}: {error}");
        error
    }

    fn with_source(more: &str) -> String {
        BASE.replace(
            "url: 'http://localhost:9090'}",
            &format!("url: 'http://h:9090', {more}}}"),
        )
    }

    #[test]
    fn a_secret_may_be_any_scalar() {
        for (written, read) in [
            ("123456", "123456"),
            ("0123456", "0123456"),
            ("12_34", "12_34"),
            ("-5", "-5"),
            ("true", "true"),
            ("'1.10'", "1.10"),
            ("word", "word"),
        ] {
            let auth = format!("auth: {{type: basic, username: a, password: {written}}}");
            let config = parse(&with_source(&auth), None).unwrap();
            let SourceConfig::Prometheus { auth, .. } = config.source else {
                panic!("another source");
            };
            let AuthConfig::Basic { password, .. } = *auth else {
                panic!("another way in");
            };
            assert_eq!(password.secret().expose(), read);
        }
        for refused in ["1.10", "1e5", "[a]", "{a: b}", "null"] {
            let auth = format!("auth: {{type: bearer, token: {refused}}}");
            let error = refusal(&with_source(&auth));
            assert!(error.contains("quotes"), "{error}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_errors() {
        for more in [
            "auth: hunter2",
            "auth: {type: bearer, token: [hunter2]}",
            "auth: {type: bearer, token: {hunter2: 1}}",
            "auth: {type: basic, username: a, password: \"hunter2\\q\"}",
            "auth: {type: basic, username: a, password: hunter2: x}",
            "auth: {type: basic, username: a, password: *hunter2}",
            "auth: {type: bearer, token: \"hunter2\\n\"}",
            "headers: hunter2",
            "headers: {X-Key: \"hunter2\\n\"}",
            "params: {query: hunter2}",
            "tls: hunter2",
            "max_concurrency: hunter2",
        ] {
            refusal(&with_source(more));
        }
        let sinks = |sink: &str| format!("{BASE}\nsinks: [{sink}]\n");
        for sink in [
            "hunter2",
            "{type: webhook, url: 'hunter2'}",
            "{type: webhook, url: 'http://h/', token: \"hunter2\\n\"}",
            "{type: alertmanager, urls: 'http://a:hunter2@h'}",
            "{type: alertmanager, urls: ['http://a:hunter2@h']}",
        ] {
            refusal(&sinks(sink));
        }
        let error = refusal(&with_source("auth: {type: bearer, token: \"hunter2"));
        assert!(
            error.contains("line ") && error.contains("column "),
            "{error}"
        );
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let more = "headers: {X-Key: hunter2}, params: {key: hunter2}";
        let config = parse(&with_source(more), None).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn an_address_with_a_password_is_refused() {
        for url in [
            "http://ann:hunter2@h:9090",
            "http:/ann:hunter2@h",
            "http://hunter2@h",
        ] {
            let error = refusal(&BASE.replace("http://localhost:9090", url));
            assert!(error.contains("source.auth"), "{error}");
        }
        let path = BASE.replace("http://localhost:9090", "http://h:9090/a@b");
        assert!(parse(&path, None).is_ok());
    }

    #[test]
    fn what_a_run_would_refuse_is_refused_with_its_path() {
        let sinks = |sink: &str| format!("{BASE}\nsinks: [{{type: log}}, {sink}]\n");
        for (text, path) in [
            (BASE.replace("http://localhost:9090", "localhost"), "source"),
            (with_source("timeout: 0s"), "source.timeout"),
            (with_source("retries: 99"), "source"),
            (with_source("max_concurrency: 0"), "source"),
            (
                with_source("tls: {ca: /nowhere.pem}"),
                "source.tls.ca: /nowhere.pem",
            ),
            (with_source("headers: {'a b': c}"), "a b"),
            (
                BASE.replace("step: 30s", "alert: {labels: {query: x}}"),
                "queries[0].alert.labels.query",
            ),
            (
                BASE.replace("step: 30s", "alert: {labels: {'': x}}"),
                "queries[0].alert.labels",
            ),
            (
                BASE.replace("step: 30s", "alert: {labels: {a-b: x}}"),
                "queries[0].alert.labels.a-b",
            ),
            (
                BASE.replace("step: 30s", "alert: {min_points: 0}"),
                "queries[0].alert",
            ),
            (
                BASE.replace("step: 30s", "absent_after: 5m, forget_after: 5m"),
                "queries[0].forget_after",
            ),
            (
                BASE.replace("queries:", "engine: {max_series: 0}\nqueries:"),
                "engine.max_series",
            ),
            (sinks("{type: webhook, url: nowhere}"), "sinks[1]"),
            (
                sinks("{type: webhook, url: 'http://h', timeout: 0s}"),
                "sinks[1].timeout",
            ),
            (
                sinks("{type: alertmanager, urls: ['http://h'], resend: 0s}"),
                "sinks[1].resend",
            ),
            (sinks("{type: alertmanager, urls: []}"), "sinks[1].urls"),
            (sinks("{type: alertmanager, urls: ['h:1']}"), "sinks[1]"),
            (
                sinks("{type: alertmanager, urls: ['http://h'], labels: {'1': x}}"),
                "sinks[1].labels.1",
            ),
        ] {
            let error = parse(&text, None).unwrap_err().to_string();
            assert!(error.contains(path), "{text}: {error}");
        }
        let never = BASE.replace("step: 30s", "absent_after: 5m, forget_after: 0s");
        assert!(parse(&never, None).is_ok());
    }

    #[test]
    fn profiles_are_maps_of_maps() {
        let (base, _) = BASE.split_once("profiles:").unwrap();
        for (profiles, path) in [
            ("[a]", "profiles:"),
            ("prod", "profiles:"),
            ("{prod: 5}", "profiles.prod:"),
        ] {
            let error = refusal(&format!("{base}profiles: {profiles}\n"));
            assert!(error.contains(path), "{error}");
        }
        assert!(parse(&format!("{base}profiles:\n"), None).is_ok());
    }

    #[test]
    fn variables_are_expanded_and_must_exist() {
        let lookup = |name: &str| (name == "HOST").then(|| "h".to_owned());
        assert_eq!(
            expand("http://${HOST}:9/$${X}", &lookup).unwrap(),
            "http://h:9/${X}"
        );
        assert!(expand("${NOPE}", &lookup).unwrap_err().contains("NOPE"));
        assert!(expand("${HOST", &lookup).is_err());
    }
}
