//! The report of a run as one HTML file.

mod brief;
mod headline;
mod page;
mod points;

use std::time::Duration;

use bongsu_core::{Alert, Severity, Timestamp};
use jiff::tz::TimeZone;

use crate::{CorrelationMatrix, Error, ServiceGraph, TimeSeriesPlot, Unit};

/// What happened in a run, for people: the answer first, then its evidence.
///
/// [`RunReport::to_html`] gives one file that needs no network. It adapts to phones, dark mode and
/// paper, and can be read with a screen reader and without JavaScript. With it, pointing at a plot or
/// moving a cursor with the arrow keys reads values, and a drag across it, or `+`, zooms into a
/// stretch of time, until a double click or Escape shows all of it again.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_report::{Fact, RunReport};
///
/// let mut report = RunReport::new("Checkout", Timestamp::from_secs(0), Timestamp::from_secs(3_600));
/// report.summary.push(Fact::new("Series watched", 42));
/// let html = report.to_html()?;
/// assert!(html.contains("No alerts"));
/// # Ok::<(), bongsu_report::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunReport {
    /// What was watched.
    pub title: String,
    /// One sentence that says what happened (default: made from the alerts).
    pub headline: Option<String>,
    /// The start of the time covered.
    pub from: Timestamp,
    /// The end of the time covered.
    pub to: Timestamp,
    /// The zone in which times are written (default: UTC).
    pub time_zone: TimeZone,
    /// The program and its version.
    pub generated_by: String,
    /// Key figures.
    pub summary: Vec<Fact>,
    /// What was alerted, in any order: the most severe come first in the report.
    pub alerts: Vec<AlertRow>,
    /// Pictures of services and who calls whom.
    pub graphs: Vec<ServiceGraph>,
    /// Further tables, such as the faults injected against those found.
    pub tables: Vec<Table>,
    /// What moves together.
    pub matrices: Vec<CorrelationMatrix>,
    /// A plot a series or query. Those that an alert names are open, the others folded.
    pub panels: Vec<TimeSeriesPlot>,
    /// How complete the data were.
    pub quality: Vec<QualityRow>,
    /// The settings of the run, by name.
    pub settings: Vec<(String, String)>,
    /// At most so many plots are open (default: 8).
    pub open_panels: usize,
    /// At most so many plots are drawn at all (default: 40); the report says how many are not.
    pub max_panels: usize,
}

/// A key figure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// The figure.
    pub value: String,
    /// A few more words (may be empty).
    pub note: String,
}

impl Fact {
    /// A key figure without a note.
    pub fn new(label: impl Into<String>, value: impl std::fmt::Display) -> Self {
        Self {
            label: label.into(),
            value: value.to_string(),
            note: String::new(),
        }
    }

    /// Adds a few more words.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// An alert of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertRow {
    /// One line for people.
    pub summary: String,
    /// The series.
    pub series: String,
    /// How bad it is.
    pub severity: Severity,
    /// The first anomalous point.
    pub from: Timestamp,
    /// When it was resolved; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// The highest calibrated score.
    pub peak_score: Option<f64>,
    /// The value at that point.
    pub value: Option<f64>,
    /// What was expected there.
    pub expected: Option<f64>,
    /// The lower bound of normal there.
    pub lower: Option<f64>,
    /// The upper bound of normal there.
    pub upper: Option<f64>,
    /// What the values measure.
    pub unit: Unit,
    /// Why, when the model can say (may be empty).
    pub explanation: String,
    /// The index in [`RunReport::panels`] of the plot that shows it.
    pub panel: Option<usize>,
}

/// Everything but unit and plot.
impl From<&Alert> for AlertRow {
    fn from(alert: &Alert) -> Self {
        let verdict = &alert.verdict;
        Self {
            summary: alert.summary.clone(),
            series: alert.labels.selector(),
            severity: alert.severity,
            from: alert.starts_at,
            to: alert.resolved_at,
            peak_score: verdict.score,
            value: verdict.value,
            expected: verdict.expected,
            lower: verdict.lower,
            upper: verdict.upper,
            unit: Unit::Plain,
            explanation: verdict
                .explanation
                .as_ref()
                .map(|why| why.summary.clone())
                .unwrap_or_default(),
            panel: None,
        }
    }
}

/// A table of texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// What it shows; its heading.
    pub caption: String,
    /// A sentence before the table (may be empty).
    pub note: String,
    /// The column headings.
    pub columns: Vec<String>,
    /// The rows: each with one text a column. Missing texts are left empty.
    pub rows: Vec<Vec<String>>,
}

/// How complete one series was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QualityRow {
    /// The series.
    pub series: String,
    /// The points that should have been there.
    pub expected: u64,
    /// Those of them that were not.
    pub missing: u64,
    /// The longest stretch without a point.
    pub longest_gap: Option<Duration>,
    /// A remark (may be empty).
    pub note: String,
}

impl RunReport {
    /// A report without content.
    pub fn new(title: impl Into<String>, from: Timestamp, to: Timestamp) -> Self {
        Self {
            title: title.into(),
            headline: None,
            from,
            to,
            time_zone: TimeZone::UTC,
            generated_by: concat!("bongsu ", env!("CARGO_PKG_VERSION")).to_owned(),
            summary: Vec::new(),
            alerts: Vec::new(),
            graphs: Vec::new(),
            tables: Vec::new(),
            matrices: Vec::new(),
            panels: Vec::new(),
            quality: Vec::new(),
            settings: Vec::new(),
            open_panels: 8,
            max_panels: 40,
        }
    }

    /// The report as one HTML file.
    ///
    /// Cost: O(points) time; about 0.15 MB a plot.
    ///
    /// # Errors
    /// When the template cannot be filled, which would be a defect of this crate.
    pub fn to_html(&self) -> Result<String, Error> {
        page::render(self)
    }
}
