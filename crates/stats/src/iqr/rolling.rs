use bongsu_core::Result;

use super::outside;
use crate::check;
use crate::robust::Place;
use crate::sorted_window::SortedWindow;

/// Rolling interquartile scores of a whole column against the `window` points before each value;
/// see [`Iqr`](super::Iqr) for the formula.
///
/// - `values`: any unit; NaN marks a missing value.
/// - `window`: points, domain [4, 1048576].
///
/// Returns as many scores as values; NaN where the window is not full, or where it or the judged
/// point has a missing value.
///
/// # Errors
/// When `window` is outside its domain or a value is infinite.
///
/// Cost: O(n w/8) time at most, 16 bytes a point of the window.
///
/// ```
/// let scores = bongsu_stats::iqr::rolling_iqr(&[1.0, 2.0, 3.0, 4.0, 6.25], 4)?;
/// assert_eq!(scores[4], 2.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn rolling_iqr(values: &[f64], window: usize) -> Result<Vec<f64>> {
    check::window("window", window, 4)?;
    check::no_infinity(values)?;
    let mut last = SortedWindow::new(window);
    let places = Place::new(window, 0.25).zip(Place::new(window, 0.75));
    let score = |&x: &f64| {
        if x.is_nan() {
            last.clear();
            return f64::NAN;
        }
        let score = match places {
            Some((lower, upper)) if last.is_full() => {
                let sorted = last.sorted();
                outside(lower.of(sorted), upper.of(sorted), x)
            }
            _ => f64::NAN,
        };
        last.push(x);
        score
    };
    Ok(values.iter().map(score).collect())
}
