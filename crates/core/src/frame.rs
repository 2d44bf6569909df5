use std::time::Duration;

use ndarray::{Array2, ArrayView2, ArrayViewMut1};
use serde::{Deserialize, Serialize};

use crate::{Error, Labels, Result, Series, Timestamp};

/// The most cells that [`Frame::align`] builds: 2^28, which is 2 GiB of values.
const MAX_CELLS: i128 = 1 << 28;

/// How [`Frame::align`] fills holes. A hole is a run of missing cells in one channel; its length
/// is the number of missing cells times the step.
///
/// A hole longer than `max_gap` is left wholly as it is: filling a part of it would invent data
/// next to an outage, and would make the result depend on how often it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fill {
    /// Leave holes as NaN (the default).
    #[default]
    None,
    /// Repeat the last value before the hole; a hole at the start stays.
    Previous {
        /// The longest hole that is filled.
        max_gap: Duration,
    },
    /// A straight line between the neighbours of the hole; holes at the ends stay.
    Linear {
        /// The longest hole that is filled.
        max_gap: Duration,
    },
    /// Forward, then backward: [`Fill::Previous`], and a hole at the start takes the first value
    /// after it.
    Both {
        /// The longest hole that is filled.
        max_gap: Duration,
    },
}

/// Several series on one time grid: rows are moments, columns are channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    timestamps: Vec<Timestamp>,
    channels: Vec<Labels>,
    values: Array2<f64>,
    step: i64,
}

impl Frame {
    /// Puts `series` on one grid of multiples of `step` milliseconds.
    ///
    /// A sample belongs to the first grid point at or after it, so that no cell knows its future.
    /// When several samples of a series share a cell, the latest that is not NaN stands. The grid
    /// runs from the earliest to the latest occupied cell; cells without a sample are NaN, then
    /// filled as `fill` says. An empty list of series, or series without points, give no rows.
    ///
    /// # Errors
    /// When `step` is below 1, or when the grid would exceed 2^28 cells.
    ///
    /// Cost: O(rows x channels + samples) time, 8 bytes a cell.
    pub fn align(series: &[Series], step: i64, fill: Fill) -> Result<Self> {
        if step < 1 {
            return Err(Error::parameter("step", step, "at least 1 millisecond"));
        }
        let channels: Vec<Labels> = series.iter().map(|s| s.labels().clone()).collect();
        let ends = |s: &Series| {
            let first = s.timestamps().first()?.align_up(step);
            Some((first, s.timestamps().last()?.align_up(step)))
        };
        let Some((start, end)) = series
            .iter()
            .filter_map(ends)
            .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
        else {
            return Ok(Self {
                timestamps: Vec::new(),
                values: Array2::zeros((0, channels.len())),
                channels,
                step,
            });
        };
        let rows =
            (i128::from(end.as_millis()) - i128::from(start.as_millis())) / i128::from(step) + 1;
        if rows * channels.len() as i128 > MAX_CELLS {
            return Err(Error::input(format!(
                "a grid from {start} to {end} in steps of {step} ms for {} series has {rows} rows, \
                 more than the limit of {MAX_CELLS} cells allows",
                channels.len()
            )));
        }
        let rows = rows as usize;
        let mut values = Array2::from_elem((rows, channels.len()), f64::NAN);
        for (s, mut column) in series.iter().zip(values.columns_mut()) {
            for (t, value) in s.iter() {
                let row = (t.align_up(step).millis_since(start) / step) as usize;
                if let Some(cell) = column.get_mut(row)
                    && !value.is_nan()
                {
                    *cell = value;
                }
            }
            fill_column(column, step, fill);
        }
        let timestamps = (0..rows)
            .map(|row| start.add_millis(step.saturating_mul(row as i64)))
            .collect();
        Ok(Self {
            timestamps,
            channels,
            values,
            step,
        })
    }

    /// The moments of the rows.
    #[must_use]
    pub fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    /// The identities of the columns.
    #[must_use]
    pub fn channels(&self) -> &[Labels] {
        &self.channels
    }

