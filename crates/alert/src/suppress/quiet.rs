//! Mutes and maintenance windows: times in which certain alerts are not told.

use std::str::FromStr as _;

use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::matcher::{Matcher, all_match};
use crate::{Error, Subject, TimeInterval, TimeIntervalConfig};

/// Alerts that are not told at certain times.
///
/// An alert that fires in the meantime is told when the time is over and it still fires.
///
/// ```
/// let mute: bongsu_alert::MuteConfig = serde_json::from_str(r#"{
///     "name": "nightly backup",
///     "matchers": ["job=\"backup\""],
///     "time_intervals": [{"times": [{"start_time": "02:00", "end_time": "04:00"}],
///                         "location": "Asia/Seoul"}]
/// }"#)?;
/// assert_eq!(mute.name, "nightly backup");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MuteConfig {
    /// What explanations call it. Required.
    pub name: String,
    /// What an alert must meet, such as `job="backup"`; none stands for every alert.
    pub matchers: Vec<String>,
    /// When it begins, in RFC 3339. Default: always.
    pub from: Option<String>,
    /// When it ends, in RFC 3339; this moment no longer belongs to it. Default: never.
    pub to: Option<String>,
    /// Within these bounds, the times at which it holds; none stands for all of them.
    pub time_intervals: Vec<TimeIntervalConfig>,
}

/// Work that is planned: alerts are held while it lasts.
///
/// ```
/// let window: bongsu_alert::MaintenanceConfig = serde_json::from_str(r#"{
///     "name": "upgrade of the database",
///     "matchers": ["service=\"db\""],
///     "from": "2024-05-01T22:00:00+09:00",
///     "to": "2024-05-02T02:00:00+09:00"
/// }"#)?;
/// assert!(window.page_after);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", schemars(rename = "PlannedWorkConfig"))]
pub struct MaintenanceConfig {
    /// What explanations call it. Required.
    pub name: String,
    /// What an alert must meet, such as `service="db"`; none stands for every alert.
    pub matchers: Vec<String>,
    /// When it begins, in RFC 3339. Default: always.
    pub from: Option<String>,
    /// When it ends, in RFC 3339; this moment no longer belongs to it. Default: never.
    pub to: Option<String>,
    /// Within these bounds, the times at which it holds; none stands for all of them.
    pub time_intervals: Vec<TimeIntervalConfig>,
    /// Whether an alert that began to fire in the window is told when it still fires afterwards;
    /// if not, it is never told. Default: yes.
    pub page_after: bool,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            matchers: Vec::new(),
            from: None,
            to: None,
            time_intervals: Vec::new(),
            page_after: true,
        }
    }
}

/// A mute or a maintenance window, ready for use.
#[derive(Debug, Clone)]
pub(super) struct Quiet {
    pub(super) name: String,
    pub(super) page_after: bool,
    matchers: Vec<Matcher>,
    from: Timestamp,
    to: Timestamp,
    intervals: Vec<TimeInterval>,
}

impl Quiet {
    pub(super) fn mute(config: &MuteConfig, path: &str) -> Result<Self, Error> {
        let within = |field: &str, e: Error| Error::input(format!("{path}.{field}: {e}"));
        let matchers = config
            .matchers
            .iter()
            .enumerate()
            .map(|(i, text)| {
                Matcher::parse_all(text).map_err(|e| within(&format!("matchers[{i}]"), e))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let intervals = config
            .time_intervals
            .iter()
            .enumerate()
            .map(|(i, interval)| {
                let field = format!("time_intervals[{i}]");
                TimeInterval::new(interval).map_err(|e| within(&field, e))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let moment = |field, text: &Option<String>, default| match text {
            Some(text) => moment(text).map_err(|e| within(field, e)),
            None => Ok(default),
        };
        let from = moment("from", &config.from, Timestamp::MIN)?;
        let to = moment("to", &config.to, Timestamp::MAX)?;
        if config.name.is_empty() {
            return Err(within("name", Error::input("it is missing")));
        }
        if from >= to {
            return Err(within("to", Error::input("it must be after `from`")));
        }
        if config.from.is_none() && config.to.is_none() && intervals.is_empty() {
            let what = "one of from, to and time_intervals must say when it holds";
            return Err(Error::input(format!("{path}: {what}")));
        }
        Ok(Self {
            name: config.name.clone(),
            page_after: true,
            matchers: matchers.into_iter().flatten().collect(),
            from,
            to,
            intervals,
        })
    }

    pub(super) fn maintenance(config: &MaintenanceConfig, path: &str) -> Result<Self, Error> {
        let mute = MuteConfig {
            name: config.name.clone(),
            matchers: config.matchers.clone(),
            from: config.from.clone(),
            to: config.to.clone(),
            time_intervals: config.time_intervals.clone(),
        };
        let mut quiet = Self::mute(&mute, path)?;
        quiet.page_after = config.page_after;
        Ok(quiet)
    }

    /// Whether it holds for this alert at this moment.
    pub(super) fn holds(&self, alert: Subject<'_>, at: Timestamp) -> bool {
        self.from <= at
            && at < self.to
            && all_match(&self.matchers, alert)
            && (self.intervals.is_empty() || self.intervals.iter().any(|i| i.contains(at)))
    }
}

/// Reads a moment in RFC 3339.
pub(super) fn moment(text: &str) -> Result<Timestamp, Error> {
    let moment = jiff::Timestamp::from_str(text).map_err(|_| {
        let domain = "a moment in RFC 3339, such as 2024-05-01T22:00:00Z";
        Error::parameter("time", format!("`{text}`"), domain)
    })?;
    Ok(Timestamp::from_millis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    #[test]
    fn bounds_and_intervals_both_hold() {
        let config: MuteConfig = serde_json::from_str(
            r#"{"name":"x","matchers":["metric=~\"u.\""],"from":"2024-01-01T00:00:00Z",
                "to":"2024-01-02T00:00:00Z",
                "time_intervals":[{"times":[{"start_time":"02:00","end_time":"04:00"}]}]}"#,
        )
        .unwrap();
        let quiet = Quiet::mute(&config, "mutes[0]").unwrap();
        let (up, down) = (alert("up", 0), alert("down", 0));
        let at = |text: &str| moment(text).unwrap();
        let holds = |text| quiet.holds(Subject::new(&up), at(text));
        assert!(holds("2024-01-01T02:00:00Z"));
        assert!(!holds("2024-01-01T04:00:00Z"));
        assert!(!holds("2024-01-02T02:00:00Z"));
        assert!(!quiet.holds(Subject::new(&down), at("2024-01-01T02:00:00Z")));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        for (json, message) in [
            (r#"{"name":"x"}"#, "m: one of from, to and time_intervals"),
            (r#"{"to":"2024-01-01T00:00:00Z"}"#, "m.name: it is missing"),
            (
                r#"{"name":"x","from":"today"}"#,
                "m.from: parameter `time` is `today`",
            ),
            (
                r#"{"name":"x","matchers":["a=1","b"]}"#,
                "m.matchers[1]: `b`",
            ),
            (
                r#"{"name":"x","time_intervals":[{"weekdays":["x"]}]}"#,
                "m.time_intervals[0]: parameter `weekdays`",
            ),
            (
                r#"{"name":"x","from":"2024-01-01T00:00:00Z","to":"2024-01-01T00:00:00Z"}"#,
                "m.to: it must be after `from`",
            ),
        ] {
            let config: MuteConfig = serde_json::from_str(json).unwrap();
            let error = Quiet::mute(&config, "m").unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
