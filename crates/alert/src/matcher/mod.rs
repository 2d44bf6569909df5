//! Conditions on labels, as Alertmanager writes them.

mod parse;
mod subject;

use bongsu_core::Labels;
use regex::Regex;

pub(crate) use self::parse::parse_all;
pub(crate) use self::subject::ALERTNAME;
pub use self::subject::Subject;
use crate::Error;

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

impl MatchOp {
    /// How it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}

/// A condition on one label. A label that is missing counts as empty; regular expressions match
/// the whole value.
///
/// ```
/// use bongsu_alert::Matcher;
/// use bongsu_core::Labels;
/// let matchers = Matcher::parse_all(r#"{service=~"mysql|cassandra", env!="test"}"#)?;
/// let labels = Labels::from_pairs([("service", "mysql")])?;
/// assert!(matchers.iter().all(|matcher| matcher.matches(&labels)));
/// assert_eq!(matchers[0].to_string(), r#"service=~"mysql|cassandra""#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// When the name is empty, or `value` has to be a regular expression and is none.
    pub fn new(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() {
            return Err(Error::input("a matcher has an empty label name"));
        }
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::MatchesNot => Some(whole(&value)?),
        };
        Ok(Self {
            name,
            op,
            value,
            regex,
        })
    }

    /// Reads conditions as Alertmanager writes them: `name op value`, several of them divided by
    /// commas, with or without braces around all of them. A value may stand in double quotes, in
    /// which `\"`, `\\` and `\n` are escapes and other backslashes stand for themselves; a name may
    /// stand in double quotes.
    ///
    /// # Errors
    /// When the text is anything else; the message says where.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Error> {
        parse_all(text)
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

    /// Whether the alert meets the condition.
    #[must_use]
    pub fn matches_alert(&self, alert: Subject<'_>) -> bool {
        self.matches_value(alert.get(&self.name))
    }

    pub(crate) fn matches_value(&self, value: &str) -> bool {
        match (&self.regex, self.op) {
            (None, MatchOp::NotEqual) => value != self.value,
            (None, _) => value == self.value,
            (Some(regex), MatchOp::MatchesNot) => !regex.is_match(value),
            (Some(regex), _) => regex.is_match(value),
        }
    }
}

/// Whether the alert meets all conditions; there may be none.
pub(crate) fn all_match(matchers: &[Matcher], alert: Subject<'_>) -> bool {
    matchers.iter().all(|matcher| matcher.matches_alert(alert))
}

/// The conditions in braces, in the order of their texts: the same for the same conditions.
pub(crate) fn selector(matchers: &[Matcher]) -> String {
    let mut texts: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
    texts.sort();
    format!("{{{}}}", texts.join(","))
}

fn whole(expression: &str) -> Result<Regex, Error> {
    // Alone first: the group around it must not be what closes its parentheses.
    Regex::new(expression)
        .and_then(|_| Regex::new(&format!("^(?:{expression})$")))
        .map_err(|e| Error::input(format!("`{expression}` is not a regular expression: {e}")))
}

/// As it was written; equal conditions have equal texts.
impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.name.chars().all(plain) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quoted(&self.name))?;
        }
        write!(f, "{}{}", self.op.as_str(), quoted(&self.value))
    }
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    let text = text.replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::labels;

    #[test]
    fn missing_labels_count_as_empty_and_regexes_are_anchored() {
        let labels = labels(&[("job", "node"), ("code", "503")]);
        for (text, expected) in [
            ("job=node", true),
            ("job!=node", false),
            ("none=", true),
            ("none!=x", true),
            ("none=~\".*\"", true),
            ("none=~\".+\"", false),
            ("code=~5..", true),
            ("code=~0", false),
            ("code=~\"4..|50\"", false),
            ("code!~\"4..|50\"", true),
        ] {
            let matcher = Matcher::parse_all(text).unwrap().remove(0);
            assert_eq!(matcher.matches(&labels), expected, "{matcher}");
        }
        for bad in ["(", "x)(y", "x)|(?:y"] {
            assert!(Matcher::new("a", MatchOp::Matches, bad).is_err(), "{bad}");
        }
    }
}
