//! The automatic detector of one metric, point by point.

mod alarm;
mod calendar;
mod local;
mod stream;
mod tail;

use bongsu_core::Result;
use bongsu_stats::calendar::Clock;
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::AutoStreamState;

/// Configuration of the automatic detector of one metric: how rare a value is among all that were
/// seen before it, in powers of ten.
///
/// `score = max(bar(P + L + N), bar(A + V))`, where each letter is `-log10` of a tail probability:
///
/// - `P`: of the residual `|x - expected|`, with
///   `expected = level + hour of the day + hour of the week`.
///   The level is a mean with the half-life `memory`; what the hours add is learned once times are
///   known ([`set_time`](bongsu_core::StreamDetector::set_time)), counts the more the longer it is
///   known, and is weighted against the level alone by one over the squared recent loss of each.
/// - `L`: of the mean residual of the last points, half-lives of 10 and 20 points, the rarer of both:
///   shifts and swells that no single point shows.
/// - `N`: of how far a value lies beyond all that were seen, in their range.
/// - `A`: of the error of an autoregression of order 3, which knows the last points: spikes and breaks
///   of a rhythm within the usual range.
/// - `V`: of how far the mean step from point to point (half-life of 30) is from its usual size, as a
///   ratio: bursts of noise. A line that goes flat slowly is not found.
///
/// The tails are not those of a normal distribution but of histograms on a logarithmic scale (40 bins
/// of half an octave, a half-life of 5,000 points), so that scores of metrics of any shape can be
/// compared; beyond the largest value they go on as a power law. A value is judged before it is
/// learned. After it, it counts as one of thousands: it does not hide the next one. What comes back
/// becomes usual, in the same way: a shift is alarming until about one point in a thousand is like it.
///
/// `bar` makes an event one alarm rather than as many as it has points: rarities above 5 are drawn
/// together (`5 + 5 ln(r / 5)`), and half of what the past ones reached that stood out by 2.5, forgotten
/// with the half-life `rest`, is taken off. A rarer event, or one as rare a little later, passes it again.
/// The points that follow an alarm, `hold` at most, are anomalous too for as long as the bar from before it
/// would call each of them so, at a score of 1.01 thresholds: an event stays anomalous while it lasts, and
/// its begin stands out.
///
/// The whole file's limits, which the Numenta benchmark would allow to be known beforehand, are not
/// used.
///
/// Cost: O(1) time a point, some seven times that of `Ewma`. Memory: 1.6 kB, and 1.2 kB more for the hours
/// once times are known, so 2.8 GB for a million metrics.
///
/// Sources: the likelihood of residuals instead of their size, Ahmad, Lavin, Purdy & Agha 2017,
/// <https://doi.org/10.1016/j.neucom.2017.04.070>; ranks among past scores, Laxhammar & Falkman 2014,
/// <https://doi.org/10.1109/TPAMI.2013.172>; weighting by loss, Bates & Granger 1969,
/// <https://doi.org/10.1057/jors.1969.103>.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::AutoStream;
/// let mut stream = AutoStream::new().build()?;
/// for i in 0..2_000_u32 {
///     stream.learn(&[f64::from(i * 7 % 11)])?;
/// }
/// let threshold = stream.threshold().unwrap();
/// assert!(stream.score(&[5.0])?.ready().unwrap() < threshold);
/// assert!(stream.score(&[60.0])?.ready().unwrap() > threshold);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoStream {
    threshold: f64,
    memory: f64,
    rest: f64,
    hold: u32,
    warmup: u32,
    timezone: String,
}

impl Default for AutoStream {
    fn default() -> Self {
        Self {
            threshold: 3.0,
            memory: 1_000.0,
            rest: 500.0,
            hold: 30,
            warmup: 30,
            timezone: "UTC".to_owned(),
        }
    }
}

impl AutoStream {
    /// The defaults: a threshold of 3, a level with a half-life of 1,000 points, alarms remembered
    /// with one of 500 and held for 30 points, 30 points to warm up, hours in UTC.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The score above which a point is anomalous, in powers of ten. Domain: finite, above 0.
    /// Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// The half-life of the level, in points. Domain: finite, at least 1. Default: 1,000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn memory(mut self, points: f64) -> Result<Self> {
        self.memory = check::at_least_one("memory", points)?;
        Ok(self)
    }

    /// The half-life of what past alarms take off later scores, in points. Domain: finite, at least 1.
    /// Default: 500.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn rest(mut self, points: f64) -> Result<Self> {
        self.rest = check::at_least_one("rest", points)?;
        Ok(self)
    }

    /// How many points after an alarm are anomalous too at most, as long as each would have been without
    /// it. Domain: [0, 10000]. Default: 30.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn hold(mut self, points: u32) -> Result<Self> {
        self.hold = check::points("hold", points, 0, 10_000)?;
        Ok(self)
    }

    /// How many points are learned before the first score. Domain: [2, 10000]. Default: 30.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn warmup(mut self, points: u32) -> Result<Self> {
        self.warmup = check::points("warmup", points, 2, 10_000)?;
        Ok(self)
    }

    /// The name of the time zone whose hours count, such as `Europe/Berlin`. Domain: a name of the
    /// IANA database, which is built in. Default: `UTC`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn timezone(mut self, name: &str) -> Result<Self> {
        Clock::new(name)?;
        name.clone_into(&mut self.timezone);
        Ok(self)
    }

    /// Checks all parameters, as their setters do.
    ///
    /// # Errors
    /// When one is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::positive("threshold", self.threshold)?;
        check::at_least_one("memory", self.memory)?;
        check::at_least_one("rest", self.rest)?;
        check::points("hold", self.hold, 0, 10_000)?;
        check::points("warmup", self.warmup, 2, 10_000)?;
        Clock::new(&self.timezone).map(|_| ())
    }

    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(self) -> Result<AutoStreamState> {
        AutoStreamState::new(self)
    }
}
