//! Silences, made in Alertmanager or here.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use bongsu_core::{Labels, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::quiet::moment;
use crate::matcher::{MatchOp, Matcher};
use crate::sink::alertmanager::labels::SentLabels;
use crate::{Error, Subject};

/// A silence: alerts that meet its matchers are not told while it is active.
///
/// One that was [read from Alertmanager](Silence::parse_all) is compared with the labels that the
/// [`AlertmanagerSink`](crate::AlertmanagerSink) sends of an alert, since its author saw those; one's
/// [own](Silence::new) with what [`Subject`](crate::Subject) says.
///
/// ```
/// use bongsu_alert::Silence;
/// let (silences, unread) = Silence::parse_all(r#"[{
///     "id": "6b2f", "createdBy": "kim", "comment": "known",
///     "startsAt": "2024-05-01T22:00:00Z", "endsAt": "2024-05-02T02:00:00Z",
///     "matchers": [{"name": "job", "value": "db.*", "isRegex": true, "isEqual": true}],
///     "status": {"state": "active"}, "updatedAt": "2024-05-01T22:00:00Z"
/// }]"#)?;
/// assert_eq!(silences[0].matchers(), [r#"job=~"db.*""#]);
/// assert!(unread.is_empty());
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    id: String,
    comment: String,
    created_by: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    /// As texts, so that they can be kept.
    matchers: Vec<String>,
    /// Whether it was made in Alertmanager.
    foreign: bool,
}

impl Silence {
    /// Reads the answer to `GET /api/v2/silences`. Those that have expired are left out, and so is
    /// what cannot be read of a single one, beside which the others hold: why is the second part.
    ///
    /// # Errors
    /// When the text is not such an answer.
    pub fn parse_all(json: &str) -> Result<(Vec<Self>, Vec<Error>), Error> {
        let found: Vec<Gettable> = serde_json::from_str(json)
            .map_err(|e| Error::input(format!("this is not a list of silences: {e}")))?;
        let (mut silences, mut unread) = (Vec::new(), Vec::new());
        for silence in found {
            if silence.status.state == "expired" {
                continue;
            }
            let id = silence.id.clone();
            match silence.read() {
                Ok(silence) => silences.push(silence),
                Err(e) => unread.push(Error::input(format!("silence {id}: {e}"))),
            }
        }
        Ok((silences, unread))
    }

