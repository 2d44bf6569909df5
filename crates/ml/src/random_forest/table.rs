use bongsu_core::ndarray::ArrayView2;

use crate::tree::key;

/// A row of a column in sorted order: the rank of its value in the upper half (equal values have
/// the same) and its number in the lower.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry(u64);

impl Entry {
    pub(super) const fn row(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    /// Whether both have the same value.
    pub(super) const fn ties(self, other: Self) -> bool {
        (self.0 ^ other.0) >> 32 == 0
    }
}

/// The training table as growing reads it: columns that vary, each also in sorted order.
pub(super) struct Table {
    pub(super) rows: usize,
    /// The number of columns of the caller's table.
    pub(super) columns: usize,
    /// The number of each kept column in the caller's table.
    pub(super) features: Vec<u32>,
    values: Vec<f64>,
    sorted: Vec<Entry>,
}

impl Table {
    /// Sorts each column once for the whole forest; `x` has fewer than 2^32 rows.
    pub(super) fn new(x: &ArrayView2<'_, f64>) -> Self {
        let rows = x.nrows();
        let mut table = Self {
            rows,
            columns: x.ncols(),
            features: Vec::new(),
            values: Vec::new(),
            sorted: Vec::new(),
        };
        let mut keys: Vec<(u64, u32)> = Vec::with_capacity(rows);
        for (feature, column) in x.columns().into_iter().enumerate() {
            keys.clear();
            keys.extend(column.iter().map(|&x| key::of(x)).zip(0..));
            keys.sort_unstable();
            if keys.first().map(|pair| pair.0) == keys.last().map(|pair| pair.0) {
                continue;
            }
            table.features.push(feature as u32);
            table.values.extend(column);
            let mut rank = 0_u64;
            let mut last = keys.first().map_or(0, |pair| pair.0);
            table.sorted.extend(keys.iter().map(|&(key, row)| {
                rank += u64::from(key != last);
                last = key;
                Entry(rank << 32 | u64::from(row))
            }));
        }
        table
    }

    /// The number of kept columns.
    pub(super) fn width(&self) -> usize {
        self.features.len()
    }

    pub(super) fn value(&self, column: usize, row: usize) -> f64 {
        let at = column * self.rows + row;
        self.values.get(at).copied().unwrap_or_default()
    }

    /// Each kept column in sorted order.
    pub(super) fn sorted(&self) -> impl Iterator<Item = &[Entry]> {
        self.sorted.chunks_exact(self.rows.max(1))
    }
}
