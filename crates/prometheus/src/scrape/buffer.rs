//! The newest samples of one target's series.

use std::collections::{HashMap, VecDeque};

use bongsu_core::{Labels, METRIC_NAME, Series, Timestamp};

use super::expression::{Expression, Function};
use super::rate;
use crate::Sample;

/// The value that ends a series, as in Prometheus.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// So long the last value of a series stands when nothing ends it.
pub(super) const LOOKBACK_MS: i64 = 5 * 60 * 1_000;

/// The samples of one target.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    series: HashMap<Labels, Slot>,
    /// The number of the newest scrape.
    scrapes: u64,
}

#[derive(Debug, Default)]
struct Slot {
    points: VecDeque<(Timestamp, f64)>,
    /// The newest scrape that had it.
    seen: u64,
    /// Whether its samples bring times of their own: then no scrape without it ends it.
    own_times: bool,
}

/// The moments of a query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) step_ms: i64,
}

/// Whether a value ends its series.
fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

impl Buffer {
    /// So many scrapes were taken in.
    pub(super) const fn scrapes(&self) -> u64 {
        self.scrapes
    }

    /// Takes in what a scrape at `now` gave; series that were there before and are not now end.
    /// New series beyond `room` are refused; gives how many were taken and refused.
    pub(super) fn take_in(
        &mut self,
        samples: Vec<Sample>,
        now: Timestamp,
        room: usize,
    ) -> (usize, usize) {
        self.scrapes += 1;
        let (mut taken, mut refused) = (0, 0);
        for sample in samples {
            let known = self.series.contains_key(&sample.labels);
            if !known && taken >= room {
                refused += 1;
                continue;
            }
            taken += usize::from(!known);
            let slot = self.series.entry(sample.labels).or_default();
            slot.seen = self.scrapes;
            slot.own_times = sample.timestamp != now;
            slot.push(sample.timestamp, sample.value);
        }
        for slot in self.series.values_mut() {
            if slot.seen != self.scrapes && !slot.own_times {
                slot.end(now);
            }
        }
        (taken, refused)
    }

    /// Forgets what is older than `since`; gives the number of series that went.
    pub(super) fn forget(&mut self, since: Timestamp) -> usize {
        let before = self.series.len();
        self.series.retain(|_, slot| {
            while slot.points.front().is_some_and(|(time, _)| *time < since) {
                slot.points.pop_front();
            }
            !slot.points.is_empty()
        });
        before - self.series.len()
    }

    /// What `expression` gives on `grid`.
    pub(super) fn evaluate(&self, expression: &Expression, grid: Grid) -> Vec<Series> {
        let chosen = self
            .series
            .iter()
            .filter(|(labels, _)| expression.selector.matches(labels));
        chosen
            .filter_map(|(labels, slot)| {
                let (times, values): (Vec<_>, Vec<_>) = slot.on_grid(expression, grid).unzip();
                if times.is_empty() {
                    return None;
                }
                let labels = match expression.function {
                    Function::Value => labels.clone(),
                    Function::Rate | Function::Increase => labels.without(&[METRIC_NAME]),
                };
                // The grid's moments rise, so that this cannot fail.
                Series::new(labels, times, values).ok()
            })
            .collect()
    }
}

impl Slot {
    /// Adds a point; one that is not newer than the last is left out.
    fn push(&mut self, time: Timestamp, value: f64) {
        if self.points.back().is_none_or(|(last, _)| *last < time) {
            self.points.push_back((time, value));
        }
    }

    fn end(&mut self, now: Timestamp) {
        if self
            .points
            .back()
            .is_some_and(|(_, value)| !is_stale(*value))
        {
            self.push(now, STALE);
        }
    }

