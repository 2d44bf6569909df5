//! The most probable parameters.

use nalgebra::{DMatrix, DVector};

use super::lasso::Lasso;
use super::problem::{Pass, Problem};
use super::root::Curvature;
use super::sums::Sums;

/// The most passes over the data.
const MAX_PASSES: usize = 300;

/// The most steps between the noise and the other parameters.
const MAX_SETTLE: usize = 100;

/// The search ends when a step gains less than this, relative to the log posterior.
const GAIN: f64 = 1e-10;

/// A damping that leaves steps as they are.
const LIGHT: f64 = 1e-6;

/// The most probable parameters and what is known of them.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: DVector<f64>,
    pub(super) sigma: f64,
    pub(super) residuals: Vec<f64>,
    /// Of an additive model.
    pub(super) sums: Option<Box<Sums>>,
    pub(super) log_posterior: f64,
    pub(super) passes: usize,
    pub(super) converged: bool,
}

/// Maximises the posterior from `start`.
///
/// Around some parameters the mean is linear, so that with the noise given the negative logarithm of
/// the posterior is a quadratic function (of sums that one pass over the data gathers) plus the
/// magnitudes of the deltas; its least point is exact. The noise then follows from the squares. Both
/// alternate until they settle. For additive models the mean is linear everywhere, and that is the
/// answer; for others the next pass is made there, with a damping that keeps each step an ascent
/// (Levenberg 1944, Marquardt 1963).
///
/// Where a multiplier can hold a constant (a daily season of daily data), it shares a factor with the
/// trend, of which the priors alone say how large it is. Straight steps leave such a bent valley at
/// once. But with the trend given every mean is linear in the coefficients: a step in vain is mended
/// by the best coefficients beside its trend, which lead back into the valley (Golub & Pereyra 1973).
pub(super) fn fit(problem: &Problem, start: DVector<f64>, sigma: Option<f64>) -> Found {
    let linear = problem.is_linear();
    let mut at = start;
    let mut pass = problem.pass(&at, true);
    let mut sigma = sigma.unwrap_or(1.0);
    let mut value = problem.log_posterior(&at, pass.squares, problem.sigma(pass.squares));
    let mut damping = if linear { 0.0 } else { 1e-3 };
    let mut passes = 1;
    let mut converged = false;
    let mut settled = false;
    while passes < MAX_PASSES && !converged {
        let Some((mut next, next_sigma)) = settle(problem, &at, &pass, sigma, damping) else {
            break;
        };
        let mut next_pass = problem.pass(&next, !linear);
        passes += 1;
        let of = |at: &DVector<f64>, pass: &Pass| {
            problem.log_posterior(at, pass.squares, problem.sigma(pass.squares))
        };
        let mut next_value = of(&next, &next_pass);
        // Written so that a NaN is a step in vain.
        let mended = if linear || next_value >= value {
            None
        } else {
            Around::new(problem, &next, &next_pass, 0.0)
                .and_then(|around| around.beside_trend(next_sigma))
        };
        if let Some(mended) = mended {
            next = mended;
            next_pass = problem.pass(&next, true);
            next_value = of(&next, &next_pass);
            passes += 1;
        }
        if next_value >= value {
            // A step that was held short gains little too.
            let little = next_value - value <= GAIN * (1.0 + value.abs());
            converged = little && (settled || damping <= LIGHT);
            settled = little;
            if linear {
                next_pass.gram = pass.gram.take();
            }
            (at, pass, value, sigma) = (next, next_pass, next_value, next_sigma);
            damping *= 0.1;
        } else if linear || damping > 1e8 {
            // No step can gain more than what rounding takes.
            converged = true;
        } else {
            damping = (damping * 10.0).max(1e-6);
        }
    }
    let sigma = problem.sigma(pass.squares);
    Found {
        at,
        sigma,
        sums: linear.then(|| Sums::new(&pass, problem.y.len())).flatten(),
        residuals: pass.residuals,
        log_posterior: value,
        passes,
        converged,
    }
}

/// Moves the parameters of an additive model, about which `pass` is, to the most probable ones; the
/// noise there.
pub(super) fn improve(
    problem: &Problem,
    at: &mut DVector<f64>,
    pass: &mut Pass,
    sigma: f64,
) -> Option<f64> {
    let (next, _) = settle(problem, at, pass, sigma, 0.0)?;
    let step = &next - &*at;
    let moved = pass.gram.as_ref()? * &step;
    let squares = pass.squares - 2.0 * pass.gradient.dot(&step) + moved.dot(&step);
    pass.squares = squares.max(0.0);
    pass.gradient -= moved;
    *at = next;
    Some(problem.sigma(pass.squares))
}

