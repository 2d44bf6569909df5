//! What keeps its value until it is changed, as the number of a version does.

use crate::rank::MIN_NORMAL;

/// A value counts as kept when it stays for so many moments, or to the last.
const KEPT: usize = MIN_NORMAL;

/// What keeps its values for at least this share of the time has them set; else it varies.
const MOSTLY: f64 = 0.9;

/// So many changes are expected in a window before the onset, by their number in the time before, when one
/// lies there by chance in 19 of 20 cases (`1 - e^-3` of Poisson's distribution).
const USUAL_CHANGES: f64 = 3.0;

/// The rows from which on another value is kept, whatever the difference: `NaN` is a value where it is
/// kept, so that a series of one version begins and ends. `None` where the values are not kept but vary.
pub(super) fn changes(values: &[f64]) -> Option<Vec<usize>> {
    let same = |a: &f64, b: &f64| a == b || (a.is_nan() && b.is_nan());
    let mut kept = 0;
    let mut row = 0;
    let mut runs: Vec<(usize, f64)> = Vec::new();
    // Moments that are missing here and there are none of a value's.
    let mut present: Vec<(usize, f64)> = Vec::new();
    for run in values.chunk_by(same) {
        let missing = run.iter().all(|x| x.is_nan());
        if !missing || run.len() >= KEPT {
            present.extend((row..).zip(run.iter().copied()));
        }
        row += run.len();
    }
    let last = present.last().map_or(0, |(row, _)| *row);
    for run in present.chunk_by(|a, b| same(&a.1, &b.1)) {
        let ends = run.last().is_some_and(|(row, _)| *row == last);
        if run.len() < KEPT && !ends {
            continue;
        }
        kept += run.len();
        let Some(&(row, value)) = run.first() else {
            continue;
        };
        if runs.last().is_none_or(|(_, known)| !same(known, &value)) {
            runs.push((row, value));
        }
    }
    let mostly = kept as f64 >= MOSTLY * present.len() as f64;
    mostly.then(|| runs.iter().skip(1).map(|(row, _)| *row).collect())
}

/// The time of the last of the changes that lies at most `within` seconds before the onset and at most
/// `latest` after it, in seconds since the onset, as `times` are. `None` where there is none, and where
/// changes are so frequent that one is always near.
pub(super) fn nearest(rows: &[usize], times: &[f64], within: f64, latest: f64) -> Option<f64> {
    let at: Vec<f64> = rows.iter().filter_map(|&i| times.get(i).copied()).collect();
    let earlier = at.iter().filter(|at| **at < -within).count();
    let time = -within - times.first()?;
    if earlier > 0 && earlier as f64 * within > USUAL_CHANGES * time {
        return None;
    }
    at.into_iter().rfind(|at| (-within..=latest).contains(at))
}