    fn on_grid<'a>(
        &'a self,
        expression: &'a Expression,
        grid: Grid,
    ) -> impl Iterator<Item = (Timestamp, f64)> + 'a {
        let steps = grid.end.millis_since(grid.start) / grid.step_ms;
        (0..=steps).filter_map(move |i| {
            let shown = grid.start.add_millis(i * grid.step_ms);
            let at = shown.add_millis(-expression.selector.offset_ms());
            let value = match expression.function {
                Function::Value => self.value(at),
                Function::Increase => self.increase(at, expression.range_ms),
                Function::Rate => self
                    .increase(at, expression.range_ms)
                    .map(|increase| increase / (expression.range_ms as f64 / 1_000.0)),
            };
            value.map(|value| (shown, value))
        })
    }

    /// The last value at or before `at`.
    fn value(&self, at: Timestamp) -> Option<f64> {
        let after = self.points.partition_point(|(time, _)| *time <= at);
        let (time, value) = *self.points.get(after.checked_sub(1)?)?;
        (at.millis_since(time) <= LOOKBACK_MS && !is_stale(value)).then_some(value)
    }

    /// The increase over the window that ends at `at`, both ends included.
    fn increase(&self, at: Timestamp, range_ms: i64) -> Option<f64> {
        let start = at.add_millis(-range_ms);
        let from = self.points.partition_point(|(time, _)| *time < start);
        let to = self.points.partition_point(|(time, _)| *time <= at);
        let points = self.points.range(from..to.max(from)).copied();
        rate::increase(points.filter(|(_, v)| !is_stale(*v)), at, range_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn sample(name: &str, time: i64, value: f64) -> Sample {
        Sample {
            labels: Labels::from_pairs([("__name__", name)]).unwrap(),
            timestamp: at(time),
            value,
        }
    }

    fn asked(buffer: &Buffer, expression: &str, start: i64, end: i64) -> Vec<(i64, f64)> {
        let grid = Grid {
            start: at(start),
            end: at(end),
            step_ms: 10_000,
        };
        let series = buffer.evaluate(&expression.parse().unwrap(), grid);
        let points = series.iter().flat_map(Series::iter);
        points.map(|(t, v)| (t.as_millis() / 1_000, v)).collect()
    }

    #[test]
    fn a_series_ends_with_the_scrape_that_does_not_have_it() {
        let mut buffer = Buffer::default();
        buffer.take_in(vec![sample("a", 0, 1.0), sample("b", 0, 5.0)], at(0), 9);
        buffer.take_in(vec![sample("b", 15, 6.0)], at(15), 9);
        buffer.take_in(vec![sample("a", 30, 2.0), sample("b", 30, 7.0)], at(30), 9);
        assert_eq!(
            asked(&buffer, "a", 0, 40),
            [(0, 1.0), (10, 1.0), (30, 2.0), (40, 2.0)]
        );
        // The target is away: everything ends.
        buffer.take_in(Vec::new(), at(45), 9);
        buffer.take_in(Vec::new(), at(60), 9);
        assert_eq!(asked(&buffer, "b", 40, 60), [(40, 7.0)]);
        assert_eq!(
            buffer.series.values().map(|s| s.points.len()).max(),
            Some(4)
        );
        assert_eq!(asked(&buffer, "increase(b[30s])", 30, 30), [(30, 2.0)]);
        // What it had said of itself does not join what it will say.
        assert_eq!(
            asked(&buffer, "b offset 1m", 80, 90),
            [(80, 6.0), (90, 7.0)]
        );
    }

    #[test]
    fn a_series_with_times_of_its_own_lives_on_for_the_lookback() {
        let mut buffer = Buffer::default();
        buffer.take_in(vec![sample("a", 5, 1.0)], at(15), 9);
        buffer.take_in(Vec::new(), at(30), 9);
        assert_eq!(asked(&buffer, "a", 280, 320).len(), 3);
    }

    #[test]
    fn memory_is_bounded_by_age_and_by_number() {
        let mut buffer = Buffer::default();
        let page = |time| {
            vec![
                sample("a", time, 1.0),
                sample("b", time, 1.0),
                sample("c", time, 1.0),
            ]
        };
        assert_eq!(buffer.take_in(page(0), at(0), 2), (2, 1));
        assert_eq!(buffer.take_in(page(10), at(10), 0), (0, 1));
        assert_eq!(buffer.forget(at(5)), 0);
        assert_eq!(asked(&buffer, "a", 0, 0), []);
        assert_eq!(buffer.forget(at(11)), 2);
        // The clock went back: what is not newer is left out.
        buffer.take_in(page(20), at(20), 9);
        buffer.take_in(vec![sample("a", 15, 7.0)], at(15), 9);
        assert_eq!(asked(&buffer, "a", 20, 20), [(20, 1.0)]);
    }
}
