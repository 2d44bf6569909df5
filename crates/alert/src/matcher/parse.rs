use super::{MatchOp, Matcher};
use crate::Error;

/// Reads conditions divided by commas, with or without braces around them.
pub(crate) fn parse_all(text: &str) -> Result<Vec<Matcher>, Error> {
    let refused = |what: &str| Error::input(format!("`{text}` is not a list of matchers: {what}"));
    let trimmed = text.trim();
    let inner = match (trimmed.strip_prefix('{'), trimmed.strip_suffix('}')) {
        (Some(rest), Some(_)) => rest.strip_suffix('}').unwrap_or_default(),
        (None, None) => trimmed,
        // An unquoted value may end in a brace, as in `a=~[0-9]{2}`.
        (None, Some(_)) if balanced(trimmed) => trimmed,
        _ => return Err(refused("a brace has no partner")),
    };
    let mut cursor = Cursor { rest: inner.trim() };
    let mut matchers = Vec::new();
    while !cursor.rest.is_empty() {
        let matcher = cursor.matcher().map_err(|what| refused(&what))?;
        let (name, op, value) = matcher;
        matchers.push(Matcher::new(name, op, value).map_err(|e| refused(&e.to_string()))?);
        if !cursor.rest.is_empty() && !cursor.take(",") {
            return Err(refused(&format!(
                "a comma must come before `{}`",
                cursor.rest
            )));
        }
    }
    if matchers.is_empty() && inner == trimmed {
        return Err(refused("there is none"));
    }
    Ok(matchers)
}

fn balanced(text: &str) -> bool {
    text.matches('{').count() == text.matches('}').count()
}

struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    /// Passes over `token` and the white space around it.
    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn matcher(&mut self) -> Result<(String, MatchOp, String), String> {
        let name = if self.rest.starts_with('"') {
            self.quoted()?
        } else {
            let end = self.rest.find(reserved).unwrap_or(self.rest.len());
            self.split(end).to_owned()
        };
        if name.is_empty() {
            return Err(format!("a label name must come before `{}`", self.rest));
        }
        let op = [
            ("=~", MatchOp::Matches),
            ("!~", MatchOp::MatchesNot),
            ("!=", MatchOp::NotEqual),
            ("=", MatchOp::Equal),
        ]
        .into_iter()
        .find(|(token, _)| self.take(token))
        .map(|(_, op)| op)
        .ok_or_else(|| format!("one of = != =~ !~ must come after `{name}`"))?;
        let value = if self.rest.starts_with('"') {
            self.quoted()?
        } else {
            let end = self.rest.find(',').unwrap_or(self.rest.len());
            let value = self.split(end).trim_end().to_owned();
            if value.contains('"') {
                return Err(format!("`{value}` has a quote inside"));
            }
            value
        };
        self.rest = self.rest.trim_start();
        Ok((name, op, value))
    }

    /// Takes so many bytes, which end where a character does.
    fn split(&mut self, end: usize) -> &str {
        let (head, tail) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }

    /// Takes a text in double quotes.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.split(at + 1);
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(format!("{} has no closing quote", self.rest))
    }
}

/// What cannot stand in a name without quotes.
fn reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> String {
        let matchers = parse_all(text).unwrap();
        let texts: Vec<_> = matchers.iter().map(Matcher::to_string).collect();
        texts.join(" ")
    }

    /// The examples of Alertmanager's documentation.
    #[test]
    fn documented_spellings_are_read() {
        for (text, expected) in [
            ("foo = bar", r#"foo="bar""#),
            ("dings != bums", r#"dings!="bums""#),
            ("alertname = Watchdog", r#"alertname="Watchdog""#),
            (
                r#"severity =~ "warning|critical""#,
                r#"severity=~"warning|critical""#,
            ),
            (
                r#"{foo="bar", dings!="bums"}"#,
                r#"foo="bar" dings!="bums""#,
            ),
            (
                r#"{foo="bar", dings!="bums",}"#,
                r#"foo="bar" dings!="bums""#,
            ),
            ("foo=bar,dings!=bums", r#"foo="bar" dings!="bums""#),
            (r#"foo = "bar,baz""#, r#"foo="bar,baz""#),
            (
                "{\n   alertname = \"Watchdog\",\n   severity =~ \"warning|critical\",\n}",
                r#"alertname="Watchdog" severity=~"warning|critical""#,
            ),
            (
                r#"{quote=~"She said: \"Hi, all!( How're you…)?\""}"#,
                r#"quote=~"She said: \"Hi, all!( How're you…)?\"""#,
            ),
            (r#"statuscode=~"5..""#, r#"statuscode=~"5..""#),
            (r#"a=~"\d+""#, r#"a=~"\\d+""#),
            (r#""foo bar"=x"#, r#""foo bar"="x""#),
            ("a=~[0-9]{2}", r#"a=~"[0-9]{2}""#),
            ("foo=", r#"foo="""#),
            ("Προμηθεύς=x", r#""Προμηθεύς"="x""#),
            ("{}", ""),
        ] {
            assert_eq!(spelled(text), expected, "{text}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "foo",
            "=x",
            "foo==",
            "{foo=bar",
            "foo=bar}",
            "{{foo=bar}}",
            r#"foo="bar"#,
            r#"foo="a"b"#,
            r#"foo=a"b"#,
            r#"foo="a" bar="b""#,
            "foo=~(",
            ",",
            "a b=c",
        ] {
            let outcome = parse_all(text);
            // An equals sign may be part of a value: `foo==` is the value `=`.
            if text == "foo==" {
                assert_eq!(outcome.unwrap()[0].value(), "=");
            } else {
                assert!(outcome.is_err(), "{text}: {outcome:?}");
            }
        }
    }
}
