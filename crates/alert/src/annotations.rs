use std::collections::BTreeMap;

use bongsu_core::{Alert, Labels};

use crate::Error;
use crate::describe::{deviation, parts};
use crate::number::{number, plain_number};
use crate::time::rfc3339;

/// Links that help whoever is woken: to the runbook and to a dashboard.
///
/// `{name}` in an address stands for the alert's label `name`, percent-encoded; nothing when the
/// alert has no such label.
///
/// ```
/// use bongsu_alert::Links;
/// let links = Links::default()
///     .runbook("https://wiki.example/runbooks/{alertname}")?
///     .dashboard("https://grafana.example/d/node?var-instance={instance}")?;
/// assert!(Links::default().runbook("wiki").is_err());
/// # let _ = links;
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    runbook: Option<String>,
    dashboard: Option<String>,
}

impl Links {
    /// Where to read what to do: the annotation `runbook_url`.
    ///
    /// # Errors
    /// When it is not an `http` or `https` address, or a brace is not closed.
    pub fn runbook(mut self, address: impl Into<String>) -> Result<Self, Error> {
        self.runbook = Some(checked("runbook", address.into())?);
        Ok(self)
    }

    /// Where to see it: the annotation `dashboard_url`.
    ///
    /// # Errors
    /// As [`Links::runbook`].
    pub fn dashboard(mut self, address: impl Into<String>) -> Result<Self, Error> {
        self.dashboard = Some(checked("dashboard", address.into())?);
        Ok(self)
    }
}

/// What sinks tell beside an alert's labels, by name:
///
/// | name | holds |
/// |---|---|
/// | `summary` | the alert's summary line |
/// | `value`, `expected`, `lower`, `upper` | of the worst point, as plain numbers of six significant digits; `value` is `absent` when there is none |
/// | `deviation` | how far the value is from the expected one: `+0.72 (+343 %)` |
/// | `score` | of the worst point: 1 at the bound |
/// | `contributions` | what contributed most, at most five features: `cpu (62 %), memory (20 %)` |
/// | `since` | the first anomalous point, RFC 3339 |
/// | `explanation` | the model's own words, when it has some |
/// | `cause` | what probably led to it, when somebody has found out |
/// | `runbook_url`, `dashboard_url` | the links, when set |
///
/// What is unknown is left out.
#[must_use]
pub fn annotations(alert: &Alert, links: &Links) -> BTreeMap<String, String> {
    let verdict = &alert.verdict;
    let [value, expected, lower, upper] = [
        verdict.value,
        verdict.expected,
        verdict.lower,
        verdict.upper,
    ]
    .map(|value| value.map(plain_number));
    let explanation = verdict.explanation.as_ref();
    let is_row = explanation.is_some_and(|e| !e.contributions.is_empty());
    let value = value.or_else(|| (!is_row).then(|| "absent".to_owned()));
    let words = explanation
        .map(|explanation| explanation.summary.clone())
        .filter(|words| !words.is_empty());
    let link = |address: &Option<String>| {
        let address = address.as_deref()?;
        Some(filled(address, &alert.labels))
    };
    [
        ("summary", Some(alert.summary.clone())),
        ("value", value),
        ("expected", expected),
        ("lower", lower),
        ("upper", upper),
        ("deviation", deviation(verdict.value, verdict.expected)),
        ("contributions", parts(alert)),
        ("score", verdict.score.map(|score| number(score, 3))),
        ("since", Some(rfc3339(alert.starts_at))),
        ("explanation", words),
        ("cause", alert.cause.clone()),
        ("runbook_url", link(&links.runbook)),
        ("dashboard_url", link(&links.dashboard)),
    ]
    .into_iter()
    .filter_map(|(name, text)| Some((name.to_owned(), text?)))
    .collect()
}

/// The address, when its braces are closed and it is a web address whatever they hold.
pub(crate) fn checked(name: &str, address: String) -> Result<String, Error> {
    let mut open = false;
    let mut example = String::with_capacity(address.len());
    for c in address.chars() {
        match c {
            '{' if !open => open = true,
            '}' if open => {
                open = false;
                example.push('x');
            }
            '{' | '}' => return Err(braces(name, &address)),
            _ if open => {}
            c => example.push(c),
        }
    }
    if open {
        return Err(braces(name, &address));
    }
    if !is_web_address(&example) {
        let value = format!("`{address}`");
        return Err(Error::parameter(name, value, "an http or https address"));
    }
    Ok(address)
}

/// Whether receivers take it for an address of the web.
pub(crate) fn is_web_address(address: &str) -> bool {
    reqwest::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn braces(name: &str, address: &str) -> Error {
    Error::parameter(
        name,
        format!("`{address}`"),
        "an address whose braces hold label names, such as {instance}",
    )
}

/// The address with its placeholders filled from `labels`.
pub(crate) fn filled(address: &str, labels: &Labels) -> String {
    let mut out = String::with_capacity(address.len());
    let mut rest = address;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        for &byte in labels.get(name).unwrap_or_default().as_bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{alert, labels};

    #[test]
    fn annotations_hold_what_is_known() {
        let mut alert = alert("up", 1_700_000_000);
        alert.summary = "a line".to_owned();
        let annotations = annotations(&alert, &Links::default());
        let expected = [
            ("deviation", "+0.72 (+343 %)"),
            ("expected", "0.21"),
            ("lower", "0.1"),
            ("score", "4.1"),
            ("since", "2023-11-14T22:13:20.000Z"),
            ("summary", "a line"),
            ("upper", "0.33"),
            ("value", "0.93"),
        ];
        let found: Vec<_> = annotations
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_contributed_is_named() {
        let mut alert = alert("up", 0);
        alert.verdict.explanation = Some(bongsu_core::Explanation {
            summary: String::new(),
            contributions: vec![bongsu_core::Contribution {
                feature: "cpu".to_owned(),
                share: 0.62,
            }],
        });
        let annotations = annotations(&alert, &Links::default());
        assert_eq!(annotations["contributions"], "cpu (62 %)");
    }

    #[test]
    fn an_absent_series_says_so() {
        let mut alert = alert("up", 0);
        alert.verdict.value = None;
        let annotations = annotations(&alert, &Links::default());
        assert_eq!(annotations["value"], "absent");
    }

    #[test]
    fn placeholders_are_filled_and_encoded() {
        let mut alert = alert("up", 0);
        alert.labels = labels(&[("instance", "a b/ü:9100")]);
        let links = Links::default()
            .dashboard("https://g.example/d?i={instance}&x={missing}#end")
            .unwrap();
        assert_eq!(
            annotations(&alert, &links)["dashboard_url"],
            "https://g.example/d?i=a%20b%2F%C3%BC%3A9100&x=#end"
        );
    }

    #[test]
    fn bad_addresses_are_refused() {
        for address in [
            "",
            "https://",
            "https://a b",
            "ftp://x",
            "https://x/{a",
            "https://x/a}",
            "https://x/{{a}}",
        ] {
            assert!(Links::default().runbook(address).is_err(), "{address}");
        }
    }
}
