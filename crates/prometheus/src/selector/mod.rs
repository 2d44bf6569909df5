//! Which series: conditions on labels, and the selectors of PromQL that hold them.

mod matcher;

use std::str::FromStr;
use std::time::Duration;

use bongsu_core::{Labels, METRIC_NAME, parse_duration};

use crate::{Error, ErrorKind};

pub use matcher::{MatchOp, Matcher};

/// A plain PromQL selector: `name{label="value", other!~"re.*"}[5m] offset 1m`, range and offset
/// optional.
///
/// ```
/// use bongsu_prometheus::Selector;
/// let selector: Selector = r#"http_requests_total{code=~"5.."}[5m]"#.parse()?;
/// assert_eq!(selector.matchers().len(), 2);
/// assert!("rate(http_requests_total[5m])".parse::<Selector>().is_err());
/// # Ok::<(), bongsu_prometheus::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Selector {
    matchers: Vec<Matcher>,
    range: Option<Duration>,
    offset_ms: i64,
}

impl Selector {
    /// The conditions on labels; the metric's name is one of them.
    #[must_use]
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The length of the range, when it is a range selector.
    #[must_use]
    pub const fn range(&self) -> Option<Duration> {
        self.range
    }

    /// How far in the past to look, in milliseconds; negative for the future.
    #[must_use]
    pub const fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Whether `labels` meet all conditions.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Parser { text, rest: text }.selector()
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn error(&self, message: &str) -> Error {
        let at = self.text.len() - self.rest.len();
        let column = self
            .text
            .get(..at)
            .map_or(0, |before| before.chars().count())
            + 1;
        let message = format!("invalid parameter \"query\": 1:{column}: parse error: {message}");
        Error::plain(ErrorKind::Selector, message)
    }

