//! What makes parameters good: agreement with labels, or without any a steady judgement that alarms
//! as often as was asked for.

use bongsu_eval::{Evaluate, LabelledScores, events};

use crate::{DetectRequest, DetectedRow, Error, Table, detect};

/// Measures of labels that may be searched by, all of them better when higher, and whether the bound
/// of the detector counts in them.
pub(super) const MEASURES: [(&str, bool); 9] = [
    ("vus_pr", false),
    ("pr_auc", false),
    ("roc_auc", false),
    ("best_f1", false),
    ("f1", true),
    ("range_f1", true),
    ("affiliation_f1", true),
    ("event_recall", true),
    ("event_precision", true),
];

const WEEK_MILLIS: f64 = 7.0 * 86_400_000.0;

/// The share of the rows that the second judgement of an unlabelled table does not see.
const LATER: usize = 10;

/// The share of the rows that should be the same ones in both, and how many at least.
const TOP: usize = 100;
const LEAST_TOP: usize = 10;

/// The measure `name` of `judged` against `labels`, over all rows from `from` on.
pub(super) fn agreement(
    table: &Table,
    judged: &[DetectedRow],
    labels: &[bool],
    from: usize,
    name: &str,
) -> Result<Option<f64>, Error> {
    let rows = judged.get(from..).unwrap_or_default();
    let scores: Vec<f64> = rows
        .iter()
        .map(|row| row.score.unwrap_or(f64::NAN))
        .collect();
    if scores.iter().all(|score| score.is_nan()) {
        return Ok(None);
    }
    let alarms: Vec<bool> = rows.iter().map(|row| row.anomalous).collect();
    // Rows that do not move on in time were not judged; they must not end the measuring.
    let mut times = table.timestamps.get(from..).unwrap_or_default().to_vec();
    times.sort_unstable();
    let found = Evaluate::default().measure(&LabelledScores {
        times: &times,
        scores: &scores,
        alarms: Some(&alarms),
        labels: labels.get(from..).unwrap_or_default(),
    })?;
    Ok(found.value(name))
}

/// How steady a judgement without labels is, times how near its alarms are to `budget` a week.
pub(super) fn steadiness(
    table: &Table,
    later: &Table,
    request: &DetectRequest,
    budget: f64,
) -> Result<f64, Error> {
    let whole = detect(table, request)?;
    let part = detect(later, request)?;
    let skipped = whole.len() - part.len();
    let both: Vec<[f64; 2]> = whole
        .iter()
        .skip(skipped)
        .zip(&part)
        .filter_map(|(a, b)| Some([a.score?, b.score?]))
        .collect();
    let alarms: Vec<bool> = whole.iter().map(|row| row.anomalous).collect();
    let alarms = events(&alarms).len() as f64;
    Ok(same_top(&both) * nearness(alarms, budget * weeks(table)))
}

/// The table without its first tenth.
pub(crate) fn later(table: &Table) -> Table {
    let rows = table.timestamps.len();
    table.rows(rows / LATER, rows)
}

pub(crate) fn weeks(table: &Table) -> f64 {
    let ends = (table.timestamps.iter().min(), table.timestamps.iter().max());
    let (Some(first), Some(last)) = ends else {
        return 0.0;
    };
    (last.as_millis() as f64 - first.as_millis() as f64) / WEEK_MILLIS
}

/// 1 for as many alarms as are wanted, less for more and for fewer: a bound that nothing ever reaches
/// keeps any budget and is of no use.
fn nearness(alarms: f64, wanted: f64) -> f64 {
    let ratio = (alarms + 0.5) / (wanted + 0.5);
    ratio.min(1.0 / ratio)
}

/// The rows that are among the highest of both scores, as a share of those among the highest of
/// either.
pub(crate) fn same_top(both: &[[f64; 2]]) -> f64 {
    let count = (both.len() / TOP).max(LEAST_TOP).min(both.len());
    let top = |which: fn(&[f64; 2]) -> f64| {
        let mut rows: Vec<usize> = (0..both.len()).collect();
        let score = |row: &usize| both.get(*row).map_or(f64::NEG_INFINITY, which);
        rows.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
        rows.truncate(count);
        rows.sort_unstable();
        rows
    };
    let (first, second) = (top(|[a, _]| *a), top(|[_, b]| *b));
    let common = first
        .iter()
        .filter(|row| second.binary_search(row).is_ok())
        .count();
    common as f64 / (2 * count - common).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_aimed_at_from_both_sides() {
        assert!((nearness(4.0, 4.0) - 1.0).abs() < 1e-12);
        assert!((nearness(0.0, 4.0) - 1.0 / 9.0).abs() < 1e-12);
        assert!(nearness(40.0, 4.0) < 0.12);
    }

    #[test]
    fn the_same_highest_rows_are_steady() {
        let rows: Vec<[f64; 2]> = (0..50)
            .map(|i| [f64::from(i), f64::from(2 * i) + 1.0])
            .collect();
        assert!((same_top(&rows) - 1.0).abs() < 1e-12);
        let turned: Vec<[f64; 2]> = rows.iter().map(|[a, _]| [*a, -a]).collect();
        assert!(same_top(&turned).abs() < 1e-12);
        assert!(same_top(&[]).abs() < 1e-12);
    }
}
