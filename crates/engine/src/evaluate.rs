//! Scores of a file against the labels of another: the library side of `bongsu evaluate`.

use std::collections::HashMap;

use bongsu_core::Timestamp;
use bongsu_eval::{Evaluate, Evaluation, LabelledScores};

use crate::{Error, Table};

/// The names of a column of labels.
const LABEL_NAMES: [&str; 6] = [
    "label",
    "is_anomaly",
    "anomaly",
    "is_anomalous",
    "labels",
    "anomalous",
];

/// What was compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The measures.
    pub evaluation: Evaluation,
    /// Rows of scores at times without a label; they are left out.
    pub scores_without_label: usize,
    /// Rows of labels at times without a row of scores; they are left out.
    pub labels_without_score: usize,
    /// Whether the rows of a file had to be put in order of time.
    pub sorted: bool,
}

/// A row of scores with its label.
struct Row {
    time: Timestamp,
    score: f64,
    alarm: bool,
    label: bool,
}

/// Compares `scores` (columns `score` and perhaps `anomalous`) with `labels` (a column `label`, or
/// its only one), matched by their times.
///
/// Where both files have the same times in the same order, rows are matched one by one, so that times
/// may repeat. Otherwise each time may occur once, and only times in both files count.
///
/// # Errors
/// When a column is missing, a label is neither 0 nor 1, a time repeats, no time is in both files, or
/// no row has a score.
pub fn evaluate(scores: &Table, labels: &Table, how: &Evaluate) -> Result<Evaluated, Error> {
    let columns = Columns::of(scores)?;
    let labels_of = label_column(labels)?;
    let alike = scores.timestamps == labels.timestamps;
    let places: Vec<Option<usize>> = if alike {
        (0..scores.timestamps.len()).map(Some).collect()
    } else {
        let known = by_time(labels, "labels")?;
        by_time(scores, "scores")?;
        let times = scores.timestamps.iter();
        times.map(|time| known.get(time).copied()).collect()
    };
    let mut rows = Vec::new();
    for (row, (&time, place)) in scores.timestamps.iter().zip(&places).enumerate() {
        let Some(place) = *place else { continue };
        let label = labels_of.get(place).copied().unwrap_or(f64::NAN);
        rows.push(Row {
            time,
            score: columns.score(row),
            alarm: columns.alarm(row),
            label: truth(label, labels, place)?,
        });
    }
    if rows.is_empty() {
        return Err(Error::input(if scores.timestamps.is_empty() {
            "there are no scores".to_owned()
        } else {
            no_common_time(scores, labels)
        }));
    }
    let sorted = rows.is_sorted_by_key(|row| row.time);
    rows.sort_by_key(|row| row.time);
    let times: Vec<Timestamp> = rows.iter().map(|row| row.time).collect();
    let values: Vec<f64> = rows.iter().map(|row| row.score).collect();
    let truths: Vec<bool> = rows.iter().map(|row| row.label).collect();
    let alarms: Vec<bool> = rows.iter().map(|row| row.alarm).collect();
    let evaluation = how.measure(&LabelledScores {
        times: &times,
        scores: &values,
        alarms: columns.alarms.is_some().then_some(alarms.as_slice()),
        labels: &truths,
    })?;
    Ok(Evaluated {
        evaluation,
        scores_without_label: scores.timestamps.len() - rows.len(),
        labels_without_score: labels.timestamps.len() - rows.len(),
        sorted: !sorted,
    })
}

/// The columns of a file of scores.
struct Columns {
    scores: Vec<f64>,
    alarms: Option<Vec<f64>>,
}

impl Columns {
    fn of(table: &Table) -> Result<Self, Error> {
        let column = |name: &str| {
            let place = table.channels.iter().position(|channel| channel == name)?;
            Some(table.values.column(place).to_vec())
        };
        let only = || (table.channels.len() == 1).then(|| table.values.column(0).to_vec());
        let scores = column("score").or_else(only).ok_or_else(|| {
            Error::input(format!(
                "the scores have no column `score`, but {}",
                table.channels.join(", ")
            ))
        })?;
        Ok(Self {
            scores,
            alarms: column("anomalous"),
        })
    }

    fn score(&self, row: usize) -> f64 {
        self.scores.get(row).copied().unwrap_or(f64::NAN)
    }

    fn alarm(&self, row: usize) -> bool {
        let alarm = self.alarms.as_ref().and_then(|alarms| alarms.get(row));
        alarm.is_some_and(|alarm| *alarm > 0.5)
    }
}

/// Whether each row of `table` is anomalous, by the row of `labels` of the same time.
///
/// # Errors
/// When the labels have no column `label`, one is neither 0 nor 1, a time repeats there, or a row of
/// `table` has none.
pub fn row_labels(table: &Table, labels: &Table) -> Result<Vec<bool>, Error> {
    let values = label_column(labels)?;
    let places = by_time(labels, "labels")?;
    let times = table.timestamps.iter().enumerate();
    times
        .map(|(row, time)| {
            let Some(&place) = places.get(time) else {
                let text = table.timestamp_texts.get(row).map_or("", String::as_str);
                return Err(Error::input(format!("there is no label at {text}")));
            };
            truth(
                values.get(place).copied().unwrap_or(f64::NAN),
                labels,
                place,
            )
        })
        .collect()
}

