use std::cmp::Ordering;
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
#[derive(Clone, PartialEq, Eq)]
pub struct Labels(
    /// All pairs in one block, as a service holds the labels of many thousand series and reads them
    /// anew at every tick: their number, and for each the length of its name, that of its value,
    /// name and value. See [`put_number`] for the numbers.
    Arc<str>,
);

impl Labels {
    /// No labels at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::packed(std::iter::empty())
    }

    /// From pairs in any order.
    ///
    /// # Errors
    /// When a name is empty or occurs twice.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        if pairs.iter().any(|(name, _)| name.as_ref().is_empty()) {
            return Err(Error::input("a label has an empty name"));
        }
        for (a, b) in pairs.iter().zip(pairs.iter().skip(1)) {
            let name = a.0.as_ref();
            if name == b.0.as_ref() {
                return Err(Error::input(format!("label `{name}` occurs twice")));
            }
        }
        let texts = pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref()));
        Ok(Self::packed(texts.filter(|(_, value)| !value.is_empty())))
    }

    /// From pairs in order of their names.
    fn packed<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let (mut count, mut length) = (0, 0);
        for (name, value) in pairs.clone() {
            count += 1;
            length += name.len() + value.len();
        }
        // Most lengths take one digit.
        let mut text = String::with_capacity(length + 4 * count + 2);
        put_number(&mut text, count);
        for (name, value) in pairs {
            put_number(&mut text, name.len());
            put_number(&mut text, value.len());
            text.push_str(name);
            text.push_str(value);
        }
        Self(text.into())
    }

    /// The value of label `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.iter();
        pairs.find_map(|(n, value)| (n == name).then_some(value))
    }

    /// The metric name, when there is one.
    #[must_use]
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// The pairs in order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + '_ {
        let (left, rest) = take_number(&self.0);
        Pairs { left, rest }
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        take_number(&self.0).0
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let (left, rest) = take_number(&self.0);
        let pairs = Pairs { left, rest };
        Self::packed(pairs.filter(|(name, _)| !names.contains(name)))
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

/// The pairs that are left of a block of labels.
#[derive(Clone)]
struct Pairs<'a> {
    left: usize,
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (name, rest) = take_number(self.rest);
        let (value, rest) = take_number(rest);
        let (name, rest) = rest.split_at_checked(name)?;
        let (value, rest) = rest.split_at_checked(value)?;
        self.rest = rest;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

/// Appends a number in digits of base 64, the smallest first, 64 added to all but the last: so every
/// digit is a character of one byte, and a block of numbers and texts is text.
fn put_number(text: &mut String, number: usize) {
    let mut rest = number;
    loop {
        let digit = (rest % 64) as u8;
        rest /= 64;
        if rest == 0 {
            text.push(char::from(digit));
            return;
        }
        text.push(char::from(digit + 64));
    }
}

/// The number at the front, and what follows it.
fn take_number(text: &str) -> (usize, &str) {
    let (mut number, mut shift) = (0, 0);
    for (at, digit) in text.bytes().enumerate() {
        number += usize::from(digit % 64) << shift;
        if digit < 64 {
            return (number, text.get(at + 1..).unwrap_or_default());
        }
        shift += 6;
    }
    (number, "")
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By the pairs, one after the other.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
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
    fn pairs_of_every_length_come_back_in_order() {
        for length in [1, 63, 64, 65, 4_095, 4_096, 300_000] {
            let long = "é".repeat(length);
            let pairs = [("a", "x"), (&*long, "\u{0}@"), ("z", &*long)];
            let labels = Labels::from_pairs(pairs).unwrap();
            let mut sorted = pairs;
            sorted.sort_unstable();
            assert!(labels.iter().eq(sorted), "{length}");
            assert_eq!(labels.iter().len(), 3);
            assert_eq!(labels.get("z"), Some(&*long));
            assert_eq!(labels.get("zz"), None);
            assert_eq!(labels.without(&["z"]).len(), 2);
        }
        let many = (0..100).map(|i| (format!("n{i:03}"), i.to_string()));
        let labels = Labels::from_pairs(many).unwrap();
        assert_eq!(labels.len(), 100);
        assert_eq!(labels.get("n099"), Some("99"));
    }

    #[test]
    fn order_is_that_of_the_pairs_whatever_their_lengths() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied()).unwrap();
        let sorted = [
            of(&[]),
            of(&[("a", "10")]),
            of(&[("a", "10"), ("b", "1")]),
            of(&[("a", "9")]),
            of(&[("aa", "1")]),
            of(&[("b", "")]),
        ];
        assert_eq!(sorted[0], sorted[5]);
        assert!(sorted[..5].is_sorted());
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
