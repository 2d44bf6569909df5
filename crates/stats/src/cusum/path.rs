use bongsu_core::{Direction, Result};

use crate::check;
use crate::level::Level;

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
    let sums = Sums::new(target, scale, slack)?;
    all_finite(values)?;
    let (mut up, mut down) = (
        Vec::with_capacity(values.len()),
        Vec::with_capacity(values.len()),
    );
    sums.walk(values, |ups, downs| {
        up.extend_from_slice(ups);
        down.extend_from_slice(downs);
    });
    Ok([up, down])
}

/// The larger of the sums of [`cusum`], or the one of a side: what [`Cusum`](super::Cusum) scores
/// that knows target and scale and continues after an alarm.
pub(super) fn cusum_score(
    values: &[f64],
    (target, scale, slack): (f64, f64, f64),
    direction: Direction,
) -> Result<Vec<f64>> {
    let sums = Sums::new(target, scale, slack)?;
    all_finite(values)?;
    let mut scores = Vec::with_capacity(values.len());
    sums.walk(values, |ups, downs| match direction {
        Direction::Up => scores.extend_from_slice(ups),
        Direction::Down => scores.extend_from_slice(downs),
        Direction::Both => scores.extend(
            ups.iter()
                .zip(downs)
                .map(|(&up, &down)| if up > down { up } else { down }),
        ),
    });
    Ok(scores)
}

/// How many parts of a block are summed side by side, and how long they are.
const LANES: usize = 8;
const PART: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Sums {
    unit: f64,
    shift: f64,
    rate: f64,
    slack: f64,
}

impl Sums {
    fn new(target: f64, scale: f64, slack: f64) -> Result<Self> {
        check::positive("scale", scale)?;
        check::non_negative("slack", slack)?;
        let level = Level::known(super::check_target(target)?, scale);
        Ok(Self {
            unit: level.unit,
            shift: level.shift,
            rate: 1.0 / level.scale,
            slack,
        })
    }

    /// One step from `(up, down)`.
    #[inline(always)]
    fn next(self, (up, down): (f64, f64), x: f64) -> (f64, f64) {
        let z = (x * self.unit - self.shift) * self.rate;
        let (up, down) = (up + z - self.slack, down - z - self.slack);
        (
            if up > 0.0 { up } else { 0.0 },
            if down > 0.0 { down } else { 0.0 },
        )
    }

    /// Gives the sums to `sink`, block by block.
    ///
    /// A sum waits for the one before it. In a block, eight parts are summed side by side, all but
    /// the first from 0 instead of where the part before ends. From there their sums are taken again
    /// until they meet those that are there already, mostly soon: from then on nothing would change.
    fn walk(self, values: &[f64], mut sink: impl FnMut(&[f64], &[f64])) {
        let mut state = (0.0, 0.0);
        let (mut up, mut down) = ([[0.0; PART]; LANES], [[0.0; PART]; LANES]);
        let (parts, rest) = values.as_chunks::<PART>();
        let (blocks, parts) = parts.as_chunks::<LANES>();
        for block in blocks {
            self.side_by_side(state, block, &mut up, &mut down);
            let sums = up.iter_mut().zip(&mut down);
            for (lane, (part, (up, down))) in block.iter().zip(sums).enumerate() {
                if lane > 0 {
                    self.correct(state, part, up, down);
                }
                state = (up[PART - 1], down[PART - 1]);
            }
            sink(up.as_flattened(), down.as_flattened());
        }
        for part in parts.iter().map(<[f64; PART]>::as_slice).chain([rest]) {
            let (up, down) = (up.as_flattened_mut(), down.as_flattened_mut());
            for ((&x, up), down) in part.iter().zip(&mut *up).zip(&mut *down) {
                state = self.next(state, x);
                (*up, *down) = state;
            }
            let n = part.len();
            sink(
                up.get(..n).unwrap_or_default(),
                down.get(..n).unwrap_or_default(),
            );
        }
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "the arrays have the lengths that the loops run to"
    )]
    fn side_by_side(
        self,
        state: (f64, f64),
        block: &[[f64; PART]; LANES],
        up: &mut [[f64; PART]; LANES],
        down: &mut [[f64; PART]; LANES],
    ) {
        let mut sums = [(0.0, 0.0); LANES];
        sums[0] = state;
        for i in 0..PART {
            for lane in 0..LANES {
                let sum = self.next(sums[lane], block[lane][i]);
                (up[lane][i], down[lane][i]) = sum;
                sums[lane] = sum;
            }
        }
    }

    fn correct(self, before: (f64, f64), part: &[f64], up: &mut [f64], down: &mut [f64]) {
        let mut state = before;
        for ((&x, up), down) in part.iter().zip(up).zip(down) {
            state = self.next(state, x);
            if state == (*up, *down) {
                return;
            }
            (*up, *down) = state;
        }
    }
}

fn all_finite(values: &[f64]) -> Result<()> {
    // Without a branch a value.
    let all = |values: &[f64]| values.iter().fold(true, |all, x| all & x.is_finite());
    if values.chunks(64).all(all) {
        Ok(())
    } else {
        check::finite_rows(values)
    }
}
