use serde::{Deserialize, Serialize};

use super::split::MIN_NORMAL;

/// From so many robust standard deviations on a metric counts as moved, in texts, timelines, patterns and
/// actions. A median of five values of a normal distribution is as far from the center once in
/// some twenty million times, so that what counts as moved is hardly ever mere noise. Ranks and
/// likelihoods do not use it.
pub(crate) const CLEARLY_MOVED: f64 = 3.0;

/// The spread of a metric is never taken for less than this share of its level: a change of a
/// hundredth of the level is a single unit of deviation however quiet the metric was.
const LEAST_RELATIVE_SPREAD: f64 = 0.01;

/// The deviation of a metric that was always zero and then is something else: nothing like it was ever
/// seen, but how unlikely it is cannot be measured.
const FROM_CONSTANT: f64 = 100.0;

/// The deviation of a metric that was always there and then has no values for a block, and of one that
/// never was and then has some.
const GONE: f64 = 10.0;

/// The interquartile range of a normal distribution in standard deviations.
const IQR_TO_STD: f64 = 1.348_979_500_392_163_4;

/// The distance from the median to the 2.5 % and 97.5 % quantiles of a normal distribution in
/// standard deviations.
const TAIL_TO_STD: f64 = 1.959_963_984_540_054;

/// The way a metric moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// To higher values.
    Up,
    /// To lower values.
    Down,
    /// It has no values any more.
    Absent,
    /// It has values, where in normal times it had none.
    Appeared,
}

/// How far a metric went from its normal level, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Deviation {
    /// In robust standard deviations; at least 0.
    pub(crate) size: f64,
    pub(crate) movement: Movement,
    /// The normal median.
    pub(crate) center: f64,
    /// The median of the block of the incident that deviates most.
    pub(crate) level: f64,
    /// The first row of the incident from which half of the deviation was reached and held; see
    /// [`first_half_way`].
    pub(crate) moved_at: Option<usize>,
    /// The share of the incident's values beyond the outer normal quantile on that side.
    pub(crate) outside: f64,
}

impl Deviation {
    const NONE: Self = Self {
        size: 0.0,
        movement: Movement::Up,
        center: f64::NAN,
        level: f64::NAN,
        moved_at: None,
        outside: 0.0,
    };
}

/// What is normal for a metric.
///
/// The spread of a side is the larger of the interquartile range and the distance of the outer
/// quantile, each as the standard deviation that a normal distribution would have: a metric that
/// often strays far has to stray farther. Both are order statistics, so a normal period of which a
/// small part belongs to the incident hardly changes them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Baseline {
    pub(super) center: f64,
    /// The quantiles 0.025 and 0.975.
    low: f64,
    high: f64,
    above: f64,
    below: f64,
    /// The share of the rows at which it has a value.
    known: f64,
}

impl Baseline {
    /// From the quantiles 0.025, 0.25, 0.5, 0.75 and 0.975.
    pub(super) fn new([low, lower, center, upper, high]: [f64; 5], known: f64) -> Self {
        let iqr = upper - lower;
        let common = (iqr / IQR_TO_STD).max(LEAST_RELATIVE_SPREAD * center.abs());
        Self {
            center,
            low,
            high,
            above: common.max((high - center) / TAIL_TO_STD),
            below: common.max((center - low) / TAIL_TO_STD),
            known,
        }
    }

    /// How far a level is from the normal one, in the spread of its side.
    pub(super) fn distance(&self, level: f64) -> (Movement, f64) {
        let (movement, spread) = if level >= self.center {
            (Movement::Up, self.above)
        } else {
            (Movement::Down, self.below)
        };
        (movement, distance(level, self.center, spread))
    }

    /// The deviation of a block without values: the more reliably there were some, the more it is.
    pub(super) fn absence(&self) -> f64 {
        GONE * self.known
    }

    /// The share of the values of `after` beyond the outer quantile on the side of the movement.
    pub(super) fn outside(&self, after: &[f64], movement: Movement) -> f64 {
        match movement {
            Movement::Absent => (missing(after) - (1.0 - self.known)).max(0.0),
            Movement::Appeared => newly_there(after, self.known),
            Movement::Up => share(after, |x| x > self.high),
            Movement::Down => share(after, |x| x < self.low),
        }
    }
}

/// The deviation of a block with values of a metric that had them in normal times at the share `known`
/// of the rows, too few to tell a level: the more reliably there were none, the more it is.
pub(super) fn appearance(known: f64) -> f64 {
    GONE * (1.0 - known)
}

/// By how much more of the rows of `after` have a value.
pub(super) fn newly_there(after: &[f64], known: f64) -> f64 {
    (1.0 - missing(after) - known).max(0.0)
}

