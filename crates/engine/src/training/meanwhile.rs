//! What comes while detectors are trained: kept, so that the new ones know it too when they are put
//! to work.

use bongsu_core::{Series, Timestamp};

use crate::judge::{Grid, Judge, SeriesState};
use crate::maintenance::Closed;

/// So many bytes are kept at most of what comes while one query is trained, and once more of what
/// comes while that is learned. The points of 20,000 series with ten labels each, once a minute, come
/// to a quarter of an hour of it.
const MOST_BYTES: usize = 128 << 20;

/// Data that were judged.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) grid: Grid,
    pub(crate) series: Vec<Series>,
    pub(crate) closed: Closed,
    pub(crate) complete: bool,
}

impl Arrived {
    /// About what it takes of memory.
    fn bytes(&self) -> usize {
        let of_one = |series: &Series| {
            let labels = series.labels().iter();
            let text: usize = labels
                .map(|(name, value)| name.len() + value.len() + size_of::<[Box<str>; 2]>())
                .sum();
            size_of::<Series>() + text + series.len() * size_of::<(Timestamp, f64)>()
        };
        size_of::<Self>() + self.series.iter().map(of_one).sum::<usize>()
    }
}

/// What came since a training began, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Meanwhile {
    arrived: Vec<Arrived>,
    bytes: usize,
    points: usize,
}

impl Meanwhile {
    /// Keeps `arrived` too; whether there was room for it. Without room nothing is of use any more:
    /// a detector that missed points in between is not put to work.
    pub(crate) fn keep(&mut self, arrived: Arrived) -> bool {
        self.bytes += arrived.bytes();
        self.points += arrived.series.iter().map(Series::len).sum::<usize>();
        let has_room = self.bytes <= MOST_BYTES;
        if has_room {
            self.arrived.push(arrived);
        }
        has_room
    }

    /// How many points it holds, of all series together.
    pub(crate) const fn points(&self) -> usize {
        self.points
    }

    /// Lets the detectors of `series` learn it, as those at work did.
    pub(crate) fn teach(self, judge: &Judge, series: &mut Vec<SeriesState>) {
        let mut judge = judge.clone();
        for arrived in self.arrived {
            judge.closed = arrived.closed;
            let pieces = judge.gather(arrived.series);
            let _ = judge.judge(series, pieces, arrived.grid, arrived.complete, false, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_core::Labels;

    use super::*;

    fn arrived(points: i64) -> Arrived {
        let times: Vec<Timestamp> = (0..points).map(Timestamp::from_secs).collect();
        let labels = Labels::from_pairs([("job", "node")]).unwrap();
        let values = vec![1.0; times.len()];
        Arrived {
            grid: Grid {
                from: Timestamp::from_secs(0),
                to: Timestamp::from_secs(points - 1),
            },
            series: vec![Series::new(labels, times, values).unwrap()],
            closed: Closed::default(),
            complete: true,
        }
    }

    #[test]
    fn it_is_bounded_in_bytes_and_not_in_pieces() {
        let mut meanwhile = Meanwhile::default();
        for _ in 0..1_000 {
            assert!(meanwhile.keep(arrived(10)));
        }
        assert_eq!(meanwhile.points(), 10_000);
        // 16 bytes a point and a little for the series.
        assert!((160_000..400_000).contains(&meanwhile.bytes));
        let large = i64::try_from(MOST_BYTES / 16).unwrap();
        assert!(!meanwhile.keep(arrived(large)));
    }
}
