//! Holes in a series, and what they are filled with.

use bongsu_core::{Fill, Frame, Labels, Series, Timestamp};

/// The points that `fill` puts between two that follow each other, `step` milliseconds apart.
pub(super) fn between(
    fill: Fill,
    step: i64,
    before: (Timestamp, f64),
    after: (Timestamp, f64),
) -> Vec<(Timestamp, f64)> {
    let (Fill::Previous { max_gap } | Fill::Linear { max_gap } | Fill::Both { max_gap }) = fill
    else {
        return Vec::new();
    };
    // Checked beforehand: the grid over a long absence would be large.
    let missing = after.0.millis_since(before.0) / step.max(1) - 1;
    let longest = i64::try_from(max_gap.as_millis()).unwrap_or(i64::MAX);
    if missing < 1 || missing.saturating_mul(step) > longest {
        return Vec::new();
    }
    let ends = Series::new(
        Labels::empty(),
        vec![before.0, after.0],
        vec![before.1, after.1],
    );
    let Ok(frame) = ends.and_then(|ends| Frame::align(&[ends], step, fill)) else {
        return Vec::new();
    };
    let points = frame
        .timestamps()
        .iter()
        .copied()
        .zip(frame.values().iter().copied().collect::<Vec<f64>>());
    let inside =
        points.filter(|(time, value)| *time > before.0 && *time < after.0 && value.is_finite());
    inside.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(60 * minute)
    }

    fn filled(fill: Fill, to: i64) -> Vec<(i64, f64)> {
        let points = between(fill, 60_000, (at(10), 1.0), (at(to), 4.0));
        points
            .into_iter()
            .map(|(time, x)| (time.as_millis() / 60_000, x))
            .collect()
    }

    #[test]
    fn holes_up_to_the_longest_are_filled_and_longer_ones_not_at_all() {
        let max_gap = Duration::from_secs(120);
        assert_eq!(filled(Fill::None, 13), []);
        assert_eq!(
            filled(Fill::Previous { max_gap }, 13),
            [(11, 1.0), (12, 1.0)]
        );
        assert_eq!(filled(Fill::Both { max_gap }, 12), [(11, 1.0)]);
        let line = filled(Fill::Linear { max_gap }, 13);
        assert_eq!(
            line.iter().map(|(minute, _)| *minute).collect::<Vec<_>>(),
            [11, 12]
        );
        assert!((line[0].1 - 2.0).abs() < 1e-12 && (line[1].1 - 3.0).abs() < 1e-12);
        assert_eq!(filled(Fill::Linear { max_gap }, 14), []);
        assert_eq!(filled(Fill::Linear { max_gap }, 11), []);
        assert_eq!(filled(Fill::Linear { max_gap }, 1_000_000_000_000), []);
    }
}
