use std::path::Path;

use serde_json::Value;

use super::Config;
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
    let options = serde_saphyr::options! { strict_booleans: true };
    let mut value: Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|e| Error::config(e.to_string()))?;
    overlay_profile(&mut value, profile)?;
    expand_variables(&mut value, "", &|name| std::env::var(name).ok())?;
    let config: Config = serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let message = with_suggestion(&e.into_inner().to_string());
        Error::config(if path == "." {
            message
        } else {
            format!("{path}: {message}")
        })
    })?;
    config.validate()?;
    Ok(config)
}

fn overlay_profile(value: &mut Value, profile: Option<&str>) -> Result<(), Error> {
    let profiles = value
        .as_object_mut()
        .and_then(|base| base.remove("profiles"));
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
    merge(value, overlay);
    Ok(())
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

/// The candidate nearest to `word`, when it is near enough to be a slip.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|&(distance, candidate)| {
            distance <= 1 + candidate.chars().count().min(word.chars().count()) / 4
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = substituted.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(
            nearest("zscor", ["iqr", "zscore"].into_iter()),
            Some("zscore")
        );
        assert_eq!(nearest("banana", ["iqr", "zscore"].into_iter()), None);
    }
}
