//! How a client proves who it is, and how its connection is encrypted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretText;

/// How to authenticate: exactly one way.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthConfig {
    /// Not at all.
    #[default]
    None,
    /// User name and password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretText,
    },
    /// A bearer token.
    Bearer {
        /// The token.
        token: SecretText,
    },
    /// Secret headers.
    Headers {
        /// Names and values.
        headers: BTreeMap<String, SecretText>,
    },
    /// A bearer token by the client credentials of OAuth 2.0, fetched again before it ends. Not for
    /// sinks.
    #[serde(rename = "oauth2")]
    OAuth2 {
        /// Where tokens are fetched.
        token_url: String,
        /// The client's name there.
        client_id: String,
        /// The client's secret.
        client_secret: SecretText,
        /// What the token is for.
        #[serde(default)]
        scopes: Vec<String>,
        /// Further parameters of the question for a token, for example `audience`.
        #[serde(default)]
        params: BTreeMap<String, SecretText>,
        /// How the client shows its secret.
        #[serde(default)]
        client_auth: ClientAuthConfig,
        /// Encryption of the connection to `token_url`.
        #[serde(default)]
        tls: TlsConfig,
    },
    /// Each request is signed for Amazon's services (signature version 4). Not for sinks.
    #[serde(rename = "sigv4")]
    SigV4 {
        /// The region, for example `eu-west-1`.
        region: String,
        /// The identity of the key, for example `${AWS_ACCESS_KEY_ID}`.
        access_key: String,
        /// The key, for example `${AWS_SECRET_ACCESS_KEY}`.
        secret_key: SecretText,
        /// The session token of temporary credentials.
        #[serde(default)]
        session_token: Option<SecretText>,
        /// The service that is asked.
        #[serde(default = "aps")]
        service: String,
    },
}

/// How an OAuth 2.0 client shows its secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthConfig {
    /// By basic authentication.
    #[default]
    Basic,
    /// In the body.
    Body,
}

fn aps() -> String {
    "aps".to_owned()
}

/// Encryption of a connection.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificate authorities in PEM that are trusted instead of the operating system's.
    pub ca: Option<PathBuf>,
    /// The client's certificate in PEM.
    pub client_certificate: Option<PathBuf>,
    /// The client's key in PEM.
    pub client_key: Option<PathBuf>,
    /// Do not check the server's certificate. For trials only.
    pub insecure_skip_verify: bool,
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    /// What is said to be wrong with `auth` of the source.
    fn of_source(auth: &str) -> Option<String> {
        let text = format!(
            "source: {{type: prometheus, url: 'http://h', auth: {auth}}}\nqueries: [{{name: a, expr: a}}]"
        );
        let error = parse(&text, None).err()?.to_string();
        assert!(!error.contains("hunter2"), "{error}");
        Some(error)
    }

    const CLIENT: &str = "type: oauth2, client_id: a, client_secret: hunter2";
    const KEYS: &str = "type: sigv4, access_key: A, secret_key: hunter2";

    #[test]
    fn each_way_in_has_its_settings_and_no_others() {
        for right in [
            format!("{{{CLIENT}, token_url: 'http://h'}}"),
            format!(
                "{{{CLIENT}, token_url: 'http://h', scopes: [a, b], params: {{audience: x}}, client_auth: body}}"
            ),
            format!("{{{KEYS}, region: eu-west-1}}"),
            format!("{{{KEYS}, region: eu-west-1, session_token: hunter2, service: es}}"),
        ] {
            assert_eq!(of_source(&right), None, "{right}");
        }
        for (wrong, named) in [
            (format!("{{{CLIENT}}}"), "token_url"),
            (format!("{{{CLIENT}, token_url: hunter2}}"), "token_url"),
            (
                format!("{{{CLIENT}, token_url: 'http://h', scopes: ['a b']}}"),
                "scopes",
            ),
            (
                format!("{{{CLIENT}, token_url: 'http://h', params: {{scope: a}}}}"),
                "params",
            ),
            (
                format!("{{{CLIENT}, token_url: 'http://h', client_auth: none}}"),
                "source.auth",
            ),
            (
                format!("{{{CLIENT}, token_url: 'http://h', tls: {{ca: /none.pem}}}}"),
                "source.auth.tls.ca",
            ),
            (
                format!("{{{CLIENT}, token_url: 'http://h', token: a}}"),
                "source.auth",
            ),
            (format!("{{{KEYS}}}"), "region"),
            (format!("{{{KEYS}, region: 'EU west'}}"), "region"),
            (format!("{{{KEYS}, region: eu, service: ''}}"), "service"),
        ] {
            let error = of_source(&wrong).unwrap_or_default();
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }

    #[test]
    fn remote_write_takes_them_and_sinks_do_not() {
        let base = "source: {type: prometheus, url: 'http://h'}\nqueries: [{name: a, expr: a}]\n";
        for auth in [
            format!("{{{CLIENT}, token_url: 'http://h'}}"),
            format!("{{{KEYS}, region: eu-west-1}}"),
        ] {
            let write =
                format!("{base}output: {{remote_write: {{url: 'http://h', auth: {auth}}}}}");
            assert!(parse(&write, None).is_ok(), "{auth}");
            for sink in [
                "type: webhook, url: 'http://h'",
                "type: alertmanager, urls: ['http://h']",
            ] {
                let told = format!("{base}sinks: [{{{sink}, auth: {auth}}}]");
                let error = parse(&told, None).unwrap_err().to_string();
                assert!(error.contains("sources and remote write"), "{error}");
            }
        }
    }
}
