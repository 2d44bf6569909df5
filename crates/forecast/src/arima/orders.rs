//! The orders of a model and the sizes that follow from them.

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

/// The largest number of states: of covariances 8 MiB.
const MAX_STATES: usize = 1024;

/// The orders of a seasonal ARIMA model, `(p, d, q)(P, D, Q)s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Orders {
    /// Autoregressive order `p`, domain [0, 32].
    pub ar: usize,
    /// Number of differences `d`, domain [0, 4].
    pub diff: usize,
    /// Moving-average order `q`, domain [0, 32].
    pub ma: usize,
    /// Seasonal autoregressive order `P`, domain [0, 8].
    pub seasonal_ar: usize,
    /// Number of seasonal differences `D`, domain [0, 2].
    pub seasonal_diff: usize,
    /// Seasonal moving-average order `Q`, domain [0, 8].
    pub seasonal_ma: usize,
    /// Steps in a season `s`, 0 without one, else domain [2, 366] and larger than `p` and `q`.
    pub period: usize,
}

impl Orders {
    /// Without a season.
    #[must_use]
    pub const fn new(ar: usize, diff: usize, ma: usize) -> Self {
        Self {
            ar,
            diff,
            ma,
            seasonal_ar: 0,
            seasonal_diff: 0,
            seasonal_ma: 0,
            period: 0,
        }
    }

    /// With a season of `period` steps.
    #[must_use]
    pub const fn seasonal(mut self, ar: usize, diff: usize, ma: usize, period: usize) -> Self {
        self.seasonal_ar = ar;
        self.seasonal_diff = diff;
        self.seasonal_ma = ma;
        self.period = period;
        self
    }

    /// Checks every order.
    ///
    /// # Errors
    /// When one is outside its domain, the season is too short for the other orders, or the model
    /// needs more than 1024 states.
    pub fn validate(&self) -> Result<()> {
        check::count("p", self.ar, 0, 32)?;
        check::count("d", self.diff, 0, 4)?;
        check::count("q", self.ma, 0, 32)?;
        check::count("P", self.seasonal_ar, 0, 8)?;
        check::count("D", self.seasonal_diff, 0, 2)?;
        check::count("Q", self.seasonal_ma, 0, 8)?;
        if self.period == 0 {
            if self.seasonal_ar + self.seasonal_diff + self.seasonal_ma > 0 {
                return Err(Error::parameter("s", 0, "in [2, 366] with seasonal orders"));
            }
            return Ok(());
        }
        check::count("s", self.period, 2, 366)?;
        // A lag that both polynomials have would not be identified.
        let clash = |own: usize, seasonal: usize| seasonal > 0 && own >= self.period;
        if clash(self.ar, self.seasonal_ar) || clash(self.ma, self.seasonal_ma) {
            return Err(Error::parameter(
                "s",
                self.period,
                "larger than p and q where it has seasonal orders of the same kind",
            ));
        }
        check::count("the number of states", self.states(), 1, MAX_STATES)?;
        Ok(())
    }

    /// The largest autoregressive lag.
    pub(crate) const fn ar_lag(&self) -> usize {
        self.ar + self.period * self.seasonal_ar
    }

    /// The largest moving-average lag.
    pub(crate) const fn ma_lag(&self) -> usize {
        self.ma + self.period * self.seasonal_ma
    }

    /// The number of values that differencing takes.
    pub(crate) const fn burn(&self) -> usize {
        self.diff + self.period * self.seasonal_diff
    }

    /// The number of states of the stationary part.
    pub(crate) const fn arma_states(&self) -> usize {
        let (ar, ma) = (self.ar_lag(), self.ma_lag() + 1);
        if ar > ma { ar } else { ma }
    }

    /// The number of states.
    pub(crate) const fn states(&self) -> usize {
        self.burn() + self.arma_states()
    }

    /// The number of coefficients of the four polynomials.
    pub(crate) const fn coefficients(&self) -> usize {
        self.ar + self.ma + self.seasonal_ar + self.seasonal_ma
    }

    /// Coefficients in the order of the parameters: `p`, `q`, `P`, `Q` of them.
    pub(crate) fn split<'a, T>(&self, coefficients: &'a [T]) -> Factors<'a, T> {
        let (ar, rest) = cut(coefficients, self.ar);
        let (ma, rest) = cut(rest, self.ma);
        let (seasonal_ar, rest) = cut(rest, self.seasonal_ar);
        let (seasonal_ma, _) = cut(rest, self.seasonal_ma);
        Factors {
            ar,
            ma,
            seasonal_ar,
            seasonal_ma,
        }
    }

    /// `y` differenced `d` times and seasonally `D` times.
    pub(crate) fn difference(&self, y: &[f64]) -> Vec<f64> {
        let mut out = y.to_vec();
        let lags = std::iter::repeat_n(self.period, self.seasonal_diff)
            .chain(std::iter::repeat_n(1, self.diff));
        for lag in lags {
            let later = out.iter().skip(lag);
            out = later.zip(&out).map(|(b, a)| b - a).collect();
        }
        out
    }
}

impl std::fmt::Display for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({},{},{})", self.ar, self.diff, self.ma)?;
        if self.period > 0 {
            let (p, d, q) = (self.seasonal_ar, self.seasonal_diff, self.seasonal_ma);
            write!(f, "({p},{d},{q})[{}]", self.period)?;
        }
        Ok(())
    }
}

/// The coefficients of the four polynomials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factors<'a, T> {
    pub(crate) ar: &'a [T],
    pub(crate) ma: &'a [T],
    pub(crate) seasonal_ar: &'a [T],
    pub(crate) seasonal_ma: &'a [T],
}

fn cut<T>(values: &[T], at: usize) -> (&[T], &[T]) {
    values.split_at_checked(at).unwrap_or((values, &[]))
}
