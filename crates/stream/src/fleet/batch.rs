use std::fmt;
use std::ops::AddAssign;

use bongsu_core::{Error, Expectation, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::query::FleetQuery;

/// Samples of many series of a query, in the order in which they came: each belongs to the series of
/// a fingerprint and has a moment and one value or several.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    pub(super) series: &'a [u64],
    pub(super) timestamps: &'a [Timestamp],
    pub(super) values: &'a [f64],
    pub(super) received: Option<Timestamp>,
    pub(super) expectations: bool,
}

impl<'a> Batch<'a> {
    /// A batch of as many samples as there are fingerprints.
    ///
    /// - `series`: the fingerprint of each sample's series, as `Labels::fingerprint` gives it.
    /// - `timestamps`: the moment of each sample.
    /// - `values`: the values, those of a sample together. NaN and infinity are skipped and counted.
    ///
    /// # Errors
    /// When the lengths do not fit together, or there are more than 2^32 - 1 samples.
    pub fn new(series: &'a [u64], timestamps: &'a [Timestamp], values: &'a [f64]) -> Result<Self> {
        if timestamps.len() != series.len() {
            let (found, expected) = (timestamps.len(), series.len());
            return Err(Error::shape("number of timestamps", found, expected));
        }
        let features = values.len() / series.len().max(1);
        if features * series.len() != values.len() || (features == 0 && !series.is_empty()) {
            let expected = features.max(1) * series.len();
            return Err(Error::shape("number of values", values.len(), expected));
        }
        if u32::try_from(series.len()).is_err() {
            return Err(Error::parameter("samples", series.len(), "below 2^32"));
        }
        Ok(Self {
            series,
            timestamps,
            values,
            received: None,
            expectations: false,
        })
    }

    /// Says when the batch was received: samples far ahead of that are skipped, and series that have
    /// been idle for too long until then make room for new ones.
    #[must_use]
    pub const fn received_at(mut self, now: Timestamp) -> Self {
        self.received = Some(now);
        self
    }

    /// Whether what the detector expected of each sample is given too. Default: false.
    #[must_use]
    pub const fn with_expectations(mut self, expectations: bool) -> Self {
        self.expectations = expectations;
        self
    }

    /// The number of samples.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are no samples.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The values of sample `at`, or why no series is asked about it.
    #[inline]
    pub(super) fn take<D>(
        &self,
        at: usize,
        query: &FleetQuery<D>,
    ) -> std::result::Result<&'a [f64], Skip> {
        let features = query.n_features();
        let values = self.values.get(at * features..(at + 1) * features);
        let values = values.ok_or(Skip::Invalid)?;
        if !values.iter().all(|x| x.is_finite()) {
            return Err(Skip::Missing);
        }
        let time = self.timestamps.get(at).copied().unwrap_or_default();
        match self.received {
            Some(now) if time.millis_since(now) > query.max_ahead() => Err(Skip::Ahead),
            _ => Ok(values),
        }
    }

    /// The number of values of a sample; `None` in an empty batch.
    pub(super) const fn features(&self) -> Option<usize> {
        self.values.len().checked_div(self.series.len())
    }
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Judged {
    /// It was judged, then learned.
    Scored {
        /// The raw score; higher is more anomalous.
        score: f64,
        /// What was expected of it, where the batch asks for that and the detector can tell.
        expectation: Option<Expectation>,
    },
    /// It was learned by a detector that is still warming up.
    Warmup {
        /// Points still to be learned before scores come, this one included.
        remaining: u64,
    },
    /// It was not learned: the detector is as it was before.
    Skipped(Skip),
}

impl Judged {
    /// The raw score, when there is one.
    #[must_use]
    pub const fn score(&self) -> Option<f64> {
        match self {
            Self::Scored { score, .. } => Some(*score),
            Self::Warmup { .. } | Self::Skipped(_) => None,
        }
    }
}

/// Why a sample was not learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Skip {
    /// It is older than the newest sample of its series that was learned.
    Late,
    /// The series has a sample of that moment.
    Repeated,
    /// It lies too far after the moment at which the batch was received.
    Ahead,
    /// A value is NaN or infinite.
    Missing,
    /// The first sample of a counter.
    CounterStart,
    /// The counter is lower than before: it was reset, and its increase is not known.
    CounterReset,
    /// The series is a new one, and the query has all the series that it may have.
    Refused,
    /// The detector cannot take the value.
    Invalid,
}

