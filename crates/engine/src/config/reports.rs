use std::path::PathBuf;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Span;
use crate::{Error, Period};

/// Reports of days, weeks and months, which the service writes when they are over: a page and its
/// tables as CSV, from `output.verdicts`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportsConfig {
    /// The folder that gets them; it is created when missing.
    pub directory: PathBuf,
    /// Which: `daily`, `weekly`, `monthly`.
    pub periods: Vec<Period>,
    /// Where days begin: an IANA time zone.
    pub timezone: String,
    /// How long after the end of its time a report is written, so that what comes late is in it.
    /// Domain: at most 1d.
    pub delay: Span,
    /// Reports older than this are removed; `0s` never.
    pub keep: Span,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("reports"),
            periods: vec![Period::Daily],
            timezone: "UTC".to_owned(),
            delay: Span::from_secs(15 * 60),
            keep: Span::default(),
        }
    }
}

impl ReportsConfig {
    /// The zone of its days.
    pub(crate) fn zone(&self) -> Result<TimeZone, Error> {
        TimeZone::get(&self.timezone).map_err(|_| {
            Error::config(format!(
                "reports.timezone is `{}`, but must be an IANA time zone such as `Asia/Seoul`",
                self.timezone
            ))
        })
    }

    pub(super) fn validate(&self, has_verdicts: bool) -> Result<(), Error> {
        let wrong = |message: &str| Err(Error::config(format!("reports{message}")));
        self.zone()?;
        if !has_verdicts {
            return wrong(" are made of output.verdicts, which is not set");
        }
        if self.periods.is_empty() {
            return wrong(".periods is empty, but must name one of daily, weekly, monthly");
        }
        if self.delay.millis() > 86_400_000 {
            return wrong(&format!(".delay is {}, but must be at most 1d", self.delay));
        }
        Ok(())
    }
}
