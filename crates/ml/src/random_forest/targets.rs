/// The target, scaled by a power of two so that sums and squares stay in range, and without its
/// mean, which would cost digits in them.
pub(super) struct Targets {
    /// Scaled, as large as 2 at most.
    pub(super) scaled: Vec<f64>,
    pub(super) mean: f64,
    /// The target is the scaled one times this.
    pub(super) scale: f64,
}

impl Targets {
    pub(super) fn new(y: &[f64]) -> Self {
        let greatest = y.iter().fold(0.0_f64, |most, y| most.max(y.abs()));
        let scale = power_of_two_below(greatest);
        let scaled: Vec<f64> = y.iter().map(|y| y / scale).collect();
        let mean = scaled.iter().sum::<f64>() / scaled.len().max(1) as f64;
        Self {
            scaled,
            mean,
            scale,
        }
    }
}

/// The greatest power of two that is not above `x`, from 2^-1000 to 2^1023; 1 for 0.
fn power_of_two_below(x: f64) -> f64 {
    if x > 0.0 {
        const MANTISSA: u64 = (1 << 52) - 1;
        f64::from_bits(x.max(2.0_f64.powi(-1000)).to_bits() & !MANTISSA)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_loses_nothing() {
        for (y, scale) in [
            (3.5, 2.0),
            (-1.0, 1.0),
            (0.0, 1.0),
            (1e308, 2.0_f64.powi(1023)),
        ] {
            let targets = Targets::new(&[y]);
            assert_eq!(targets.scale, scale);
            assert_eq!(targets.scaled[0] * targets.scale, y);
        }
        assert_eq!(
            Targets::new(&[5e-324]).scaled,
            [5e-324 / 2.0_f64.powi(-1000)]
        );
    }
}
