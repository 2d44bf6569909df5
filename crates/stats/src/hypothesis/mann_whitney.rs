use bongsu_core::{Error, Result};

use super::{Alternative, PValue, sample, sorted};
use crate::special::normal_sf;

/// The result of [`mann_whitney`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// `U` of the first sample: the number of pairs in which its value is the larger, equal ones
    /// counted by half.
    pub statistic: f64,
    /// The probability of a statistic at least as extreme where both samples come from one
    /// distribution.
    pub p_value: f64,
}

/// Up to this size of the smaller sample the p-value is exact by default.
const SMALL: usize = 8;

/// The largest product of sizes for which exact p-values are found.
const MOST_PAIRS: usize = 1_000_000;

/// The test of Mann and Whitney (Wilcoxon's rank sum): whether one sample tends to larger values.
///
/// `U = R - n_a (n_a + 1)/2` with the sum `R` of the first sample's ranks, mean ranks for equal
/// values. The asymptotic p-value corrects for ties and for continuity; by default it is exact when
/// one sample has at most 8 values and no two values are equal.
///
/// - `a`, `b`: at least one finite value each.
/// - `method`: an exact p-value takes no notice of ties; domain: up to 1,000,000 pairs.
///
/// # Errors
/// When a sample is empty or has a value that is not finite, or has too many pairs for an exact
/// p-value that was asked for.
///
/// Cost: O(n log n) time, a copy of the values; an exact p-value `O(n_a n_b min(n_a, n_b))` time.
///
/// Source: Mann & Whitney 1947, <https://doi.org/10.1214/aoms/1177730491>; SciPy 1.17 `mannwhitneyu`.
///
/// ```
/// use bongsu_stats::hypothesis::{Alternative, PValue, mann_whitney};
/// let (males, females) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
/// let test = mann_whitney(&males, &females, Alternative::TwoSided, PValue::Auto)?;
/// assert_eq!(test.statistic, 17.0);
/// assert!((test.p_value - 1.0 / 9.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn mann_whitney(
    a: &[f64],
    b: &[f64],
    alternative: Alternative,
    method: PValue,
) -> Result<MannWhitney> {
    sample("the first sample", a, 1)?;
    sample("the second sample", b, 1)?;
    let pairs = a.len().saturating_mul(b.len());
    if method == PValue::Exact && pairs > MOST_PAIRS {
        let domain = format!("asymptotic for {pairs} pairs of values");
        return Err(Error::parameter("method", "exact", domain));
    }
    Ok(mann_whitney_of_sorted(
        &sorted(a),
        &sorted(b),
        alternative,
        method,
    ))
}

/// [`mann_whitney`] of sorted samples, neither empty; O(n).
pub(crate) fn mann_whitney_of_sorted(
    a: &[f64],
    b: &[f64],
    alternative: Alternative,
    method: PValue,
) -> MannWhitney {
    let (u, ties) = count(a, b);
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let other = n_a * n_b - u;
    let (judged, sides) = match alternative {
        Alternative::Greater => (u, 1.0),
        Alternative::Less => (other, 1.0),
        Alternative::TwoSided => (u.max(other), 2.0),
    };
    let small = a.len().min(b.len()) <= SMALL && a.len().saturating_mul(b.len()) <= MOST_PAIRS;
    let exact = match method {
        PValue::Exact => true,
        PValue::Asymptotic => false,
        PValue::Auto => small && ties == 0.0,
    };
    let p_value = if exact {
        exact_sf(judged, a.len(), b.len())
    } else {
        let n = n_a + n_b;
        let variance = n_a * n_b / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
        let excess = judged - 0.5 * n_a * n_b - 0.5;
        if variance > 0.0 {
            normal_sf(excess / variance.sqrt())
        } else {
            1.0
        }
    };
    MannWhitney {
        statistic: u,
        p_value: (sides * p_value).clamp(0.0, 1.0),
    }
}

/// `U` of `a`, and the sum of `t^3 - t` over groups of `t` equal values.
fn count(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (mut i, mut j) = (0, 0);
    let (mut u, mut ties) = (0.0, 0.0);
    while let Some(&x) = a.get(i) {
        let equal_a = run(a, i, x);
        while b.get(j).is_some_and(|&y| y < x) {
            let y = b.get(j).copied().unwrap_or(x);
            let equal = run(b, j, y) as f64;
            ties += equal * (equal * equal - 1.0);
            j += equal as usize;
        }
        let equal_b = run(b, j, x);
        u += equal_a as f64 * (j as f64 + 0.5 * equal_b as f64);
        let equal = (equal_a + equal_b) as f64;
        ties += equal * (equal * equal - 1.0);
        i += equal_a;
        j += equal_b;
    }
    while let Some(&y) = b.get(j) {
        let equal = run(b, j, y);
        ties += equal as f64 * ((equal * equal) as f64 - 1.0);
        j += equal;
    }
    (u, ties)
}

/// How many values from `start` on are equal to `x`.
fn run(sorted: &[f64], start: usize, x: f64) -> usize {
    let rest = sorted.iter().skip(start);
    rest.take_while(|&&y| y == x).count()
}

/// The probability that `U` is at least `u` (its integer part), over all arrangements.
///
/// The number of arrangements with a given `U` follows from the generating function
/// `prod (1 - q^(n_b + i)) / (1 - q^i)`, `i` up to the smaller size: each factor is one pass.
fn exact_sf(u: f64, n_a: usize, n_b: usize) -> f64 {
    let (few, many, pairs) = (n_a.min(n_b), n_a.max(n_b), n_a * n_b);
    let u = (u as usize).min(pairs);
    // The distribution is symmetric; the shorter tail is summed.
    let upper = u > pairs - u;
    let last = if upper { pairs - u } else { u };
    let mut shares = vec![0.0; last + 1];
    if let Some(first) = shares.first_mut() {
        *first = 1.0;
    }
    for i in 1..=few {
        // Divided by the growth of the number of arrangements, so that nothing overflows.
        let share = i as f64 / (many + i) as f64;
        let lag = many + i;
        for k in (lag..shares.len()).rev() {
            let before = shares.get(k - lag).copied().unwrap_or(0.0);
            if let Some(value) = shares.get_mut(k) {
                *value -= before;
            }
        }
        for k in i..shares.len() {
            let before = shares.get(k - i).copied().unwrap_or(0.0);
            if let Some(value) = shares.get_mut(k) {
                *value += before;
            }
        }
        for value in &mut shares {
            *value *= share;
        }
    }
    let tail: f64 = shares.iter().sum();
    if upper {
        tail
    } else {
        let at = shares.last().copied().unwrap_or(0.0);
        1.0 - tail + at
    }
}
