//! What a message for people says, before any markup: chat systems, mails and incidents show the
//! same.

use bongsu_core::{Alert, AlertState, Severity, Timestamp};

use crate::annotations::{Links, annotations};
use crate::describe::range;
use crate::number::{distinct_numbers, number};
use crate::time::rfc3339;
use crate::{Occasion, Page};

/// The longest likely cause that is told, in characters.
const MAX_CAUSE: usize = 1_000;

/// A message about one alert or several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// One line, without line breaks: how bad it is and what it is about.
    pub(crate) title: String,
    pub(crate) severity: Severity,
    /// Whether something still fires.
    pub(crate) open: bool,
    /// What there is to say before the alerts.
    pub(crate) lead: Vec<String>,
    /// Those that fire, then those that ended.
    pub(crate) items: Vec<Item>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) fingerprint: u64,
    /// Its labels as a selector.
    pub(crate) name: String,
    pub(crate) resolved: bool,
    pub(crate) severity: Severity,
    /// Its one line.
    pub(crate) summary: String,
    /// Names and values: what was observed, what was expected, since when, ...
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What else is to be said of it.
    pub(crate) notes: Vec<String>,
    /// Names and addresses.
    pub(crate) links: Vec<(&'static str, String)>,
    /// Its plot, as PNG.
    pub(crate) plot: Option<Vec<u8>>,
}

impl Message {
    /// About transitions, oldest first.
    pub(crate) fn of_alerts(alerts: &[Alert], links: &Links) -> Self {
        let (firing, ended): (Vec<_>, Vec<_>) = alerts.iter().partition(|alert| fires(alert));
        let severity = worst(&firing).or_else(|| worst(&ended)).unwrap_or_default();
        let open = !firing.is_empty();
        let items: Vec<Item> = firing
            .iter()
            .chain(&ended)
            .map(|alert| Item::new(alert, links))
            .collect();
        let subject = match items.as_slice() {
            [one] => one.name.clone(),
            _ => counts(firing.len(), ended.len()),
        };
        Self {
            title: title(severity, open, &subject),
            severity,
            open,
            lead: Vec::new(),
            items,
        }
    }

    /// About a group of alerts.
    pub(crate) fn of_page(page: &Page, links: &Links) -> Self {
        let items: Vec<Item> = page
            .alerts
            .iter()
            .map(|alert| {
                let mut item = Item::new(alert, links);
                let notes = page.notes_on(&alert.labels);
                item.notes.extend(notes.map(|note| note.kind.to_string()));
                item
            })
            .collect();
        let group = match page.group.selector() {
            selector if page.group.is_empty() || selector.is_empty() => String::new(),
            selector => format!(" in {selector}"),
        };
        let subject = match (&page.digest, items.as_slice()) {
            (Some(digest), _) => format!("digest of {} groups", digest.groups.len()),
            (None, [one]) => one.name.clone(),
            (None, _) => {
                let counts = counts(page.firing().count(), page.resolved().count());
                format!("{counts}{group}")
            }
        };
        let mut lead = Vec::new();
        if let Some(digest) = &page.digest {
            let since = rfc3339(digest.since);
            lead.push(format!("{digest}; held back since {since}"));
        }
        if page.occasion == Occasion::Reminder {
            lead.push("A reminder: nothing has changed.".to_owned());
        }
        Self {
            title: title(page.severity(), page.is_open(), &subject),
            severity: page.severity(),
            open: page.is_open(),
            lead,
            items,
        }
    }

    /// How many alerts the message does not show when it shows the first `shown`.
    pub(crate) fn beyond(&self, shown: usize) -> Option<String> {
        let rest = self.items.len().saturating_sub(shown);
        (rest > 0).then(|| format!("and {rest} more"))
    }
}

impl Item {
    pub(crate) fn new(alert: &Alert, links: &Links) -> Self {
        let verdict = &alert.verdict;
        let mut annotations = annotations(alert, links);
        let [value, expected, lower, upper] = distinct_numbers([
            verdict.value,
            verdict.expected,
            verdict.lower,
            verdict.upper,
        ]);
        let absent = annotations
            .get("value")
            .is_some_and(|text| text == "absent");
        let observed = value.or_else(|| absent.then(|| "absent".to_owned()));
        let range = range(lower, upper);
        let facts = [
            ("Observed", observed),
            ("Expected", expected),
            ("Expected range", range),
            ("Deviation", annotations.remove("deviation")),
            ("Score", verdict.score.map(|score| number(score, 3))),
            ("Since", Some(rfc3339(alert.starts_at))),
            ("Until", alert.resolved_at.map(rfc3339)),
            ("Contributed most", annotations.remove("contributions")),
        ];
        let cause = annotations.remove("cause");
        let cause = cause.map(|cause| format!("Likely cause: {cause}"));
        let notes = cause.into_iter().chain(annotations.remove("explanation"));
        let links = [("Runbook", "runbook_url"), ("Dashboard", "dashboard_url")]
            .into_iter()
            .filter_map(|(name, key)| Some((name, annotations.remove(key)?)));
        Self {
            fingerprint: alert.labels.fingerprint(),
            name: alert.labels.selector(),
            resolved: !fires(alert),
            severity: alert.severity,
            summary: alert.summary.clone(),
            facts: facts
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            notes: notes.collect(),
            links: links.collect(),
            plot: None,
        }
    }

    /// Its state in one word.
    pub(crate) fn state(&self) -> &'static str {
        if self.resolved {
            "resolved"
        } else {
            self.severity.as_str()
        }
    }
}

