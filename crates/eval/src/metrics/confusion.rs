//! Rows counted by label and alarm.

use std::fmt;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use super::check;

/// How many rows are labelled and flagged in each of the four ways.
///
/// Measures whose denominator is 0 are errors that say so; scikit-learn's default is 0 with a
/// warning.
///
/// ```
/// use bongsu_eval::Confusion;
/// let counts = Confusion::of(&[true, true, false, false], &[true, false, true, false])?;
/// assert_eq!((counts.precision()?, counts.recall()?, counts.f1()?), (0.5, 0.5, 0.5));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Labelled anomalous and flagged.
    pub true_positives: usize,
    /// Labelled normal and flagged.
    pub false_positives: usize,
    /// Labelled normal and not flagged.
    pub true_negatives: usize,
    /// Labelled anomalous and not flagged.
    pub false_negatives: usize,
}

impl Confusion {
    /// Counts `alarms` against `labels`, one of each a row.
    ///
    /// # Errors
    /// When the lengths differ.
    ///
    /// Cost: O(n).
    pub fn of(alarms: &[bool], labels: &[bool]) -> Result<Self> {
        check::lengths("number of alarms", alarms.len(), labels.len())?;
        let mut counts = [0_usize; 4];
        for (&alarm, &label) in alarms.iter().zip(labels) {
            if let Some(count) = counts.get_mut(usize::from(alarm) * 2 + usize::from(label)) {
                *count += 1;
            }
        }
        let [
            true_negatives,
            false_negatives,
            false_positives,
            true_positives,
        ] = counts;
        Ok(Self {
            true_positives,
            false_positives,
            true_negatives,
            false_negatives,
        })
    }

    /// The share of flagged rows that are labelled, `tp / (tp + fp)`.
    ///
    /// # Errors
    /// When no row is flagged.
    pub fn precision(&self) -> Result<f64> {
        let flagged = self.true_positives + self.false_positives;
        check::some_alarm("precision", flagged)?;
        Ok(check::float(self.true_positives) / check::float(flagged))
    }

    /// The share of labelled rows that are flagged, `tp / (tp + fn)`.
    ///
    /// # Errors
    /// When no row is labelled.
    pub fn recall(&self) -> Result<f64> {
        let labelled = self.true_positives + self.false_negatives;
        check::some_anomaly("recall", labelled)?;
        Ok(check::float(self.true_positives) / check::float(labelled))
    }

    /// The harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`.
    ///
    /// # Errors
    /// When no row is labelled.
    pub fn f1(&self) -> Result<f64> {
        let Self {
            true_positives: tp,
            false_positives: fp,
            false_negatives: missed,
            ..
        } = *self;
        check::some_anomaly("F1", tp + missed)?;
        Ok(2.0 * check::float(tp) / check::float(2 * tp + fp + missed))
    }

    /// The share of rows whose flag equals the label.
    ///
    /// # Errors
    /// When there is no row.
    pub fn accuracy(&self) -> Result<f64> {
        let rows = self.rows();
        if rows == 0 {
            return Err(bongsu_core::Error::not_enough_data("accuracy", 1, 0));
        }
        Ok(check::float(self.true_positives + self.true_negatives) / check::float(rows))
    }

    /// All rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.true_positives + self.false_positives + self.true_negatives + self.false_negatives
    }

    /// Precision, recall and F1 of both classes, their means, and the accuracy.
    #[must_use]
    pub fn report(&self) -> ClassificationReport {
        let swapped = Self {
            true_positives: self.true_negatives,
            false_positives: self.false_negatives,
            true_negatives: self.true_positives,
            false_negatives: self.false_positives,
        };
        ClassificationReport {
            normal: ClassMeasures::of(&swapped),
            anomalous: ClassMeasures::of(self),
            accuracy: self.accuracy().ok(),
        }
    }
}

/// The measures of one class; `None` where a denominator is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassMeasures {
    /// The share of rows judged to be of the class that are.
    pub precision: Option<f64>,
    /// The share of rows of the class that were judged to be.
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
    /// Rows of the class.
    pub support: usize,
}

impl ClassMeasures {
    fn of(counts: &Confusion) -> Self {
        Self {
            precision: counts.precision().ok(),
            recall: counts.recall().ok(),
            f1: counts.f1().ok(),
            support: counts.true_positives + counts.false_negatives,
        }
    }
}

/// The measures of both classes; `Display` writes them as a table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassificationReport {
    /// Of the rows labelled normal.
    pub normal: ClassMeasures,
    /// Of the rows labelled anomalous.
    pub anomalous: ClassMeasures,
    /// The share of rows judged as labelled.
    pub accuracy: Option<f64>,
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        writeln!(f, "           precision  recall      f1   rows")?;
        for (name, class) in [("normal", self.normal), ("anomalous", self.anomalous)] {
            let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(shown);
            writeln!(
                f,
                "{name:<10} {precision:>9} {recall:>7} {f1:>7} {:>6}",
                class.support
            )?;
        }
        write!(f, "accuracy   {:>9}", shown(self.accuracy))
    }
}
