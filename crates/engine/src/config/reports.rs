use std::path::PathBuf;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Archive, OutputConfig, Span};
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
    /// Reports older than this are removed; `0s` never. Domain: 0s, or at least twice the longest of
    /// `periods`.
    pub keep: Span,
    /// Whether reports that came due while the service was down are left out. Otherwise they are
    /// made up, at most 31 of each of `periods`, back to the newest report in the folder.
    pub skip_missed: bool,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("reports"),
            periods: vec![Period::Daily],
            timezone: "UTC".to_owned(),
            delay: Span::from_secs(15 * 60),
            keep: Span::default(),
            skip_missed: false,
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

    pub(super) fn validate(&self, output: &OutputConfig) -> Result<(), Error> {
        let wrong = |message: &str| Err(Error::config(format!("reports{message}")));
        self.zone()?;
        if output.verdicts.is_none() {
            return wrong(" are made of output.verdicts, which is not set");
        }
        if output.anomalous_only {
            return wrong(
                " count and draw all verdicts, but output.anomalous_only leaves the normal ones out",
            );
        }
        if output.archive == Archive::Parquet {
            return wrong(
                " read the days of output.verdicts line by line, and Parquet is not read so; \
                 leave output.archive at its default",
            );
        }
        let longest = self.periods.iter().map(|period| match period {
            Period::Daily => 1,
            Period::Weekly => 7,
            Period::Monthly => 31,
        });
        let least = longest.max().unwrap_or(1) * 2;
        if self.keep.millis() > 0 && self.keep.millis() < least * 86_400_000 {
            return wrong(&format!(
                ".keep is {}, but must be 0s or at least {least}d, twice the longest of periods",
                self.keep
            ));
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

#[cfg(test)]
mod tests {
    #[test]
    fn what_reports_cannot_be_made_of_is_refused() {
        let with = |output: &str, reports: &str| {
            crate::config::parse(
                &format!(
                    "source: {{type: prometheus, url: 'http://x'}}\n\
                     queries: [{{name: a, expr: up}}]\n\
                     output: {{{output}}}\nreports: {{{reports}}}\n"
                ),
                None,
            )
        };
        let daily = "verdicts: v.csv, rotate: daily";
        assert!(with(daily, "periods: [weekly], keep: 14d").is_ok());
        for (output, reports, named) in [
            ("", "", "output.verdicts"),
            (
                "verdicts: v.csv, anomalous_only: true",
                "",
                "anomalous_only",
            ),
            (
                "verdicts: v.csv, rotate: daily, archive: parquet",
                "",
                "output.archive",
            ),
            (daily, "periods: [monthly], keep: 7d", "at least 62d"),
            (daily, "periods: []", "reports.periods"),
            (daily, "timezone: Moon/Sea", "reports.timezone"),
        ] {
            let error = with(output, reports).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