/// A colour with enough contrast on white, for what is open or over.
pub(crate) const fn colour(open: bool, severity: Severity) -> u32 {
    match severity {
        _ if !open => 0x15_80_3d,
        Severity::Info => 0x1d_4e_d8,
        Severity::Warning => 0xa1_62_07,
        Severity::Minor => 0xb4_53_09,
        Severity::Major => 0xc2_41_0c,
        Severity::Critical => 0xb9_1c_1c,
    }
}

/// The earliest start of these alerts, else `now`.
pub(crate) fn earliest(alerts: &[Alert], now: Timestamp) -> Timestamp {
    let starts = alerts.iter().map(|alert| alert.starts_at);
    starts.min().unwrap_or(now)
}

pub(crate) fn fires(alert: &Alert) -> bool {
    alert.state != AlertState::Resolved
}

fn worst(alerts: &[&Alert]) -> Option<Severity> {
    alerts.iter().map(|alert| alert.severity).max()
}

fn title(severity: Severity, open: bool, subject: &str) -> String {
    let state = if open {
        severity.as_str().to_uppercase()
    } else {
        "Resolved".to_owned()
    };
    one_line(&format!("{state}: {subject}"))
}

fn counts(firing: usize, ended: usize) -> String {
    let fire = if firing == 1 {
        "alert fires"
    } else {
        "alerts fire"
    };
    match (firing, ended) {
        (0, 1) => "1 alert ended".to_owned(),
        (0, ended) => format!("{ended} alerts ended"),
        (firing, 0) => format!("{firing} {fire}"),
        (firing, ended) => format!("{firing} {fire}, {ended} ended"),
    }
}

/// A likely cause as messages tell it; `None` when there is nothing to tell.
pub(crate) fn cause_line(cause: &str) -> Option<String> {
    let line = cut(one_line(cause).trim(), MAX_CAUSE);
    (!line.is_empty()).then_some(line)
}

/// The text on one line: control characters and other breaks become spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

/// The text, cut to at most `limit` characters, with an ellipsis where something is missing.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    escape_within(text, limit, |_| None)
}

/// The text with the characters that `escape` knows replaced, cut so that the result has at most
/// `limit` characters and no replacement is torn. What UTF-16 needs two units for counts twice, as
/// some receivers count.
pub(crate) fn escape_within(
    text: &str,
    limit: usize,
    escape: impl Fn(char) -> Option<&'static str>,
) -> String {
    let mut out = String::new();
    let mut length = 0;
    // Where to cut so that the ellipsis still fits.
    let mut last = 0;
    for c in text.chars() {
        let replacement = escape(c);
        length += replacement.map_or(c.len_utf16(), |text| text.chars().count());
        if length > limit {
            out.truncate(last);
            if limit > 0 {
                out.push('…');
            }
            return out;
        }
        match replacement {
            Some(text) => out.push_str(text),
            None => out.push(c),
        }
        if length < limit {
            last = out.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{alert, labels, resolved};

    #[test]
    fn an_item_says_what_was_seen_and_expected() {
        let mut alert = alert("up", 0);
        alert.verdict.explanation = Some(bongsu_core::Explanation {
            summary: "two times the usual".to_owned(),
            contributions: vec![bongsu_core::Contribution {
                feature: "cpu".to_owned(),
                share: 0.62,
            }],
        });
        let links = Links::default().runbook("https://w.example/r").unwrap();
        let item = Item::new(&resolved(alert, 60), &links);
        let facts: Vec<String> = item
            .facts
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            facts,
            [
                "Observed=0.93",
                "Expected=0.21",
                "Expected range=0.10 to 0.33",
                "Deviation=+0.72 (+343 %)",
                "Score=4.1",
                "Since=1970-01-01T00:00:00.000Z",
                "Until=1970-01-01T00:01:00.000Z",
                "Contributed most=cpu (62 %)",
            ]
        );
        assert_eq!(item.notes, ["two times the usual"]);
        assert_eq!(item.links, [("Runbook", "https://w.example/r".to_owned())]);
        assert_eq!(item.state(), "resolved");
    }

    #[test]
    fn a_title_counts_and_stays_on_its_line() {
        let links = Links::default();
        let (a, mut b) = (alert("a", 0), alert("b", 0));
        b.severity = Severity::Critical;
        let title = |alerts: &[Alert]| Message::of_alerts(alerts, &links).title;
        assert_eq!(title(std::slice::from_ref(&a)), "WARNING: a");
        assert_eq!(title(&[resolved(a.clone(), 9)]), "Resolved: a");
        let mixed = [a.clone(), resolved(b.clone(), 9)];
        assert_eq!(title(&mixed), "WARNING: 1 alert fires, 1 ended");
        assert_eq!(title(&[a.clone(), b]), "CRITICAL: 2 alerts fire");
        let mut odd = a;
        odd.labels = labels(&[("x", "a\r\nBcc: b@c\u{2028}d")]);
        let title = title(&[odd]);
        assert!(!title.contains(['\r', '\n', '\u{2028}']), "{title:?}");
    }

    #[test]
    fn a_cut_tears_no_replacement() {
        let escape = |c| (c == '&').then_some("&amp;");
        assert_eq!(escape_within("a&b", 7, escape), "a&amp;b");
        assert_eq!(escape_within("a&b", 6, escape), "a…");
        assert_eq!(escape_within("a&bc", 7, escape), "a&amp;…");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüx", 3), "äö…");
        assert_eq!(cut("abc", 0), "");
    }
}
