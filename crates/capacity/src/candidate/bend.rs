//! Since when a trend has been what it is.

use bongsu_stats::robust::median;

/// The fewest parts of the history on either side of a break.
const SIDE: usize = 5;

/// By how many parameters' worth of the Bayesian criterion a break must pay: its place, its change, and
/// as much again, since a wandering level looks broken.
const PRICE: f64 = 6.0;

/// The same for a shift, which takes what it explains out of the growth: many things grow by steps.
const SHIFT_PRICE: f64 = 15.0;

/// The most shifts of the level.
const SHIFTS: usize = 8;

/// The trend of a history up to now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Breaks {
    /// The first step after the last clear bend, 0 where there is none.
    pub(super) from: usize,
    /// The clear shifts of the level: the first step after each, and by how much the level rose there.
    pub(super) shifts: Vec<(usize, f64)>,
}

/// How a trend breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Another slope from a knot on.
    Bend,
    /// Another level from a knot on.
    Shift,
}

/// The mean of a part of the history.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Its first step, and the one after its last.
    steps: (usize, usize),
    /// Where it lies, in parts from the beginning.
    place: f64,
    mean: f64,
}

impl Breaks {
    /// Of values without the rhythm, NaN where there is none.
    ///
    /// Means over `block` steps are fitted by one line and, with a knot at each place, by a line that
    /// bends there and by one whose level shifts. A break is clear when `n ln(S0 / S1)` of the sums of
    /// squares exceeds the price times `ln n`, where `n` is the number of means, less what their
    /// residuals' autocorrelation makes redundant. What follows a bend is searched again, and so is
    /// all of it without a shift that was found.
    pub(super) fn of(values: &[f64], block: usize) -> Self {
        let mut values = values.to_vec();
        let mut found = Self {
            from: 0,
            shifts: Vec::new(),
        };
        let mut bent = 0;
        let mut parts = parts(&values, block);
        while let Some((knot, kind, size)) = parts.get(bent..).and_then(clearest) {
            let knot = bent + knot;
            if kind == Kind::Bend {
                bent = knot;
                continue;
            }
            if found.shifts.len() == SHIFTS {
                break;
            }
            let at = place(&values, &parts, knot, block);
            let size = without_mixed(&parts, at).unwrap_or(size);
            for value in values.iter_mut().take(at) {
                *value += size;
            }
            found.shifts.push((at, size));
            parts = self::parts(&values, block);
        }
        if bent > 0 {
            found.from = parts.get(bent).map_or(0, |part| part.steps.0);
        }
        found
    }
}

/// The means of the parts that have a value; the last part ends with the history.
fn parts(values: &[f64], block: usize) -> Vec<Part> {
    let width = block.max(1);
    let skipped = values.len() % width;
    let mut parts = Vec::new();
    for (i, part) in values
        .get(skipped..)
        .unwrap_or_default()
        .chunks_exact(width)
        .enumerate()
    {
        let present = part.iter().filter(|value| value.is_finite());
        let count = present.clone().count() as f64;
        if count > 0.0 {
            let first = skipped + i * width;
            parts.push(Part {
                steps: (first, first + width),
                place: i as f64,
                mean: present.sum::<f64>() / count,
            });
        }
    }
    parts
}

/// Where the trend breaks, how, and by how much, if it clearly does.
fn clearest(parts: &[Part]) -> Option<(usize, Kind, f64)> {
    let count = parts.len();
    if count < 2 * SIDE {
        return None;
    }
    let one = Line::fit(parts, None).squares;
    let level = parts.iter().map(|part| part.mean.abs()).fold(0.0, f64::max);
    // What is rounding breaks nowhere.
    if one <= count as f64 * (1e-9 * level).powi(2) {
        return None;
    }
    let best = |kind: Kind| {
        let fits = (SIDE..=count - SIDE).map(|knot| (knot, Line::fit(parts, Some((knot, kind)))));
        fits.min_by(|(_, a), (_, b)| a.squares.total_cmp(&b.squares))
    };
    let (bend, shift) = (best(Kind::Bend)?, best(Kind::Shift)?);
    let pays = |two: &Line, price: f64| {
        let share = two.correlation.clamp(0.0, 0.9);
        let effective = count as f64 * (1.0 - share) / (1.0 + share);
        effective * (one / two.squares.max(1e-12 * one)).ln() > price * (count as f64).ln()
    };
    if shift.1.squares < bend.1.squares && pays(&shift.1, SHIFT_PRICE) {
        Some((shift.0, Kind::Shift, shift.1.change))
    } else {
        pays(&bend.1, PRICE).then_some((bend.0, Kind::Bend, bend.1.change))
    }
}

/// A line, with a break where one is asked for.
struct Line {
    /// The change of the slope or of the level.
    change: f64,
    /// The sum of squared residuals.
    squares: f64,
    /// Their lag-one autocorrelation.
    correlation: f64,
}