    /// The cells: rows are moments, columns are channels, missing is NaN.
    #[must_use]
    pub fn values(&self) -> ArrayView2<'_, f64> {
        self.values.view()
    }

    /// Milliseconds from one row to the next.
    #[must_use]
    pub const fn step(&self) -> i64 {
        self.step
    }

    /// The number of moments.
    #[must_use]
    pub const fn n_rows(&self) -> usize {
        self.timestamps.len()
    }

    /// The number of channels.
    #[must_use]
    pub const fn n_channels(&self) -> usize {
        self.channels.len()
    }

    /// The channels as series again; NaN cells become missing values at present timestamps.
    #[must_use]
    pub fn to_series(&self) -> Vec<Series> {
        let times = &self.timestamps;
        self.channels
            .iter()
            .zip(self.values.columns())
            .filter_map(|(labels, column)| {
                Series::new(labels.clone(), times.clone(), column.to_vec()).ok()
            })
            .collect()
    }
}

fn fill_column(mut column: ArrayViewMut1<'_, f64>, step: i64, fill: Fill) {
    let max_gap = match fill {
        Fill::None => return,
        Fill::Previous { max_gap } | Fill::Linear { max_gap } | Fill::Both { max_gap } => max_gap,
    };
    let max_cells = max_gap.as_millis() / u128::from(step.unsigned_abs().max(1));
    let mut previous: Option<f64> = None;
    let mut hole_start = 0;
    for row in 0..=column.len() {
        let next = column.get(row).copied();
        if next.is_some_and(f64::is_nan) {
            continue;
        }
        let cells = row - hole_start;
        if cells > 0 && cells as u128 <= max_cells {
            for (i, cell) in column.iter_mut().skip(hole_start).take(cells).enumerate() {
                let share = (i + 1) as f64 / (cells + 1) as f64;
                *cell = match (fill, previous, next) {
                    (Fill::Previous { .. } | Fill::Both { .. }, Some(before), _) => before,
                    (Fill::Both { .. }, None, Some(after)) => after,
                    // Weighted so that two huge neighbours of opposite sign do not overflow.
                    (Fill::Linear { .. }, Some(before), Some(after)) => {
                        before * (1.0 - share) + after * share
                    }
                    _ => *cell,
                };
            }
        }
        previous = next;
        hole_start = row + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(i64, f64)]) -> Series {
        let (times, values) = points
            .iter()
            .map(|&(t, v)| (Timestamp::from_millis(t), v))
            .unzip();
        Series::new(Labels::empty(), times, values).unwrap()
    }

    fn aligned(points: &[(i64, f64)], fill: Fill) -> Vec<f64> {
        Frame::align(&[series(points)], 10, fill)
            .unwrap()
            .values()
            .column(0)
            .to_vec()
    }

    const GAP: Duration = Duration::from_millis(20);

    #[test]
    fn samples_go_to_the_grid_point_after_them_and_the_latest_stands() {
        assert_eq!(
            aligned(&[(1, 1.0), (9, 2.0), (10, f64::NAN), (11, 3.0)], Fill::None),
            [2.0, 3.0]
        );
    }

    #[test]
    fn only_short_holes_are_filled() {
        let points = [(0, 1.0), (30, 4.0), (70, 8.0)];
        let previous = aligned(&points, Fill::Previous { max_gap: GAP });
        assert_eq!(previous[..4], [1.0, 1.0, 1.0, 4.0]);
        assert!(
            previous[4..7].iter().all(|v| v.is_nan()),
            "a hole of 30 ms is longer than 20 ms"
        );
        let linear = aligned(&points, Fill::Linear { max_gap: GAP });
        for (value, expected) in linear[..4].iter().zip([1.0, 2.0, 3.0, 4.0]) {
            assert!((value - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn ends_are_filled_as_the_policy_says() {
        let points = [(0, f64::NAN), (10, 1.0), (20, f64::NAN)];
        assert_eq!(
            aligned(&points, Fill::Both { max_gap: GAP }),
            [1.0, 1.0, 1.0]
        );
        let previous = aligned(&points, Fill::Previous { max_gap: GAP });
        assert!(previous[0].is_nan());
        assert_eq!(previous[1..], [1.0, 1.0]);
        let linear = aligned(&points, Fill::Linear { max_gap: GAP });
        assert!(linear[0].is_nan() && linear[2].is_nan());
    }

    #[test]
    fn a_grid_that_would_exhaust_memory_is_refused() {
        let ends = series(&[(i64::MIN, 0.0), (i64::MAX, 1.0)]);
        assert!(Frame::align(&[ends], 1, Fill::None).is_err());
        assert!(Frame::align(&[], 0, Fill::None).is_err());
        assert_eq!(Frame::align(&[], 1, Fill::None).unwrap().n_rows(), 0);
    }
}
