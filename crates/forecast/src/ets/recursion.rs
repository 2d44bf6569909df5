//! The recursion of exponential smoothing, compiled once for every kind of model.

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
    let mut logs = LogSum::new();
    let mut step = |y: f64, season: &mut f64| {
        let s = *season;
        // The value without its season, and the same over the base where anything multiplies.
        let (forecast, adjusted, ratio) = match (SEASON, ERROR) {
            (NONE, ADDITIVE) => (base, y, 0.0),
            (NONE, _) => (base, y, quotient(y, base)),
            (ADDITIVE, ADDITIVE) => (base + s, y - s, 0.0),
            (ADDITIVE, _) => (base + s, y - s, quotient(y, base + s)),
            _ => {
                let adjusted = quotient(y, s);
                (base * s, adjusted, quotient(adjusted, base))
            }
        };
        let mut error = y - forecast;
        if ERROR == MULTIPLICATIVE {
            error = if forecast.abs() < NEAR_ZERO {
                error / (forecast + NEAR_ZERO)
            } else {
                ratio - 1.0
            };
            logs.add(forecast.abs());
        }
        squares += error * error;
        seen(forecast, error);
        match SEASON {
            NONE => {}
            ADDITIVE => *season = s + p.season * (adjusted - base),
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
    if SEASON == NONE {
        for &y in values {
            step(y, &mut 0.0);
        }
    } else {
        for cycle in values.chunks(season.len().max(1)) {
            for (&y, season) in cycle.iter().zip(season.iter_mut()) {
                step(y, season);
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
            logs.total()
        } else {
            0.0
        },
    }
}

/// `x / divisor`, or a huge number where the divisor is nearly 0.
#[inline(always)]
fn quotient(x: f64, divisor: f64) -> f64 {
    if divisor.abs() < NEAR_ZERO {
        HUGE
    } else {
        x / divisor
    }
}

/// The sum of natural logarithms, by the product of the mantissas and the sum of the exponents.
struct LogSum {
    mantissa: f64,
    exponent: i64,
    pending: u32,
    sum: f64,
}

impl LogSum {
    const fn new() -> Self {
        Self {
            mantissa: 1.0,
            exponent: 0,
            pending: 0,
            sum: 0.0,
        }
    }

    /// Adds the logarithm of `x`, at least 0; one that is too small to be normal counts as 1e-8.
    #[inline(always)]
    fn add(&mut self, x: f64) {
        const MANTISSA: u64 = (1 << 52) - 1;
        let x = if x < f64::MIN_POSITIVE { 1e-8 } else { x };
        let bits = x.to_bits();
        self.exponent += (bits >> 52) as i64 - 1023;
        self.mantissa *= f64::from_bits((bits & MANTISSA) | 1.0f64.to_bits());
        self.pending += 1;
        // A product of 512 mantissas below 2 is below 2^512.
        if self.pending == 512 {
            self.settle();
        }
    }

    #[cold]
    fn settle(&mut self) {
        self.sum += self.mantissa.ln() + self.exponent as f64 * std::f64::consts::LN_2;
        (self.mantissa, self.exponent, self.pending) = (1.0, 0, 0);
    }

    fn total(mut self) -> f64 {
        self.settle();
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_add_up() {
        let mut logs = LogSum::new();
        let mut expected = 0.0;
        for i in 0..2000 {
            let x = 10f64.powi(i % 37 - 18) * (1.0 + f64::from(i) * 1e-3);
            logs.add(x);
            expected += x.ln();
        }
        logs.add(0.0);
        expected += 1e-8f64.ln();
        assert!((logs.total() / expected - 1.0).abs() < 1e-12);
    }
}
