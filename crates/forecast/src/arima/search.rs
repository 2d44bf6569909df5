//! The search for the coefficients of one model.

use bongsu_core::{Error, Result};

use super::bfgs::{Limits, minimise};
use super::dense;
use super::filter::dot;
use super::fit::{Problem, Solution};
use super::kalman::Counted;
use super::likelihood::{FilterLikelihood, Likelihood};
use super::region::Region;
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

/// A change of that difference over a standard error that is not worth a search either: what it would
/// gain is of the order of its square.
const SAME: f64 = 0.02;

/// A difference between the likelihoods of two places that are not the same.
const DISTINCT: f64 = 1e-4;

/// The most iterations of a search with a finite variance of the start.
const POLISH: usize = 60;

/// The most places from which it starts beside the best.
const POLISHED: usize = 2;

/// The gain that ends it: the filter with a large variance at its start has few digits.
const POLISH_GAIN: f64 = 1e-5;

/// The number of searches that go on to the end.
const FINE: usize = 5;

/// The number of scattered places of each family from which a search starts.
const PROMISING: usize = 2;

/// How far behind the best a rough search may be to be gone on with.
const CLOSE: f64 = 12.0;

impl Problem {
    /// Searches all of the stationary and invertible region; see [`Problem::solve_within`].
    pub(crate) fn solve(&self, starts: &[Vec<f64>], iterations: usize) -> Result<Solution> {
        self.solve_within(starts, iterations, 1.0)
    }

