//! What is known of each bin of the calendar, in 12 bytes.

use bongsu_stats::calendar::Bins;
use serde::{Deserialize, Serialize};

use super::stream::{CLIP, DOUBTFUL};

/// What was seen in a bin, in the unit of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Bin {
    /// Where its values lie above the level of the series.
    pub(super) center: f32,
    /// How far from there they were, when they came: the root of the mean square.
    pub(super) spread: f32,
    /// How many times it came, those of doubtful values counted in part.
    pub(super) visits: f32,
}

impl Bin {
    /// Takes in a visit that lasted long enough for `points` values.
    fn take_in(&mut self, visit: &Visit, memory: f32) {
        let trust = visit.weight / f64::from(visit.points.max(1));
        if trust <= 0.0 {
            return;
        }
        let within = visit.squares / visit.weight;
        let visits = f64::from(self.visits);
        let least = 1.0 / f64::from(memory);
        let apart = visit.mean - f64::from(self.center);
        if visits > 0.0 {
            let deviation = within + apart * apart;
            // Later deviations weigh more: the first are those from a centre hardly known.
            let share = (trust * (2.0 / (visits + 1.0)).max(least)).min(1.0);
            let spread = f64::from(self.spread);
            self.spread = (spread * spread * (1.0 - share) + deviation * share).sqrt() as f32;
            let share = trust * (1.0 / (visits + 1.0)).max(least);
            self.center = (f64::from(self.center) + share * apart) as f32;
        } else {
            self.center = visit.mean as f32;
            self.spread = within.sqrt() as f32;
        }
        self.visits = (self.visits + trust as f32).min(memory);
    }

    /// In a unit that is `factor` times smaller.
    fn rescale(&mut self, factor: f64) {
        self.center = (f64::from(self.center) * factor) as f32;
        self.spread = (f64::from(self.spread) * factor) as f32;
    }

    fn is_valid(&self, memory: f32) -> bool {
        let moderate = |x: f32| x.is_finite() && x.abs() <= MOST;
        moderate(self.center)
            && moderate(self.spread)
            && self.spread >= 0.0
            && (0.0..=memory).contains(&self.visits)
    }
}

/// From how many visits on a bin knows what is usual.
pub(super) const KNOWN: f32 = 2.0;

/// The least weight of a value of a bin that does not know what is usual.
const NEW: f64 = 0.5;

/// The largest number that a bin holds: its square and sums of squares are far from overflow.
pub(super) const MOST: f32 = 1e32;

/// The values of the bin that is open, in the unit of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Visit {
    /// Which bin, and which time of it.
    bin: u32,
    occasion: i64,
    points: u32,
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Visit {
    fn add(&mut self, y: f64, weight: f64) {
        self.points = self.points.saturating_add(1);
        self.weight += weight;
        if self.weight > 0.0 {
            let apart = y - self.mean;
            self.mean += apart * weight / self.weight;
            self.squares += (weight * apart * (y - self.mean)).max(0.0);
        }
    }
}

/// A value to learn, relative to the level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    /// Clipped at what is expected.
    pub(super) y: f64,
    /// Clipped at what the series has been like, for bins that know little.
    pub(super) wide: f64,
    pub(super) weight: f64,
    /// Whether the level is in doubt and so is `y`: bins that know what is usual learn little of it.
    pub(super) in_doubt: bool,
}

/// Bins, each learned once a visit: while an hour lasts it is judged by the hours before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Table {
    bins: Vec<Bin>,
    open: Visit,
}

impl Table {
    pub(super) fn new(count: usize) -> Self {
        Self {
            bins: vec![Bin::default(); count],
            open: Visit::default(),
        }
    }

    pub(super) fn bin(&self, place: usize) -> Bin {
        self.bins.get(place).copied().unwrap_or_default()
    }

    pub(super) fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Takes in the value of a bin at its time number `occasion`.
    pub(super) fn learn(&mut self, place: usize, occasion: i64, value: Value, memory: f32) {
        if self.open.points > 0 && (self.open.bin, self.open.occasion) != (place as u32, occasion) {
            let visit = std::mem::take(&mut self.open);
            if let Some(bin) = self.bins.get_mut(visit.bin as usize) {
                bin.take_in(&visit, memory);
            }
        }
        let bin = self.bin(place);
        self.open.bin = place as u32;
        self.open.occasion = occasion;
        if bin.visits < KNOWN {
            self.open.add(value.wide, value.weight.max(NEW));
        } else if value.in_doubt {
            let (center, reach) = (f64::from(bin.center), CLIP * f64::from(bin.spread));
            let y = value.y.max(center - reach).min(center + reach);
            self.open.add(y, value.weight.min(DOUBTFUL));
        } else {
            self.open.add(value.y, value.weight);
        }
    }

    /// Forgets bins that were mostly learned between two local times.
    pub(super) fn forget(&mut self, bins: Bins, since: i64, until: i64) {
        let (from, to) = (since.min(until), since.max(until));
        let times = (from..=to).step_by(bins.seconds() as usize);
        for local in times.take(self.bins.len()) {
            if let Some(bin) = self.bins.get_mut(bins.of(local))
                && bin.visits < KNOWN + 1.0
            {
                *bin = Bin::default();
            }
        }
    }

    /// In a unit that is `factor` times smaller.
    pub(super) fn rescale(&mut self, factor: f64) {
        for bin in &mut self.bins {
            bin.rescale(factor);
        }
        self.open.mean *= factor;
        self.open.squares *= factor * factor;
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.bins.capacity() * size_of::<Bin>()
    }

    pub(super) fn is_valid(&self, count: usize, memory: f32) -> bool {
        let Visit {
            bin,
            points,
            weight,
            mean,
            squares,
            ..
        } = self.open;
        let most = f64::from(MOST);
        self.bins.len() == count
            && (bin as usize) < count.max(1)
            && (0.0..=f64::from(points)).contains(&weight)
            && mean.abs() <= most
            && (0.0..=most * most * (1.0 + weight)).contains(&squares)
            && self.bins.iter().all(|bin| bin.is_valid(memory))
    }
}
