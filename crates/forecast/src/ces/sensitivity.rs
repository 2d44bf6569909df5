//! The recursion of complex exponential smoothing together with its derivatives.

use super::recursion::{CesSeason, Complex, Pair, Smoothing, States};
use crate::least_squares::Normal;

/// Where the parameters stand among `D`: real and imaginary part, of the level and of the season.
const LEVEL: [usize; 2] = [0, 1];
const SEASON: [usize; 2] = [2, 3];

/// A pair of states, and how they move with each of the parameters.
#[derive(Debug, Clone, Copy)]
struct Moving<const D: usize> {
    pair: Pair,
    value: [f64; D],
    potential: [f64; D],
}

impl<const D: usize> Moving<D> {
    const fn still(pair: Pair) -> Self {
        Self {
            pair,
            value: [0.0; D],
            potential: [0.0; D],
        }
    }

    /// The next pair after an error that moves by `moves`, by the parameters that stand at `at`.
    #[inline(always)]
    fn after(&self, by: Complex, at: [usize; 2], error: f64, moves: &[f64; D]) -> Self {
        let potential = self.pair.potential;
        let (turned, kept) = (1.0 - by.im, 1.0 - by.re);
        let (taken, given) = (by.re - by.im, by.re + by.im);
        let mut next = Self {
            pair: self.pair.after(by, error),
            value: [0.0; D],
            potential: [0.0; D],
        };
        let states = self.value.iter().zip(&self.potential).zip(moves);
        let nexts = next.value.iter_mut().zip(&mut next.potential);
        for ((to_value, to_potential), ((v, p), e)) in nexts.zip(states) {
            *to_value = v - turned * p + taken * e;
            *to_potential = v + kept * p + given * e;
        }
        let [re, im] = at;
        bump(&mut next.value, re, error);
        bump(&mut next.value, im, potential - error);
        bump(&mut next.potential, re, error - potential);
        bump(&mut next.potential, im, error);
        next
    }
}

#[inline(always)]
fn bump<const D: usize>(moves: &mut [f64; D], at: usize, by: f64) {
    if let Some(x) = moves.get_mut(at) {
        *x += by;
    }
}

/// The states of a model, and how they move with its `D` parameters.
#[derive(Debug, Clone)]
pub(super) struct MovingStates<const D: usize> {
    level: Moving<D>,
    season: Vec<Moving<D>>,
}

impl<const D: usize> MovingStates<D> {
    pub(super) fn new(first: &States) -> Self {
        Self {
            level: Moving::still(first.level),
            season: first.season.iter().copied().map(Moving::still).collect(),
        }
    }

    /// Starts anew at states that do not depend on the parameters.
    fn restart(&mut self, first: &States) {
        self.level = Moving::still(first.level);
        for (state, &pair) in self.season.iter_mut().zip(&first.season) {
            *state = Moving::still(pair);
        }
    }

    /// See [`States::reverse`].
    fn reverse(&mut self, kind: CesSeason, smoothing: Smoothing) {
        let still = [0.0; D];
        if kind != CesSeason::Simple {
            self.level = self.level.after(smoothing.level, LEVEL, 0.0, &still);
        }
        for state in &mut self.season {
            match kind {
                CesSeason::Simple => {
                    *state = state.after(smoothing.level, LEVEL, 0.0, &still);
                }
                CesSeason::Full => *state = state.after(smoothing.season, SEASON, 0.0, &still),
                CesSeason::None | CesSeason::Partial => {}
            }
        }
        self.season.reverse();
    }
}

/// Smooths forth, back and forth from `first`; gives the squares of the errors of the last pass, and
/// how they move with the parameters. `states` is scratch.
pub(super) fn smooth<const KIND: u8, const D: usize>(
    [values, backwards]: [&[f64]; 2],
    smoothing: Smoothing,
    first: &States,
    states: &mut MovingStates<D>,
) -> Normal<D> {
    let kind = kind(KIND);
    let ignore = |_: f64, _: &[f64; D]| {};
    states.restart(first);
    pass::<KIND, D>(values, smoothing, states, ignore);
    states.reverse(kind, smoothing);
    pass::<KIND, D>(backwards, smoothing, states, ignore);
    states.reverse(kind, smoothing);
    let mut normal = Normal::EMPTY;
    pass::<KIND, D>(values, smoothing, states, |error, moves| {
        normal.add(error, moves);
    });
    normal
}

pub(super) const NONE: u8 = 0;
pub(super) const SIMPLE: u8 = 1;
pub(super) const PARTIAL: u8 = 2;
pub(super) const FULL: u8 = 3;

