//! Rolling order statistics of whole columns.

mod linked;

use bongsu_core::{Error, Result};

use crate::check;
use crate::robust::{Place, interpolate};
use linked::LinkedBlock;

/// The `q`-quantile of the `window` values up to each point, with linear interpolation between order
/// statistics: the value at position `q (window - 1)` of the sorted window.
///
/// - `values`: any unit; NaN marks a missing value.
/// - `window`: points, domain [1, 1048576].
/// - `q`: a share, domain [0, 1].
///
/// Returns as many quantiles as values; NaN where the window is not full or has a missing value.
///
/// Blocks as long as the window are sorted once. Within two neighbouring blocks the window then
/// moves by taking values from one linked list and giving them back to the other, and the quantile
/// never is more than a step away.
///
/// # Errors
/// When `window` or `q` is outside its domain or a value is infinite.
///
/// Cost: O(n log w) time, 72 bytes a point of the window beside the result.
///
/// Sources: pandas 2.3 `rolling(window).quantile(q)`; the algorithm: Suomela 2014,
/// <https://arxiv.org/abs/1406.1717>.
///
/// ```
/// let q = bongsu_stats::rolling::rolling_quantile(&[4.0, 1.0, 3.0, 2.0, 9.0], 4, 0.25)?;
/// assert!(q[2].is_nan());
/// assert_eq!(q[3..], [1.75, 1.75]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn rolling_quantile(values: &[f64], window: usize, q: f64) -> Result<Vec<f64>> {
    check::window("window", window, 1)?;
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::parameter("q", q, "in [0, 1]"));
    }
    check::no_infinity(values)?;
    let mut out = vec![f64::NAN; values.len()];
    let Some(place) = Place::new(window, q).filter(|_| window <= values.len()) else {
        return Ok(out);
    };
    let (rank, share) = (place.rank(), place.share());
    let mut missing = MissingIn::new(window);
    let mut blocks = values.chunks(window).zip(out.chunks_mut(window));
    let (mut leaving, mut entering) = (LinkedBlock::new(window), LinkedBlock::new(window));
    if let Some((first, out)) = blocks.next() {
        entering.load(first);
        entering.seek(rank);
        first.iter().for_each(|&x| missing.push(x));
        if let (Some(last), false) = (out.last_mut(), missing.any()) {
            *last = entering.pair_with(share, f64::INFINITY);
        }
    }
    for (block, out) in blocks {
        std::mem::swap(&mut leaving, &mut entering);
        entering.load(block);
        entering.unwind();
        for (i, (slot, &x)) in out.iter_mut().zip(block).enumerate() {
            leaving.delete(i);
            entering.restore(i);
            if leaving.below() + entering.below() < rank {
                if leaving.peek() <= entering.peek() {
                    leaving.advance();
                } else {
                    entering.advance();
                }
            }
            missing.push(x);
            if !missing.any() {
                *slot = if leaving.peek() <= entering.peek() {
                    leaving.pair_with(share, entering.peek())
                } else {
                    entering.pair_with(share, leaving.peek())
                };
            }
        }
    }
    Ok(out)
}

/// The median of the `window` values up to each point; [`rolling_quantile`] at 0.5.
///
/// # Errors
/// When `window` is outside [1, 1048576] or a value is infinite.
///
/// Cost: as [`rolling_quantile`].
///
/// ```
/// let medians = bongsu_stats::rolling::rolling_median(&[1.0, 9.0, 2.0, 3.0], 3)?;
/// assert_eq!(medians[2..], [2.0, 3.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn rolling_median(values: &[f64], window: usize) -> Result<Vec<f64>> {
    rolling_quantile(values, window, 0.5)
}

/// Whether one of the last points is missing.
#[derive(Debug)]
struct MissingIn {
    window: usize,
    since: usize,
}

impl MissingIn {
    fn new(window: usize) -> Self {
        Self {
            window,
            since: window,
        }
    }

    fn push(&mut self, x: f64) {
        self.since = if x.is_nan() {
            0
        } else {
            self.since.saturating_add(1)
        };
    }

    fn any(&self) -> bool {
        self.since < self.window
    }
}

impl LinkedBlock {
    /// The value at the pointer, and from it a `share` of the way to the next larger one: in this
    /// block or `other`, the pointer of the other block.
    fn pair_with(&self, share: f64, other: f64) -> f64 {
        let low = self.peek();
        if share == 0.0 {
            return low;
        }
        interpolate(low, self.peek_next().min(other), share)
    }
}