    /// Searches where the roots are at least `factor` times as far from 0 as the unit circle, from
    /// several starts, first roughly, then on from where that was best, and from the next best that are
    /// on their way elsewhere. With `starts`, of a related model, the estimates of Hannan and Rissanen
    /// are the only others.
    pub(crate) fn solve_within(
        &self,
        starts: &[Vec<f64>],
        iterations: usize,
        factor: f64,
    ) -> Result<Solution> {
        let mut likelihood = self.likelihood();
        let region = Region::new(&self.orders, factor);
        // A related model's place is near a good maximum: one search goes on to the end.
        let most = if starts.is_empty() { FINE } else { 1 };
        let mut usual = usual_starts(&self.orders, &self.residual.values);
        if starts.is_empty() {
            usual.extend(self.promising(&mut likelihood));
        } else {
            usual.truncate(1);
        }
        let mut found: Vec<Solution> = starts
            .iter()
            .chain(&usual)
            .filter_map(|start| search(&region, &mut likelihood, start, ROUGH, ROUGH_GAIN))
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
            let same = last - rough.value < ROUGH_GAIN || fine.iter().any(|s| is_near(s, rough));
            let behind = best > rough.value + CLOSE || fine.len() >= most;
            if fine.iter().any(|s| s.converged) && (same || behind) {
                continue;
            }
            last = rough.value;
            let start = &rough.coefficients;
            fine.extend(search(&region, &mut likelihood, start, iterations, GAIN));
        }
        fine.sort_by(|a, b| b.value.total_cmp(&a.value));
        if fine.is_empty() {
            return Err(Error::input(format!(
                "ARIMA{} has no finite likelihood for this series at any start of the search",
                self.orders
            )));
        }
        Ok(self.polish(fine, found, &mut likelihood, iterations))
    }

    /// The scattered places where the likelihood is largest, some of each family.
    fn promising(&self, likelihood: &mut Likelihood) -> Vec<Vec<f64>> {
        let mut value = |start: Vec<f64>| {
            let value = likelihood.evaluate(&start, None)?;
            Some((value, start))
        };
        let mut out = Vec::new();
        for family in scattered_starts(&self.orders, &self.residual.values) {
            let mut found: Vec<(f64, Vec<f64>)> =
                family.into_iter().filter_map(&mut value).collect();
            found.sort_by(|a, b| b.0.total_cmp(&a.0));
            found.truncate(PROMISING);
            out.extend(found.into_iter().map(|(_, start)| start));
        }
        out
    }

    /// The best of `solutions`, best first, for a start of infinite variance; improved where the
    /// wanted variance is finite and that makes a difference.
    fn polish(
        &self,
        mut solutions: Vec<Solution>,
        rough: Vec<Solution>,
        likelihood: &mut Likelihood,
        iterations: usize,
    ) -> Solution {
        let mut best = solutions.swap_remove(0);
        let Some(diffuse) = self.diffuse else {
            return best;
        };
        let ratio = self.ratio(diffuse, best.variance);
        let counted = Counted::From(self.orders.burn());
        let filter = self.filter(self.design.values.clone(), ratio, counted);
        // What a better place would gain is of the order of the square of the difference. Where first
        // values are missing, the likelihoods count other values and cannot be compared.
        let here = filter.value(&best.coefficients).map(|(value, _)| value);
        if here.is_some_and(|value| (value - best.value).abs() < INDIFFERENT) {
            return best;
        }
        if here.is_some_and(|value| self.is_indifferent(likelihood, &filter, &best, value)) {
            return best;
        }
        // The highest by the wanted likelihood, where a rough one may be on the way to another maximum.
        // Those that came to the same place would again.
        let mut others: Vec<(f64, Solution)> = Vec::new();
        for one in solutions.into_iter().chain(rough) {
            let same = |other: &Solution| (one.value - other.value).abs() < DISTINCT;
            if same(&best) || others.iter().any(|(_, other)| same(other)) {
                continue;
            }
            if let Some(value) = self.log_likelihood(&one) {
                others.push((value, one));
            }
        }
        others.sort_by(|a, b| b.0.total_cmp(&a.0));
        others.truncate(POLISHED);
        let mut solutions = vec![best.clone()];
        solutions.extend(others.into_iter().map(|(_, one)| one));
        let mut highest = f64::NEG_INFINITY;
        for one in solutions {
            let inverse = self.inverse_hessian(likelihood, &one);
            let one = self
                .joint(&one, inverse, diffuse, iterations.min(POLISH))
                .unwrap_or(one);
            let value = self.log_likelihood(&one).unwrap_or(f64::NEG_INFINITY);
            if value > highest {
                highest = value;
                best = one;
            }
        }
        best
    }

    /// Whether the likelihoods of an infinite and a finite variance of the start differ by the same at
    /// `best`, where the finite one has this value, as a standard error away in each direction.
    fn is_indifferent(
        &self,
        likelihood: &mut Likelihood,
        filter: &FilterLikelihood,
        best: &Solution,
        value: f64,
    ) -> bool {
        let Some(inverse) = self.inverse_hessian(likelihood, best) else {
            return false;
        };
        let free = release(&self.orders, &best.coefficients);
        let variances = inverse.iter().step_by(free.len() + 2);
        let mut coefficients = Vec::new();
        let mut same = |k: usize, variance: f64| {
            let mut moved = free.clone();
            *moved.get_mut(k)? += (variance / likelihood.count() as f64).sqrt();
            constrain(&self.orders, &moved, &mut coefficients);
            let (finite, _) = filter.value(&coefficients)?;
            let change = finite - value - (likelihood.evaluate(&coefficients, None)? - best.value);
            Some(change.abs() < SAME)
        };
        variances
            .take(free.len())
            .enumerate()
            .all(|(k, variance)| same(k, *variance).unwrap_or(false))
    }

    /// The inverse Hessian of what [`Self::joint`] minimises, as it is for a start of infinite variance:
    /// with that of the function that has the variance concentrated out, `C`, and the slopes `l` of the
    /// logarithm of the variance, `[C, C l; l'C, 2 + l'C l]`. `None` where it is not positive definite.
    fn inverse_hessian(&self, likelihood: &mut Likelihood, at: &Solution) -> Option<Vec<f64>> {
        const STEP: f64 = 1e-4;
        let size = at.coefficients.len();
        let free = release(&self.orders, &at.coefficients);
        let (mut coefficients, mut slopes) = (Vec::new(), vec![0.0; size]);
        let mut hessian = vec![0.0; size * size];
        let mut logarithm = Vec::with_capacity(size);
        let mut sides = [vec![0.0; size], vec![0.0; size]];
        for k in 0..size {
            let mut variances = [0.0; 2];
            for ((side, variance), step) in sides.iter_mut().zip(&mut variances).zip([STEP, -STEP])
            {
                let mut moved = free.clone();
                *moved.get_mut(k)? += step;
                constrain(&self.orders, &moved, &mut coefficients);
                likelihood.evaluate(&coefficients, Some(&mut slopes))?;
                chain(&self.orders, &moved, &slopes, side);
                *variance = likelihood.variance().ln();
            }
            let [up, down] = &sides;
            let scale = 0.25 / (STEP * likelihood.count() as f64);
            // Half of the difference to this row, half to this column.
            for (j, (up, down)) in up.iter().zip(down).enumerate() {
                *hessian.get_mut(k * size + j)? += scale * (down - up);
                *hessian.get_mut(j * size + k)? += scale * (down - up);
            }
            logarithm.push((variances[0] - variances[1]) / (2.0 * STEP));
        }
        let inner = dense::inverse(&mut hessian, size)?;
        let cross: Vec<f64> = inner
            .chunks_exact(size.max(1))
            .map(|row| dot(row, &logarithm))
            .collect();
        let mut out = Vec::with_capacity((size + 1) * (size + 1));
        for (row, c) in inner.chunks_exact(size.max(1)).zip(&cross) {
            out.extend_from_slice(row);
            out.push(*c);
        }
        out.extend_from_slice(&cross);
        out.push(2.0 + dot(&cross, &logarithm));
        Some(out)
    }

    /// Searches on for coefficients and variance together: with a start of finite variance the one of
    /// the innovations cannot be concentrated out.
    fn joint(
        &self,
        from: &Solution,
        inverse: Option<Vec<f64>>,
        diffuse: f64,
        iterations: usize,
    ) -> Option<Solution> {
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
            gain: POLISH_GAIN / self.present as f64,
        };
        let found = minimise(function, &start, inverse, limits)?;
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