/// The rows of a block of an incident of `rows` rows: a tenth of it, but five rows where there are
/// ten or more, so that neither a spike counts nor a short fault in a long window is passed over.
pub(crate) fn block_length(rows: usize, share: f64) -> usize {
    let share = (share * rows as f64).ceil() as usize;
    share.max(rows.div_ceil(2).min(5)).max(1)
}

/// The deviation of `after` from `normal`: the largest distance of a block's median from the normal
/// median, in units of the normal spread on that side.
pub(crate) fn deviation(
    normal: &[f64],
    after: &[f64],
    share: f64,
    scratch: &mut Vec<i64>,
) -> Deviation {
    fill(scratch, normal);
    let known = scratch.len();
    let share_known = known as f64 / normal.len().max(1) as f64;
    if known < MIN_NORMAL {
        return if normal.len() < MIN_NORMAL {
            Deviation::NONE
        } else {
            appeared(after, share, share_known, scratch)
        };
    }
    let baseline = Baseline::new(outline(scratch), share_known);
    let mut best = Deviation {
        center: baseline.center,
        level: baseline.center,
        ..Deviation::NONE
    };
    let block = block_length(after.len(), share);
    let mut start = 0;
    let mut worst = 0;
    while let Some(rows) = after.get(start..start + block) {
        let (movement, level, size) = match level(rows, scratch) {
            Level::Median(level) => {
                let (movement, size) = baseline.distance(level);
                (movement, level, size)
            }
            Level::Absent => (Movement::Absent, f64::NAN, baseline.absence()),
            Level::Unknown => (Movement::Up, baseline.center, 0.0),
        };
        if size > best.size {
            best = Deviation {
                size,
                movement,
                level,
                ..best
            };
            worst = start;
        }
        start += stride(block);
    }
    best.moved_at = first_half_way(after, &best, block, worst);
    best.outside = baseline.outside(after, best.movement);
    best
}

/// The deviation of `after` where in normal times there were hardly any values.
fn appeared(after: &[f64], share: f64, known: f64, scratch: &mut Vec<i64>) -> Deviation {
    let block = block_length(after.len(), share);
    let starts = (0..).step_by(stride(block));
    let blocks = starts.map_while(|start| Some((start, after.get(start..start + block)?)));
    let mut there = blocks.filter_map(|(start, rows)| match level(rows, scratch) {
        Level::Median(level) => Some((start, level)),
        Level::Absent | Level::Unknown => None,
    });
    let Some((start, level)) = there.next() else {
        return Deviation::NONE;
    };
    let mut found = Deviation {
        size: appearance(known),
        movement: Movement::Appeared,
        level,
        outside: newly_there(after, known),
        ..Deviation::NONE
    };
    found.moved_at = first_half_way(after, &found, block, start);
    found
}

/// How far apart blocks begin.
pub(super) fn stride(block: usize) -> usize {
    (block / 4).max(1)
}

/// The level of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Level {
    /// The median, where at least half of the values are there.
    Median(f64),
    /// No value at all is there.
    Absent,
    /// Too few are there to say.
    Unknown,
}

fn level(rows: &[f64], scratch: &mut Vec<i64>) -> Level {
    fill(scratch, rows);
    let count = scratch.len();
    if 2 * count >= rows.len() {
        Level::Median(quantile(scratch, 0.5, 0, count))
    } else if count == 0 {
        Level::Absent
    } else {
        Level::Unknown
    }
}

/// The share of the values that are not there.
fn missing(values: &[f64]) -> f64 {
    let count = values.iter().filter(|x| x.is_nan()).count();
    count as f64 / values.len().max(1) as f64
}

fn distance(level: f64, center: f64, spread: f64) -> f64 {
    if level == center {
        0.0
    } else if spread > 0.0 {
        // Divided first, so that huge values do not overflow.
        (level / spread - center / spread).abs().min(1e9)
    } else {
        FROM_CONSTANT
    }
}

/// The first row that is half of the way to the new level and after which this holds: for a whole block,
/// and after each row of it, more of the values that are there were half of the way than were not. So a
/// spike moves no time, however high, unless the step follows it sooner than the spike was long.
///
/// Where no row holds out, as after a fault that fills hardly half of a block, it is the first row half
/// of the way from `worst` on, where the block that deviates most begins.
///
/// Cost: O(n) time: rows up to one that ends a lead cannot hold out past it either.
fn first_half_way(after: &[f64], best: &Deviation, block: usize, worst: usize) -> Option<usize> {
    if best.size <= 0.0 {
        return None;
    }
    let middle = 0.5 * best.center + 0.5 * best.level;
    let vote = |x: f64| match best.movement {
        Movement::Absent => 2 * i64::from(x.is_nan()) - 1,
        Movement::Appeared => 2 * i64::from(!x.is_nan()) - 1,
        _ if x.is_nan() => 0,
        Movement::Up => 2 * i64::from(x >= middle) - 1,
        Movement::Down => 2 * i64::from(x <= middle) - 1,
    };
    let mut row = 0;
    while row < after.len() {
        let (mut lead, mut held, mut passed) = (0, 0, 0);
        for x in after.iter().skip(row).take(block) {
            passed += 1;
            lead += vote(*x);
            held += usize::from(vote(*x) > 0);
            if lead <= 0 {
                break;
            }
        }
        if lead > 0 && 2 * held >= block {
            return Some(row);
        }
        row += if lead > 0 { 1 } else { passed };
    }
    let rest = after.iter().enumerate().skip(worst);
    rest.filter(|(_, x)| vote(**x) > 0)
        .map(|(row, _)| row)
        .next()
}

