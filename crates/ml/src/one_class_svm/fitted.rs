use bongsu_core::ndarray::{ArrayView1, ArrayView2};
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::lanes::{Function, LANES, Lane, Panels};
use super::solver::Solution;
use crate::check;

/// Rows that one task scores.
const TASK: usize = 64;

/// The surface around the rows it was fitted on; see [`OneClassSvm`](super::OneClassSvm).
///
/// Cost of a score: O(s d) time with `s` support vectors, O(d) for the linear kernel. Memory:
/// `8 (d + 1)` bytes a support vector, rounded up to sixteen of them; for the linear kernel `8 d`
/// bytes in all.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// let x = Array2::from_shape_fn((40, 2), |(i, j)| ((i * (j + 3)) % 7) as f64);
/// let fitted = bongsu_ml::OneClassSvm::new().nu(0.25)?.fit(x.view())?;
/// assert!(fitted.converged() && fitted.n_support() >= 10);
/// let shares = fitted.contributions(&[100.0, 3.0])?.unwrap_or_default();
/// assert!(shares[0] > 100.0 * shares[1]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedOneClassSvm {
    function: Function,
    surface: Surface,
    rho: f64,
    threshold: f64,
    objective: f64,
    iterations: u64,
    converged: bool,
    support: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Surface {
    /// The support vectors of the linear kernel, summed up.
    Plane(Vec<f64>),
    /// Support vectors and their weights; 0 for the padding.
    Vectors { points: Panels, weights: Vec<Lane> },
}

impl FittedOneClassSvm {
    pub(super) fn learn(
        contamination: Option<f64>,
        function: Function,
        points: &Panels,
        solution: &Solution,
        x: &ArrayView2<'_, f64>,
    ) -> Result<Self> {
        let mut fitted = Self {
            function,
            surface: Surface::of(function, points, &solution.weights),
            rho: solution.rho,
            threshold: 0.0,
            objective: solution.objective,
            iterations: solution.iterations as u64,
            converged: solution.converged,
            support: solution.weights.iter().filter(|w| **w > 0.0).count() as u64,
        };
        if !(fitted.rho.is_finite() && fitted.objective.is_finite()) {
            return Err(Error::input(
                "the kernel sums leave the range of floats; scale the columns first",
            ));
        }
        if let Some(share) = contamination {
            let scores = fitted.score(*x)?;
            fitted.threshold = quantile(&scores, 1.0 - share);
        }
        Ok(fitted)
    }

    /// The number of support vectors: rows with a weight above 0.
    #[must_use]
    pub const fn n_support(&self) -> u64 {
        self.support
    }

    /// The offset `rho` of the surface; minus scikit-learn's `intercept_`.
    #[must_use]
    pub const fn rho(&self) -> f64 {
        self.rho
    }

    /// What was minimised: half of `a' K a` at the weights found.
    #[must_use]
    pub const fn objective(&self) -> f64 {
        self.objective
    }

    /// The number of steps that the solver took.
    #[must_use]
    pub const fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Whether the tolerance was reached: not when the steps ran out, or when the kernel is not
    /// positive definite and no pair of rows can be improved.
    #[must_use]
    pub const fn converged(&self) -> bool {
        self.converged
    }

    fn score_row(&self, row: &ArrayView1<'_, f64>, scratch: &mut [f64]) -> f64 {
        let point = if let Some(point) = row.to_slice() {
            point
        } else {
            scratch.iter_mut().zip(row).for_each(|(s, x)| *s = *x);
            scratch
        };
        match &self.surface {
            Surface::Plane(normal) => {
                self.rho - point.iter().zip(normal).map(|(x, w)| x * w).sum::<f64>()
            }
            Surface::Vectors { points, weights } => {
                self.rho - self.function.weighted_sum(point, points, weights)
            }
        }
    }
}

impl Surface {
    fn of(function: Function, points: &Panels, weights: &[f64]) -> Self {
        let mut point = vec![0.0; points.features()];
        let supporting = || weights.iter().enumerate().filter(|(_, w)| **w > 0.0);
        if function == Function::Linear {
            let mut normal = vec![0.0; points.features()];
            for (row, weight) in supporting() {
                points.copy_row(row, &mut point);
                for (sum, x) in normal.iter_mut().zip(&point) {
                    *sum += weight * x;
                }
            }
            return Self::Plane(normal);
        }
        let mut kept = Panels::new(points.features());
        for (row, _) in supporting() {
            points.copy_row(row, &mut point);
            kept.push(&point);
        }
        let mut lanes = vec![[0.0; LANES]; kept.panels()];
        for (slot, (_, &weight)) in lanes.as_flattened_mut().iter_mut().zip(supporting()) {
            *slot = weight;
        }
        Self::Vectors {
            points: kept,
            weights: lanes,
        }
    }

