use bongsu_core::{Drift, DriftDetector, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::hddm_a::confidences;
use crate::check;

/// Configuration of HDDM-W, drift detection by the `McDiarmid` bound on weighted averages.
///
/// The weighted mean of the values after a cut, `b`, is compared with that up to it, `a`, where the
/// cut is where `a` plus its bound was least: there is drift when
/// `b - a > sqrt((w_a + w_b) ln(1 / drift_confidence) / 2)`, with `w` the sum of squared weights of
/// a mean, and a warning with `warning_confidence` in its place. The other side is alike. The value
/// after a drift starts anew.
///
/// Values: in [0, 1], such as 0 or 1 (an error).
///
/// Cost: O(1) a value, 184 bytes.
///
/// Source: Frias-Blanco, del Campo-Avila, Ramos-Jimenez, Morales-Bueno, Ortiz-Diaz,
/// Caballero-Mota 2015, doi 10.1109/TKDE.2014.2345382; equal to `drift.binary.HDDMW` of river 0.26.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// let mut hddm = bongsu_stream::HddmW::new().build()?;
/// // Every tenth is an error, then every second.
/// let error = |i: u32| f64::from(i % if i < 300 { 10 } else { 2 } == 0);
/// let found = (0..600).find(|&i| matches!(hddm.update(error(i)), Ok(Drift::Drift)));
/// assert_eq!(found, Some(336));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HddmW {
    drift_confidence: f64,
    warning_confidence: f64,
    lambda: f64,
    two_sided: bool,
}

impl Default for HddmW {
    fn default() -> Self {
        Self {
            drift_confidence: 0.001,
            warning_confidence: 0.005,
            lambda: 0.05,
            two_sided: false,
        }
    }
}

impl HddmW {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The probability of calling drift where there is none. Domain: (0, 1). Default: 0.001.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn drift_confidence(mut self, probability: f64) -> Result<Self> {
        self.drift_confidence = check::open_unit("drift_confidence", probability)?;
        Ok(self)
    }

    /// The probability of warning where there is nothing. Domain: [`drift_confidence`, 1). Default:
    /// 0.005.
    ///
    /// # Errors
    /// When outside (0, 1); that it is not below the other is checked by [`HddmW::validate`].
    pub fn warning_confidence(mut self, probability: f64) -> Result<Self> {
        self.warning_confidence = check::open_unit("warning_confidence", probability)?;
        Ok(self)
    }

    /// The weight of the newest value: the smaller, the longer the memory. Domain: (0, 1]. Default:
    /// 0.05.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn lambda(mut self, weight: f64) -> Result<Self> {
        self.lambda = check::half_open_unit("lambda", weight)?;
        Ok(self)
    }

    /// Whether a falling mean counts too. Default: false.
    #[must_use]
    pub const fn two_sided(mut self, two_sided: bool) -> Self {
        self.two_sided = two_sided;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::half_open_unit("lambda", self.lambda)?;
        confidences(self.drift_confidence, self.warning_confidence)
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<HddmWDetector> {
        self.validate()?;
        Ok(HddmWDetector {
            config: self.clone(),
            all: Sample::default(),
            rise: Split::default(),
            fall: Split::default(),
            drifted: false,
        })
    }
}

/// An exponentially weighted mean and the sum of its squared weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Sample {
    mean: f64,
    squares: f64,
    empty: bool,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            mean: 0.0,
            squares: 1.0,
            empty: true,
        }
    }
}

impl Sample {
    fn update(&mut self, x: f64, lambda: f64) {
        let keep = 1.0 - lambda;
        self.mean = if self.empty {
            x
        } else {
            lambda * x + keep * self.mean
        };
        self.squares = lambda * lambda + keep * keep * self.squares;
        self.empty = false;
    }

    fn is_valid(&self) -> bool {
        let unit = 0.0..=1.0;
        unit.contains(&self.mean) && unit.contains(&self.squares)
    }
}

/// The means up to a cut and after it; the cut is where `bound` was least.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Split {
    bound: Option<f64>,
    before: Sample,
    after: Sample,
}

impl Split {
    /// Moves the cut behind `x` when `bound` is lower than ever.
    fn update(&mut self, x: f64, lambda: f64, all: Sample, bound: f64) {
        if self.bound.is_none_or(|least| bound < least) {
            self.bound = Some(bound);
            self.before = all;
            self.after = Sample::default();
        } else {
            self.after.update(x, lambda);
        }
    }

    /// Whether the mean has moved by more than chance; `sign` is 1 for a rise, -1 for a fall.
    fn differs(&self, sign: f64, confidence: f64) -> bool {
        if self.before.empty || self.after.empty {
            return false;
        }
        let bound = mcdiarmid(self.before.squares + self.after.squares, confidence);
        sign * (self.after.mean - self.before.mean) > bound
    }

    fn is_valid(&self) -> bool {
        self.before.is_valid()
            && self.after.is_valid()
            && self.bound.is_none_or(f64::is_finite)
            && self.bound.is_none() == self.before.empty
            && (self.after.empty || !self.before.empty)
    }
}

fn mcdiarmid(squares: f64, confidence: f64) -> f64 {
    (squares * (1.0 / confidence).ln() / 2.0).sqrt()
}

/// HDDM-W, value by value; see [`HddmW`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HddmWDetector {
    config: HddmW,
    all: Sample,
    rise: Split,
    fall: Split,
    drifted: bool,
}

impl HddmWDetector {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &HddmW {
        &self.config
    }

    pub(super) const fn hold(&mut self) {
        self.drifted = false;
    }

    fn judge(&self, confidence: f64) -> bool {
        self.rise.differs(1.0, confidence)
            || (self.config.two_sided && self.fall.differs(-1.0, confidence))
    }
}

impl DriftDetector for HddmWDetector {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let x = check::fraction(x)?;
        if self.drifted {
            self.reset();
        }
        let lambda = self.config.lambda;
        self.all.update(x, lambda);
        let reach = mcdiarmid(self.all.squares, self.config.drift_confidence);
        let mean = self.all.mean;
        self.rise.update(x, lambda, self.all, mean + reach);
        self.fall.update(x, lambda, self.all, reach - mean);
        self.drifted = self.judge(self.config.drift_confidence);
        Ok(if self.drifted {
            Drift::Drift
        } else if self.judge(self.config.warning_confidence) {
            Drift::Warning
        } else {
            Drift::Stable
        })
    }

    fn reset(&mut self) {
        self.all = Sample::default();
        self.rise = Split::default();
        self.fall = Split::default();
        self.drifted = false;
    }
}

impl Snapshot for HddmWDetector {
    const KIND: &'static str = "stream.hddm_w";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        check::saved(
            self.all.is_valid()
                && self.rise.is_valid()
                && self.fall.is_valid()
                && self.all.empty == self.rise.before.empty
                && self.all.empty == self.fall.before.empty,
            "the weighted means of HDDM-W contradict each other",
        )
    }
}
