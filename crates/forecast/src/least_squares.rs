//! Least squares of a nonlinear model in a box.

/// What the squares of a model's errors `e(x)` look like near `x`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normal<const D: usize> {
    /// The sum of `e²`.
    pub(crate) squares: f64,
    /// The sum of `e de/dx`.
    pub(crate) gradient: [f64; D],
    /// The sum of `de/dx de/dx'`; only its lower triangle is read.
    pub(crate) curvature: [[f64; D]; D],
}

impl<const D: usize> Normal<D> {
    pub(crate) const EMPTY: Self = Self {
        squares: 0.0,
        gradient: [0.0; D],
        curvature: [[0.0; D]; D],
    };

    /// Adds an error and how it moves with `x`.
    #[inline(always)]
    pub(crate) fn add(&mut self, error: f64, moves: &[f64; D]) {
        self.squares += error * error;
        for (sum, by) in self.gradient.iter_mut().zip(moves) {
            *sum += error * by;
        }
        for (i, (row, by)) in self.curvature.iter_mut().zip(moves).enumerate() {
            for (sum, other) in row.iter_mut().zip(moves).take(i + 1) {
                *sum += by * other;
            }
        }
    }
}

/// Minimises a sum of squares within a box, by Levenberg's and Marquardt's damped steps.
///
/// Variables at a face that would leave the box stay there for the step; a step that leaves it is cut
/// off at its faces. Steps that do not make the squares less are damped more and tried again.
///
/// Cost: one evaluation and O(d³) time a step; some 10 to 30 steps.
///
/// Source: Marquardt 1963, <https://doi.org/10.1137/0111030>.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LevenbergMarquardt {
    /// The most evaluations.
    pub(crate) evaluations: usize,
    /// What a full step must promise to take from the squares, as a part of them, to go on.
    pub(crate) tolerance: f64,
    /// Squares that are as good as 0.
    pub(crate) nothing: f64,
}

/// What a minimisation found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least<const D: usize> {
    pub(crate) x: [f64; D],
    pub(crate) squares: f64,
    pub(crate) converged: bool,
}

/// The first damping, relative to the curvature.
const FIRST_DAMPING: f64 = 1e-2;
/// A damping at which a step is too small to matter.
const LAST_DAMPING: f64 = 1e12;
/// The least damping: what keeps a singular curvature from breaking the step.
const LEAST_DAMPING: f64 = 1e-12;

impl LevenbergMarquardt {
    /// The least of `evaluate` in the box from `lower` to `upper`, from `start`; squares that are not
    /// finite count as infinitely many.
    pub(crate) fn minimise<const D: usize>(
        &self,
        start: [f64; D],
        [lower, upper]: [&[f64; D]; 2],
        mut evaluate: impl FnMut(&[f64; D]) -> Normal<D>,
    ) -> Least<D> {
        let mut x = start;
        let mut here = evaluate(&x);
        let mut damping = FIRST_DAMPING;
        let mut evaluations = 1;
        let mut converged = false;
        while evaluations < self.evaluations && damping < LAST_DAMPING {
            let free = free(&x, [lower, upper], &here.gradient);
            let promise = match solve(&here, &free, LEAST_DAMPING) {
                Some(full) => -dot(&full, &here.gradient),
                None => f64::INFINITY,
            };
            if here.squares <= self.nothing || promise <= self.tolerance * here.squares {
                converged = true;
                break;
            }
            let Some(step) = solve(&here, &free, damping) else {
                damping *= 10.0;
                continue;
            };
            let mut next = x;
            for (((x, step), &low), &high) in next.iter_mut().zip(&step).zip(lower).zip(upper) {
                *x = (*x + step).clamp(low, high);
            }
            let there = evaluate(&next);
            evaluations += 1;
            if there.squares < here.squares && is_finite(&there) {
                (x, here) = (next, there);
                damping = (damping * 0.1).max(LEAST_DAMPING);
            } else {
                damping *= 5.0;
            }
        }
        Least {
            x,
            squares: here.squares,
            converged,
        }
    }
}

