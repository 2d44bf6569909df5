//! An exponential histogram: sums over a window in O(log n) buckets.

use serde::{Deserialize, Serialize};

/// A stretch of the window: its sum and the sum of the squared deviations from its mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bucket {
    sum: f64,
    squares: f64,
}

impl Bucket {
    /// Two neighbours of `size` values each as one; `share` is `1 / size`, exact for a power of two.
    fn merge(self, other: Self, size: f64, share: f64) -> Self {
        let apart = self.sum * share - other.sum * share;
        Self {
            sum: self.sum + other.sum,
            squares: self.squares + other.squares + 0.5 * size * apart * apart,
        }
    }
}

/// The window. Row `i` has the buckets of `2^i` values, the oldest first; row 0 is the newest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Histogram {
    width: u64,
    sum: f64,
    squares: f64,
    rows: Vec<Vec<Bucket>>,
}

/// A cut of the window into an older and a newer part: their lengths and sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) older: f64,
    pub(super) newer: f64,
    pub(super) older_sum: f64,
    pub(super) newer_sum: f64,
}

impl Histogram {
    pub(super) const fn width(&self) -> u64 {
        self.width
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / self.width.max(1) as f64
    }

    /// Never negative, though a difference of sums may round to less than 0.
    pub(super) fn variance(&self) -> f64 {
        self.squares.max(0.0) / self.width.max(1) as f64
    }

    /// Takes in the newest value; a row keeps at most `most` buckets.
    pub(super) fn push(&mut self, x: f64, most: usize) {
        if self.width > 0 {
            let before = self.width as f64;
            let apart = x - self.sum / before;
            self.squares += before * apart * apart / (before + 1.0);
        }
        self.width += 1;
        self.sum += x;
        let mut carry = Bucket {
            sum: x,
            squares: 0.0,
        };
        let (mut size, mut share) = (1.0, 1.0);
        for row in &mut self.rows {
            row.push(carry);
            if row.len() <= most {
                return;
            }
            let &mut [first, second, ..] = row.as_mut_slice() else {
                return;
            };
            carry = first.merge(second, size, share);
            row.copy_within(2.., 0);
            row.truncate(row.len() - 2);
            size *= 2.0;
            share *= 0.5;
        }
        let mut row = Vec::with_capacity(most + 1);
        row.push(carry);
        self.rows.push(row);
    }

    /// Drops the oldest bucket; a window of one bucket stays.
    pub(super) fn drop_oldest(&mut self) {
        let size = (1_u64 << self.rows.len().saturating_sub(1).min(63)) as f64;
        let Some(last) = self.rows.last_mut() else {
            return;
        };
        if last.is_empty() || self.width as f64 <= size {
            return;
        }
        let bucket = last.remove(0);
        // With one bucket a row, rows between others may be empty.
        while self.rows.last().is_some_and(Vec::is_empty) {
            self.rows.pop();
        }
        self.width -= size as u64;
        self.sum -= bucket.sum;
        let left = self.width as f64;
        let apart = bucket.sum / size - self.sum / left;
        self.squares -= bucket.squares + size * left * apart * apart / (size + left);
    }

    /// Every cut between two buckets, the shortest older part first.
    pub(super) fn cuts(&self) -> impl Iterator<Item = Cut> {
        let sizes = (0..self.rows.len()).map(|row| (1_u64 << row.min(63)) as f64);
        let oldest_first = self.rows.iter().zip(sizes).rev();
        let buckets = oldest_first.flat_map(|(row, size)| row.iter().map(move |b| (b.sum, size)));
        let mut cut = Cut {
            older: 0.0,
            newer: self.width as f64,
            older_sum: 0.0,
            newer_sum: self.sum,
        };
        buckets.map_while(move |(sum, size)| {
            cut.older += size;
            cut.newer -= size;
            cut.older_sum += sum;
            cut.newer_sum -= sum;
            (cut.newer > 0.0).then_some(cut)
        })
    }

    /// Whether this can be a window whose rows keep at most `most` buckets.
    pub(super) fn is_consistent(&self, most: usize) -> bool {
        let sums = |f: fn(&Bucket) -> f64| self.rows.iter().flatten().map(f);
        // Widths below 2^53, so that they are exact as floats.
        let width = self
            .rows
            .iter()
            .enumerate()
            .try_fold(0_u64, |sum, (i, row)| {
                let size = 1_u64.checked_shl(u32::try_from(i).ok()?)?;
                sum.checked_add(size.checked_mul(row.len() as u64)?)
            });
        width == Some(self.width)
            && self.width < 1 << 53
            && self.rows.iter().all(|row| row.len() <= most)
            && self.rows.last().is_none_or(|row| !row.is_empty())
            && sums(|b| b.sum).all(|x| x.abs() <= 1e116)
            && sums(|b| b.squares).all(|x| (0.0..1e217).contains(&x))
            && self.sum.abs() <= 1e116
            && self.squares.abs() < 1e217
    }
}
