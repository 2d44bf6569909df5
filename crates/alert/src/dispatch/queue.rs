//! What waits for a sink, bounded in number and in bytes.

use std::collections::VecDeque;

use bongsu_core::{Alert, Labels};

use crate::{Note, Page};

/// How much a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// At least 1.
    pub(super) entries: usize,
    /// The newest entry stays even when it is larger.
    pub(super) bytes: usize,
}

/// Entries, oldest first, with the memory that they take.
#[derive(Debug)]
pub(super) struct Queue<T> {
    entries: VecDeque<T>,
    bytes: usize,
}

/// What takes memory.
pub(super) trait Weigh {
    /// About how many bytes it takes, with what it owns.
    fn weight(&self) -> usize;
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<T: Weigh> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.entries.front()
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.entries.get(index)
    }

    /// The entries from `index` on, at most `count`.
    pub(super) fn slice(&mut self, index: usize, count: usize) -> &[T] {
        let rest = self.entries.make_contiguous().get(index..);
        let rest = rest.unwrap_or_default();
        rest.get(..count).unwrap_or(rest)
    }

    pub(super) fn push_back(&mut self, entry: T) {
        self.bytes = self.bytes.saturating_add(entry.weight());
        self.entries.push_back(entry);
    }

    pub(super) fn push_front(&mut self, entry: T) {
        self.bytes = self.bytes.saturating_add(entry.weight());
        self.entries.push_front(entry);
    }

    /// Takes out the entries from `index` on, at most `count`.
    pub(super) fn take(&mut self, index: usize, count: usize) -> Vec<T> {
        let start = index.min(self.len());
        let end = start.saturating_add(count).min(self.len());
        let taken: Vec<T> = self.entries.drain(start..end).collect();
        let weight = taken.iter().map(Weigh::weight).sum();
        self.bytes = self.bytes.saturating_sub(weight);
        taken
    }

    /// Takes the oldest entries out that are beyond the limits.
    pub(super) fn excess(&mut self, limits: Limits) -> Vec<T> {
        let mut excess = self.len().saturating_sub(limits.entries);
        let mut pushed_out = self.take(0, excess);
        excess = 0;
        let mut bytes = self.bytes;
        while bytes > limits.bytes && excess + 1 < self.len() {
            bytes = bytes.saturating_sub(self.get(excess).map_or(0, Weigh::weight));
            excess += 1;
        }
        pushed_out.append(&mut self.take(0, excess));
        pushed_out
    }
}

impl Weigh for Labels {
    fn weight(&self) -> usize {
        // Each text has a pointer and a length.
        let texts = self.iter().map(|(name, value)| name.len() + value.len());
        texts.map(|text| text + 32).sum()
    }
}

impl Weigh for Alert {
    fn weight(&self) -> usize {
        let explanation = self.verdict.explanation.as_ref().map_or(0, |explanation| {
            let parts = explanation.contributions.iter();
            explanation.summary.len() + parts.map(|part| part.feature.len() + 32).sum::<usize>()
        });
        size_of::<Self>()
            + self.labels.weight()
            + self.verdict.labels.weight()
            + self.summary.len()
            + self.cause.as_ref().map_or(0, String::len)
            + explanation
    }
}

impl Weigh for Page {
    fn weight(&self) -> usize {
        let digest = self.digest.as_ref().map_or(0, |digest| {
            let groups = digest.groups.iter();
            let groups = groups.map(|group| size_of_val(group) + group.labels.weight() + 16);
            groups.sum::<usize>()
        });
        size_of::<Self>()
            + self.receiver.len()
            + self.route.len()
            + self.group.weight()
            + self.alerts.iter().map(Weigh::weight).sum::<usize>()
            + self.notes.len() * size_of::<Note>()
            + digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    fn queue(names: &[&str]) -> Queue<Alert> {
        let mut queue = Queue::default();
        for name in names {
            queue.push_back(alert(name, 0));
        }
        queue
    }

    fn names(alerts: &[Alert]) -> Vec<String> {
        let name = |alert: &Alert| alert.labels.metric_name().unwrap_or_default().to_owned();
        alerts.iter().map(name).collect()
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_stays() {
        let one = alert("a", 0).weight();
        let limits = |entries, bytes| Limits { entries, bytes };
        let excess = |entries, bytes| {
            let mut queue = queue(&["a", "b", "c", "d"]);
            let out = queue.excess(limits(entries, bytes));
            assert_eq!(queue.bytes, queue.iter().map(Weigh::weight).sum::<usize>());
            names(&out).concat()
        };
        assert_eq!(excess(4, 4 * one), "");
        assert_eq!(excess(3, 4 * one), "a");
        assert_eq!(excess(4, 4 * one - 1), "a");
        assert_eq!(excess(3, 2 * one), "ab");
        assert_eq!(excess(4, 0), "abc");
    }

    #[test]
    fn what_leaves_weighs_nothing_any_more() {
        let mut queue = queue(&["a", "b", "c"]);
        queue.push_front(alert("d", 0));
        assert_eq!(names(&queue.take(0, 1)), ["d"]);
        assert_eq!(names(&queue.take(1, 1)), ["b"]);
        assert_eq!(names(queue.slice(0, 9)), ["a", "c"]);
        assert_eq!(queue.take(0, 9).len(), 2);
        assert_eq!((queue.bytes, queue.len()), (0, 0));
    }

    #[test]
    fn a_long_text_weighs_what_it_holds() {
        let (short, mut long) = (alert("a", 0), alert("a", 0));
        long.summary.push_str(&"x".repeat(5_000));
        assert_eq!(long.weight(), short.weight() + 5_000);
    }
}
