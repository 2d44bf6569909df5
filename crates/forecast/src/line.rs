//! Straight lines through a series.

use nalgebra::{DMatrix, DVector};

/// The level at step 0 and the slope of the line through `values` at steps 1, 2, ... that leaves the
/// least squares; a slope of 0 for a single value.
pub(crate) fn line(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let middle = 0.5 * (n + 1.0);
    let steps = (1..=values.len()).map(|t| t as f64 - middle);
    let product: f64 = steps.zip(values).map(|(t, y)| t * (y - mean)).sum();
    let spread = n * (n * n - 1.0) / 12.0;
    let slope = if spread > 0.0 { product / spread } else { 0.0 };
    [mean - slope * middle, slope]
}

/// As [`line`], fitted beside the sine and cosine of one wave of `period` steps.
pub(crate) fn line_beside_wave(values: &[f64], period: usize) -> [f64; 2] {
    let angle = |row: usize| std::f64::consts::TAU * (row + 1) as f64 / period as f64;
    let design = DMatrix::from_fn(values.len(), 4, |row, column| match column {
        0 => 1.0,
        1 => (row + 1) as f64,
        2 => angle(row).cos(),
        _ if period == 2 => 0.0,
        _ => angle(row).sin(),
    });
    let singular = design.svd(true, true);
    let cut = singular.singular_values.max() * 1e-13;
    let solution = singular.solve(&DVector::from_column_slice(values), cut);
    match solution.as_ref().map(DVector::as_slice) {
        Ok([level, slope, ..]) => [*level, *slope],
        _ => line(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found() {
        assert_eq!(line(&[3.0, 5.0, 7.0]), [1.0, 2.0]);
        assert_eq!(line(&[4.0]), [4.0, 0.0]);
        for period in [2, 12] {
            let wave = |t: f64| (std::f64::consts::TAU * t / period as f64).cos();
            let values: Vec<f64> = (1..=20)
                .map(|t| 5.0 + 0.5 * f64::from(t) + wave(f64::from(t)))
                .collect();
            let [level, slope] = line_beside_wave(&values, period);
            assert!((level - 5.0).abs() < 1e-10 && (slope - 0.5).abs() < 1e-11);
        }
    }
}
