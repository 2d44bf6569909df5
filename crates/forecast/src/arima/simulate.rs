//! Possible futures of a fitted model.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Horizon, Result};
use rand::SeedableRng as _;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use super::FittedArima;
use super::kalman::Kalman;
use crate::check;

/// The most numbers that a simulation draws: 2^26, 512 MiB.
const MAX_DRAWS: usize = 1 << 26;

impl FittedArima {
    /// Draws `paths` possible continuations of `steps` steps each, at fixed parameters.
    ///
    /// - `steps`: domain [1, 1048576].
    /// - `paths`: domain at least 1, and at most 2^26 numbers in all.
    /// - `regressors`: a row for each step, where the model has some.
    /// - `seed`: of PCG64 (`rand_pcg::Pcg64`), a generator for each path.
    ///
    /// # Errors
    /// When a number is outside its domain, or regressors are missing or of the wrong shape.
    ///
    /// Cost: O(steps paths k) for k states.
    pub fn simulate(
        &self,
        steps: usize,
        paths: usize,
        regressors: Option<ArrayView2<'_, f64>>,
        seed: u64,
    ) -> Result<Vec<Vec<f64>>> {
        let targets = self.timeline().targets(Horizon::Steps(steps))?;
        check::count("paths", paths, 1, (MAX_DRAWS / steps).max(1))?;
        let regression = self.regression(&targets.steps, regressors)?;
        let kalman = Kalman::new(&self.orders(), self.coefficients());
        let root = kalman.root(&self.state()).ok_or_else(|| {
            Error::input("the covariance of the state is beyond what floats can tell")
        })?;
        let (unit, shift) = self.scale();
        let deviation = self.variance().sqrt() * unit;
        let path = |index: usize| {
            let mut random = Pcg64::seed_from_u64(split(seed, index));
            let mut draw = || {
                let normal: f64 = StandardNormal.sample(&mut random);
                deviation * normal
            };
            let mut kalman = kalman.clone();
            let mut state = self.state();
            kalman.disturb(&mut state, &root, &mut draw);
            let mut values = Vec::with_capacity(steps);
            for offset in &regression {
                values.push((kalman.expect(&state, 0) + shift) / unit + offset);
                kalman.advance(&mut state, draw());
            }
            values
        };
        Ok((0..paths).map(path).collect())
    }
}

/// The `index`-th number that `SplitMix64` gives from `seed` (Steele, Lea, Flood 2014, doi
/// 10.1145/2660193.2660195).
fn split(seed: u64, index: usize) -> u64 {
    let steps = (index as u64).wrapping_add(1);
    let mut z = seed.wrapping_add(steps.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
