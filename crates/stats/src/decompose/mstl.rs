use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::scaling::{rescale, scaled};
use super::stl::{Engine, Smoothing};
use super::{check_cycles, check_period};
use crate::check;

/// Whether values are transformed before they are taken apart: `(x^lambda - 1) / lambda`, the
/// logarithm for 0. For values above 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxCox {
    /// They are not.
    #[default]
    None,
    /// With this lambda; domain [-5, 5].
    Lambda(f64),
    /// With the lambda in [-5, 5] under which they are most likely normal.
    Auto,
}

/// A series taken apart into several seasons, a trend and a residual, whose sum it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MultiDecomposition {
    /// The periods in points, shortest first.
    pub periods: Vec<usize>,
    /// The season of each period, one number a row.
    pub seasonals: Vec<Vec<f64>>,
    /// The slow part, one number a row.
    pub trend: Vec<f64>,
    /// What is left, one number a row.
    pub residual: Vec<f64>,
    /// How much each row counted in the last pass of a robust fit, in [0, 1]; 1 otherwise.
    pub weights: Vec<f64>,
    /// The lambda of the Box-Cox transform, when there was one; the parts are those of the
    /// transformed values.
    pub lambda: Option<f64>,
}

/// Configuration of the decomposition into several seasons.
///
/// Seasons are found one after another by [`super::Stl`], shortest first, each in what the others
/// leave; a second round improves them. The trend is that of the longest season.
///
/// Results equal those of `MSTL` of statsmodels 0.15 to 1e-8 of the series' scale. It drops
/// periods of half the series or more with a warning; here those longer than half are an error.
///
/// Cost: that of [`super::Stl`] times the seasons and rounds.
///
/// Source: Bandara, Hyndman & Bergmeir 2021, <https://arxiv.org/abs/2107.13462>.
///
/// ```
/// use bongsu_stats::decompose::Mstl;
/// let wave = |i: usize| [2.0, 0.0, -2.0][i % 3] + if i % 21 < 3 { 5.0 } else { 0.0 };
/// let values: Vec<f64> = (0..210).map(wave).collect();
/// let parts = Mstl::new(&[3, 21])?.decompose(&values)?;
/// assert_eq!(parts.seasonals.len(), 2);
/// assert!((parts.seasonals[0][100] - wave(100)).abs() < 0.8);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mstl {
    /// Periods and seasonal windows, shortest period first.
    seasons: Vec<(usize, usize)>,
    #[serde(default = "two")]
    iterate: usize,
    #[serde(default)]
    box_cox: BoxCox,
    #[serde(default)]
    smoothing: Smoothing,
}

fn two() -> usize {
    2
}

/// The most seasons.
const MAX_SEASONS: usize = 16;

/// The most rounds.
const MAX_ROUNDS: usize = 100;

