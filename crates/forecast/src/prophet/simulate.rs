//! Futures of the trend, and quantiles over them.

use bongsu_core::Result;
use bongsu_stats::special::normal_isf;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Exp1, StandardNormal};
use rand_pcg::Pcg64;

use super::Growth;
use super::quantiles::Quantiles;
use super::trend::{Piece, curve};

/// Where a path changes more often than this between two moments, the sum of its changes is taken as
/// normal.
const MANY: f64 = 64.0;

/// What is simulated, in the unit of the model.
#[derive(Debug)]
pub(super) struct Simulation<'a> {
    pub(super) growth: Growth,
    /// The last piece of the trend.
    pub(super) last: Piece,
    /// Changes in a unit of time.
    pub(super) frequency: f64,
    /// The scale of the Laplace distribution of changes.
    pub(super) scale: f64,
    /// The standard deviation of the noise.
    pub(super) sigma: f64,
    /// The end of the history.
    pub(super) start: f64,
    pub(super) samples: usize,
    pub(super) seed: u64,
    /// The wanted quantiles, ascending.
    pub(super) shares: &'a [f64],
}

/// A moment to simulate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// After the end of the history, and later than the one before.
    pub(super) t: f64,
    pub(super) cap: f64,
    /// What the trend is multiplied by.
    pub(super) factor: f64,
}

/// Every path as the height and the slope of its line above that of the expected trend.
#[derive(Debug)]
struct Paths {
    heights: Vec<f64>,
    slopes: Vec<f64>,
    generator: Pcg64,
    /// The time of the next change of any path.
    next: f64,
    now: f64,
}

impl Simulation<'_> {
    /// The quantiles of the trend and of the value at each moment, less their expectations: as many
    /// numbers as there are shares, trend and value in turn for each moment.
    ///
    /// Changes of slope come as a Poisson process, as often and as large as in the history. Only the
    /// distribution at each moment matters, so that the noise is the same set of evenly spaced
    /// quantiles of a normal at every moment, dealt to the paths at random once.
    pub(super) fn run(&self, moments: impl Iterator<Item = Moment>) -> Result<Vec<f64>> {
        let mut paths = Paths::new(self);
        let noise = self.noise(&mut paths.generator);
        let mut scratch = vec![0.0; self.samples];
        let [mut of_trend, mut of_value] =
            [(); 2].map(|()| Quantiles::new(self.shares, self.samples));
        let mut out = Vec::new();
        for moment in moments {
            paths.advance(self, moment.t);
            let height = self.last.rate * moment.t + self.last.intercept;
            let expected = curve(self.growth, height, moment.cap);
            let deviation = |above: f64| match self.growth {
                Growth::Logistic => curve(self.growth, height + above, moment.cap) - expected,
                Growth::Linear | Growth::Flat => above,
            };
            scratch.copy_from_slice(&paths.heights);
            // The curve rises with its line, so that their quantiles are at the same places.
            of_trend.each(&mut scratch, |q| out.push(deviation(q)));
            let pairs = paths.heights.iter().zip(&noise);
            for (slot, (&above, noise)) in scratch.iter_mut().zip(pairs) {
                *slot = moment.factor * deviation(above) + noise;
            }
            of_value.each(&mut scratch, |q| out.push(q));
        }
        Ok(out)
    }

    fn noise(&self, generator: &mut Pcg64) -> Vec<f64> {
        let n = self.samples as f64;
        let share = |i: usize| (i as f64 + 0.5) / n;
        let mut noise: Vec<f64> = (0..self.samples)
            .map(|i| self.sigma * normal_isf(share(i)))
            .collect();
        for i in (1..noise.len()).rev() {
            noise.swap(i, generator.random_range(0..=i));
        }
        noise
    }

    fn laplace(&self, generator: &mut Pcg64) -> f64 {
        let size: f64 = Exp1.sample(generator);
        let sign = if generator.next_u32() & 1 == 0 {
            1.0
        } else {
            -1.0
        };
        sign * size * self.scale
    }
}

impl Paths {
    fn new(simulation: &Simulation<'_>) -> Self {
        let mut paths = Self {
            heights: vec![0.0; simulation.samples],
            slopes: vec![0.0; simulation.samples],
            generator: Pcg64::seed_from_u64(simulation.seed),
            next: simulation.start,
            now: simulation.start,
        };
        paths.schedule(simulation);
        paths
    }

    fn schedule(&mut self, simulation: &Simulation<'_>) {
        let wait: f64 = Exp1.sample(&mut self.generator);
        self.next += wait / (simulation.frequency * self.heights.len() as f64);
    }

    /// Moves every path on to the time `t`.
    fn advance(&mut self, simulation: &Simulation<'_>, t: f64) {
        let passed = t - self.now;
        for (height, slope) in self.heights.iter_mut().zip(&self.slopes) {
            *height += slope * passed;
        }
        self.now = t;
        if simulation.growth == Growth::Flat {
            return;
        }
        if simulation.frequency * passed > MANY {
            self.many(simulation, passed);
            self.next = t;
            self.schedule(simulation);
            return;
        }
        while self.next <= t {
            let change = simulation.laplace(&mut self.generator);
            let path = self.generator.random_range(0..self.heights.len().max(1));
            if let Some(slope) = self.slopes.get_mut(path) {
                *slope += change;
            }
            if let Some(height) = self.heights.get_mut(path) {
                *height += change * (t - self.next);
            }
            self.schedule(simulation);
        }
    }

    /// Adds what many changes within the time that `passed` sum up to: the sum of the changes and
    /// that of each change times its distance to the end are jointly normal.
    fn many(&mut self, simulation: &Simulation<'_>, passed: f64) {
        let variance = 2.0 * simulation.scale * simulation.scale * simulation.frequency * passed;
        let deviation = variance.sqrt();
        for (height, slope) in self.heights.iter_mut().zip(&mut self.slopes) {
            let [a, b]: [f64; 2] = [(), ()].map(|()| StandardNormal.sample(&mut self.generator));
            *slope += deviation * a;
            *height += deviation * passed * (0.5 * a + b / 12f64.sqrt());
        }
    }
}