/// The share of the values that are there for which that holds.
fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    let (mut all, mut held) = (0_usize, 0_usize);
    for &x in values {
        all += usize::from(!x.is_nan());
        held += usize::from(holds(x));
    }
    held as f64 / all.max(1) as f64
}

/// The values that are there, as integers in the same order, which are faster to select from.
fn fill(scratch: &mut Vec<i64>, values: &[f64]) {
    let key = |x: &f64| ordered(x.to_bits() as i64);
    scratch.clear();
    // Without gaps the length is known, which makes this loop several times as fast.
    if values.iter().any(|x| x.is_nan()) {
        scratch.extend(values.iter().filter(|x| !x.is_nan()).map(key));
    } else {
        scratch.extend(values.iter().map(key));
    }
}

/// From the bits of a number to an integer that is ordered as the numbers are, and back.
pub(super) const fn ordered(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

pub(super) fn number(key: i64) -> f64 {
    f64::from_bits(ordered(key) as u64)
}

/// The quantiles 0.025, 0.25, 0.5, 0.75 and 0.975 of at least [`MIN_NORMAL`] values, in place: the
/// outer ones are looked for only on their side of the middle.
fn outline(values: &mut [i64]) -> [f64; 5] {
    let count = values.len();
    let center = quantile(values, 0.5, 0, count);
    let middle = (0.5 * count.saturating_sub(1) as f64) as usize;
    let below = values.get_mut(..=middle).unwrap_or_default();
    let (lower, low) = (
        quantile(below, 0.25, 0, count),
        quantile(below, 0.025, 0, count),
    );
    let above = values.get_mut(middle..).unwrap_or_default();
    let (upper, high) = (
        quantile(above, 0.75, middle, count),
        quantile(above, 0.975, middle, count),
    );
    [low, lower, center, upper, high]
}

/// The quantile of `count` values with linear interpolation, of which `values` are those from the
/// `skipped`-th smallest on.
fn quantile(values: &mut [i64], q: f64, skipped: usize, count: usize) -> f64 {
    let position = q * count.saturating_sub(1) as f64;
    let low = position as usize;
    let place = low.saturating_sub(skipped);
    if place >= values.len() {
        return f64::NAN;
    }
    let (_, &mut at, above) = values.select_nth_unstable(place);
    let share = position - low as f64;
    let next = above.iter().copied().min().map_or(number(at), number);
    number(at) * (1.0 - share) + if share == 0.0 { 0.0 } else { next * share }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(normal: &[f64], after: &[f64]) -> Deviation {
        deviation(normal, after, 0.1, &mut Vec::new())
    }

    #[test]
    fn a_step_is_measured_in_spreads() {
        let normal: Vec<f64> = (0..101).map(f64::from).collect();
        let found = of(&normal, &[150.0; 10]);
        // IQR 50 is 37 standard deviations; the tail is 47.5 / 1.96 = 24.2 and counts for less.
        assert!((found.size - 100.0 / (50.0 / IQR_TO_STD)).abs() < 1e-12);
        assert_eq!(found.movement, Movement::Up);
        assert_eq!(found.moved_at, Some(0));
    }

    #[test]
    fn spikes_shorter_than_half_a_block_do_not_count() {
        let normal: Vec<f64> = (0..50).map(|i| f64::from(i % 5)).collect();
        let mut after = vec![2.0; 40];
        after[17] = 1e6;
        after[18] = -1e6;
        assert_eq!(of(&normal, &after).size, 0.0);
    }

    proptest::proptest! {
        #[test]
        fn a_spike_before_the_step_moves_no_time(
            step in 12_usize..60,
            spike in 0_usize..58,
            length in 1_usize..4,
            height in 5.0_f64..1e6,
            up: bool,
            gone: bool,
        ) {
            proptest::prop_assume!(spike + 2 * length <= step);
            let noise = |i: usize| (i * 37 % 11) as f64 / 11.0;
            let sign = if up { 1.0 } else { -1.0 };
            let normal: Vec<f64> = (0..50).map(|i| sign * noise(i)).collect();
            let rise = |i: usize| if i < step { 0.0 } else { 40.0 };
            let mut after: Vec<f64> = (0..90).map(|i| sign * (noise(i + 3) + rise(i))).collect();
            if gone {
                after[step..].fill(f64::NAN);
            }
            let plain = of(&normal, &after);
            proptest::prop_assert_eq!(plain.moved_at, Some(step));
            for x in &mut after[spike..spike + length] {
                *x = if gone { f64::NAN } else { sign * 40.0 * height };
            }
            proptest::prop_assert_eq!(of(&normal, &after).moved_at, Some(step));
        }
    }

    #[test]
    fn what_falls_back_now_and_then_has_moved() {
        let normal: Vec<f64> = (0..50).map(|i| f64::from(i % 5)).collect();
        let mut after: Vec<f64> = (0..40).map(|i| f64::from(i % 5)).collect();
        after[20..].fill(90.0);
        after[2] = 90.0;
        for i in [22, 25, 26, 31] {
            after[i] = 2.0;
        }
        assert_eq!(of(&normal, &after).moved_at, Some(20));
        // A fault of half a block: where it is, not where the spike was.
        let mut short = vec![2.0; 40];
        short[3] = 90.0;
        short[30..33].fill(90.0);
        assert_eq!(of(&normal, &short).moved_at, Some(30));
        // At the very end of the data.
        let mut late = vec![2.0; 40];
        late[37..].fill(90.0);
        assert_eq!(of(&normal, &late).moved_at, Some(37));
    }

    #[test]
    fn constants_neither_divide_by_zero_nor_cry_wolf() {
        assert_eq!(of(&[0.0; 20], &[0.0; 20]).size, 0.0);
        assert_eq!(of(&[0.0; 20], &[1e-9; 20]).size, FROM_CONSTANT);
        assert!((of(&[100.0; 20], &[101.0; 20]).size - 1.0).abs() < 1e-9);
        let huge = of(&[1e308; 20], &[-1e308; 20]);
        assert!(huge.size.is_finite() && huge.movement == Movement::Down);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        for n in [5, 6, 7, 8, 41, 100] {
            let values: Vec<f64> = (0..n).map(|i| f64::from(i * 37 % 101) - 30.0).collect();
            let mut keys = Vec::new();
            fill(&mut keys, &values);
            let found = outline(&mut keys);
            for (found, q) in found.into_iter().zip([0.025, 0.25, 0.5, 0.75, 0.975]) {
                let expected = bongsu_stats::robust::quantile(&values, q);
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{n} {q}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn what_was_never_there_appears() {
        let mut after = [f64::NAN; 40];
        after[12..].fill(7.0);
        let found = of(&[f64::NAN; 20], &after);
        assert_eq!(
            (found.movement, found.size, found.level),
            (Movement::Appeared, GONE, 7.0)
        );
        assert_eq!((found.moved_at, found.outside), (Some(12), 0.7));
        // The more often it was there, the less it says.
        let mut normal = [f64::NAN; 20];
        normal[3..7].fill(7.0);
        let rare = of(&normal, &after);
        assert!((rare.size - 0.8 * GONE).abs() < 1e-12 && (rare.outside - 0.5).abs() < 1e-12);
        // A value now and then is no appearance, and nothing can be said without normal times.
        let mut stray = [f64::NAN; 40];
        stray[5] = 7.0;
        assert_eq!(of(&[f64::NAN; 20], &stray).size, 0.0);
        assert_eq!(of(&[], &after).size, 0.0);
    }

    #[test]
    fn what_is_gone_is_absent() {
        let found = of(&[1.0; 20], &[f64::NAN; 20]);
        assert_eq!(found.movement, Movement::Absent);
        assert_eq!(
            (found.size, found.moved_at, found.outside),
            (GONE, Some(0), 1.0)
        );
        assert_eq!(of(&[f64::NAN; 20], &[f64::NAN; 20]).size, 0.0);
    }

    #[test]
    fn what_goes_and_comes_back_was_absent() {
        let mut after = [1.0; 20];
        after[4..14].fill(f64::NAN);
        let found = of(&[1.0; 20], &after);
        assert_eq!(found.movement, Movement::Absent);
        assert_eq!(
            (found.size, found.moved_at, found.outside),
            (GONE, Some(4), 0.5)
        );
        // Gaps that it always had say nothing.
        let gaps: Vec<f64> = (0..48)
            .map(|i| if i / 6 % 2 == 0 { 1.0 } else { f64::NAN })
            .collect();
        let sparse = of(&gaps, &gaps);
        assert_eq!((sparse.movement, sparse.outside), (Movement::Absent, 0.0));
    }
}
