use bongsu_core::{Labels, METRIC_NAME};
use regex::Regex;

use crate::{Error, ErrorKind};

/// How a [`Matcher`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`: the whole value matches the regular expression.
    Matches,
    /// `!~`: the whole value does not match the regular expression.
    MatchesNot,
}

/// A condition on one label. A label that a series does not have counts as empty, as in PromQL.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

impl Matcher {
    /// The condition that label `name` relates to `value` by `op`.
    ///
    /// # Errors
    /// When `value` has to be a regular expression and is none.
    pub fn new(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        let value = value.into();
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::MatchesNot => {
                // Alone first: the group around it must not be what closes its parentheses.
                let whole = Regex::new(&value).and_then(|_| Regex::new(&format!("^(?:{value})$")));
                Some(whole.map_err(|e| {
                    let message = format!("`{value}` is not a regular expression: {e}");
                    Error::plain(ErrorKind::Selector, message)
                })?)
            }
        };
        Ok(Self {
            name: name.into(),
            op,
            value,
            regex,
        })
    }

    /// The condition that the metric's name is `name`.
    #[must_use]
    pub fn metric(name: impl Into<String>) -> Self {
        Self {
            name: METRIC_NAME.to_owned(),
            op: MatchOp::Equal,
            value: name.into(),
            regex: None,
        }
    }

    /// The label's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The comparison.
    #[must_use]
    pub const fn op(&self) -> MatchOp {
        self.op
    }

    /// What the label is compared with.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether `labels` meet the condition.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.name).unwrap_or_default())
    }

    /// Whether a label with this value meets the condition.
    pub(crate) fn matches_value(&self, value: &str) -> bool {
        match (&self.regex, self.op) {
            (None, MatchOp::NotEqual) => value != self.value,
            (None, _) => value == self.value,
            (Some(regex), MatchOp::MatchesNot) => !regex.is_match(value),
            (Some(regex), _) => regex.is_match(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_labels_count_as_empty_and_regexes_are_anchored() {
        let labels = Labels::from_pairs([("job", "node"), ("code", "503")]).unwrap();
        for (name, op, value, expected) in [
            ("job", MatchOp::Equal, "node", true),
            ("job", MatchOp::NotEqual, "node", false),
            ("none", MatchOp::Equal, "", true),
            ("none", MatchOp::NotEqual, "x", true),
            ("none", MatchOp::Matches, ".*", true),
            ("none", MatchOp::Matches, ".+", false),
            ("code", MatchOp::Matches, "5..", true),
            ("code", MatchOp::Matches, "0", false),
            ("code", MatchOp::Matches, "4..|50", false),
            ("code", MatchOp::MatchesNot, "4..|50", true),
        ] {
            let matcher = Matcher::new(name, op, value).unwrap();
            assert_eq!(matcher.matches(&labels), expected, "{matcher:?}");
        }
        for bad in ["(", "x)(y", "x)|(?:y"] {
            assert!(Matcher::new("a", MatchOp::Matches, bad).is_err(), "{bad}");
        }
    }
}