impl Line {
    fn fit(parts: &[Part], knot: Option<(usize, Kind)>) -> Self {
        let count = parts.len() as f64;
        let middle = parts.iter().map(|part| part.place).sum::<f64>() / count;
        let broken = |i: usize, part: &Part| match knot {
            Some((at, Kind::Shift)) => f64::from(u8::from(i >= at)),
            Some((at, Kind::Bend)) => {
                let start = parts.get(at).map_or(0.0, |part| part.place);
                (part.place - start).max(0.0)
            }
            None => 0.0,
        };
        let row = |(i, part): (usize, &Part)| broken(i, part);
        let mean_broken = parts.iter().enumerate().map(row).sum::<f64>() / count;
        let level = parts.iter().map(|part| part.mean).sum::<f64>() / count;
        let [mut xx, mut xh, mut hh, mut xy, mut hy] = [0.0; 5];
        for (i, part) in parts.iter().enumerate() {
            let (x, h) = (part.place - middle, broken(i, part) - mean_broken);
            let y = part.mean - level;
            xx += x * x;
            xh += x * h;
            hh += h * h;
            xy += x * y;
            hy += h * y;
        }
        let determinant = xx * hh - xh * xh;
        let (slope, change) = if determinant > 1e-9 * xx * hh {
            (
                (xy * hh - hy * xh) / determinant,
                (hy * xx - xy * xh) / determinant,
            )
        } else {
            (xy / xx, 0.0)
        };
        let rest = parts.iter().enumerate().map(|(i, part)| {
            let expected = slope * (part.place - middle) + change * (broken(i, part) - mean_broken);
            part.mean - level - expected
        });
        let rest: Vec<f64> = rest.collect();
        let squares: f64 = rest.iter().map(|r| r * r).sum();
        let pairs = rest.iter().zip(rest.iter().skip(1));
        let lagged: f64 = pairs.map(|(a, b)| a * b).sum();
        Self {
            change,
            squares,
            correlation: if squares > 0.0 { lagged / squares } else { 0.0 },
        }
    }
}

/// The step at which the level shifts, within a part of either side of the knot: where the distances to
/// the medians before and after it are least.
fn place(values: &[f64], parts: &[Part], knot: usize, block: usize) -> usize {
    let start = parts.get(knot).map_or(0, |part| part.steps.0);
    let before = parts.get(knot - 1).map_or(0, |part| part.steps.0);
    let end = (start + block).min(values.len());
    let middle = |from: usize, to: usize| {
        let part = values.get(from..to).unwrap_or_default().iter();
        let present: Vec<f64> = part.copied().filter(|value| value.is_finite()).collect();
        (!present.is_empty()).then(|| median(&present))
    };
    // The levels of parts that the shift does not touch.
    let low = middle(before.saturating_sub(block), before);
    let Some((low, high)) = low.zip(middle(end, (end + block).min(values.len()))) else {
        return start;
    };
    let mut cost = 0.0;
    let mut best = (0.0, before);
    for (i, value) in values.iter().enumerate().take(end).skip(before) {
        if value.is_finite() {
            cost += (value - low).abs() - (value - high).abs();
        }
        if cost < best.0 {
            best = (cost, i + 1);
        }
    }
    best.1
}

/// The size of the shift at step `at`, without the part of the history that has values of both sides.
fn without_mixed(parts: &[Part], at: usize) -> Option<f64> {
    let pure = parts.iter().copied();
    let pure: Vec<Part> = pure
        .filter(|part| at <= part.steps.0 || part.steps.1 <= at)
        .collect();
    let knot = pure.iter().position(|part| part.steps.0 >= at)?;
    (knot > 0).then(|| Line::fit(&pure, Some((knot, Kind::Shift))).change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        ((i * 7_919 % 997) as f64 / 997.0 - 0.5) * 2.0
    }

    #[test]
    fn a_bend_is_found_and_noise_is_not() {
        let bent: Vec<f64> = (0..480)
            .map(|i| 0.01 * i as f64 + 0.1 * (i as f64 - 288.0).max(0.0) + noise(i))
            .collect();
        let found = Breaks::of(&bent, 24);
        assert!((240..=340).contains(&found.from), "{found:?}");
        assert!(found.shifts.is_empty(), "{found:?}");
        let none = Breaks {
            from: 0,
            shifts: Vec::new(),
        };
        let straight: Vec<f64> = (0..480).map(|i| 0.05 * i as f64 + noise(i)).collect();
        let rounded: Vec<f64> = (0..480).map(|i| 40.0 + 0.05 * i as f64).collect();
        for values in [
            &straight[..],
            &rounded,
            &[1.0; 480],
            &[1.0; 3],
            &[],
            &[f64::NAN; 99],
        ] {
            assert_eq!(Breaks::of(values, 24), none);
        }
    }

    #[test]
    fn a_shift_of_the_level_is_no_bend() {
        for (slope, at) in [(0.0, 400), (0.02, 405), (-0.01, 600)] {
            let values: Vec<f64> = (0..960)
                .map(|i| slope * i as f64 + if i < at { 0.0 } else { 30.0 } + noise(i))
                .collect();
            let found = Breaks::of(&values, 24);
            assert_eq!(found.from, 0, "{found:?}");
            let [(place, size)] = found.shifts[..] else {
                panic!("one shift: {found:?}");
            };
            assert!(place.abs_diff(at) <= 1, "{found:?}, not {at}");
            assert!((size - 30.0).abs() < 1.0, "{found:?}");
        }
    }

    #[test]
    fn a_gap_breaks_nothing() {
        let values: Vec<f64> = (0..960)
            .map(|i| match i {
                200..700 => f64::NAN,
                _ => 0.05 * i as f64 + noise(i),
            })
            .collect();
        let found = Breaks::of(&values, 24);
        assert_eq!((found.from, found.shifts.len()), (0, 0), "{found:?}");
    }
}
