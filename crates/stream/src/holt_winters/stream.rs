use bongsu_core::{Expectation, Result, ScalePrior, Score, Snapshot, StreamDetector, Timestamp};
use bongsu_stats::adaptive::{
    DampedTrend, First, Lesson, RESOLUTION, RobustScale, Start, Terms, bounded, deviation, weight,
};
use bongsu_stats::period::PeriodSearch;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::cycle::Cycle;
use super::{HoltWinters, LONGEST_SEARCH, SEARCHES, SeasonLength};
use crate::check;

/// Holt-Winters, point by point; see [`HoltWinters`].
///
/// After a step of the level, points are anomalous for `patience` points and then judged against
/// the new level. The score is infinite only when the scale is 0: a constant metric at 0 that
/// changes, with `min_scale` 0.
///
/// Cost: O(1) time a point, amortised over a cycle; 560 bytes and 8 for each point of the period. On
/// top of it 8 bytes for each point that is kept until the season is known.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::HoltWinters;
/// let season = [0.0, 5.0, 9.0, 4.0, 1.0, -3.0, -4.0];
/// let mut stream = HoltWinters::new().period(7)?.build()?;
/// for i in 0..70 {
///     stream.learn(&[100.0 + season[i % 7] + 0.1 * (i * 5 % 3) as f64])?;
/// }
/// let band = stream.expectation().unwrap();
/// assert!((band.expected - 100.1).abs() < 0.2);
/// assert!(stream.score(&[109.0])?.ready().unwrap() > 4.0, "not at this phase");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoltWintersStream {
    config: HoltWinters,
    seen: u64,
    /// The points so far, until the first level and scale are taken from them; not with a period
    /// that is given.
    first: First,
    /// Whether a prior told the first scale.
    primed: bool,
    trend: DampedTrend,
    scale: RobustScale,
    cycle: Cycle,
    /// The points that the season will be taken from, NaN where one was missing; empty once it is
    /// settled.
    kept: Vec<f64>,
    /// Whether points are still kept.
    keeps: bool,
    clock: Clock,
}

