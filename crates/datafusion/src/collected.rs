//! The rows of a group.

/// Rows, column by column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// In milliseconds; empty where time does not count.
    pub(crate) times: Vec<i64>,
    /// NaN where a value is missing.
    pub(crate) columns: Vec<Vec<f64>>,
}

impl Rows {
    pub(crate) fn new(columns: usize) -> Self {
        Self {
            times: Vec::new(),
            columns: vec![Vec::new(); columns],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    pub(crate) fn column(&self, place: usize) -> &[f64] {
        self.columns.get(place).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(Vec::capacity).sum();
        8 * (self.times.capacity() + columns)
    }

    /// The same in the order of their times.
    ///
    /// # Errors
    /// When a time is there twice.
    pub(crate) fn sorted(&self) -> Result<Self, String> {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|&row| self.times.get(row));
        let times = taken(&self.times, &order);
        if let Some([time, _]) = times.array_windows().find(|[a, b]| a == b) {
            return Err(format!(
                "the time {time} ms is there twice: keep one row of each, and group by the series"
            ));
        }
        let columns = self.columns.iter().map(|column| taken(column, &order));
        Ok(Self {
            columns: columns.collect(),
            times,
        })
    }

    /// The rows in steps of the median distance, NaN where there is none, so that a number of
    /// points is a stretch of time; and that step. More than twice as many rows would be
    /// invention: then they stay as they are.
    pub(crate) fn in_steps(&self) -> (Vec<f64>, i128) {
        let values = self.column(0);
        // Beyond 64 bits, since the times may be any.
        let distance = |a: i64, b: i64| i128::from(b) - i128::from(a);
        let steps = self.times.array_windows().map(|&[a, b]| distance(a, b));
        let mut steps: Vec<i128> = steps.collect();
        steps.sort_unstable();
        let step = steps.get(steps.len() / 2).copied().unwrap_or(1).max(1);
        let begin = self.times.first().copied().unwrap_or(0);
        let place = |&time: &i64| (distance(begin, time) as f64 / step as f64).round() as usize;
        let length = self.times.last().map_or(0, place).saturating_add(1);
        if length > 2 * values.len() {
            return (values.to_vec(), step);
        }
        let mut out = vec![f64::NAN; length];
        for (time, value) in self.times.iter().zip(values) {
            if let Some(slot) = out.get_mut(place(time)) {
                *slot = *value;
            }
        }
        (out, step)
    }
}

fn taken<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    let found = order.iter().filter_map(|&row| values.get(row));
    found.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_holes_are_missing_values() {
        let rows = Rows {
            times: vec![30, 0, 10, 40],
            columns: vec![vec![3.0, 0.0, 1.0, 4.0]],
        };
        let sorted = rows.sorted().unwrap_or_default();
        assert_eq!(sorted.times, [0, 10, 30, 40]);
        let (values, step) = sorted.in_steps();
        assert_eq!((values.len(), step), (5, 10));
        assert!(values.get(2).is_some_and(|value| value.is_nan()));
        assert_eq!(values.get(4), Some(&4.0));
        let twice = Rows {
            times: vec![1, 1],
            columns: vec![vec![0.0, 0.0]],
        };
        assert!(twice.sorted().is_err_and(|reason| reason.contains("1 ms")));
        assert!(Rows::new(1).in_steps().0.is_empty());
        let apart = Rows {
            times: vec![i64::MIN, 0, i64::MAX],
            columns: vec![vec![0.0; 3]],
        };
        assert_eq!(apart.in_steps().0.len(), 3);
    }
}
