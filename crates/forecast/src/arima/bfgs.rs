//! Minimising a smooth function of a few variables.
//!
//! The method of Broyden, Fletcher, Goldfarb and Shanno with the whole inverse Hessian: the models
//! have at most a few dozen coefficients, where it takes fewer evaluations than the limited-memory
//! form of a general library, and the inverse Hessian tells how much there is still to gain, which
//! is when to stop. A point where the function has no value counts as uphill.
//!
//! Source: Nocedal & Wright 2006, *Numerical Optimization*, chapter 6,
//! <https://doi.org/10.1007/978-0-387-40065-5>.

use super::filter::dot;

/// Where a search ended.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub(crate) x: Vec<f64>,
    /// Whether hardly anything was left to gain.
    pub(crate) converged: bool,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) iterations: usize,
    /// The gain that is not worth another step.
    pub(crate) gain: f64,
}

/// No variable moves farther in one step.
const LONGEST: f64 = 2.0;

/// A gain this many times the wanted one still counts as converged where floats allow no more.
const NEARLY: f64 = 1e3;

/// After this many steps in a row that gained less than this many times the wanted gain the rest is
/// a valley without an end, such as a root that goes to the unit circle.
const PATIENCE: usize = 4;
const SLOW: f64 = 100.0;

/// Minimises `function`, which gives its value and writes its gradient; `None` where it has no value
/// at the start.
///
/// - `inverse`: the inverse Hessian at the start, row by row, where it is known.
pub(crate) fn minimise(
    mut function: impl FnMut(&[f64], &mut [f64]) -> Option<f64>,
    start: &[f64],
    inverse: Option<Vec<f64>>,
    limits: Limits,
) -> Option<Minimum> {
    let size = start.len();
    let mut x = start.to_vec();
    let mut gradient = vec![0.0; size];
    let mut value = function(&x, &mut gradient)?;
    let (mut fresh, mut converged) = (inverse.is_none(), size == 0);
    let mut inverse = inverse.unwrap_or_else(|| identity(size));
    let mut slow = 0;
    let mut direction = vec![0.0; size];
    let mut trial = Trial {
        x: vec![0.0; size],
        gradient: vec![0.0; size],
    };
    for _ in 0..limits.iterations {
        for (d, row) in direction.iter_mut().zip(inverse.chunks_exact(size.max(1))) {
            *d = -dot(row, &gradient);
        }
        let mut slope = dot(&direction, &gradient);
        let gain = -0.5 * slope;
        // Before the first update the Hessian is unknown, and with it the gain.
        if gain.abs() <= limits.gain && !fresh || slope == 0.0 {
            converged = true;
            break;
        }
        let farthest = direction.iter().fold(0.0_f64, |m, d| m.max(d.abs()));
        let longest = if fresh { 0.5 } else { LONGEST };
        if farthest > longest {
            let shorter = longest / farthest;
            direction.iter_mut().for_each(|d| *d *= shorter);
            slope *= shorter;
        }
        let found = search(&mut function, &x, value, &direction, slope, &mut trial);
        let Some(new_value) = found else {
            if fresh {
                converged = gain <= limits.gain * NEARLY;
                break;
            }
            if gain <= limits.gain * NEARLY {
                converged = true;
                break;
            }
            inverse = identity(size);
            fresh = true;
            continue;
        };
        let step: Vec<f64> = trial.x.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = trial
            .gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&step, &step).sqrt() * dot(&change, &change).sqrt() {
            if fresh {
                let scale = curvature / dot(&change, &change);
                inverse.iter_mut().for_each(|h| *h *= scale);
            }
            update(&mut inverse, &step, &change, curvature);
            fresh = false;
        }
        x.clone_from(&trial.x);
        gradient.clone_from(&trial.gradient);
        slow = if value - new_value < limits.gain * SLOW {
            slow + 1
        } else {
            0
        };
        value = new_value;
        if slow >= PATIENCE {
            converged = true;
            break;
        }
    }
    Some(Minimum { x, converged })
}

struct Trial {
    x: Vec<f64>,
    gradient: Vec<f64>,
}