/// Takes the column `label` out of `table`, so that no detector sees it; `None` where there is none.
///
/// # Errors
/// When a label is neither 0 nor 1, or no other column is left.
pub fn take_labels(table: &mut Table) -> Result<Option<Vec<bool>>, Error> {
    let Some(place) = named_labels(table) else {
        return Ok(None);
    };
    let column = table.values.column(place).to_vec();
    let labels = column.iter().enumerate();
    let labels = labels.map(|(row, label)| truth(*label, table, row));
    let labels = labels.collect::<Result<Vec<_>, _>>()?;
    table.take_channel(place);
    if table.channels.is_empty() {
        return Err(Error::input("there is no column beside the labels"));
    }
    Ok(Some(labels))
}

/// Where the labels stand, by the name of their column.
fn named_labels(table: &Table) -> Option<usize> {
    LABEL_NAMES.iter().find_map(|name| {
        table
            .channels
            .iter()
            .position(|channel| channel.eq_ignore_ascii_case(name))
    })
}

fn label_column(table: &Table) -> Result<Vec<f64>, Error> {
    let place = named_labels(table).or((table.channels.len() == 1).then_some(0));
    let place = place.ok_or_else(|| {
        Error::input(format!(
            "the labels have no column `label`, but {}",
            table.channels.join(", ")
        ))
    })?;
    Ok(table.values.column(place).to_vec())
}

#[allow(clippy::float_cmp, reason = "a label is one of two numbers")]
fn truth(label: f64, labels: &Table, row: usize) -> Result<bool, Error> {
    if label == 0.0 || label == 1.0 {
        return Ok(label == 1.0);
    }
    let time = labels.timestamp_texts.get(row).map_or("", String::as_str);
    let shown = if label.is_nan() {
        "missing".to_owned()
    } else {
        label.to_string()
    };
    Err(Error::input(format!(
        "the label at {time} is {shown}, but must be 0 or 1"
    )))
}

fn by_time(table: &Table, what: &str) -> Result<HashMap<Timestamp, usize>, Error> {
    let mut places = HashMap::with_capacity(table.timestamps.len());
    for (row, time) in table.timestamps.iter().enumerate() {
        if places.insert(*time, row).is_some() {
            let text = table.timestamp_texts.get(row).map_or("", String::as_str);
            return Err(Error::input(format!("{text} occurs twice in the {what}")));
        }
    }
    Ok(places)
}

fn no_common_time(scores: &Table, labels: &Table) -> String {
    let range = |table: &Table| {
        let texts = &table.timestamp_texts;
        match (texts.first(), texts.last()) {
            (Some(first), Some(last)) => format!("from {first} to {last}"),
            _ => "none".to_owned(),
        }
    };
    format!(
        "no time is in both files: scores are {}, labels {}",
        range(scores),
        range(labels)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        Table::read(text.as_bytes()).unwrap()
    }

    fn found(scores: &str, labels: &str) -> Result<Evaluated, Error> {
        evaluate(
            &table(scores),
            &table(labels),
            &Evaluate::default().vus_window(2).unwrap(),
        )
    }

    #[test]
    fn rows_are_matched_by_time_in_any_order() {
        let scores = "timestamp,score,anomalous\n60,0.1,0\n120,2.0,1\n180,,0\n240,0.3,0\n";
        let labels = "timestamp,other,label\n240,9,0\n120,9,1\n60,9,0\n300,9,1\n";
        let found = found(scores, labels).unwrap();
        assert_eq!(
            (found.scores_without_label, found.labels_without_score),
            (1, 1)
        );
        assert_eq!(found.evaluation.rows, 3);
        assert_eq!(found.evaluation.value("f1"), Some(1.0));
        assert!(!found.sorted);
        let shuffled = "timestamp,score\n240,0.3\n60,0.1\n120,2.0\n";
        let found = tests::found(shuffled, labels).unwrap();
        assert!(found.sorted);
        assert_eq!(found.evaluation.value("roc_auc"), Some(1.0));
    }

    #[test]
    fn times_may_repeat_only_where_both_files_agree() {
        let scores = "timestamp,score\n60,0\n60,1\n120,0\n";
        let alike = found(scores, "timestamp,label\n60,0\n60,1\n120,0\n").unwrap();
        assert_eq!(alike.evaluation.value("pr_auc"), Some(1.0));
        let error = found(scores, "timestamp,label\n60,0\n120,1\n").unwrap_err();
        assert!(
            error.to_string().contains("60 occurs twice in the scores"),
            "{error}"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let scores = "timestamp,score\n60,0\n120,1\n";
        for (labels, message) in [
            ("timestamp,label\n1,0\n2,1\n", "no time is in both files"),
            (
                "timestamp,label\n60,0\n120,0.5\n",
                "the label at 120 is 0.5",
            ),
            (
                "timestamp,label\n60,0\n120,\n",
                "the label at 120 is missing",
            ),
            ("timestamp,a,b\n60,0,1\n", "no column `label`, but a, b"),
        ] {
            let error = found(scores, labels).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let labels = "timestamp,label\n60,0\n120,1\n";
        let error = found("timestamp,a,b\n60,0,1\n", labels)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no column `score`"), "{error}");
        let error = found("timestamp,score\n60,\n120,NaN\n", labels)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no row has a score"), "{error}");
    }

    #[test]
    fn measures_that_do_not_exist_are_null_with_a_reason() {
        let scores = "timestamp,score\n60,0\n120,1\n";
        let found = found(scores, "timestamp,label\n60,0\n120,0\n").unwrap();
        let document = found.evaluation.to_json();
        assert!(document["vus_pr"].is_null() && document["f1"].is_null());
        let reason = document["reasons"]["vus_pr"].as_str().unwrap();
        assert!(reason.contains("no row is labelled anomalous"), "{reason}");
    }
}
