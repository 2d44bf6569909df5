use bongsu_core::{Series, Timestamp};

use crate::{Error, ErrorKind};

/// The time grid of a range query.
///
/// The client sends only multiples of the step: `start` is aligned up and `end` is aligned down,
/// because caching and clustered servers shift or drop anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first moment, included when it is a multiple of the step.
    pub start: Timestamp,
    /// The last moment, included when it is a multiple of the step.
    pub end: Timestamp,
    /// Milliseconds between points. Domain: at least 1.
    pub step_ms: i64,
}

impl Range {
    /// First and last grid point; `None` when the range lies between two points.
    pub(crate) fn aligned(&self) -> Result<Option<(Timestamp, Timestamp)>, Error> {
        if self.step_ms < 1 {
            return Err(Error::plain(
                ErrorKind::Range,
                format!("the step is {} ms, but must be at least 1", self.step_ms),
            ));
        }
        if self.end < self.start {
            return Err(Error::plain(
                ErrorKind::Range,
                format!(
                    "the range ends at {} before it starts at {}",
                    self.end, self.start
                ),
            ));
        }
        let (start, end) = (
            self.start.align_up(self.step_ms),
            self.end.align_down(self.step_ms),
        );
        Ok((start <= end).then_some((start, end)))
    }
}

/// What a query gave: series, and how far to trust them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The series with at least one float sample, in the server's order.
    pub series: Vec<Series>,
    /// What the server warned of, and what had to be repaired.
    pub quality: Quality,
}

impl Answer {
    /// Joins the answers for consecutive stretches of time. A point at a seam that both sides have
    /// is taken from the earlier one.
    ///
    /// Cost: O(points), and a hash of the labels of each series and stretch.
    #[must_use]
    pub fn join(parts: Vec<Self>) -> Self {
        crate::client::join(parts)
    }
}

/// What was wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Quality {
    /// The server's warnings, each once.
    pub warnings: Vec<String>,
    /// The server's remarks about the query (`infos`), each once.
    pub infos: Vec<String>,
    /// Whether parts of a cluster did not answer (`isPartial`, or a warning that is not about the
    /// query): no series may be called absent.
    pub partial: bool,
    /// Series with native histograms. Their float values, when they have any, are kept.
    pub histogram_series: usize,
    /// Points dropped because their series already had one at that time; the first is kept.
    pub duplicate_points: usize,
    /// Points that came after a later one of their series and were sorted back.
    pub unordered_points: usize,
}

impl Quality {
    /// Whether nothing is wrong: complete, no warnings, nothing repaired or left out. Remarks
    /// (`infos`) do not count.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.partial
            && self.warnings.is_empty()
            && self.histogram_series == 0
            && self.duplicate_points == 0
            && self.unordered_points == 0
    }

    /// Adds what was wrong with another answer.
    pub fn merge(&mut self, other: Self) {
        add_new(&mut self.warnings, other.warnings);
        add_new(&mut self.infos, other.infos);
        self.partial |= other.partial;
        self.histogram_series = self.histogram_series.saturating_add(other.histogram_series);
        self.duplicate_points = self.duplicate_points.saturating_add(other.duplicate_points);
        self.unordered_points = self.unordered_points.saturating_add(other.unordered_points);
    }

    /// Sorts points by time and keeps the first of each time.
    #[cold]
    pub(crate) fn repair(
        &mut self,
        times: &[Timestamp],
        values: &[f64],
    ) -> (Vec<Timestamp>, Vec<f64>) {
        let mut points: Vec<(Timestamp, f64)> =
            times.iter().copied().zip(values.iter().copied()).collect();
        let mut latest = Timestamp::MIN;
        for &(time, _) in &points {
            self.unordered_points += usize::from(time < latest);
            latest = latest.max(time);
        }
        points.sort_by_key(|&(time, _)| time);
        points.dedup_by_key(|&mut (time, _)| time);
        self.duplicate_points += times.len() - points.len();
        points.into_iter().unzip()
    }
}

fn add_new(texts: &mut Vec<String>, more: Vec<String>) {
    for text in more {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_each_text_once_and_adds_counts() {
        let mut quality = Quality {
            warnings: vec!["a".into()],
            duplicate_points: 1,
            ..Quality::default()
        };
        quality.merge(Quality {
            warnings: vec!["a".into(), "b".into()],
            partial: true,
            duplicate_points: 2,
            ..Quality::default()
        });
        assert_eq!(quality.warnings, ["a", "b"]);
        assert_eq!(quality.duplicate_points, 3);
        assert!(quality.partial && !quality.is_clean());
    }

    #[test]
    fn remarks_alone_are_clean() {
        let quality = Quality {
            infos: vec!["metric might not be a counter".into()],
            ..Quality::default()
        };
        assert!(quality.is_clean());
    }

    #[test]
    fn ranges_are_aligned_inwards() {
        let range = |start, end, step_ms| Range {
            start: Timestamp::from_millis(start),
            end: Timestamp::from_millis(end),
            step_ms,
        };
        let (start, end) = range(1, 29, 10).aligned().unwrap().unwrap();
        assert_eq!((start.as_millis(), end.as_millis()), (10, 20));
        assert_eq!(range(1, 9, 10).aligned().unwrap(), None);
        assert!(range(0, 1, 0).aligned().is_err());
        assert!(range(1, 0, 1).aligned().is_err());
    }
}
