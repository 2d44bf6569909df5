//! Bayesian online changepoint detection.

mod predictive;
mod runs;
mod segment;
mod stream;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use self::predictive::Prior;
use self::runs::{Limits, Runs};
use crate::check;
use crate::robust::{MAD_TO_STD, MEAN_AD_TO_STD, mad, mean_abs_dev, median};

pub use stream::BocpdStream;

/// The least spread, as a share of the level: a constant's rounding errors are no changes.
const RESOLUTION: f64 = 1e-9;

/// The farthest from the level in units of the spread: the square of what is beyond would overflow.
const FARTHEST: f64 = 1e140;

/// Counts beyond this are no counts.
const MOST_COUNT: f64 = 1e15;

/// What the values of a run have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunModel {
    /// Normal with unknown mean and variance, which are normal-inverse-gamma beforehand; what is
    /// predicted is a Student t. The default.
    #[default]
    Normal,
    /// Normal with unknown mean; the variance is that of the first points.
    KnownVariance,
    /// Poisson with unknown rate, which is gamma beforehand; what is predicted is a negative
    /// binomial. Values are at least 0 and at most 1e15.
    Poisson,
}

impl std::str::FromStr for RunModel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "normal" => Ok(Self::Normal),
            "known_variance" => Ok(Self::KnownVariance),
            "poisson" => Ok(Self::Poisson),
            _ => Err(Error::parameter(
                "model",
                format!("`{text}`"),
                "normal, known_variance or poisson",
            )),
        }
    }
}

/// Configuration of Bayesian online changepoint detection.
///
/// The series is a sequence of runs. Each point ends its run with the probability `hazard`; within a
/// run values are independent draws from a distribution whose parameters are drawn anew from the
/// prior for every run. The probability of each length `r` of the present run follows point by point:
/// `P(r + 1) ~ P(r) p(x | r) (1 - hazard)` and `P(0) = hazard`, where `p(x | r)` is what the last `r`
/// points predict.
///
/// `score = -log10 P`, where `P` is the probability under the mixture of all runs of a value at least
/// as far out as `x` on its side, doubled for the two sides. A threshold of 3 calls one point in
/// 1,000 anomalous when the model holds. Since a change is always possible, the score of a single
/// value grows slowly beyond about `-log10 hazard`. Whether the run changed can be asked of the
/// stream: [`BocpdStream::change_probability`].
///
/// The prior of a run, with the level `m` and the spread `s` of the first `warmup` points (median,
/// and 1.4826 times the median absolute deviation):
/// - [`RunModel::Normal`]: precision from a gamma distribution with shape `shape` and rate
///   `shape s^2`; mean from a normal one about `m` with the variance of the run over `strength`.
/// - [`RunModel::KnownVariance`]: mean from a normal one about `m` with the variance
///   `s^2 / strength`.
/// - [`RunModel::Poisson`]: rate from a gamma distribution with shape `shape` and mean `m`.
///
/// Kept are at most `max_runs` run lengths, and none less probable than `prune` times the hazard.
///
/// Cost: O(runs kept) time a point, with a logarithm and an exponential each, and a tail probability
/// each for the score; 40 bytes a run.
///
/// Source: *Bayesian online changepoint detection*, 2007, <https://arxiv.org/abs/0710.3742>.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::Bocpd::new().build()?;
/// for i in 0..200 {
///     stream.learn(&[f64::from(i * 7 % 5)])?;
/// }
/// assert!(stream.change_probability(10) < 0.2);
/// for i in 0..10 {
///     stream.learn(&[20.0 + f64::from(i * 7 % 5)])?;
/// }
/// assert!(stream.change_probability(10) > 0.9);
/// assert_eq!(stream.most_probable_run(), 10);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bocpd {
    model: RunModel,
    hazard: f64,
    strength: f64,
    shape: f64,
    known: Option<(f64, f64)>,
    warmup: usize,
    max_runs: usize,
    prune: f64,
    threshold: f64,
}

impl Default for Bocpd {
    fn default() -> Self {
        Self {
            model: RunModel::Normal,
            hazard: 1.0 / 250.0,
            strength: 0.01,
            shape: 3.0,
            known: None,
            warmup: 30,
            max_runs: 200,
            prune: 1e-3,
            threshold: 3.0,
        }
    }
}

