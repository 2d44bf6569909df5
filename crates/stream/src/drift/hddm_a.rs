use bongsu_core::{Drift, DriftDetector, Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use crate::check;

/// Configuration of HDDM-A, drift detection by Hoeffding's bound on the moving average.
///
/// The mean `z` of all `n` values is compared with that of the first `k` of them, `x`, where `k` is
/// the cut at which `x + e(k)` was least, `e(k) = sqrt(ln(1 / drift_confidence) / (2 k))`: there is
/// drift when `z - x >= sqrt((n - k) / (2 k n) ln(2 / drift_confidence))`, and a warning with
/// `warning_confidence` in its place. The other side is alike. The value after a drift starts anew.
///
/// Values: in [0, 1], such as 0 or 1 (an error).
///
/// Cost: O(1) a value, 96 bytes.
///
/// Source: Frias-Blanco, del Campo-Avila, Ramos-Jimenez, Morales-Bueno, Ortiz-Diaz,
/// Caballero-Mota 2015, doi 10.1109/TKDE.2014.2345382; equal to `drift.binary.HDDMA` of river 0.26.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// let mut hddm = bongsu_stream::HddmA::new().build()?;
/// // Every tenth is an error, then every second.
/// let error = |i: u32| f64::from(i % if i < 300 { 10 } else { 2 } == 0);
/// let found = (0..600).find(|&i| matches!(hddm.update(error(i)), Ok(Drift::Drift)));
/// assert_eq!(found, Some(324));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HddmA {
    drift_confidence: f64,
    warning_confidence: f64,
    two_sided: bool,
}

impl Default for HddmA {
    fn default() -> Self {
        Self {
            drift_confidence: 0.001,
            warning_confidence: 0.005,
            two_sided: false,
        }
    }
}

impl HddmA {
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
    /// When outside (0, 1); that it is not below the other is checked by [`HddmA::validate`].
    pub fn warning_confidence(mut self, probability: f64) -> Result<Self> {
        self.warning_confidence = check::open_unit("warning_confidence", probability)?;
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
        confidences(self.drift_confidence, self.warning_confidence)
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<HddmADetector> {
        self.validate()?;
        Ok(HddmADetector {
            config: self.clone(),
            all: Mean::default(),
            lowest: Mean::default(),
            highest: Mean::default(),
            drifted: false,
        })
    }
}

/// Both in (0, 1), and a warning at least as likely as a drift.
pub(super) fn confidences(drift: f64, warning: f64) -> Result<()> {
    check::open_unit("drift_confidence", drift)?;
    check::open_unit("warning_confidence", warning)?;
    if warning < drift {
        return Err(Error::parameter(
            "warning_confidence",
            warning,
            format!("at least `drift_confidence`, {drift}"),
        ));
    }
    Ok(())
}

/// HDDM-A, value by value; see [`HddmA`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HddmADetector {
    config: HddmA,
    all: Mean,
    /// The mean up to the cut from which a rise is judged.
    lowest: Mean,
    /// The mean up to the cut from which a fall is judged.
    highest: Mean,
    drifted: bool,
}

impl HddmADetector {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &HddmA {
        &self.config
    }

    pub(super) const fn hold(&mut self) {
        self.drifted = false;
    }

    /// Moves the cuts to the present where its bound is the tighter one.
    fn move_cuts(&mut self) {
        let log = (1.0 / self.config.drift_confidence).ln();
        let bound = |mean: &Mean| (1.0 / (2.0 * mean.n() as f64) * log).sqrt();
        let (all, reach) = (self.all.get(), bound(&self.all));
        if self.lowest.n() == 0 || self.lowest.get() + bound(&self.lowest) >= all + reach {
            self.lowest = self.all;
        }
        if self.highest.n() == 0 || self.highest.get() - bound(&self.highest) <= all - reach {
            self.highest = self.all;
        }
    }

    /// Whether the mean of all values lies `distance` from that up to `cut` by more than chance.
    fn differs(&self, cut: &Mean, distance: f64, confidence: f64) -> bool {
        if cut.n() == self.all.n() {
            return false;
        }
        let (k, n) = (cut.n() as f64, self.all.n() as f64);
        let m = (n - k) / k * (1.0 / n);
        distance >= (m / 2.0 * (2.0 / confidence).ln()).sqrt()
    }

    fn judge(&self, confidence: f64) -> bool {
        let rise = self.all.get() - self.lowest.get();
        let fall = self.highest.get() - self.all.get();
        self.differs(&self.lowest, rise, confidence)
            || (self.config.two_sided && self.differs(&self.highest, fall, confidence))
    }
}

impl DriftDetector for HddmADetector {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let x = check::fraction(x)?;
        if self.drifted {
            self.reset();
        }
        self.all.update(x);
        self.move_cuts();
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
        self.all = Mean::default();
        self.lowest = Mean::default();
        self.highest = Mean::default();
        self.drifted = false;
    }
}

impl Snapshot for HddmADetector {
    const KIND: &'static str = "stream.hddm_a";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let cut = |mean: &Mean| {
            mean.is_within(0.0, 1.0)
                && mean.n() <= self.all.n()
                && (mean.n() > 0) == (self.all.n() > 0)
        };
        check::saved(
            [&self.all, &self.lowest, &self.highest]
                .into_iter()
                .all(cut),
            "the means of HDDM-A contradict each other",
        )
    }
}