/// How many samples were judged, and how many were skipped for each reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Judged and learned.
    pub scored: u64,
    /// Learned while warming up.
    pub warmup: u64,
    /// See [`Skip::Late`].
    pub late: u64,
    /// See [`Skip::Repeated`].
    pub repeated: u64,
    /// See [`Skip::Ahead`].
    pub ahead: u64,
    /// See [`Skip::Missing`].
    pub missing: u64,
    /// See [`Skip::CounterStart`].
    pub counter_starts: u64,
    /// See [`Skip::CounterReset`].
    pub counter_resets: u64,
    /// See [`Skip::Refused`].
    pub refused: u64,
    /// See [`Skip::Invalid`].
    pub invalid: u64,
    /// Series that were taken in.
    pub new_series: u64,
    /// Series that were refused; one that comes again in a later batch counts again.
    pub refused_series: u64,
    /// Series that were forgotten after they had been idle.
    pub expired_series: u64,
}

impl Counts {
    pub(super) fn add(&mut self, judged: &Judged) {
        let count = match judged {
            Judged::Scored { .. } => &mut self.scored,
            Judged::Warmup { .. } => &mut self.warmup,
            Judged::Skipped(Skip::Late) => &mut self.late,
            Judged::Skipped(Skip::Repeated) => &mut self.repeated,
            Judged::Skipped(Skip::Ahead) => &mut self.ahead,
            Judged::Skipped(Skip::Missing) => &mut self.missing,
            Judged::Skipped(Skip::CounterStart) => &mut self.counter_starts,
            Judged::Skipped(Skip::CounterReset) => &mut self.counter_resets,
            Judged::Skipped(Skip::Refused) => &mut self.refused,
            Judged::Skipped(Skip::Invalid) => &mut self.invalid,
        };
        *count = count.saturating_add(1);
    }

    /// All samples.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.scored
            .saturating_add(self.warmup)
            .saturating_add(self.skipped())
    }

    /// The samples that were not learned.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.late
            .saturating_add(self.repeated)
            .saturating_add(self.ahead)
            .saturating_add(self.missing)
            .saturating_add(self.counter_starts)
            .saturating_add(self.counter_resets)
            .saturating_add(self.refused)
            .saturating_add(self.invalid)
    }

    /// The counts beside their names.
    pub(super) const fn named(&self) -> [(&'static str, u64); 13] {
        [
            ("scored", self.scored),
            ("warming up", self.warmup),
            ("late", self.late),
            ("repeated", self.repeated),
            ("ahead of time", self.ahead),
            ("without a number", self.missing),
            ("first of a counter", self.counter_starts),
            ("at a counter reset", self.counter_resets),
            ("of refused series", self.refused),
            ("not taken by the detector", self.invalid),
            ("series new", self.new_series),
            ("series refused", self.refused_series),
            ("series expired", self.expired_series),
        ]
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.scored = self.scored.saturating_add(other.scored);
        self.warmup = self.warmup.saturating_add(other.warmup);
        self.late = self.late.saturating_add(other.late);
        self.repeated = self.repeated.saturating_add(other.repeated);
        self.ahead = self.ahead.saturating_add(other.ahead);
        self.missing = self.missing.saturating_add(other.missing);
        self.counter_starts = self.counter_starts.saturating_add(other.counter_starts);
        self.counter_resets = self.counter_resets.saturating_add(other.counter_resets);
        self.refused = self.refused.saturating_add(other.refused);
        self.invalid = self.invalid.saturating_add(other.invalid);
        self.new_series = self.new_series.saturating_add(other.new_series);
        self.refused_series = self.refused_series.saturating_add(other.refused_series);
        self.expired_series = self.expired_series.saturating_add(other.expired_series);
    }
}

/// Names what is not 0: `120 scored, 3 late, 2 series refused`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (name, count) in self.named() {
            if count > 0 {
                write!(f, "{before}{count} {name}")?;
                before = ", ";
            }
        }
        if before.is_empty() {
            f.write_str("no samples")?;
        }
        Ok(())
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReport {
    /// The query.
    pub query: String,
    /// Its samples and series.
    pub counts: Counts,
    /// The most series that the query may have.
    pub max_series: usize,
    /// The fingerprints of the first of the refused series, at most 10.
    pub refused: Vec<u64>,
    /// What the detector said of the first value that it could not take.
    pub invalid: Option<String>,
}

impl fmt::Display for BatchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query `{}`: {}", self.query, self.counts)?;
        if let Some(first) = self.refused.first() {
            write!(
                f,
                "; at most {} series are kept, the first refused has the fingerprint {first:016x}",
                self.max_series
            )?;
        }
        if let Some(why) = &self.invalid {
            write!(f, "; {why}")?;
        }
        Ok(())
    }
}
