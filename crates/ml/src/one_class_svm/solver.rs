//! Sequential minimal optimisation of the one-class dual.
//!
//! `min a' K a / 2` subject to `0 <= a_i <= 1` and `sum a_i = nu n`. Each step moves weight between
//! the row that breaks optimality most and the one that gives the largest decrease with it, to
//! second order (Fan, Chen and Lin 2005). Rows that sit at a bound and show no sign of leaving it
//! are set aside (shrinking); before the end their gradient is rebuilt from the weights that have
//! changed since, and they are looked at again.

use super::active::ActiveSet;
use super::lanes::{Function, LANES, Panels};

/// Curvatures below this count as this, for kernels that are not positive definite.
const LEAST_CURVATURE: f64 = 1e-12;

/// The gradient is known to about this share of its largest possible value.
const RESOLUTION: f64 = 1e-12;

/// The share of the tolerance at which to stop: libsvm's answer at 1e-3 is up to 7e-4 from the
/// solution, and so the two stay within the tolerance of each other.
const MARGIN: f64 = 0.2;

/// Steps from one look for rows to set aside to the next.
const SHRINK_EVERY: usize = 100;

/// When to stop and how much memory to use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) tolerance: f64,
    pub(super) shrinking: bool,
    pub(super) cache_bytes: usize,
    pub(super) iterations: usize,
}

/// The solution for all rows.
#[derive(Debug)]
pub(super) struct Solution {
    pub(super) weights: Vec<f64>,
    pub(super) rho: f64,
    pub(super) objective: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

/// Improves `weights`, which must satisfy the constraints, until no pair of rows breaks optimality
/// by more than the tolerance. `gradient` is `K weights`.
pub(super) fn solve(
    function: Function,
    points: &Panels,
    weights: Vec<f64>,
    gradient: Vec<f64>,
    limits: Limits,
) -> Solution {
    let mut solver = Solver::new(function, points, weights, gradient, limits);
    let (iterations, converged) = solver.run();
    solver.restore();
    let set = solver.set;
    let objective = set.pairs().map(|(w, g)| w * g).sum::<f64>() * 0.5;
    Solution {
        rho: offset(&set),
        objective,
        iterations,
        converged,
        weights: set.into_weights(),
    }
}

struct Solver<'a> {
    function: Function,
    points: &'a Panels,
    limits: Limits,
    tolerance: f64,
    set: ActiveSet,
    /// What was set aside, oldest first.
    aside: Vec<Aside>,
}

/// Rows that were set aside together.
struct Aside {
    /// Their numbers, weights and gradients at that time.
    rows: Vec<usize>,
    weights: Vec<f64>,
    gradient: Vec<f64>,
    /// The rows that stayed, with the weights that the gradients were computed for.
    others: Vec<(usize, f64)>,
}

impl<'a> Solver<'a> {
    fn new(
        function: Function,
        points: &'a Panels,
        weights: Vec<f64>,
        gradient: Vec<f64>,
        limits: Limits,
    ) -> Self {
        let rows = (0..points.len()).collect();
        let total: f64 = weights.iter().sum();
        let points_copy = points.clone();
        let set = ActiveSet::new(function, rows, points_copy, weights, gradient, &limits);
        let largest = set.largest_diagonal() * total;
        Self {
            function,
            points,
            limits,
            tolerance: (limits.tolerance * MARGIN).max(RESOLUTION * largest),
            set,
            aside: Vec::new(),
        }
    }

    /// The number of steps, and whether the tolerance was reached.
    fn run(&mut self) -> (usize, bool) {
        let interval = self.points.len().min(SHRINK_EVERY);
        let mut until_shrink = interval;
        // The first look at all rows comes early, before wrong decisions cost much.
        let mut early = true;
        for step in 0..self.limits.iterations {
            until_shrink -= 1;
            if until_shrink == 0 {
                until_shrink = interval;
                if self.limits.shrinking {
                    if early && self.set.gap() <= 10.0 * self.tolerance {
                        early = false;
                        self.restore();
                    }
                    self.shrink();
                }
            }
            if self.set.gap() < self.tolerance {
                if self.aside.is_empty() {
                    return (step, true);
                }
                self.restore();
                until_shrink = 1;
                if self.set.gap() < self.tolerance {
                    return (step, true);
                }
            }
            if !self.set.step(LEAST_CURVATURE) {
                return (step, false);
            }
        }
        (self.limits.iterations, false)
    }

    /// Sets rows aside that are at a bound and would have to cross the worst offender to leave it,
    /// when they are at least a fifth of all: the copies then cost less than they save.
    fn shrink(&mut self) {
        let kept = self.set.undecided();
        let n = self.set.len();
        if kept.len() < 2 || kept.len() * 5 > n * 4 {
            return;
        }
        let (rows, weights, gradient) = self.set.narrow(self.function, &kept, &self.limits);
        self.aside.push(Aside {
            rows,
            weights,
            gradient,
            others: self.set.numbered_weights().collect(),
        });
    }