    /// A silence of one's own. `matchers` are conditions as Alertmanager writes them, such as
    /// `team="db"`; alerts must meet all.
    ///
    /// # Errors
    /// When a condition cannot be read, all of them together hold for an alert without labels, or
    /// the silence ends before it starts.
    pub fn new(
        id: impl Into<String>,
        matchers: &[String],
        starts_at: Timestamp,
        ends_at: Timestamp,
        created_by: impl Into<String>,
        comment: impl Into<String>,
    ) -> Result<Self, Error> {
        let read = matchers.iter().map(|text| Matcher::parse_all(text));
        let read = read.collect::<Result<Vec<_>, _>>()?.concat();
        if read.iter().all(|matcher| matcher.matches(&Labels::empty())) {
            let domain = "conditions of which one is not met by an alert without labels";
            return Err(Error::parameter(
                "matchers",
                format!("{matchers:?}"),
                domain,
            ));
        }
        if ends_at <= starts_at {
            return Err(Error::parameter("ends_at", ends_at, "after the start"));
        }
        Ok(Self {
            id: id.into(),
            comment: comment.into(),
            created_by: created_by.into(),
            starts_at,
            ends_at,
            matchers: read.iter().map(ToString::to_string).collect(),
            foreign: false,
        })
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What its author wrote.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Who made it.
    #[must_use]
    pub fn created_by(&self) -> &str {
        &self.created_by
    }

    /// From when and until just before when it is active.
    #[must_use]
    pub const fn span(&self) -> (Timestamp, Timestamp) {
        (self.starts_at, self.ends_at)
    }

    /// What alerts must meet, as texts.
    #[must_use]
    pub fn matchers(&self) -> &[String] {
        &self.matchers
    }

    /// Whether it was made in Alertmanager.
    #[must_use]
    pub const fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Its matchers, ready for use.
    pub(super) fn compile(&self) -> Result<Vec<Matcher>, Error> {
        let parsed = self.matchers.iter().map(|text| Matcher::parse_all(text));
        Ok(parsed.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Whether it holds for this alert at this moment; `matchers` are its own.
    pub(super) fn holds(&self, matchers: &[Matcher], alert: &Silenced<'_>, at: Timestamp) -> bool {
        let meets = |matcher: &Matcher| match self.foreign {
            true => matcher.matches_value(alert.sent_as(matcher.name())),
            false => matcher.matches_alert(alert.subject),
        };
        self.starts_at <= at && at < self.ends_at && matchers.iter().all(meets)
    }
}

/// An alert as silences see it.
pub(super) struct Silenced<'a> {
    subject: Subject<'a>,
    severity: Severity,
    labels: &'a SentLabels,
    /// What Alertmanager is sent; made when it is asked for.
    sent: OnceCell<BTreeMap<String, String>>,
}

impl<'a> Silenced<'a> {
    /// `severity` is the one that Alertmanager is sent.
    pub(super) fn new(subject: Subject<'a>, severity: Severity, labels: &'a SentLabels) -> Self {
        Self {
            subject,
            severity,
            labels,
            sent: OnceCell::new(),
        }
    }

    fn sent_as(&self, name: &str) -> &str {
        let labels = &self.subject.alert().labels;
        let sent = self
            .sent
            .get_or_init(|| self.labels.of(labels, self.severity));
        sent.get(name).map_or("", String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gettable {
    id: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    created_by: String,
    starts_at: String,
    ends_at: String,
    matchers: Vec<GettableMatcher>,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GettableMatcher {
    name: String,
    value: String,
    is_regex: bool,
    /// Older releases do not say.
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

/// The end of a silence; the last day of the calendar stands for no end at all.
fn end(text: &str) -> Result<Timestamp, Error> {
    if text.starts_with("9999-12-3") {
        return Ok(Timestamp::MAX);
    }
    moment(text)
}

impl Gettable {
    fn read(self) -> Result<Silence, Error> {
        let matchers = self.matchers.into_iter().map(|matcher| {
            let op = match (matcher.is_equal, matcher.is_regex) {
                (true, false) => MatchOp::Equal,
                (false, false) => MatchOp::NotEqual,
                (true, true) => MatchOp::Matches,
                (false, true) => MatchOp::MatchesNot,
            };
            Matcher::new(matcher.name, op, matcher.value).map(|matcher| matcher.to_string())
        });
        Ok(Silence {
            matchers: matchers.collect::<Result<_, _>>()?,
            starts_at: moment(&self.starts_at)?,
            ends_at: end(&self.ends_at)?,
            id: self.id,
            comment: self.comment,
            created_by: self.created_by,
            foreign: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    #[test]
    fn the_four_kinds_of_matchers_are_kept() {
        let json = r#"[{"id":"a","startsAt":"1970-01-01T00:01:00Z","endsAt":"1970-01-01T00:02:00Z",
            "matchers":[{"name":"metric","value":"a\"\\.b","isRegex":false},
                        {"name":"b","value":"x","isRegex":false,"isEqual":false},
                        {"name":"c","value":"x|","isRegex":true,"isEqual":true},
                        {"name":"d","value":"y","isRegex":true,"isEqual":false}],
            "status":{"state":"pending"},"new":1},
            {"id":"b","startsAt":"x","endsAt":"x","matchers":[],"status":{"state":"expired"}}]"#;
        let (silences, unread) = Silence::parse_all(json).unwrap();
        assert_eq!(unread.len(), 0);
        assert_eq!(silences.len(), 1);
        let silence = &silences[0];
        let expected = [
            r#"metric="a\"\\.b""#,
            r#"b!="x""#,
            r#"c=~"x|""#,
            r#"d!~"y""#,
        ];
        assert_eq!(silence.matchers(), expected);
        let matchers = silence.compile().unwrap();
        let alert = alert("a\"\\.b", 0);
        let holds = |second| {
            let labels = SentLabels::default();
            let alert = Silenced::new(Subject::new(&alert), alert.severity, &labels);
            silence.holds(&matchers, &alert, Timestamp::from_secs(second))
        };
        assert_eq!([59, 60, 119, 120].map(holds), [false, true, true, false]);
    }

    #[test]
    fn other_answers_are_refused() {
        for json in ["{}", "[{}]"] {
            assert!(Silence::parse_all(json).is_err(), "{json}");
        }
    }

    #[test]
    fn one_that_cannot_be_read_takes_no_other_with_it() {
        let one = |id: &str, end: &str, value: &str| {
            format!(
                r#"{{"id":"{id}","startsAt":"1970-01-01T00:01:00Z","endsAt":"{end}",
                "matchers":[{{"name":"a","value":"{value}","isRegex":true}}],"status":{{"state":"active"}}}}"#
            )
        };
        let json = [
            one("ever", "9999-12-31T23:59:59.000Z", "x"),
            one("when", "soon", "x"),
            one("what", "2100-01-01T00:00:00Z", "(x"),
            one("well", "2100-01-01T00:00:00Z", "x"),
        ];
        let (silences, unread) = Silence::parse_all(&format!("[{}]", json.join(","))).unwrap();
        let ids: Vec<&str> = silences.iter().map(Silence::id).collect();
        assert_eq!(ids, ["ever", "well"]);
        assert_eq!(silences[0].span().1, Timestamp::MAX);
        let unread: Vec<String> = unread.iter().map(ToString::to_string).collect();
        assert!(unread[0].contains("silence when"), "{unread:?}");
        assert!(unread[1].contains("silence what"), "{unread:?}");
    }

    #[test]
    fn one_of_alertmanager_sees_what_it_is_sent_and_an_own_one_what_we_see() {
        let mut alert = alert("up", 0);
        alert.labels = crate::testing::labels(&[
            ("__name__", "up"),
            ("disk.name", "sda"),
            ("severity", "theirs"),
            ("team", "db"),
        ]);
        alert.severity = Severity::Critical;
        let extra = crate::testing::labels(&[("zone", "eu"), ("team", "other")]);
        let labels = SentLabels::new("BongsuAnomaly", extra);
        // Escalation is our own affair.
        let subject = Silenced::new(Subject::new(&alert), Severity::Warning, &labels);
        let at = Timestamp::from_secs(60);
        let holds = |name: &str, value: &str| {
            let json = format!(
                r#"[{{"id":"a","startsAt":"1970-01-01T00:01:00Z","endsAt":"1970-01-01T00:02:00Z",
                "matchers":[{{"name":"{name}","value":"{value}","isRegex":false}}],
                "status":{{"state":"active"}}}}]"#
            );
            let theirs = Silence::parse_all(&json).unwrap().0.remove(0);
            let matcher = Matcher::new(name, MatchOp::Equal, value)
                .unwrap()
                .to_string();
            let (from, to) = theirs.span();
            let own = Silence::new("b", &[matcher], from, to, "kim", "known").unwrap();
            assert_eq!((theirs.is_foreign(), own.is_foreign()), (true, false));
            [theirs, own].map(|one| one.holds(&one.compile().unwrap(), &subject, at))
        };
        for (name, value, expected) in [
            ("metric", "up", [true, true]),
            ("alertname", "BongsuAnomaly", [true, true]),
            ("disk_name", "sda", [true, false]),
            ("disk.name", "sda", [false, true]),
            ("exported_severity", "theirs", [true, false]),
            ("severity", "warning", [true, false]),
            ("severity", "critical", [false, true]),
            ("zone", "eu", [true, false]),
            ("team", "db", [true, true]),
            ("__name__", "up", [false, true]),
        ] {
            assert_eq!(holds(name, value), expected, "{name}={value}");
        }
    }
}
