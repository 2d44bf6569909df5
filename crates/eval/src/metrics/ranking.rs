//! Measures over all thresholds at once: areas under the curves, and the best F1.

use bongsu_core::{Error, Result};

use super::check;

/// Rows counted at every threshold that tells them apart, from the highest score down.
///
/// Equal scores share a threshold, as in scikit-learn. A row is flagged when its score is at least
/// the threshold. Infinite scores rank as such; a NaN is an error.
///
/// Cost: O(n log n) once; 24 bytes a distinct score. The measures are O(distinct scores).
///
/// Source: scikit-learn 1.9 (`roc_auc_score`, `average_precision_score`, `precision_recall_curve`).
///
/// ```
/// use bongsu_eval::Ranking;
/// let ranking = Ranking::of(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
/// assert_eq!(ranking.roc_auc()?, 0.75);
/// assert!((ranking.pr_auc()? - 0.8333333333333333).abs() < 1e-15);
/// assert_eq!(ranking.best_f1()?.threshold, 0.35);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    steps: Vec<Step>,
    positives: usize,
    rows: usize,
}

/// The rows at or above one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    threshold: f64,
    true_positives: usize,
    flagged: usize,
}

/// The threshold with the highest F1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestF1 {
    /// The highest F1 over all thresholds.
    pub f1: f64,
    /// The precision there.
    pub precision: f64,
    /// The recall there.
    pub recall: f64,
    /// Rows with at least this score are flagged. The highest one, where several give that F1.
    pub threshold: f64,
}

impl Ranking {
    /// Sorts `scores` (higher is more anomalous) with their `labels`.
    ///
    /// # Errors
    /// When the lengths differ, there is no row, or a score is NaN.
    pub fn of(scores: &[f64], labels: &[bool]) -> Result<Self> {
        check::pairs(scores, labels)?;
        if scores.is_empty() {
            return Err(Error::not_enough_data("a ranking of scores", 1, 0));
        }
        let mut rows: Vec<(f64, bool)> =
            scores.iter().copied().zip(labels.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut steps, mut hits): (Vec<Step>, usize) = (Vec::new(), 0);
        for (count, &(score, label)) in (1_usize..).zip(&rows) {
            hits += usize::from(label);
            let step = Step {
                threshold: score,
                true_positives: hits,
                flagged: count,
            };
            match steps.last_mut() {
                Some(last) if last.threshold == score => *last = step,
                _ => steps.push(step),
            }
        }
        Ok(Self {
            steps,
            positives: hits,
            rows: rows.len(),
        })
    }

    /// The area under the receiver operating characteristic, in [0, 1]: the probability that an
    /// anomalous row scores higher than a normal one, ties counted half.
    ///
    /// # Errors
    /// When the rows are all labelled alike.
    pub fn roc_auc(&self) -> Result<f64> {
        check::both_classes("ROC-AUC", self.positives, self.rows)?;
        let (mut doubled, mut hits, mut misses) = (0_u128, 0_usize, 0_usize);
        for step in &self.steps {
            let now = step.flagged - step.true_positives;
            doubled += (now - misses) as u128 * (hits + step.true_positives) as u128;
            (hits, misses) = (step.true_positives, now);
        }
        let pairs = 2.0 * check::float(self.positives) * check::float(self.rows - self.positives);
        #[allow(clippy::cast_precision_loss, reason = "the result is rounded once")]
        let doubled = doubled as f64;
        Ok(doubled / pairs)
    }

    /// The average precision, the sum over thresholds of the gain in recall times the precision
    /// there, in (0, 1]: the area under the precision-recall curve without interpolation.
    ///
    /// # Errors
    /// When no row is labelled.
    pub fn pr_auc(&self) -> Result<f64> {
        check::some_anomaly("PR-AUC", self.positives)?;
        let (mut area, mut before) = (0.0, 0);
        for step in &self.steps {
            let gain = check::float(step.true_positives - before);
            area += gain * check::float(step.true_positives) / check::float(step.flagged);
            before = step.true_positives;
        }
        Ok(area / check::float(self.positives))
    }

    /// The highest F1 over all thresholds. It is chosen with the labels in hand, so it says what
    /// a threshold could reach, not what one chosen beforehand does.
    ///
    /// # Errors
    /// When no row is labelled.
    pub fn best_f1(&self) -> Result<BestF1> {
        check::some_anomaly("F1", self.positives)?;
        let f1 = |step: &Step| {
            2.0 * check::float(step.true_positives) / check::float(step.flagged + self.positives)
        };
        let first = self.steps.first().copied();
        let first = first.ok_or_else(|| Error::not_enough_data("a ranking of scores", 1, 0))?;
        let best = self.steps.iter().fold(
            first,
            |best, step| {
                if f1(step) > f1(&best) { *step } else { best }
            },
        );
        Ok(BestF1 {
            f1: f1(&best),
            precision: check::float(best.true_positives) / check::float(best.flagged),
            recall: check::float(best.true_positives) / check::float(self.positives),
            threshold: best.threshold,
        })
    }

    /// The distinct scores, from the highest down.
    pub fn thresholds(&self) -> impl Iterator<Item = f64> + '_ {
        self.steps.iter().map(|step| step.threshold)
    }
}

/// The area under the receiver operating characteristic: [`Ranking::roc_auc`].
///
/// # Errors
/// As [`Ranking::of`] and [`Ranking::roc_auc`].
pub fn roc_auc(scores: &[f64], labels: &[bool]) -> Result<f64> {
    Ranking::of(scores, labels)?.roc_auc()
}

/// The average precision: [`Ranking::pr_auc`].
///
/// # Errors
/// As [`Ranking::of`] and [`Ranking::pr_auc`].
pub fn pr_auc(scores: &[f64], labels: &[bool]) -> Result<f64> {
    Ranking::of(scores, labels)?.pr_auc()
}

/// The highest F1 over all thresholds: [`Ranking::best_f1`].
///
/// # Errors
/// As [`Ranking::of`] and [`Ranking::best_f1`].
pub fn best_f1(scores: &[f64], labels: &[bool]) -> Result<BestF1> {
    Ranking::of(scores, labels)?.best_f1()
}
