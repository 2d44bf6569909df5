//! Shapes of single metrics.

use bongsu_core::Timestamp;
use bongsu_stats::period::PeriodSearch;
use bongsu_stats::robust::median;

use super::marker::{changes, nearest};
use super::slope::line;
use super::{Input, Pattern, PatternMatch, Shape, TimeToLimit, names_match};
use crate::correlation::{MIN_POINTS, change};
use crate::rank::{CLEARLY_MOVED, Deviation, MIN_NORMAL, Movement, Split, deviation};

/// The most points that slopes of all pairs are taken of; of more, evenly spaced ones.
const SLOPE_POINTS: usize = 200;

/// An hour, a day and a week in milliseconds.
const CLOCK: [i64; 3] = [3_600_000, 86_400_000, 604_800_000];

/// One metric in an incident.
struct Track<'a> {
    normal: &'a [f64],
    after: &'a [f64],
    split: &'a Split<'a>,
    /// Its place among the metrics.
    metric: usize,
    /// Where its rows are on a grid, where that has gaps.
    places: Option<&'a [usize]>,
    deviation: &'a Deviation,
    /// The share of the incident that a block takes.
    share: f64,
}

/// A shape that fits.
struct Shown {
    /// How well, in [0, 1].
    confidence: f64,
    /// What was seen.
    text: String,
    left: Option<TimeToLimit>,
}

pub(super) fn find(input: &Input<'_>, pattern: &Pattern) -> Vec<PatternMatch> {
    let split = input.split;
    let places = split.places();
    let parts = split.normal.iter().zip(&split.after);
    let parts = parts.zip(&input.evidence.deviations).enumerate();
    let tracks = parts.map(|(metric, ((normal, after), deviation))| Track {
        normal,
        after,
        split,
        metric,
        places: places.as_deref(),
        deviation,
        share: input.share,
    });
    let named = split.metrics.iter().zip(tracks);
    let named = named.filter(|(metric, _)| names_match(&pattern.metrics, &metric.name));
    named
        .filter_map(|(metric, track)| {
            let shown = track.shows(&pattern.shape)?;
            Some(PatternMatch {
                pattern: pattern.name.clone(),
                services: vec![metric.service.clone()],
                metric: Some(metric.name.clone()),
                confidence: 100.0 * shown.confidence.clamp(0.0, 1.0),
                evidence: format!("{} {}", metric.name, shown.text),
                time_to_limit: shown.left,
            })
        })
        .collect()
}

