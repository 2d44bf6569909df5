use bongsu_core::{Result, ScalePrior, Score, Snapshot, StreamDetector, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::Bound;
use super::bound::Kept;
use crate::check;

/// The calibrated score of the bound.
const THRESHOLD: f64 = 1.0;

/// A streaming detector with a bound of its own; see [`Bound`].
///
/// Its scores are calibrated: 0 as expected, 1 at the bound, above 1 anomalous. A raw score that is
/// infinite is calibrated to infinity.
///
/// Cost: that of the detector, and O(log window) a point for the bound, sorted anew now and then.
/// Memory: that of the detector, and `8 (window + patience)` bytes.
///
/// A snapshot holds the detector's with its kind and version, so that none is taken for another.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::{Bound, MicroClusters};
/// let detector = MicroClusters::new().build(2)?;
/// let mut stream = Bound::new().on(detector)?;
/// for i in 0..1000_u32 {
///     let (sin, cos) = f64::from(i).sin_cos();
///     stream.learn(&[sin, cos])?;
/// }
/// assert!(stream.score(&[0.6, 0.8])?.ready().unwrap() < 1.0);
/// assert!(stream.score(&[0.6, 1.8])?.ready().unwrap() > 1.0);
/// assert_eq!(stream.threshold(), Some(1.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "D: Snapshot")]
pub struct Thresholded<D> {
    bound: Bound,
    #[serde(serialize_with = "named", deserialize_with = "of_its_name")]
    detector: D,
    kept: Kept,
    /// The scores of the latest points, when they were anomalous one after the other.
    run: Vec<f64>,
    seen: u64,
}

/// The detector after the kind and the version of its snapshots.
fn named<D: Snapshot, S: Serializer>(detector: &D, serializer: S) -> Result<S::Ok, S::Error> {
    use ser::Serialize as _;
    (D::KIND, D::VERSION, detector).serialize(serializer)
}

fn of_its_name<'de, D: Snapshot, S: Deserializer<'de>>(deserializer: S) -> Result<D, S::Error> {
    let (kind, version, detector) = <(String, u16, D)>::deserialize(deserializer)?;
    if kind == D::KIND && version == D::VERSION {
        Ok(detector)
    } else {
        Err(de::Error::custom(format!(
            "it is version {version} of `{kind}`, not version {} of `{}`",
            D::VERSION,
            D::KIND
        )))
    }
}

impl<D: StreamDetector> Thresholded<D> {
    pub(super) const fn new(bound: Bound, detector: D) -> Self {
        Self {
            bound,
            detector,
            kept: Kept::new(),
            run: Vec::new(),
            seen: 0,
        }
    }

    /// The configuration of the bound.
    #[must_use]
    pub const fn bound(&self) -> &Bound {
        &self.bound
    }

    /// The detector that it is the bound of.
    #[must_use]
    pub const fn detector(&self) -> &D {
        &self.detector
    }

    /// What a raw score of the detector says.
    fn judge(&self, score: Score) -> Score {
        let after = self.kept.remaining(&self.bound) as u64;
        match score {
            Score::Warmup { remaining } => Score::Warmup {
                remaining: remaining.saturating_add(after),
            },
            Score::Ready(raw) => match self.kept.calibrate(raw) {
                Some(calibrated) => Score::Ready(calibrated),
                None => Score::Warmup { remaining: after },
            },
        }
    }

    /// Takes in the raw score of a point and what was said of it.
    fn take_in(&mut self, raw: Score, judged: Score) {
        self.seen = self.seen.saturating_add(1);
        let Some(raw) = raw.ready().filter(|raw| raw.is_finite()) else {
            return;
        };
        let anomalous = is_anomalous(judged);
        if anomalous {
            self.run.push(raw);
        } else {
            self.run.clear();
        }
        if self.bound.patience > 0 && self.run.len() >= self.bound.patience {
            self.kept.start_over(&self.run, &self.bound);
            self.run.clear();
        } else {
            self.kept.observe(raw, anomalous, &self.bound);
            if self.bound.patience == 0 {
                self.run.clear();
            }
        }
    }
}

fn is_anomalous(judged: Score) -> bool {
    judged.ready().is_some_and(|score| score > THRESHOLD)
}

impl<D: StreamDetector> StreamDetector for Thresholded<D> {
    fn score(&self, x: &[f64]) -> Result<Score> {
        self.detector.score(x).map(|score| self.judge(score))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.score_then_learn(x).map(drop)
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let raw = if self.bound.learn_anomalous {
            self.detector.score_then_learn(x)?
        } else {
            let raw = self.detector.score(x)?;
            if !is_anomalous(self.judge(raw)) {
                self.detector.learn(x)?;
            }
            raw
        };
        let judged = self.judge(raw);
        self.take_in(raw, judged);
        Ok(judged)
    }

    fn threshold(&self) -> Option<f64> {
        Some(THRESHOLD)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        self.detector.set_time(timestamp);
    }

    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        self.detector.start_from(prior)
    }

    fn heap_bytes(&self) -> usize {
        self.detector.heap_bytes() + self.kept.heap_bytes() + size_of::<f64>() * self.run.capacity()
    }

    /// The number of points judged, learned by the detector or not.
    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.detector.reset();
        self.kept = Kept::new();
        self.run.clear();
        self.seen = 0;
    }
}

impl<D: StreamDetector + Snapshot> Snapshot for Thresholded<D> {
    const KIND: &'static str = "stream.thresholded";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.bound.validate()?;
        self.detector.validate()?;
        self.kept.validate(&self.bound)?;
        check::saved(
            self.run.len() < self.bound.patience.max(1)
                && self.run.iter().all(|score| score.is_finite()),
            "the run of anomalous points does not fit the patience",
        )
    }
}