    /// Takes back every row that was set aside, with its gradient at the present weights.
    fn restore(&mut self) {
        if self.aside.is_empty() {
            return;
        }
        let n = self.points.len();
        let (mut weights, mut gradient) = (vec![0.0; n], vec![0.0; n]);
        scatter(&mut weights, self.set.numbered_weights());
        scatter(&mut gradient, self.set.numbered_gradient());
        for aside in &self.aside {
            let rows = || aside.rows.iter().copied();
            scatter(&mut weights, rows().zip(aside.weights.iter().copied()));
        }
        let mut point = vec![0.0; self.points.features()];
        for aside in self.aside.drain(..) {
            let mut points = Panels::new(self.points.features());
            for &row in &aside.rows {
                self.points.copy_row(row, &mut point);
                points.push(&point);
            }
            let mut sums = aside.gradient;
            let mut kernel = vec![[0.0; LANES]; points.panels()];
            for (row, before) in aside.others {
                let change = weights.get(row).map_or(0.0, |weight| weight - before);
                if change != 0.0 {
                    self.points.copy_row(row, &mut point);
                    self.function.row(&point, &points, &mut kernel);
                    for (sum, &k) in sums.iter_mut().zip(kernel.as_flattened()) {
                        *sum += change * k;
                    }
                }
            }
            scatter(&mut gradient, aside.rows.into_iter().zip(sums));
        }
        let rows = (0..n).collect();
        let points = self.points.clone();
        self.set = ActiveSet::new(self.function, rows, points, weights, gradient, &self.limits);
    }
}

fn scatter(out: &mut [f64], values: impl Iterator<Item = (usize, f64)>) {
    for (place, value) in values {
        if let Some(slot) = out.get_mut(place) {
            *slot = value;
        }
    }
}

/// The offset of the decision: the gradient of the rows strictly between the bounds, on average,
/// or the middle of what the others leave open.
fn offset(set: &ActiveSet) -> f64 {
    let (mut sum, mut free) = (0.0, 0.0);
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for (weight, gradient) in set.pairs() {
        if weight >= 1.0 {
            low = low.max(gradient);
        } else if weight <= 0.0 {
            high = high.min(gradient);
        } else {
            sum += gradient;
            free += 1.0;
        }
    }
    if free > 0.0 {
        sum / free
    } else if high.is_infinite() {
        low
    } else if low.is_infinite() {
        high
    } else {
        f64::midpoint(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::one_class_svm::start;

    fn points(n: usize) -> Panels {
        let mut points = Panels::new(3);
        let mut state = 1_u64;
        for _ in 0..n {
            let row = [(); 3].map(|()| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 11) as f64 / (1_u64 << 53) as f64
            });
            points.push(&row);
        }
        points
    }

    #[test]
    fn gradients_of_rows_set_aside_are_rebuilt() {
        let (function, points) = (Function::Rbf { gamma: 2.0 }, points(500));
        let limits = Limits {
            tolerance: 1e-6,
            shrinking: true,
            cache_bytes: 1 << 16,
            iterations: usize::MAX,
        };
        let weights = start::weights(function, &points, 0.4);
        let gradient = start::gradient(function, &points, &weights);
        let mut solver = Solver::new(function, &points, weights, gradient, limits);
        let mut depth = 0;
        for step in 1..400 {
            if !solver.set.step(LEAST_CURVATURE) {
                break;
            }
            if step % 20 == 0 {
                solver.shrink();
                depth = depth.max(solver.aside.len());
            }
        }
        assert!(depth >= 2, "{depth}");
        solver.restore();
        let (weights, ours): (Vec<f64>, Vec<f64>) = solver.set.pairs().unzip();
        let exact = start::gradient(function, &points, &weights);
        for (a, b) in ours.iter().zip(&exact) {
            assert!((a - b).abs() < 1e-10, "{a} instead of {b}");
        }
        assert!((weights.iter().sum::<f64>() - 200.0).abs() < 1e-9);
    }

    #[test]
    fn shrinking_and_a_small_cache_change_nothing() {
        let (function, points) = (Function::Rbf { gamma: 20.0 }, points(900));
        let solve_with = |shrinking, cache_bytes| {
            let limits = Limits {
                tolerance: 1e-7,
                shrinking,
                cache_bytes,
                iterations: usize::MAX,
            };
            let weights = start::weights(function, &points, 0.3);
            let gradient = start::gradient(function, &points, &weights);
            solve(function, &points, weights, gradient, limits)
        };
        let plain = solve_with(false, 1 << 30);
        assert!(plain.converged && plain.iterations > 3 * SHRINK_EVERY);
        for (shrinking, bytes) in [(true, 1 << 30), (true, 1 << 14), (false, 0)] {
            let other = solve_with(shrinking, bytes);
            assert!(other.converged);
            assert!((other.objective / plain.objective - 1.0).abs() < 1e-8);
            assert!((other.rho - plain.rho).abs() < 1e-6);
        }
    }
}
