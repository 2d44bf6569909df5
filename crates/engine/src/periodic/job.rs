//! Reports that the service writes by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_core::Timestamp;
use jiff::tz::TimeZone;
use tokio::task::JoinHandle;

use super::{Period, PeriodicRequest, periodic_report};
use crate::Error;
use crate::config::{Config, ReportsConfig};
use crate::source::wall_clock;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(60);
/// After a failure it is tried again after so long.
const RETRY: Duration = Duration::from_secs(1_800);

/// Writes the report of each period that is over and has none, beside the judging. It ends when it
/// is dropped.
#[derive(Debug)]
pub(crate) struct ReportJob(JoinHandle<()>);

impl Drop for ReportJob {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ReportJob {
    /// Starts it, where `config` asks for reports, inside a Tokio runtime.
    pub(crate) fn start(config: &Config) -> Result<Option<Self>, Error> {
        let (Some(reports), Some(verdicts)) = (&config.reports, &config.output.verdicts) else {
            return Ok(None);
        };
        let zone = reports.zone()?;
        let (reports, verdicts) = (reports.clone(), verdicts.clone());
        let (state, config) = (config.state.directory.clone(), config.clone());
        let task = async move {
            loop {
                let request = |period, at| PeriodicRequest {
                    period,
                    at,
                    zone: zone.clone(),
                    verdicts: verdicts.clone(),
                    config: Some(config.clone()),
                    state: state.clone(),
                };
                let due = due(&reports, &zone, wall_clock());
                let due: Vec<_> = due
                    .into_iter()
                    .map(|(period, at)| request(period, at))
                    .collect();
                let folder = reports.directory.clone();
                // Reading and drawing take a while, and nothing else must wait for it.
                let written = tokio::task::spawn_blocking(move || write(&due, &folder)).await;
                remove_old(&reports);
                let pause = if matches!(written, Ok(true)) {
                    LOOK
                } else {
                    RETRY
                };
                tokio::time::sleep(pause).await;
            }
        };
        Ok(Some(Self(tokio::spawn(task))))
    }
}

/// The periods that are over and have no report.
fn due(reports: &ReportsConfig, zone: &TimeZone, now: Timestamp) -> Vec<(Period, Timestamp)> {
    let settled = now.add_millis(-reports.delay.millis());
    let periods = reports.periods.iter();
    periods
        .filter_map(|&period| {
            let (from, _) = period.latest(settled, zone).ok()?;
            let page = reports
                .directory
                .join(format!("{}.html", period.name(from, zone)));
            (!page.exists()).then_some((period, from))
        })
        .collect()
}

/// Whether all could be written.
fn write(due: &[PeriodicRequest], folder: &Path) -> bool {
    due.iter().fold(true, |all, request| {
        let written = periodic_report(request).and_then(|report| report.write(folder));
        match &written {
            Ok(page) => tracing::info!(file = %page.display(), "a report was written"),
            Err(error) => {
                tracing::warn!(%error, "the {} report cannot be written", request.period.word());
            }
        }
        all && written.is_ok()
    })
}

/// Removes reports that are kept for long enough.
fn remove_old(reports: &ReportsConfig) {
    let keep = reports.keep.duration();
    if keep.is_zero() {
        return;
    }
    for path in own_files(&reports.directory) {
        let age = path.metadata().and_then(|of| of.modified()).ok();
        let age = age.and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if age > keep
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(file = %path.display(), %error, "an old report cannot be removed");
        }
    }
}

/// The files of reports in `folder`, and no others.
fn own_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let begins = ["daily-", "weekly-", "monthly-"]
            .iter()
            .any(|word| name.starts_with(word));
        let ends = [".html", "-alerts.csv", "-series.csv"]
            .iter()
            .any(|end| name.ends_with(end));
        begins && ends
    };
    entries.map(|entry| entry.path()).filter(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_due_once_and_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let reports = ReportsConfig {
            directory: folder.path().to_owned(),
            periods: vec![Period::Daily, Period::Monthly],
            ..ReportsConfig::default()
        };
        let zone = TimeZone::UTC;
        // 2026-03-01 00:10, ten minutes into a new day and month.
        let early = Timestamp::from_secs(1_772_323_800);
        let names = |now: Timestamp| -> Vec<String> {
            let due = due(&reports, &zone, now).into_iter();
            due.map(|(period, from)| period.name(from, &zone)).collect()
        };
        assert_eq!(names(early), ["daily-2026-02-27", "monthly-2026-01"]);
        let later = early.add_millis(600_000);
        assert_eq!(names(later), ["daily-2026-02-28", "monthly-2026-02"]);
        std::fs::write(folder.path().join("daily-2026-02-28.html"), "").unwrap();
        std::fs::write(folder.path().join("daily-notes.txt"), "").unwrap();
        assert_eq!(names(later), ["monthly-2026-02"]);
        assert_eq!(own_files(folder.path()).len(), 1);
    }
}