fn is_finite<const D: usize>(normal: &Normal<D>) -> bool {
    let all = normal
        .gradient
        .iter()
        .chain(normal.curvature.iter().flatten());
    normal.squares.is_finite() && all.copied().all(f64::is_finite)
}

/// Which variables may move: all but those at a face beyond which the squares fall.
fn free<const D: usize>(
    x: &[f64; D],
    [lower, upper]: [&[f64; D]; 2],
    gradient: &[f64; D],
) -> [bool; D] {
    let mut free = [true; D];
    let faces = x.iter().zip(lower.iter().zip(upper)).zip(gradient);
    for (free, ((x, (low, high)), slope)) in free.iter_mut().zip(faces) {
        *free = !(x <= low && *slope > 0.0 || x >= high && *slope < 0.0);
    }
    free
}

fn dot<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The step of the free variables to the least of the damped model; none where its curvature is not
/// positive.
#[allow(
    clippy::indexing_slicing,
    reason = "all indices are below D, the length of every array"
)]
fn solve<const D: usize>(here: &Normal<D>, free: &[bool; D], damping: f64) -> Option<[f64; D]> {
    let mut factor = [[0.0; D]; D];
    let mut step = [0.0; D];
    for i in 0..D {
        for j in 0..=i {
            let mut sum = match (free[i] && free[j], i == j) {
                (true, true) => here.curvature[i][i] * (1.0 + damping),
                (true, false) => here.curvature[i][j],
                (false, same) => f64::from(u8::from(same)),
            };
            let before = factor[i].iter().zip(&factor[j]).take(j);
            sum -= before.map(|(a, b)| a * b).sum::<f64>();
            if i != j {
                factor[i][j] = sum / factor[j][j];
            } else if sum > 0.0 && sum.is_finite() {
                factor[i][i] = sum.sqrt();
            } else {
                return None;
            }
        }
        let mut sum = if free[i] { -here.gradient[i] } else { 0.0 };
        let before = factor[i].iter().zip(&step).take(i);
        sum -= before.map(|(a, b)| a * b).sum::<f64>();
        step[i] = sum / factor[i][i];
    }
    for i in (0..D).rev() {
        for k in i + 1..D {
            step[i] -= factor[k][i] * step[k];
        }
        step[i] /= factor[i][i];
    }
    Some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: LevenbergMarquardt = LevenbergMarquardt {
        evaluations: 200,
        tolerance: 1e-14,
        nothing: 1e-28,
    };

    /// The errors `1 - x` and `10 (y - x²)`, whose squares are a curved valley.
    fn valley(x: &[f64; 2]) -> Normal<2> {
        let mut normal = Normal::EMPTY;
        normal.add(1.0 - x[0], &[-1.0, 0.0]);
        normal.add(10.0 * (x[1] - x[0] * x[0]), &[-20.0 * x[0], 10.0]);
        normal
    }

    #[test]
    fn finds_the_bottom_of_a_curved_valley() {
        let found = METHOD.minimise([-1.2, 1.0], [&[-9.0; 2], &[9.0; 2]], valley);
        assert!(found.converged);
        assert!((found.x[0] - 1.0).abs() < 1e-9 && (found.x[1] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn stays_in_the_box_and_finds_its_face() {
        let found = METHOD.minimise([3.0, 3.0], [&[2.0, 0.0], &[9.0; 2]], valley);
        assert!(found.converged);
        assert!((found.x[0] - 2.0).abs() < 1e-9 && (found.x[1] - 4.0).abs() < 1e-6);
    }

    #[test]
    fn undefined_squares_are_avoided() {
        let found = METHOD.minimise([0.0, 4.0], [&[-9.0; 2], &[9.0; 2]], |x| {
            let mut normal = valley(x);
            if x[0] > 0.5 {
                normal.squares = f64::NAN;
            }
            normal
        });
        assert!(!found.converged && found.x[0] <= 0.5 && found.squares < 1601.0);
    }
}
