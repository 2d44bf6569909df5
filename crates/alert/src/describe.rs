use std::fmt::Write as _;

use bongsu_core::Alert;

use crate::number::{distinct_numbers, number, same_decimals};

/// The most contributions that are named.
const CONTRIBUTIONS: usize = 3;
/// The same where there is more room than one line.
const PARTS: usize = 5;

/// One line for people: what the alert's worst point was, and what was expected.
///
/// Numbers have four significant digits, more where the value and its bounds would look the same.
/// A verdict without a value is a row of several metrics when it names contributions; otherwise the
/// series is absent.
///
/// ```
/// # use bongsu_core::{Alert, AlertState, Labels, Severity, Timestamp, Verdict};
/// let labels = Labels::from_pairs([("__name__", "node:cpu_user:ratio"), ("instance", "node")])?;
/// let mut alert = Alert {
///     labels: labels.clone(),
///     state: AlertState::Firing,
///     severity: Severity::Warning,
///     starts_at: Timestamp::from_secs(0),
///     fired_at: Some(Timestamp::from_secs(0)),
///     resolved_at: None,
///     summary: String::new(),
///     cause: None,
///     verdict: Verdict {
///         timestamp: Timestamp::from_secs(0),
///         labels,
///         value: Some(0.93),
///         score: Some(4.1),
///         expected: Some(0.21),
///         lower: Some(0.1),
///         upper: Some(0.33),
///         direction: None,
///         anomalous: true,
///         explanation: None,
///     },
/// };
/// assert_eq!(
///     bongsu_alert::describe(&alert),
///     r#"node:cpu_user:ratio{instance="node"} is 0.93, expected 0.21 (0.10 to 0.33), score 4.1"#
/// );
/// alert.verdict.value = None;
/// assert_eq!(
///     bongsu_alert::describe(&alert),
///     r#"node:cpu_user:ratio{instance="node"} is absent, expected 0.21 (0.10 to 0.33), score 4.1"#
/// );
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[must_use]
pub fn describe(alert: &Alert) -> String {
    let verdict = &alert.verdict;
    let labels = if verdict.labels.is_empty() {
        &alert.labels
    } else {
        &verdict.labels
    };
    let contributions = verdict
        .explanation
        .as_ref()
        .map(|explanation| explanation.contributions.as_slice())
        .unwrap_or_default();
    let [value, expected, lower, upper] = distinct_numbers([
        verdict.value,
        verdict.expected,
        verdict.lower,
        verdict.upper,
    ]);
    let mut line = labels.selector();
    match value {
        Some(value) => push(&mut line, format_args!(" is {value}")),
        None if contributions.is_empty() => line.push_str(" is absent"),
        None => line.push_str(" is anomalous"),
    }
    match (expected, range(lower, upper)) {
        (Some(expected), Some(band)) => {
            push(&mut line, format_args!(", expected {expected} ({band})"));
        }
        (Some(text), None) | (None, Some(text)) => {
            push(&mut line, format_args!(", expected {text}"));
        }
        (None, None) => {}
    }
    if let Some(score) = verdict.score {
        push(&mut line, format_args!(", score {}", number(score, 3)));
    }
    for (i, part) in contributions.iter().take(CONTRIBUTIONS).enumerate() {
        let lead = if i == 0 { ", mostly" } else { "," };
        let percent = number((part.share * 100.0).round(), 3);
        push(
            &mut line,
            format_args!("{lead} {} ({percent} %)", part.feature),
        );
    }
    line
}

/// The bounds, as spelled, in words.
pub(crate) fn range(lower: Option<String>, upper: Option<String>) -> Option<String> {
    match (lower, upper) {
        (Some(lower), Some(upper)) => {
            let (lower, upper) = same_decimals(&lower, &upper);
            Some(format!("{lower} to {upper}"))
        }
        (Some(lower), None) => Some(format!("at least {lower}")),
        (None, Some(upper)) => Some(format!("at most {upper}")),
        (None, None) => None,
    }
}

/// Writing to a `String` cannot fail.
fn push(line: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = line.write_fmt(text);
}

/// How far the value is from what was expected: `+0.72 (+343 %)`.
pub(crate) fn deviation(value: Option<f64>, expected: Option<f64>) -> Option<String> {
    let (value, expected) = (value?, expected?);
    let distance = value - expected;
    if !distance.is_finite() {
        return None;
    }
    let signed = |x: f64, digits| {
        let sign = if x > 0.0 { "+" } else { "" };
        format!("{sign}{}", number(x, digits))
    };
    let relative = 100.0 * distance / expected.abs();
    let percent = if relative.is_finite() && relative.abs() < 1e6 {
        format!(" ({} %)", signed(relative, 3))
    } else {
        String::new()
    };
    Some(format!("{}{percent}", signed(distance, 4)))
}

/// What contributed most, largest share first.
pub(crate) fn parts(alert: &Alert) -> Option<String> {
    let all = &alert.verdict.explanation.as_ref()?.contributions;
    let named = all.iter().take(PARTS).map(|part| {
        let percent = number((part.share * 100.0).round(), 3);
        format!("{} ({percent} %)", part.feature)
    });
    let text = named.collect::<Vec<_>>().join(", ");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use bongsu_core::{Contribution, Explanation, Labels};

    use super::*;
    use crate::testing::{alert, labels};

    #[test]
    fn parts_that_are_unknown_are_left_out() {
        let mut alert = alert("up", 0);
        alert.verdict.expected = None;
        assert_eq!(
            describe(&alert),
            "up is 0.93, expected 0.10 to 0.33, score 4.1"
        );
        alert.verdict.lower = None;
        assert_eq!(
            describe(&alert),
            "up is 0.93, expected at most 0.33, score 4.1"
        );
        alert.verdict.upper = None;
        alert.verdict.score = None;
        assert_eq!(describe(&alert), "up is 0.93");
        alert.verdict.value = None;
        assert_eq!(describe(&alert), "up is absent");
    }

    #[test]
    fn a_row_of_several_metrics_names_what_contributed() {
        let mut alert = alert("node", 0);
        alert.verdict.value = None;
        alert.verdict.expected = None;
        alert.verdict.lower = None;
        alert.verdict.upper = None;
        let part = |feature: &str, share| Contribution {
            feature: feature.to_owned(),
            share,
        };
        alert.verdict.explanation = Some(Explanation {
            summary: String::new(),
            contributions: vec![part("cpu", 0.618), part("disk", 0.2)],
        });
        alert.verdict.labels = Labels::empty();
        alert.labels = labels(&[("host", "a")]);
        assert_eq!(
            describe(&alert),
            r#"{host="a"} is anomalous, score 4.1, mostly cpu (62 %), disk (20 %)"#
        );
    }

    #[test]
    fn a_label_value_with_a_line_break_stays_on_the_line() {
        let mut alert = alert("up", 0);
        alert.verdict.labels = labels(&[("a", "x\ny")]);
        assert!(!describe(&alert).contains('\n'));
    }

    #[test]
    fn a_deviation_is_signed_and_finite() {
        let text = |value, expected| deviation(Some(value), Some(expected));
        assert_eq!(text(5.0, 10.0).as_deref(), Some("-5 (-50 %)"));
        assert_eq!(text(5.0, 0.0).as_deref(), Some("+5"));
        assert_eq!(text(5.0, -10.0).as_deref(), Some("+15 (+150 %)"));
        assert_eq!(text(f64::INFINITY, 0.0), None);
        assert_eq!(text(1e308, -1e308), None);
    }
}
