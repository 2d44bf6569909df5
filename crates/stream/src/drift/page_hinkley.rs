use bongsu_core::{Direction, Drift, DriftDetector, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use crate::check;

/// Configuration of the Page-Hinkley test.
///
/// With `m` the mean of the values so far, `x` included, the sums
/// `u = alpha u + (x - m) - delta` and `d = alpha d + (x - m) + delta` start at 0. There is drift
/// upwards when `u - min u > threshold` and downwards when `max d - d > threshold`; `max d` starts
/// at -1. The value after a drift starts anew.
///
/// Values: finite, magnitude at most 1e100. `delta` and `threshold` are in their unit.
///
/// Cost: O(1) a value, 104 bytes.
///
/// Source: Page 1954, doi 10.1093/biomet/41.1-2.100; equal to `drift.PageHinkley` of river 0.26.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// let mut test = bongsu_stream::PageHinkley::new().threshold(5.0)?.build()?;
/// let value = |i: u32| f64::from(i % 2) + if i < 100 { 0.0 } else { 1.0 };
/// let found = (0..200).find(|&i| matches!(test.update(value(i)), Ok(Drift::Drift)));
/// assert_eq!(found, Some(104));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageHinkley {
    min_instances: u32,
    delta: f64,
    threshold: f64,
    alpha: f64,
    direction: Direction,
}

impl Default for PageHinkley {
    fn default() -> Self {
        Self {
            min_instances: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 1.0 - 0.0001,
            direction: Direction::Both,
        }
    }
}

impl PageHinkley {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values come before the first judgement, which is at the last of them. Default: 30.
    #[must_use]
    pub const fn min_instances(mut self, values: u32) -> Self {
        self.min_instances = values;
        self
    }

    /// The change that is tolerated, in the unit of the values. Domain: [0, 1e100]. Default: 0.005.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn delta(mut self, delta: f64) -> Result<Self> {
        self.delta = tolerated(delta)?;
        Ok(self)
    }

    /// The sum of deviations above which there is drift. Domain: finite, above 0. Default: 50.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// How much of the sums is kept from value to value. Domain: (0, 1]. Default: 0.9999.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        self.alpha = check::half_open_unit("alpha", alpha)?;
        Ok(self)
    }

    /// Which changes count. Default: both.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        tolerated(self.delta)?;
        check::positive("threshold", self.threshold)?;
        check::half_open_unit("alpha", self.alpha)?;
        Ok(())
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<PageHinkleyDetector> {
        self.validate()?;
        Ok(PageHinkleyDetector {
            config: self.clone(),
            sums: Sums::default(),
            drifted: false,
        })
    }
}

fn tolerated(delta: f64) -> Result<f64> {
    check::non_negative("delta", delta).and_then(check::summable)
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Sums {
    mean: Mean,
    up: f64,
    down: f64,
    least_up: f64,
    most_down: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            mean: Mean::default(),
            up: 0.0,
            down: 0.0,
            // Above every sum.
            least_up: f64::MAX,
            most_down: -1.0,
        }
    }
}

/// The Page-Hinkley test, value by value; see [`PageHinkley`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageHinkleyDetector {
    config: PageHinkley,
    sums: Sums,
    drifted: bool,
}

impl PageHinkleyDetector {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &PageHinkley {
        &self.config
    }

    pub(super) const fn hold(&mut self) {
        self.drifted = false;
    }
}

impl DriftDetector for PageHinkleyDetector {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let x = check::summable(x)?;
        if self.drifted {
            self.reset();
        }
        let PageHinkley { delta, alpha, .. } = self.config;
        let s = &mut self.sums;
        s.mean.update(x);
        let deviation = x - s.mean.get();
        s.up = alpha * s.up + deviation - delta;
        s.down = alpha * s.down + deviation + delta;
        s.least_up = s.least_up.min(s.up);
        s.most_down = s.most_down.max(s.down);
        let rose = s.up - s.least_up > self.config.threshold;
        let fell = s.most_down - s.down > self.config.threshold;
        self.drifted = s.mean.n() >= u64::from(self.config.min_instances)
            && match self.config.direction {
                Direction::Up => rose,
                Direction::Down => fell,
                Direction::Both => rose || fell,
            };
        Ok(if self.drifted {
            Drift::Drift
        } else {
            Drift::Stable
        })
    }

    fn reset(&mut self) {
        self.sums = Sums::default();
        self.drifted = false;
    }
}

impl Snapshot for PageHinkleyDetector {
    const KIND: &'static str = "stream.page_hinkley";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let s = &self.sums;
        let finite = [s.up, s.down, s.least_up, s.most_down]
            .into_iter()
            .all(f64::is_finite);
        check::saved(
            finite && s.mean.is_within(-1e101, 1e101),
            "the sums of the Page-Hinkley test are not finite",
        )
    }
}
