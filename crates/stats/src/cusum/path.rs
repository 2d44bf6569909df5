use bongsu_core::{Error, Result};

use crate::check;

/// How many parts of a column are summed side by side.
const LANES: usize = 8;

/// The two sums of the tabular CUSUM over a whole column, without a reset: `C+` and `C-`, one value a
/// point.
///
/// `C+_i = max(0, C+_(i-1) + z_i - k)` and `C-_i = max(0, C-_(i-1) - z_i - k)` with
/// `z_i = (x_i - target) / scale`, from 0.
///
/// - `values`: finite, any unit.
/// - `target`: the mean while nothing is wrong, in the unit of the values, finite.
/// - `scale`: the standard deviation while nothing is wrong, in the unit of the values, finite and
///   above 0.
/// - `slack`: `k` in standard deviations, finite and at least 0.
///
/// # Errors
/// When a parameter is outside its domain or a value is not finite.
///
/// Cost: O(n) time, no memory beside the result.
///
/// Source: Page 1954, <https://doi.org/10.1093/biomet/41.1-2.100>.
///
/// ```
/// let [up, down] = bongsu_stats::cusum::cusum(&[1.0, 3.0, 0.0, -2.0], 0.0, 1.0, 0.5)?;
/// assert_eq!(up, [0.5, 3.0, 2.5, 0.0]);
/// assert_eq!(down, [0.0, 0.0, 0.0, 1.5]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn cusum(values: &[f64], target: f64, scale: f64, slack: f64) -> Result<[Vec<f64>; 2]> {
    check::positive("scale", scale)?;
    check::non_negative("slack", slack)?;
    if !target.is_finite() {
        return Err(Error::parameter("target", target, "finite"));
    }
    if !values.chunks(64).all(all_finite) {
        check::finite_rows(values)?;
    }
    let rate = 1.0 / scale;
    let sums = Sums {
        target,
        rate: if rate.is_finite() { rate } else { f64::MAX },
        slack,
    };
    let (mut up, mut down) = (vec![0.0; values.len()], vec![0.0; values.len()]);
    let part = values.len() / LANES;
    if part > 0 {
        sums.side_by_side(values, part, &mut up, &mut down);
    }
    // Each part began at 0 instead of where the one before ended. From there its sums are taken
    // again until they meet those that are there already; from then on nothing would change.
    let mut state = (0.0, 0.0);
    let parts = values.chunks(part.max(1));
    let sums_of = up.chunks_mut(part.max(1)).zip(down.chunks_mut(part.max(1)));
    for (lane, (values, (up, down))) in parts.zip(sums_of).enumerate() {
        let done = part > 0 && lane < LANES;
        for ((&x, up), down) in values.iter().zip(&mut *up).zip(&mut *down) {
            state = sums.next(state, x);
            if done && state == (*up, *down) {
                break;
            }
            (*up, *down) = state;
        }
        state = (last(up), last(down));
    }
    Ok([up, down])
}

/// Without a branch a value.
fn all_finite(values: &[f64]) -> bool {
    values.iter().fold(true, |all, x| all & x.is_finite())
}

fn last(sums: &[f64]) -> f64 {
    sums.last().copied().unwrap_or(0.0)
}

#[derive(Debug, Clone, Copy)]
struct Sums {
    target: f64,
    rate: f64,
    slack: f64,
}

impl Sums {
    #[inline(always)]
    fn next(self, (up, down): (f64, f64), x: f64) -> (f64, f64) {
        let z = (x - self.target) * self.rate;
        let (up, down) = (up + z - self.slack, down - z - self.slack);
        (
            if up > 0.0 { up } else { 0.0 },
            if down > 0.0 { down } else { 0.0 },
        )
    }

    /// Sums of the first [`LANES`] parts of `part` values, each from 0: independent of each other,
    /// so that none waits for the sum before it.
    #[allow(
        clippy::indexing_slicing,
        reason = "every lane is cut to `part` values just above the loop"
    )]
    fn side_by_side(self, values: &[f64], part: usize, up: &mut [f64], down: &mut [f64]) {
        let mut sums = [(0.0, 0.0); LANES];
        let values: [&[f64]; LANES] = std::array::from_fn(|l| &values[l * part..][..part]);
        let mut ups = up.chunks_exact_mut(part);
        let up: [&mut [f64]; LANES] = std::array::from_fn(|_| ups.next().unwrap_or_default());
        let mut downs = down.chunks_exact_mut(part);
        let down: [&mut [f64]; LANES] = std::array::from_fn(|_| downs.next().unwrap_or_default());
        for i in 0..part {
            for (l, sum) in sums.iter_mut().enumerate() {
                *sum = self.next(*sum, values[l][i]);
                (up[l][i], down[l][i]) = *sum;
            }
        }
    }
}
