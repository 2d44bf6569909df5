use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::scaling::{rescale, scaled};
use super::{Decomposition, check_cycles, check_period};
use crate::check;

/// How the parts of a series combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Season and residual are added to the trend.
    #[default]
    Additive,
    /// Season and residual multiply the trend; for values above 0.
    Multiplicative,
}

/// Whether the trend is continued to the ends, where no whole period surrounds a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extrapolation {
    /// The trend is NaN there, and so is the residual.
    #[default]
    None,
    /// A line through as many trend points as the period has.
    Period,
    /// A line through this many trend points and one more.
    Points(usize),
}

/// Configuration of the classical decomposition by a moving average.
///
/// The trend is the average over a period (an even one with half weights at both ends), centred or
/// over the past. The season is the mean of what is left at each phase, shifted to mean 0 (divided
/// to mean 1 when multiplicative).
///
/// Results equal those of `seasonal_decompose` of statsmodels 0.15, NaN ends alike.
///
/// Cost: O(n) time and memory.
///
/// Source: Kendall & Stuart 1966, *The Advanced Theory of Statistics* 3, chapter 46.
///
/// ```
/// use bongsu_stats::decompose::Classical;
/// let values: Vec<f64> = (0..12).map(|i| [1.0, 0.0, -1.0][i % 3] + i as f64).collect();
/// let parts = Classical::new(3)?.decompose(&values)?;
/// assert!((parts.seasonal[3] - 1.0).abs() < 1e-12 && (parts.trend[3] - 3.0).abs() < 1e-12);
/// assert!(parts.trend[0].is_nan());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classical {
    period: usize,
    #[serde(default)]
    model: Model,
    #[serde(default = "yes")]
    two_sided: bool,
    #[serde(default)]
    extrapolation: Extrapolation,
}

fn yes() -> bool {
    true
}

