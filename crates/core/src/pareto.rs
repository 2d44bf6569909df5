use serde::{Deserialize, Serialize};

/// Generalised Pareto parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tail {
    pub(crate) shape: f64,
    pub(crate) scale: f64,
}

/// The most likely generalised Pareto parameters with shape above -1, for positive `excesses` and
/// `censored` more of which is known only that they are at least `limit`.
///
/// Grimshaw's reduction: with `x = shape / scale`, the shape that is best for a given `x` is
/// `(L + m ln(1 + x limit)) / n`, where `L = sum ln(1 + x y)` over the `n` excesses and `m` counts
/// the censored ones. So the likelihood is a function of `x` alone: `-n ln(shape / x) - L - n`. It is
/// searched over `ln(1 + x max(y))` on a grid that covers every shape, then by golden sections
/// around the best point; `x = 0` is the exponential limit.
///
/// Cost: about 200 passes over the excesses.
///
/// Source: Grimshaw 1993, <https://doi.org/10.1080/00401706.1993.10485040>.
pub(crate) fn fit_tail(excesses: &[f64], censored: f64, limit: f64) -> Tail {
    let n = excesses.len() as f64;
    // The scale of the exponential fit is the unit of what follows.
    let unit = excesses.iter().map(|y| y / n).sum::<f64>() + censored / n * limit;
    let least = if censored > 0.0 { limit } else { 0.0 };
    let largest = excesses.iter().fold(least, |m, &y| m.max(y)) / unit;
    let exponential = Tail {
        shape: 0.0,
        scale: unit.min(f64::MAX),
    };
    if excesses.len() < 2 || !largest.is_finite() || !unit.is_finite() {
        return exponential;
    }
    // p = ln(1 + x max(y)).
    let at = |p: f64| {
        let x = p.exp_m1() / largest;
        if x.abs() < 1e-9 {
            return (-1.0, exponential);
        }
        let logarithm = |y: f64| (x * (y / unit)).ln_1p();
        let known = excesses.iter().map(|&y| logarithm(y)).sum::<f64>() / n;
        let hidden = if censored > 0.0 {
            censored / n * logarithm(limit)
        } else {
            0.0
        };
        let shape = known + hidden;
        let scale = shape / x;
        let likelihood = -(scale.ln() + known + 1.0);
        if shape > -1.0 && likelihood.is_finite() && (scale * unit).is_finite() {
            let scale = scale * unit;
            (likelihood, Tail { shape, scale })
        } else {
            (f64::NEG_INFINITY, exponential)
        }
    };
    const STEP: f64 = 0.5;
    let (mut best, mut place) = (at(0.0), 0.0);
    for i in -60..=80_i32 {
        let p = f64::from(i) * STEP;
        let here = at(p);
        if here.0 > best.0 {
            (best, place) = (here, p);
        }
    }
    let (mut low, mut high) = (place - STEP, place + STEP);
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (at(a), at(b));
    for _ in 0..50 {
        if at_a.0 >= at_b.0 {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = at(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = at(b);
        }
    }
    [at_a, at_b]
        .into_iter()
        .fold(best, |best, next| if next.0 > best.0 { next } else { best })
        .1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_likelihood(excesses: &[f64], Tail { shape, scale }: Tail) -> f64 {
        let one = |y: &f64| {
            if shape == 0.0 {
                scale.ln() + y / scale
            } else {
                scale.ln() + (1.0 + 1.0 / shape) * (shape * y / scale).ln_1p()
            }
        };
        -excesses.iter().map(one).sum::<f64>()
    }

    /// Lines of `golden/generate.py`: name, SciPy's shape, scale and log-likelihood, the excesses.
    #[test]
    fn the_tail_is_at_least_as_likely_as_that_of_scipy() {
        let mut cases = 0;
        for line in include_str!("../tests/golden/genpareto.txt").lines() {
            let (name, numbers) = line.split_once(' ').unwrap();
            let numbers: Vec<f64> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
            let (shape, scale, theirs) = (numbers[0], numbers[1], numbers[2]);
            let excesses = &numbers[3..];
            let tail = fit_tail(excesses, 0.0, 0.0);
            let ours = log_likelihood(excesses, tail);
            assert!(
                ours >= theirs - 1e-9 * theirs.abs().max(1.0),
                "{name}: {ours} below {theirs}"
            );
            if shape > -0.5 {
                let same =
                    (tail.shape - shape).abs() < 2e-4 && (tail.scale / scale - 1.0).abs() < 2e-4;
                assert!(same, "{name}: {tail:?} instead of {shape} and {scale}");
            }
            cases += 1;
        }
        assert!(cases >= 8);
    }

    #[test]
    fn degenerate_tails_stay_finite() {
        for excesses in [
            &[1.0][..],
            &[2.0, 2.0, 2.0],
            &[1e-300, 1e300],
            &[5e-324, 5e-324],
            &[f64::MAX; 3],
        ] {
            let tail = fit_tail(excesses, 0.0, 0.0);
            assert!(
                tail.shape.is_finite() && tail.scale >= 0.0,
                "{excesses:?}: {tail:?}"
            );
        }
    }
}
