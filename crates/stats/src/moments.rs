//! Mean and sum of squared deviations of the last points, exact for ever.
//!
//! Time is cut into blocks as long as the window. A window then is the end of one block and the
//! beginning of the next, and both parts are only ever added to: suffix moments are computed once
//! when a block is complete, prefix moments as its successor grows, and the two are merged by
//! Chan's formula. Nothing is subtracted, so rounding errors do not pile up over millions of
//! points, and a huge value leaves no trace once it has left the window. Deviations are taken from
//! a point inside the part (its border point), so that an offset of 1e9 costs no digits.
//!
//! The sum of squares follows Welford: each term `(d - mean_before)(d - mean_after)` is a product
//! of deviations, never a difference of large squares.
//!
//! Sources: Welford 1962, <https://doi.org/10.1080/00401706.1962.10490022>; Chan et al.
//! 1983, <https://doi.org/10.1080/00031305.1983.10483115>; the cut into blocks is that of van Herk
//! 1992, <https://doi.org/10.1016/0167-8655(92)90069-C>.

use serde::{Deserialize, Serialize};

/// The largest number that [`fine_root`] takes.
pub(crate) const ROOTABLE: f64 = 1e30;

/// The largest [`rough_root`] that [`fine_root`] takes.
pub(crate) const LARGEST_ROOT: f32 = 1e15;

/// `1 / sqrt(m)` to 23 bits.
///
/// With [`fine_root`] this is much faster than a root and a division of doubles, which take their
/// time for every digit.
#[inline(always)]
pub(crate) fn rough_root(m: f32) -> f32 {
    1.0 / m.sqrt()
}

/// `scale / sqrt(m)` from its `rough` root, with a relative error below 1e-13.
#[inline(always)]
pub(crate) fn fine_root(m: f64, rough: f32, scale: f64) -> f64 {
    let y = f64::from(rough);
    // With h the error of the square, (1 - h)^(-1/2) = 1 + h/2 + ..., and h^2 is below 1e-13.
    let h = 1.0 - m * y * y;
    y * (scale + h * (0.5 * scale))
}

/// Below this a sum of squares may have lost digits to underflow, or all of them.
pub(crate) const TINY: f64 = 1e-270;

/// Above this magnitude squares may overflow.
pub(crate) const HUGE: f64 = 1e150;

/// Moments of `n` values in the units of `x * scale - shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(crate) n: f64,
    /// A power of two; 1 unless the values are so large or small that squares leave the range.
    scale: f64,
    shift: f64,
    /// The mean of `x * scale - shift`.
    offset: f64,
    /// The sum of squared deviations from the mean.
    pub(crate) m2: f64,
}

impl Moments {
    /// `x` minus the mean, in scaled units.
    pub(crate) fn deviation(&self, x: f64) -> f64 {
        (x * self.scale - self.shift) - self.offset
    }

    /// The mean in the unit of the values.
    pub(crate) fn mean(&self) -> f64 {
        (self.shift + self.offset) / self.scale
    }

    /// A scaled deviation in the unit of the values.
    pub(crate) fn unscale(&self, deviation: f64) -> f64 {
        deviation / self.scale
    }

    /// Two passes over the values of both `parts`, scaled so that no square overflows or vanishes.
    pub(crate) fn exact(parts: &[&[f64]; 2]) -> Self {
        let [head, tail] = *parts;
        let values = || head.iter().chain(tail);
        let n = (head.len() + tail.len()) as f64;
        let first = values().next().copied().unwrap_or(f64::NAN);
        let mut moments = Self {
            n,
            scale: 1.0,
            shift: first,
            offset: 0.0,
            m2: 0.0,
        };
        if values().all(|&x| x == first) {
            return moments;
        }
        // Values near 1 that differ do so by 1e-16 at least: squares of that do not vanish.
        moments.scale = inverse_power(values().fold(0.0_f64, |m, x| m.max(x.abs())));
        moments.shift = first * moments.scale;
        let deviations = || values().map(|x| x * moments.scale - moments.shift);
        let mean = deviations().sum::<f64>() / n;
        let rest = deviations().map(|d| d - mean).sum::<f64>();
        let squares = deviations().map(|d| (d - mean) * (d - mean)).sum::<f64>();
        moments.offset = mean + rest / n;
        moments.m2 = squares - rest * rest / n;
        moments
    }
}

/// A power of two that brings `magnitude` near 1, as far as one factor reaches.
pub(crate) fn inverse_power(magnitude: f64) -> f64 {
    let exponent = (magnitude.to_bits() >> 52) & 0x7ff;
    // The biased exponent of 2^-(e - 1023) is 2046 - e; 2045 keeps it finite for subnormals.
    f64::from_bits((2046 - exponent.clamp(1, 2045)) << 52)
}

/// Moments of a growing run of values, relative to its first one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Growing {
    n: f64,
    shift: f64,
    sum: f64,
    mean: f64,
    m2: f64,
}

impl Growing {
    fn new(shift: f64) -> Self {
        Self {
            n: 0.0,
            shift,
            sum: 0.0,
            mean: 0.0,
            m2: 0.0,
        }
    }

    fn push(&mut self, x: f64) {
        let d = x - self.shift;
        self.n += 1.0;
        self.sum += d;
        let mean = self.sum / self.n;
        self.m2 += (d - self.mean) * (d - mean);
        self.mean = mean;
    }
}

