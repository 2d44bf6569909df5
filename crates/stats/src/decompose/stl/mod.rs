//! STL: season and trend by LOESS.

mod cycles;
mod engine;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::scaling::{rescale, scaled};
use super::{Decomposition, check_cycles, check_period};
use crate::check;

pub(super) use engine::Engine;

/// Configuration of the decomposition into season and trend by locally weighted regression.
///
/// Each inner pass smooths every cycle-subseries of `y - trend` by LOESS, removes what a low-pass
/// filter (three moving averages and a LOESS) finds in it, and smooths `y - seasonal` by LOESS to
/// a new trend. Each outer pass weighs the rows by the bisquare of their residual over 6 times the
/// median absolute residual, so that outliers lose their say.
///
/// Results equal those of statsmodels 0.15 to 1e-8 of the series' scale.
///
/// Cost: O(n log n) time a pass (windows cost nothing while they are shorter than the series), or
/// O(n^2) where a window holds the whole series; O(n) memory and at most 24 MiB of weights.
///
/// Source: Cleveland, Cleveland, `McRae` & Terpenning 1990, *Journal of Official Statistics* 6, 3-73.
///
/// ```
/// use bongsu_stats::decompose::Stl;
/// let season = [3.0, 1.0, -1.0, -3.0];
/// let values: Vec<f64> = (0..40).map(|i| season[i % 4] + 0.5 * i as f64).collect();
/// let parts = Stl::new(4)?.decompose(&values)?;
/// assert!((parts.seasonal[20] - 3.0).abs() < 1e-9);
/// assert!((parts.trend[20] - 10.0).abs() < 1e-9);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stl {
    period: usize,
    #[serde(default)]
    smoothing: Smoothing,
}

/// Everything about STL but the period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Smoothing {
    seasonal: Pass,
    trend: Pass,
    low_pass: Pass,
    robust: bool,
    inner: Option<usize>,
    outer: Option<usize>,
}

/// One of the three LOESS smoothers; no window means the default one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pass {
    window: Option<usize>,
    degree: u8,
    jump: usize,
}

impl Default for Pass {
    fn default() -> Self {
        Self {
            window: None,
            degree: 1,
            jump: 1,
        }
    }
}

impl Default for Smoothing {
    fn default() -> Self {
        Self {
            seasonal: Pass {
                window: Some(7),
                ..Pass::default()
            },
            trend: Pass::default(),
            low_pass: Pass::default(),
            robust: false,
            inner: None,
            outer: None,
        }
    }
}

/// The most passes of a loop.
const MAX_PASSES: usize = 1_000;

impl Smoothing {
    pub(super) fn set_seasonal(&mut self, window: usize) -> Result<()> {
        self.seasonal.window = Some(odd("seasonal", window, 3)?);
        Ok(())
    }

    pub(super) fn set_degrees(&mut self, seasonal: u8, trend: u8, low_pass: u8) -> Result<()> {
        self.seasonal.degree = degree("seasonal", seasonal)?;
        self.trend.degree = degree("trend", trend)?;
        self.low_pass.degree = degree("low_pass", low_pass)?;
        Ok(())
    }

    pub(super) fn set_inner(&mut self, count: usize) -> Result<()> {
        self.inner = Some(passes("inner_iter", count, 1)?);
        Ok(())
    }

    pub(super) fn set_outer(&mut self, count: usize) -> Result<()> {
        self.outer = Some(passes("outer_iter", count, 0)?);
        Ok(())
    }

    pub(super) const fn set_robust(&mut self, robust: bool) {
        self.robust = robust;
    }

    pub(super) fn validate(&self, period: usize) -> Result<()> {
        check_period(period)?;
        odd("seasonal", self.seasonal_window(), 3)?;
        odd("trend", self.trend_window(period), period.saturating_add(1))?;
        odd(
            "low_pass",
            self.low_pass_window(period),
            period.saturating_add(1),
        )?;
        for (name, pass) in [
            ("seasonal", &self.seasonal),
            ("trend", &self.trend),
            ("low_pass", &self.low_pass),
        ] {
            degree(name, pass.degree)?;
            jump(name, pass.jump)?;
        }
        passes("inner_iter", self.inner(), 1)?;
        passes("outer_iter", self.outer(), 0)?;
        Ok(())
    }

    fn seasonal_window(&self) -> usize {
        self.seasonal.window.unwrap_or(7)
    }

    fn trend_window(&self, period: usize) -> usize {
        self.trend.window.unwrap_or_else(|| {
            let span = 1.5 * period as f64 / (1.0 - 1.5 / self.seasonal_window() as f64);
            span.ceil() as usize | 1
        })
    }

    fn low_pass_window(&self, period: usize) -> usize {
        self.low_pass
            .window
            .unwrap_or_else(|| period.saturating_add(1) | 1)
    }

