//! One line of an exposition.

use bongsu_core::{Labels, METRIC_NAME, Timestamp};

use super::Format;
use crate::decode::number;

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// It is empty or a remark.
    Nothing,
    /// `# EOF`
    End,
    /// `# TYPE`, `# HELP` or `# UNIT`.
    Declared {
        name: String,
        what: What,
        text: String,
    },
    Value {
        labels: Labels,
        value: f64,
        time: Option<Timestamp>,
    },
}

/// What is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Kind,
    Help,
    Unit,
}

/// What is wrong with a line, and from which character on (from 1).
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) column: usize,
    pub(super) message: String,
}

/// Reads `text`, a line without its end.
pub(super) fn read(text: &str, format: Format) -> Result<Line, Bad> {
    let mut reader = Reader { text, rest: text };
    reader.blanks();
    match reader.rest.strip_prefix('#') {
        _ if reader.rest.is_empty() => Ok(Line::Nothing),
        Some(rest) => {
            reader.rest = rest;
            reader.remark()
        }
        None => reader.sample(format),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn bad(&self, message: impl Into<String>) -> Bad {
        let read = self.text.len() - self.rest.len();
        let before = self.text.get(..read).unwrap_or_default();
        Bad {
            column: before.chars().count() + 1,
            message: message.into(),
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Up to the next blank.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find([' ', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn remark(&mut self) -> Result<Line, Bad> {
        self.blanks();
        let what = match self.word() {
            "TYPE" => What::Kind,
            "HELP" => What::Help,
            "UNIT" => What::Unit,
            "EOF" if self.rest.is_empty() => return Ok(Line::End),
            _ => return Ok(Line::Nothing),
        };
        self.blanks();
        let name = if self.rest.starts_with('"') {
            self.quoted()?
        } else {
            self.word().to_owned()
        };
        if name.is_empty() {
            return Err(self.bad("expected the name of a metric"));
        }
        self.blanks();
        let text = match what {
            What::Help => unescaped(self.rest),
            What::Kind => self.rest.trim_end().replace("untyped", "unknown"),
            What::Unit => self.rest.trim_end().to_owned(),
        };
        Ok(Line::Declared { name, what, text })
    }

    fn sample(&mut self, format: Format) -> Result<Line, Bad> {
        let mut pairs = Vec::<(String, String)>::with_capacity(8);
        let name = self.name(true);
        if !name.is_empty() {
            pairs.push((METRIC_NAME.to_owned(), name.to_owned()));
        }
        self.blanks();
        if self.eat('{') {
            self.labels(&mut pairs)?;
        }
        if pairs.iter().all(|(name, _)| name != METRIC_NAME) {
            return Err(self.bad("expected the name of a metric"));
        }
        let labels = Labels::from_pairs(pairs).map_err(|e| self.bad(e.to_string()))?;
        self.blanks();
        let value = number::value(self.peeked_word().as_bytes())
            .ok_or_else(|| self.bad("expected a value"))?;
        self.word();
        self.blanks();
        let time = match self.rest.chars().next() {
            None | Some('#') => None,
            Some(_) => Some(self.time(format)?),
        };
        self.blanks();
        let exemplar = format == Format::OpenMetrics && self.rest.starts_with('#');
        if !self.rest.is_empty() && !exemplar {
            return Err(self.bad("expected the end of the line"));
        }
        Ok(Line::Value {
            labels,
            value,
            time,
        })
    }

    fn peeked_word(&self) -> &'a str {
        let end = self.rest.find([' ', '\t']).unwrap_or(self.rest.len());
        self.rest.get(..end).unwrap_or_default()
    }

    fn time(&mut self, format: Format) -> Result<Timestamp, Bad> {
        let word = self.peeked_word();
        let time = match format {
            Format::Prometheus => word.parse().ok().map(Timestamp::from_millis),
            Format::OpenMetrics => number::timestamp(word.as_bytes()),
        };
        let time = time.ok_or_else(|| self.bad("expected a time"))?;
        self.word();
        Ok(time)
    }

    /// A name without quotes: letters, digits, `_`, and `:` where it is a metric's.
    fn name(&mut self, of_metric: bool) -> &'a str {
        let valid = |(at, c): (usize, char)| {
            c == '_'
                || c.is_ascii_alphabetic()
                || (at > 0 && c.is_ascii_digit())
                || (of_metric && c == ':')
        };
        let end = self.rest.char_indices().find(|&pair| !valid(pair));
        let end = end.map_or(self.rest.len(), |(at, _)| at);
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name
    }

    /// `a="b", "c.d"="e"}`; a text in quotes alone is the metric's name.
    fn labels(&mut self, pairs: &mut Vec<(String, String)>) -> Result<(), Bad> {
        loop {
            self.blanks();
            if self.eat('}') {
                return Ok(());
            }
            let in_quotes = self.rest.starts_with('"');
            let name = if in_quotes {
                self.quoted()?
            } else {
                self.name(false).to_owned()
            };
            if name.is_empty() {
                return Err(self.bad("expected a label's name or `}`"));
            }
            self.blanks();
            if self.eat('=') {
                self.blanks();
                pairs.push((name, self.quoted()?));
            } else if in_quotes {
                pairs.push((METRIC_NAME.to_owned(), name));
            } else {
                return Err(self.bad("expected `=`"));
            }
            self.blanks();
            if !self.eat(',') && !self.rest.starts_with('}') {
                return Err(self.bad("expected `,` or `}`"));
            }
        }
    }

    fn quoted(&mut self) -> Result<String, Bad> {
        if !self.eat('"') {
            return Err(self.bad("expected `\"`"));
        }
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                '"' if !escaped => {
                    let (text, rest) = self.rest.split_at(at);
                    self.rest = rest.strip_prefix('"').unwrap_or(rest);
                    return Ok(unescaped(text));
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        Err(self.bad("the text in quotes does not end"))
    }
}

/// `text` with `\\`, `\"` and `\n` replaced by what they mean; another backslash stands for itself.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let (meant, next) = match after.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b'"') => ('"', 1),
            Some(b'\\') => ('\\', 1),
            _ => ('\\', 0),
        };
        plain.push(meant);
        rest = after.get(next..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}
