//! Standard errors of estimates, from the curvature of the likelihood.

use super::dense;
use super::filter::dot;
use super::fit::{Problem, Solution};

/// Standard errors in the unit of the series; `None` where the likelihood is not curved, such as at
/// the edge of the invertible region.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandardErrors {
    pub(crate) effects: Vec<Option<f64>>,
    pub(crate) coefficients: Vec<Option<f64>>,
    pub(crate) variance: Option<f64>,
}

/// From the inverse of the observed information.
///
/// The likelihood that was maximised has effects and variance concentrated out. The inverse of its
/// Hessian is the covariance `V` of the coefficients; that of the effects is `s2 A^(-1) + J V J'` with
/// the normal matrix `A` of the regression and the derivatives `J` of the effects by the coefficients,
/// and likewise for the variance with `2 s2^2 / n`.
pub(crate) fn standard_errors(problem: &Problem, solution: &Solution) -> StandardErrors {
    const STEP: f64 = 1e-4;
    let mut likelihood = problem.likelihood();
    let size = solution.coefficients.len();
    let mut hessian = vec![0.0; size * size];
    // Derivatives of the effects, then of the variance, a row for each coefficient.
    let mut shifts: Vec<Vec<f64>> = Vec::with_capacity(size);
    let mut moved = solution.coefficients.clone();
    let mut sides = [vec![0.0; size], vec![0.0; size]];
    for (k, row) in hessian.chunks_exact_mut(size.max(1)).enumerate() {
        let center = solution.coefficients.get(k).copied().unwrap_or(0.0);
        let mut estimates = [Vec::new(), Vec::new()];
        for ((side, estimate), step) in sides.iter_mut().zip(&mut estimates).zip([STEP, -STEP]) {
            if let Some(slot) = moved.get_mut(k) {
                *slot = center + step;
            }
            if likelihood.evaluate(&moved, Some(side)).is_none() {
                side.fill(f64::NAN);
            }
            estimate.extend_from_slice(likelihood.effects());
            estimate.push(likelihood.variance());
        }
        if let Some(slot) = moved.get_mut(k) {
            *slot = center;
        }
        let [up, down] = &sides;
        for ((slot, up), down) in row.iter_mut().zip(up).zip(down) {
            *slot = (down - up) / (2.0 * STEP);
        }
        let [up, down] = &estimates;
        shifts.push(
            up.iter()
                .zip(down)
                .map(|(a, b)| (a - b) / (2.0 * STEP))
                .collect(),
        );
    }
    let transposed: Vec<f64> = (0..size * size)
        .filter_map(|i| {
            hessian
                .get(i % size.max(1) * size + i / size.max(1))
                .copied()
        })
        .collect();
    for (slot, other) in hessian.iter_mut().zip(&transposed) {
        *slot = 0.5 * (*slot + other);
    }
    let Some(covariance) = dense::inverse(&mut hessian, size) else {
        return StandardErrors {
            effects: vec![None; solution.effects.len()],
            coefficients: vec![None; size],
            variance: None,
        };
    };
    let coefficients = covariance
        .iter()
        .step_by(size + 1)
        .map(|v| known(*v))
        .collect();
    let unit = problem.design.unit;
    let counted = likelihood.count().max(1) as f64;
    let spread = |j: usize| {
        let column: Vec<f64> = shifts.iter().filter_map(|s| s.get(j).copied()).collect();
        let rows = covariance.chunks_exact(size.max(1));
        rows.zip(&column)
            .map(|(row, a)| a * dot(row, &column))
            .sum::<f64>()
    };
    let own = 2.0 * solution.variance * solution.variance / counted;
    let variance = known(own + spread(solution.effects.len())).map(|s| s / unit / unit);
    StandardErrors {
        effects: effects(problem, solution, &shifts, &covariance),
        coefficients,
        variance,
    }
}

/// The standard errors of the effects of the regressors as they were given.
fn effects(
    problem: &Problem,
    solution: &Solution,
    shifts: &[Vec<f64>],
    covariance: &[f64],
) -> Vec<Option<f64>> {
    let count = solution.effects.len();
    let size = solution.coefficients.len();
    let Some(mut normal) = problem.normal_matrix(&solution.coefficients) else {
        return vec![None; count];
    };
    let Some(normal) = dense::inverse(&mut normal, count) else {
        return vec![None; count];
    };
    // The effect of each column of the design on each original effect.
    let mut back = Vec::with_capacity(count);
    for i in 0..count {
        let mut unit = vec![0.0; count];
        if let Some(slot) = unit.get_mut(i) {
            *slot = 1.0;
        }
        back.push(problem.design.original(&unit));
    }
    (0..count)
        .map(|j| {
            let weights: Vec<f64> = back.iter().filter_map(|b| b.get(j).copied()).collect();
            let rows = normal.chunks_exact(count).zip(&weights);
            let sampling: f64 = rows.map(|(row, w)| w * dot(row, &weights)).sum();
            let moved: Vec<f64> = shifts.iter().map(|s| dot(&weights, s)).collect();
            let rows = covariance.chunks_exact(size.max(1)).zip(&moved);
            let spread: f64 = rows.map(|(row, a)| a * dot(row, &moved)).sum();
            known(solution.variance * sampling + spread)
        })
        .collect()
}

fn known(variance: f64) -> Option<f64> {
    (variance > 0.0 && variance < f64::INFINITY).then(|| variance.sqrt())
}
