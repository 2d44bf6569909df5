use std::collections::VecDeque;

use bongsu_core::{Drift, DriftDetector, Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::kolmogorov_smirnov::{critical_count, largest_difference};
use super::sampler::{PcgSampler, Sampler};
use crate::check;

/// Configuration of KSWIN, drift detection by Kolmogorov-Smirnov tests over a window.
///
/// Once `window_size` values are there, each value starts a two-sample test of the newest
/// `stat_size` values against as many drawn without replacement from those before them. There is
/// drift when its p-value (exact) is at most `alpha` and its statistic is above 0.1. It finds
/// changes of the whole distribution, not only of the mean. The value after a drift starts anew.
///
/// The test is repeated with every value, so that on a stream without change about one value in
/// `1 / alpha` is called drift, though neighbouring tests are far from independent.
///
/// Values: finite.
///
/// The draw is the [`Sampler`]'s: PCG64 with `seed` unless another is given.
///
/// Cost: O(r log r) a value for `stat_size` r. Memory: 8 bytes a value of the window, and 24 bytes
/// a value of the sample.
///
/// Source: Raab, Heusinger, Schleif 2020, doi 10.1016/j.neucom.2019.11.111; equal, with the same
/// draws, to `drift.KSWIN` of river 0.26 with SciPy 1.17.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// let mut kswin = bongsu_stream::Kswin::new().seed(1).build()?;
/// // The mean stays 0, the spread grows.
/// let value = |i: i32| (f64::from(i * 7 % 10) - 4.5) * if i < 500 { 1.0 } else { 20.0 };
/// let found = (0..1000).find(|&i| matches!(kswin.update(value(i)), Ok(Drift::Drift))).unwrap();
/// assert!((500..540).contains(&found));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kswin {
    alpha: f64,
    window_size: usize,
    stat_size: usize,
    seed: u64,
}

/// The longest window: 8 MiB of values.
const MAX_WINDOW: usize = 1 << 20;

/// The largest sample for which the p-value is exact.
const MAX_SAMPLE: usize = 10_000;

impl Default for Kswin {
    fn default() -> Self {
        Self {
            alpha: 0.005,
            window_size: 100,
            stat_size: 30,
            seed: 0,
        }
    }
}

impl Kswin {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The p-value up to which a test means drift; best below 0.01. Domain: (0, 1). Default: 0.005.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, p: f64) -> Result<Self> {
        self.alpha = check::open_unit("alpha", p)?;
        Ok(self)
    }

    /// The window in values. Domain: [2 `stat_size`, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside [2, 1048576]; that it is twice the other is checked by [`Kswin::validate`].
    pub fn window_size(mut self, values: usize) -> Result<Self> {
        self.window_size = check::count("window_size", values, 2, MAX_WINDOW)?;
        Ok(self)
    }

    /// The newest values that are tested, in values. Domain: [1, 10000]. Default: 30.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn stat_size(mut self, values: usize) -> Result<Self> {
        self.stat_size = check::count("stat_size", values, 1, MAX_SAMPLE)?;
        Ok(self)
    }

    /// The seed of the draws. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::open_unit("alpha", self.alpha)?;
        check::count("window_size", self.window_size, 2, MAX_WINDOW)?;
        check::count("stat_size", self.stat_size, 1, MAX_SAMPLE)?;
        if self.window_size < 2 * self.stat_size {
            return Err(Error::parameter(
                "window_size",
                self.window_size,
                format!("at least twice `stat_size`, {}", 2 * self.stat_size),
            ));
        }
        Ok(())
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<KswinDetector> {
        self.build_with(PcgSampler::new(self.seed))
    }

    /// As [`Kswin::build`], with draws of the caller's.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build_with<S: Sampler>(&self, sampler: S) -> Result<KswinDetector<S>> {
        self.validate()?;
        Ok(KswinDetector {
            critical: critical_count(self.stat_size, self.alpha),
            window: VecDeque::with_capacity(self.window_size),
            scratch: Scratch::default(),
            drifted: false,
            config: self.clone(),
            sampler,
        })
    }
}

/// KSWIN, value by value; see [`Kswin`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KswinDetector<S = PcgSampler> {
    config: Kswin,
    window: VecDeque<f64>,
    sampler: S,
    /// How far apart the counts of the two samples must be somewhere; `None` when no distance is
    /// significant.
    critical: Option<usize>,
    drifted: bool,
    #[serde(skip)]
    scratch: Scratch,
}

/// Room for a test, which means nothing between two values.
#[derive(Debug, Clone, Default)]
struct Scratch {
    places: Vec<usize>,
    drawn: Vec<f64>,
    newest: Vec<f64>,
}

impl<S: PartialEq> PartialEq for KswinDetector<S> {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
            && self.window == other.window
            && self.sampler == other.sampler
            && self.drifted == other.drifted
    }
}

impl<S: Sampler> KswinDetector<S> {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Kswin {
        &self.config
    }

    pub(super) const fn hold(&mut self) {
        self.drifted = false;
    }

    /// Tests the newest values against a draw from those before.
    fn differs(&mut self) -> bool {
        let (r, room) = (self.config.stat_size, &mut self.scratch);
        let before = self.config.window_size - r;
        room.places.resize(r, 0);
        self.sampler.sample(before, &mut room.places);
        let places = room.places.iter();
        room.drawn.clear();
        room.drawn
            .extend(places.filter_map(|&place| self.window.get(place)));
        room.newest.clear();
        room.newest.extend(self.window.iter().skip(before));
        room.drawn.sort_unstable_by(f64::total_cmp);
        room.newest.sort_unstable_by(f64::total_cmp);
        let apart = largest_difference(&room.drawn, &room.newest);
        self.critical.is_some_and(|critical| apart >= critical)
    }
}

impl<S: Sampler> DriftDetector for KswinDetector<S> {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let x = check::finite(x)?;
        if self.drifted {
            self.reset();
        }
        if self.window.len() >= self.config.window_size {
            self.window.pop_front();
        }
        self.window.push_back(x);
        self.drifted = self.window.len() >= self.config.window_size && self.differs();
        Ok(if self.drifted {
            Drift::Drift
        } else {
            Drift::Stable
        })
    }

    fn reset(&mut self) {
        self.window.clear();
        self.sampler.restart();
        self.drifted = false;
    }
}

impl Snapshot for KswinDetector {
    const KIND: &'static str = "stream.kswin";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        check::saved(
            self.window.len() <= self.config.window_size
                && self.window.iter().all(|x| x.is_finite()),
            "the window of KSWIN is too long or has values that are not finite",
        )?;
        check::saved(
            self.critical == critical_count(self.config.stat_size, self.config.alpha),
            "the critical distance of KSWIN does not fit its parameters",
        )
    }
}
