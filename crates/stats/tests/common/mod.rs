//! Noise for tests: splitmix64 and the Box-Muller transform.

/// A seeded source of noise.
#[derive(Debug)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + 1e-17
    }

    /// Standard normal.
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student t with `df` degrees of freedom, scaled to variance 1.
    pub(crate) fn student(&mut self, df: u32) -> f64 {
        let chi2: f64 = (0..df).map(|_| self.normal().powi(2)).sum();
        let df = f64::from(df);
        self.normal() / (chi2 / df).sqrt() * ((df - 2.0) / df).sqrt()
    }

    /// Laplace with variance 1.
    pub(crate) fn laplace(&mut self) -> f64 {
        let u = self.uniform() - 0.5;
        -u.signum() * (1.0 - 2.0 * u.abs()).max(1e-300).ln() / std::f64::consts::SQRT_2
    }

    /// `n` values of a first-order autoregression with coefficient 0.5 and variance 1.
    pub(crate) fn autoregressive(&mut self, n: usize) -> Vec<f64> {
        let mut last = self.normal();
        let mut next = || {
            last = 0.5 * last + 0.75_f64.sqrt() * self.normal();
            last
        };
        (0..n).map(|_| next()).collect()
    }
}
