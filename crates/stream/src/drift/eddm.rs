use bongsu_core::{Drift, DriftDetector, Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use crate::check;

/// Configuration of EDDM, the early drift detection method.
///
/// It watches the distances, in values, between errors. With their mean `p` and standard deviation
/// `s` (ddof 1), `r = (p + 2 s) / max(p + 2 s)`: a warning when `r < alpha`, a drift when
/// `r < beta`, both judged at errors only; a warning lasts until an error ends it. It finds errors
/// that come closer together, also slowly. The value after a drift starts anew.
///
/// Values: 0 or 1 (an error).
///
/// Cost: O(1) a value, 96 bytes.
///
/// Source: Baena-Garcia, del Campo-Avila, Fidalgo, Bifet, Gavalda, Morales-Bueno 2006, *Early Drift
/// Detection Method*, Fourth International Workshop on Knowledge Discovery from Data Streams; equal
/// to `drift.binary.EDDM` of river 0.26.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// let mut eddm = bongsu_stream::Eddm::new().alpha(0.7)?.beta(0.55)?.build()?;
/// // Every tenth is an error, then every second.
/// let error = |i: u32| f64::from(i % if i < 500 { 10 } else { 2 } == 0);
/// let found = (0..2000).find(|&i| matches!(eddm.update(error(i)), Ok(Drift::Drift)));
/// assert_eq!(found, Some(1014));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Eddm {
    warm_start: u32,
    alpha: f64,
    beta: f64,
}

impl Default for Eddm {
    fn default() -> Self {
        Self {
            warm_start: 30,
            alpha: 0.95,
            beta: 0.9,
        }
    }
}

impl Eddm {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many errors come before the first judgement. Default: 30.
    #[must_use]
    pub const fn warm_start(mut self, errors: u32) -> Self {
        self.warm_start = errors;
        self
    }

    /// The ratio below which there is a warning. Domain: (0, 1]. Default: 0.95.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, ratio: f64) -> Result<Self> {
        self.alpha = check::half_open_unit("alpha", ratio)?;
        Ok(self)
    }

    /// The ratio below which there is drift. Domain: (0, `alpha`]. Default: 0.9.
    ///
    /// # Errors
    /// When outside (0, 1]; that it is not above `alpha` is checked by [`Eddm::validate`].
    pub fn beta(mut self, ratio: f64) -> Result<Self> {
        self.beta = check::half_open_unit("beta", ratio)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::half_open_unit("alpha", self.alpha)?;
        check::half_open_unit("beta", self.beta)?;
        if self.beta > self.alpha {
            return Err(Error::parameter(
                "beta",
                self.beta,
                format!("at most `alpha`, {}", self.alpha),
            ));
        }
        Ok(())
    }

    /// A detector with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<EddmDetector> {
        self.validate()?;
        Ok(EddmDetector {
            config: self.clone(),
            distances: Mean::default(),
            squares: 0.0,
            seen: 0,
            last_error: 0,
            most: -1.0,
            warned: false,
            drifted: false,
        })
    }
}

/// EDDM, value by value; see [`Eddm`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EddmDetector {
    config: Eddm,
    distances: Mean,
    squares: f64,
    seen: u64,
    last_error: u64,
    /// The largest `p + 2 s`; below 0 while there is none.
    most: f64,
    warned: bool,
    drifted: bool,
}

impl EddmDetector {
    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Eddm {
        &self.config
    }

    pub(super) const fn hold(&mut self) {
        self.drifted = false;
    }

    /// Takes in the distance from the error before to the one just seen.
    fn learn_distance(&mut self) {
        let distance = (self.seen - self.last_error) as f64;
        let before = self.distances.get();
        self.distances.update(distance);
        self.squares += (distance - before) * (distance - self.distances.get());
        self.last_error = self.seen;
    }

    /// Judges the distances so far.
    fn judge(&mut self) {
        let n = self.distances.n();
        let deviation = if n > 1 {
            (self.squares / (n - 1) as f64).sqrt()
        } else {
            0.0
        };
        let reach = self.distances.get() + 2.0 * deviation;
        if reach > self.most {
            self.most = reach;
        } else if n > u64::from(self.config.warm_start) {
            let ratio = reach / self.most;
            self.drifted = ratio < self.config.beta;
            if !self.drifted {
                self.warned = ratio < self.config.alpha;
            }
        }
    }
}

impl DriftDetector for EddmDetector {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let error = check::bit(x)?;
        if self.drifted {
            self.reset();
        }
        self.seen = self.seen.saturating_add(1);
        if error {
            self.learn_distance();
            if self.seen > u64::from(self.config.warm_start) {
                self.judge();
            }
        }
        Ok(if self.drifted {
            Drift::Drift
        } else if self.warned {
            Drift::Warning
        } else {
            Drift::Stable
        })
    }

    fn reset(&mut self) {
        self.distances = Mean::default();
        self.squares = 0.0;
        self.seen = 0;
        self.last_error = 0;
        self.most = -1.0;
        self.warned = false;
        self.drifted = false;
    }
}

impl Snapshot for EddmDetector {
    const KIND: &'static str = "stream.eddm";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        check::saved(
            self.last_error <= self.seen
                && self.distances.n() <= self.last_error
                && self.distances.is_within(1.0, self.seen as f64)
                && self.squares.is_finite()
                && self.squares >= 0.0
                && self.most.is_finite()
                && (self.most > 0.0 || self.most == -1.0),
            "the distances between errors of EDDM contradict each other",
        )
    }
}
