//! The channels of a group: rows made of them, and what becomes of those that are missing.

use std::collections::BTreeMap;

use bongsu_core::{Contribution, Result as CoreResult, Timestamp};
use bongsu_stream::sketch::P2;
use serde::{Deserialize, Serialize};

/// The most channels that wait to be taken in.
const MOST_NEWCOMERS: usize = 64;

/// The channels of a group, in the order of the detector's features.
///
/// Memory: about 300 bytes a channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Channels {
    all: Vec<Channel>,
    /// Numbers of channels that the group did not have at first; `None` once that was told.
    newcomers: BTreeMap<String, Option<u32>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Channel {
    name: String,
    /// The latest number.
    value: f64,
    at: Timestamp,
    /// The median of what was learned, and of the distances from it.
    typical: Option<P2>,
    spread: Option<P2>,
}

/// A row without holes.
#[derive(Debug, Default)]
pub(super) struct Complete {
    pub(super) values: Vec<f64>,
    /// The channels that are missing, by their places.
    pub(super) missing: Vec<usize>,
    /// Whether one of these was never there.
    pub(super) unknown: bool,
}

impl Channels {
    /// In order of their names, which are distinct.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let channel = |name: &str| Channel {
            name: name.to_owned(),
            value: f64::NAN,
            at: Timestamp::MIN,
            typical: None,
            spread: None,
        };
        Self {
            all: names.map(channel).collect(),
            newcomers: BTreeMap::new(),
        }
    }

    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.all.iter().map(|channel| channel.name.as_str())
    }

    /// Those of them at `places`, as a list.
    pub(super) fn list(&self, places: &[usize]) -> String {
        let names = places.iter().filter_map(|&place| self.all.get(place));
        names
            .map(|c| c.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Takes note of the numbers of `row`; those that are not there are NaN.
    pub(super) fn see(&mut self, moment: Timestamp, row: &[f64]) {
        for (channel, &value) in self.all.iter_mut().zip(row) {
            if value.is_finite() {
                (channel.value, channel.at) = (value, moment);
            }
        }
    }

    /// The row at `moment`, after [`Channels::see`]: a number is carried for `max_gap`
    /// milliseconds, after that the typical one stands.
    pub(super) fn complete(&self, moment: Timestamp, row: &[f64], max_gap: i64) -> Complete {
        let mut complete = Complete::default();
        for (place, (channel, &value)) in self.all.iter().zip(row).enumerate() {
            let carried = channel.at > Timestamp::MIN && moment.millis_since(channel.at) <= max_gap;
            let value = if value.is_finite() {
                value
            } else if carried {
                channel.value
            } else {
                complete.missing.push(place);
                let typical = channel.typical.and_then(|typical| typical.quantile());
                complete.unknown |= typical.is_none();
                typical.unwrap_or(f64::NAN)
            };
            complete.values.push(value);
        }
        complete
    }

    /// Takes note of a row that was learned.
    pub(super) fn learn(&mut self, row: &[f64]) {
        for (channel, &value) in self.all.iter_mut().zip(row) {
            let Ok(fresh) = P2::new(0.5) else {
                continue;
            };
            let typical = channel.typical.get_or_insert(fresh);
            if value.is_finite() && typical.update(value).is_ok() {
                let distance = (value - typical.quantile().unwrap_or(value)).abs();
                // A distance beyond what a float can say tells nothing of the spread.
                let _ = channel.spread.get_or_insert(fresh).update(distance);
            }
        }
    }

    /// How far each channel of `row` is from what is typical of it, in its own spread: for
    /// detectors that cannot tell what the channels contribute.
    pub(super) fn distances(&self, row: &[f64]) -> Vec<f64> {
        let distance = |(channel, &value): (&Channel, &f64)| {
            let median = |sketch: Option<P2>| sketch.and_then(|sketch| sketch.quantile());
            let typical = median(channel.typical).unwrap_or(value);
            let spread = median(channel.spread).unwrap_or(0.0);
            let least = f64::EPSILON * typical.abs().max(f64::MIN_POSITIVE);
            ((value - typical) / spread.max(least)).abs().min(1e300)
        };
        self.all.iter().zip(row).map(distance).collect()
    }

    /// `parts` as shares of the channels by name.
    pub(super) fn contributions(&self, parts: &[f64]) -> Vec<Contribution> {
        // Scaled first, so that the sum of huge parts stays finite.
        let largest = parts.iter().fold(0.0_f64, |m, &part| m.max(part));
        let scaled: Vec<f64> = parts
            .iter()
            .map(|part| part / largest.max(f64::MIN_POSITIVE))
            .collect();
        let sum: f64 = scaled.iter().sum();
        let share = |part: f64| if sum > 0.0 { part / sum } else { 0.0 };
        let named = self.all.iter().zip(scaled);
        named
            .map(|(channel, part)| Contribution {
                feature: channel.name.clone(),
                share: share(part),
            })
            .collect()
    }

    /// Counts a number of a channel that is none of these; whether it has now had `enough`.
    pub(super) fn meet(&mut self, name: &str, enough: u32) -> bool {
        if !self.newcomers.contains_key(name) {
            if self.newcomers.len() >= MOST_NEWCOMERS {
                return false;
            }
            self.newcomers.insert(name.to_owned(), Some(0));
        }
        match self.newcomers.get_mut(name) {
            Some(slot @ Some(_)) => {
                let count = slot.unwrap_or(0).saturating_add(1);
                let is_enough = count >= enough;
                *slot = (!is_enough).then_some(count);
                is_enough
            }
            _ => false,
        }
    }

    /// The channels of a group that starts afresh with `newcomer`: those that are there at `moment`,
    /// what each had last kept.
    pub(super) fn with(&self, newcomer: &str, moment: Timestamp, max_gap: i64) -> Self {
        let here = |channel: &&Channel| {
            channel.at > Timestamp::MIN && moment.millis_since(channel.at) <= max_gap
        };
        let kept = self.all.iter().filter(here);
        let mut names: Vec<&str> = kept.map(|channel| channel.name.as_str()).collect();
        names.push(newcomer);
        names.sort_unstable();
        let mut fresh = Self::new(names.into_iter());
        for channel in &mut fresh.all {
            if let Some(old) = self.all.iter().find(|old| old.name == channel.name) {
                (channel.value, channel.at) = (old.value, old.at);
            }
        }
        fresh
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let names: usize = self.all.iter().map(|channel| channel.name.capacity()).sum();
        let newcomers: usize = self.newcomers.keys().map(|name| name.capacity() + 48).sum();
        self.all.capacity() * size_of::<Channel>() + names + newcomers
    }

    /// Checks it after it was read from a file.
    pub(crate) fn validate(&self) -> CoreResult<()> {
        let names = self.all.iter().zip(self.all.iter().skip(1));
        if names.into_iter().any(|(a, b)| a.name >= b.name) {
            return Err(bongsu_core::Error::snapshot(
                "the channels of a group are not in order",
            ));
        }
        use bongsu_core::Snapshot as _;
        for channel in &self.all {
            for sketch in [channel.typical, channel.spread].into_iter().flatten() {
                sketch.validate()?;
            }
        }
        Ok(())
    }
}
