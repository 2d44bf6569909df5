use bongsu_core::{Error, Result, StreamDetector};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::half_space_trees::MAX_FEATURES;

/// What a [`Fleet`](super::Fleet) does with the series of one query.
///
/// ```
/// use bongsu_stats::Ewma;
/// use bongsu_stream::fleet::FleetQuery;
/// let query = FleetQuery::new("requests", Ewma::new().build()?)
///     .max_series(10_000)?
///     .idle_after_secs(86_400)?
///     .counter(true)
///     .start_from_siblings(true);
/// assert_eq!(query.name(), "requests");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetQuery<D> {
    name: String,
    detector: D,
    features: usize,
    max_series: usize,
    idle_after: Option<i64>,
    max_ahead: i64,
    counter: bool,
    start_from_siblings: bool,
}

/// The most series of a query.
const MAX_SERIES: usize = 1 << 30;

/// Ten thousand years.
const LONGEST: i64 = 315_360_000_000;

impl<D: StreamDetector> FleetQuery<D> {
    /// A query of this name; each of its series starts with a copy of `detector`, which has seen
    /// nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, detector: D) -> Self {
        Self {
            name: name.into(),
            detector,
            features: 1,
            max_series: 1_000_000,
            idle_after: None,
            max_ahead: 300_000,
            counter: false,
            start_from_siblings: false,
        }
    }

    /// How many values a sample has. Domain: [1, 256]. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn features(mut self, features: usize) -> Result<Self> {
        self.features = check::count("features", features, 1, MAX_FEATURES)?;
        Ok(self)
    }

    /// How many series are kept; samples of further ones are refused and counted. Domain: [1, 2^30].
    /// Default: 1,000,000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_series(mut self, series: usize) -> Result<Self> {
        self.max_series = check::count("max_series", series, 1, MAX_SERIES)?;
        Ok(self)
    }

    /// After how many seconds without a sample a series is forgotten. Domain: [1, 315360000000].
    /// Default: never.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn idle_after_secs(mut self, seconds: i64) -> Result<Self> {
        self.idle_after = Some(millis("idle_after_secs", seconds)?);
        Ok(self)
    }

    /// How far a sample may lie after the moment at which its batch was received, in seconds, where
    /// that is known; one that is further ahead comes from a wrong clock, and would make all samples
    /// until then late ones. Domain: [1, 315360000000]. Default: 300.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_ahead_secs(mut self, seconds: i64) -> Result<Self> {
        self.max_ahead = millis("max_ahead_secs", seconds)?;
        Ok(self)
    }

    /// Whether the values are those of a counter: what is judged is its increase a second since the
    /// sample before. The first sample, and one that is lower than the one before (the counter was
    /// reset), have none and are skipped. Only for samples of one value. Default: false.
    #[must_use]
    pub const fn counter(mut self, counter: bool) -> Self {
        self.counter = counter;
        self
    }

    /// Whether a new series starts from the scale of its siblings, when at least 8 of them have
    /// warmed up and the detector can make use of it (see [`StreamDetector::start_from`]). Default:
    /// false.
    #[must_use]
    pub const fn start_from_siblings(mut self, start: bool) -> Self {
        self.start_from_siblings = start;
        self
    }

    /// Checks every parameter, for queries that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or the detector has seen points.
    pub fn validate(&self) -> Result<()> {
        check::count("features", self.features, 1, MAX_FEATURES)?;
        check::count("max_series", self.max_series, 1, MAX_SERIES)?;
        let spans = [
            ("idle_after_secs", self.idle_after),
            ("max_ahead_secs", Some(self.max_ahead)),
        ];
        for (name, span) in spans {
            if let Some(span) = span {
                millis(name, span / 1_000)?;
            }
        }
        if self.counter && self.features != 1 {
            let domain = "1 where the values are those of a counter";
            return Err(Error::parameter("features", self.features, domain));
        }
        if self.detector.seen() > 0 {
            let seen = self.detector.seen();
            let domain = "one that has seen no points";
            return Err(Error::parameter(
                "detector",
                format!("one that has seen {seen}"),
                domain,
            ));
        }
        Ok(())
    }
}

impl<D> FleetQuery<D> {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The detector that each series starts with.
    #[must_use]
    pub const fn detector(&self) -> &D {
        &self.detector
    }

    pub(super) const fn n_features(&self) -> usize {
        self.features
    }

    pub(super) const fn cap(&self) -> usize {
        self.max_series
    }

    pub(super) const fn idle_after(&self) -> Option<i64> {
        self.idle_after
    }

    pub(super) const fn max_ahead(&self) -> i64 {
        self.max_ahead
    }

    pub(super) const fn is_counter(&self) -> bool {
        self.counter
    }

    pub(super) const fn starts_from_siblings(&self) -> bool {
        self.start_from_siblings
    }
}

fn millis(name: &str, seconds: i64) -> Result<i64> {
    if (1..=LONGEST).contains(&seconds) {
        Ok(seconds * 1_000)
    } else {
        let domain = format!("in [1, {LONGEST}]");
        Err(Error::parameter(name, seconds, domain))
    }
}
