use bongsu_core::{Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;

/// One quantile of a stream from five markers.
///
/// The markers are the least value, the largest, the quantile `q` and two half-way between. Each
/// value moves the markers above it one place on; a middle marker that is a place or more off its
/// due moves by one, its height along the parabola through its neighbours.
///
/// Exact (linear interpolation, as `numpy.quantile`) up to 5 values, then an estimate without a
/// stated bound, which is good for smooth distributions and poor for discrete ones;
/// [`TDigest`](super::TDigest) has a bound and can forget, but takes thirty times the memory.
///
/// Cost: O(1) time a value; 104 bytes.
///
/// Source: Jain, Chlamtac 1985, <https://doi.org/10.1145/4372.4378>; equal to river 0.26's
/// `stats.Quantile` from the sixth value on.
///
/// ```
/// use bongsu_stream::sketch::P2;
/// let mut median = P2::new(0.5)?;
/// for i in 0..999 {
///     median.update(f64::from(i * 389 % 999))?;
/// }
/// assert!((median.quantile().unwrap() - 499.0).abs() < 5.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct P2 {
    q: f64,
    n: u64,
    /// In order once all are there.
    heights: [f64; 5],
    /// How many values are at or below the three middle markers, themselves included.
    places: [u64; 3],
    /// Where they are due.
    due: [f64; 3],
}

impl P2 {
    /// Nothing seen. Domain of `q`: (0, 1).
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(q: f64) -> Result<Self> {
        check::open_unit("q", q)?;
        Ok(Self {
            q,
            n: 0,
            heights: [0.0; 5],
            places: [2, 3, 4],
            due: [1.0 + 2.0 * q, 1.0 + 4.0 * q, 3.0 + 2.0 * q],
        })
    }

    /// Takes in `x`.
    ///
    /// # Errors
    /// When `x` is NaN or infinite; nothing changes then.
    pub fn update(&mut self, x: f64) -> Result<()> {
        check::finite(x)?;
        let seen = self.n;
        self.n = self.n.saturating_add(1);
        if seen < 5 {
            if let Some(slot) = self.heights.get_mut(seen as usize) {
                *slot = x;
            }
            if let Some(known) = self.heights.get_mut(..self.n as usize) {
                known.sort_unstable_by(f64::total_cmp);
            }
            return Ok(());
        }
        let [least, middle @ .., largest] = &mut self.heights;
        *least = least.min(x);
        *largest = largest.max(x);
        for (place, height) in self.places.iter_mut().zip(middle) {
            if x < *height {
                *place = place.saturating_add(1);
            }
        }
        self.adjust();
        Ok(())
    }

    /// Moves each middle marker that is a place or more off its due.
    fn adjust(&mut self) {
        let [h0, mut h1, mut h2, mut h3, h4] = self.heights;
        let [mut n1, mut n2, mut n3] = self.places.map(|place| place as f64);
        let last = self.n as f64;
        for (due, share) in self.due.iter_mut().zip(shares(self.q)) {
            *due += share;
        }
        let [due1, due2, due3] = self.due;
        (h1, n1) = moved(due1, [h0, h1, h2], [1.0, n1, n2]);
        (h2, n2) = moved(due2, [h1, h2, h3], [n1, n2, n3]);
        (h3, n3) = moved(due3, [h2, h3, h4], [n2, n3, last]);
        self.heights = [h0, h1, h2, h3, h4];
        self.places = [n1 as u64, n2 as u64, n3 as u64];
    }

    /// The estimate of the quantile; `None` before the first value.
    #[must_use]
    pub fn quantile(&self) -> Option<f64> {
        let [_, _, middle, _, _] = self.heights;
        if self.n > 5 {
            return Some(middle);
        }
        let rank = self.q * self.n.checked_sub(1)? as f64;
        let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
        let (low, high) = (self.heights.get(below)?, self.heights.get(above)?);
        let share = rank.fract();
        Some(low * (1.0 - share) + high * share)
    }

    /// The number of values seen.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }
}

/// The quantiles of the three middle markers.
fn shares(q: f64) -> [f64; 3] {
    [q / 2.0, q, f64::midpoint(1.0, q)]
}

/// Height and place of the middle one of three markers after it has moved by at most one place
/// towards its `due`.
fn moved(due: f64, [low, height, high]: [f64; 3], [before, place, after]: [f64; 3]) -> (f64, f64) {
    let off = due - place;
    let free = (off >= 1.0 && after - place > 1.0) || (off <= -1.0 && before - place < -1.0);
    if !free {
        return (height, place);
    }
    let by = 1.0_f64.copysign(off);
    let left = (place - before + by) * (high - height) / (after - place);
    let right = (after - place - by) * (height - low) / (place - before);
    let parabola = height + by / (after - before) * (left + right);
    let next = if low < parabola && parabola < high {
        parabola
    } else {
        let (other, at) = if by > 0.0 {
            (high, after)
        } else {
            (low, before)
        };
        let straight = height + by * (other - height) / (at - place);
        // The distance may be more than a float can say; half of it is not.
        let careful = height + by * 2.0 * ((0.5 * other - 0.5 * height) / (at - place));
        if straight.is_finite() {
            straight
        } else {
            careful
        }
        .clamp(low, high)
    };
    (next, place + by)
}

impl Snapshot for P2 {
    const KIND: &'static str = "stream.sketch.p2";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        check::open_unit("q", self.q)?;
        let known = self.heights.get(..(self.n.min(5)) as usize);
        let known = known.unwrap_or_default();
        let in_order = known.iter().all(|x| x.is_finite()) && known.is_sorted();
        let [n1, n2, n3] = self.places;
        let places = 1 < n1 && n1 < n2 && n2 < n3 && n3 < self.n.max(5);
        let steps = self.n.saturating_sub(1).max(4) as f64;
        let on_time = self.due.iter().zip(shares(self.q));
        let mut on_time = on_time.map(|(due, share)| (due - 1.0 - share * steps).abs());
        let on_time = on_time.all(|off| off <= 1e-3 * steps);
        check::saved(
            on_time && in_order && places && (self.n > 5 || self.places == [2, 3, 4]),
            "the markers of the quantile contradict themselves",
        )
    }
}
