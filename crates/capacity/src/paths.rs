//! Possible futures: the forecast, with errors as they go together over time.

use rand::{Rng as _, SeedableRng as _};
use rand_distr::{ChiSquared, Distribution as _, StandardNormal};
use rand_pcg::Pcg64;

use crate::error_model::ErrorModel;
use crate::shifts::Shifts;
use crate::spikes::{Usual, rest_of};

/// The most knots of a slow path.
const KNOTS: usize = 120;

/// The fast part of the past: what is left of the rhythm and of the mean over a block, and how far
/// the greatest value of a step lies above its mean. Whole blocks are drawn from it, so that neighbours stay
/// neighbours and every hour keeps its own spread.
#[derive(Debug, Clone)]
pub(crate) struct Fast {
    block: usize,
    rest: Vec<f64>,
    excess: Vec<f64>,
    /// Steps whose spikes were cut.
    pub(crate) spikes: usize,
}

impl Fast {
    /// Of values without the rhythm, spikes among them and without; `peaks` says how far the `means`
    /// of the steps reached.
    pub(crate) fn of(
        uncut: &[f64],
        without_spikes: &[f64],
        means: &[f64],
        peaks: &[f64],
        block: usize,
    ) -> Self {
        let width = block.max(2) as f64;
        // The mean over a block takes a part of each value with it.
        let lost = (1.0 - 1.0 / width).sqrt().recip();
        let mut rest: Vec<f64> = rest_of(uncut, without_spikes, block)
            .into_iter()
            .map(|rest| if rest.is_finite() { rest * lost } else { 0.0 })
            .collect();
        let excess = peaks
            .iter()
            .zip(means)
            .map(|(peak, value)| match peak - value {
                excess if excess.is_finite() => excess,
                _ => 0.0,
            });
        let mut excess: Vec<f64> = excess.collect();
        let largest = means.iter().map(|v| v.abs()).fold(0.0, f64::max);
        let spikes = Usual::of(&rest, largest).cut(&mut rest);
        Usual::of(&excess, largest).cut(&mut excess);
        Self {
            block: block.max(1),
            rest,
            excess,
            spikes,
        }
    }
}

/// Simulated futures: of each step the mean and, in `peaks`, the greatest value.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) values: Vec<Vec<f64>>,
    pub(crate) peaks: Vec<Vec<f64>>,
}

/// Draws `count` paths about `mean`.
///
/// The slow errors are a fractional Brownian motion over blocks whose exponent is the growth of
/// the errors of validation, times a factor that all leads of a path share, so that their marginal
/// distributions are Student's. Every slow path is taken with both signs.
pub(crate) fn simulate(
    mean: &[f64],
    model: &ErrorModel,
    fast: &Fast,
    shifts: &Shifts,
    count: usize,
    seed: u64,
) -> Paths {
    let mut rng = Pcg64::seed_from_u64(seed);
    let knots = Knots::new(mean.len(), fast.block, model.growth);
    let spread = ChiSquared::new(model.freedom).ok();
    let mut values = Vec::with_capacity(count);
    let mut peaks = Vec::with_capacity(count);
    let mut slow = Vec::new();
    for path in 0..count {
        if path % 2 == 0 {
            let common = spread.as_ref().map_or(1.0, |chi| {
                let drawn: f64 = chi.sample(&mut rng);
                (model.freedom / drawn.max(1e-9)).sqrt()
            });
            slow = knots.draw(&mut rng, model, common);
        } else {
            for value in &mut slow {
                *value = -*value;
            }
        }
        let mut moved = mean.to_vec();
        shifts.add(&mut moved, &mut rng);
        let mut path = Vec::with_capacity(mean.len());
        let mut peak = Vec::with_capacity(mean.len());
        let blocks = (fast.rest.len() / fast.block).max(1) as u64;
        // Blocks are counted from the end of the past, whose phase the future continues.
        let skip = fast.rest.len() % fast.block;
        let parts = moved.chunks(fast.block).zip(slow.chunks(fast.block));
        for (means, slows) in parts {
            let from = skip + (rng.next_u64() % blocks) as usize * fast.block;
            let rest = fast.rest.get(from..).unwrap_or_default().iter();
            let excess = fast.excess.get(from..).unwrap_or_default().iter();
            for (((mean, slow), rest), excess) in means.iter().zip(slows).zip(rest).zip(excess) {
                let value = mean + slow + rest;
                path.push(value);
                peak.push(value + excess.max(0.0));
            }
        }
        values.push(path);
        peaks.push(peak);
    }
    Paths { values, peaks }
}

/// Where a slow path is drawn, and how: a triangular root of the covariance of its knots.
struct Knots {
    steps: usize,
    width: f64,
    /// Rows of the root.
    root: Vec<Vec<f64>>,
    growth: f64,
}

impl Knots {
    fn new(steps: usize, block: usize, growth: f64) -> Self {
        let width = (block as f64).max(steps as f64 / KNOTS as f64);
        let count = (steps as f64 / width).ceil().max(1.0) as usize + 1;
        let power = 2.0 * growth.min(0.99);
        let at = |i: usize| (i as f64 + 0.5).powf(power);
        let mut root: Vec<Vec<f64>> = Vec::with_capacity(count);
        for i in 0..count {
            let mut row: Vec<f64> = Vec::with_capacity(i + 1);
            for (j, known) in root.iter().enumerate() {
                let apart = ((i - j) as f64).powf(power);
                let covariance = 0.5 * (at(i) + at(j) - apart);
                let taken: f64 = row.iter().zip(known).map(|(a, b)| a * b).sum();
                let pivot = known.last().copied().unwrap_or(1.0);
                row.push((covariance - taken) / pivot.max(1e-9));
            }
            let left = at(i) - row.iter().map(|a| a * a).sum::<f64>();
            row.push(left.max(1e-12).sqrt());
            root.push(row);
        }
        Self {
            steps,
            width,
            root,
            growth: power / 2.0,
        }
    }

    /// A slow path, step by step.
    fn draw(&self, rng: &mut Pcg64, model: &ErrorModel, common: f64) -> Vec<f64> {
        let normals: Vec<f64> = self
            .root
            .iter()
            .map(|_| StandardNormal.sample(rng))
            .collect();
        let knots: Vec<f64> = self
            .root
            .iter()
            .enumerate()
            .map(|(i, row)| {
                let unit: f64 = row.iter().zip(&normals).map(|(a, b)| a * b).sum();
                let blocks = i as f64 + 0.5;
                common * unit / blocks.powf(self.growth) * model.slow((i as f64 + 0.5) * self.width)
            })
            .collect();
        (0..self.steps)
            .map(|step| {
                let place = ((step as f64 + 0.5) / self.width - 0.5).max(0.0);
                let before = place.floor();
                let share = place - before;
                let at = |i: usize| knots.get(i).or(knots.last()).copied().unwrap_or(0.0);
                at(before as usize) * (1.0 - share) + at(before as usize + 1) * share
            })
            .collect()
    }
}