pub(super) const fn kind(kind: u8) -> CesSeason {
    match kind {
        NONE => CesSeason::None,
        SIMPLE => CesSeason::Simple,
        PARTIAL => CesSeason::Partial,
        _ => CesSeason::Full,
    }
}

/// Not inlined: one function a kind keeps its states in registers.
#[inline(never)]
fn pass<const KIND: u8, const D: usize>(
    values: &[f64],
    smoothing: Smoothing,
    states: &mut MovingStates<D>,
    mut seen: impl FnMut(f64, &[f64; D]),
) {
    let mut level = states.level;
    let mut step = |y: f64, season: &mut Moving<D>| {
        let s = season.pair.value;
        let (error, expected) = match KIND {
            NONE => (y - level.pair.value, None),
            SIMPLE => (y - s, None),
            _ => (y - s - level.pair.value, Some(season.value)),
        };
        let mut moves = if KIND == SIMPLE {
            season.value
        } else {
            level.value
        };
        for x in &mut moves {
            *x = -*x;
        }
        if let Some(of_season) = expected {
            for (x, s) in moves.iter_mut().zip(of_season) {
                *x -= s;
            }
        }
        seen(error, &moves);
        match KIND {
            SIMPLE => *season = season.after(smoothing.level, LEVEL, error, &moves),
            PARTIAL => {
                season.pair.value = s + smoothing.season.re * error;
                for (x, e) in season.value.iter_mut().zip(&moves) {
                    *x += smoothing.season.re * e;
                }
                let [re, _] = SEASON;
                bump(&mut season.value, re, error);
            }
            FULL => *season = season.after(smoothing.season, SEASON, error, &moves),
            _ => {}
        }
        if KIND != SIMPLE {
            level = level.after(smoothing.level, LEVEL, error, &moves);
        }
    };
    if KIND == NONE {
        let mut nothing = Moving::still(Pair::default());
        for &y in values {
            step(y, &mut nothing);
        }
    } else {
        let period = states.season.len().max(1);
        for cycle in values.chunks(period) {
            for (&y, season) in cycle.iter().zip(states.season.iter_mut()) {
                step(y, season);
            }
        }
        states.season.rotate_left(values.len() % period);
    }
    states.level = level;
}

#[cfg(test)]
mod tests {
    use super::super::{backwards, smooth as plain, unpack};
    use super::*;

    fn check<const KIND: u8, const D: usize>(x: [f64; D]) {
        let values: Vec<f64> = (0..53)
            .map(|i| f64::from(i * i * 7 % 31) * 0.1 + 2.0)
            .collect();
        let both = [values.as_slice(), &backwards(&values)];
        let pair = |value: f64| Pair {
            value,
            potential: value / 1.1,
        };
        let phases = if KIND == NONE { 0 } else { 5 };
        let first = States {
            level: pair(3.0),
            season: (0..phases)
                .map(|i| pair(f64::from(i) * 0.3 - 0.7))
                .collect(),
        };
        let errors = |x: &[f64]| {
            let mut errors = Vec::new();
            let mut states = first.clone();
            let seen = |_, error| errors.push(error);
            plain(kind(KIND), both, unpack(x), &mut states, seen);
            errors
        };
        let normal = smooth::<KIND, D>(both, unpack(&x), &first, &mut MovingStates::new(&first));
        let here = errors(&x);
        let moves: Vec<Vec<f64>> = (0..D)
            .map(|k| {
                let at = |by: f64| {
                    let mut x = x;
                    x[k] += by;
                    errors(&x)
                };
                let pairs = at(1e-6).into_iter().zip(at(-1e-6));
                pairs.map(|(a, b)| (a - b) / 2e-6).collect()
            })
            .collect();
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6 * (1.0 + b.abs());
        assert!(close(normal.squares, sum(&here, &here)));
        for i in 0..D {
            assert!(
                close(normal.gradient[i], sum(&here, &moves[i])),
                "{KIND} {i}"
            );
            for j in 0..=i {
                let expected = sum(&moves[i], &moves[j]);
                assert!(close(normal.curvature[i][j], expected), "{KIND} {i} {j}");
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_differences() {
        check::<NONE, 2>([1.2, 0.9]);
        check::<SIMPLE, 2>([1.2, 0.9]);
        check::<PARTIAL, 3>([1.2, 0.9, 0.2]);
        check::<FULL, 4>([1.2, 0.9, 1.1, 0.8]);
    }
}
