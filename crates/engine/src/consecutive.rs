//! Consecutive rows for methods to which neighbours in time matter: holes filled by straight lines.

use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Result, Rows, Timestamp};

/// Rows on a regular grid, and where the rows that they were made of lie on it.
#[derive(Debug)]
pub(crate) struct Consecutive {
    timestamps: Vec<Timestamp>,
    values: Array2<f64>,
    /// The place of each original row.
    pub(crate) places: Vec<usize>,
}

/// At most so many times as many rows as there were: more would be invention.
const MOST_FILLED: usize = 2;

impl Consecutive {
    /// Fills the holes of rows observed at `timestamps`, which strictly increase: a missing value
    /// (one that is not finite), and the rows missing where time moves on by several steps. The
    /// step is the median one. Before the first and after the last value of a channel the nearest
    /// one stands. Where more than half of the rows would have to be made up, time is not looked at.
    pub(crate) fn new(timestamps: &[Timestamp], values: &ArrayView2<'_, f64>) -> Self {
        let mut places = places(timestamps);
        if places
            .last()
            .is_some_and(|&last| last >= MOST_FILLED * timestamps.len())
        {
            places = (0..timestamps.len()).collect();
        }
        let rows = places.last().map_or(0, |last| last + 1);
        let mut grid = Array2::from_elem((rows, values.ncols()), f64::NAN);
        for (row, &place) in values.rows().into_iter().zip(&places) {
            grid.row_mut(place).assign(&row);
        }
        for mut column in grid.columns_mut() {
            let mut filled: Vec<f64> = column.to_vec();
            fill(&mut filled);
            for (slot, value) in column.iter_mut().zip(filled) {
                *slot = value;
            }
        }
        Self {
            timestamps: times(timestamps, &places),
            values: grid,
            places,
        }
    }

    pub(crate) fn rows(&self) -> Result<Rows<'_>> {
        Rows::at(&self.timestamps, self.values.view())
    }
}

/// The place of each row on a grid of the median step.
fn places(timestamps: &[Timestamp]) -> Vec<usize> {
    let steps = timestamps.iter().zip(timestamps.iter().skip(1));
    let steps: Vec<i64> = steps.map(|(a, b)| b.millis_since(*a)).collect();
    let mut sorted = steps.clone();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(1).max(1);
    let mut place = 0_usize;
    let later = steps.iter().map(|&step| {
        let moved = (step as f64 / median as f64).round().max(1.0) as usize;
        place = place.saturating_add(moved);
        place
    });
    let first = (!timestamps.is_empty()).then_some(0);
    first.into_iter().chain(later.collect::<Vec<_>>()).collect()
}

/// The times of all rows of the grid: those given, and evenly between them.
fn times(timestamps: &[Timestamp], places: &[usize]) -> Vec<Timestamp> {
    let known: Vec<(usize, Timestamp)> = places
        .iter()
        .copied()
        .zip(timestamps.iter().copied())
        .collect();
    let mut times: Vec<Timestamp> = Vec::new();
    for (&(place, time), &(next, after)) in known.iter().zip(known.iter().skip(1)) {
        let (rows, millis) = ((next - place) as i64, after.millis_since(time));
        times.extend((0..rows).map(|k| time.add_millis(millis * k / rows)));
    }
    times.extend(known.last().map(|&(_, time)| time));
    times
}

/// Straight lines between finite values, the nearest one at the ends; a column without one stays.
fn fill(column: &mut [f64]) {
    let finite: Vec<(usize, f64)> = column
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, value)| value.is_finite())
        .collect();
    let (Some(&first), Some(&last)) = (finite.first(), finite.last()) else {
        return;
    };
    let mut knots = vec![(0, first.1)];
    knots.extend(&finite);
    knots.push((column.len(), last.1));
    for (&(from, a), &(to, b)) in knots.iter().zip(knots.iter().skip(1)) {
        let width = (to - from) as f64;
        let hole = column.iter_mut().enumerate().take(to).skip(from);
        for (place, slot) in hole.filter(|(_, value)| !value.is_finite()) {
            let part = (place - from) as f64 / width;
            *slot = a * (1.0 - part) + b * part;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(times: &[i64]) -> Vec<Timestamp> {
        times.iter().map(|&s| Timestamp::from_secs(s)).collect()
    }

    fn column(values: &[f64]) -> Array2<f64> {
        Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
    }

    #[test]
    fn holes_in_time_and_missing_values_become_straight_lines() {
        let times = seconds(&[0, 60, 120, 300, 360, 420]);
        let values = column(&[f64::NAN, 1.0, 2.0, 5.0, f64::INFINITY, 7.0]);
        let grid = Consecutive::new(&times, &values.view());
        assert_eq!(grid.places, [0, 1, 2, 5, 6, 7]);
        let rows = grid.rows().unwrap();
        let filled: Vec<f64> = rows.values().iter().copied().collect();
        assert_eq!(filled, [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let every_minute: Vec<i64> = (0..8).map(|i| 60 * i).collect();
        assert_eq!(rows.timestamps(), Some(&seconds(&every_minute)[..]));
    }

    #[test]
    fn a_long_absence_is_not_made_up() {
        let times = seconds(&[0, 60, 120, 1_000_000, 1_000_060]);
        let values = column(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let grid = Consecutive::new(&times, &values.view());
        assert_eq!(grid.places, [0, 1, 2, 3, 4]);
        assert_eq!(grid.rows().unwrap().timestamps(), Some(&times[..]));
    }

    #[test]
    fn nothing_and_single_rows_are_fine() {
        let empty = Consecutive::new(&[], &Array2::zeros((0, 1)).view());
        assert!(empty.rows().unwrap().is_empty());
        let one = Consecutive::new(&seconds(&[5]), &column(&[2.0]).view());
        assert_eq!((one.places, one.values), (vec![0], column(&[2.0])));
        let missing = Consecutive::new(&seconds(&[5, 6]), &column(&[f64::NAN, f64::NAN]).view());
        assert!(missing.values.iter().all(|v| v.is_nan()));
    }
}
