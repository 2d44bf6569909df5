//! Powers of two that bring huge and tiny values into a range where sums and products are safe.

/// The values over a power of two, and that power; 1 and no change for usual magnitudes.
pub(super) fn scaled(values: &[f64]) -> (Vec<f64>, f64) {
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 || (1e-100..1e100).contains(&largest) {
        return (values.to_vec(), 1.0);
    }
    // Within the exponents whose inverse is a normal number too.
    let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
    let factor = exponent.exp2();
    (values.iter().map(|v| v / factor).collect(), factor)
}

/// Multiplies each of `parts` by `factor`.
pub(super) fn rescale<'a>(parts: impl IntoIterator<Item = &'a mut Vec<f64>>, factor: f64) {
    if factor.to_bits() != 1.0_f64.to_bits() {
        for value in parts.into_iter().flatten() {
            *value *= factor;
        }
    }
}
