use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::Error;

/// The part of the series that this process judges, where several share them: each series is
/// judged by exactly `replicas` of the `count` processes, chosen by its labels.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardConfig {
    /// The number of processes, at least 1.
    pub count: u64,
    /// Which of them this is, from 0: a number, or a text that ends in one, as the names of the pods
    /// of a `StatefulSet` do (`${HOSTNAME}`).
    pub index: ShardIndex,
    /// How many processes judge each series.
    #[serde(default = "one")]
    pub replicas: u64,
}

/// The number of a process among those that share the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardIndex(pub u64);

impl<'de> Deserialize<'de> for ShardIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => return Ok(Self(number)),
            Written::Text(text) => text,
        };
        let number = text.rsplit('-').next().unwrap_or_default();
        number.parse().map(Self).map_err(|_| {
            serde::de::Error::custom(format!(
                "`{text}` is neither a number nor a name that ends in `-` and a number"
            ))
        })
    }
}

impl JsonSchema for ShardIndex {
    fn schema_name() -> Cow<'static, str> {
        "ShardIndex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or a name that ends in `-` and a number.",
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "(^|-)[0-9]+$"}]
        })
    }
}

fn one() -> u64 {
    1
}

impl ShardConfig {
    /// The share of all series that a process judges.
    pub(crate) fn part(&self) -> f64 {
        self.replicas as f64 / self.count.max(1) as f64
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        let wrong = |key: &str, value: u64, domain: &str| {
            Err(Error::config(format!(
                "shard.{key} is {value}, but must be {domain}"
            )))
        };
        let count = self.count;
        if !(1..=1_000_000).contains(&count) {
            return wrong("count", count, "1 to 1000000");
        }
        if self.index.0 >= count {
            return wrong(
                "index",
                self.index.0,
                &format!("below shard.count, {count}"),
            );
        }
        if !(1..=count).contains(&self.replicas) {
            return wrong(
                "replicas",
                self.replicas,
                &format!("1 to shard.count, {count}"),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn the_index_may_be_the_name_of_a_pod() {
        let of = |shard: &str| {
            let text = format!(
                "{{source: {{type: csv, path: x.csv}}, queries: [{{name: a, expr: a}}], shard: {{{shard}}}}}"
            );
            parse(&text, None).map(|config| config.shard.unwrap().index.0)
        };
        assert_eq!(of("count: 3, index: 2").unwrap(), 2);
        assert_eq!(of("count: 3, index: bongsu-eu-1").unwrap(), 1);
        assert_eq!(of("count: 3, index: '0'").unwrap(), 0);
        for (wrong, word) in [
            ("count: 3, index: bongsu", "`bongsu` is neither"),
            ("count: 3, index: 3", "shard.index is 3, but must be below"),
            ("count: 0, index: 0", "shard.count is 0"),
            ("count: 3, index: 0, replicas: 4", "shard.replicas is 4"),
        ] {
            let error = of(wrong).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
