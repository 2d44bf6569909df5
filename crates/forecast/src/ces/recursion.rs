//! The recursion of complex exponential smoothing, compiled once for each kind of season.

/// Which states have a season.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CesSeason {
    /// None.
    None,
    /// The level itself: one a phase, and no other.
    Simple,
    /// A level, and an additive season of its own that does not grow.
    Partial,
    /// A level, and a season that is smoothed as it is.
    Full,
}

impl CesSeason {
    /// In the order in which they are tried.
    pub(super) const ALL: [Self; 4] = [Self::None, Self::Simple, Self::Partial, Self::Full];

    /// The number of states of a step.
    pub(super) const fn components(self) -> usize {
        match self {
            Self::None | Self::Simple => 2,
            Self::Partial => 3,
            Self::Full => 4,
        }
    }

    /// The number of parameters that information criteria count: the states and the variance.
    pub(super) const fn parameters(self) -> usize {
        self.components() + 1
    }
}

/// A complex smoothing parameter.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

/// A state and its information potential.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Pair {
    pub(super) value: f64,
    pub(super) potential: f64,
}

impl Pair {
    /// The next pair after an error.
    #[inline(always)]
    pub(super) fn after(self, by: Complex, error: f64) -> Self {
        Self {
            value: self.value - (1.0 - by.im) * self.potential + (by.re - by.im) * error,
            potential: self.value + (1.0 - by.re) * self.potential + (by.re + by.im) * error,
        }
    }
}

/// The step of a pair as weighted averages of the pair and the value that it met, which wait for the
/// least other results.
#[derive(Debug, Clone, Copy)]
struct Weights {
    /// Of the state, the potential and the value in the next state, and in the next potential.
    value: [f64; 3],
    potential: [f64; 3],
}

impl Weights {
    const fn of(by: Complex) -> Self {
        let (taken, turned) = (by.re - by.im, by.re + by.im);
        Self {
            value: [1.0 - taken, by.im - 1.0, taken],
            potential: [1.0 - turned, 1.0 - by.re, turned],
        }
    }

    #[inline(always)]
    fn after(&self, pair: Pair, met: f64) -> Pair {
        let mix = |[a, b, c]: [f64; 3]| a * pair.value + (b * pair.potential + c * met);
        Pair {
            value: mix(self.value),
            potential: mix(self.potential),
        }
    }
}

/// The states of a model: the level, and one pair a phase of the season, the first for the next step.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct States {
    pub(super) level: Pair,
    pub(super) season: Vec<Pair>,
}

/// The parameters: of the level (or of the level of each phase) and of the season, whose imaginary
/// part is not used where the season is partial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Smoothing {
    pub(super) level: Complex,
    pub(super) season: Complex,
}

const NONE: u8 = 0;
const SIMPLE: u8 = 1;
const PARTIAL: u8 = 2;
const FULL: u8 = 3;

/// Runs the model over the values, changing the states, and gives the sum of squared errors;
/// `seen(forecast, error)` is called for each.
pub(super) fn run(
    kind: CesSeason,
    values: &[f64],
    smoothing: Smoothing,
    states: &mut States,
    seen: impl FnMut(f64, f64),
) -> f64 {
    match kind {
        CesSeason::None => pass::<NONE>(values, smoothing, states, seen),
        CesSeason::Simple => pass::<SIMPLE>(values, smoothing, states, seen),
        CesSeason::Partial => pass::<PARTIAL>(values, smoothing, states, seen),
        CesSeason::Full => pass::<FULL>(values, smoothing, states, seen),
    }
}

/// Not inlined: one function a kind keeps its states in registers.
#[inline(never)]
fn pass<const SEASON: u8>(
    values: &[f64],
    smoothing: Smoothing,
    states: &mut States,
    mut seen: impl FnMut(f64, f64),
) -> f64 {
    let mut level = states.level;
    let mut squares = 0.0;
    let of_level = Weights::of(smoothing.level);
    let mut step = |y: f64, season: &mut Pair| {
        let s = season.value;
        // The value without its season, and what was expected of it.
        let (adjusted, expected) = match SEASON {
            NONE => (y, level.value),
            SIMPLE => (y, s),
            _ => (y - s, level.value),
        };
        let error = adjusted - expected;
        squares += error * error;
        seen(y - error, error);
        match SEASON {
            SIMPLE => *season = of_level.after(*season, adjusted),
            PARTIAL => season.value = s + smoothing.season.re * error,
            FULL => *season = season.after(smoothing.season, error),
            _ => {}
        }
        if SEASON != SIMPLE {
            level = of_level.after(level, adjusted);
        }
    };
    if SEASON == NONE {
        for &y in values {
            step(y, &mut Pair::default());
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
    squares
}

impl States {
    /// Turns time round: the states before the last value, seen backwards, when the model has run
    /// through all of them.
    ///
    /// The states go on by one more step (by one cycle for those of a season) without an error, and
    /// what comes last comes first.
    pub(super) fn reverse(&mut self, kind: CesSeason, smoothing: Smoothing) {
        if kind != CesSeason::Simple {
            self.level = self.level.after(smoothing.level, 0.0);
        }
        for pair in &mut self.season {
            match kind {
                CesSeason::Simple => *pair = pair.after(smoothing.level, 0.0),
                CesSeason::Full => *pair = pair.after(smoothing.season, 0.0),
                CesSeason::None | CesSeason::Partial => {}
            }
        }
        self.season.reverse();
    }
}
