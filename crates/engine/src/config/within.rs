//! Where within the source something is wrong.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{AuthConfig, SecretText, Span, TlsConfig};

type Secrets = BTreeMap<String, SecretText>;

/// The place within a section that is read by its `type`, and what is wrong there: serde tells only
/// of the section as a whole.
pub(super) fn innermost(value: &Value, path: String, message: String) -> (String, String) {
    if path != "source" {
        return (path, message);
    }
    let Some(source) = value.get("source") else {
        return (path, message);
    };
    let auth = source.get("auth");
    let of_auth = |key: &str| auth.and_then(|auth| auth.get(key));
    wrong_in::<String>(of_auth("username"), "source.auth.username")
        .or_else(|| wrong_in::<SecretText>(of_auth("password"), "source.auth.password"))
        .or_else(|| wrong_in::<SecretText>(of_auth("token"), "source.auth.token"))
        .or_else(|| wrong_in::<Secrets>(of_auth("headers"), "source.auth.headers"))
        .or_else(|| wrong_in::<AuthConfig>(auth, "source.auth"))
        .or_else(|| wrong_in::<TlsConfig>(source.get("tls"), "source.tls"))
        .or_else(|| wrong_in::<Secrets>(source.get("headers"), "source.headers"))
        .or_else(|| wrong_in::<Secrets>(source.get("params"), "source.params"))
        .or_else(|| wrong_in::<Span>(source.get("timeout"), "source.timeout"))
        .unwrap_or((path, message))
}

/// Where `value`, which stands at `place`, is no `T`, and why.
fn wrong_in<T: serde::de::DeserializeOwned>(
    value: Option<&Value>,
    place: &str,
) -> Option<(String, String)> {
    let error = serde_path_to_error::deserialize::<_, T>(value?).err()?;
    let path = error.path().to_string();
    let path = match path.as_str() {
        "." => place.to_owned(),
        path => format!("{place}.{path}"),
    };
    Some((path, error.into_inner().to_string()))
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn what_is_wrong_within_the_source_is_told_with_its_full_path() {
        for (wrong, path) in [
            (
                "auth: {type: bearer, token: [hunter2]}",
                "source.auth.token: ",
            ),
            ("auth: {type: bearer}", "source.auth: missing field `token`"),
            (
                "auth: {type: bear, token: x}",
                "source.auth.type: unknown variant",
            ),
            (
                "auth: {type: basic, username: [a], password: x}",
                "source.auth.username: ",
            ),
            (
                "auth: {type: headers, headers: {X-Key: [hunter2]}}",
                "source.auth.headers.X-Key: ",
            ),
            ("tls: {caa: /x.pem}", "source.tls"),
            ("timeout: soon", "source.timeout: "),
            ("colour: red", "source: unknown field"),
        ] {
            let text = format!(
                "source: {{type: prometheus, url: 'http://h', {wrong}}}\nqueries: [{{name: a, expr: a}}]\n"
            );
            let error = parse(&text, None).unwrap_err().to_string();
            assert!(error.starts_with(path), "{wrong}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
