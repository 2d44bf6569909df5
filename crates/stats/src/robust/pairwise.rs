use super::quantile_sorted;

/// The standard deviation of a normal distribution over its [`qn`] before scaling,
/// `1 / (sqrt(2) Phi^-1(5/8))`.
const QN_TO_STD: f64 = 2.219_144_465_985_076;

/// The same of [`sn`].
const SN_TO_STD: f64 = 1.1926;

/// The scale `Q_n` of Rousseeuw and Croux: the `k`-th smallest distance of two values, with
/// `k = h (h - 1) / 2` and `h = n/2 + 1`, times 2.2191. It estimates the standard deviation of normal
/// data with an efficiency of 82 % (the median absolute deviation: 37 %), needs no centre and breaks
/// down only when half of the values are outliers.
///
/// `correct`: whether to multiply by the factor that makes it unbiased for few normal values, 0.399
/// for two and nearly 1 for many.
///
/// One value has scale 0; none, or NaN among them, give NaN.
///
/// Cost: O(n log n) time, about three copies of the values.
///
/// Sources: Rousseeuw & Croux 1993, <https://doi.org/10.1080/01621459.1993.10476408>; the factors:
/// Croux & Rousseeuw 1992, <https://doi.org/10.1007/978-3-662-26811-7_58>; statsmodels 0.15
/// `qn_scale` (not corrected).
///
/// ```
/// let q = bongsu_stats::robust::qn(&[1.0, 2.0, 3.0, 4.0, 1e6], false);
/// assert!((q - 2.219_144).abs() < 1e-6);
/// ```
#[must_use]
pub fn qn(values: &[f64], correct: bool) -> f64 {
    let n = values.len();
    let Some((sorted, unit)) = prepared(values) else {
        return f64::NAN;
    };
    if n < 2 {
        return 0.0;
    }
    let h = n as u64 / 2 + 1;
    let distance = kth_distance(&sorted, h * (h - 1) / 2);
    let factor = match n {
        _ if !correct => 1.0,
        2 => 0.399,
        3 => 0.994,
        4 => 0.512,
        5 => 0.844,
        6 => 0.611,
        7 => 0.857,
        8 => 0.669,
        9 => 0.872,
        _ if n % 2 == 1 => n as f64 / (n as f64 + 1.4),
        _ => n as f64 / (n as f64 + 3.8),
    };
    QN_TO_STD * factor * distance / unit
}

/// The scale `S_n` of Rousseeuw and Croux: the median over all values of the median distance to the
/// others, times 1.1926. It estimates the standard deviation of normal data with an efficiency of
/// 58 %, needs no centre and breaks down only when half of the values are outliers.
///
/// The outer median is the lower one of two, the inner the upper one.
///
/// `correct`: whether to multiply by the factor that makes it unbiased for few normal values.
///
/// One value has scale 0; none, or NaN among them, give NaN.
///
/// Cost: O(n log n) time, two copies of the values.
///
/// Sources: as [`qn`]; robustbase `Sn`.
///
/// ```
/// let s = bongsu_stats::robust::sn(&[1.0, 2.0, 3.0, 4.0, 1e6], false);
/// assert!((s - 1.1926 * 2.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn sn(values: &[f64], correct: bool) -> f64 {
    let n = values.len();
    let Some((sorted, unit)) = prepared(values) else {
        return f64::NAN;
    };
    if n < 2 {
        return 0.0;
    }
    let mut medians = distances_to_nearest(&sorted, n / 2 + 1);
    let (_, &mut median, _) = medians.select_nth_unstable_by(n.div_ceil(2) - 1, f64::total_cmp);
    let factor = match n {
        _ if !correct => 1.0,
        2 => 0.743,
        3 => 1.851,
        4 => 0.954,
        5 => 1.351,
        6 => 0.993,
        7 => 1.198,
        8 => 1.005,
        9 => 1.131,
        _ if n % 2 == 1 => n as f64 / (n as f64 - 0.9),
        _ => 1.0,
    };
    SN_TO_STD * factor * median / unit
}