/// The most probable parameters and noise of the model that is linear around `at`.
fn settle(
    problem: &Problem,
    at: &DVector<f64>,
    pass: &Pass,
    sigma: f64,
    damping: f64,
) -> Option<(DVector<f64>, f64)> {
    let around = Around::new(problem, at, pass, damping)?;
    let smooth = problem.smooth();
    let mut deltas = at.rows(smooth, at.len() - smooth).into_owned();
    let mut logs = [sigma.ln(); 3];
    let mut step = DVector::zeros(at.len());
    for round in 0..MAX_SETTLE {
        let [_, _, last] = logs;
        (step, deltas) = around.solve(last.exp(), deltas)?;
        let next = problem.sigma(around.squares(&step)).ln();
        logs = [logs[1], last, next];
        if (next - last).abs() < 1e-10 {
            break;
        }
        // Aitken's extrapolation, every third round, where the steps shrink steadily.
        let ratio = (logs[2] - logs[1]) / (logs[1] - logs[0]);
        if round % 3 == 2 && ratio > 0.1 && ratio < 0.9 {
            logs[2] += (logs[2] - logs[1]) * ratio / (1.0 - ratio);
        }
    }
    Some((at + step, logs[2].exp()))
}

/// The quadratic model around some parameters.
struct Around<'a> {
    problem: &'a Problem,
    at: &'a DVector<f64>,
    pass: &'a Pass,
    gram: &'a DMatrix<f64>,
    precisions: Vec<f64>,
    smooth: Curvature,
    damping: f64,
}

impl<'a> Around<'a> {
    fn new(
        problem: &'a Problem,
        at: &'a DVector<f64>,
        pass: &'a Pass,
        damping: f64,
    ) -> Option<Self> {
        let gram = pass.gram.as_ref()?;
        let precisions = problem.precisions();
        let smooth = problem.smooth();
        let of_smooth = gram.view((0, 0), (smooth, smooth));
        Some(Self {
            problem,
            at,
            pass,
            gram,
            smooth: Curvature::new(&of_smooth.into_owned(), &precisions, damping),
            precisions,
            damping,
        })
    }

    /// The sum of squares after `step`.
    fn squares(&self, step: &DVector<f64>) -> f64 {
        let linear = self.pass.gradient.dot(step);
        (self.pass.squares - 2.0 * linear + (self.gram * step).dot(step)).max(0.0)
    }

    /// The parameters with the same trend and the best coefficients beside it, with the noise `sigma`.
    fn beside_trend(&self, sigma: f64) -> Option<DVector<f64>> {
        let width = self
            .precisions
            .len()
            .checked_sub(2)
            .filter(|&width| width > 0)?;
        let precisions = self.precisions.get(2..)?;
        let gram = self.gram.view((2, 2), (width, width)).into_owned();
        let curvature = Curvature::new(&gram, precisions, self.damping);
        let variance = sigma * sigma;
        let root = curvature.root(variance);
        let betas = self.at.rows(2, width);
        let pulls = precisions.iter().zip(betas.iter());
        let pulls = pulls.map(|(precision, beta)| variance * precision * beta);
        let pulls = DMatrix::from_iterator(width, 1, pulls);
        let of_data = self.pass.gradient.rows(2, width);
        let of_data = DMatrix::from_iterator(width, 1, of_data.iter().copied());
        let step = root.back(root.half(of_data, true)? - root.half(pulls, false)?)?;
        let mut next = self.at.clone();
        let mut betas = next.rows_mut(2, width);
        betas += step.column(0);
        next.iter().all(|x| x.is_finite()).then_some(next)
    }

    /// The best step with the noise `sigma`, and the deltas after it, searched from `deltas`.
    #[allow(
        clippy::indexing_slicing,
        reason = "the shapes follow from the number of parameters"
    )]
    fn solve(&self, sigma: f64, deltas: DVector<f64>) -> Option<(DVector<f64>, DVector<f64>)> {
        let (all, smooth) = (self.problem.len(), self.problem.smooth());
        let variance = sigma * sigma;
        // What is quadratic alone is eliminated, which leaves the deltas.
        let root = self.smooth.root(variance);
        let across = self.gram.view((0, smooth), (smooth, all - smooth));
        let across = root.half(across.into_owned(), true)?;
        let pulls = self.precisions.iter().zip(self.at.iter());
        let pulls = pulls.map(|(precision, x)| variance * precision * x);
        let pulls = DMatrix::from_iterator(smooth, 1, pulls);
        let of_data = self.pass.gradient.rows(0, smooth).into_owned();
        let of_data = DMatrix::from_column_slice(smooth, 1, of_data.as_slice());
        let mut slope = root.half(of_data, true)? - root.half(pulls, false)?;
        let of_deltas = (all - smooth, all - smooth);
        let mut curvature = self.gram.view((smooth, smooth), of_deltas).into_owned();
        for i in 0..all - smooth {
            curvature[(i, i)] *= 1.0 + self.damping;
        }
        curvature -= across.tr_mul(&across);
        let origin = self.at.rows(smooth, all - smooth).into_owned();
        let slope_of_deltas =
            self.pass.gradient.rows(smooth, all - smooth) - across.tr_mul(&slope).column(0);
        let deltas = Lasso {
            curvature: &curvature,
            slope: &slope_of_deltas,
            origin: &origin,
            weight: variance / self.problem.tau,
        }
        .solve(deltas);
        let moved = &deltas - origin;
        slope -= across * &moved;
        let slope = root.back(slope)?;
        let step = slope.iter().chain(moved.iter()).copied();
        let step = DVector::from_iterator(all, step);
        step.iter().all(|x| x.is_finite()).then_some((step, deltas))
    }
}
