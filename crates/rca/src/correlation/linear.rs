use nalgebra::{DMatrix, DVector};

/// The residual sum of squares of a regression, and its degrees of freedom used.
///
/// Least squares by a QR decomposition with columns that are scaled to length 1; a column that the
/// others explain to within rounding is left out.
pub(super) fn residual_sum(columns: &[Vec<f64>], target: &[f64]) -> (f64, usize) {
    let n = target.len();
    let mut basis: Vec<DVector<f64>> = Vec::new();
    for column in columns {
        let mut rest = DVector::from_column_slice(column);
        let length = rest.norm();
        if length == 0.0 {
            continue;
        }
        rest /= length;
        orthogonalize(&mut rest, &basis);
        let left = rest.norm();
        if left > 1e-10 {
            basis.push(rest / left);
        }
    }
    let mut rest = DVector::from_column_slice(target);
    orthogonalize(&mut rest, &basis);
    (rest.norm_squared(), basis.len().min(n))
}

/// Twice is enough.
fn orthogonalize(rest: &mut DVector<f64>, basis: &[DVector<f64>]) {
    for _ in 0..2 {
        for direction in basis {
            let along = rest.dot(direction);
            rest.axpy(-along, direction, 1.0);
        }
    }
}

/// The partial correlation of the variables `x` and `y` given `others` from a correlation matrix: from
/// the inverse of the part that belongs to them. `None` when that has none.
pub(super) fn partial_from(
    correlations: &DMatrix<f64>,
    x: usize,
    y: usize,
    others: &[usize],
) -> Option<f64> {
    let mut places = vec![x, y];
    places.extend(others);
    let part = DMatrix::from_fn(places.len(), places.len(), |i, j| {
        let place = places.get(i).zip(places.get(j));
        place
            .and_then(|(i, j)| correlations.get((*i, *j)).copied())
            .unwrap_or_default()
    });
    let inverse = part.try_inverse()?;
    let (xx, yy) = (*inverse.get((0, 0))?, *inverse.get((1, 1))?);
    let r = -inverse.get((0, 1))? / (xx * yy).abs().sqrt();
    r.is_finite().then_some(r.clamp(-1.0, 1.0))
}
