//! Small dense matrices, row by row in one slice, for the covariances of states.

/// Replaces the lower triangle of a symmetric matrix by its Cholesky factor and clears the upper;
/// `false` where it is not positive definite.
#[allow(
    clippy::indexing_slicing,
    reason = "the slice has size * size elements, which is checked first"
)]
pub(crate) fn cholesky(a: &mut [f64], size: usize) -> bool {
    if a.len() != size * size {
        return false;
    }
    for i in 0..size {
        let (above, row) = a.split_at_mut(i * size);
        let row = &mut row[..size];
        for j in 0..i {
            let other = &above[j * size..j * size + j + 1];
            let sum = row[j] - super::filter::dot(&row[..j], &other[..j]);
            row[j] = sum / other[j];
        }
        let rest = row[i] - super::filter::dot(&row[..i], &row[..i]);
        // Written so that a NaN is refused too.
        if !(rest > 0.0 && rest < f64::INFINITY) {
            return false;
        }
        row[i] = rest.sqrt();
        row[i + 1..].fill(0.0);
    }
    true
}

/// Twice the sum of the logarithms of the diagonal: the log-determinant of what was factored.
pub(crate) fn log_determinant(factor: &[f64], size: usize) -> f64 {
    2.0 * factor.iter().step_by(size + 1).map(|x| x.ln()).sum::<f64>()
}

/// Writes the inverse of a lower triangle to `out`.
#[allow(
    clippy::indexing_slicing,
    reason = "both slices have size * size elements"
)]
pub(crate) fn invert_lower(factor: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    out.resize(size * size, 0.0);
    for i in 0..size {
        let (above, row) = out.split_at_mut(i * size);
        let row = &mut row[..size];
        for k in 0..i {
            let c = factor[i * size + k];
            if c != 0.0 {
                for (slot, x) in row.iter_mut().zip(&above[k * size..k * size + k + 1]) {
                    *slot -= c * x;
                }
            }
        }
        let inverse = 1.0 / factor[i * size + i];
        for x in &mut row[..i] {
            *x *= inverse;
        }
        row[i] = inverse;
    }
}

/// `out = a b`; zeros of `a`, such as those of a triangle, cost nothing.
pub(crate) fn multiply(a: &[f64], b: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    out.resize(size * size, 0.0);
    for (row, target) in a.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        for (&x, other) in row.iter().zip(b.chunks_exact(size)) {
            if x != 0.0 {
                for (slot, y) in target.iter_mut().zip(other) {
                    *slot += x * y;
                }
            }
        }
    }
}

/// `out = a' b`.
pub(crate) fn multiply_transposed(a: &[f64], b: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    out.resize(size * size, 0.0);
    for (row, other) in a.chunks_exact(size).zip(b.chunks_exact(size)) {
        for (&x, target) in row.iter().zip(out.chunks_exact_mut(size)) {
            if x != 0.0 {
                for (slot, y) in target.iter_mut().zip(other) {
                    *slot += x * y;
                }
            }
        }
    }
}

/// `out += a b` for a square `a` of `size` rows and a `b` of rows of `width`.
pub(crate) fn add_product(a: &[f64], b: &[f64], size: usize, width: usize, out: &mut [f64]) {
    let targets = out.chunks_exact_mut(width.max(1));
    for (row, target) in a.chunks_exact(size).zip(targets) {
        for (&x, other) in row.iter().zip(b.chunks_exact(width.max(1))) {
            for (slot, y) in target.iter_mut().zip(other) {
                *slot += x * y;
            }
        }
    }
}

/// `out += a' b` for matrices of rows of `width`.
pub(crate) fn add_transposed_product(a: &[f64], b: &[f64], width: usize, out: &mut [f64]) {
    for (row, other) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
        for (&x, target) in row.iter().zip(out.chunks_exact_mut(width)) {
            for (slot, y) in target.iter_mut().zip(other) {
                *slot += x * y;
            }
        }
    }
}

/// `out -= l l' x` for a lower triangle `l`.
pub(crate) fn take_squared(
    factor: &[f64],
    x: &[f64],
    size: usize,
    out: &mut [f64],
    room: &mut Vec<f64>,
) {
    room.clear();
    room.resize(size, 0.0);
    for (row, &x) in factor.chunks_exact(size).zip(x) {
        for (slot, l) in room.iter_mut().zip(row) {
            *slot += l * x;
        }
    }
    for (slot, row) in out.iter_mut().zip(factor.chunks_exact(size)) {
        *slot -= super::filter::dot(row, room);
    }
}

/// `a x` for a square matrix.
pub(crate) fn apply(a: &[f64], x: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    out.extend(a.chunks_exact(size).map(|row| super::filter::dot(row, x)));
}

/// Solves `a x = b` in place for a symmetric positive definite `a`, which is overwritten; `false`
/// where it is not.
pub(crate) fn solve(a: &mut [f64], b: &mut [f64]) -> bool {
    let size = b.len();
    if !cholesky(a, size) {
        return false;
    }
    for (i, row) in a.chunks_exact(size).enumerate() {
        let (done, rest) = b.split_at_mut(i);
        if let (Some(slot), Some(&diagonal)) = (rest.first_mut(), row.get(i)) {
            *slot = (*slot - super::filter::dot(row, done)) / diagonal;
        }
    }
    for (i, row) in a.chunks_exact(size).enumerate().rev() {
        let (before, rest) = b.split_at_mut(i);
        if let (Some(slot), Some(&diagonal)) = (rest.first_mut(), row.get(i)) {
            *slot /= diagonal;
            for (x, c) in before.iter_mut().zip(row) {
                *x -= c * *slot;
            }
        }
    }
    true
}

/// The inverse of a symmetric positive definite matrix, which is overwritten.
pub(crate) fn inverse(a: &mut [f64], size: usize) -> Option<Vec<f64>> {
    if !cholesky(a, size) {
        return None;
    }
    let (mut factor, mut out) = (Vec::new(), Vec::new());
    invert_lower(a, size, &mut factor);
    multiply_transposed(&factor, &factor, size.max(1), &mut out);
    out.truncate(size * size);
    Some(out)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn factors_inverses_and_solutions_agree() {
        let a = [4.0, 1.0, 0.5, 1.0, 3.0, -0.2, 0.5, -0.2, 2.0];
        let mut factor = a.to_vec();
        assert!(cholesky(&mut factor, 3));
        let mut inverse = Vec::new();
        invert_lower(&factor, 3, &mut inverse);
        let mut identity = Vec::new();
        multiply(&inverse, &factor, 3, &mut identity);
        for (i, x) in identity.iter().enumerate() {
            assert!((x - f64::from(u8::from(i % 4 == 0))).abs() < 1e-15);
        }
        let mut x = [1.0, 2.0, 3.0];
        assert!(solve(&mut a.to_vec(), &mut x));
        let mut b = Vec::new();
        apply(&a, &x, 3, &mut b);
        assert!((b[0] - 1.0).abs() + (b[1] - 2.0).abs() + (b[2] - 3.0).abs() < 1e-14);
        let mut transposed = Vec::new();
        multiply_transposed(&a, &a, 3, &mut transposed);
        assert!((transposed[1] - (4.0 + 3.0 - 0.1)).abs() < 1e-15);
        assert!(!cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2));
        assert!(!cholesky(&mut [f64::NAN], 1));
    }
}