/// A step along `direction` that goes down enough and leaves the slope flatter.
fn search(
    function: &mut impl FnMut(&[f64], &mut [f64]) -> Option<f64>,
    x: &[f64],
    value: f64,
    direction: &[f64],
    slope: f64,
    trial: &mut Trial,
) -> Option<f64> {
    const ENOUGH: f64 = 1e-4;
    const FLATTER: f64 = 0.9;
    let (mut low, mut high, mut step) = (0.0, f64::INFINITY, 1.0);
    // The last step that went down enough, for when none is flat too.
    let mut kept: Option<f64> = None;
    for _ in 0..40 {
        for ((slot, x), d) in trial.x.iter_mut().zip(x).zip(direction) {
            *slot = x + step * d;
        }
        let found = function(&trial.x, &mut trial.gradient);
        match found {
            Some(new) if new <= value + ENOUGH * step * slope => {
                let new_slope = dot(&trial.gradient, direction);
                if new_slope >= FLATTER * slope || step > 1e3 {
                    return Some(new);
                }
                kept = Some(step);
                low = step;
                step = if high.is_finite() {
                    0.5 * (low + high)
                } else {
                    2.5 * step
                };
            }
            _ => {
                high = step;
                // The least point of the parabola through value, slope and the new value.
                let parabola = found.map(|new| {
                    let bend = 2.0 * (new - value - step * slope);
                    -slope * step * step / bend
                });
                step = match parabola {
                    Some(least) if low == 0.0 => least.clamp(0.05 * step, 0.6 * step),
                    _ => low + if low == 0.0 { 0.2 } else { 0.5 } * (high - low),
                };
            }
        }
        if high - low <= 1e-10 * high {
            break;
        }
    }
    let step = kept?;
    for ((slot, x), d) in trial.x.iter_mut().zip(x).zip(direction) {
        *slot = x + step * d;
    }
    function(&trial.x, &mut trial.gradient)
}

fn identity(size: usize) -> Vec<f64> {
    let mut out = vec![0.0; size * size];
    out.iter_mut().step_by(size + 1).for_each(|x| *x = 1.0);
    out
}

/// The inverse Hessian that explains this change of the gradient over this step.
fn update(inverse: &mut [f64], step: &[f64], change: &[f64], curvature: f64) {
    let size = step.len();
    let moved: Vec<f64> = inverse
        .chunks_exact(size)
        .map(|row| dot(row, change))
        .collect();
    let scale = (1.0 + dot(&moved, change) / curvature) / curvature;
    for ((row, &s), &m) in inverse.chunks_exact_mut(size).zip(step).zip(&moved) {
        for ((slot, &t), &k) in row.iter_mut().zip(step).zip(&moved) {
            *slot += scale * s * t - (m * t + s * k) / curvature;
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        iterations: 500,
        gain: 1e-14,
    };

    #[test]
    fn finds_the_end_of_the_valley() {
        let mut calls = 0;
        let rosenbrock = |x: &[f64], g: &mut [f64]| {
            calls += 1;
            g.fill(0.0);
            let mut sum = 0.0;
            for i in 0..x.len() - 1 {
                let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
                sum += a * a + 100.0 * b * b;
                g[i] += -2.0 * a - 400.0 * x[i] * b;
                g[i + 1] += 200.0 * b;
            }
            Some(sum)
        };
        let found = minimise(rosenbrock, &[-1.2, 1.0, -1.2, 1.0, 0.5], None, LIMITS).unwrap();
        let far = found.x.iter().any(|x| (x - 1.0).abs() > 1e-5);
        assert!(found.converged && !far, "{found:?}");
        assert!(calls < 200, "{calls}");
    }

    #[test]
    fn goes_round_places_without_a_value() {
        let barrier = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0 - 1.0 / x[0];
            (x[0] > 0.0).then(|| x[0] - x[0].ln())
        };
        let found = minimise(barrier, &[5.0], None, LIMITS).unwrap();
        assert!((found.x[0] - 1.0).abs() < 1e-5 && found.converged);
        assert!(minimise(barrier, &[-1.0], None, LIMITS).is_none());
    }
}
