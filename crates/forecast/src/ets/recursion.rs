//! The recursion of exponential smoothing, compiled once for every kind of model.

use super::growth;
use super::model::{ErrorType, EtsModel, SeasonType, TrendType};

/// The smoothing parameters; those that a model does not have are 0, and the damping 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Smoothing {
    pub(super) level: f64,
    pub(super) slope: f64,
    pub(super) season: f64,
    pub(super) damping: f64,
}

/// The states that every step changes; the season is kept apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct State {
    pub(super) level: f64,
    pub(super) slope: f64,
}

/// What the likelihood needs from a pass over the data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// The sum of squared errors, relative ones where the error is multiplicative.
    pub(super) squares: f64,
    /// The sum of the logarithms of the forecasts' magnitudes, where the error is multiplicative.
    pub(super) log_forecasts: f64,
}

/// Below this a divisor counts as 0.
const NEAR_ZERO: f64 = 1e-10;
/// What a division by such a divisor gives.
const HUGE: f64 = 1e10;

const NONE: u8 = 0;
const ADDITIVE: u8 = 1;
const MULTIPLICATIVE: u8 = 2;

/// Runs `model` over `values`, changing the states; `season` holds one state a phase, the first for
/// the first value (empty without a season). `seen(forecast, error)` is called for each value.
///
/// Cost: O(n) time, no allocation; 2 to 8 ns a value.
pub(super) fn run(
    model: EtsModel,
    values: &[f64],
    smoothing: Smoothing,
    state: &mut State,
    season: &mut [f64],
    seen: impl FnMut(f64, f64),
) -> Pass {
    use ErrorType as E;
    use SeasonType as S;
    use TrendType as T;
    macro_rules! run {
        ($error:ident, $slope:literal, $season:ident) => {
            pass::<$error, $slope, $season>(values, smoothing, state, season, seen)
        };
    }
    if model.trend_multiplies() {
        return growth::run(model, values, smoothing, state, season, seen);
    }
    match (model.error, model.trend, model.season) {
        (E::Additive, T::None, S::None) => run!(ADDITIVE, false, NONE),
        (E::Additive, T::None, S::Additive) => run!(ADDITIVE, false, ADDITIVE),
        (E::Additive, T::None, S::Multiplicative) => run!(ADDITIVE, false, MULTIPLICATIVE),
        (E::Additive, _, S::None) => run!(ADDITIVE, true, NONE),
        (E::Additive, _, S::Additive) => run!(ADDITIVE, true, ADDITIVE),
        (E::Additive, _, S::Multiplicative) => run!(ADDITIVE, true, MULTIPLICATIVE),
        (E::Multiplicative, T::None, S::None) => run!(MULTIPLICATIVE, false, NONE),
        (E::Multiplicative, T::None, S::Additive) => run!(MULTIPLICATIVE, false, ADDITIVE),
        (E::Multiplicative, T::None, S::Multiplicative) => {
            run!(MULTIPLICATIVE, false, MULTIPLICATIVE)
        }
        (E::Multiplicative, _, S::None) => run!(MULTIPLICATIVE, true, NONE),
        (E::Multiplicative, _, S::Additive) => run!(MULTIPLICATIVE, true, ADDITIVE),
        (E::Multiplicative, _, S::Multiplicative) => run!(MULTIPLICATIVE, true, MULTIPLICATIVE),
    }
}

