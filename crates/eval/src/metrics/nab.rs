//! The score of the Numenta Anomaly Benchmark: early alarms in a window count, late and false ones
//! cost.

use std::ops::Range;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::check;

/// What a profile of users pays for each kind of outcome.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NabProfile {
    /// The reward of a window whose first row is flagged.
    pub true_positive: f64,
    /// The cost of a flagged row far from any window before it.
    pub false_positive: f64,
    /// The cost of a window without an alarm.
    pub false_negative: f64,
}

impl NabProfile {
    /// NAB's `standard` profile.
    pub const STANDARD: Self = Self::new(0.11, 1.0);
    /// NAB's `reward_low_FP_rate` profile: false alarms cost double.
    pub const REWARD_LOW_FP: Self = Self::new(0.22, 1.0);
    /// NAB's `reward_low_FN_rate` profile: missed windows cost double.
    pub const REWARD_LOW_FN: Self = Self::new(0.11, 2.0);

    const fn new(false_positive: f64, false_negative: f64) -> Self {
        Self {
            true_positive: 1.0,
            false_positive,
            false_negative,
        }
    }
}

/// A score of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NabScore {
    /// The normalised score: 100 for a perfect detector, 0 for one that never alarms.
    pub score: f64,
    /// The score before it is normalised.
    pub raw: f64,
    /// Rows with at least this score are flagged; infinite when none is.
    pub threshold: f64,
    /// Windows with an alarm.
    pub found: usize,
    /// Windows that can be found: those with a row after the probation.
    pub windows: usize,
    /// Flagged rows outside windows.
    pub false_positives: usize,
}

/// The scored rows of a corpus, ready to be judged at any threshold and profile.
///
/// The first `min(0.15 n, 750)` rows of each series (the probation) do not count. A flagged row at
/// position `p` of a window (-1 at its left edge, 0 just after its right one) is worth
/// `s(p) / s(-1)`, `s(p) = 2 / (1 + exp(5 p)) - 1`, and a window counts the best of its rows, or
/// minus the cost of a miss. A flagged row outside costs `s(p)` times the cost of a false alarm,
/// where `p` is its distance from the last window's right edge in windows; -1 beyond 3 and before
/// any window. The sum over all series is `raw`, and
/// `score = 100 (raw - none) / (perfect - none)`, where `none` is that of a detector without alarms
/// and `perfect` the number of windows.
///
/// Cost: O(n log n) once, 24 bytes a row; a sweep is O(n).
///
/// Source: Lavin & Ahmad 2015, <https://doi.org/10.1109/ICMLA.2015.141>; the weights and edge rules
/// of NAB 1.1's sweeper (the paper's own formula has no `+ 1` in the position).
///
/// ```
/// use bongsu_eval::{NabCorpus, NabProfile};
/// let mut scores = vec![0.0; 100];
/// scores[50] = 1.0;
/// let corpus = NabCorpus::new([(scores.as_slice(), &[50..60][..])])?;
/// let best = corpus.sweep(&NabProfile::STANDARD)?;
/// assert_eq!((best.score, best.threshold), (100.0, 1.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NabCorpus {
    /// From the highest score down.
    rows: Vec<Row>,
    /// Windows with a row after the probation.
    windows: usize,
    /// All windows.
    perfect: usize,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    score: f64,
    /// Of the window, or of the distance behind the last one, before weights.
    worth: f64,
    window: Option<u32>,
}

