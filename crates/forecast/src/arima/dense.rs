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

/// Adds `weights` times the rows of `rows`, as far as `target` goes; four at a time, so that `target`
/// is read and written less often.
fn add_rows(weights: &[f64], rows: &[f64], size: usize, target: &mut [f64]) {
    let (fours, rest) = weights.as_chunks::<4>();
    let mut blocks = rows.chunks_exact(4 * size);
    for ([w, x, y, z], block) in fours.iter().zip(&mut blocks) {
        let (front, back) = block.split_at(2 * size);
        let ((a, b), (c, d)) = (front.split_at(size), back.split_at(size));
        let pairs = a.iter().zip(b).zip(c.iter().zip(d));
        for (slot, ((a, b), (c, d))) in target.iter_mut().zip(pairs) {
            *slot += (w * a + x * b) + (y * c + z * d);
        }
    }
    let done = 4 * size * fours.len();
    let left = rows.get(done..).unwrap_or_default().chunks_exact(size);
    for (weight, row) in rest.iter().zip(left) {
        for (slot, x) in target.iter_mut().zip(row) {
            *slot += weight * x;
        }
    }
}

/// `out = a l` for a lower triangle `l`.
pub(crate) fn multiply_by_lower(a: &[f64], lower: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    out.resize(size * size, 0.0);
    for (row, target) in a.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        let blocks = row.chunks(4).zip(lower.chunks(4 * size));
        for (k, (weights, rows)) in blocks.enumerate() {
            let reach = (4 * k + 4).min(size);
            add_rows(
                weights,
                rows,
                size,
                target.get_mut(..reach).unwrap_or_default(),
            );
        }
    }
}

/// `out = l b` for a lower triangle `l`.
pub(crate) fn multiply_lower(lower: &[f64], b: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    out.resize(size * size, 0.0);
    let rows = lower.chunks_exact(size).zip(out.chunks_exact_mut(size));
    for (i, (row, target)) in rows.enumerate() {
        add_rows(row.get(..=i).unwrap_or_default(), b, size, target);
    }
}

/// `out = u b` for an upper triangle `u` where the product is symmetric.
pub(crate) fn symmetric_product(upper: &[f64], b: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    out.resize(size * size, 0.0);
    let rows = upper.chunks_exact(size).zip(out.chunks_exact_mut(size));
    for (i, (row, target)) in rows.enumerate() {
        let weights = row.get(i..).unwrap_or_default();
        let below = b.get(i * size..).unwrap_or_default();
        add_rows(
            weights,
            below,
            size,
            target.get_mut(..=i).unwrap_or_default(),
        );
    }
    mirror(out, size);
}

/// `out = a l'` for a lower triangle `l` where the product is symmetric.
pub(crate) fn symmetric_product_transposed(
    a: &[f64],
    lower: &[f64],
    size: usize,
    out: &mut Vec<f64>,
) {
    out.clear();
    out.resize(size * size, 0.0);
    let rows = a.chunks_exact(size).zip(out.chunks_exact_mut(size));
    for (i, (row, target)) in rows.enumerate() {
        let others = lower.chunks_exact(size).take(i + 1);
        for (j, (slot, other)) in target.iter_mut().zip(others).enumerate() {
            *slot = super::filter::dot(
                row.get(..=j).unwrap_or_default(),
                other.get(..=j).unwrap_or_default(),
            );
        }
    }
    mirror(out, size);
}

/// Copies the lower triangle to the upper.
#[allow(
    clippy::indexing_slicing,
    reason = "the matrix has size * size elements"
)]
fn mirror(a: &mut [f64], size: usize) {
    for i in 0..size {
        for j in 0..i {
            a[j * size + i] = a[i * size + j];
        }
    }
}

/// `out = a'`.
pub(crate) fn transpose(a: &[f64], size: usize, out: &mut Vec<f64>) {
    out.clear();
    for column in 0..size {
        out.extend(a.iter().skip(column).step_by(size));
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
    if size == 0 {
        return Some(Vec::new());
    }
    let (mut factor, mut upper, mut out) = (Vec::new(), Vec::new(), Vec::new());
    invert_lower(a, size, &mut factor);
    transpose(&factor, size, &mut upper);
    symmetric_product(&upper, &factor, size, &mut out);
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
        multiply_by_lower(&inverse, &factor, 3, &mut identity);
        for (i, x) in identity.iter().enumerate() {
            assert!((x - f64::from(u8::from(i % 4 == 0))).abs() < 1e-15);
        }
        let mut x = [1.0, 2.0, 3.0];
        assert!(solve(&mut a.to_vec(), &mut x));
        let mut b = Vec::new();
        apply(&a, &x, 3, &mut b);
        assert!((b[0] - 1.0).abs() + (b[1] - 2.0).abs() + (b[2] - 3.0).abs() < 1e-14);
        assert!(!cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2));
        assert!(!cholesky(&mut [f64::NAN], 1));
    }

    #[test]
    fn products_of_triangles_agree_with_sums() {
        for size in 1..11 {
            let at = |i: usize, j: usize| ((3 * i + 7 * j + i * j) as f64).sin();
            let lower = |i: usize, j: usize| if j <= i { at(i, j) } else { 0.0 };
            let write = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
                (0..size * size).map(|k| f(k / size, k % size)).collect()
            };
            let check = |got: &[f64], f: &dyn Fn(usize, usize, usize) -> f64| {
                for (k, x) in got.iter().enumerate() {
                    let sum: f64 = (0..size).map(|m| f(k / size, m, k % size)).sum();
                    assert!((x - sum).abs() < 1e-13, "{size} {k}");
                }
            };
            let (full, triangle) = (write(&at), write(&lower));
            let (mut upper, mut out) = (Vec::new(), Vec::new());
            transpose(&triangle, size, &mut upper);
            multiply_by_lower(&full, &triangle, size, &mut out);
            check(&out, &|i, m, j| at(i, m) * lower(m, j));
            multiply_lower(&triangle, &full, size, &mut out);
            check(&out, &|i, m, j| lower(i, m) * at(m, j));
            symmetric_product(&upper, &triangle, size, &mut out);
            check(&out, &|i, m, j| lower(m, i) * lower(m, j));
            symmetric_product_transposed(&triangle, &triangle, size, &mut out);
            check(&out, &|i, m, j| lower(i, m) * lower(j, m));
        }
    }
}
