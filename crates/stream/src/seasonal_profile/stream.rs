use bongsu_core::{Expectation, Result, ScalePrior, Score, Snapshot, StreamDetector, Timestamp};
use bongsu_stats::EwmaStream;
use bongsu_stats::calendar::{Bins, Clock};
use serde::{Deserialize, Serialize};

use super::SeasonalProfile;
use super::level::Level;
use super::reach::Reach;
use super::table::{Bin, KNOWN, MOST, Table, Value};
use crate::check;

/// Deviations are clipped at this many scales before they are learned.
pub(super) const CLIP: f64 = 3.5;

/// The weight of a value beyond the threshold.
pub(super) const DOUBTFUL: f64 = 0.2;

/// The least scale as a share of the expected magnitude: some 50 times the spacing of floats.
const RESOLUTION: f64 = 1e-14;

/// The least scale as a share of a bin's distance from the level, which is a 32-bit float.
const BIN_RESOLUTION: f64 = 1e-6;

/// How many visits what a bin is drawn to counts for.
const YOUNG: f64 = 1.0;

/// How many values the scale of all bins together remembers.
const WHOLE: f64 = 500.0;

/// Hours of the day, to which bins finer than these are drawn.
const HOURS: Bins = Bins::HourOfDay;

/// What is expected next.
#[derive(Debug, Clone, Copy)]
struct Outlook {
    expected: f64,
    /// What one unit of the score is worth below and above.
    below: f64,
    above: f64,
    /// What the calendar alone expects, and its scale without tails, when it knows the bin.
    usual: Option<(f64, f64)>,
    /// Whether the bin, or its hour of the day, has come often enough to be relied on.
    is_known: bool,
}

impl Outlook {
    fn score(&self, x: f64) -> f64 {
        let d = bounded(x - self.expected);
        let scale = if d > 0.0 { self.above } else { self.below };
        if d == 0.0 { 0.0 } else { d.abs() / scale }
    }
}

/// The profile of the local calendar, point by point; see [`SeasonalProfile`].
///
/// After a step of the level, points are anomalous for `patience` points and then judged against the
/// new level. The score is infinite only when the scale is 0: a constant metric at 0 that changes,
/// with `min_scale` 0.
///
/// Until [`StreamDetector::set_time`] is called again, points lie in the bin of the last time.
///
/// Cost: see [`SeasonalProfile`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeasonalProfileStream {
    config: SeasonalProfile,
    #[serde(skip)]
    zone: Zone,
    /// The local time of the next point in seconds, when it is known.
    now: Option<i64>,
    /// Judges while the calendar knows nothing.
    recent: EwmaStream,
    seen: u64,
    /// What the bins are relative to.
    level: Level,
    /// Between which levels the recent values have moved.
    low: f64,
    high: f64,
    /// The unit of their numbers; 0 while all are 0.
    unit: f64,
    fine: Table,
    coarse: Option<Table>,
    /// Root mean square deviation from the bins, and how many values it comes from.
    spread: f64,
    judged: u64,
    below: Reach,
    above: Reach,
    /// Recent values beyond the threshold, forgotten over `4 patience` points.
    strain: f64,
}

/// The clock of the configuration's zone, which is not saved.
#[derive(Debug, Clone, Default)]
struct Zone(Option<Clock>);