impl NabCorpus {
    /// Takes each series' scores, one a row, and its windows: ranges of rows in order.
    ///
    /// # Errors
    /// When a score is NaN, or windows are empty, overlap or reach beyond the series.
    pub fn new<'a>(
        series: impl IntoIterator<Item = (&'a [f64], &'a [Range<usize>])>,
    ) -> Result<Self> {
        let mut corpus = Self {
            rows: Vec::new(),
            windows: 0,
            perfect: 0,
        };
        for (scores, windows) in series {
            check::no_nan(scores)?;
            check_windows(windows, scores.len())?;
            corpus.add(scores, windows)?;
        }
        corpus.rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(corpus)
    }

    fn add(&mut self, scores: &[f64], windows: &[Range<usize>]) -> Result<()> {
        let probation = nab_probation(scores.len());
        let too_many = |_| Error::input("there are more than 2^32 windows");
        let mut rest = windows.iter().peekable();
        let mut last: Option<&Range<usize>> = None;
        for (row, &score) in scores.iter().enumerate() {
            while let Some(window) = rest.next_if(|window| window.end <= row) {
                last = Some(window);
                self.windows += usize::from(window.end > probation);
            }
            let inside = rest.peek().filter(|window| window.contains(&row));
            let (worth, window) = match (inside, last) {
                (Some(window), _) => {
                    let left = check::float(window.end - row);
                    let worth = sigmoid(-left / check::float(window.len())) / sigmoid(-1.0);
                    (worth, Some(u32::try_from(self.windows).map_err(too_many)?))
                }
                (None, None) => (-1.0, None),
                (None, Some(window)) => {
                    let behind = check::float(row + 1 - window.end);
                    (sigmoid(behind / check::float(window.len() - 1)), None)
                }
            };
            if row >= probation {
                self.rows.push(Row {
                    score,
                    worth,
                    window,
                });
            }
        }
        self.windows += rest.filter(|window| window.end > probation).count();
        self.perfect += windows.len();
        Ok(())
    }

    /// The best score over all thresholds, as NAB's optimiser finds it.
    ///
    /// # Errors
    /// When the corpus has no window.
    pub fn sweep(&self, profile: &NabProfile) -> Result<NabScore> {
        check::some_anomaly("the NAB score", self.perfect)?;
        let mut tally = Tally::new(self, profile);
        let mut best = tally.score(f64::INFINITY);
        let mut rows = self.rows.iter().peekable();
        while let Some(row) = rows.next() {
            tally.flag(row);
            let tied = rows.peek().is_some_and(|next| next.score >= row.score);
            if !tied && tally.total() > best.raw {
                best = tally.score(row.score);
            }
        }
        Ok(best)
    }

    /// The score when rows with at least `threshold` are flagged.
    ///
    /// # Errors
    /// When the corpus has no window, or the threshold is NaN.
    pub fn at(&self, profile: &NabProfile, threshold: f64) -> Result<NabScore> {
        check::some_anomaly("the NAB score", self.perfect)?;
        if threshold.is_nan() {
            return Err(Error::non_finite("the threshold", threshold));
        }
        let mut tally = Tally::new(self, profile);
        for row in self.rows.iter().take_while(|row| row.score >= threshold) {
            tally.flag(row);
        }
        Ok(tally.score(threshold))
    }
}

/// The rows at the start of a series of `rows` that NAB does not judge: `min(0.15 rows, 750)`.
#[must_use]
pub const fn nab_probation(rows: usize) -> usize {
    let share = rows / 20 * 3 + rows % 20 * 3 / 20;
    if share < 750 { share } else { 750 }
}

/// The running sums of a sweep.
struct Tally<'a> {
    profile: &'a NabProfile,
    corpus: &'a NabCorpus,
    /// The best row of each window so far.
    best: Vec<Option<f64>>,
    windows: f64,
    false_alarms: f64,
    found: usize,
    false_positives: usize,
}

impl<'a> Tally<'a> {
    fn new(corpus: &'a NabCorpus, profile: &'a NabProfile) -> Self {
        Self {
            profile,
            corpus,
            best: vec![None; corpus.windows],
            windows: -profile.false_negative * check::float(corpus.windows),
            false_alarms: 0.0,
            found: 0,
            false_positives: 0,
        }
    }

    fn flag(&mut self, row: &Row) {
        let Some(window) = row.window else {
            self.false_alarms += row.worth * self.profile.false_positive;
            self.false_positives += 1;
            return;
        };
        let Some(best) = self.best.get_mut(window as usize) else {
            return;
        };
        let worth = row.worth * self.profile.true_positive;
        let before = best.unwrap_or(-self.profile.false_negative);
        self.found += usize::from(best.is_none());
        if worth > before || best.is_none() {
            self.windows += worth.max(before) - before;
            *best = Some(worth.max(before));
        }
    }

    const fn total(&self) -> f64 {
        self.windows + self.false_alarms
    }

    fn score(&self, threshold: f64) -> NabScore {
        let raw = self.total();
        let none = -self.profile.false_negative * check::float(self.corpus.windows);
        let perfect = self.profile.true_positive * check::float(self.corpus.perfect);
        NabScore {
            score: 100.0 * (raw - none) / (perfect - none),
            raw,
            threshold,
            found: self.found,
            windows: self.corpus.windows,
            false_positives: self.false_positives,
        }
    }
}

/// 1 far before a window's right edge, 0 at it, -1 from three windows behind it.
fn sigmoid(position: f64) -> f64 {
    if position >= 3.0 {
        -1.0
    } else {
        2.0 / (1.0 + (5.0 * position).exp()) - 1.0
    }
}

fn check_windows(windows: &[Range<usize>], rows: usize) -> Result<()> {
    let mut before = 0;
    for window in windows {
        if window.start < before || window.is_empty() || window.end > rows {
            return Err(Error::input(format!(
                "the window of rows {}..{} is empty, out of order, or beyond the {rows} rows",
                window.start, window.end
            )));
        }
        before = window.end;
    }
    Ok(())
}
