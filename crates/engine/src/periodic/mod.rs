//! What happened in a day, a week or a month, from the file of verdicts that the service keeps.

mod csv_out;
mod incidents;
mod job;
mod page;
mod period;
mod replay;
mod rows;
mod tracks;

use std::path::{Path, PathBuf};

use bongsu_core::Timestamp;
use jiff::tz::TimeZone;

pub use period::{Period, parse_day};

pub(crate) use job::{ReportJob, ReportWriter};
pub(crate) use page::brief;

use crate::config::Config;
use crate::{Error, SavedState};
use replay::Replay;
use tracks::Tracks;

/// Which report of which files.
#[derive(Debug, Clone)]
pub struct PeriodicRequest {
    /// A day, a week or a month.
    pub period: Period,
    /// A moment in it.
    pub at: Timestamp,
    /// Where its days begin.
    pub zone: TimeZone,
    /// The file of verdicts (`output.verdicts`), or that name without the days where each has a file.
    pub verdicts: PathBuf,
    /// How verdicts became alerts; without it each anomalous stretch is one.
    pub config: Option<Config>,
    /// The `state.directory`, for the models and the incidents.
    pub state: Option<PathBuf>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodicReport {
    /// `daily-2026-03-01`: what its files are called.
    pub name: String,
    /// A page that needs no network.
    pub html: String,
    /// The alerts as CSV.
    pub alerts: String,
    /// The series as CSV: points, missing ones, anomalies and alerts of each.
    pub series: String,
    /// The incidents as CSV, with their likely causes; the header alone where none are known.
    pub incidents: String,
}

impl PeriodicReport {
    /// Writes `NAME.html`, `NAME-alerts.csv`, `NAME-series.csv` and `NAME-incidents.csv` into `folder`,
    /// each as a whole.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Error> {
        let failed =
            |path: &Path, e: std::io::Error| Error::state(format!("{}: {e}", path.display()));
        std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
        let page = folder.join(format!("{}.html", self.name));
        // The page last: where it is, its tables are.
        for (ending, text) in [
            ("-alerts.csv", &self.alerts),
            ("-series.csv", &self.series),
            ("-incidents.csv", &self.incidents),
            (".html", &self.html),
        ] {
            let path = folder.join(format!("{}{ending}", self.name));
            let draft = folder.join(format!(".{}{ending}.tmp", self.name));
            std::fs::write(&draft, text).map_err(|e| failed(&draft, e))?;
            std::fs::rename(&draft, &path).map_err(|e| failed(&path, e))?;
        }
        Ok(page)
    }
}

/// The report of a day, a week or a month: what fired, the incidents with their likely causes, how noisy
/// it was, the worst series with their bands and anomalies, the quality of the data, and the models.
///
/// Alerts and messages are made again from the verdicts, by the rules of the configuration: silences
/// and orders given meanwhile are not in the file. Up to 40 series are drawn, those with alerts
/// first.
///
/// Cost: O(rows) time, and memory for the series (about 300 bytes each) and for the points drawn
/// (at most 0.5 MB a series drawn).
///
/// # Errors
/// When there is no file of verdicts for the period, or it cannot be read.
pub fn periodic_report(request: &PeriodicRequest) -> Result<PeriodicReport, Error> {
    let (from, to) = request.period.around(request.at, &request.zone)?;
    let files = rows::files(&request.verdicts, from.add_millis(-replay::LEAD_MS), to)?;
    let mut tracks = Tracks::new(from, to);
    let mut replay = Replay::new(request.config.as_ref(), from, to)?;
    rows::read(&files, from.add_millis(-replay::LEAD_MS), to, &mut |row| {
        tracks.take(row);
        replay.take(row);
    })?;
    let found = replay.finish();
    // Only now it is known which series are worth drawing.
    if tracks.choose(&found) {
        rows::read(&files, from, to, &mut |row| tracks.draw(row))?;
    }
    let saved = request.state.as_deref().map(SavedState::read);
    let saved = match saved {
        Some(Err(error)) => {
            tracing::warn!(%error, "the report is without the models");
            None
        }
        saved => saved.and_then(Result::ok),
    };
    let known = request.state.as_deref();
    let known = known.map(|state| incidents::of_period(state, from, to));
    let known = known.transpose().unwrap_or_else(|error| {
        tracing::warn!(%error, "the report is without the incidents");
        None
    });
    let known = known.flatten();
    let name = request.period.name(from, &request.zone);
    let facts = page::Facts {
        request,
        from,
        to,
        tracks: &tracks,
        found: &found,
        saved: saved.as_ref(),
        incidents: known.as_deref(),
        skipped: files.skipped,
    };
    Ok(PeriodicReport {
        name,
        html: page::render(&facts)?,
        alerts: csv_out::alerts(&found)?,
        series: csv_out::series(&tracks, &found)?,
        incidents: incidents::csv(known.as_deref().unwrap_or_default())?,
    })
}
