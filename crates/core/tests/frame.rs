//! What aligning to a grid promises for any samples.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_core::{Fill, Frame, Labels, Series, Timestamp};
use proptest::prelude::*;

fn samples() -> impl Strategy<Value = BTreeMap<i64, f64>> {
    let value = prop_oneof![4 => -1e3..1e3_f64, 1 => Just(f64::NAN)];
    prop::collection::btree_map(-3_000..3_000_i64, value, 0..40)
}

fn fill() -> impl Strategy<Value = Fill> {
    let gap = (0..800_u64).prop_map(Duration::from_millis);
    (gap, 0..4).prop_map(|(max_gap, kind)| match kind {
        0 => Fill::None,
        1 => Fill::Previous { max_gap },
        2 => Fill::Linear { max_gap },
        _ => Fill::Both { max_gap },
    })
}

fn series(name: &str, samples: &BTreeMap<i64, f64>) -> Series {
    let labels = Labels::from_pairs([("__name__", name)]).unwrap();
    let (times, values) = samples
        .iter()
        .map(|(&t, &v)| (Timestamp::from_millis(t), v))
        .unzip();
    Series::new(labels, times, values).unwrap()
}

fn max_gap(fill: Fill) -> Duration {
    match fill {
        Fill::Previous { max_gap } | Fill::Linear { max_gap } | Fill::Both { max_gap } => max_gap,
        _ => Duration::ZERO,
    }
}

/// The cell of a moment, worked out without the code under test.
fn cell(t: i64, step: i64) -> i64 {
    t.div_euclid(step) * step + if t.rem_euclid(step) == 0 { 0 } else { step }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn samples_are_kept_and_long_holes_stay(
        a in samples(),
        b in samples(),
        step in 1..200_i64,
        fill in fill(),
    ) {
        let frame = Frame::align(&[series("a", &a), series("b", &b)], step, fill).unwrap();
        for (column, samples) in [&a, &b].into_iter().enumerate() {
            // The last sample of each cell that is not missing.
            let mut kept = BTreeMap::new();
            for (&t, &v) in samples.iter().filter(|(_, v)| !v.is_nan()) {
                kept.insert(cell(t, step), v);
            }
            let mut hole = 0_i64;
            let mut invented = false;
            for (row, t) in frame.timestamps().iter().enumerate() {
                let value = frame.values()[[row, column]];
                if let Some(expected) = kept.get(&t.as_millis()) {
                    prop_assert_eq!(value.to_bits(), expected.to_bits());
                    (hole, invented) = (0, false);
                    continue;
                }
                hole += 1;
                invented |= !value.is_nan();
                let longest = max_gap(fill).as_millis() as i64 / step;
                prop_assert!(!invented || hole <= longest, "{hole} cells filled of at most {longest}");
            }
            let found = frame.values().column(column).iter().filter(|v| !v.is_nan()).count();
            prop_assert!(found >= kept.len(), "a sample was lost");
        }
    }

    #[test]
    fn aligning_twice_changes_nothing(a in samples(), step in 1..200_i64, fill in fill()) {
        let once = Frame::align(&[series("a", &a)], step, fill).unwrap();
        let twice = Frame::align(&once.to_series(), step, fill).unwrap();
        prop_assert_eq!(once.timestamps(), twice.timestamps());
        let bits = |f: &Frame| f.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&once), bits(&twice));
    }

    #[test]
    fn the_grid_covers_every_sample(a in samples(), step in 1..200_i64) {
        let frame = Frame::align(&[series("a", &a)], step, Fill::None).unwrap();
        for t in frame.timestamps() {
            prop_assert_eq!(t.as_millis().rem_euclid(step), 0);
        }
        for &t in a.keys() {
            prop_assert!(frame.timestamps().contains(&Timestamp::from_millis(cell(t, step))));
        }
    }
}
