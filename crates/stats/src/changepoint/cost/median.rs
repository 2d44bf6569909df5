use super::Ledger;

/// A ledger of sums of absolute deviations from the median.
///
/// The points since the oldest open start are kept sorted. Walking from the oldest to the latest,
/// each is taken out of a linked list of them, by which the median moves at most one place: O(1) for
/// each point, and memory for the points since the oldest open start.
pub(in crate::changepoint) struct Medians<'a> {
    values: &'a [f64],
    taken: usize,
    starts: Vec<usize>,
    /// The points since the oldest open start, by value.
    sorted: Vec<usize>,
    list: Sorted,
}

impl<'a> Medians<'a> {
    pub(in crate::changepoint) fn new(values: &'a [f64]) -> Self {
        Self {
            values,
            taken: 0,
            starts: Vec::new(),
            sorted: Vec::new(),
            list: Sorted::default(),
        }
    }

    /// The cost of `values[i..]` for every `i`, in order.
    pub(in crate::changepoint) fn suffix_costs(values: &[f64]) -> Vec<f64> {
        let mut sorted: Vec<usize> = (0..values.len()).collect();
        let value = |i: &usize| values.get(*i).copied().unwrap_or(f64::NAN);
        sorted.sort_by(|a, b| value(a).total_cmp(&value(b)));
        let mut list = Sorted::default();
        list.fill(values, &sorted, 0);
        let costs = (0..values.len()).map(|i| {
            let cost = list.cost();
            list.take_out(i);
            cost
        });
        costs.collect()
    }
}

impl Ledger for Medians<'_> {
    fn open(&mut self, start: usize) {
        self.starts.push(start);
    }

    fn take_in(&mut self, costs: &mut Vec<f64>) {
        let Some(&x) = self.values.get(self.taken) else {
            return;
        };
        let at = |i: usize| self.values.get(i).copied().unwrap_or(f64::NAN);
        let place = self.sorted.partition_point(|&i| at(i) <= x);
        self.sorted.insert(place, self.taken);
        self.taken += 1;
        costs.clear();
        let Some(&oldest) = self.starts.first() else {
            return;
        };
        self.list.fill(self.values, &self.sorted, oldest);
        let mut next = oldest;
        for &start in &self.starts {
            (next..start).for_each(|i| self.list.take_out(i - oldest));
            next = start;
            costs.push(self.list.cost());
        }
    }

    fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter();
        let before = self.starts.first().copied();
        self.starts.retain(|_| keep.next().copied().unwrap_or(true));
        let oldest = self.starts.first().copied().unwrap_or(self.taken);
        if before != Some(oldest) {
            self.sorted.retain(|&i| i >= oldest);
        }
    }
}

/// A doubly linked list of sorted values that only shrinks, with its lower median.
#[derive(Debug, Default)]
struct Sorted {
    values: Vec<f64>,
    previous: Vec<u32>,
    next: Vec<u32>,
    /// The place of each point among the sorted values.
    places: Vec<u32>,
    left: usize,
    /// The last of the lower half, which has one value more when their number is odd.
    middle: usize,
    low: f64,
    high: f64,
}

impl Sorted {
    /// Holds the values of the points `sorted`, a permutation of `oldest..`.
    fn fill(&mut self, values: &[f64], sorted: &[usize], oldest: usize) {
        let n = sorted.len();
        self.values.clear();
        self.values
            .extend(sorted.iter().filter_map(|&i| values.get(i)));
        self.next.clear();
        self.next.extend(1..=n as u32);
        self.previous.clear();
        self.previous
            .extend((0..n as u32).map(|i| i.wrapping_sub(1)));
        self.places.clear();
        self.places.resize(n, 0);
        for (place, &point) in (0..).zip(sorted) {
            if let Some(slot) = self.places.get_mut(point - oldest) {
                *slot = place;
            }
        }
        self.left = n;
        self.middle = n.div_ceil(2).saturating_sub(1);
        let (low, high) = self.values.split_at(n.div_ceil(2));
        self.low = low.iter().sum();
        self.high = high.iter().sum();
    }

    fn value(&self, place: usize) -> f64 {
        self.values.get(place).copied().unwrap_or(0.0)
    }

    fn cost(&self) -> f64 {
        let odd = if self.left % 2 == 1 {
            self.value(self.middle)
        } else {
            0.0
        };
        (self.high - self.low + odd).max(0.0)
    }

    /// Takes out the point at distance `point` from the oldest one.
    fn take_out(&mut self, point: usize) {
        let place = self.places.get(point).map_or(0, |&place| place as usize);
        let x = self.value(place);
        let is_low = place <= self.middle;
        let before = |list: &Self, i: usize| list.previous.get(i).map_or(0, |&p| p as usize);
        let after = |list: &Self, i: usize| list.next.get(i).map_or(0, |&p| p as usize);
        let (previous, next) = (before(self, place), after(self, place));
        if self.left % 2 == 1 {
            if is_low {
                self.low -= x;
                if place == self.middle {
                    self.middle = previous;
                }
            } else {
                let middle = self.value(self.middle);
                self.low -= middle;
                self.high += middle - x;
                self.middle = before(self, self.middle);
            }
        } else if is_low {
            let middle = after(self, self.middle);
            let moved = self.value(middle);
            self.low += moved - x;
            self.high -= moved;
            self.middle = middle;
        } else {
            self.high -= x;
        }
        self.left -= 1;
        if let Some(slot) = self.next.get_mut(previous) {
            *slot = next as u32;
        }
        if let Some(slot) = self.previous.get_mut(next) {
            *slot = previous as u32;
        }
    }
}
