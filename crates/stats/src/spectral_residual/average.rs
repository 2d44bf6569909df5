/// The means of `values` with weights that fall linearly from each value to 0 at `points` places
/// from it. At the ends the weights that are left count.
pub(super) fn triangular(values: &[f64], points: usize) -> Vec<f64> {
    moving(&moving(values, points), points)
}

/// By how much fewer independent values vary in such a mean: its standard deviation is that of one
/// value divided by this.
pub(super) fn steadier(points: usize) -> f64 {
    let a = points as f64;
    (3.0 * a.powi(3) / (2.0 * a * a + 1.0)).sqrt()
}

/// Means over the `points` around each value, an odd number.
fn moving(values: &[f64], points: usize) -> Vec<f64> {
    let (half, n) = (points / 2, values.len());
    if half == 0 {
        return values.to_vec();
    }
    let mut sums = Vec::with_capacity(n + 1);
    let mut sum = 0.0;
    sums.push(sum);
    sums.extend(values.iter().map(|x| {
        sum += x;
        sum
    }));
    let until = |end: usize| sums.get(end).copied().unwrap_or(sum);
    let ranges = (0..n).map(|i| (i.saturating_sub(half), (i + half + 1).min(n)));
    ranges
        .map(|(start, end)| (until(end) - until(start)) / (end - start) as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fall_linearly() {
        let mut values = vec![0.0; 21];
        values[10] = 9.0;
        let means = triangular(&values, 3);
        assert_eq!(means[7..14], [0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0]);
        let squares: f64 = means.iter().map(|m| (m / 9.0).powi(2)).sum();
        assert!((steadier(3) - squares.sqrt().recip()).abs() < 1e-12);
        assert_eq!(triangular(&values, 1), values);
        assert!(
            triangular(&[5.0, 5.0], 21)
                .iter()
                .all(|m| (m - 5.0).abs() < 1e-12)
        );
    }
}