    fn inner(&self) -> usize {
        self.inner.unwrap_or(if self.robust { 2 } else { 5 })
    }

    fn outer(&self) -> usize {
        self.outer.unwrap_or(if self.robust { 15 } else { 0 })
    }
}

impl Stl {
    /// The defaults for a season of `period` points: seasonal window 7, straight lines
    /// everywhere, not robust. Domain: at least 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(period: usize) -> Result<Self> {
        Ok(Self {
            period: check_period(period)?,
            smoothing: Smoothing::default(),
        })
    }

    /// Whether rows with large residuals lose their weight. Default: no.
    #[must_use]
    pub const fn robust(mut self, robust: bool) -> Self {
        self.smoothing.set_robust(robust);
        self
    }

    /// The window of the seasonal smoother in cycles: the longer, the more alike the cycles.
    /// Domain: odd, at least 3. Default: 7.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn seasonal(mut self, cycles: usize) -> Result<Self> {
        self.smoothing.set_seasonal(cycles)?;
        Ok(self)
    }

    /// The window of the trend smoother in points. Domain: odd, longer than the period. Default:
    /// the least odd number of at least `1.5 period / (1 - 1.5 / seasonal)`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn trend(mut self, points: usize) -> Result<Self> {
        self.smoothing.trend.window = Some(odd("trend", points, self.period.saturating_add(1))?);
        Ok(self)
    }

    /// The window of the low-pass filter in points. Domain: odd, longer than the period. Default:
    /// the least of these.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn low_pass(mut self, points: usize) -> Result<Self> {
        self.smoothing.low_pass.window =
            Some(odd("low_pass", points, self.period.saturating_add(1))?);
        Ok(self)
    }

    /// Whether each smoother fits constants (0) or lines (1): of season, trend and low-pass
    /// filter. Default: 1 each.
    ///
    /// # Errors
    /// When one is neither 0 nor 1.
    pub fn degrees(mut self, seasonal: u8, trend: u8, low_pass: u8) -> Result<Self> {
        self.smoothing.set_degrees(seasonal, trend, low_pass)?;
        Ok(self)
    }

    /// How many points each smoother moves on before it estimates again; values in between are
    /// interpolated. Domain: at least 1. Default: 1 each, which is also the fastest here unless a
    /// window is about as long as the series.
    ///
    /// # Errors
    /// When one is 0.
    pub fn jumps(mut self, seasonal: usize, trend: usize, low_pass: usize) -> Result<Self> {
        self.smoothing.seasonal.jump = jump("seasonal", seasonal)?;
        self.smoothing.trend.jump = jump("trend", trend)?;
        self.smoothing.low_pass.jump = jump("low_pass", low_pass)?;
        Ok(self)
    }

    /// The passes of the inner loop. Domain: [1, 1000]. Default: 2 when robust, otherwise 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn inner_iter(mut self, count: usize) -> Result<Self> {
        self.smoothing.set_inner(count)?;
        Ok(self)
    }

    /// The passes of the outer loop, each of which weighs the rows anew, whether robust or not.
    /// Domain: [0, 1000]. Default: 15 when robust, otherwise 0.
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
        self.smoothing.validate(self.period)
    }

    /// Takes `values` apart.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not finite, or there are fewer than two
    /// cycles.
    pub fn decompose(&self, values: &[f64]) -> Result<Decomposition> {
        self.validate()?;
        check::finite_rows(values)?;
        check_cycles("STL", self.period, values.len())?;
        let (values, factor) = scaled(values);
        let mut parts = Engine::new(values.len(), self.period, &self.smoothing)?.run(&values)?;
        rescale(
            [&mut parts.seasonal, &mut parts.trend, &mut parts.residual],
            factor,
        );
        Ok(parts)
    }
}

fn odd(name: &str, window: usize, least: usize) -> Result<usize> {
    if window >= least && window % 2 == 1 {
        Ok(window)
    } else {
        Err(Error::parameter(
            name,
            window,
            format!("odd and at least {least}"),
        ))
    }
}

fn degree(name: &str, degree: u8) -> Result<u8> {
    if degree <= 1 {
        Ok(degree)
    } else {
        Err(Error::parameter(
            format!("{name}_deg"),
            degree,
            "0 (constant) or 1 (line)",
        ))
    }
}

fn jump(name: &str, points: usize) -> Result<usize> {
    if points >= 1 {
        Ok(points)
    } else {
        Err(Error::parameter(
            format!("{name}_jump"),
            points,
            "a number of points of at least 1",
        ))
    }
}

fn passes(name: &str, count: usize, least: usize) -> Result<usize> {
    if (least..=MAX_PASSES).contains(&count) {
        Ok(count)
    } else {
        Err(Error::parameter(
            name,
            count,
            format!("in [{least}, {MAX_PASSES}]"),
        ))
    }
}
