//! Lines: through medians of slopes, and by least squares with the calendar.

use bongsu_core::ndarray::Array2;
use bongsu_core::{Error, Result};
use bongsu_ml::LinearRegression;
use bongsu_stats::robust::theil_sen as line_of;

use super::Known;
use crate::history::DAY;

/// The intercept and slope of a robust line through what is left without the rhythm since the last
/// clear bend, of the steps that have a value.
pub(super) fn robust_line(known: &Known<'_>) -> Result<(f64, f64)> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let rows = known.values.iter().zip(&known.adjusted).enumerate();
    for (i, (value, left)) in rows.skip(known.bend) {
        if value.is_finite() {
            x.push(i as f64);
            y.push(*left);
        }
    }
    let line = line_of(&x, &y, 0.95)?;
    Ok((line.intercept, line.slope))
}

pub(super) fn theil_sen(known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
    let (intercept, slope) = robust_line(known)?;
    let line = (0..ahead).map(|i| intercept + slope * (known.len() + i) as f64);
    Ok(known.with_season(line))
}

/// What a column of the design says of a moment.
#[derive(Clone, Copy)]
enum Column {
    Time,
    Bin { bins: usize, bin: usize },
    Weekday(usize),
}

pub(super) fn least_squares(known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
    let columns = columns(known);
    let rows: Vec<usize> = (0..known.len())
        .filter(|&i| known.values.get(i).is_some_and(|v| v.is_finite()))
        .collect();
    if rows.len() <= columns.len() + 1 {
        return Err(Error::not_enough_data(
            "a line with the calendar",
            columns.len() + 2,
            rows.len(),
        ));
    }
    let targets: Vec<f64> = rows
        .iter()
        .filter_map(|&i| known.values.get(i).copied())
        .collect();
    let coming: Vec<usize> = (known.len()..known.len() + ahead).collect();
    let fitted = LinearRegression::new().fit(design(known, &columns, &rows).view(), &targets)?;
    fitted.predict(design(known, &columns, &coming).view())
}

/// Time, all but one part of the day and all but one weekday, as far as the past shows them twice.
fn columns(known: &Known<'_>) -> Vec<Column> {
    let span = known.step.saturating_mul(known.len() as i64);
    let mut columns = vec![Column::Time];
    if known.step <= DAY / 4 && span >= 2 * DAY {
        let bins = usize::try_from(DAY / known.step).unwrap_or(24).min(24);
        columns.extend((1..bins).map(|bin| Column::Bin { bins, bin }));
    }
    if known.step <= DAY && span >= 14 * DAY {
        columns.extend((1..7).map(Column::Weekday));
    }
    columns
}

fn design(known: &Known<'_>, columns: &[Column], rows: &[usize]) -> Array2<f64> {
    let mut table = Array2::zeros((rows.len(), columns.len()));
    for (mut line, &row) in table.rows_mut().into_iter().zip(rows) {
        let Some(at) = known.calendar.get(row) else {
            continue;
        };
        for (cell, column) in line.iter_mut().zip(columns) {
            *cell = match *column {
                Column::Time => row as f64,
                Column::Bin { bins, bin } => f64::from(at.bin_of_day(bins) == bin),
                Column::Weekday(day) => f64::from(at.weekday == day),
            };
        }
    }
    table
}
