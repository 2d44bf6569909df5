use bongsu_core::{Error, Result};

use super::kolmogorov::kolmogorov_sf;
use super::{Alternative, PValue, sample, sorted};

/// The result of [`ks_2samp`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KsTest {
    /// The largest distance of the distribution functions.
    pub statistic: f64,
    /// The probability of such a distance where both samples come from one distribution.
    pub p_value: f64,
    /// The smallest value at which the distance is that large.
    pub location: f64,
    /// Whether the first sample's distribution function is the upper one there, so that its values
    /// are the smaller ones.
    pub first_above: bool,
}

/// The largest sample for which p-values are exact by default, and may be asked to be.
const MOST_EXACT: usize = 10_000;

/// The test of Kolmogorov and Smirnov: whether two samples come from one distribution.
///
/// `D = max |F - G|` of the distribution functions of `a` and `b`; `max (G - F)` for
/// [`Alternative::Less`] and `max (F - G)` for [`Alternative::Greater`]. An exact p-value counts
/// arrangements of distinct values, and is found by default when both samples have at most 10,000
/// values. The asymptotic one is, two-sided, that of one sample of `n_a n_b / (n_a + n_b)` values, and
/// that of Hodges one-sided.
///
/// - `a`, `b`: at least one finite value each.
/// - `method`: exact up to 10,000 values in each sample.
///
/// # Errors
/// When a sample is empty or has a value that is not finite, or is too large for an exact p-value
/// that was asked for.
///
/// Cost: O(n log n) time for the statistic, a copy of the values; an exact p-value `O(n_a n_b D)` time
/// two-sided and `O(n_a n_b)` one-sided, O(n) with as many values in both.
///
/// Sources: Hodges 1958, <https://doi.org/10.1007/BF02589501>; Simard & L'Ecuyer 2011,
/// <https://doi.org/10.18637/jss.v039.i11>; SciPy 1.17 `ks_2samp`, whose one-sided p-values fall back
/// to asymptotic ones where the number of arrangements overflows: these do not.
///
/// ```
/// use bongsu_stats::hypothesis::{Alternative, PValue, ks_2samp};
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [3.5, 5.0, 6.0, 7.0, 8.0]);
/// let test = ks_2samp(&a, &b, Alternative::TwoSided, PValue::Auto)?;
/// assert_eq!((test.statistic, test.location, test.first_above), (0.8, 4.0, true));
/// assert!((test.p_value - 5.0 / 63.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn ks_2samp(a: &[f64], b: &[f64], alternative: Alternative, method: PValue) -> Result<KsTest> {
    sample("the first sample", a, 1)?;
    sample("the second sample", b, 1)?;
    let largest = a.len().max(b.len());
    if method == PValue::Exact && largest > MOST_EXACT {
        let domain = format!("asymptotic for samples of more than {MOST_EXACT} values");
        return Err(Error::parameter("method", "exact", domain));
    }
    Ok(ks_of_sorted(&sorted(a), &sorted(b), alternative, method))
}

/// [`ks_2samp`] of sorted samples, neither empty.
pub(crate) fn ks_of_sorted(
    a: &[f64],
    b: &[f64],
    alternative: Alternative,
    method: PValue,
) -> KsTest {
    let (n_a, n_b) = (a.len(), b.len());
    let [above, below] = distances(a, b);
    let first_above = match alternative {
        Alternative::TwoSided => above.steps >= below.steps,
        Alternative::Greater => true,
        Alternative::Less => false,
    };
    let Distance { steps, location } = if first_above { above } else { below };
    let statistic = steps as f64 / n_a as f64 / n_b as f64;
    let two_sided = alternative == Alternative::TwoSided;
    let exact = match method {
        PValue::Exact => true,
        PValue::Asymptotic => false,
        PValue::Auto => n_a.max(n_b) <= MOST_EXACT,
    };
    let p_value = if steps <= 0 {
        1.0
    } else if !exact {
        asymptotic(statistic, n_a as f64, n_b as f64, two_sided)
    } else if n_a == n_b {
        let steps = steps as usize / n_a;
        if two_sided {
            square(n_a, steps)
        } else {
            product(n_a, steps, 1)
        }
    } else {
        lattice(n_a, n_b, steps as usize, two_sided)
    };
    KsTest {
        statistic: steps.max(0) as f64 / n_a as f64 / n_b as f64,
        p_value: p_value.clamp(0.0, 1.0),
        location,
        first_above,
    }
}

