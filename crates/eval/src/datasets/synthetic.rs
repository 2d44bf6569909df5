//! Series made up of a base signal, noise and anomalies.

use std::f64::consts::TAU;

use bongsu_core::{Error, Result};
use ndarray::Array2;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::{LabelledSeries, SeriesKind, minutes};

/// Points of a season.
const PERIOD: usize = 144;

/// What a series is like without anomalies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseSignal {
    /// A constant level.
    Flat,
    /// A sine of 144 points.
    Season,
    /// Two seasons and a slow trend.
    Trend,
    /// A square wave, as of jobs that run now and then.
    Square,
    /// A random walk that is drawn back to its level.
    Walk,
    /// Counts with more of them in the day.
    Counts,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnomalyKind {
    /// Single points far above.
    Spike,
    /// Single points far below.
    Dip,
    /// A level that moves and comes back.
    Level,
    /// A ramp that is cut off.
    Ramp,
    /// More noise.
    Variance,
    /// A value that stays as it is.
    Stuck,
    /// A season that is out of step.
    Phase,
}

/// A generator of labelled series: every base signal with every kind of anomaly.
///
/// The generator is PCG64; a series depends on the seed, its signal and its anomaly only.
///
/// ```
/// use bongsu_eval::Synthetic;
/// let series = Synthetic::default().rows(1_000)?.generate();
/// assert_eq!(series.len(), 42);
/// assert!(series.iter().all(|one| one.labels.iter().any(|&label| label)));
/// assert_eq!(series, Synthetic::default().rows(1_000)?.generate());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    rows: usize,
    noise: f64,
    strength: f64,
    seed: u64,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            rows: 3_000,
            noise: 0.1,
            strength: 1.0,
            seed: 0,
        }
    }
}

const BASES: [(BaseSignal, &str); 6] = [
    (BaseSignal::Flat, "flat"),
    (BaseSignal::Season, "season"),
    (BaseSignal::Trend, "trend"),
    (BaseSignal::Square, "square"),
    (BaseSignal::Walk, "walk"),
    (BaseSignal::Counts, "counts"),
];
const KINDS: [(AnomalyKind, &str); 7] = [
    (AnomalyKind::Spike, "spike"),
    (AnomalyKind::Dip, "dip"),
    (AnomalyKind::Level, "level"),
    (AnomalyKind::Ramp, "ramp"),
    (AnomalyKind::Variance, "variance"),
    (AnomalyKind::Stuck, "stuck"),
    (AnomalyKind::Phase, "phase"),
];

impl Synthetic {
    /// The rows of a series. Domain: [500, 1000000]. Default: 3000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn rows(mut self, rows: usize) -> Result<Self> {
        if !(500..=1_000_000).contains(&rows) {
            return Err(Error::parameter("rows", rows, "in [500, 1000000]"));
        }
        self.rows = rows;
        Ok(self)
    }

    /// The deviation of the noise; the signals are about 1 high. Domain: [0, 10]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn noise(mut self, deviation: f64) -> Result<Self> {
        if !(0.0..=10.0).contains(&deviation) {
            return Err(Error::parameter("noise", deviation, "in [0, 10]"));
        }
        self.noise = deviation;
        Ok(self)
    }

    /// How far anomalies go, against the height of the signals. Domain: (0, 100]. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn strength(mut self, strength: f64) -> Result<Self> {
        if !(strength > 0.0 && strength <= 100.0) {
            return Err(Error::parameter("strength", strength, "in (0, 100]"));
        }
        self.strength = strength;
        Ok(self)
    }

    /// The seed of the generator. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Every base signal with every kind of anomaly, of three anomalies each.
    ///
    /// Cost: O(rows) a series.
    #[must_use]
    pub fn generate(&self) -> Vec<LabelledSeries> {
        let bases = BASES.iter().enumerate();
        let pairs = bases.flat_map(|(i, base)| {
            KINDS
                .iter()
                .enumerate()
                .map(move |(j, kind)| (7 * i + j, base, kind))
        });
        pairs
            .map(|(place, (base, family), (kind, name))| {
                let stream = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(place as u64 + 1);
                let mut random = Pcg64::seed_from_u64(self.seed ^ stream);
                let (values, labels) = self.series(*base, *kind, &mut random);
                LabelledSeries {
                    set: "synthetic".to_owned(),
                    family: (*family).to_owned(),
                    name: format!("{family}-{name}"),
                    kind: SeriesKind::Univariate,
                    times: minutes(values.len()),
                    channels: vec!["value".to_owned()],
                    values: Array2::from_shape_fn((values.len(), 1), |(row, _)| {
                        values.get(row).copied().unwrap_or(f64::NAN)
                    }),
                    labels,
                    judged_from: 0,
                }
            })
            .collect()
    }

    fn series(
        &self,
        base: BaseSignal,
        kind: AnomalyKind,
        random: &mut Pcg64,
    ) -> (Vec<f64>, Vec<bool>) {
        let mut labels = vec![false; self.rows];
        let length = match kind {
            AnomalyKind::Spike | AnomalyKind::Dip => 1,
            _ => (self.rows / 60).max(5),
        };
        // One anomaly in each quarter but the first, from which is learned.
        for quarter in 1..4 {
            let quarter_rows = self.rows / 4;
            let start = quarter * quarter_rows + random.random_range(0..quarter_rows - 2 * length);
            if let Some(rows) = labels.get_mut(start..start + length) {
                rows.fill(true);
            }
        }
        let mut walk = 0.0;
        let mut position = 0;
        let mut stuck = 0.0;
        let values = (0..self.rows).map(|row| {
            let inside = labels.get(row).copied().unwrap_or(false);
            position = if inside { position + 1 } else { 0 };
            let shock: f64 = StandardNormal.sample(random);
            let fresh: f64 = StandardNormal.sample(random);
            walk = 0.98 * walk + 0.1 * fresh;
            let phase = if inside && kind == AnomalyKind::Phase {
                PERIOD / 2
            } else {
                0
            };
            let clean = signal(base, row + phase, walk);
            let louder = if inside && kind == AnomalyKind::Variance {
                1.0 + 5.0 * self.strength
            } else {
                1.0
            };
            let value = clean + louder * self.noise * shock;
            let value = match kind {
                _ if !inside => value,
                AnomalyKind::Spike => value + 2.0 * self.strength,
                AnomalyKind::Dip => value - 2.0 * self.strength,
                AnomalyKind::Level => value + self.strength,
                AnomalyKind::Ramp => value + 1.5 * self.strength * position as f64 / length as f64,
                AnomalyKind::Stuck => stuck,
                AnomalyKind::Variance | AnomalyKind::Phase => value,
            };
            stuck = value;
            if base == BaseSignal::Counts {
                (10.0 * value).round().max(0.0)
            } else {
                value
            }
        });
        (values.collect(), labels)
    }
}

fn signal(base: BaseSignal, row: usize, walk: f64) -> f64 {
    let turn = |period: usize| TAU * (row % period) as f64 / period as f64;
    match base {
        BaseSignal::Flat => 1.0,
        BaseSignal::Season => 1.0 + 0.8 * turn(PERIOD).sin(),
        BaseSignal::Trend => {
            1.0 + 0.6 * turn(PERIOD).sin() + 0.3 * turn(7 * PERIOD).cos() + row as f64 / 3_000.0
        }
        BaseSignal::Square => f64::from(u8::from(row % PERIOD < PERIOD / 4)),
        BaseSignal::Walk => 1.0 + walk,
        BaseSignal::Counts => (0.6 + 0.5 * turn(PERIOD).sin()).max(0.0),
    }
}