impl Classical {
    /// Additive, centred, for a season of `period` points. Domain: at least 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(period: usize) -> Result<Self> {
        Ok(Self {
            period: check_period(period)?,
            model: Model::Additive,
            two_sided: true,
            extrapolation: Extrapolation::None,
        })
    }

    /// How the parts combine. Default: [`Model::Additive`].
    #[must_use]
    pub const fn model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// Whether the moving average is centred, or looks at the past alone. Default: centred.
    #[must_use]
    pub const fn two_sided(mut self, two_sided: bool) -> Self {
        self.two_sided = two_sided;
        self
    }

    /// Whether the trend is continued to the ends. Default: [`Extrapolation::None`].
    #[must_use]
    pub const fn extrapolate(mut self, extrapolation: Extrapolation) -> Self {
        self.extrapolation = extrapolation;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check_period(self.period)?;
        Ok(())
    }

    /// Takes `values` apart.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not finite (or not above 0 where the
    /// model is multiplicative), there are fewer than two cycles, or an extrapolated trend reaches 0
    /// where the model is multiplicative.
    pub fn decompose(&self, values: &[f64]) -> Result<Decomposition> {
        self.validate()?;
        check::finite_rows(values)?;
        let multiplicative = self.model == Model::Multiplicative;
        if multiplicative && let Some(row) = values.iter().position(|&x| x <= 0.0) {
            return Err(Error::input(format!(
                "the value in row {row} is not above 0, as a multiplicative season needs"
            )));
        }
        check_cycles("a seasonal decomposition", self.period, values.len())?;
        let (values, factor) = scaled(values);
        let mut trend = self.moving_average(&values);
        match self.extrapolation {
            Extrapolation::None => {}
            Extrapolation::Period => extrapolate(&mut trend, self.period),
            Extrapolation::Points(points) if points > 0 => {
                extrapolate(&mut trend, points.saturating_add(1));
            }
            Extrapolation::Points(_) => {}
        }
        let pairs = values.iter().zip(&trend);
        let mut residual: Vec<f64> = if multiplicative {
            pairs.map(|(x, t)| x / t).collect()
        } else {
            pairs.map(|(x, t)| x - t).collect()
        };
        let cycle = self.cycle(&residual);
        // A multiplicative season divides by the trend, and a line may lead it through 0.
        if !cycle.iter().all(|x| x.is_finite()) {
            return Err(Error::input(
                "the extrapolated trend reaches 0, by which a multiplicative season is divided",
            ));
        }
        let mut seasonal: Vec<f64> = cycle.iter().copied().cycle().take(values.len()).collect();
        let triples = residual.iter_mut().zip(&seasonal).zip(&values).zip(&trend);
        for (((residual, season), x), trend) in triples {
            *residual = if multiplicative {
                x / season / trend
            } else {
                *residual - season
            };
        }
        rescale([&mut trend], factor);
        if !multiplicative {
            rescale([&mut seasonal, &mut residual], factor);
        }
        Ok(Decomposition {
            seasonal,
            trend,
            residual,
            weights: vec![1.0; values.len()],
        })
    }

    /// The mean over a period around (or before) each row; NaN where there is no whole one.
    fn moving_average(&self, values: &[f64]) -> Vec<f64> {
        let (n, period) = (values.len(), self.period);
        // An even period has one point more, and half weights at both ends.
        let taps = period + usize::from(period.is_multiple_of(2));
        let mut trend = vec![f64::NAN; n];
        let first = if self.two_sided { taps / 2 } else { taps - 1 };
        let slots = trend.get_mut(first..).unwrap_or_default();
        // Sums of whole windows start afresh now and then, so that rounding does not build up.
        let starts = (0..).step_by(AFRESH);
        for (start, slots) in starts.zip(slots.chunks_mut(AFRESH)) {
            let window = values.get(start..start + period).unwrap_or_default();
            let mut sum: f64 = window.iter().sum();
            let from = values.get(start..).unwrap_or_default();
            let entering = from.get(period..).unwrap_or_default();
            if taps == period {
                let entering = entering.iter().copied().chain([0.0]);
                for ((slot, leaving), entering) in slots.iter_mut().zip(from).zip(entering) {
                    *slot = sum / period as f64;
                    sum += entering - leaving;
                }
            } else {
                for ((slot, leaving), entering) in slots.iter_mut().zip(from).zip(entering) {
                    *slot = (sum + 0.5 * (entering - leaving)) / period as f64;
                    sum += entering - leaving;
                }
            }
            // Rows past the last whole window keep their NaN: the zips ended before them.
        }
        trend
    }

    /// The mean at each phase, about their own mean.
    fn cycle(&self, detrended: &[f64]) -> Vec<f64> {
        let period = self.period;
        let (mut sums, mut counts) = (vec![0.0; period], vec![0.0; period]);
        for row in detrended.chunks(period) {
            for ((sum, count), x) in sums.iter_mut().zip(&mut counts).zip(row) {
                if !x.is_nan() {
                    *sum += x;
                    *count += 1.0;
                }
            }
        }
        let mut cycle: Vec<f64> = sums.iter().zip(&counts).map(|(s, c)| s / c).collect();
        let mean = cycle.iter().sum::<f64>() / period as f64;
        for x in &mut cycle {
            *x = match self.model {
                Model::Additive => *x - mean,
                Model::Multiplicative => *x / mean,
            };
        }
        cycle
    }
}

/// Rows after which the sum of a window is summed anew.
const AFRESH: usize = 4096;

/// Replaces the NaN at both ends by lines fitted to the nearest `points` numbers.
pub(crate) fn extrapolate(trend: &mut [f64], points: usize) {
    let known = |x: &f64| !x.is_nan();
    let (Some(front), Some(back)) = (trend.iter().position(known), trend.iter().rposition(known))
    else {
        return;
    };
    // The last known point is left out on both sides, as the reference does.
    let front_end = front.saturating_add(points).min(back);
    let back_start = back.saturating_sub(points).max(front);
    for (fit, fill) in [
        (front..front_end, 0..front),
        (back_start..back, back + 1..trend.len()),
    ] {
        let Some((slope, level, middle)) = line(trend.get(fit.clone()).unwrap_or_default()) else {
            continue;
        };
        let middle = fit.start as f64 + middle;
        let first = fill.start;
        let slots = trend.get_mut(fill).unwrap_or_default();
        for (i, slot) in slots.iter_mut().enumerate() {
            *slot = level + slope * ((first + i) as f64 - middle);
        }
    }
}

/// The least-squares line: its slope, its level in the middle, and where that is.
fn line(values: &[f64]) -> Option<(f64, f64, f64)> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let (middle, level) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
    let (mut along, mut squares) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let distance = i as f64 - middle;
        along += distance * (value - level);
        squares += distance * distance;
    }
    let slope = if squares > 0.0 { along / squares } else { 0.0 };
    Some((slope, level, middle))
}