    fn unsupported(&self) -> Error {
        self.error("only plain selectors such as name{label=\"value\"}, with [5m] and offset, are understood here")
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
        while let Some(comment) = self.rest.strip_prefix('#') {
            let end = comment.find('\n').unwrap_or(comment.len());
            self.rest = comment.get(end..).unwrap_or_default().trim_start();
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes leading characters that `allowed` accepts.
    fn take_while(&mut self, allowed: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !allowed(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn selector(mut self) -> Result<Selector, Error> {
        self.skip_space();
        if self.rest.is_empty() {
            return Err(self.error("no expression found in input"));
        }
        let mut matchers = Vec::new();
        if !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
            if !name.is_empty() {
                matchers.push(Matcher::metric(name));
            }
        }
        let named = !matchers.is_empty();
        if self.eat("{") {
            self.matchers(&mut matchers)?;
        } else if !named {
            return Err(self.unsupported());
        }
        if named && matchers.iter().skip(1).any(|m| m.name() == METRIC_NAME) {
            return Err(self.error("metric name must not be set twice"));
        }
        let range = self.range()?;
        let offset_ms = self.offset()?;
        self.skip_space();
        if !self.rest.is_empty() {
            return Err(self.unsupported());
        }
        // Otherwise every series would match.
        if matchers.iter().all(|matcher| matcher.matches_value("")) {
            return Err(self.error("vector selector must contain at least one non-empty matcher"));
        }
        Ok(Selector {
            matchers,
            range,
            offset_ms,
        })
    }

    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), Error> {
        while !self.eat("}") {
            self.skip_space();
            if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(self.error("a label name cannot start with a digit"));
            }
            let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
            if name.is_empty() {
                return Err(self.error("expected a label name or `}`"));
            }
            let op = if self.eat("=~") {
                MatchOp::Matches
            } else if self.eat("!~") {
                MatchOp::MatchesNot
            } else if self.eat("!=") {
                MatchOp::NotEqual
            } else if self.eat("=") {
                MatchOp::Equal
            } else {
                return Err(
                    self.error("expected one of `=`, `!=`, `=~`, `!~` after the label name")
                );
            };
            let value = self.string()?;
            let matcher = Matcher::new(name, op, value).map_err(|e| self.error(&e.to_string()))?;
            matchers.push(matcher);
            if !self.eat(",") {
                if self.eat("}") {
                    return Ok(());
                }
                return Err(self.error("expected `,` or `}` after the label matcher"));
            }
        }
        Ok(())
    }

    fn range(&mut self) -> Result<Option<Duration>, Error> {
        if !self.eat("[") {
            return Ok(None);
        }
        let range = self.duration()?;
        if range.is_zero() {
            return Err(self.error("duration must be greater than 0"));
        }
        if !self.eat("]") {
            return Err(self.unsupported());
        }
        Ok(Some(range))
    }

    fn offset(&mut self) -> Result<i64, Error> {
        if !self.eat("offset") {
            return Ok(0);
        }
        let sign = if self.eat("-") { -1 } else { 1 };
        let millis = self.duration()?.as_millis();
        i64::try_from(millis)
            .map(|millis| sign * millis)
            .map_err(|_| self.error("the offset is too long"))
    }

    fn duration(&mut self) -> Result<Duration, Error> {
        self.skip_space();
        let text = self.take_while(|c| c.is_ascii_alphanumeric());
        parse_duration(text).map_err(|e| self.error(&e.to_string()))
    }

    /// A quoted string with Go's escapes; back quotes have none.
    fn string(&mut self) -> Result<String, Error> {
        self.skip_space();
        let Some(quote @ ('"' | '\'' | '`')) = self.rest.chars().next() else {
            return Err(self.error("expected a quoted string"));
        };
        self.rest = self.rest.get(1..).unwrap_or_default();
        let mut value = Vec::new();
        loop {
            let mut chars = self.rest.chars();
            let next = chars.next();
            let c = next.ok_or_else(|| self.error("unterminated quoted string"))?;
            self.rest = chars.as_str();
            if c == quote {
                break;
            } else if c == '\\' && quote != '`' {
                self.escape(quote, &mut value)?;
            } else if c == '\n' && quote != '`' {
                return Err(self.error("unterminated quoted string"));
            } else {
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        String::from_utf8(value).map_err(|_| self.error("the string is not UTF-8"))
    }

    /// What follows a backslash.
    fn escape(&mut self, quote: char, value: &mut Vec<u8>) -> Result<(), Error> {
        let mut chars = self.rest.chars();
        let c = chars
            .next()
            .ok_or_else(|| self.error("unterminated quoted string"))?;
        let before = self.rest;
        self.rest = chars.as_str();
        let simple = match c {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' => b'\\',
            'x' => u8::try_from(self.code(2, 16)?).map_err(|_| self.error("unknown escape"))?,
            '0'..='7' => {
                self.rest = before;
                u8::try_from(self.code(3, 8)?).map_err(|_| self.error("unknown escape"))?
            }
            'u' | 'U' => {
                let code = self.code(if c == 'u' { 4 } else { 8 }, 16)?;
                let c = char::from_u32(code).ok_or_else(|| self.error("unknown escape"))?;
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            c if c == quote => {
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.error("unknown escape")),
        };
        value.push(simple);
        Ok(())
    }

    fn code(&mut self, len: usize, radix: u32) -> Result<u32, Error> {
        let unknown = self.error("unknown escape");
        let Some((digits, rest)) = self.rest.split_at_checked(len) else {
            return Err(unknown);
        };
        if !digits.chars().all(|c| c.is_digit(radix)) {
            return Err(unknown);
        }
        self.rest = rest;
        u32::from_str_radix(digits, radix).map_err(|_| unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Selector {
        text.parse().unwrap()
    }

    #[test]
    fn selectors_are_read() {
        let selector =
            read(" job:rate5m { a = \"b\" , c!='d',e=~`x\\d`,f!~\"y\", } [1h30m] offset 5m # note");
        let parts: Vec<_> = selector
            .matchers()
            .iter()
            .map(|m| (m.name(), m.op(), m.value()))
            .collect();
        assert_eq!(
            parts,
            [
                ("__name__", MatchOp::Equal, "job:rate5m"),
                ("a", MatchOp::Equal, "b"),
                ("c", MatchOp::NotEqual, "d"),
                ("e", MatchOp::Matches, "x\\d"),
                ("f", MatchOp::MatchesNot, "y"),
            ]
        );
        assert_eq!(selector.range(), Some(Duration::from_secs(5_400)));
        assert_eq!(selector.offset_ms(), 300_000);
        assert_eq!(read("up offset -1m").offset_ms(), -60_000);
        assert_eq!(read("{__name__=~\"a|b\"}").matchers().len(), 1);
    }

    #[test]
    fn escapes_are_those_of_go() {
        let selector = read(r#"up{a="\a\\\"\n\t\x41\101\u00e9\U0001F600é'", b='\'"'}"#);
        assert_eq!(selector.matchers()[1].value(), "\u{7}\\\"\n\tAAé😀é'");
        assert_eq!(selector.matchers()[2].value(), "'\"");
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        for text in [
            "",
            "rate(up[5m])",
            "sum(up)",
            "up + 1",
            "1",
            "up[5m:1m]",
            "up @ 1",
            "-up",
            "(up)",
            "up == 1",
            "up{a=\"b\"",
            "up{a}",
            "up{=\"b\"}",
            "up{a=b}",
            "up{a=\"\\q\"}",
            "up[x]",
            "up[0s]",
            "{}",
            "{a=~\".*\"}",
            "{a=\"\"}",
            "up{__name__=\"x\"}",
            "up{a=\"\\'\"}",
            "up{a=~\"(\"}",
            "up{a=\"b\nc\"}",
            "up{a=\"\\400\"}",
            "up offset",
            "up up",
        ] {
            let error = text.parse::<Selector>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Selector, "{text}");
            assert!(error.to_string().contains("parse error"), "{text}: {error}");
        }
        let error = "up + 1".parse::<Selector>().unwrap_err().to_string();
        assert!(
            error.contains("1:4") && error.contains("only plain selectors"),
            "{error}"
        );
    }
}
