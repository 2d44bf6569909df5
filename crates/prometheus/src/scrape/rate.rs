//! The rate of a counter, as Prometheus 2 computes it.

use bongsu_core::Timestamp;

/// Gaps to the ends of the window of up to so many mean distances are bridged whole, longer ones by
/// half a distance.
const BRIDGED: f64 = 1.1;

/// The increase of a counter over the window of `range_ms` milliseconds that ends at `end`, from
/// `points` within it in order of time: resets are undone, and what the points leave open at the
/// window's ends is extrapolated, but never below a count of zero. `None` below two points.
pub(super) fn increase(
    points: impl Iterator<Item = (Timestamp, f64)>,
    end: Timestamp,
    range_ms: i64,
) -> Option<f64> {
    let mut points = points;
    let first = points.next()?;
    let (mut last, mut gained, mut steps) = (first, 0.0, 0_u32);
    for point in points {
        // After a reset the counter began again at zero.
        let lost = if point.1 < last.1 { last.1 } else { 0.0 };
        gained += lost;
        last = point;
        steps += 1;
    }
    if steps == 0 {
        return None;
    }
    let increase = last.1 - first.1 + gained;
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    let sampled = seconds(last.0.millis_since(first.0));
    let distance = sampled / f64::from(steps);
    let mut before = seconds(first.0.millis_since(end.add_millis(-range_ms)));
    let after = seconds(end.millis_since(last.0));
    if increase > 0.0 && first.1 >= 0.0 {
        before = before.min(sampled * (first.1 / increase));
    }
    let bridged = |gap: f64| {
        if gap < distance * BRIDGED {
            gap
        } else {
            distance / 2.0
        }
    };
    Some(increase * ((sampled + bridged(before) + bridged(after)) / sampled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(points: &[(i64, f64)], end: i64, range: i64) -> Option<f64> {
        let points = points.iter().map(|&(t, v)| (Timestamp::from_secs(t), v));
        increase(points, Timestamp::from_secs(end), range * 1_000)
    }

    #[test]
    fn increases_are_extrapolated_to_the_window() {
        assert_eq!(of(&[(10, 100.0)], 60, 60), None);
        assert_eq!(of(&[], 60, 60), None);
        // Points at both ends: nothing is left open.
        assert_eq!(
            of(&[(0, 100.0), (30, 115.0), (60, 130.0)], 60, 60),
            Some(30.0)
        );
        // 5 s are open at each side, less than a distance.
        assert_eq!(
            of(&[(5, 100.0), (30, 125.0), (55, 150.0)], 60, 60),
            Some(60.0)
        );
        // 30 s are open at the start, of which half a distance counts.
        assert_eq!(
            of(&[(30, 100.0), (40, 110.0), (60, 130.0)], 60, 60),
            Some(37.5)
        );
        // A counter that began at 5 was 0 only 5 s before.
        let young = of(&[(10, 5.0), (20, 15.0), (60, 55.0)], 60, 60).unwrap();
        assert!((young - 55.0).abs() < 1e-12, "{young}");
        // A reset: 100 to 110, then from 0 to 20.
        assert_eq!(
            of(&[(0, 100.0), (20, 110.0), (40, 10.0), (60, 20.0)], 60, 60),
            Some(30.0)
        );
    }
}
