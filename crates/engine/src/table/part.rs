//! Parts of a table.

use std::borrow::Cow;

use bongsu_core::Timestamp;
use bongsu_core::ndarray::Axis;

use super::Table;

impl Table {
    /// The rows from `from` up to `to`, of which `to` is not one.
    pub(crate) fn rows(&self, from: usize, to: usize) -> Self {
        let to = to.min(self.timestamps.len());
        let from = from.min(to);
        let timestamps = self.timestamps.get(from..to).unwrap_or_default().to_vec();
        let texts = self.timestamp_texts.get(from..to).unwrap_or_default();
        let mut newest = Timestamp::MIN;
        let mut late_rows = Vec::new();
        for (row, &time) in timestamps.iter().enumerate() {
            if row > 0 && time <= newest {
                late_rows.push(row);
            }
            newest = newest.max(time);
        }
        Self {
            timestamp_texts: texts.to_vec(),
            timestamps,
            unit: self.unit,
            channels: self.channels.clone(),
            values: self
                .values
                .slice_axis(Axis(0), (from..to).into())
                .to_owned(),
            late_rows,
        }
    }

    /// The table with its rows in the order of their times, itself where they are. Of rows with one
    /// time the first stays; the others are late.
    #[must_use]
    pub fn sorted(&self) -> Cow<'_, Self> {
        if self.timestamps.is_sorted() {
            return Cow::Borrowed(self);
        }
        let mut order: Vec<usize> = (0..self.timestamps.len()).collect();
        order.sort_by_key(|&row| self.timestamps.get(row).copied());
        let mut sorted = self.rows(0, 0);
        let picked = order.iter().filter_map(|&row| self.timestamps.get(row));
        sorted.timestamps = picked.copied().collect();
        let texts = order
            .iter()
            .filter_map(|&row| self.timestamp_texts.get(row));
        sorted.timestamp_texts = texts.cloned().collect();
        sorted.values = self.values.select(Axis(0), &order);
        Cow::Owned(sorted.rows(0, order.len()))
    }

    /// Takes the channel at `place` out.
    pub(crate) fn take_channel(&mut self, place: usize) {
        if place < self.channels.len() {
            self.channels.remove(place);
            self.values.remove_index(Axis(1), place);
            self.values = self.values.as_standard_layout().into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_keeps_its_own_order() {
        let table = Table::read("timestamp,a,b\n5,1,2\n1,3,4\n2,5,6\n2,7,8\n".as_bytes()).unwrap();
        assert_eq!(table.late_rows, [1, 2, 3]);
        let mut part = table.rows(1, 9);
        assert_eq!(
            (part.timestamps.len(), part.late_rows.as_slice()),
            (3, &[2][..])
        );
        part.take_channel(0);
        assert_eq!(part.channels, ["b"]);
        assert_eq!(part.values.as_slice().unwrap(), [4.0, 6.0, 8.0]);
    }

    #[test]
    fn rows_are_sorted_by_time() {
        let table = Table::read("timestamp,a\n3,30\n1,10\n2,20\n1,11\n".as_bytes()).unwrap();
        let sorted = table.sorted();
        assert_eq!(sorted.timestamp_texts, ["1", "1", "2", "3"]);
        assert_eq!(sorted.values.column(0).to_vec(), [10.0, 11.0, 20.0, 30.0]);
        assert_eq!(sorted.late_rows, [1]);
        assert!(matches!(sorted.sorted(), Cow::Borrowed(_)));
    }
}