impl Bocpd {
    /// The defaults: normal runs of 250 points on average, 30 points to warm up, threshold 3.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the values of a run have in common. Default: [`RunModel::Normal`].
    #[must_use]
    pub const fn model(mut self, model: RunModel) -> Self {
        self.model = model;
        self
    }

    /// The probability that a run ends, one over the average length of runs. Domain: (0, 1).
    /// Default: 1/250.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn hazard(mut self, probability: f64) -> Result<Self> {
        self.hazard = hazard(probability)?;
        Ok(self)
    }

    /// How many points the prior of the level is worth. Domain: [1e-9, 1e9]; small where levels of
    /// runs lie far apart. Default: 0.01.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn strength(mut self, points: f64) -> Result<Self> {
        self.strength = weight("strength", points)?;
        Ok(self)
    }

    /// How sure the prior is of the spread (or the rate): half as many points. Domain:
    /// [1e-9, 1e9]. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn shape(mut self, shape: f64) -> Result<Self> {
        self.shape = weight("shape", shape)?;
        Ok(self)
    }

    /// The level and the spread of the prior, in the unit of the metric, instead of those of the
    /// first points; nothing then is to warm up. Domain: finite; the spread above 0, and the level
    /// too with [`RunModel::Poisson`], where the spread is not used.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn known(mut self, level: f64, spread: f64) -> Result<Self> {
        self.known = Some((level, spread));
        self.validate()?;
        Ok(self)
    }

    /// The points before the first score, from which the prior is taken. Domain: [2, 1048576].
    /// Default: 30.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn warmup(mut self, points: usize) -> Result<Self> {
        self.warmup = check::window("warmup", points, 2)?;
        Ok(self)
    }

    /// The most run lengths that are kept, the most probable ones. Domain: [2, 1048576]. Default:
    /// 200.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_runs(mut self, runs: usize) -> Result<Self> {
        self.max_runs = check::window("max_runs", runs, 2)?;
        Ok(self)
    }

    /// The probability below which a run length is dropped, as a share of the hazard. Domain:
    /// [0, 1). Default: 0.001.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn prune(mut self, share: f64) -> Result<Self> {
        self.prune = prune(share)?;
        Ok(self)
    }

    /// The score above which a point is anomalous. Domain: (0, 300]. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = decades(threshold)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        hazard(self.hazard)?;
        weight("strength", self.strength)?;
        weight("shape", self.shape)?;
        check::window("warmup", self.warmup, 2)?;
        check::window("max_runs", self.max_runs, 2)?;
        prune(self.prune)?;
        decades(self.threshold)?;
        if let Some((level, spread)) = self.known {
            check::positive("spread", spread)?;
            if self.model == RunModel::Poisson {
                check::positive("level", level)?;
            } else if !level.is_finite() {
                return Err(Error::parameter("level", level, "finite"));
            }
        }
        let prior = Standard::of(self, self.known.unwrap_or((1.0, 1.0))).prior;
        if prior.is_valid() {
            Ok(())
        } else {
            Err(Error::parameter(
                "shape",
                self.shape,
                "such that the prior is within the range of floats",
            ))
        }
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<BocpdStream> {
        BocpdStream::new(self.clone())
    }

    /// The scores of a whole column, as a stream gives them; NaN while it warms up.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or a value is not finite or no count where counts are
    /// asked for.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        use bongsu_core::StreamDetector as _;
        let mut stream = self.build()?;
        let score = |&x: &f64| Ok(stream.score_then_learn(&[x])?.ready().unwrap_or(f64::NAN));
        values.iter().map(score).collect()
    }

    fn limits(&self) -> Limits {
        Limits {
            hazard: self.hazard,
            least: (self.prune * self.hazard).ln(),
            most: self.max_runs,
        }
    }

    /// Fails unless `x` is a value that the model knows.
    fn check(&self, x: f64) -> Result<()> {
        if self.model == RunModel::Poisson && !(0.0..=MOST_COUNT).contains(&x) {
            return Err(Error::input(format!(
                "the value is {x}, but a count must be in [0, 1e15]"
            )));
        }
        Ok(())
    }
}

/// How much a prior weighs: beyond these bounds it knows all or nothing, and the digits of what a
/// run adds to it are lost.
fn weight(name: &str, points: f64) -> Result<f64> {
    if (1e-9..=1e9).contains(&points) {
        Ok(points)
    } else {
        Err(Error::parameter(name, points, "in [1e-9, 1e9]"))
    }
}

