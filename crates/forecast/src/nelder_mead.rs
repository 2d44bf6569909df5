//! The downhill simplex in a box.

/// Minimises a function of several variables within a box, by the adaptive downhill simplex.
///
/// Points that leave the box are moved to its nearest face. The first simplex is the start and, for
/// each variable, the start with that variable 5 % larger (or 1e-4 where it is 0).
///
/// Cost: one or two evaluations and O(d²) time an iteration for `d` variables; O(d²) memory, and no
/// allocation after the start.
///
/// Source: Nelder & Mead 1965, <https://doi.org/10.1093/comjnl/7.4.308>; coefficients by dimension
/// of Gao & Han 2012, <https://doi.org/10.1007/s10589-010-9329-3>; start, stopping rule and
/// projection as in statsforecast 2.1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NelderMead {
    /// The most iterations.
    pub(crate) iterations: usize,
    /// The standard deviation of the values in the simplex below which it has converged.
    pub(crate) tolerance: f64,
}

/// What a minimisation found.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub(crate) x: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
}

/// How much larger each variable of the first simplex is.
const FIRST_STEP: f64 = 0.05;
/// The same for a variable that starts at 0.
const FIRST_STEP_FROM_ZERO: f64 = 1e-4;

/// A box: the lower and upper bound of each variable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) lower: &'a [f64],
    pub(crate) upper: &'a [f64],
}

impl Bounds<'_> {
    fn clamp(&self, x: &mut [f64]) {
        for ((x, &low), &high) in x.iter_mut().zip(self.lower).zip(self.upper) {
            *x = x.max(low).min(high);
        }
    }

    /// Sets `out` to `from + by (to - from)`, moved into the box.
    fn step(&self, from: &[f64], to: &[f64], by: f64, out: &mut [f64]) {
        for ((out, &a), &b) in out.iter_mut().zip(from).zip(to) {
            *out = a + by * (b - a);
        }
        self.clamp(out);
    }
}

/// The ranks that a step of the method looks at.
struct Order {
    best: usize,
    worst: usize,
    second_worst: usize,
}

struct Simplex {
    /// One point after the other.
    points: Vec<f64>,
    values: Vec<f64>,
    dimension: usize,
}

impl NelderMead {
    /// The minimum of `f` in `bounds`, from `start`; a NaN counts as infinitely bad.
    pub(crate) fn minimise(
        &self,
        start: &[f64],
        bounds: Bounds<'_>,
        mut f: impl FnMut(&[f64]) -> f64,
    ) -> Minimum {
        let mut f = |x: &[f64]| {
            let value = f(x);
            if value.is_nan() { f64::INFINITY } else { value }
        };
        let d = start.len();
        if d == 0 {
            return Minimum {
                x: Vec::new(),
                value: f(&[]),
                iterations: 0,
                converged: true,
            };
        }
        let size = d as f64;
        let (expand, contract, shrink) = (1.0 + 2.0 / size, 0.75 - 0.5 / size, 1.0 - 1.0 / size);
        let mut simplex = Simplex::around(start, bounds, &mut f);
        let [mut centre, mut reflected, mut tried] = [(); 3].map(|()| vec![0.0; d]);
        let mut iterations = 0;
        let mut converged = simplex.spread() < self.tolerance;
        while !converged && iterations < self.iterations {
            iterations += 1;
            let order = simplex.order();
            let (best, second_worst, worst) = (
                simplex.value(order.best),
                simplex.value(order.second_worst),
                simplex.value(order.worst),
            );
            simplex.centroid_without(order.worst, &mut centre);
            bounds.step(&centre, simplex.point(order.worst), -1.0, &mut reflected);
            let at_reflected = f(&reflected);
            let accepted = if at_reflected < best {
                bounds.step(&centre, &reflected, expand, &mut tried);
                let at_tried = f(&tried);
                Some(if at_tried < at_reflected {
                    (&tried, at_tried)
                } else {
                    (&reflected, at_reflected)
                })
            } else if at_reflected < second_worst {
                Some((&reflected, at_reflected))
            } else if at_reflected < worst {
                bounds.step(&centre, &reflected, contract, &mut tried);
                let at_tried = f(&tried);
                (at_tried <= at_reflected).then_some((&tried, at_tried))
            } else {
                bounds.step(&centre, &reflected, -contract, &mut tried);
                let at_tried = f(&tried);
                (at_tried < worst).then_some((&tried, at_tried))
            };
            match accepted {
                Some((point, value)) => simplex.replace(order.worst, point, value),
                None => simplex.shrink(order.best, shrink, bounds, &mut f, &mut tried),
            }
            converged = simplex.spread() < self.tolerance;
        }
        let best = simplex.order().best;
        Minimum {
            x: simplex.point(best).to_vec(),
            value: simplex.value(best),
            iterations,
            converged,
        }
    }
}

