use bongsu_core::Result;

use super::spread;
use crate::check;
use crate::sorted_window::SortedWindow;

/// Rolling robust z-scores of a whole column; see [`RobustZ`](super::RobustZ) for the formula.
///
/// - `values`: any unit; NaN marks a missing value.
/// - `window`: points, domain [3, 1048576].
/// - `inclusive`: whether the window ends with the judged point, or with the one before it.
///
/// Returns as many scores as values; NaN where the window is not full, or where it or the judged
/// point has a missing value.
///
/// # Errors
/// When `window` is outside its domain or a value is infinite.
///
/// Cost: O(n w/8) time at most, 16 bytes a point of the window. Where the MAD is 0, the values of
/// the window that differ from its median are added up for each point: at most half of them.
///
/// ```
/// let scores = bongsu_stats::robust_z::rolling_robust_z(&[1.0, 2.0, 3.0, 9.0], 3, false)?;
/// assert!((scores[3] - 7.0 * 0.674_489_75).abs() < 1e-7);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn rolling_robust_z(values: &[f64], window: usize, inclusive: bool) -> Result<Vec<f64>> {
    check::window("window", window, 3)?;
    check::no_infinity(values)?;
    let mut last = SortedWindow::new(window);
    let judge = |last: &SortedWindow, x: f64| {
        if last.is_full() {
            spread::score(last.sorted(), x)
        } else {
            f64::NAN
        }
    };
    let score = |&x: &f64| {
        if x.is_nan() {
            last.clear();
            return f64::NAN;
        }
        if inclusive {
            last.push(x);
            judge(&last, x)
        } else {
            let score = judge(&last, x);
            last.push(x);
            score
        }
    };
    Ok(values.iter().map(score).collect())
}