impl PartialEq for Zone {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl SeasonalProfileStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: SeasonalProfile) -> Result<Self> {
        config.validate()?;
        let recent = config.recent()?.build()?;
        let zone = Zone(Some(Clock::new(&config.timezone)?));
        Ok(Self {
            zone,
            now: None,
            recent,
            seen: 0,
            level: Level::default(),
            low: f64::MAX,
            high: f64::MIN,
            unit: 0.0,
            fine: Table::new(config.bins.count()),
            coarse: has_hours(config.bins).then(|| Table::new(HOURS.count())),
            spread: 0.0,
            judged: 0,
            below: Reach::NORMAL,
            above: Reach::NORMAL,
            strain: 0.0,
            config,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SeasonalProfile {
        &self.config
    }

    /// What is usual in each bin, above or below the level at present; `None` for those that have not
    /// come yet.
    pub fn centers(&self) -> impl Iterator<Item = Option<f64>> {
        let center = |bin: &Bin| f64::from(bin.center) * self.unit + self.level.now();
        let bins = self.fine.bins().iter();
        bins.map(move |bin| (bin.visits > 0.0).then(|| bounded(center(bin))))
    }

    /// What is expected at the time that was set; `None` during warm-up.
    fn outlook(&self) -> Option<Outlook> {
        let Expectation {
            expected, upper, ..
        } = self.recent.expectation()?;
        let short = bounded(upper - expected) / self.config.threshold;
        let mut outlook = Outlook {
            expected,
            below: short,
            above: short,
            usual: None,
            is_known: false,
        };
        if let Some(local) = self.now {
            self.add_calendar(local, &mut outlook);
        }
        let floor = self
            .config
            .min_scale
            .max(RESOLUTION * outlook.expected.abs());
        outlook.below = outlook.below.max(floor);
        outlook.above = outlook.above.max(floor);
        Some(outlook)
    }

    /// Draws the outlook from the recent values to the calendar, as far as the bin is known.
    fn add_calendar(&self, local: i64, outlook: &mut Outlook) {
        let fine = self.fine.bin(self.config.bins.of(local));
        let coarse = self.coarse.as_ref().map(|table| table.bin(HOURS.of(local)));
        let coarse = coarse.unwrap_or_default();
        let share = |visits: f32| f64::from(visits * visits) / (f64::from(visits * visits) + YOUNG);
        let own = share(fine.visits);
        let parents = share(coarse.visits);
        let known = 1.0 - (1.0 - own) * (1.0 - parents);
        if known <= 0.0 {
            return;
        }
        let (fine_center, coarse_center) = (f64::from(fine.center), f64::from(coarse.center));
        let center = if coarse.visits > 0.0 {
            own * fine_center + (1.0 - own) * coarse_center
        } else {
            fine_center
        };
        let center = self.unit * center;
        let usual = bounded(self.level.now() + center);
        // Scales, each counting as much as the visits that it was found on.
        let own = share((fine.visits - 1.0).max(0.0));
        let parents = share((coarse.visits - 1.0).max(0.0));
        let whole = if self.judged > 0 {
            self.spread
        } else {
            outlook.above
        };
        let parent = drawn(self.unit * f64::from(coarse.spread), whole, parents);
        let scale = drawn(self.unit * f64::from(fine.spread), parent, own);
        let scale = scale.max(BIN_RESOLUTION * center.abs());
        let apart = bounded(usual - outlook.expected);
        let doubt = (known * (1.0 - known)).sqrt() * apart;
        let side = |short: f64, reach: Reach| {
            bounded(mixed(known, scale * reach.factor(), short).hypot(doubt))
        };
        outlook.below = side(outlook.below, self.below);
        outlook.above = side(outlook.above, self.above);
        // Exact where the two agree.
        outlook.expected = bounded(outlook.expected + known * apart);
        outlook.usual = Some((usual, scale));
        outlook.is_known = fine.visits.max(coarse.visits) >= KNOWN;
    }

    fn take_in(&mut self, x: f64) -> Option<f64> {
        let outlook = self.outlook();
        // It takes any finite value.
        let _ = self.recent.learn(&[x]);
        self.seen = self.seen.saturating_add(1);
        let Some(outlook) = outlook else {
            // What the bins are relative to: any level near the values will do.
            self.level.base = self.recent.expectation().map_or(x, |band| band.expected);
            return None;
        };
        let score = outlook.score(x);
        let beyond = score > self.config.threshold;
        self.strain = self.strain * (1.0 - 0.25 / f64::from(self.config.patience))
            + f64::from(u8::from(beyond));
        let strained = self.strain >= f64::from(self.config.patience);
        let doubtful = beyond && !strained;
        let lower = bounded(outlook.expected - CLIP * outlook.below);
        let upper = bounded(outlook.expected + CLIP * outlook.above);
        let learned = if strained { x } else { x.max(lower).min(upper) };
        self.follow(&outlook, x, strained);
        if let Some(band) = self.recent.expectation() {
            self.low = self.low.min(band.expected);
            self.high = self.high.max(band.expected);
        }
        // A bin that knows little takes what the series has been like at any time.
        let wide = x.max(self.low.min(lower)).min(self.high.max(upper));
        let weight = if doubtful { DOUBTFUL } else { 1.0 };
        self.learn_bins(learned, wide, weight);
        Some(score)
    }

    /// Level, scale and tails follow the deviation from what the calendar alone expects.
    fn follow(&mut self, outlook: &Outlook, x: f64, strained: bool) {
        let usual = outlook.usual.filter(|_| outlook.is_known);
        let (Some((usual, scale)), Some(local)) = (usual, self.now) else {
            self.level.calm();
            return;
        };
        let d = bounded(x - usual);
        let side = if d > 0.0 {
            &mut self.above
        } else {
            &mut self.below
        };
        let reach = bounded(scale.max(self.config.min_scale) * side.factor());
        let beyond = d.abs() > bounded(self.config.threshold * reach);
        let weight = if beyond && !strained { DOUBTFUL } else { 1.0 };
        // A run is one event, and counts once.
        if scale > 0.0 && !(beyond && self.level.is_in_run()) {
            side.learn(d.abs() / scale, 1.0);
        }
        let limit = bounded(CLIP * reach);
        let clipped = if strained {
            d
        } else {
            d.max(-limit).min(limit)
        };
        self.judged = self.judged.saturating_add(1);
        let share = (weight / self.judged as f64).max(weight / WHOLE);
        let first = if self.judged == 1 {
            outlook.above
        } else {
            self.spread
        };
        self.spread = mixed(share, clipped.abs(), first);
        if beyond {
            let patience = self.config.patience;
            let near = self.config.threshold * reach;
            if self.level.strain(d, patience, local, near) {
                self.strain = 0.0;
                return;
            }
        } else {
            self.level.calm();
        }
        if !beyond || strained {
            let share = -(-std::f64::consts::LN_2 / self.config.half_life).exp_m1();
            self.level.follow(share * clipped);
        }
        if let Some(since) = self.level.settle(local) {
            // What was learned of bins since then was learned relative to the level before.
            self.fine.forget(self.config.bins, since, local);
            if let Some(coarse) = &mut self.coarse {
                coarse.forget(HOURS, since, local);
            }
        }
    }

    fn learn_bins(&mut self, x: f64, wide: f64, weight: f64) {
        let Some(local) = self.now else {
            return;
        };
        let (y, wide) = (
            bounded(x - self.level.base),
            bounded(wide - self.level.base),
        );
        self.fit_unit(y.abs().max(wide.abs()));
        let unit = if self.unit > 0.0 { self.unit } else { 1.0 };
        let value = Value {
            y: y / unit,
            wide: wide / unit,
            weight,
            in_doubt: self.level.is_in_doubt(),
        };
        let memory = self.config.memory as f32;
        let learn = |table: &mut Table, bins: Bins| {
            let occasion = local.div_euclid(i64::from(bins.seconds()));
            table.learn(bins.of(local), occasion, value, memory);
        };
        learn(&mut self.fine, self.config.bins);
        if let Some(coarse) = &mut self.coarse {
            learn(coarse, HOURS);
        }
    }

    /// Makes the unit such that `y` is a moderate number in it.
    fn fit_unit(&mut self, y: f64) {
        let least = y.abs() / (0.01 * f64::from(MOST));
        if self.unit >= least && (self.unit > 0.0 || y == 0.0) {
            return;
        }
        let unit = y.abs().max(f64::MIN_POSITIVE);
        let factor = self.unit / unit;
        self.fine.rescale(factor);
        if let Some(coarse) = &mut self.coarse {
            coarse.rescale(factor);
        }
        self.unit = unit;
    }
}

/// Whether bins are drawn to the hours of the day: there are more of them than hours.
fn has_hours(bins: Bins) -> bool {
    bins.count() > HOURS.count()
}

/// A scale drawn to its parent's, as they are: squares would let the larger one rule for long.
fn drawn(own: f64, parent: f64, share: f64) -> f64 {
    bounded(share * own + (1.0 - share) * parent)
}

/// `sqrt(share a^2 + (1 - share) b^2)`.
fn mixed(share: f64, a: f64, b: f64) -> f64 {
    bounded((share.sqrt() * a).hypot((1.0 - share).max(0.0).sqrt() * b))
}

/// Whether a calendar has this local time.
pub(super) const fn is_local(seconds: i64) -> bool {
    seconds.unsigned_abs() < 1 << 40
}

/// Within the range of finite floats.
pub(super) fn bounded(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

fn single(x: &[f64]) -> Result<f64> {
    check::point(x, 1)?;
    Ok(x.first().copied().unwrap_or(0.0))
}

impl StreamDetector for SeasonalProfileStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let value = single(x)?;
        match self.outlook() {
            Some(outlook) => Ok(Score::Ready(outlook.score(value))),
            None => self.recent.score(x),
        }
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.score_then_learn(x).map(|_| ())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let value = single(x)?;
        let warmup = self.recent.score(x)?;
        Ok(self.take_in(value).map_or(warmup, Score::Ready))
    }

    fn expectation(&self) -> Option<Expectation> {
        let outlook = self.outlook()?;
        Some(Expectation {
            expected: outlook.expected,
            lower: outlook.expected - self.config.threshold * outlook.below,
            upper: outlook.expected + self.config.threshold * outlook.above,
        })
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        if self.zone.0.is_none() {
            self.zone = Zone(Clock::new(&self.config.timezone).ok());
        }
        let local = self.zone.0.as_ref();
        let local = local.and_then(|clock| clock.local_seconds(timestamp).ok());
        self.now = local;
    }

    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        self.seen == 0 && self.recent.start_from(prior)
    }

