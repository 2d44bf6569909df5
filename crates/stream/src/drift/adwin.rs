use bongsu_core::{Drift, DriftDetector, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use crate::check;

/// Configuration of ADWIN, adaptive windowing.
///
/// It keeps a window of recent values as long as their mean does not change. Every `clock` values
/// each cut of the window of length `n` into an older part of length `n0` and a newer one of length
/// `n1` is judged; there is drift when for some cut
///
/// `|mean0 - mean1| > sqrt(2 m v d) + 2/3 m d`, with
/// `m = 1 / (n0 - l + 1) + 1 / (n1 - l + 1)` and `d = ln(2 ln(n) / delta)`,
///
/// where `v` is the variance of the window and `l` is `min_window_length`. The oldest values are
/// then dropped until no cut differs.
///
/// The second term of the bound is for values that span about 1: bring others to that scale,
/// because it hides changes much smaller than 1 and is negligible for much larger ones.
///
/// Values: finite, magnitude at most 1e100.
///
/// Cost: O(1) amortised a value, and O(log n) every `clock` values. Memory: O(log n), 16 bytes a
/// bucket and at most `max_buckets + 1` buckets for each doubling of the window (2 kB at the
/// defaults for a million values).
///
/// Source: Bifet, Gavalda 2007, doi 10.1137/1.9781611972771.42; equal to `drift.ADWIN` of river
/// 0.26.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// use bongsu_stream::Adwin;
/// let mut adwin = Adwin::new().build()?;
/// let found = (0..400).find(|&i| {
///     let x = if i < 200 { 0.2 } else { 0.8 };
///     matches!(adwin.update(x), Ok(Drift::Drift))
/// });
/// assert_eq!(found, Some(223));
/// assert_eq!(adwin.width(), 112);
/// assert!((adwin.estimate() - 0.3286).abs() < 1e-4);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adwin {
    delta: f64,
    clock: u32,
    max_buckets: usize,
    min_window_length: u32,
    grace_period: u32,
    restart: bool,
}

impl Default for Adwin {
    fn default() -> Self {
        Self {
            delta: 0.002,
            clock: 32,
            max_buckets: 5,
            min_window_length: 5,
            grace_period: 10,
            restart: true,
        }
    }
}

impl Adwin {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The significance: the smaller, the fewer false alarms and the later true ones. Domain:
    /// (0, 1). Default: 0.002.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn delta(mut self, delta: f64) -> Result<Self> {
        self.delta = check::open_unit("delta", delta)?;
        Ok(self)
    }

    /// Every how many values the window is judged. Domain: at least 1. Default: 32.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn clock(mut self, values: u32) -> Result<Self> {
        self.clock = at_least_one("clock", values)?;
        Ok(self)
    }

    /// How many buckets of each size are kept before two are merged: more means finer cuts.
    /// Domain: [1, 1024]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_buckets(mut self, buckets: usize) -> Result<Self> {
        self.max_buckets = check::count("max_buckets", buckets, 1, 1024)?;
        Ok(self)
    }

    /// The least number of values in either part of a cut. Domain: at least 1. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_window_length(mut self, values: u32) -> Result<Self> {
        self.min_window_length = at_least_one("min_window_length", values)?;
        Ok(self)
    }

    /// The window is judged when it holds more values than this. Default: 10.
    #[must_use]
    pub const fn grace_period(mut self, values: u32) -> Self {
        self.grace_period = values;
        self
    }

    /// Whether the value after a drift starts an empty window, as river does, or the newer part is
    /// kept, as in the paper. Default: true.
    #[must_use]
    pub const fn restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::open_unit("delta", self.delta)?;
        at_least_one("clock", self.clock)?;
        check::count("max_buckets", self.max_buckets, 1, 1024)?;
        at_least_one("min_window_length", self.min_window_length)?;
        Ok(())
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<AdwinDetector> {
        self.validate()?;
        Ok(AdwinDetector {
            config: self.clone(),
            window: Histogram::default(),
            until_judged: self.clock,
            drifted: false,
        })
    }
}

fn at_least_one(name: &str, value: u32) -> Result<u32> {
    check::count(name, value as usize, 1, u32::MAX as usize).map(|_| value)
}

/// ADWIN, value by value; see [`Adwin`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdwinDetector {
    config: Adwin,
    window: Histogram,
    until_judged: u32,
    drifted: bool,
}

impl AdwinDetector {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Adwin {
        &self.config
    }

    /// The number of values in the window.
    #[must_use]
    pub const fn width(&self) -> u64 {
        self.window.width()
    }

    /// The mean of the window, 0 when it is empty.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        self.window.mean()
    }

    /// The variance of the window (divided by its width), 0 when it is empty.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.window.variance()
    }

    /// Goes on with what it has after a drift, instead of starting anew.
    pub(super) const fn hold(&mut self) {
        self.drifted = false;
    }

    /// Drops the oldest values until no cut differs; whether there was one that did.
    fn shrink(&mut self) -> bool {
        let mut found = false;
        while self.differs() {
            self.window.drop_oldest();
            found = true;
        }
        found
    }

    /// Whether the parts of some cut have different means.
    fn differs(&self) -> bool {
        let n = self.window.width() as f64;
        let spare = f64::from(self.config.min_window_length) - 1.0;
        let log = (2.0 * n.ln() / self.config.delta).ln();
        let noise = 2.0 * self.window.variance() * log;
        let reach = 2.0 / 3.0 * log;
        self.window.cuts().any(|cut| {
            let (free0, free1) = (cut.older - spare, cut.newer - spare);
            if free0 < 1.0 || free1 < 1.0 {
                return false;
            }
            let m = (free0 + free1) / (free0 * free1);
            let distance = cut.older_sum / cut.older - cut.newer_sum / cut.newer;
            // The bound without its root.
            let rest = distance.abs() - reach * m;
            rest > 0.0 && rest * rest > noise * m
        })
    }
}

impl DriftDetector for AdwinDetector {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let x = check::summable(x)?;
        if self.drifted && self.config.restart {
            self.reset();
        }
        self.window.push(x, self.config.max_buckets);
        self.until_judged -= 1;
        self.drifted = false;
        if self.until_judged == 0 {
            self.until_judged = self.config.clock;
            self.drifted = self.width() > u64::from(self.config.grace_period) && self.shrink();
        }
        Ok(if self.drifted {
            Drift::Drift
        } else {
            Drift::Stable
        })
    }

    fn reset(&mut self) {
        self.window = Histogram::default();
        self.until_judged = self.config.clock;
        self.drifted = false;
    }
}

impl Snapshot for AdwinDetector {
    const KIND: &'static str = "stream.adwin";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        check::saved(
            (1..=self.config.clock).contains(&self.until_judged),
            "the clock of ADWIN is outside its period",
        )?;
        check::saved(
            self.window.is_consistent(self.config.max_buckets),
            "the buckets of ADWIN do not add up to its window",
        )
    }
}