impl Mstl {
    /// The defaults for seasons of these periods in points: windows of 11, 15, 19, ... cycles from
    /// the shortest on, two rounds. Domain: 1 to 16 different periods of at least 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(periods: &[usize]) -> Result<Self> {
        let mut periods = periods.to_vec();
        periods.sort_unstable();
        let windows = (0..).map(|i| 11 + 4 * i);
        let this = Self {
            seasons: periods.into_iter().zip(windows).collect(),
            iterate: 2,
            box_cox: BoxCox::None,
            smoothing: Smoothing::default(),
        };
        this.validate()?;
        Ok(this)
    }

    /// The windows of the seasonal smoothers in cycles, shortest period first. Domain: as many as
    /// periods, odd, at least 3. Default: 11, 15, 19, ...
    ///
    /// # Errors
    /// When outside the domain.
    pub fn windows(mut self, cycles: &[usize]) -> Result<Self> {
        if cycles.len() != self.seasons.len() {
            return Err(Error::shape(
                "number of windows",
                cycles.len(),
                self.seasons.len(),
            ));
        }
        for ((_, window), &cycles) in self.seasons.iter_mut().zip(cycles) {
            *window = cycles;
        }
        self.validate()?;
        Ok(self)
    }

    /// The rounds over all seasons; a single season takes one. Domain: [1, 100]. Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn iterate(mut self, rounds: usize) -> Result<Self> {
        self.iterate = rounds;
        self.validate()?;
        Ok(self)
    }

    /// Whether values are transformed first. Default: [`BoxCox::None`].
    ///
    /// # Errors
    /// When lambda is outside its domain.
    pub fn box_cox(mut self, transform: BoxCox) -> Result<Self> {
        self.box_cox = transform;
        self.validate()?;
        Ok(self)
    }

    /// Whether rows with large residuals lose their weight. Default: no.
    #[must_use]
    pub const fn robust(mut self, robust: bool) -> Self {
        self.smoothing.set_robust(robust);
        self
    }

    /// Whether each smoother fits constants (0) or lines (1): of seasons, trend and low-pass
    /// filters. Default: 1 each.
    ///
    /// # Errors
    /// When one is neither 0 nor 1.
    pub fn degrees(mut self, seasonal: u8, trend: u8, low_pass: u8) -> Result<Self> {
        self.smoothing.set_degrees(seasonal, trend, low_pass)?;
        Ok(self)
    }

    /// The passes of the inner loop of each decomposition. Domain: [1, 1000]. Default: 2 when
    /// robust, otherwise 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn inner_iter(mut self, count: usize) -> Result<Self> {
        self.smoothing.set_inner(count)?;
        Ok(self)
    }

    /// The passes of the outer loop of each decomposition. Domain: [0, 1000]. Default: 15 when
    /// robust, otherwise 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn outer_iter(mut self, count: usize) -> Result<Self> {
        self.smoothing.set_outer(count)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        let count = self.seasons.len();
        if !(1..=MAX_SEASONS).contains(&count) {
            return Err(Error::shape("number of periods", count, MAX_SEASONS));
        }
        for &(period, window) in &self.seasons {
            check_period(period)?;
            self.smoothing_with(window)?.validate(period)?;
        }
        for (a, b) in self.seasons.iter().zip(self.seasons.iter().skip(1)) {
            if a.0 >= b.0 {
                return Err(Error::parameter(
                    "periods",
                    format!("{} and {}", a.0, b.0),
                    "different, shortest first",
                ));
            }
        }
        if !(1..=MAX_ROUNDS).contains(&self.iterate) {
            return Err(Error::parameter(
                "iterate",
                self.iterate,
                format!("in [1, {MAX_ROUNDS}]"),
            ));
        }
        match self.box_cox {
            BoxCox::Lambda(lambda) if !(LAMBDAS.0..=LAMBDAS.1).contains(&lambda) => {
                Err(Error::parameter("lmbda", lambda, "in [-5, 5]"))
            }
            _ => Ok(()),
        }
    }

    /// Takes `values` apart.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not finite (or not above 0 where it is
    /// to be transformed), or there are fewer than two cycles of the longest season.
    pub fn decompose(&self, values: &[f64]) -> Result<MultiDecomposition> {
        self.validate()?;
        check::finite_rows(values)?;
        for &(period, _) in &self.seasons {
            check_cycles("MSTL", period, values.len())?;
        }
        let (transformed, lambda) = self.box_cox.apply(values)?;
        let (mut rest, factor) = scaled(&transformed);
        let mut engines = Vec::new();
        for &(period, window) in &self.seasons {
            engines.push(Engine::new(
                rest.len(),
                period,
                &self.smoothing_with(window)?,
            )?);
        }
        let mut seasonals = vec![vec![0.0; rest.len()]; engines.len()];
        let (mut trend, mut weights) = (Vec::new(), Vec::new());
        let rounds = if engines.len() == 1 { 1 } else { self.iterate };
        for _ in 0..rounds {
            for (engine, seasonal) in engines.iter_mut().zip(&mut seasonals) {
                add(&mut rest, seasonal, 1.0);
                let parts = engine.run(&rest)?;
                add(&mut rest, &parts.seasonal, -1.0);
                *seasonal = parts.seasonal;
                (trend, weights) = (parts.trend, parts.weights);
            }
        }
        let mut residual = rest;
        add(&mut residual, &trend, -1.0);
        rescale(
            seasonals.iter_mut().chain([&mut trend, &mut residual]),
            factor,
        );
        Ok(MultiDecomposition {
            periods: self.seasons.iter().map(|&(period, _)| period).collect(),
            seasonals,
            trend,
            residual,
            weights,
            lambda,
        })
    }

    fn smoothing_with(&self, window: usize) -> Result<Smoothing> {
        let mut smoothing = self.smoothing.clone();
        smoothing.set_seasonal(window)?;
        Ok(smoothing)
    }
}

fn add(to: &mut [f64], values: &[f64], sign: f64) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += sign * value;
    }
}

/// Lambdas that are allowed and searched.
const LAMBDAS: (f64, f64) = (-5.0, 5.0);

impl BoxCox {
    /// The transformed values and the lambda.
    fn apply(self, values: &[f64]) -> Result<(Vec<f64>, Option<f64>)> {
        if self == Self::None {
            return Ok((values.to_vec(), None));
        }
        if let Some(row) = values.iter().position(|&x| x <= 0.0) {
            return Err(Error::input(format!(
                "the value in row {row} is not above 0, as a Box-Cox transform needs"
            )));
        }
        let lambda = match self {
            Self::Lambda(lambda) => lambda,
            Self::Auto | Self::None => most_likely_lambda(values)?,
        };
        let transformed: Vec<f64> = values.iter().map(|&x| transform(x, lambda)).collect();
        if let Some(row) = transformed.iter().position(|x| !x.is_finite()) {
            return Err(Error::input(format!(
                "the value in row {row} overflows in a Box-Cox transform with lambda {lambda}"
            )));
        }
        Ok((transformed, Some(lambda)))
    }
}

fn transform(x: f64, lambda: f64) -> f64 {
    if lambda == 0.0 {
        x.ln()
    } else {
        (lambda * x.ln()).exp_m1() / lambda
    }
}

/// The lambda under which the transformed values, over a power of their geometric mean that makes
/// them comparable, vary least: a golden-section search.
fn most_likely_lambda(values: &[f64]) -> Result<f64> {
    let n = values.len() as f64;
    let logs: Vec<f64> = values.iter().map(|x| x.ln()).collect();
    let mean = logs.iter().sum::<f64>() / n;
    let logs: Vec<f64> = logs.iter().map(|x| x - mean).collect();
    if logs.iter().all(|&x| x == 0.0) {
        return Err(Error::input(
            "values that are all alike have no most likely Box-Cox transform",
        ));
    }
    let spread = |lambda: f64| {
        let value = |x: &f64| {
            if lambda == 0.0 {
                *x
            } else {
                (lambda * x).exp_m1() / lambda
            }
        };
        let mean = logs.iter().map(value).sum::<f64>() / n;
        let squares: f64 = logs.iter().map(|x| (value(x) - mean).powi(2)).sum();
        if squares.is_nan() {
            f64::INFINITY
        } else {
            squares
        }
    };
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = LAMBDAS;
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (spread(a), spread(b));
    while high - low > 1e-9 {
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = spread(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = spread(b);
        }
    }
    Ok(f64::midpoint(low, high))
}
