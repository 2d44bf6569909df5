//! Centres, scales and the covariance matrix of the scaled columns.

use bongsu_core::ndarray::linalg::general_mat_mul;
use bongsu_core::ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use bongsu_core::{Error, Result};
use nalgebra::DMatrix;

use super::PcaScaling;
use super::scaling::{LARGEST, Scaler, spread_or_one};
use crate::float::power_of_two;

/// How many values a block of scaled rows has, at most: it stays in the second-level cache.
const BLOCK: usize = 1 << 14;

/// Rows of a block of a table with `columns` columns.
pub(super) const fn block_rows(columns: usize) -> usize {
    let rows = BLOCK / if columns == 0 { 1 } else { columns };
    if rows < 8 { 8 } else { rows }
}

/// The first `rows` rows of `table`, or all when it has fewer.
pub(super) fn first_rows(table: &mut Array2<f64>, rows: usize) -> ArrayViewMut2<'_, f64> {
    let rows = rows.min(table.nrows());
    table.slice_axis_mut(Axis(0), Slice::from(..rows))
}

/// The scaler of the columns of `x`, and the covariance (over n - 1) of what it gives.
pub(super) fn of(x: &ArrayView2<'_, f64>, scaling: PcaScaling) -> Result<(Scaler, DMatrix<f64>)> {
    if scaling != PcaScaling::Robust
        && let Some(start) = overlap(x)
    {
        return of_windows(x, start, scaling);
    }
    let scaler = Scaler::of(x, scaling)?;
    let d = x.ncols();
    let mut covariance = Array2::zeros((d, d));
    let mut block = Array2::zeros((block_rows(d), d));
    let weight = 1.0 / (x.nrows() - 1) as f64;
    for rows in x.axis_chunks_iter(Axis(0), block_rows(d)) {
        let mut block = first_rows(&mut block, rows.nrows());
        scaler.write_rows(&rows, &mut block);
        general_mat_mul(weight, &block.t(), &block, 1.0, &mut covariance);
    }
    let covariance = DMatrix::from_iterator(d, d, covariance.iter().copied());
    Ok((scaler, covariance))
}

/// By how many values the rows of `x` are apart when they are overlapping windows of one series.
fn overlap(x: &ArrayView2<'_, f64>) -> Option<usize> {
    let &[rows, columns] = x.strides() else {
        return None;
    };
    let start = usize::try_from(rows).ok()?;
    (columns == 1 && (1..x.ncols()).contains(&start) && x.nrows() > x.ncols()).then_some(start)
}

/// As [`of`], for rows that are windows `start` values apart of one series.
///
/// With the series `u` the sums of products are `S[i][j] = sum_t u[t start + i] u[t start + j]`, so
/// `S[i + start][j + start]` has the same terms but for one that leaves and one that enters.
fn of_windows(
    x: &ArrayView2<'_, f64>,
    start: usize,
    scaling: PcaScaling,
) -> Result<(Scaler, DMatrix<f64>)> {
    let (n, d) = x.dim();
    let (origin, unit, series) = normalised(x, start);
    let at = |index: usize| series.get(index).copied().unwrap_or(0.0);
    let count = n as f64;
    let end = n * start;

    let mut means = vec![0.0; d];
    let mut sums = DMatrix::<f64>::zeros(d, d);
    for i in 0..d {
        let mean = match i.checked_sub(start).and_then(|before| means.get(before)) {
            Some(mean) => mean + (at(end + i - start) - at(i - start)) / count,
            None => strided(&series, i, start, n).sum::<f64>() / count,
        };
        if let Some(slot) = means.get_mut(i) {
            *slot = mean;
        }
        for j in i..d {
            let sum = match i.checked_sub(start) {
                Some(before) => {
                    let (left, right) = (before, j - start);
                    sums.get((left, right)).copied().unwrap_or(0.0) - at(left) * at(right)
                        + at(end + left) * at(end + right)
                }
                None if start == 1 => dot(part(&series, i, n), part(&series, j, n)),
                None => strided(&series, i, start, n)
                    .zip(strided(&series, j, start, n))
                    .map(|(a, b)| a * b)
                    .sum(),
            };
            if let Some(slot) = sums.get_mut((i, j)) {
                *slot = sum;
            }
        }
    }

    let centred = |i: usize, j: usize, sum: f64| {
        let mean = |i: usize| means.get(i).copied().unwrap_or(0.0);
        sum - count * mean(i) * mean(j)
    };
    let mut scaler = Scaler {
        center: Vec::with_capacity(d),
        scale: Vec::with_capacity(d),
    };
    for (i, mean) in means.iter().enumerate() {
        let squares = sums.get((i, i)).copied().unwrap_or(0.0);
        let variance = (centred(i, i, squares) / count).max(0.0);
        scaler.center.push((origin + mean) * unit);
        scaler.scale.push(match scaling {
            PcaScaling::Center => 1.0,
            PcaScaling::Standard | PcaScaling::Robust => {
                spread_or_one(variance, origin + mean, count, unit)
            }
        });
    }
    let factors: Vec<f64> = scaler.scale.iter().map(|scale| unit / scale).collect();
    if scaling == PcaScaling::Center && unit >= LARGEST {
        return Err(Error::input(format!(
            "the values reach {unit:.0e} from their mean; \
             scale them down or use standard scaling"
        )));
    }
    let factor = |i: usize| factors.get(i).copied().unwrap_or(0.0);
    let covariance = DMatrix::from_fn(d, d, |row, column| {
        let (i, j) = (row.min(column), row.max(column));
        let sum = sums.get((i, j)).copied().unwrap_or(0.0);
        centred(i, j, sum) / (count - 1.0) * factor(i) * factor(j)
    });
    Ok((scaler, covariance))
}

/// The series that the windows `x` are cut from, without its mean and in a unit in which no value
/// exceeds 2: the mean in this unit, the unit, the values.
fn normalised(x: &ArrayView2<'_, f64>, start: usize) -> (f64, f64, Vec<f64>) {
    let mut rows = x.rows().into_iter();
    let mut series: Vec<f64> = rows.next().iter().flatten().copied().collect();
    for row in rows {
        let new = row.len() - start;
        series.extend(row.iter().skip(new));
    }
    let largest = |series: &[f64]| series.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let rough = power_of_two(largest(&series));
    for value in &mut series {
        *value /= rough;
    }
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    for value in &mut series {
        *value -= mean;
    }
    // Around an offset the deviations may be far smaller than the values.
    let fine = power_of_two(largest(&series));
    for value in &mut series {
        *value /= fine;
    }
    (mean / fine, rough * fine, series)
}

fn part(series: &[f64], from: usize, n: usize) -> &[f64] {
    series.get(from..from + n).unwrap_or_default()
}

fn strided(series: &[f64], from: usize, step: usize, n: usize) -> impl Iterator<Item = f64> {
    let rest = series.get(from..).unwrap_or_default();
    rest.iter().step_by(step).take(n).copied()
}

/// Eight sums side by side, which the compiler puts in vector registers.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}
