//! Detection on a table: the library side of `bongsu detect`.

mod channels;
mod choice;
mod lane;
mod picture;

use std::collections::BTreeMap;

use bongsu_core::{Contribution, Expectation, Explanation, Labels, Timestamp, Verdict};

pub(crate) use self::channels::Channels;
pub use self::choice::explain_choice;
pub(crate) use self::lane::{Lane, Manner};
pub use self::picture::{detect_plot, score_plot};
use crate::registry::{self, Input, Runner};
use crate::{Error, Table};

/// What to run on a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetectRequest {
    /// The detector's name.
    pub detector: String,
    /// Its parameters, and those common to all detectors.
    pub parameters: BTreeMap<String, String>,
    /// Learn only from the first rows; without it a streaming detector learns as it goes, and any
    /// other is fitted on all rows.
    pub train_rows: Option<usize>,
    /// Give raw scores instead of calibrated ones.
    pub raw: bool,
    /// Say which channels made a row anomalous.
    pub explain: bool,
}

impl DetectRequest {
    /// Checks the detector and its parameters, before a table is read.
    ///
    /// # Errors
    /// When one is unknown or outside its domain.
    pub fn validate(&self) -> Result<(), Error> {
        let mut parameters = self.parameters.clone();
        registry::take_filter(&mut parameters)?;
        registry::runner(&self.detector, &parameters)?;
        Ok(())
    }

    /// Whether rows are judged one by one, as a
    /// [`StreamSession`](crate::stream::StreamSession) judges them, rather than by a fit on many.
    ///
    /// # Errors
    /// As [`DetectRequest::validate`].
    pub fn is_point_by_point(&self) -> Result<bool, Error> {
        let mut parameters = self.parameters.clone();
        registry::take_filter(&mut parameters)?;
        let runner = registry::runner(&self.detector, &parameters)?;
        Ok(matches!(runner, Runner::Stream(_)))
    }
}

/// What was found in one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetectedRow {
    /// The score; `None` while warming up and where the values are missing.
    pub score: Option<f64>,
    /// Whether the row is anomalous.
    pub anomalous: bool,
    /// The band, for a single channel.
    pub expectation: Option<Expectation>,
    /// Why an anomalous row of several channels is anomalous, when it was asked for and the
    /// detector can tell.
    pub explanation: Option<Explanation>,
}

impl DetectedRow {
    /// As a verdict on what was observed at `timestamp`; `value` is that of a single channel. The
    /// score must be a calibrated one.
    #[must_use]
    pub fn into_verdict(self, timestamp: Timestamp, labels: Labels, value: Option<f64>) -> Verdict {
        let mut verdict = Verdict::unjudged(timestamp, labels);
        verdict.value = value;
        verdict.score = self.score;
        verdict.anomalous = self.anomalous;
        verdict.explanation = self.explanation;
        if let Some(band) = self.expectation {
            verdict.set_band(band);
        }
        verdict
    }
}

