//! The search for the coefficients of one model.

use bongsu_core::{Error, Result};

use super::bfgs::{Limits, minimise};
use super::fit::{Problem, Solution};
use super::kalman::Counted;
use super::likelihood::Likelihood;
use super::orders::Orders;
use super::start::{scattered_starts, usual_starts};
use super::transform::{chain, constrain, release};

/// The gain in log-likelihood that is not worth another step of the search.
const GAIN: f64 = 1e-7;

/// The iterations of the rough searches from which the best goes on, and the gain that ends them.
const ROUGH: usize = 15;
const ROUGH_GAIN: f64 = 1e-2;

/// A difference between the likelihoods of an infinite and a finite variance of the start that does
/// not move the maximum by as much as counts.
const INDIFFERENT: f64 = 0.005;

/// The most iterations of a search with a finite variance of the start.
const POLISH: usize = 60;

/// The number of searches that go on to the end.
const FINE: usize = 3;

/// The number of scattered places from which a search starts.
const PROMISING: usize = 4;

/// How far behind the best a rough search may be to be gone on with.
const CLOSE: f64 = 3.0;

impl Problem {
    /// Searches from several starts, first roughly, then on from where that was best; from the next
    /// best where it did not converge. With `starts`, of a related model, the estimates of Hannan and
    /// Rissanen are the only others.
    pub(crate) fn solve(&self, starts: &[Vec<f64>], iterations: usize) -> Result<Solution> {
        let mut likelihood = self.likelihood();
        // A related model's place is near a good maximum: one search goes on to the end.
        let most = if starts.is_empty() { FINE } else { 1 };
        let mut usual = usual_starts(&self.orders, &self.residual);
        if starts.is_empty() {
            usual.extend(self.promising(&mut likelihood));
        } else {
            usual.truncate(1);
        }
        let mut found: Vec<Solution> = starts
            .iter()
            .chain(&usual)
            .filter_map(|start| search(&self.orders, &mut likelihood, start, ROUGH, ROUGH_GAIN))
            .collect();
        found.sort_by(|a, b| b.value.total_cmp(&a.value));
        let mut fine: Vec<Solution> = Vec::with_capacity(FINE);
        let mut last = f64::INFINITY;
        for rough in &found {
            let best = fine
                .iter()
                .map(|s| s.value)
                .fold(f64::NEG_INFINITY, f64::max);
            // Others that are as good may end higher, unless they are on the same way.
            let same = last - rough.value < ROUGH_GAIN;
            let behind = best > rough.value + CLOSE || fine.len() >= most;
            if fine.iter().any(|s| s.converged) && (same || behind) {
                continue;
            }
            last = rough.value;
            let start = &rough.coefficients;
            fine.extend(search(
                &self.orders,
                &mut likelihood,
                start,
                iterations,
                GAIN,
            ));
        }
        fine.sort_by(|a, b| b.value.total_cmp(&a.value));
        if fine.is_empty() {
            return Err(Error::input(format!(
                "ARIMA{} has no finite likelihood for this series at any start of the search",
                self.orders
            )));
        }
        Ok(self.polish(fine, iterations))
    }

    /// The scattered places where the likelihood is largest.
    fn promising(&self, likelihood: &mut Likelihood) -> Vec<Vec<f64>> {
        let value = |start: Vec<f64>| {
            let value = likelihood.evaluate(&start, None)?;
            Some((value, start))
        };
        let scattered = scattered_starts(&self.orders).into_iter();
        let mut found: Vec<(f64, Vec<f64>)> = scattered.filter_map(value).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(PROMISING);
        found.into_iter().map(|(_, start)| start).collect()
    }

