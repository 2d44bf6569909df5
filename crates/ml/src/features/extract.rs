use std::array::from_fn;

use bongsu_stats::robust::quantile_sorted;

use super::WindowFeatures;
use crate::float::power_of_two;

/// Bins of the histogram whose entropy is taken.
const BINS: usize = 10;

/// Sums that are kept apart, so that they do not wait for each other.
const STRANDS: usize = 8;

/// The features of the rows of `window`, of which the present values are also given in ascending
/// order.
pub(super) fn features(window: &[f64], sorted: &[f64]) -> [f64; WindowFeatures::COUNT] {
    let quantile = |q| quantile_sorted(sorted, q);
    let [min, median, max] = [quantile(0.0), quantile(0.5), quantile(1.0)];
    let shape = Shape::of(window, sorted, min, max);
    [
        sorted.len() as f64,
        shape.mean,
        shape.std,
        min,
        quantile(0.25),
        median,
        quantile(0.75),
        max,
        shape.slope,
        shape.spikiness,
        shape.acf1,
        entropy(sorted, min, max),
        crossings(window, sorted.len(), median),
    ]
}

struct Shape {
    mean: f64,
    std: f64,
    slope: f64,
    spikiness: f64,
    acf1: f64,
}

/// Sums over the rows of a window, in units of its range.
#[derive(Default)]
struct Sums {
    squares: f64,
    fourths: f64,
    /// Of products of neighbouring deviations.
    neighbours: f64,
    /// Of products of place and deviation.
    trend: f64,
    place_squares: f64,
}

impl Shape {
    fn of(window: &[f64], sorted: &[f64], min: f64, max: f64) -> Self {
        let n = sorted.len() as f64;
        let least = |values: f64, feature: f64| if n >= values { feature } else { f64::NAN };
        if sorted.is_empty() || min == max {
            return Self {
                mean: min,
                std: least(2.0, 0.0),
                slope: least(2.0, 0.0),
                spikiness: least(3.0, 0.0),
                acf1: least(1.0, 0.0),
            };
        }
        // A power of two, so that scaling is exact: no power of a deviation leaves the range.
        let unit = power_of_two((max - min).min(f64::MAX));
        let to_unit = 1.0 / unit;
        let shift = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0) * to_unit;
        let offset = total(sorted, |x| x * to_unit - shift) / n;
        let deviation = |x: f64| (x * to_unit - shift) - offset;
        let sums = if sorted.len() == window.len() {
            complete(window, deviation)
        } else {
            with_gaps(window, deviation)
        };
        // The leave-one-out variances differ by the squared deviations alone.
        let differences = (sums.fourths - sums.squares * sums.squares / n).max(0.0);
        let spikiness = differences / ((n - 1.0) * (n - 2.0) * (n - 2.0));
        Self {
            mean: (shift + offset) * unit,
            std: (sums.squares / (n - 1.0)).sqrt() * unit,
            slope: sums.trend / sums.place_squares * unit,
            spikiness: least(3.0, spikiness * (unit * unit) * (unit * unit)),
            acf1: sums.neighbours / sums.squares,
        }
    }
}

/// The sum of `of` each value.
fn total(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut strands = [0.0; STRANDS];
    let (chunks, rest) = values.as_chunks::<STRANDS>();
    for chunk in chunks {
        add(&mut strands, chunk.map(&of));
    }
    strands.iter().sum::<f64>() + rest.iter().map(|&x| of(x)).sum::<f64>()
}

/// Sums over a window in which every row is present.
fn complete(window: &[f64], deviation: impl Fn(f64) -> f64) -> Sums {
    let n = window.len() as f64;
    let center = 0.5 * (n - 1.0);
    let [mut squares, mut fourths, mut neighbours, mut trend] = [[0.0; STRANDS]; 4];
    let mut places: [f64; STRANDS] = from_fn(|i| i as f64 - center);
    let mut last = 0.0;
    let (chunks, rest) = window.as_chunks::<STRANDS>();
    for chunk in chunks {
        let own = chunk.map(&deviation);
        let mut before = own;
        before.rotate_right(1);
        [last, before[0]] = [before[0], last];
        let square = products(own, own);
        add(&mut squares, square);
        add(&mut fourths, products(square, square));
        add(&mut neighbours, products(own, before));
        add(&mut trend, products(own, places));
        places = places.map(|place| place + STRANDS as f64);
    }
    let mut sums = Sums {
        squares: squares.iter().sum(),
        fourths: fourths.iter().sum(),
        neighbours: neighbours.iter().sum(),
        trend: trend.iter().sum(),
        place_squares: n * (n * n - 1.0) / 12.0,
    };
    for (&x, place) in rest.iter().zip(places) {
        let own = deviation(x);
        let square = own * own;
        sums.squares += square;
        sums.fourths += square * square;
        sums.neighbours += own * last;
        sums.trend += own * place;
        last = own;
    }
    sums
}

#[inline(always)]
fn add(sums: &mut [f64; STRANDS], terms: [f64; STRANDS]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}

#[inline(always)]
fn products(a: [f64; STRANDS], b: [f64; STRANDS]) -> [f64; STRANDS] {
    let mut products = a;
    for (product, b) in products.iter_mut().zip(b) {
        *product *= b;
    }
    products
}

/// Sums over the rows that are present.
fn with_gaps(window: &[f64], deviation: impl Fn(f64) -> f64) -> Sums {
    let present = || window.iter().enumerate().filter(|(_, x)| !x.is_nan());
    let n = present().count() as f64;
    let center = present().map(|(place, _)| place as f64).sum::<f64>() / n;
    let mut sums = Sums::default();
    let mut before: Option<(usize, f64)> = None;
    for (place, &x) in present() {
        let (own, t) = (deviation(x), place as f64 - center);
        let square = own * own;
        sums.squares += square;
        sums.fourths += square * square;
        sums.trend += own * t;
        sums.place_squares += t * t;
        if let Some((last, value)) = before
            && last + 1 == place
        {
            sums.neighbours += own * value;
        }
        before = Some((place, own));
    }
    sums
}

/// The entropy of the histogram: each bin holds its lower edge, the last one both.
fn entropy(sorted: &[f64], min: f64, max: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    if min == max {
        return 0.0;
    }
    let n = sorted.len() as f64;
    let span = max - min;
    let step = if span.is_finite() {
        span / BINS as f64
    } else {
        max / BINS as f64 - min / BINS as f64
    };
    let (mut below, mut sum) = (0, 0.0);
    for bin in 1..=BINS {
        let until = if bin == BINS {
            sorted.len()
        } else {
            let edge = bin as f64 * step + min;
            sorted.partition_point(|&x| x < edge)
        };
        let share = until.saturating_sub(below) as f64 / n;
        if share > 0.0 {
            sum -= share * share.ln();
        }
        below = until;
    }
    sum
}

/// How often values that are present, in their order, change from one side of `median` to the
/// other; a value at the median counts as below.
fn crossings(window: &[f64], present: usize, median: f64) -> f64 {
    if present == 0 {
        return f64::NAN;
    }
    let count: u32 = if present == window.len() {
        let neighbours = window.iter().zip(window.iter().skip(1));
        neighbours
            .map(|(a, b)| u32::from((*a <= median) != (*b <= median)))
            .sum()
    } else {
        let sides = || window.iter().filter(|x| !x.is_nan()).map(|x| *x <= median);
        sides()
            .zip(sides().skip(1))
            .map(|(a, b)| u32::from(a != b))
            .sum()
    };
    count.into()
}