    fn heap_bytes(&self) -> usize {
        let coarse = self.coarse.as_ref().map_or(0, Table::heap_bytes);
        self.fine.heap_bytes() + coarse + self.recent.heap_bytes() + self.config.timezone.capacity()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        if let Ok(fresh) = Self::new(self.config.clone()) {
            *self = fresh;
        }
    }
}

impl Snapshot for SeasonalProfileStream {
    const KIND: &'static str = "stream.seasonal_profile";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.recent.validate()?;
        for (name, value) in [
            ("unit", self.unit),
            ("spread", self.spread),
            ("strain", self.strain),
        ] {
            check::non_negative(name, value)?;
        }
        let memory = self.config.memory as f32;
        let coarse = match &self.coarse {
            Some(table) => has_hours(self.config.bins) && table.is_valid(HOURS.count(), memory),
            None => !has_hours(self.config.bins),
        };
        check::saved(
            coarse
                && self.recent.config() == &self.config.recent()?
                && self.recent.seen() == self.seen
                && self.fine.is_valid(self.config.bins.count(), memory)
                && self.level.is_valid(self.config.patience)
                && self.judged <= self.seen
                && self.below.is_valid()
                && self.above.is_valid()
                && (self.low.is_finite() && self.high.is_finite())
                && self.now.is_none_or(is_local),
            "the state of the seasonal profile contradicts itself",
        )
    }
}
