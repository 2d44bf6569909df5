//! The recursion of the Theta models.

use crate::line::line;

/// A model with its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    dynamic: bool,
    /// The straight line of models that are not dynamic.
    intercept: f64,
    slope: f64,
    /// Before the first value.
    level: f64,
    pub(super) alpha: f64,
    pub(super) theta: f64,
}

/// After `count` values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct State {
    pub(super) count: f64,
    pub(super) level: f64,
    pub(super) mean: f64,
    pub(super) intercept: f64,
    pub(super) slope: f64,
    /// `(1 - alpha)` to the power `count`.
    pub(super) decay: f64,
}

/// A pass over the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// The sum of squared errors from the fourth on.
    pub(super) squares: f64,
    pub(super) last: State,
}

impl Form {
    /// For `values`, without parameters yet.
    pub(super) fn of(values: &[f64], dynamic: bool) -> Self {
        let [intercept, slope] = line(values);
        Self {
            dynamic,
            intercept,
            slope,
            level: 0.0,
            alpha: 0.5,
            theta: 2.0,
        }
    }

    pub(super) const fn with(mut self, level: f64, alpha: f64, theta: f64) -> Self {
        (self.level, self.alpha, self.theta) = (level, alpha, theta);
        self
    }
}

/// How much of the straight line a forecast takes, and how much of its slope.
#[inline(always)]
pub(super) fn weights(decay: f64, alpha: f64, theta: f64) -> (f64, f64) {
    let share = 1.0 - 1.0 / theta;
    (share * decay, share * (1.0 - decay * (1.0 - alpha)) / alpha)
}

/// The state after the first value, and the forecast of it.
fn start(form: &Form, first: f64) -> (State, f64) {
    let (intercept, slope, forecast) = if form.dynamic {
        (first, 0.0, first)
    } else {
        let share = 1.0 - 1.0 / form.theta;
        let line = form.intercept + form.slope;
        (form.intercept, form.slope, form.level + share * line)
    };
    let state = State {
        count: 1.0,
        level: form.alpha * first + (1.0 - form.alpha) * form.level,
        mean: first,
        intercept,
        slope,
        decay: 1.0 - form.alpha,
    };
    (state, forecast)
}

/// Runs the model over `values`, of which there is at least one, and calls `seen(forecast, error)`.
pub(super) fn run(values: &[f64], form: Form, mut seen: impl FnMut(f64, f64)) -> Pass {
    let (&first, rest) = values.split_first().unwrap_or((&0.0, &[]));
    let (mut state, forecast) = start(&form, first);
    seen(forecast, first - forecast);
    let share = 1.0 - 1.0 / form.theta;
    let (alpha, kept) = (form.alpha, 1.0 - form.alpha);
    let per_alpha = share / alpha;
    let mut squares = 0.0;
    for &y in rest {
        let line = share * state.intercept * state.decay
            + per_alpha * state.slope * (1.0 - state.decay * kept);
        let forecast = state.level + line;
        let error = y - forecast;
        seen(forecast, error);
        if state.count >= 3.0 {
            squares += error * error;
        }
        state.level = alpha * y + kept * state.level;
        state.decay *= kept;
        if form.dynamic {
            state.learn_line(y);
        }
        state.count += 1.0;
    }
    Pass {
        squares,
        last: state,
    }
}

impl State {
    /// Moves the straight line by the next value.
    #[inline(always)]
    pub(super) fn learn_line(&mut self, y: f64) {
        let i = self.count;
        let next = 1.0 / (i + 1.0);
        let mean = (i * self.mean + y) * next;
        self.slope = ((i - 1.0) * self.slope + 6.0 * (y - self.mean) * next) / (i + 2.0);
        self.intercept = mean - self.slope * (i + 2.0) / 2.0;
        self.mean = mean;
    }
}
