use bongsu_core::{Drift, DriftDetector, Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use crate::check;

/// Configuration of DDM, the drift detection method.
///
/// With `p` the mean of the errors so far and `s = sqrt(p (1 - p) / n)`, and `p_min`, `s_min` those
/// at which `p + s` was least: a warning when `p + s > p_min + warning_threshold * s_min`, a drift
/// when `p + s > p_min + drift_threshold * s_min`. It finds rising error rates. The value after a
/// drift starts anew.
///
/// Values: 0 or 1 (an error), or an error in [0, 1].
///
/// Cost: O(1) a value, 80 bytes.
///
/// Source: Gama, Medas, Castillo, Rodrigues 2004, doi 10.1007/978-3-540-28645-5_29; equal to
/// `drift.binary.DDM` of river 0.26.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// let mut ddm = bongsu_stream::Ddm::new().build()?;
/// // Every tenth is an error, then every second.
/// let error = |i: u32| f64::from(i % if i < 300 { 10 } else { 2 } == 0);
/// let found = (0..600).find(|&i| matches!(ddm.update(error(i)), Ok(Drift::Drift)));
/// assert_eq!(found, Some(326));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ddm {
    warm_start: u32,
    warning_threshold: f64,
    drift_threshold: f64,
}

impl Default for Ddm {
    fn default() -> Self {
        Self {
            warm_start: 30,
            warning_threshold: 2.0,
            drift_threshold: 3.0,
        }
    }
}

impl Ddm {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values come before the first judgement. Default: 30.
    #[must_use]
    pub const fn warm_start(mut self, values: u32) -> Self {
        self.warm_start = values;
        self
    }

    /// Where a warning starts, in deviations `s_min`. Domain: finite, above 0. Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn warning_threshold(mut self, deviations: f64) -> Result<Self> {
        self.warning_threshold = check::positive("warning_threshold", deviations)?;
        Ok(self)
    }

    /// Where a drift starts, in deviations `s_min`. Domain: finite, at least `warning_threshold`.
    /// Default: 3.
    ///
    /// # Errors
    /// When not finite or not above 0; that it is not below the other is checked by
    /// [`Ddm::validate`].
    pub fn drift_threshold(mut self, deviations: f64) -> Result<Self> {
        self.drift_threshold = check::positive("drift_threshold", deviations)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::positive("warning_threshold", self.warning_threshold)?;
        check::positive("drift_threshold", self.drift_threshold)?;
        if self.drift_threshold < self.warning_threshold {
            return Err(Error::parameter(
                "drift_threshold",
                self.drift_threshold,
                format!("at least `warning_threshold`, {}", self.warning_threshold),
            ));
        }
        Ok(())
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<DdmDetector> {
        self.validate()?;
        Ok(DdmDetector {
            config: self.clone(),
            errors: Mean::default(),
            least: None,
            drifted: false,
        })
    }
}

/// The mean of the errors and its deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Level {
    p: f64,
    s: f64,
}

/// DDM, value by value; see [`Ddm`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DdmDetector {
    config: Ddm,
    errors: Mean,
    least: Option<Level>,
    drifted: bool,
}

impl DdmDetector {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Ddm {
        &self.config
    }

    pub(super) const fn hold(&mut self) {
        self.drifted = false;
    }
}

impl DriftDetector for DdmDetector {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let x = check::fraction(x)?;
        if self.drifted {
            self.reset();
        }
        self.errors.update(x);
        let (n, p) = (self.errors.n(), self.errors.get());
        if n <= u64::from(self.config.warm_start) {
            return Ok(Drift::Stable);
        }
        let s = (p * (1.0 - p).max(0.0) / n as f64).sqrt();
        let least = match self.least {
            Some(least) if p + s > least.p + least.s => least,
            _ => Level { p, s },
        };
        self.least = Some(least);
        let above = |threshold: f64| p + s > least.p + threshold * least.s;
        self.drifted = above(self.config.drift_threshold);
        Ok(if self.drifted {
            Drift::Drift
        } else if above(self.config.warning_threshold) {
            Drift::Warning
        } else {
            Drift::Stable
        })
    }

    fn reset(&mut self) {
        self.errors = Mean::default();
        self.least = None;
        self.drifted = false;
    }
}

impl Snapshot for DdmDetector {
    const KIND: &'static str = "stream.ddm";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let unit = 0.0..=1.0;
        let least = self.least;
        check::saved(
            self.errors.is_within(0.0, 1.0)
                && least.is_none_or(|l| unit.contains(&l.p) && unit.contains(&l.s)),
            "the error rates of DDM are outside [0, 1]",
        )
    }
}
