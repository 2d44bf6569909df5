use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bongsu_core::{Secret, format_duration, parse_duration};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A duration as Prometheus spells it: `90s`, `5m`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(Duration);

impl Span {
    /// From whole seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// As a standard duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// In milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.0))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        parse_duration(&text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration as Prometheus spells it: 90s, 5m, 1h30m.",
            "pattern": "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"
        })
    }
}

/// A secret: the text itself, `${NAME}` for an environment variable, or `file:PATH`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretText(Secret);

impl SecretText {
    /// The secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Takes any scalar. What it refuses it does not repeat, as serde's own messages would.
struct SecretVisitor;

/// What serde would show of a refused value is the secret, so it is not given.
fn refused<T, E: serde::de::Error>(what: &str) -> Result<T, E> {
    Err(E::custom(format_args!(
        "{what} is no secret; write a text in quotes"
    )))
}

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretText, E> {
        let Some(path) = text.strip_prefix("file:") else {
            return Ok(SecretText(Secret::new(text)));
        };
        let content = std::fs::read_to_string(path)
            .map_err(|e| E::custom(format_args!("secret file {path}: {e}")))?;
        Ok(SecretText(Secret::new(
            content.trim_end_matches(['\n', '\r']),
        )))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<SecretText, E> {
        Ok(SecretText(Secret::new(value.to_string())))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<SecretText, E> {
        Ok(SecretText(Secret::new(value.to_string())))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<SecretText, E> {
        Ok(SecretText(Secret::new(value.to_string())))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<SecretText, E> {
        // How it was written, 1.10 or 1e3, is not known any more.
        refused("a number with a fraction or an exponent")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<SecretText, E> {
        refused("nothing")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<SecretText, E> {
        refused("nothing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretText, A::Error> {
        refused("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<SecretText, A::Error> {
        refused("a map")
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer", "boolean"],
            "description": "A secret: the text, ${NAME} for an environment variable, or file:PATH."
        })
    }
}
