use serde::{Deserialize, Serialize};

use crate::peaks::Peaks;
use crate::{Error, Result, Snapshot};

/// How raw scores become calibrated ones: 0 as expected, 1 at the bound, above 1 anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibration {
    /// The bound is this raw score, and a raw score of 0 is as expected. Domain: finite, above 0.
    Threshold(f64),
    /// The bound is the quantile of the fitted scores that leaves this share above it.
    /// Domain: (0, 0.5].
    Contamination(f64),
    /// Conformal: at most this share of exchangeable normal scores is called anomalous, whatever
    /// their distribution. Domain: (0, 0.5].
    FalseAlarmRate(f64),
    /// Extreme value theory (SPOT): the bound is the score that a normal point exceeds with
    /// probability `risk`, extrapolated from the tail of the fitted scores, and
    /// [`Calibrator::observe`] keeps it up to date.
    ///
    /// The excesses over the `level` quantile `t` are taken as generalised Pareto with shape `g` and
    /// scale `s`, fitted by maximum likelihood; with `N` of `n` scores above `t` the bound is
    /// `t + s/g ((risk n / N)^-g - 1)`. What is as expected is the median.
    ///
    /// Source: Siffer et al. 2017, <https://doi.org/10.1145/3097983.3098144>.
    PeaksOverThreshold {
        /// The share of scores below the initial threshold. Domain: [0.5, 1). Default: 0.98.
        #[serde(default = "default_level")]
        level: f64,
        /// The share of normal points above the bound. Domain: (0, 1 - level). Default: 0.001.
        #[serde(default = "default_risk")]
        risk: f64,
        /// With a depth `d` above 0 scores are judged by their distance from the mean of the `d`
        /// scores before them (DSPOT), for scores whose normal height drifts. Domain: at most
        /// 100000. Default: 0.
        #[serde(default)]
        depth: usize,
    },
}

const fn default_level() -> f64 {
    0.98
}

const fn default_risk() -> f64 {
    1e-3
}

impl Calibration {
    /// Peaks over threshold with its defaults: level 0.98, risk 0.001, no drift.
    #[must_use]
    pub const fn peaks_over_threshold() -> Self {
        Self::PeaksOverThreshold {
            level: default_level(),
            risk: default_risk(),
            depth: 0,
        }
    }

    /// Fits the mapping to `scores`, raw scores of data taken as mostly normal, in any order (in
    /// that of time for peaks over threshold with a depth). [`Calibration::Threshold`] needs none.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a score is not finite, or there are too few: none
    /// for a contamination, fewer than `1/r` for a false-alarm rate `r`, fewer than
    /// `depth + 10 / (1 - level)` for peaks over threshold.
    ///
    /// Cost: O(n log n) time; the conformal mapping keeps the n scores, peaks over threshold at
    /// most 1,000 excesses and `depth` scores.
    pub fn fit(&self, scores: &[f64]) -> Result<Calibrator> {
        match *self {
            Self::Threshold(bound) => Calibrator::threshold(bound),
            Self::Contamination(share) => {
                let share = share_parameter("contamination", share)?;
                let sorted = sorted_finite(scores)?;
                let (center, bound) = (quantile(&sorted, 0.5), quantile(&sorted, 1.0 - share));
                Ok(Calibrator(Mapping::linear(center, bound)))
            }
            Self::FalseAlarmRate(rate) => {
                let rate = share_parameter("false_alarm_rate", rate)?;
                let sorted = sorted_finite(scores)?;
                let needed = (1.0 / rate).ceil() as usize;
                if sorted.len() < needed {
                    return Err(Error::not_enough_data(
                        format!("a false-alarm rate of {rate}"),
                        needed,
                        sorted.len(),
                    ));
                }
                Ok(Calibrator(Mapping::Conformal { rate, sorted }))
            }
            Self::PeaksOverThreshold { level, risk, depth } => {
                let peaks = Peaks::fit(scores, level, risk, depth)?;
                Ok(Calibrator(Mapping::Peaks(peaks)))
            }
        }
    }
}

/// A fitted mapping from raw to calibrated scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibrator(Mapping);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Mapping {
    Linear { center: f64, bound: f64 },
    Conformal { rate: f64, sorted: Vec<f64> },
    Peaks(Peaks),
}

impl Mapping {
    fn linear(center: f64, bound: f64) -> Self {
        Self::Linear { center, bound }
    }
}

impl Calibrator {
    /// The bound is the raw score `bound`, and 0 is as expected.
    ///
    /// # Errors
    /// When `bound` is not finite or not above 0.
    pub fn threshold(bound: f64) -> Result<Self> {
        if bound.is_finite() && bound > 0.0 {
            Ok(Self(Mapping::linear(0.0, bound)))
        } else {
            Err(Error::parameter("threshold", bound, "finite and above 0"))
        }
    }

    /// The bound is the raw score `bound`, and `center` or below is as expected, for methods whose
    /// normal scores lie far from 0, or below it.
    ///
    /// ```
    /// use bongsu_core::Calibrator;
    /// let calibrator = Calibrator::between(-2.0, -1.0)?;
    /// assert_eq!(calibrator.calibrate(-1.5), 0.5);
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When one of them is not finite, or `center` lies above `bound`.
    pub fn between(center: f64, bound: f64) -> Result<Self> {
        if center <= bound && (bound - center).is_finite() {
            Ok(Self(Mapping::linear(center, bound)))
        } else {
            Err(Error::parameter(
                "threshold",
                bound,
                format!("finite and at least the score {center} of what is as expected"),
            ))
        }
    }

