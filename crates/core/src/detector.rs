use std::fmt::Debug;

use ndarray::ArrayView2;

use crate::{Error, Expectation, Result, Rows, ScalePrior, Score, Timestamp};

/// A configuration that learns from a table: rows are observations, columns are features.
pub trait FitDetector {
    /// What fitting gives.
    type Fitted: Detector;

    /// Learns from `x`.
    ///
    /// # Errors
    /// When the configuration is outside its domain, or when `x` has too few rows, no columns, or
    /// values the method cannot take.
    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<Self::Fitted>;

    /// Learns from `rows` and scores these same rows, one score a row.
    ///
    /// Provided: [`FitDetector::fit`], then [`Detector::score_rows_into`]. Overridden by methods in
    /// which a training row is not judged as a new one (a row is not its own neighbour), and by
    /// those that use the timestamps.
    ///
    /// # Errors
    /// As [`FitDetector::fit`].
    fn fit_score(&self, rows: &Rows<'_>) -> Result<(Self::Fitted, Vec<f64>)> {
        let fitted = self.fit(rows.values())?;
        let scores = fitted.score_rows(rows)?;
        Ok((fitted, scores))
    }
}

/// A fitted detector of any kind, and the scores of the rows that it learned from.
pub type FittedWithScores = (Box<dyn Detector>, Vec<f64>);

/// [`FitDetector`] without its associated type, for tables of detectors. Implemented for every
/// [`FitDetector`].
pub trait FitDetectorDyn {
    /// Learns from `x`; see [`FitDetector::fit`].
    ///
    /// # Errors
    /// As [`FitDetector::fit`].
    fn fit_boxed(&self, x: ArrayView2<'_, f64>) -> Result<Box<dyn Detector>>;

    /// Learns from `rows` and scores them; see [`FitDetector::fit_score`].
    ///
    /// # Errors
    /// As [`FitDetector::fit_score`].
    fn fit_score_boxed(&self, rows: &Rows<'_>) -> Result<FittedWithScores>;
}

impl<T: FitDetector<Fitted: 'static>> FitDetectorDyn for T {
    fn fit_boxed(&self, x: ArrayView2<'_, f64>) -> Result<Box<dyn Detector>> {
        Ok(Box::new(self.fit(x)?))
    }

    fn fit_score_boxed(&self, rows: &Rows<'_>) -> Result<FittedWithScores> {
        let (fitted, scores) = self.fit_score(rows)?;
        Ok((Box::new(fitted), scores))
    }
}

/// A fitted detector: judges rows without learning from them.
///
/// To a method that looks at more than one row at a time (a season, a subsequence) the rows of a
/// call are consecutive observations, oldest first; to any other their order means nothing.
pub trait Detector: Debug + Send + Sync {
    /// The number of columns it was fitted on.
    fn n_features(&self) -> usize;

    /// Writes the raw score of each row of `x` to `out`; higher is more anomalous. Allocates
    /// nothing.
    ///
    /// # Errors
    /// When `x` has another number of columns than [`Detector::n_features`], `out` another length
    /// than `x` has rows, or `x` holds a value the method cannot take.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()>;

    /// The raw score above which a row is anomalous, when the method has one.
    fn threshold(&self) -> Option<f64>;

    /// What it expects of each row, for methods that judge a single column against a band.
    fn expectation(&self) -> Option<Expectation> {
        None
    }

    /// As [`Detector::score_into`], for methods that use the timestamps, such as a profile of the
    /// day in a time zone. Provided: the timestamps are not used.
    ///
    /// # Errors
    /// As [`Detector::score_into`], and when a method that needs timestamps is given none.
    fn score_rows_into(&self, rows: &Rows<'_>, out: &mut [f64]) -> Result<()> {
        self.score_into(rows.values(), out)
    }

    /// What it expects of each of `rows`, for methods that judge a single column against a band
    /// that moves. Provided: [`Detector::expectation`] for every row.
    ///
    /// # Errors
    /// As [`Detector::score_rows_into`].
    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        Ok(self.expectation().map(|band| vec![band; rows.len()]))
    }

    /// How much each feature of `row` contributes to its score: as many numbers of at least 0 as
    /// features, in the method's own unit (only their proportions count). `None` for methods that
    /// cannot tell.
    ///
    /// # Errors
    /// When `row` has another number of features, or a value the method cannot take.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        let _ = row;
        Ok(None)
    }

    /// As [`Detector::contributions`], of the row at `place` among `rows`, for methods that look at
    /// the rows before it too. Provided: only the row itself is looked at. A row without enough
    /// others before it has none.
    ///
    /// # Errors
    /// As [`Detector::contributions`], and when `rows` has no such row.
    fn contributions_at(&self, rows: &Rows<'_>, place: usize) -> Result<Option<Vec<f64>>> {
        if place >= rows.len() {
            return Err(Error::shape("rows", rows.len(), place.saturating_add(1)));
        }
        self.contributions(&rows.values().row(place).to_vec())
    }

    /// The raw scores of `rows`; see [`Detector::score_rows_into`].
    ///
    /// # Errors
    /// As [`Detector::score_rows_into`].
    fn score_rows(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        let mut out = vec![0.0; rows.len()];
        self.score_rows_into(rows, &mut out)?;
        Ok(out)
    }

    /// The raw scores of the rows of `x`.
    ///
    /// # Errors
    /// As [`Detector::score_into`].
    fn score(&self, x: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let mut out = vec![0.0; x.nrows()];
        self.score_into(x, &mut out)?;
        Ok(out)
    }
}

/// A detector that judges and learns point by point, in constant memory.
pub trait StreamDetector: Debug + Send {
    /// The raw score of `x`. Changes nothing.
    ///
    /// # Errors
    /// When `x` has the wrong number of features or a value the method cannot take.
    fn score(&self, x: &[f64]) -> Result<Score>;

    /// Learns `x`.
    ///
    /// # Errors
    /// As [`StreamDetector::score`]; the state is then unchanged.
    fn learn(&mut self, x: &[f64]) -> Result<()>;

    /// Scores, then learns. Detectors for which one pass serves both override it.
    ///
    /// # Errors
    /// As [`StreamDetector::score`]; the state is then unchanged.
    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let score = self.score(x)?;
        self.learn(x)?;
        Ok(score)
    }

    /// What the detector expects of the next value, and its bounds; `None` while warming up and
    /// for detectors of several features.
    fn expectation(&self) -> Option<Expectation> {
        None
    }

    /// The raw score above which a point is anomalous, when the method has one.
    fn threshold(&self) -> Option<f64> {
        None
    }

    /// Tells when the next point was observed, for detectors that know the calendar or mind holes in
    /// time. Provided: not used.
    fn set_time(&mut self, timestamp: Timestamp) {
        let _ = timestamp;
    }

    /// Starts from what is known of its siblings instead of from nothing: the first level still
    /// comes from the first points, fewer of them, but the scale about it from `prior`, until the
    /// detector has learned its own. Returns whether the detector makes use of it, which is only
    /// while it has seen nothing. Provided: it does not.
    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        let _ = prior;
        false
    }

    /// The bytes that it holds on the heap, beside its own size. Provided: none.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// The number of points learned since the start or the last reset.
    fn seen(&self) -> u64;

    /// Forgets everything learned.
    fn reset(&mut self);
}