    fn n_features(&self) -> usize {
        match self {
            Self::Plane(normal) => normal.len(),
            Self::Vectors { points, .. } => points.features(),
        }
    }
}

impl Detector for FittedOneClassSvm {
    fn n_features(&self) -> usize {
        self.surface.n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        let features = self.n_features();
        check::scoring(&x, out, features)?;
        out.par_chunks_mut(TASK)
            .enumerate()
            .for_each(|(task, out)| {
                let mut scratch = vec![0.0; features];
                for (i, slot) in out.iter_mut().enumerate() {
                    *slot = self.score_row(&x.row(task * TASK + i), &mut scratch);
                }
            });
        match out.iter().position(|score| !score.is_finite()) {
            Some(row) => Err(Error::input(format!(
                "the kernel sum of row {row} leaves the range of floats; scale the columns first"
            ))),
            None => Ok(()),
        }
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// For `rbf`: `gamma sum_i p_i (x_k - x_ik)^2` for feature `k`, where `p_i` is the share of
    /// support vector `i` in the kernel sum: the squared distance that the kernel sees, by
    /// feature. Other kernels cannot tell.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        let (Function::Rbf { gamma }, Surface::Vectors { points, weights }) =
            (self.function, &self.surface)
        else {
            return Ok(None);
        };
        let mut point = vec![0.0; row.len()];
        // Far away every kernel vanishes; relative to the nearest vector the shares do not.
        let mut exponents = Vec::with_capacity(points.len());
        for i in 0..points.len() {
            points.copy_row(i, &mut point);
            let square: f64 = row.iter().zip(&point).map(|(x, v)| (x - v) * (x - v)).sum();
            exponents.push((gamma * square).min(f64::MAX));
        }
        let nearest = exponents.iter().copied().fold(f64::INFINITY, f64::min);
        let mut sums = vec![0.0; row.len()];
        let mut total = 0.0;
        let weights = weights.as_flattened();
        for (i, (exponent, weight)) in exponents.iter().zip(weights).enumerate() {
            let share = weight * (nearest - exponent).exp();
            points.copy_row(i, &mut point);
            total += share;
            for ((sum, x), v) in sums.iter_mut().zip(row).zip(&point) {
                *sum += share * (gamma * (x - v) * (x - v)).min(f64::MAX);
            }
        }
        Ok(Some(
            sums.iter().map(|sum| (sum / total).min(f64::MAX)).collect(),
        ))
    }
}

impl Snapshot for FittedOneClassSvm {
    const KIND: &'static str = "ml.one_class_svm";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let function = match self.function {
            Function::Rbf { gamma } => gamma.is_finite() && gamma > 0.0,
            Function::Linear => true,
            Function::Poly {
                gamma,
                coef0,
                degree,
            } => gamma.is_finite() && coef0.is_finite() && (1..=20).contains(&degree),
            Function::Sigmoid { gamma, coef0 } => gamma.is_finite() && coef0.is_finite(),
        };
        let surface = match &self.surface {
            Surface::Plane(normal) => {
                self.function == Function::Linear
                    && !normal.is_empty()
                    && normal.iter().all(|w| w.is_finite())
            }
            Surface::Vectors { points, weights } => {
                let (used, padding) = weights
                    .as_flattened()
                    .split_at_checked(points.len())
                    .unwrap_or_default();
                self.function != Function::Linear
                    && points.is_consistent()
                    && weights.len() == points.panels()
                    && self.support == points.len() as u64
                    && used.iter().all(|w| *w > 0.0 && *w <= 1.0)
                    && padding.iter().all(|w| *w == 0.0)
            }
        };
        let numbers = [self.rho, self.threshold, self.objective];
        if function && surface && numbers.iter().all(|x| x.is_finite()) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the support vectors, weights and numbers of a one-class machine do not fit",
            ))
        }
    }
}
