use bongsu_core::Result;

use super::{sample, sorted};
use crate::special::normal_sf;

/// The result of [`energy_test`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyTest {
    /// The energy distance, in the square root of the unit of the values.
    pub distance: f64,
    /// An upper bound of the probability of such a distance where both samples come from one
    /// distribution.
    pub p_value: f64,
}

/// The energy distance of two samples: `sqrt(2 integral (F - G)^2)` of their distribution functions,
/// which is `sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|)`.
///
/// - `a`, `b`: at least one finite value each.
///
/// # Errors
/// When a sample is empty or has a value that is not finite.
///
/// Cost: O(n log n) time, a copy of the values.
///
/// Source: Szekely & Rizzo 2013, <https://doi.org/10.1016/j.jspi.2013.03.018>; SciPy 1.17
/// `energy_distance`.
///
/// ```
/// assert_eq!(bongsu_stats::hypothesis::energy_distance(&[0.0], &[2.0])?, 2.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn energy_distance(a: &[f64], b: &[f64]) -> Result<f64> {
    energy_test(a, b).map(|test| test.distance)
}

/// The energy test: whether two samples come from one distribution.
///
/// `T = n_a n_b / (n_a + n_b) D^2` with the [`energy_distance`] `D`. Over the mean distance `m` of
/// two values of both samples together it approaches a weighted sum of squared normals with weights
/// that add up to 1, for which `2 P(Z > sqrt(T / m))` bounds the tail wherever that is below 0.215:
/// the test errs on the side of no difference. A bound above 0.215 says no more than that.
///
/// - `a`, `b`: at least one finite value each.
///
/// # Errors
/// When a sample is empty or has a value that is not finite.
///
/// Cost: O(n log n) time, a copy of the values.
///
/// Sources: as [`energy_distance`]; the bound: Szekely & Bakirov 2003,
/// <https://doi.org/10.1007/s004400200213>.
///
/// ```
/// let (a, b): (Vec<f64>, Vec<f64>) = (0..40).map(|i| (f64::from(i), f64::from(i + 30))).unzip();
/// assert!(bongsu_stats::hypothesis::energy_test(&a, &b)?.p_value < 1e-3);
/// assert!(bongsu_stats::hypothesis::energy_test(&a, &a)?.p_value == 1.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn energy_test(a: &[f64], b: &[f64]) -> Result<EnergyTest> {
    sample("the first sample", a, 1)?;
    sample("the second sample", b, 1)?;
    Ok(energy_of_sorted(&sorted(a), &sorted(b)))
}

/// [`energy_test`] of sorted samples, neither empty; O(n).
pub(crate) fn energy_of_sorted(a: &[f64], b: &[f64]) -> EnergyTest {
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let n = n_a + n_b;
    let (mut i, mut j) = (0, 0);
    let (mut squares, mut spread) = (0.0, 0.0);
    let mut before: Option<f64> = None;
    // Distribution functions are constant from one value to the next.
    loop {
        let x = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) | (None, Some(&x)) => x,
            (None, None) => break,
        };
        if let Some(before) = before {
            // Halves, whose difference does not overflow.
            let width = 0.5 * x - 0.5 * before;
            let difference = i as f64 / n_a - j as f64 / n_b;
            let share = (i + j) as f64 / n;
            squares += difference * difference * width;
            spread += share * (1.0 - share) * width;
        }
        before = Some(x);
        if a.get(i).is_some_and(|&y| y <= x) {
            i += 1;
        } else {
            j += 1;
        }
    }
    // T over the mean distance of two values of both samples, 2 integral H (1 - H).
    // The quotient first, as the product may overflow.
    let ratio = n_a * n_b / n * (squares / spread);
    EnergyTest {
        distance: 2.0 * squares.sqrt(),
        p_value: if squares > 0.0 {
            (2.0 * normal_sf(ratio.sqrt())).min(1.0)
        } else {
            1.0
        },
    }
}