/// Carries `base`, the level and the damped slope together, and `trend`, the damped slope, from step
/// to step: written as weighted averages they wait for the least other results.
///
/// Not inlined: one function a kind keeps its states in registers.
#[inline(never)]
fn pass<const ERROR: u8, const SLOPE: bool, const SEASON: u8>(
    values: &[f64],
    smoothing: Smoothing,
    state: &mut State,
    season: &mut [f64],
    mut seen: impl FnMut(f64, f64),
) -> Pass {
    let p = smoothing;
    let growth = if SLOPE { p.damping * p.slope } else { 0.0 };
    let taken = p.level + growth;
    let kept = 1.0 - taken;
    let mut trend = if SLOPE { p.damping * state.slope } else { 0.0 };
    let mut base = if SLOPE {
        state.level + trend
    } else {
        state.level
    };
    let mut squares = 0.0;
    let mut logs = LogSum { sum: 0.0 };
    let mut product = 1.0;
    let mut step = |y: f64, season: &mut f64, product: &mut f64| {
        let s = *season;
        // The value without its season, and that over the base where the season multiplies.
        let (forecast, adjusted, ratio) = match SEASON {
            NONE => (base, y, 0.0),
            ADDITIVE => (base + s, y - s, 0.0),
            _ => {
                let adjusted = quotient(y, s);
                (base * s, adjusted, quotient(adjusted, base))
            }
        };
        let surprise = adjusted - base;
        let zero = forecast.abs() < NEAR_ZERO;
        let error = match (ERROR, SEASON) {
            (ADDITIVE, MULTIPLICATIVE) => y - forecast,
            (ADDITIVE, _) => surprise,
            (_, MULTIPLICATIVE) if zero => (y - forecast) * HUGE,
            (_, MULTIPLICATIVE) => ratio - 1.0,
            _ if zero => surprise / (forecast + NEAR_ZERO),
            _ => surprise / forecast,
        };
        if ERROR == MULTIPLICATIVE {
            *product *= LogSum::factor(forecast);
        }
        squares += error * error;
        seen(forecast, error);
        match SEASON {
            NONE => {}
            ADDITIVE => *season = s + p.season * surprise,
            _ => *season = s + p.season * s * (ratio - 1.0),
        }
        let next = kept * base + (p.damping * trend + taken * adjusted);
        if SLOPE {
            trend = (p.damping * trend + growth * adjusted) - growth * base;
            base = next;
        } else {
            base = kept * base + taken * adjusted;
        }
    };
    // Blocks are so short that the product of their forecasts stays within the range of floats.
    if SEASON == NONE {
        for block in values.chunks(BLOCK) {
            for &y in block {
                step(y, &mut 0.0, &mut product);
            }
            logs.settle(&mut product);
        }
    } else {
        for cycle in values.chunks(season.len().max(1)) {
            for (block, season) in cycle.chunks(BLOCK).zip(season.chunks_mut(BLOCK)) {
                for (&y, season) in block.iter().zip(season) {
                    step(y, season, &mut product);
                }
                logs.settle(&mut product);
            }
        }
    }
    *state = State {
        level: base - trend,
        slope: if SLOPE { trend / p.damping } else { 0.0 },
    };
    Pass {
        squares,
        log_forecasts: if ERROR == MULTIPLICATIVE {
            logs.total(product, values.len())
        } else {
            0.0
        },
    }
}

/// `x / divisor`, or a huge number where the divisor is nearly 0.
#[inline(always)]
fn quotient(x: f64, divisor: f64) -> f64 {
    let quotient = x / divisor;
    if divisor.abs() < NEAR_ZERO {
        HUGE
    } else {
        quotient
    }
}

/// How many forecasts are multiplied before the product is looked at.
const BLOCK: usize = 16;
/// Forecasts are about this large: a power of two.
const USUAL: f64 = 512.0;

/// The sum of the logarithms of forecasts, by their product: one logarithm in many steps.
struct LogSum {
    sum: f64,
}

impl LogSum {
    /// What a forecast multiplies the product by; one of 0 counts as 1e-8.
    #[inline(always)]
    fn factor(forecast: f64) -> f64 {
        let size = forecast.abs();
        (if size < f64::MIN_POSITIVE { 1e-8 } else { size }) * (1.0 / USUAL)
    }

    /// Takes the product into the sum when it has left the middle range of floats.
    #[inline(always)]
    fn settle(&mut self, product: &mut f64) {
        if !(1e-30..1e30).contains(product) {
            self.sum += product.ln();
            *product = 1.0;
        }
    }

    /// The sum for `count` forecasts; NaN where a block of them was beyond the range of floats.
    fn total(self, product: f64, count: usize) -> f64 {
        let sum = self.sum + product.ln() + count as f64 * USUAL.ln();
        if sum.is_finite() { sum } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_add_up() {
        let mut logs = LogSum { sum: 0.0 };
        let mut product = 1.0;
        let mut expected = 0.0;
        for i in 0..2000 {
            let x = 10f64.powi(i % 37 - 18) * (1.0 + f64::from(i) * 1e-3);
            product *= LogSum::factor(-x);
            expected += x.ln();
            if i % 16 == 0 {
                logs.settle(&mut product);
            }
        }
        product *= LogSum::factor(0.0);
        expected += 1e-8f64.ln();
        assert!((logs.total(product, 2001) / expected - 1.0).abs() < 1e-12);
    }
}
