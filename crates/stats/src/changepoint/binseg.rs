use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Breakpoints, ascending, by splitting again and again the segment that gains most.
///
/// `suffixes` gives the cost of `values[i..]` for every `i`; every cost is that of the segment read
/// backwards too. Stops when the best gain is not above `penalty` or there are `most` breakpoints.
///
/// Cost: O(n) a level, so O(n log n) when segments halve and O(n^2) at worst.
///
/// Source: Scott & Knott 1974, <https://doi.org/10.2307/2529204>.
pub(super) fn binary_segmentation(
    values: &[f64],
    suffixes: impl Fn(&[f64]) -> Vec<f64>,
    penalty: f64,
    min_size: usize,
    most: usize,
) -> Vec<usize> {
    let split = |from: usize, to: usize| -> Option<Split> {
        let segment = values.get(from..to)?;
        if segment.len() / 2 < min_size {
            return None;
        }
        let backwards: Vec<f64> = segment.iter().rev().copied().collect();
        let (right, left) = (suffixes(segment), suffixes(&backwards));
        let whole = right.first().copied()?;
        let mut best: Option<(f64, usize)> = None;
        // The suffix of the reversed segment that starts at i is the prefix of length len - i.
        let prefixes = left.iter().rev().zip(1..);
        for (right, (left, length)) in right.iter().skip(1).zip(prefixes) {
            if length < min_size || segment.len() - length < min_size {
                continue;
            }
            let gain = whole - left - right;
            if best.is_none_or(|(most, _)| gain >= most) {
                best = Some((gain, from + length));
            }
        }
        let (gain, at) = best?;
        (gain > penalty).then_some(Split { gain, from, at, to })
    };
    let mut open = BinaryHeap::new();
    open.extend(split(0, values.len()));
    let mut found = Vec::new();
    while found.len() < most {
        let Some(Split { from, at, to, .. }) = open.pop() else {
            break;
        };
        found.push(at);
        open.extend(split(from, at));
        open.extend(split(at, to));
    }
    found.sort_unstable();
    found
}

/// The best place to split a segment; ordered by what it gains, then by how early it lies.
#[derive(Debug)]
struct Split {
    gain: f64,
    from: usize,
    at: usize,
    to: usize,
}

impl Ord for Split {
    fn cmp(&self, other: &Self) -> Ordering {
        let gain = self.gain.total_cmp(&other.gain);
        gain.then_with(|| other.from.cmp(&self.from))
    }
}

impl PartialOrd for Split {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Split {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Split {}
