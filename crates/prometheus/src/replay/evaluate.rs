//! What a selector gives at one moment or on a grid.

use bongsu_core::{Series, SeriesView, Timestamp};

/// A series that has had no point for this many scrape intervals has ended: Prometheus would have
/// written its stale marker.
const STALE_INTERVALS: f64 = 2.5;

/// How far back an instant selector looks for the last point of a series.
pub(super) fn reach(interval_ms: i64, lookback_ms: i64) -> i64 {
    lookback_ms.min((interval_ms as f64 * STALE_INTERVALS) as i64)
}

/// The value of the point before place `after`, when it is in `[at - reach, at]`: both ends included,
/// as in Prometheus 2.
fn value_before(series: &Series, after: usize, at: Timestamp, reach: i64) -> Option<f64> {
    let last = after.checked_sub(1)?;
    let time = *series.timestamps().get(last)?;
    if at.millis_since(time) > reach {
        return None;
    }
    series.values().get(last).copied()
}

/// The moments of a range query with what they look back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) step_ms: i64,
    pub(super) offset_ms: i64,
    /// Nothing after this moment may be seen.
    pub(super) now: Timestamp,
}

impl Grid {
    /// The values of `series` on the grid. Walks the series once, from the place that a binary
    /// search finds.
    pub(super) fn values<'a>(
        &'a self,
        series: &'a Series,
        reach: i64,
    ) -> impl Iterator<Item = (Timestamp, f64)> + 'a {
        let times = series.timestamps();
        let first = self.start.add_millis(-self.offset_ms).min(self.now);
        let mut after = times.partition_point(|&time| time <= first);
        let n_steps = self.end.millis_since(self.start) / self.step_ms;
        (0..=n_steps).filter_map(move |i| {
            let shown = self.start.add_millis(i * self.step_ms);
            let at = shown.add_millis(-self.offset_ms);
            let seen = at.min(self.now);
            while times.get(after).is_some_and(|&time| time <= seen) {
                after += 1;
            }
            value_before(series, after, at, reach).map(|value| (shown, value))
        })
    }
}

/// The raw points in `[at - range, at]` that are not after `now`; both ends included as in
/// Prometheus 2.
pub(super) fn window(
    series: &Series,
    at: Timestamp,
    range_ms: i64,
    now: Timestamp,
) -> SeriesView<'_> {
    let to = at.min(now).add_millis(1);
    series.view().range(at.add_millis(-range_ms), to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_core::Labels;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn last_value(series: &Series, at: Timestamp, reach: i64) -> Option<f64> {
        let after = series
            .timestamps()
            .iter()
            .filter(|&&time| time <= at)
            .count();
        value_before(series, after, at, reach)
    }

    fn series() -> Series {
        let times = [10, 15, 20, 60, 65].map(at).to_vec();
        Series::new(Labels::empty(), times, vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()
    }

    #[test]
    fn the_last_value_stands_until_it_is_stale() {
        let (series, reach) = (series(), reach(5_000, 300_000));
        assert_eq!(reach, 12_500);
        for (time, expected) in [
            (9_999, None),
            (10_000, Some(1.0)),
            (14_999, Some(1.0)),
            (15_000, Some(2.0)),
            (32_500, Some(3.0)),
            (32_501, None),
            (60_000, Some(4.0)),
        ] {
            let time = Timestamp::from_millis(time);
            assert_eq!(last_value(&series, time, reach), expected, "{time}");
        }
    }

    #[test]
    fn a_grid_gives_what_single_moments_give_and_never_the_future() {
        let series = series();
        for now in [0, 12, 20, 61, 100] {
            let grid = Grid {
                start: at(0),
                end: at(100),
                step_ms: 1_700,
                offset_ms: 3_000,
                now: at(now),
            };
            let found: Vec<_> = grid.values(&series, 12_500).collect();
            let mut expected = Vec::new();
            let mut time = grid.start;
            while time <= grid.end {
                let then = time.add_millis(-3_000);
                let known = series
                    .view()
                    .range(Timestamp::MIN, at(now).add_millis(1))
                    .to_series();
                if let Some(value) = last_value(&known, then, 12_500) {
                    expected.push((time, value));
                }
                time = time.add_millis(1_700);
            }
            assert_eq!(found, expected, "{now}");
        }
    }

    #[test]
    fn windows_include_both_ends_but_not_the_future() {
        let series = series();
        let times = |view: SeriesView<'_>| view.timestamps().to_vec();
        assert_eq!(
            times(window(&series, at(20), 10_000, at(100))),
            [10, 15, 20].map(at)
        );
        assert_eq!(
            times(window(&series, at(20), 10_000, at(15))),
            [10, 15].map(at)
        );
        assert!(window(&series, at(20), 10_000, at(5)).is_empty());
    }
}