/// Sorted values times a factor that keeps their distances finite, and that; none without
/// values or with NaN.
fn prepared(values: &[f64]) -> Option<(Vec<f64>, f64)> {
    if values.is_empty() || values.iter().any(|x| x.is_nan()) {
        return None;
    }
    let huge = values.iter().any(|x| x.abs() > 0.25 * f64::MAX);
    let unit = if huge { 0.25 } else { 1.0 };
    let mut sorted: Vec<f64> = values.iter().map(|x| x * unit).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    Some((sorted, unit))
}

/// For each value the distance to the `k`-th nearest, itself the first; in order.
fn distances_to_nearest(sorted: &[f64], k: usize) -> Vec<f64> {
    let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::INFINITY);
    // The nearest are neighbours in the order, and move on with the value.
    let mut first = 0;
    let distance = |&x: &f64| {
        while at(first + k) - x < x - at(first) {
            first += 1;
        }
        (x - at(first)).max(at(first + k - 1) - x)
    };
    sorted.iter().map(distance).collect()
}

/// The `k`-th smallest distance (from 1) of two of the values.
///
/// Between a bound that fewer distances reach and one that enough do, the bounds close in until few
/// distances are left between them; these are selected from.
fn kth_distance(sorted: &[f64], k: u64) -> f64 {
    let enough = 2 * sorted.len() as u64;
    let (mut low, mut high) = (
        0.0,
        quantile_sorted(sorted, 1.0) - quantile_sorted(sorted, 0.0),
    );
    let mut below = distances_within(sorted, low);
    if below >= k {
        return 0.0;
    }
    let n = sorted.len() as u64;
    let mut within = n * (n - 1) / 2;
    // About what it is for a normal distribution.
    let mut next = (quantile_sorted(sorted, 0.75) - quantile_sorted(sorted, 0.25)) / 3.0;
    for round in 0.. {
        if within - below <= enough {
            break;
        }
        if !(low < next && next < high) {
            // Halving the bits ends after 64 rounds, whatever the values are.
            next = f64::from_bits(low.to_bits().midpoint(high.to_bits()));
            if next <= low {
                return high;
            }
        }
        let count = distances_within(sorted, next);
        if count < k {
            (low, below) = (next, count);
        } else {
            (high, within) = (next, count);
        }
        next = match round % 3 {
            0 => low + (high - low) * ((k - below) as f64 / (within - below) as f64),
            1 => low.midpoint(high),
            _ => f64::NAN,
        };
    }
    let mut candidates = Vec::with_capacity((within - below) as usize);
    let (mut far, mut near) = (0, 0);
    for (j, &x) in sorted.iter().enumerate() {
        far += sorted
            .iter()
            .skip(far)
            .take_while(|&&y| x - y > high)
            .count();
        near += sorted
            .iter()
            .take(j)
            .skip(near)
            .take_while(|&&y| x - y > low)
            .count();
        candidates.extend(sorted.iter().take(near).skip(far).map(|y| x - y));
    }
    let rank = (k - below - 1) as usize;
    if rank >= candidates.len() {
        return high;
    }
    *candidates.select_nth_unstable_by(rank, f64::total_cmp).1
}

/// The number of pairs of values at most `distance` apart.
fn distances_within(sorted: &[f64], distance: f64) -> u64 {
    let (mut first, mut pairs) = (0, 0);
    let mut rest = sorted.iter();
    let mut lowest = rest.next().copied().unwrap_or(f64::NAN);
    for (j, x) in sorted.iter().enumerate() {
        while x - lowest > distance {
            first += 1;
            lowest = rest.next().copied().unwrap_or(f64::INFINITY);
        }
        pairs += j - first;
    }
    pairs as u64
}
