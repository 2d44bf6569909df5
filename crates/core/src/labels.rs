use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// The identity of a series: name/value pairs, sorted by name, each name once.
///
/// Cloning copies a pointer. A pair with an empty value means the same as no pair and is dropped,
/// as in Prometheus.
///
/// ```
/// use bongsu_core::Labels;
/// let labels = Labels::from_pairs([("job", "node"), ("__name__", "up")])?;
/// assert_eq!(labels.to_string(), r#"{__name__="up", job="node"}"#);
/// assert_eq!(labels.selector(), r#"up{job="node"}"#);
/// assert_eq!(labels.get("job"), Some("node"));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// No labels at all.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new([]))
    }

    /// From pairs in any order.
    ///
    /// # Errors
    /// When a name is empty or occurs twice.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self>
    where
        N: Into<Box<str>>,
        V: Into<Box<str>>,
    {
        let mut pairs: Vec<(Box<str>, Box<str>)> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        pairs.sort();
        if pairs.iter().any(|(name, _)| name.is_empty()) {
            return Err(Error::input("a label has an empty name"));
        }
        for (a, b) in pairs.iter().zip(pairs.iter().skip(1)) {
            if a.0 == b.0 {
                return Err(Error::input(format!("label `{}` occurs twice", a.0)));
            }
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs.into()))
    }

    /// The value of label `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// The metric name, when there is one.
    #[must_use]
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// The pairs in order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + '_ {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These labels with `name` set to `value` (removed when `value` is empty).
    ///
    /// # Errors
    /// When `name` is empty.
    pub fn with(&self, name: &str, value: &str) -> Result<Self> {
        let others = self.iter().filter(|(n, _)| *n != name);
        Self::from_pairs(others.chain([(name, value)]))
    }

    /// These labels without those named in `names`.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| !names.contains(&&**name))
                .cloned()
                .collect(),
        )
    }

    /// A 64-bit identity that is the same on every machine and in every release: xxHash64
    /// (seed 0) over each pair's name, a byte `0xff`, its value, a byte `0xff`, in order. This is
    /// the hash that Prometheus uses for its label sets.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = twox_hash::XxHash64::with_seed(0);
        for (name, value) in self.iter() {
            hasher.write(name.as_bytes());
            hasher.write(&[0xff]);
            hasher.write(value.as_bytes());
            hasher.write(&[0xff]);
        }
        hasher.finish()
    }

    /// The labels as a PromQL selector: `name{a="b"}`.
    #[must_use]
    pub fn selector(&self) -> String {
        let name = self.metric_name().unwrap_or_default();
        let rest = self.without(&[METRIC_NAME]);
        match (name.is_empty(), rest.is_empty()) {
            (false, true) => name.to_owned(),
            _ => format!("{name}{{{}}}", rest.pairs_text(",")),
        }
    }

    fn pairs_text(&self, separator: &str) -> String {
        let mut text = String::new();
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                text.push_str(separator);
            }
            text.push_str(name);
            text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '"' => text.push_str("\\\""),
                    '\\' => text.push_str("\\\\"),
                    '\n' => text.push_str("\\n"),
                    c if c.is_control() => {
                        let _infallible = write!(text, "\\x{:02x}", u32::from(c));
                    }
                    c => text.push(c),
                }
            }
            text.push('"');
        }
        text
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.fingerprint());
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.pairs_text(", "))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A map from name to value.
impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of label names to values")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Labels, A::Error> {
                let mut pairs = Vec::<(Box<str>, Box<str>)>::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Labels::from_pairs(pairs).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_has_a_fixed_value() {
        // xxHash64 of nothing with seed 0, and of the pairs' canonical bytes: these must never change.
        assert_eq!(Labels::empty().fingerprint(), 0xef46_db37_51d8_e999);
        let labels = Labels::from_pairs([("b", "2"), ("a", "1")]).unwrap();
        assert_eq!(
            labels.fingerprint(),
            twox_hash::XxHash64::oneshot(0, b"a\xff1\xffb\xff2\xff")
        );
    }

    #[test]
    fn order_and_empty_values_do_not_matter() {
        let a = Labels::from_pairs([("x", "1"), ("y", ""), ("a", "2")]).unwrap();
        let b = Labels::from_pairs([("a", "2"), ("x", "1")]).unwrap();
        assert_eq!(a, b);
        assert_eq!(a.fingerprint(), b.fingerprint());
    }

    #[test]
    fn doubled_and_empty_names_are_refused() {
        assert!(Labels::from_pairs([("a", "1"), ("a", "2")]).is_err());
        assert!(Labels::from_pairs([("", "1")]).is_err());
    }

    #[test]
    fn display_escapes() {
        let labels = Labels::from_pairs([("p", "C:\\\"x\"\n")]).unwrap();
        assert_eq!(labels.to_string(), r#"{p="C:\\\"x\"\n"}"#);
    }

    #[test]
    fn serde_is_a_map_and_refuses_what_from_pairs_refuses() {
        let labels = Labels::from_pairs([("a", "1"), ("b", "2")]).unwrap();
        let bytes = postcard::to_stdvec(&labels).unwrap();
        assert_eq!(postcard::from_bytes::<Labels>(&bytes).unwrap(), labels);
    }
}