/// Whether a rough search is about to end where another has ended.
fn is_near(end: &Solution, rough: &Solution) -> bool {
    let pairs = end.coefficients.iter().zip(&rough.coefficients);
    end.value - rough.value < 0.5 && pairs.clone().all(|(a, b)| (a - b).abs() < 0.05)
}

/// Searches for the coefficients that maximise `likelihood`, from those given.
fn search(
    region: &Region,
    likelihood: &mut Likelihood,
    start: &[f64],
    iterations: usize,
    gain: f64,
) -> Option<Solution> {
    let mut coefficients = Vec::new();
    let mut slopes = vec![0.0; start.len()];
    let free = region.release(start);
    // A mean, so that the size of the function does not grow with the series.
    region.constrain(&free, &mut coefficients);
    likelihood.evaluate(&coefficients, None)?;
    let scale = 1.0 / likelihood.count().max(1) as f64;
    let function = |free: &[f64], gradient: &mut [f64]| {
        region.constrain(free, &mut coefficients);
        let value = likelihood.evaluate(&coefficients, Some(&mut slopes))?;
        region.chain(free, &mut slopes, gradient);
        gradient.iter_mut().for_each(|g| *g *= -scale);
        Some(-scale * value)
    };
    let limits = Limits {
        iterations,
        gain: gain * scale,
    };
    let found = minimise(function, &free, None, limits)?;
    region.constrain(&found.x, &mut coefficients);
    let value = likelihood.evaluate(&coefficients, None)?;
    Some(Solution {
        effects: likelihood.effects().to_vec(),
        variance: likelihood.variance(),
        converged: found.converged,
        value,
        coefficients,
    })
}
