//! Rows of the kernel matrix, as many as a bounded memory holds.

use super::lanes::{LANES, Lane};

/// A row of the kernel matrix, padded to whole panels.
pub(super) type KernelRow = [Lane];

/// No slot.
const NONE: u32 = u32::MAX;

/// The rows used last. At most `capacity` of them are held, each of `panels * 128` bytes.
#[derive(Debug)]
pub(super) struct Cache {
    panels: usize,
    capacity: usize,
    slots: Vec<Slot>,
    /// The slot of each row, or [`NONE`].
    places: Vec<u32>,
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    row: usize,
    used: u64,
    values: Vec<Lane>,
}

impl Cache {
    /// For `rows` rows of `panels` panels in at most `bytes`, but never fewer than 2 rows.
    pub(super) fn new(rows: usize, panels: usize, bytes: usize) -> Self {
        let row_bytes = (panels * size_of::<Lane>()).max(1);
        Self {
            panels,
            capacity: (bytes / row_bytes).clamp(2, rows.max(2)),
            slots: Vec::new(),
            places: vec![NONE; rows],
            clock: 0,
        }
    }

    /// Row `row`, computed by `compute` when it is not held; the one used longest ago then makes
    /// place for it.
    pub(super) fn get(&mut self, row: usize, compute: impl FnOnce(&mut KernelRow)) -> &KernelRow {
        self.clock += 1;
        let place = self.places.get(row).map_or(NONE, |&place| place) as usize;
        let place = if place < self.slots.len() {
            place
        } else {
            let place = self.free_slot(row);
            if let Some(slot) = self.slots.get_mut(place) {
                compute(&mut slot.values);
            }
            place
        };
        match self.slots.get_mut(place) {
            Some(slot) => {
                slot.used = self.clock;
                &slot.values
            }
            None => &[],
        }
    }

    /// Row `row` if it is held.
    pub(super) fn peek(&self, row: usize) -> &KernelRow {
        let place = self.places.get(row).map_or(NONE, |&place| place) as usize;
        self.slots.get(place).map_or(&[], |slot| &slot.values)
    }

    /// Gives `row` a slot and says which.
    fn free_slot(&mut self, row: usize) -> usize {
        let place = if self.slots.len() < self.capacity {
            self.slots.push(Slot {
                row,
                used: 0,
                values: vec![[0.0; LANES]; self.panels],
            });
            self.slots.len() - 1
        } else {
            let oldest = self.slots.iter().enumerate().min_by_key(|(_, s)| s.used);
            let place = oldest.map_or(0, |(place, _)| place);
            if let Some(slot) = self.slots.get_mut(place) {
                if let Some(entry) = self.places.get_mut(slot.row) {
                    *entry = NONE;
                }
                slot.row = row;
            }
            place
        };
        if let Some(entry) = self.places.get_mut(row) {
            *entry = place as u32;
        }
        place
    }

    /// Keeps only the rows and columns `kept`, which ascend, in `panels` panels a row.
    pub(super) fn narrow(&mut self, kept: &[usize], panels: usize, bytes: usize) {
        let mut narrow = Self::new(kept.len(), panels, bytes);
        let mut new_rows = vec![NONE; self.places.len()];
        for (new, &old) in kept.iter().enumerate() {
            if let Some(entry) = new_rows.get_mut(old) {
                *entry = new as u32;
            }
        }
        for mut slot in self.slots.drain(..) {
            let new = new_rows.get(slot.row).map_or(NONE, |&row| row) as usize;
            let Some(entry) = narrow.places.get_mut(new) else {
                continue;
            };
            // Columns only move to the left, so that none is overwritten before it is read.
            let values = slot.values.as_flattened_mut();
            for (to, &from) in kept.iter().enumerate() {
                let value = values.get(from).copied().unwrap_or(0.0);
                if let Some(slot) = values.get_mut(to) {
                    *slot = value;
                }
            }
            slot.values.truncate(panels);
            slot.values.shrink_to_fit();
            slot.row = new;
            *entry = narrow.slots.len() as u32;
            narrow.slots.push(slot);
        }
        narrow.clock = self.clock;
        *self = narrow;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_used_longest_ago_makes_place() {
        let mut cache = Cache::new(10, 2, 3 * 2 * 128);
        let mut computed = Vec::new();
        for row in [1, 2, 3, 1, 4, 1, 2, 4] {
            let values = cache.get(row, |values| {
                computed.push(row);
                values.fill([f64::from(row as u32); LANES]);
            });
            assert_eq!(values, [[f64::from(row as u32); LANES]; 2]);
        }
        assert_eq!(computed, [1, 2, 3, 4, 2]);
        assert_eq!(cache.slots.len(), 3);
        assert_eq!(cache.peek(3), [[0.0; LANES]; 0]);
        cache.narrow(&[2, 4], 1, 1 << 20);
        assert_eq!(cache.peek(1)[0][..2], [4.0, 4.0]);
        assert_eq!((cache.slots.len(), cache.peek(0).len()), (2, 1));
    }

    #[test]
    fn memory_is_bounded() {
        let bytes = 1 << 17;
        let mut cache = Cache::new(1000, 63, bytes);
        for row in 0..1000 {
            cache.get(row, |values| values.fill([1.0; LANES]));
        }
        let held: usize = cache.slots.iter().map(|s| s.values.capacity() * 128).sum();
        assert!(held <= bytes && held > bytes / 2, "{held}");
    }
}
