//! Detection on a table: the library side of `bongsu detect`.

use std::collections::BTreeMap;

use bongsu_core::ndarray::{Array2, Axis};
use bongsu_core::{Calibrator, Detector, DeviationFilter, Expectation, StreamDetector};

use crate::registry::{self, Runner, StreamState};
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
}

/// What was found in one row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DetectedRow {
    /// The score; `None` while warming up and where the values are missing.
    pub score: Option<f64>,
    /// Whether the row is anomalous.
    pub anomalous: bool,
    /// The band, for a single channel.
    pub expectation: Option<Expectation>,
}

/// Judges every row of `table`; one result a row. Channels are judged apart and a row has the
/// highest of their scores.
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
    let mut judged = vec![DetectedRow::default(); rows];
    let mut on_time = vec![true; rows];
    for &late in &table.late_rows {
        if let Some(flag) = on_time.get_mut(late) {
            *flag = false;
        }
    }
    for (name, column) in table.channels.iter().zip(table.values.columns()) {
        let points: Vec<(usize, f64)> = column
            .iter()
            .copied()
            .enumerate()
            .filter(|&(row, value)| value.is_finite() && on_time.get(row) == Some(&true))
            .collect();
        let channel = Channel {
            points: &points,
            train_rows: request.train_rows,
            filter: &filter,
        };
        let results = match registry::runner(&request.detector, &parameters)? {
            Runner::Stream(detector) => channel.stream(detector),
            Runner::Batch(config) => channel.batch(&config),
        }
        .map_err(|e| Error::input(format!("channel `{name}`: {e}")))?;
        for ((row, _), found) in points.iter().zip(results) {
            if let Some(best) = judged.get_mut(*row) {
                best.keep_highest(&found, request.raw);
            }
        }
    }
    if table.channels.len() > 1 {
        for row in &mut judged {
            row.expectation = None;
        }
    }
    Ok(judged)
}

/// What one channel says of one row.
#[derive(Debug, Clone, Copy)]
struct Found {
    raw: Option<f64>,
    calibrated: Option<f64>,
    expectation: Option<Expectation>,
}

impl DetectedRow {
    fn keep_highest(&mut self, found: &Found, raw: bool) {
        let score = if raw { found.raw } else { found.calibrated };
        self.score = match (self.score, score) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.anomalous |= found.calibrated.is_some_and(|score| score > 1.0);
        self.expectation = self.expectation.or(found.expectation);
    }
}

struct Channel<'a> {
    points: &'a [(usize, f64)],
    train_rows: Option<usize>,
    filter: &'a DeviationFilter,
}

impl Channel<'_> {
    fn trains(&self, row: usize) -> bool {
        self.train_rows.is_none_or(|train| row < train)
    }

    fn found(
        &self,
        raw: Option<f64>,
        value: f64,
        band: Option<Expectation>,
        calibrator: &Calibrator,
    ) -> Found {
        Found {
            raw,
            calibrated: raw.map(|raw| {
                self.filter
                    .apply(calibrator.calibrate(raw), value, band.as_ref())
            }),
            expectation: band.map(|band| self.filter.widen(band)),
        }
    }

    fn stream(&self, mut detector: StreamState) -> Result<Vec<Found>, Error> {
        let calibrator = Calibrator::threshold(detector.threshold().unwrap_or(1.0))?;
        self.points
            .iter()
            .map(|&(row, value)| {
                let band = detector.expectation();
                let score = if self.trains(row) {
                    detector.score_then_learn(&[value])?
                } else {
                    detector.score(&[value])?
                };
                Ok(self.found(score.ready(), value, band, &calibrator))
            })
            .collect()
    }

    fn batch(&self, config: &registry::BatchConfig) -> Result<Vec<Found>, Error> {
        let values = |keep: &dyn Fn(usize) -> bool| -> Array2<f64> {
            let kept = self
                .points
                .iter()
                .filter(|(row, _)| keep(*row))
                .map(|&(_, value)| value);
            kept.collect::<bongsu_core::ndarray::Array1<f64>>()
                .insert_axis(Axis(1))
        };
        let detector: Box<dyn Detector> = config.fit(&values(&|row| self.trains(row)).view())?;
        let calibrator = Calibrator::threshold(detector.threshold().unwrap_or(1.0))?;
        let scores = detector.score(values(&|_| true).view())?;
        let band = detector.expectation();
        let judged = self.points.iter().zip(scores);
        Ok(judged
            .map(|(&(_, value), raw)| self.found(Some(raw), value, band, &calibrator))
            .collect())
    }
}