impl HoltWintersStream {
    pub(super) const fn fresh(config: HoltWinters) -> Self {
        Self {
            keeps: !matches!(config.period, SeasonLength::None),
            config,
            seen: 0,
            first: First::NONE,
            primed: false,
            trend: DampedTrend::at(0.0),
            scale: RobustScale::new(0.0, 0),
            cycle: Cycle::NONE,
            kept: Vec::new(),
            clock: Clock::UNSET,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &HoltWinters {
        &self.config
    }

    /// The period of the season in points, when there is one.
    #[must_use]
    pub fn period(&self) -> Option<usize> {
        self.cycle.is_some().then(|| self.cycle.period())
    }

    fn remaining(&self) -> u64 {
        let warmup = self.config.warmup;
        if let SeasonLength::Points(period) = self.config.period {
            let needed = self.config.start_points(period) - self.kept.len();
            return if self.keeps { needed as u64 } else { 0 };
        }
        match (self.primed, self.first.keeps(self.seen, warmup)) {
            (true, true) => self.first.remaining(self.seen, warmup),
            (true, false) => 0,
            (false, _) => u64::from(warmup).saturating_sub(self.seen),
        }
    }

    /// The bounds at an offset of the season, which has a resolution of its own.
    fn terms(&self, offset: f64) -> Terms {
        Terms {
            threshold: self.config.threshold,
            patience: self.config.patience,
            half_life: self.config.scale_half_life,
            min_scale: self.config.min_scale.max(RESOLUTION * offset.abs()),
        }
    }

    fn judge(&self, x: f64) -> f64 {
        let offset = self.cycle.offset(self.clock.missing());
        let y = deviation(x, offset);
        self.scale
            .score(y, self.trend.expected(), &self.terms(offset))
    }

    fn take_in(&mut self, x: f64) -> Result<()> {
        let missing = self.clock.missing();
        self.clock.advance();
        self.trend.pass_over(missing);
        self.cycle.pass_over(missing);
        if let SeasonLength::Points(period) = self.config.period {
            if self.keeps {
                self.keep(x, missing, self.config.start_points(period));
                if self.kept.len() == self.config.start_points(period) {
                    self.start_season(period);
                    self.let_go();
                }
            } else {
                self.adapt(x);
            }
        } else {
            if self.first.keeps(self.seen, self.config.warmup) {
                self.begin(x);
            } else {
                self.adapt(x);
            }
            if self.keeps {
                let before = self.kept.len();
                self.keep(x, missing, LONGEST_SEARCH);
                self.search(before)?;
            }
        }
        self.seen = self.seen.saturating_add(1);
        Ok(())
    }

    /// Keeps one of the first points of a metric without a known period, and starts after the last.
    fn begin(&mut self, x: f64) {
        if let Some(start) = self.first.keep(x, self.seen, self.config.warmup) {
            let (trend, scale) = self.replayed(&start, 1.0);
            (self.trend, self.scale) = (trend, scale);
        }
    }

    /// Learns a point.
    fn adapt(&mut self, x: f64) {
        let offset = self.cycle.offset(0);
        let y = deviation(x, offset);
        let terms = self.terms(offset);
        let expected = self.trend.expected();
        let lesson = self.scale.learn(y, expected, self.seen, &terms);
        let share = weight(self.config.half_life);
        self.trend.learn(lesson, share);
        if self.cycle.is_some() {
            let correction = match lesson {
                Lesson::Residual(d) => weight(self.config.season_half_life) * (1.0 - share) * d,
                Lesson::Nothing | Lesson::NewLevel(_) => 0.0,
            };
            let mean = self.cycle.learn(correction);
            self.trend.shift(mean);
        }
    }

    /// Keeps a point from which the season is to be found; a hole that is as long as all that is
    /// kept makes it start again.
    fn keep(&mut self, x: f64, missing: u64, most: usize) {
        let room = most.saturating_sub(self.kept.len() + 1);
        if missing > room as u64 {
            self.kept.clear();
        } else {
            let padded = self.kept.len() + missing as usize;
            self.kept.resize(padded, f64::NAN);
        }
        self.kept.push(x);
    }

    fn let_go(&mut self) {
        self.kept = Vec::new();
        self.keeps = false;
    }

    /// Looks for a season now and then; one that predicts worse than none is not used.
    fn search(&mut self, before: usize) -> Result<()> {
        let n = self.kept.len();
        let due = SEARCHES.iter().any(|size| (before + 1..=n).contains(size));
        // Not while there is no scale to compare with.
        if due
            && !self
                .first
                .keeps(self.seen.saturating_add(1), self.config.warmup)
        {
            let found = PeriodSearch::new().find(&self.kept)?;
            let strongest = found.first().filter(|found| 2 * found.points <= n);
            if let Some(found) = strongest.filter(|found| Some(found.points) != self.period()) {
                let before = (self.trend, self.scale);
                let cycle = self.cycle.clone();
                self.start_season(found.points);
                if self.scale.std() > before.1.std() {
                    (self.trend, self.scale) = before;
                    self.cycle = cycle;
                }
            }
        }
        if n >= LONGEST_SEARCH {
            self.let_go();
        }
        Ok(())
    }

    /// Takes the season, the level and the scale from the points kept.
    fn start_season(&mut self, period: usize) {
        let whole = (self.kept.len() / period) as f64;
        // The season was taken from these very points: their residuals are smaller than those of the
        // points to come, by this factor for a mean of as many cycles.
        let gain = ((whole + 1.0) / (whole - 1.0)).sqrt();
        self.cycle = Cycle::of(&self.kept, period);
        let first = (period - self.kept.len() % period) % period;
        let phases = (0..period as u64).cycle().skip(first);
        let seasonless: Vec<f64> = self
            .kept
            .iter()
            .zip(phases)
            .map(|(&x, later)| deviation(x, self.cycle.offset(later)))
            .filter(|y| !y.is_nan())
            .collect();
        let start = Start::of(seasonless);
        (self.trend, self.scale) = self.replayed(&start, gain);
    }

    /// The trend and the scale after the points of `start`, learned as any later ones: an outlier
    /// among them is judged as one. Residuals count `gain` times.
    fn replayed(&self, start: &Start, gain: f64) -> (DampedTrend, RobustScale) {
        let terms = self.terms(0.0);
        let share = weight(self.config.half_life);
        let mut trend = DampedTrend::at(start.level);
        let mut scale = RobustScale::new(bounded(gain * start.scale), start.weight);
        for (seen, &y) in (0..).zip(&start.points) {
            let expected = trend.expected();
            let larger = bounded(expected + gain * deviation(y, expected));
            let lesson = match scale.learn(larger, expected, seen, &terms) {
                Lesson::Residual(d) => Lesson::Residual(d / gain),
                Lesson::Nothing => Lesson::Nothing,
                Lesson::NewLevel(level) => {
                    Lesson::NewLevel(bounded(expected + deviation(level, expected) / gain))
                }
            };
            trend.learn(lesson, share);
        }
        scale.count_as(scale.points().min(start.most_weight));
        (trend, scale)
    }
}

impl StreamDetector for HoltWintersStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        Ok(match self.remaining() {
            0 => Score::Ready(self.judge(x)),
            remaining => Score::Warmup { remaining },
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.take_in(check::single(x)?)
    }

    fn expectation(&self) -> Option<Expectation> {
        let offset = self.cycle.offset(self.clock.missing());
        (self.remaining() == 0).then(|| {
            let level = self.trend.expected();
            let scale = self.scale.scale(level, &self.terms(offset));
            Expectation::symmetric(bounded(level + offset), self.config.threshold * scale)
        })
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    /// When points are missing before the next one, the season moves on over them. A time that is
    /// not later than the last one counts as one step. Points without a time are one step apart.
    fn set_time(&mut self, timestamp: Timestamp) {
        self.clock.set(timestamp);
    }

    /// With a prior the warm-up is 5 points, of which the median is the level; the scale that the
    /// prior gives there counts as much as 15 points. Not with a period that is given: the points
    /// that tell the season tell the scale as well.
    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        let starts = self.seen == 0 && !matches!(self.config.period, SeasonLength::Points(_));
        if starts {
            self.primed = true;
            self.first.start_from(prior);
        }
        starts
    }

    fn heap_bytes(&self) -> usize {
        let numbers = self.kept.capacity() + self.cycle.capacity();
        numbers * size_of::<f64>()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        *self = Self::fresh(self.config.clone());
    }
}

impl Snapshot for HoltWintersStream {
    const KIND: &'static str = "stream.holt_winters";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let warmup = self.config.warmup;
        let most = self.seen.saturating_add(First::prior_weight());
        let begins = self.first.keeps(self.seen, warmup);
        let (takes_first, season) = match self.config.period {
            SeasonLength::None => (true, !self.keeps && !self.cycle.is_some()),
            SeasonLength::Auto => (true, self.cycle.period() <= LONGEST_SEARCH / 2),
            SeasonLength::Points(period) => {
                let known = self.cycle.period() == period;
                (false, !self.primed && known != self.keeps)
            }
        };
        let most_kept = match self.config.period {
            _ if !self.keeps => 0,
            SeasonLength::Points(period) => self.config.start_points(period) - 1,
            _ => LONGEST_SEARCH - 1,
        };
        let in_order = season
            && self.scale.points() <= most
            && self.kept.len() <= most_kept
            && self.kept.iter().all(|x| !x.is_infinite())
            && self.first.is_valid(self.seen, warmup, takes_first)
            && (!takes_first || !begins || self.first.has_prior(self.seen) == self.primed)
            && self.trend.is_valid()
            && self.scale.is_valid(&self.terms(0.0))
            && self.cycle.is_valid()
            && self.clock.is_valid();
        check::saved(in_order, "the state of Holt-Winters contradicts itself")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_the_season_belongs_to_the_level() {
        let config = HoltWinters::new().period(2).unwrap();
        let mut stream = HoltWintersStream::fresh(config);
        stream.cycle = Cycle::of(&[1.0, -1.0, 1.0, -1.0, 1.0], 2);
        stream.scale = RobustScale::new(1.0, 100);
        stream.adapt(2.0);
        // A share of the residual of 3, and half of what the season learned of it.
        let share = weight(2.0);
        let season = weight(4.0) * (1.0 - share) * 3.0;
        let level = share * 3.0 + 0.5 * season;
        assert!((stream.trend.level() - level).abs() < 1e-12);
        assert!((stream.cycle.offset(1) - (-1.0 + 0.5 * season)).abs() < 1e-12);
    }
}