impl Simplex {
    fn around(start: &[f64], bounds: Bounds<'_>, f: &mut impl FnMut(&[f64]) -> f64) -> Self {
        let dimension = start.len();
        let mut first = start.to_vec();
        bounds.clamp(&mut first);
        let mut points = first.repeat(dimension + 1);
        for (i, point) in points.chunks_exact_mut(dimension).enumerate() {
            if let Some(x) = point.get_mut(i) {
                *x = if *x == 0.0 {
                    FIRST_STEP_FROM_ZERO
                } else {
                    *x * (1.0 + FIRST_STEP)
                };
            }
            bounds.clamp(point);
        }
        let values = points.chunks_exact(dimension).map(f).collect();
        Self {
            points,
            values,
            dimension,
        }
    }

    fn point(&self, index: usize) -> &[f64] {
        let start = index * self.dimension;
        self.points
            .get(start..start + self.dimension)
            .unwrap_or_default()
    }

    fn value(&self, index: usize) -> f64 {
        self.values.get(index).copied().unwrap_or(f64::INFINITY)
    }

    fn replace(&mut self, index: usize, point: &[f64], value: f64) {
        let row = self.points.chunks_exact_mut(self.dimension).nth(index);
        if let (Some(row), Some(slot)) = (row, self.values.get_mut(index)) {
            row.copy_from_slice(point);
            *slot = value;
        }
    }

    fn order(&self) -> Order {
        let mut order = Order {
            best: 0,
            worst: 0,
            second_worst: 0,
        };
        let [mut least, mut most, mut second] =
            [f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for (i, &value) in self.values.iter().enumerate() {
            if value < least {
                (order.best, least) = (i, value);
            }
            if value >= most {
                (order.second_worst, second) = (order.worst, most);
                (order.worst, most) = (i, value);
            } else if value >= second {
                (order.second_worst, second) = (i, value);
            }
        }
        order
    }

    /// The standard deviation of the values: NaN while one is infinite.
    fn spread(&self) -> f64 {
        let n = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / n;
        let squares: f64 = self.values.iter().map(|v| (v - mean) * (v - mean)).sum();
        (squares / n).sqrt()
    }

    fn centroid_without(&self, index: usize, out: &mut [f64]) {
        out.fill(0.0);
        for point in self.points.chunks_exact(self.dimension) {
            for (sum, x) in out.iter_mut().zip(point) {
                *sum += x;
            }
        }
        let count = self.dimension as f64;
        for (sum, x) in out.iter_mut().zip(self.point(index)) {
            *sum = (*sum - x) / count;
        }
    }

    /// Moves every point but the best towards it.
    fn shrink(
        &mut self,
        best: usize,
        by: f64,
        bounds: Bounds<'_>,
        f: &mut impl FnMut(&[f64]) -> f64,
        best_point: &mut [f64],
    ) {
        best_point.copy_from_slice(self.point(best));
        let rows = self.points.chunks_exact_mut(self.dimension);
        for (row, (point, value)) in rows.zip(&mut self.values).enumerate() {
            if row == best {
                continue;
            }
            for (x, &target) in point.iter_mut().zip(best_point.iter()) {
                *x = target + by * (*x - target);
            }
            bounds.clamp(point);
            *value = f(point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: [f64; 2] = [1e9; 2];

    fn solve(start: [f64; 2], lower: [f64; 2], f: impl FnMut(&[f64]) -> f64) -> Minimum {
        let method = NelderMead {
            iterations: 1000,
            tolerance: 1e-12,
        };
        let bounds = Bounds {
            lower: &lower,
            upper: &WIDE,
        };
        method.minimise(&start, bounds, f)
    }

    fn rosenbrock(x: &[f64]) -> f64 {
        (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2)
    }

    #[test]
    fn finds_the_bottom_of_a_curved_valley() {
        let found = solve([-1.2, 1.0], [-1e9; 2], rosenbrock);
        assert!(found.converged);
        assert!((found.x[0] - 1.0).abs() < 1e-4 && (found.x[1] - 1.0).abs() < 1e-4);
    }

    #[test]
    fn stays_in_the_box_and_finds_its_face() {
        let found = solve([3.0, 3.0], [2.0, 0.0], rosenbrock);
        assert!((found.x[0] - 2.0).abs() < 1e-6 && (found.x[1] - 4.0).abs() < 1e-3);
    }

    #[test]
    fn undefined_values_are_avoided() {
        let found = solve([0.0, 4.0], [-1e9; 2], |x| {
            if x[0] > 0.5 { f64::NAN } else { rosenbrock(x) }
        });
        assert!((found.x[0] - 0.5).abs() < 1e-3, "{found:?}");
        assert!(
            solve([0.0, 0.0], [-1e9; 2], |_| f64::NAN)
                .value
                .is_infinite()
        );
    }
}
