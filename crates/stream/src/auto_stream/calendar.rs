//! What the hours of the day and of the week add to the level.

use serde::{Deserialize, Serialize};

const HOURS: usize = 24;
const WEEK: usize = 7 * HOURS;

/// From how many points on what is known of an hour counts for half.
const YOUNG_DAY: f64 = 3.0;
const YOUNG_WEEK: f64 = 6.0;

/// The least weight of a new value in what is known of its hour: a half-life of 300 points.
const LEAST: f64 = 0.002_307;

/// What the finest expectation counts for beside the coarser ones.
const FINEST: f64 = 2.0;

/// The largest deviation that is kept, in units.
const MOST: f32 = 1e30;

/// What the local hours add to the level, and how well that predicts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Calendar {
    /// By hour of the day, then by hour of the week, in units; empty until a time is known.
    offsets: Vec<f32>,
    /// How many points they come from.
    points: Vec<u16>,
    unit: f64,
    /// The mean loss of the level alone, of the level with the day, and of both with the week.
    losses: [f64; 3],
}

/// The hour of the day and the hour of the week of a local time, as places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hour {
    day: usize,
    week: usize,
}

impl Hour {
    pub(super) const fn of(local: i64) -> Self {
        let hour = local.div_euclid(3_600);
        Self {
            day: hour.rem_euclid(HOURS as i64) as usize,
            week: HOURS + hour.rem_euclid(WEEK as i64) as usize,
        }
    }
}

impl Calendar {
    fn offset(&self, place: usize, young: f64) -> f64 {
        let points = f64::from(self.points.get(place).copied().unwrap_or(0));
        let offset = f64::from(self.offsets.get(place).copied().unwrap_or(0.0));
        points / (points + young) * offset * self.unit
    }

    /// What the day, and the day with the week, add to the level.
    fn added(&self, hour: Hour) -> [f64; 2] {
        let day = self.offset(hour.day, YOUNG_DAY);
        [day, day + self.offset(hour.week, YOUNG_WEEK)]
    }

    /// What `hour` adds to the level: the expectations weighted by one over their squared losses.
    pub(super) fn expected(&self, hour: Option<Hour>) -> f64 {
        let Some(hour) = hour.filter(|_| !self.offsets.is_empty()) else {
            return 0.0;
        };
        let least = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        let [day, week] = self.added(hour);
        if least <= 0.0 {
            return week;
        }
        let weight = |loss: f64| (least / loss) * (least / loss);
        let [without, with_day, with_week] = self.losses.map(weight);
        let with_week = FINEST * with_week;
        (with_day * day + with_week * week) / (without + with_day + with_week)
    }

    /// Learns the deviation `d` from the level, with the weight `share` in the losses, none of which
    /// is taken for more than `worst`.
    pub(super) fn learn(&mut self, hour: Option<Hour>, d: f64, share: f64, worst: f64) {
        let Some(hour) = hour else {
            return;
        };
        if self.offsets.is_empty() {
            self.offsets = vec![0.0; HOURS + WEEK];
            self.points = vec![0; HOURS + WEEK];
        }
        if self.unit == 0.0 {
            self.unit = d.abs();
        }
        let [day, week] = self.added(hour);
        for (loss, added) in self.losses.iter_mut().zip([0.0, day, week]) {
            *loss += share * ((d - added).abs().min(worst) - *loss);
        }
        let d = if self.unit > 0.0 { d / self.unit } else { 0.0 };
        let left = self.take_in(hour.day, d);
        self.take_in(hour.week, left);
    }

    /// Moves the offset at `place` towards `d`, and returns what it leaves of it.
    fn take_in(&mut self, place: usize, d: f64) -> f64 {
        let (Some(offset), Some(points)) =
            (self.offsets.get_mut(place), self.points.get_mut(place))
        else {
            return d;
        };
        *points = points.saturating_add(1);
        let share = (1.0 / f64::from(*points)).max(LEAST);
        let moved = f64::from(*offset) + share * (d - f64::from(*offset));
        *offset = (moved as f32).clamp(-MOST, MOST);
        d - f64::from(*offset)
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.offsets.capacity() * size_of::<f32>() + self.points.capacity() * size_of::<u16>()
    }

    pub(super) fn is_valid(&self) -> bool {
        (self.offsets.is_empty() || self.offsets.len() == HOURS + WEEK)
            && self.points.len() == self.offsets.len()
            && self.offsets.iter().all(|x| x.abs() <= MOST)
            && self.unit.is_finite()
            && self.unit >= 0.0
            && self.losses.iter().all(|x| x.is_finite() && *x >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_learned_and_a_week_after_it() {
        let mut calendar = Calendar::default();
        let value = |hour: i64| {
            let busy = if (9..17).contains(&(hour % 24)) {
                10.0
            } else {
                0.0
            };
            if hour / 24 % 7 < 5 { busy } else { 0.0 }
        };
        for hour in 0..24 * 7 * 6 {
            calendar.learn(Some(Hour::of(3_600 * hour)), value(hour), 0.01, 100.0);
        }
        for hour in 0..24 * 7 {
            let expected = calendar.expected(Some(Hour::of(3_600 * hour)));
            assert!((expected - value(hour)).abs() < 3.5, "{hour}: {expected}");
        }
        assert_eq!(calendar.expected(None), 0.0);
        assert!(calendar.is_valid());
        assert!(calendar.heap_bytes() <= 1_152);
    }

    #[test]
    fn hours_lie_where_they_should() {
        assert_eq!(
            Hour::of(-1),
            Hour {
                day: 23,
                week: 24 + 167
            }
        );
        assert_eq!(
            Hour::of(90_000),
            Hour {
                day: 1,
                week: 24 + 25
            }
        );
    }
}