impl Track<'_> {
    fn shows(&self, shape: &Shape) -> Option<Shown> {
        let up = self.deviation.movement == Movement::Up;
        let clear = self.clear();
        let seen = match *shape {
            Shape::GradualIncrease {
                within_seconds,
                limit,
            } => return self.gradual(within_seconds, limit),
            Shape::SuddenIncrease { within_seconds } if up && clear => {
                let from = self.deviation.moved_at?;
                let rise = self.seconds(from)?;
                let jump = self.jump_from(from)?;
                (rise <= within_seconds)
                    .then(|| (jump, format!("jumped {rise:.0} s after the onset")))
            }
            Shape::LevelShift
                if clear && matches!(self.deviation.movement, Movement::Up | Movement::Down) =>
            {
                let rest = self.after.get(3 * self.after.len() / 4..)?;
                let known: Vec<f64> = rest.iter().copied().filter(|x| !x.is_nan()).collect();
                let (from, to) = (self.deviation.center, self.deviation.level);
                let stays = (median(&known) - from) / (to - from) >= 0.5;
                stays.then_some(())?;
                Some((
                    self.jump()?,
                    format!("went from {from:.4} to {to:.4} and stayed"),
                ))
            }
            Shape::Saturation { tolerance } if up && clear => self.saturation(tolerance),
            Shape::DropToAbsent { remaining } => self.absence(remaining),
            Shape::Periodic { least_times } => self.periodic(least_times),
            Shape::Precedes { within_seconds } => self.precedes(within_seconds),
            _ => None,
        };
        seen.map(|(confidence, text)| Shown {
            confidence,
            text,
            left: None,
        })
    }

    fn seconds(&self, row: usize) -> Option<f64> {
        let time = self.split.times.get(row)?;
        Some(time.millis_since(self.split.onset) as f64 / 1e3)
    }

    /// The share of the variance of normal times and incident that one jump explains.
    fn jump(&self) -> Option<f64> {
        let length = self.after.len();
        let normal = self
            .normal
            .get(self.normal.len().saturating_sub(length)..)?;
        Some(change(&[normal, self.after].concat()).ok()??.explained)
    }

    /// That of the stretch from row `from` on which it is high, as what falls again has jumped too, and of as
    /// many moments before it.
    fn jump_from(&self, from: usize) -> Option<f64> {
        let middle = 0.5 * self.deviation.center + 0.5 * self.deviation.level;
        let (mut lead, mut most, mut end) = (0_i64, 0, from);
        for (row, x) in self.after.iter().enumerate().skip(from) {
            lead += if *x >= middle { 1 } else { -1 };
            if lead >= most {
                (most, end) = (lead, row);
            }
        }
        let high = self.after.get(from..=end)?;
        let before = [self.normal, self.after.get(..from)?].concat();
        let moments = high.len().max(MIN_POINTS);
        let before = before.get(before.len().saturating_sub(moments)..)?;
        Some(change(&[before, high].concat()).ok()??.explained)
    }

    fn gradual(&self, within: f64, limit: Option<f64>) -> Option<Shown> {
        let seconds = |time: &Timestamp| time.millis_since(self.split.onset) as f64 / 1e3;
        let (normal, after) = self.without_season();
        let moved = deviation(&normal, &after, self.share, &mut Vec::new());
        if moved.movement != Movement::Up || moved.size < CLEARLY_MOVED {
            return None;
        }
        let points: Vec<(f64, f64)> = self
            .split
            .times
            .iter()
            .map(seconds)
            .zip(after)
            .filter(|(t, x)| (0.0..=within).contains(t) && !x.is_nan())
            .collect();
        if points.len() < 8 {
            return None;
        }
        let every = points.len().div_ceil(SLOPE_POINTS);
        let (t, x): (Vec<f64>, Vec<f64>) = points.iter().step_by(every).copied().unzip();
        let line = line(&t, &x)?;
        // A rise that chance explains is none: 0 is within the interval of its slope.
        if line.lower <= 0.0 {
            return None;
        }
        let agreement = concordance(&x);
        // A jump rises too, but all of it at once: a third of the points then hold next to all of it.
        let third = x.len() / 3;
        let (early, late) = (median(x.get(..third)?), median(x.get(x.len() - third..)?));
        let still = (late - early) / (late - moved.center);
        if still < 0.3 {
            return None;
        }
        let now = line.intercept + line.slope * t.last()?;
        let left = limit.filter(|limit| *limit > now).map(|limit| TimeToLimit {
            limit,
            seconds: (limit - now) / line.slope,
            soonest_seconds: (limit - now) / line.upper,
            latest_seconds: (limit - now) / line.lower,
        });
        let mut text = format!(
            "rises by {:.4} a minute (95 %: {:.4} to {:.4})",
            60.0 * line.slope,
            60.0 * line.lower,
            60.0 * line.upper
        );
        if let Some(left) = &left {
            text.push_str(&format!(
                ", {:.0} s before {} (95 %: {:.0} to {:.0} s)",
                left.seconds, left.limit, left.soonest_seconds, left.latest_seconds
            ));
        }
        Some(Shown {
            confidence: agreement,
            text,
            left,
        })
    }

    /// Normal times and the incident without what of each value is the hour's: the median of normal times
    /// at the same place of a cycle, less that of all of them. As they are where normal times show no cycle
    /// twice, or were recorded apart, so that the place in it is not known.
    fn without_season(&self) -> (Vec<f64>, Vec<f64>) {
        let place = |row: usize| match self.places {
            Some(places) => places.get(row).copied().unwrap_or_default(),
            None => row,
        };
        let onset = self.normal.len();
        let mut normal = self.split.spread(self.metric, self.places);
        normal.truncate(place(onset.saturating_sub(1)) + 1);
        let search = PeriodSearch::new().max_periods(1);
        let found = search.and_then(|search| search.find(&normal)).ok();
        let period = found.and_then(|found| Some(found.first()?.points));
        let period = period.filter(|_| self.split.follows());
        let period = period.map_or(1, |found| self.of_the_clock(found, normal.len()));
        let level = |values: &mut dyn Iterator<Item = &f64>| {
            let known: Vec<f64> = values.copied().filter(|x| !x.is_nan()).collect();
            if known.is_empty() {
                0.0
            } else {
                median(&known)
            }
        };
        let all = level(&mut normal.iter());
        let cycle: Vec<f64> = (0..period)
            .map(|place| level(&mut normal.iter().skip(place).step_by(period)) - all)
            .collect();
        let season = |row: usize| cycle.get(place(row) % period).copied().unwrap_or_default();
        let rest = |part: &[f64], from: usize| -> Vec<f64> {
            let rows = part.iter().zip(from..);
            rows.map(|(x, row)| x - season(row)).collect()
        };
        (rest(self.normal, 0), rest(self.after, onset))
    }

    /// A period of `points`, which `rows` tell to half a cycle over all of them, or that of the clock which it
    /// may be as well: services live by hours, days and weeks.
    fn of_the_clock(&self, points: usize, rows: usize) -> usize {
        let step = self.split.step();
        let whole = CLOCK.iter().filter(|millis| *millis % step == 0);
        let mut clock = whole.filter_map(|millis| usize::try_from(millis / step).ok());
        let near = |one: &usize| 2 * one.abs_diff(points) * rows <= points * points;
        clock.find(near).unwrap_or(points)
    }

    fn saturation(&self, tolerance: f64) -> Option<(f64, String)> {
        let known: Vec<f64> = self.after.iter().copied().filter(|x| !x.is_nan()).collect();
        let ceiling = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let near = ceiling - tolerance * (ceiling - self.deviation.center);
        let at = known.iter().filter(|x| **x >= near).count();
        let share = at as f64 / known.len().max(1) as f64;
        // A ceiling was never passed, and normal times are well below it.
        let busy = self.normal.iter().filter(|x| **x >= near).count();
        (at >= 5 && 20 * busy <= self.normal.len()).then(|| {
            (
                share,
                format!(
                    "rests at {ceiling:.4} for {:.0} % of the time",
                    100.0 * share
                ),
            )
        })
    }

    fn absence(&self, remaining: f64) -> Option<(f64, String)> {
        let center = self.deviation.center;
        if center.is_nan() || self.after.is_empty() || center.abs() == 0.0 {
            return None;
        }
        let there = self.normal.iter().filter(|x| !x.is_nan()).count();
        let usually = there as f64 / self.normal.len().max(1) as f64;
        let gone = |x: &&f64| x.is_nan() || x.abs() <= remaining * center.abs();
        let was = self.normal.iter().filter(gone).count() as f64 / self.normal.len().max(1) as f64;
        let share = self.after.iter().filter(gone).count() as f64 / self.after.len() as f64;
        (usually > 0.5 && share > was).then(|| {
            let text = format!(
                "is gone for {:.0} % of the time; it was {center:.4}",
                100.0 * share
            );
            (share - was, text)
        })
    }

    /// Excursions to more than half of the way to the highest level, over all the time. That is the level of
    /// the highest moments of the incident, as many as a block has, wherever they are: what is high for a
    /// part of each cycle only may be so for no block.
    fn periodic(&self, least: usize) -> Option<(f64, String)> {
        let known = self.after.iter().copied().filter(|x| !x.is_nan());
        let mut highest: Vec<f64> = known.collect();
        highest.sort_by(|a, b| b.total_cmp(a));
        let top = deviation(self.normal, &highest, self.share, &mut Vec::new());
        if top.movement != Movement::Up || top.size < CLEARLY_MOVED {
            return None;
        }
        let middle = 0.5 * top.center + 0.5 * top.level;
        let all = self.split.spread(self.metric, self.places);
        let mut starts: Vec<f64> = Vec::new();
        let mut high = false;
        for (i, x) in all.iter().enumerate() {
            if *x >= middle && !high {
                starts.push(i as f64);
            }
            high = *x >= middle || (high && x.is_nan());
        }
        if starts.len() < least {
            return None;
        }
        let gaps: Vec<f64> = starts
            .iter()
            .zip(starts.iter().skip(1))
            .map(|(a, b)| b - a)
            .collect();
        let typical = median(&gaps);
        let spread = bongsu_stats::robust::mean_abs_dev(&gaps);
        // One or two rows apart is noise around the middle, not a rhythm.
        (typical >= 4.0).then(|| {
            let text = format!(
                "goes high {} times, every {typical:.0} points",
                starts.len()
            );
            (1.0 - 2.0 * spread / typical, text)
        })
    }

    /// Looked for in the last `within` seconds of normal times, too, against what lies before these.
    fn precedes(&self, within: f64) -> Option<(f64, String)> {
        let step = self.split.step() as f64 / 1e3;
        let lag = if self.split.follows() {
            let times = [self.split.before, self.split.times].concat();
            let seconds = |at: &Timestamp| at.millis_since(self.split.onset) as f64 / 1e3;
            let times: Vec<f64> = times.iter().map(seconds).collect();
            match changes(&[self.normal, self.after].concat()) {
                Some(rows) => nearest(&rows, &times, within, step)?,
                None => self.moved(&times, within)?,
            }
        } else {
            self.seconds(self.deviation.moved_at.filter(|_| self.clear())?)?
        };
        let early = lag <= step && -lag <= within;
        early.then(|| {
            let ago = (-lag).max(0.0);
            (
                1.0 - 0.5 * ago / within,
                format!("changed {ago:.0} s before the onset"),
            )
        })
    }

    fn clear(&self) -> bool {
        self.deviation.size >= CLEARLY_MOVED
    }

    /// When what has no values that it keeps moved clearly, against what lies before the last `within`
    /// seconds of normal times.
    fn moved(&self, times: &[f64], within: f64) -> Option<f64> {
        let row = times.partition_point(|at| *at < -within);
        // Normal times keep so many moments that they can be told.
        let row = row.max(MIN_NORMAL).min(self.normal.len());
        let (normal, recent) = self.normal.split_at(row);
        let recent = [recent, self.after].concat();
        let found = deviation(normal, &recent, self.share, &mut Vec::new());
        let moved = found.moved_at.filter(|_| found.size >= CLEARLY_MOVED)?;
        times.get(row + moved).copied()
    }
}

/// Kendall's rank correlation of the values with their order; ties count as nothing.
fn concordance(values: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in values.iter().skip(i + 1) {
            sum += if b > a {
                1.0
            } else if b < a {
                -1.0
            } else {
                0.0
            };
        }
    }
    let n = values.len() as f64;
    sum / (0.5 * n * (n - 1.0)).max(1.0)
}