    /// The best of `solutions`, best first, for a start of infinite variance; improved where the
    /// wanted variance is finite and that makes a difference.
    fn polish(&self, mut solutions: Vec<Solution>, iterations: usize) -> Solution {
        let mut best = solutions.swap_remove(0);
        let Some(diffuse) = self.diffuse else {
            return best;
        };
        let filter = |variance: f64| {
            let ratio = self.ratio(diffuse, variance);
            let counted = Counted::From(self.orders.burn());
            self.filter(self.design.values.clone(), ratio, counted)
        };
        // What a better place would gain is of the order of the square of the difference.
        let here = filter(best.variance).value(&best.coefficients);
        if here.is_some_and(|(value, _)| (value - best.value).abs() < INDIFFERENT) {
            return best;
        }
        solutions.push(best.clone());
        let mut highest = f64::NEG_INFINITY;
        for one in solutions {
            let one = self
                .joint(&one, diffuse, iterations.min(POLISH))
                .unwrap_or(one);
            let value = self.log_likelihood(&one).unwrap_or(f64::NEG_INFINITY);
            if value > highest {
                highest = value;
                best = one;
            }
        }
        best
    }

    /// Searches on for coefficients and variance together: with a start of finite variance the one of
    /// the innovations cannot be concentrated out.
    fn joint(&self, from: &Solution, diffuse: f64, iterations: usize) -> Option<Solution> {
        const STEP: f64 = 1e-5;
        let counted = Counted::From(self.orders.burn());
        let mut filter = self.filter(self.design.values.clone(), 1.0, counted);
        let mut coefficients = Vec::new();
        let mut value = |x: &[f64]| {
            let (scale, free) = x.split_last()?;
            constrain(&self.orders, free, &mut coefficients);
            let variance = scale.exp();
            filter.diffuse = self.ratio(diffuse, variance);
            let (_, pass) = filter.value(&coefficients)?;
            let n = pass.count as f64;
            let value = 0.5 * (scale + (pass.log_determinant + pass.sum_squares / variance) / n);
            value.is_finite().then_some((value, pass.effects))
        };
        let function = |x: &[f64], gradient: &mut [f64]| {
            let mut moved = x.to_vec();
            for (k, slot) in gradient.iter_mut().enumerate() {
                let center = x.get(k).copied()?;
                let mut at = |x: f64| {
                    moved.get_mut(k).map(|slot| *slot = x)?;
                    value(&moved).map(|(value, _)| value)
                };
                *slot = (at(center + STEP)? - at(center - STEP)?) / (2.0 * STEP);
                moved.get_mut(k).map(|slot| *slot = center)?;
            }
            value(x).map(|(value, _)| value)
        };
        let mut start = release(&self.orders, &from.coefficients);
        start.push(from.variance.ln());
        let limits = Limits {
            iterations,
            gain: GAIN / self.present as f64,
        };
        let found = minimise(function, &start, limits)?;
        let (_, effects) = value(&found.x)?;
        let (scale, free) = found.x.split_last()?;
        let mut coefficients = Vec::new();
        constrain(&self.orders, free, &mut coefficients);
        Some(Solution {
            coefficients,
            effects,
            variance: scale.exp(),
            converged: from.converged,
            value: from.value,
        })
    }
}

/// Searches for the coefficients that maximise `likelihood`, from those given.
fn search(
    orders: &Orders,
    likelihood: &mut Likelihood,
    start: &[f64],
    iterations: usize,
    gain: f64,
) -> Option<Solution> {
    let mut coefficients = Vec::new();
    let mut slopes = vec![0.0; orders.coefficients()];
    let free = release(orders, start);
    // A mean, so that the size of the function does not grow with the series.
    constrain(orders, &free, &mut coefficients);
    likelihood.evaluate(&coefficients, None)?;
    let scale = 1.0 / likelihood.count().max(1) as f64;
    let function = |free: &[f64], gradient: &mut [f64]| {
        constrain(orders, free, &mut coefficients);
        let value = likelihood.evaluate(&coefficients, Some(&mut slopes))?;
        chain(orders, free, &slopes, gradient);
        gradient.iter_mut().for_each(|g| *g *= -scale);
        Some(-scale * value)
    };
    let limits = Limits {
        iterations,
        gain: gain * scale,
    };
    let found = minimise(function, &free, limits)?;
    constrain(orders, &found.x, &mut coefficients);
    let value = likelihood.evaluate(&coefficients, None)?;
    Some(Solution {
        effects: likelihood.effects().to_vec(),
        variance: likelihood.variance(),
        converged: found.converged,
        value,
        coefficients,
    })
}