/// Judges every row of `table`; one result a row.
///
/// Detectors of a single metric judge the channels apart, and a row has the highest of their
/// scores; a channel that cannot be judged is left out with a warning, unless it is the only one.
/// Detectors of tables judge the channels of a row together; a row with a missing value is
/// then not judged.
///
/// Rows that do not move on in time are neither judged nor learned.
///
/// # Errors
/// When the detector or a parameter is unknown or outside its domain, or when there are fewer rows
/// than it needs.
///
/// ```
/// use bongsu_engine::{DetectRequest, Table, detect};
/// let mut csv = String::from("timestamp,load\n");
/// for i in 0..40 {
///     csv += &format!("{},{}\n", 60 * i, if i == 30 { 50.0 } else { f64::from(i % 4) });
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let request = DetectRequest { detector: "iqr".into(), ..DetectRequest::default() };
/// let rows = detect(&table, &request)?;
/// let found: Vec<usize> = (0..40).filter(|&i| rows[i].anomalous).collect();
/// assert_eq!(found, [30]);
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn detect(table: &Table, request: &DetectRequest) -> Result<Vec<DetectedRow>, Error> {
    let mut parameters = request.parameters.clone();
    let filter = registry::take_filter(&mut parameters)?;
    let rows = table.timestamps.len();
    if let Some(train) = request.train_rows
        && train > rows
    {
        return Err(Error::config(format!(
            "--train-rows is {train}, but the input has {rows} rows"
        )));
    }
    let input = registry::find(&request.detector)?.input;
    let all: Vec<usize> = (0..table.channels.len()).collect();
    let together: Vec<&[usize]> = match input {
        Input::Table | Input::TableSeries => vec![&all],
        Input::Column | Input::Series => all.chunks(1).collect(),
    };
    let mut judged = vec![DetectedRow::default(); rows];
    let mut refused = Vec::new();
    let (mut values, mut outside_limits) = (0_u64, 0_u64);
    for columns in &together {
        let runner = registry::runner(&request.detector, &parameters)?;
        let channels = Channels::new(table, columns, input, request, &filter);
        let found = match (channels.judge(runner), columns) {
            (Ok(found), _) => found,
            (Err(e), [one]) => {
                let name = table.channels.get(*one).map_or("", String::as_str);
                refused.push(Error::input(format!("channel `{name}`: {e}")));
                continue;
            }
            (Err(e), _) => return Err(e),
        };
        for (row, found) in found {
            values += columns.len() as u64;
            outside_limits += found.outside_limits;
            if let Some(best) = judged.get_mut(row) {
                best.keep_highest(found, request.raw);
            }
        }
    }
    // A channel that cannot be judged (a constant one, say) must not cost what the others tell.
    if refused.len() == together.len() {
        return refused.into_iter().next().map_or(Ok(judged), Err);
    }
    for e in refused {
        tracing::warn!(error = %e, "not judged");
    }
    tell_outside_limits(outside_limits, values);
    if table.channels.len() > 1 {
        for row in &mut judged {
            row.expectation = None;
        }
    }
    Ok(judged)
}

/// Whether so many of `values` lie outside of the limits of the detector that it has the wrong ones:
/// more than an anomaly now and then.
#[must_use]
pub const fn are_limits_wrong(outside: u64, values: u64) -> bool {
    outside > 0 && outside >= values / 100
}

/// Says in the log that `outside` of `values` lie beyond the limits of the detector, when there are
/// any: they are not told apart from values on the limit, so that scores say little of them.
pub fn tell_outside_limits(outside: u64, values: u64) {
    let share = 100.0 * outside as f64 / values.max(1) as f64;
    let share = format!("{share:.2} %");
    if are_limits_wrong(outside, values) {
        tracing::warn!(
            values = outside,
            share,
            "values lie outside of the detector's limits and count as on the limit, so that scores say little of them; give the limits, or learn them with `--set limits=auto`"
        );
    } else if outside > 0 {
        tracing::info!(
            values = outside,
            share,
            "values outside of the detector's limits were taken as on the limit"
        );
    }
}

/// What some channels say of one row.
#[derive(Debug)]
pub(crate) struct Found {
    raw: Option<f64>,
    calibrated: Option<f64>,
    expectation: Option<Expectation>,
    contributions: Vec<Contribution>,
    /// How many of its values lie beyond the limits of the detector.
    pub(crate) outside_limits: u64,
}

impl DetectedRow {
    pub(crate) fn keep_highest(&mut self, found: Found, raw: bool) {
        let anomalous = found.is_anomalous();
        let score = if raw { found.raw } else { found.calibrated };
        if score > self.score || self.score.is_none() {
            self.score = score;
            self.explanation = (!found.contributions.is_empty())
                .then(|| Explanation::from_contributions(found.contributions));
        }
        self.anomalous |= anomalous;
        self.expectation = self.expectation.or(found.expectation);
    }
}