/// The moments of the last points of a stream; O(1) amortised a point.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Blocks", into = "Blocks")]
pub(crate) struct RollingMoments {
    blocks: Blocks,
    /// `suffix[j]` are the moments of `previous[j..]`, relative to its last value.
    suffix: Vec<[f64; 2]>,
    prefix: Growing,
    /// How many of the last values are equal, counted up to the window.
    run: usize,
}

/// What is saved: the moments are rebuilt on loading, bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Blocks {
    window: usize,
    previous: Vec<f64>,
    current: Vec<f64>,
}

impl From<Blocks> for RollingMoments {
    fn from(blocks: Blocks) -> Self {
        let mut rebuilt = Self::new(blocks.window);
        for &x in blocks.previous.iter().chain(&blocks.current) {
            rebuilt.push(x);
        }
        rebuilt
    }
}

impl From<RollingMoments> for Blocks {
    fn from(moments: RollingMoments) -> Self {
        moments.blocks
    }
}

/// The moments follow from the values, and may be NaN where squares overflow.
impl PartialEq for RollingMoments {
    fn eq(&self, other: &Self) -> bool {
        self.blocks == other.blocks
    }
}

impl RollingMoments {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            blocks: Blocks {
                window,
                previous: Vec::new(),
                current: Vec::new(),
            },
            suffix: Vec::new(),
            prefix: Growing::new(0.0),
            run: 0,
        }
    }

    /// The bytes on the heap.
    pub(crate) const fn heap_bytes(&self) -> usize {
        let Blocks {
            previous, current, ..
        } = &self.blocks;
        let values = previous.capacity() + current.capacity();
        values * size_of::<f64>() + self.suffix.capacity() * size_of::<[f64; 2]>()
    }

    pub(crate) fn push(&mut self, x: f64) {
        let Blocks {
            window,
            previous,
            current,
        } = &mut self.blocks;
        let last = current.last().or_else(|| previous.last());
        self.run = if last == Some(&x) {
            (self.run + 1).min(*window)
        } else {
            1
        };
        if current.is_empty() {
            self.prefix = Growing::new(x);
        }
        self.prefix.push(x);
        current.push(x);
        if current.len() < *window {
            return;
        }
        std::mem::swap(previous, current);
        current.clear();
        self.suffix.clear();
        let mut growing = Growing::new(x);
        for &x in previous.iter().rev() {
            growing.push(x);
            self.suffix.push([growing.mean, growing.m2]);
        }
        self.suffix.reverse();
    }

    /// The moments of the last `n` values, of which there must be as many, at most the window.
    pub(crate) fn last(&self, n: usize) -> Moments {
        let Blocks {
            window,
            previous,
            current,
        } = &self.blocks;
        let start = window.saturating_sub(n.saturating_sub(current.len()));
        let constant = |shift| Moments {
            n: n as f64,
            scale: 1.0,
            shift,
            offset: 0.0,
            m2: 0.0,
        };
        if self.run >= n
            && let Some(&last) = current.last().or_else(|| previous.last())
        {
            return constant(last);
        }
        let moments = match (self.suffix.get(start), previous.last()) {
            (Some(&[mean, m2]), Some(&shift)) => {
                let (na, nb) = ((n - current.len()) as f64, self.prefix.n);
                if current.is_empty() {
                    Moments {
                        offset: mean,
                        m2,
                        ..constant(shift)
                    }
                } else {
                    let delta = (shift - self.prefix.shift) + (mean - self.prefix.mean);
                    let total = na + nb;
                    Moments {
                        offset: self.prefix.mean + delta * (na / total),
                        m2: m2 + self.prefix.m2 + delta * delta * (na * nb / total),
                        ..constant(self.prefix.shift)
                    }
                }
            }
            _ => Moments {
                offset: self.prefix.mean,
                m2: self.prefix.m2,
                ..constant(self.prefix.shift)
            },
        };
        // NaN (from an overflow) fails the comparison as well.
        if moments.m2 >= TINY && moments.m2 < f64::MAX {
            moments
        } else {
            let tail = previous.get(start..).unwrap_or_default();
            Moments::exact(&[tail, current])
        }
    }

    /// Whether the parts fit together, for `window` points of which `seen` were taken in.
    pub(crate) fn is_consistent(&self, window: usize, seen: u64) -> bool {
        let Blocks {
            window: own,
            previous,
            current,
        } = &self.blocks;
        let (full, rest) = (seen / window as u64, seen % window as u64);
        *own == window
            && previous.len() == if full > 0 { window } else { 0 }
            && current.len() as u64 == rest
            && previous.iter().chain(current).all(|x| x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnormal_and_huge_windows_keep_their_moments() {
        for scale in [5e-324, 1e-200, 1.0, 1e200, 4e307] {
            let window = [0.0, scale, 2.0 * scale, 4.0 * scale];
            let moments = Moments::exact(&[&window[..1], &window[1..]]);
            let z = moments.deviation(window[3]) / (moments.m2 / 3.0).sqrt();
            assert!((z - 1.317_465_098).abs() < 1e-8, "{scale}: {z}");
            assert!((moments.mean() / scale - 1.75).abs() < 0.3, "{scale}");
        }
    }
}