    /// The calibrated score of a raw one. Never below 0; an infinite raw score stays infinite.
    #[must_use]
    pub fn calibrate(&self, raw: f64) -> f64 {
        match &self.0 {
            &Mapping::Linear { center, bound } => linear(raw, center, bound),
            Mapping::Peaks(peaks) => linear(raw, peaks.center(), peaks.bound()),
            Mapping::Conformal { rate, sorted } => {
                let at_least = sorted.len() - sorted.partition_point(|&score| score < raw);
                let p = (at_least + 1) as f64 / (sorted.len() + 1) as f64;
                p.ln() / rate.ln()
            }
        }
    }

    /// Learns a raw score from the stream. Only peaks over threshold do.
    ///
    /// A score above the bound is not learned, so that anomalies do not raise it; only that there
    /// was one is remembered, and counts as an observation known to lie beyond the bound, at most
    /// three times as often as the risk says. Without that the bound would sink from fit to fit,
    /// since normal scores above it would go missing too. A score that is not finite is ignored.
    ///
    /// Cost: O(depth) time; when the score is a peak, now and then a fit to at most 1,000 excesses
    /// (each time 2 % of them are new). Memory does not grow beyond 1,000 excesses, the latest.
    ///
    /// ```
    /// use bongsu_core::Calibration;
    /// let scores: Vec<f64> = (0..1_000).map(|i| f64::from(i % 100)).collect();
    /// let mut calibrator = Calibration::peaks_over_threshold().fit(&scores)?;
    /// let bound = calibrator.bound().unwrap();
    /// calibrator.observe(bound + 1.0);
    /// assert_eq!(calibrator.bound(), Some(bound), "an anomaly does not raise it");
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn observe(&mut self, raw: f64) {
        if let Mapping::Peaks(peaks) = &mut self.0 {
            peaks.observe(raw);
        }
    }

    /// The raw score that calibrates to 1; `None` for the conformal mapping, which has steps.
    #[must_use]
    pub fn bound(&self) -> Option<f64> {
        match &self.0 {
            &Mapping::Linear { bound, .. } => Some(bound),
            Mapping::Peaks(peaks) => Some(peaks.bound()),
            Mapping::Conformal { .. } => None,
        }
    }

    /// The bytes that it holds on the heap, beside its own size.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        match &self.0 {
            Mapping::Linear { .. } => 0,
            Mapping::Conformal { sorted, .. } => sorted.capacity() * size_of::<f64>(),
            Mapping::Peaks(peaks) => peaks.heap_bytes(),
        }
    }

    /// The raw score that is as expected and calibrates to 0; `None` for the conformal mapping.
    ///
    /// ```
    /// use bongsu_core::Calibrator;
    /// assert_eq!(Calibrator::between(-2.0, -1.0)?.center(), Some(-2.0));
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    #[must_use]
    pub fn center(&self) -> Option<f64> {
        match &self.0 {
            &Mapping::Linear { center, .. } => Some(center),
            Mapping::Peaks(peaks) => Some(peaks.center()),
            Mapping::Conformal { .. } => None,
        }
    }
}

impl Snapshot for Calibrator {
    const KIND: &'static str = "core.calibrator";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        match &self.0 {
            &Mapping::Linear { center, bound }
                if center <= bound && (bound - center).is_finite() =>
            {
                Ok(())
            }
            Mapping::Linear { .. } => Err(Error::snapshot("the bound is below what is expected")),
            Mapping::Peaks(peaks) => peaks.validate(),
            Mapping::Conformal { rate, sorted } => {
                share_parameter("false_alarm_rate", *rate)?;
                if !sorted.is_empty() && sorted.is_sorted() && sorted.iter().all(|s| s.is_finite())
                {
                    Ok(())
                } else {
                    Err(Error::snapshot(
                        "the calibration scores are not finite and sorted",
                    ))
                }
            }
        }
    }
}

/// 0 at `center` or below, 1 at `bound`, straight in between and beyond.
fn linear(raw: f64, center: f64, bound: f64) -> f64 {
    let (distance, scale) = (raw - center, bound - center);
    if distance <= 0.0 {
        0.0
    } else if scale > 0.0 {
        distance / scale
    } else {
        // More than half of the fitted scores were equal: anything above is beyond.
        f64::INFINITY
    }
}

/// The share-valued parameter `name`, checked to lie in (0, 0.5].
fn share_parameter(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value <= 0.5 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in (0, 0.5]"))
    }
}

pub(crate) fn sorted_finite(scores: &[f64]) -> Result<Vec<f64>> {
    if let Some(&bad) = scores.iter().find(|score| !score.is_finite()) {
        return Err(Error::non_finite("a score to calibrate on", bad));
    }
    if scores.is_empty() {
        return Err(Error::not_enough_data("calibration", 1, 0));
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}

/// Linear interpolation between order statistics, as NumPy's default.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len().saturating_sub(1)) as f64;
    let low = sorted
        .get(position.floor() as usize)
        .copied()
        .unwrap_or(f64::NAN);
    let high = sorted.get(position.ceil() as usize).copied().unwrap_or(low);
    low + (high - low) * position.fract()
}
