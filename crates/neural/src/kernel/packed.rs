use super::{Buffer, LANE, padded};
use crate::real::Real;

/// A matrix laid out for products with it on the right: panels of 16 columns, in each panel the
/// rows one after the other. The last panel is filled up with zeros.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packed<T: Real> {
    rows: usize,
    columns: usize,
    panels: Buffer<T>,
}

impl<T: Real> Default for Packed<T> {
    fn default() -> Self {
        Self {
            rows: 0,
            columns: 0,
            panels: Buffer::default(),
        }
    }
}

impl<T: Real> Packed<T> {
    /// Packs `rows` rows of `columns` numbers, which follow each other in `values`.
    pub(crate) fn new(rows: usize, columns: usize, values: &[T]) -> Self {
        let mut packed = Self::default();
        packed.pack(rows, columns, values, columns);
        packed
    }

    /// Packs again, in the same memory; row `r` starts at `r * stride` of `values`.
    pub(crate) fn pack(&mut self, rows: usize, columns: usize, values: &[T], stride: usize) {
        self.resize(rows, columns);
        let panels = self.panels.chunks_exact_mut(rows.max(1) * LANE);
        for (panel, first) in panels.zip((0..columns).step_by(LANE)) {
            let width = LANE.min(columns - first);
            let lines = values.chunks(stride.max(1));
            for (lane, line) in panel.chunks_exact_mut(LANE).zip(lines) {
                let source = line.get(first..first + width).unwrap_or_default();
                for (slot, &value) in lane.iter_mut().zip(source) {
                    *slot = value;
                }
            }
        }
    }

    /// Packs the transpose of a matrix of `columns` rows that start at multiples of `stride`.
    pub(crate) fn pack_transposed(
        &mut self,
        rows: usize,
        columns: usize,
        values: &[T],
        stride: usize,
    ) {
        self.resize(rows, columns);
        let panels = self.panels.chunks_exact_mut(rows.max(1) * LANE);
        for (panel, lines) in panels.zip(values.chunks(stride.max(1) * LANE)) {
            for (column, line) in lines.chunks(stride.max(1)).enumerate() {
                let slots = panel.iter_mut().skip(column).step_by(LANE);
                for (slot, &value) in slots.zip(line.iter().take(rows)) {
                    *slot = value;
                }
            }
        }
    }

    fn resize(&mut self, rows: usize, columns: usize) {
        if (self.rows, self.columns) != (rows, columns) {
            (self.rows, self.columns) = (rows, columns);
            self.panels = Buffer::zeros(rows * padded(columns));
        }
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }

    /// Panel after panel, each as long as there are rows.
    pub(crate) fn panels(&self) -> &[[T; LANE]] {
        self.panels.as_chunks().0
    }

    /// Its numbers, row after row.
    pub(crate) fn values(&self) -> impl Iterator<Item = T> {
        let at = |row, column| {
            let lane = column / LANE * self.rows + row;
            let value = self.panels.get(lane * LANE + column % LANE);
            value.copied().unwrap_or(T::ZERO)
        };
        (0..self.rows).flat_map(move |row| (0..self.columns).map(move |column| at(row, column)))
    }

    pub(crate) const fn heap_bytes(&self) -> usize {
        self.panels.heap_bytes()
    }
}
