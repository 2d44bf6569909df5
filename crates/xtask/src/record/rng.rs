//! A tiny seeded generator (`SplitMix64`): the workload must be repeatable, not cryptographic.

/// `SplitMix64` with the few distributions the workload needs.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator with the given seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `(0, 1)`.
    #[allow(
        clippy::cast_precision_loss,
        reason = "32 bits are exact in an f64 and plenty here"
    )]
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 32) as f64 + 0.5) / 4_294_967_296.0
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Standard normal (Box-Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn moments_are_right() {
        let mut rng = Rng::new(7);
        let n = 20_000;
        let (mut e, mut z, mut zz) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            e += rng.exponential();
            let x = rng.normal();
            z += x;
            zz += x * x;
        }
        let n = f64::from(n);
        assert!((e / n - 1.0).abs() < 0.03, "{}", e / n);
        assert!((z / n).abs() < 0.03, "{}", z / n);
        assert!((zz / n - 1.0).abs() < 0.05, "{}", zz / n);
    }
}