fn hazard(probability: f64) -> Result<f64> {
    if probability > 0.0 && probability < 1.0 {
        Ok(probability)
    } else {
        Err(Error::parameter("hazard", probability, "in (0, 1)"))
    }
}

fn prune(share: f64) -> Result<f64> {
    if (0.0..1.0).contains(&share) {
        Ok(share)
    } else {
        Err(Error::parameter("prune", share, "in [0, 1)"))
    }
}

fn decades(threshold: f64) -> Result<f64> {
    if threshold > 0.0 && threshold <= 300.0 {
        Ok(threshold)
    } else {
        Err(Error::parameter("threshold", threshold, "in (0, 300]"))
    }
}

/// The unit in which runs see values, and the prior in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Standard {
    center: f64,
    unit: f64,
    prior: Prior,
}

impl Standard {
    /// With the level and the spread of the prior.
    fn of(config: &Bocpd, (level, spread): (f64, f64)) -> Self {
        let Bocpd {
            strength, shape, ..
        } = *config;
        let (center, unit, prior) = match config.model {
            RunModel::Normal => {
                let scale = shape;
                let prior = Prior::Normal {
                    strength,
                    shape,
                    scale,
                };
                (level, spread, prior)
            }
            RunModel::KnownVariance => (level, spread, Prior::KnownVariance { strength }),
            RunModel::Poisson => {
                let rate = shape / level;
                (0.0, 1.0, Prior::Poisson { shape, rate })
            }
        };
        Self {
            center,
            unit,
            prior,
        }
    }

    /// With the level and the spread of `values`.
    fn learn(config: &Bocpd, values: &[f64]) -> Self {
        let level = median(values);
        if config.model == RunModel::Poisson {
            // A rate of 0 would make the first event impossible; half an event may have been missed.
            let n = values.len().max(1) as f64;
            let mean = values.iter().map(|x| x / n).sum::<f64>();
            return Self::of(config, (mean.max(0.5 / n), 1.0));
        }
        let robust = MAD_TO_STD * mad(values);
        let spread = if robust > 0.0 {
            robust
        } else {
            MEAN_AD_TO_STD * mean_abs_dev(values)
        };
        let least = (RESOLUTION * level.abs()).max(f64::MIN_POSITIVE);
        Self::of(config, (level, spread.clamp(least, f64::MAX)))
    }

    fn apply(&self, x: f64) -> f64 {
        // Halved, as differences of the largest floats would overflow.
        let distance = 0.5 * x - 0.5 * self.center;
        (distance / self.unit * 2.0).clamp(-FARTHEST, FARTHEST)
    }

    fn back(&self, z: f64) -> f64 {
        (self.center + z * self.unit).clamp(-f64::MAX, f64::MAX)
    }

    fn is_valid(&self) -> bool {
        self.center.is_finite() && self.unit.is_finite() && self.unit > 0.0 && self.prior.is_valid()
    }
}

/// The value on one side of `runs` whose score is `threshold`, by false position on the score
/// (Illinois); `side` is -1 or 1.
fn bound(runs: &Runs, threshold: f64, side: f64) -> f64 {
    let (mean, spread) = (runs.mean(), runs.spread().max(f64::MIN_POSITIVE));
    let excess = |distance: f64| {
        let (lower, upper) = runs.tails(mean + side * distance);
        let tail = if side < 0.0 { lower } else { upper };
        predictive::surprise(2.0 * tail) - threshold
    };
    let (mut near, mut at_near) = (0.0, -threshold);
    let mut far = 4.0 * spread;
    let mut at_far = excess(far);
    while at_far <= 0.0 && far < FARTHEST {
        (near, at_near) = (far, at_far);
        far *= 4.0;
        at_far = excess(far);
    }
    for _ in 0..60 {
        if far - near <= 1e-9 * far || at_far <= 0.0 {
            break;
        }
        // Within the bracket, and never the end itself.
        let share = (at_near / (at_near - at_far)).clamp(0.01, 0.99);
        let middle = near + share * (far - near);
        let at_middle = excess(middle);
        if at_middle.abs() <= 1e-9 {
            far = middle;
            break;
        }
        if at_middle > 0.0 {
            (far, at_far) = (middle, at_middle);
            at_near *= 0.5;
        } else {
            (near, at_near) = (middle, at_middle);
            at_far *= 0.5;
        }
    }
    mean + side * far
}
