//! The last points, in order of arrival and in order of size.

use serde::{Deserialize, Serialize};

/// Never in a window: [`SortedWindow::push`] turns it into 0.
const NEGATIVE_ZERO: u64 = 1 << 63;

/// A ring of at most `capacity` values and a sorted copy of it.
///
/// Replacing a point is two searches and one move of what lies between: at most w/8 compares and O(w)
/// bytes moved, a few cache lines for the windows in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Ring", into = "Ring")]
pub(crate) struct SortedWindow {
    ring: Ring,
    sorted: Vec<f64>,
}

/// What is saved: the sorted copy is rebuilt on loading, so that the two cannot disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Ring {
    capacity: usize,
    /// The place of the oldest value once the ring is full.
    oldest: usize,
    values: Vec<f64>,
}

impl From<Ring> for SortedWindow {
    fn from(ring: Ring) -> Self {
        let mut sorted = ring.values.clone();
        sorted.sort_by(f64::total_cmp);
        Self { ring, sorted }
    }
}

impl From<SortedWindow> for Ring {
    fn from(window: SortedWindow) -> Self {
        window.ring
    }
}

impl SortedWindow {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            ring: Ring {
                capacity,
                oldest: 0,
                values: Vec::new(),
            },
            sorted: Vec::new(),
        }
    }

    /// The values in ascending order.
    pub(crate) fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The bytes on the heap.
    pub(crate) const fn heap_bytes(&self) -> usize {
        (self.ring.values.capacity() + self.sorted.capacity()) * size_of::<f64>()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.ring.capacity
    }

    pub(crate) fn clear(&mut self) {
        self.ring.values.clear();
        self.ring.oldest = 0;
        self.sorted.clear();
    }

    /// The value that the next [`SortedWindow::push`] drops.
    pub(crate) fn leaving(&self) -> Option<f64> {
        if self.is_full() {
            self.ring.values.get(self.ring.oldest).copied()
        } else {
            None
        }
    }

    /// Adds `x`, dropping the oldest value when full.
    pub(crate) fn push(&mut self, x: f64) {
        // One zero only, so that plain comparisons order the values as `total_cmp` does.
        let x = x + 0.0;
        let Some(old) = self.leaving() else {
            self.ring.values.push(x);
            let enter = self.sorted.partition_point(|&v| v < x);
            self.sorted.insert(enter, x);
            return;
        };
        if let Some(slot) = self.ring.values.get_mut(self.ring.oldest) {
            *slot = x;
        }
        self.ring.oldest += 1;
        if self.ring.oldest == self.ring.capacity {
            self.ring.oldest = 0;
        }
        let (enter, leave) = (count_below(&self.sorted, x), count_below(&self.sorted, old));
        let place = if leave < enter {
            self.sorted.copy_within(leave + 1..enter, leave);
            enter - 1
        } else {
            self.sorted.copy_within(enter..leave, enter + 1);
            enter
        };
        if let Some(slot) = self.sorted.get_mut(place) {
            *slot = x;
        }
    }

    /// Whether the parts fit together, for a window of `capacity` that has seen `seen` points.
    pub(crate) fn is_consistent(&self, capacity: usize, seen: u64) -> bool {
        let len = self.ring.values.len();
        self.ring.capacity == capacity
            && len as u64 == seen.min(capacity as u64)
            && (self.ring.oldest == 0 || (len == capacity && self.ring.oldest < capacity))
            && self
                .ring
                .values
                .iter()
                .all(|x| x.is_finite() && x.to_bits() != NEGATIVE_ZERO)
    }
}

/// Up to this length of a window, counting is faster than bisection.
const COUNTED: usize = 512;

/// How many of the sorted values are below `x`.
///
/// The steps of a bisection wait for each other; of a short window, first the ends of its groups of
/// eight are counted and then the values of one group, in comparisons that wait for nothing.
fn count_below(sorted: &[f64], x: f64) -> usize {
    if sorted.len() > COUNTED {
        return sorted.partition_point(|&v| v < x);
    }
    let (groups, rest) = sorted.as_chunks::<8>();
    let full: usize = groups.iter().map(|g| usize::from(g[7] < x)).sum();
    let count = |values: &[f64]| values.iter().map(|&v| usize::from(v < x)).sum::<usize>();
    8 * full + groups.get(full).map_or_else(|| count(rest), |g| count(g))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sorted_copy_follows_the_ring() {
        let mut window = SortedWindow::new(5);
        let mut seen = Vec::new();
        for i in 0..200_u32 {
            let x = f64::from(i.wrapping_mul(2_654_435_761) % 7);
            window.push(x);
            seen.push(x);
            let mut expected = seen.clone();
            expected.drain(..expected.len().saturating_sub(5));
            expected.sort_by(f64::total_cmp);
            assert_eq!(window.sorted(), expected);
            assert!(window.is_consistent(5, u64::from(i) + 1));
        }
    }
}
