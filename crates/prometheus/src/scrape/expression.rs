//! What can be asked of scraped samples.

use std::str::FromStr;

use crate::{Error, ErrorKind, Selector};

/// An expression over scraped samples: a selector (`node_load1{job="node"}`, with `offset` if
/// wanted), or the `rate` or `increase` of a range selector (`rate(requests_total[5m])`).
///
/// ```
/// use bongsu_prometheus::scrape::Expression;
///
/// let rate: Expression = "rate(node_cpu_seconds_total{mode='idle'}[5m])".parse()?;
/// assert_eq!(rate.selector().matchers().len(), 2);
/// assert!("sum(rate(node_cpu_seconds_total[5m]))".parse::<Expression>().is_err());
/// # Ok::<(), bongsu_prometheus::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expression {
    pub(super) function: Function,
    pub(super) selector: Selector,
    /// Milliseconds; 0 for the newest value.
    pub(super) range_ms: i64,
}

/// What becomes of the samples that a selector chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// The newest value.
    Value,
    /// The increase of a counter in a second.
    Rate,
    /// The increase of a counter.
    Increase,
}

impl Expression {
    /// Which series it is about.
    #[must_use]
    pub const fn selector(&self) -> &Selector {
        &self.selector
    }

    /// So many milliseconds before a moment its samples begin to matter, beside the lookback.
    pub(super) fn reach_ms(&self) -> i64 {
        self.range_ms
            .saturating_add(self.selector.offset_ms().max(0))
    }
}

impl FromStr for Expression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |message: &str| {
            let message = format!("`{}`: {message}", text.trim());
            Error::plain(ErrorKind::Selector, message)
        };
        let (function, inner) = split(text.trim()).map_err(|name| {
            refused(&format!(
                "`{name}(...)` is not evaluated on scraped samples: there are selectors, \
                 rate(selector[5m]) and increase(selector[5m])"
            ))
        })?;
        let selector: Selector = inner.parse().map_err(|e: Error| refused(&e.to_string()))?;
        let range_ms = match (function, selector.range()) {
            (Function::Value, None) => 0,
            (Function::Value, Some(_)) => {
                return Err(refused(
                    "a range needs rate(...) or increase(...) around it",
                ));
            }
            (Function::Rate | Function::Increase, None) => {
                return Err(refused("the selector needs a range, such as [5m]"));
            }
            (Function::Rate | Function::Increase, Some(range)) => {
                i64::try_from(range.as_millis()).map_err(|_| refused("the range is too long"))?
            }
        };
        Ok(Self {
            function,
            selector,
            range_ms,
        })
    }
}

/// The function and what it is applied to, or the name of one that is unknown.
fn split(text: &str) -> Result<(Function, &str), &str> {
    let whole = Ok((Function::Value, text));
    let Some((name, rest)) = text.split_once('(') else {
        return whole;
    };
    let name = name.trim_end();
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        // The parenthesis is part of a value.
        return whole;
    }
    let inner = rest.strip_suffix(')');
    match (name, inner) {
        ("rate", Some(inner)) => Ok((Function::Rate, inner)),
        ("increase", Some(inner)) => Ok((Function::Increase, inner)),
        _ => Err(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood() {
        for (text, function, range_ms, reach_ms) in [
            ("up", Function::Value, 0, 0),
            (" up{a=\"f(x)\"} offset 1m ", Function::Value, 0, 60_000),
            ("rate(up[5m])", Function::Rate, 300_000, 300_000),
            (
                "rate (up{a=~'(b|c)'}[1m] offset 1m)",
                Function::Rate,
                60_000,
                120_000,
            ),
            (
                "increase( {__name__='x'}[1h] )",
                Function::Increase,
                3_600_000,
                3_600_000,
            ),
        ] {
            let read: Expression = text.parse().unwrap();
            assert_eq!(
                (read.function, read.range_ms),
                (function, range_ms),
                "{text}"
            );
            assert_eq!(read.reach_ms(), reach_ms, "{text}");
        }
    }

    #[test]
    fn what_is_not_is_refused_with_what_there_is() {
        for (text, word) in [
            ("sum(rate(up[5m]))", "`sum(...)` is not evaluated"),
            ("up[5m]", "rate(...)"),
            ("rate(up)", "[5m]"),
            ("rate(up[5m]) * 8", "`rate(...)` is not"),
            ("rate(up[5m]) + rate(up[1m])", "parse error"),
            ("(up)", "not evaluated"),
            ("up + 1", "only plain selectors"),
            ("", "no expression"),
        ] {
            let error = text.parse::<Expression>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Selector);
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }
}