/// A distance of the distribution functions in steps of `1 / (n_a n_b)`, and where it is.
#[derive(Debug, Clone, Copy)]
struct Distance {
    steps: i64,
    location: f64,
}

/// The largest `F - G` and `G - F`.
fn distances(a: &[f64], b: &[f64]) -> [Distance; 2] {
    let (n_a, n_b) = (a.len() as i64, b.len() as i64);
    let none = Distance {
        steps: i64::MIN,
        location: f64::NAN,
    };
    let (mut above, mut below) = (none, none);
    let (mut i, mut j) = (0, 0);
    loop {
        let x = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) | (None, Some(&x)) => x,
            (None, None) => return [above, below],
        };
        while a.get(i).is_some_and(|&y| y <= x) {
            i += 1;
        }
        while b.get(j).is_some_and(|&y| y <= x) {
            j += 1;
        }
        let steps = i as i64 * n_b - j as i64 * n_a;
        if steps > above.steps {
            above = Distance { steps, location: x };
        }
        if -steps > below.steps {
            below = Distance {
                steps: -steps,
                location: x,
            };
        }
    }
}

fn asymptotic(distance: f64, n_a: f64, n_b: f64, two_sided: bool) -> f64 {
    let (large, small) = (n_a.max(n_b), n_a.min(n_b));
    let n = large * small / (large + small);
    if two_sided {
        return kolmogorov_sf(distance, n.round_ties_even());
    }
    let z = n.sqrt() * distance;
    let correction = (large + 2.0 * small) / (large * small * (large + small)).sqrt();
    (-2.0 * z * z - 2.0 * z * correction / 3.0).exp()
}

/// `C(2n, n - times h) / C(2n, n)`: the share of the paths over a square that get `times h` steps
/// from its diagonal on one side.
fn product(n: usize, h: usize, times: usize) -> f64 {
    let reach = h * times;
    let factor = |j: usize| (n as f64 - j as f64) / (n + j + 1) as f64;
    (0..reach).map(factor).product()
}

/// The two-sided probability for samples of the same size, by reflection at both sides; as products,
/// so that nothing is lost to the difference of the terms.
fn square(n: usize, h: usize) -> f64 {
    let term = |k: usize| {
        let factor = |j: usize| (n as f64 - (k * h + j) as f64) / (n + k * h + j + 1) as f64;
        (0..h).map(factor).product::<f64>()
    };
    let rest = (0..=n / h)
        .rev()
        .fold(0.0, |rest, k| term(k) * (1.0 - rest));
    2.0 * rest
}

/// The probability that a path from (0, 0) to (`n_a`, `n_b`) gets `steps` steps of `1 / (n_a n_b)`
/// away from the diagonal, on both sides or on one.
///
/// With `w = i / (i + j)`, the share of the paths to (i, j) that come from (i - 1, j), the share of
/// those that were outside follows row by row. It is only added to, so that a small probability
/// keeps its digits.
fn lattice(n_a: usize, n_b: usize, steps: usize, two_sided: bool) -> f64 {
    let divisor = greatest_common_divisor(n_a, n_b);
    let (a, b, steps) = (n_b / divisor, n_a / divisor, steps / divisor);
    let inverse: Vec<f64> = (0..=n_a + n_b).map(|k| 1.0 / k as f64).collect();
    let mut outside = vec![1.0; n_b + 1];
    for i in 0..=n_a {
        // Inside are the j with |i a - j b| < steps.
        let first = (i * a + 1).saturating_sub(steps).div_ceil(b);
        let last = if two_sided {
            ((i * a + steps - 1) / b).min(n_b)
        } else {
            n_b
        };
        let row = outside.get_mut(first..=last).unwrap_or_default();
        if i == 0 {
            row.fill(0.0);
            continue;
        }
        let mut before = 1.0;
        let shares = inverse.get(i + first..).unwrap_or_default();
        for (value, inverse) in row.iter_mut().zip(shares) {
            let w = i as f64 * inverse;
            before = w * *value + (1.0 - w) * before;
            *value = before;
        }
    }
    outside.last().copied().unwrap_or(1.0)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
