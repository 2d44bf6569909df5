use bongsu_core::{Error, Result};
use nalgebra::DMatrix;

use super::linear::partial_from;
use super::pearson::{Correlation, of_complete, p_value};
use super::{MIN_POINTS, centered};

/// The correlation of `x` and `y` that is left when each is freed of what `others` explain of it.
///
/// `r = -P_xy / sqrt(P_xx P_yy)` for the inverse `P` of the correlation matrix, with the p-value of the
/// t-distribution with `n - 2 - number of others` degrees of freedom. Rows in which a value is missing
/// are left out. Where `x` or `y` does not move, or the others explain one of them wholly, `r = 0` and
/// `p = 1`.
///
/// # Errors
/// When the lengths differ, or fewer than [`MIN_POINTS`] rows, or too few for that many others, are
/// whole.
///
/// Cost: O(n k^2 + k^3) time for k others.
///
/// Source: `pingouin.partial_corr` 0.5 (equal to the correlation of residuals).
///
/// ```
/// use bongsu_rca::correlation::partial_correlation;
/// let z: Vec<f64> = (0..30).map(f64::from).collect();
/// let x: Vec<f64> = z.iter().map(|z| z + (z * 1.7).sin()).collect();
/// let y: Vec<f64> = z.iter().map(|z| z + (z * 2.9).cos()).collect();
/// assert!(partial_correlation(&x, &y, &[])?.r > 0.9);
/// assert!(partial_correlation(&x, &y, &[&z])?.r.abs() < 0.2);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn partial_correlation(x: &[f64], y: &[f64], others: &[&[f64]]) -> Result<Correlation> {
    let all: Vec<&[f64]> = [x, y].into_iter().chain(others.iter().copied()).collect();
    let rows = whole_rows(&all)?;
    let n = rows.first().map_or(0, Vec::len);
    if n < others.len() + 3 {
        return Err(Error::not_enough_data(
            "a partial correlation",
            others.len() + 3,
            n,
        ));
    }
    let moves = |i: usize| rows.get(i).is_some_and(|column| centered(column).is_some());
    if !(moves(0) && moves(1)) {
        return Ok(Correlation::none(n));
    }
    let matrix = correlation_matrix(&rows);
    let places: Vec<usize> = (2..rows.len()).filter(|&i| moves(i)).collect();
    Ok(match partial_from(&matrix, 0, 1, &places) {
        Some(r) => Correlation {
            r,
            p_value: p_value(r, n as f64 - 2.0 - places.len() as f64),
            points: n,
        },
        None => Correlation::none(n),
    })
}

/// The columns without the rows in which a value is missing.
pub(super) fn whole_rows(columns: &[&[f64]]) -> Result<Vec<Vec<f64>>> {
    let n = columns.first().map_or(0, |column| column.len());
    if let Some(other) = columns.iter().find(|column| column.len() != n) {
        return Err(Error::shape("length of a series", other.len(), n));
    }
    let whole: Vec<usize> = (0..n)
        .filter(|&i| {
            columns
                .iter()
                .all(|c| c.get(i).is_some_and(|x| x.is_finite()))
        })
        .collect();
    if whole.len() < MIN_POINTS {
        return Err(Error::not_enough_data(
            "a correlation",
            MIN_POINTS,
            whole.len(),
        ));
    }
    let pick = |column: &&[f64]| {
        whole
            .iter()
            .filter_map(|&i| column.get(i).copied())
            .collect()
    };
    Ok(columns.iter().map(pick).collect())
}

/// Pearson's correlations of all pairs; series that do not move correlate with nothing.
pub(super) fn correlation_matrix(columns: &[Vec<f64>]) -> DMatrix<f64> {
    let mut matrix = DMatrix::identity(columns.len(), columns.len());
    for (i, a) in columns.iter().enumerate() {
        for (j, b) in columns.iter().enumerate().take(i) {
            let r = of_complete(a, b).r;
            for place in [(i, j), (j, i)] {
                if let Some(cell) = matrix.get_mut(place) {
                    *cell = r;
                }
            }
        }
    }
    matrix
}
