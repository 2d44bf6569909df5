//! Parts of PromQL.

/// `text` as a string of PromQL.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// For so long Prometheus repeats the last sample of a series.
const LOOKBACK_SECONDS: u64 = 300;

/// The newest sample of `selector`, also when samples come more rarely than Prometheus repeats them.
pub(super) fn newest(selector: &str, period_seconds: u64) -> String {
    if period_seconds > LOOKBACK_SECONDS {
        format!(
            "last_over_time({selector}[{}s])",
            period_seconds.saturating_mul(2)
        )
    } else {
        selector.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_closed() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"");
    }

    #[test]
    fn rare_samples_are_reached_for() {
        assert_eq!(newest("a", 300), "a");
        assert_eq!(newest("a", 3_600), "last_over_time(a[7200s])");
    }
}
