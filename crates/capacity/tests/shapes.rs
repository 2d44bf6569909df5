//! What plans make of pasts that are not one plain trend.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_capacity::{Candidate, Planner, Resource, ResourcePlan, Status};
use bongsu_core::{Labels, SeriesView, Timestamp};
use proptest::prelude::*;

const HOURS: i64 = 720;

/// Thirty days of hours against 90.
fn plan(value: impl Fn(i64) -> f64) -> ResourcePlan {
    let times: Vec<_> = (1..=HOURS)
        .map(|i| Timestamp::from_secs(3_600 * i))
        .collect();
    let values: Vec<f64> = (0..HOURS).map(value).collect();
    let labels = Labels::empty();
    let series = SeriesView::new(&labels, &times, &values).unwrap();
    let disk = Resource::new("disk", 90.0).unwrap();
    Planner::new().plan(&series, &disk, &[]).unwrap().report
}

/// 1.2 a day, up to 75.95: above 90 in 282 hours.
fn line(i: i64) -> f64 {
    40.0 + 0.05 * i as f64
}

const LEFT: f64 = 282.0 / 24.0;

fn says(plan: &ResourcePlan, part: &str) -> bool {
    plan.notes.iter().any(|note| note.contains(part))
}

#[test]
fn a_shift_of_the_level_is_not_growth() {
    let noise = |i: i64| (i * 7_919 % 997) as f64 / 997.0 - 0.5;
    for (at, from, to) in [(400, 30.0, 60.0), (305, 60.0, 30.0)] {
        let plan = plan(|i| noise(i) + if i < at { from } else { to });
        // Line and forecast go on from the new level; that it shifted is part of the futures.
        assert!(plan.growth.per_day.abs() < 0.02, "{:?}", plan.growth);
        assert!(
            plan.growth.forecast_per_day.abs() < 0.02,
            "{:?}",
            plan.growth
        );
        assert!((plan.level - to).abs() < 1.0, "{}", plan.level);
        assert!(
            plan.outlook.days_left.is_none_or(|days| days > 20.0),
            "{plan:?}"
        );
        assert!(says(&plan, "the level shifted once"), "{:?}", plan.notes);
    }
}

/// Forty days of hours with a little noise, against `threshold`.
fn forty_days(seed: u64, threshold: f64, value: impl Fn(i64) -> f64) -> ResourcePlan {
    let times: Vec<_> = (1..=960).map(|i| Timestamp::from_secs(3_600 * i)).collect();
    let noise = |i: i64| {
        let mixed = (i as u64 + 1_000 * seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        mixed as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let values: Vec<f64> = (0..960).map(|i| value(i) + noise(i)).collect();
    let labels = Labels::empty();
    let series = SeriesView::new(&labels, &times, &values).unwrap();
    let disk = Resource::new("disk", threshold).unwrap();
    // The quick models: what is judged is what the futures make of shifts.
    let models = [Candidate::Level, Candidate::TheilSen, Candidate::Linear];
    let planner = Planner::new().candidates(&models).unwrap();
    planner.plan(&series, &disk, &[]).unwrap().report
}

/// Its rhythm, learnt across the shift, hid it: a probability of 0.28.
#[test]
fn a_shift_of_one_weekday_is_found() {
    let size = 8.796_170_292_301_51;
    let up = forty_days(19, 30.0 + 4.5 * size, |i| {
        30.0 + if i < 576 { 0.0 } else { size }
    });
    assert!(says(&up, "the level shifted once"), "{:?}", up.notes);
    assert!(!says(&up, "spikes"), "{:?}", up.notes);
    assert!(up.outlook.probability < 0.1, "{:?}", up.outlook);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_lone_shift_far_from_the_threshold_does_not_exhaust(
        at in 240_i64..720,
        size in 4.0..30.0,
        seed in 0_u64..100,
    ) {
        let up = forty_days(seed, 30.0 + 4.5 * size, |i| 30.0 + if i < at { 0.0 } else { size });
        prop_assert!(up.outlook.status == Status::Never, "{:?}", up.outlook);
        prop_assert!(up.outlook.probability < 0.25, "{:?}", up.outlook);
        let down = forty_days(seed, 40.0 + size, |i| 30.0 + if i < at { size } else { 0.0 });
        prop_assert!(down.outlook.status != Status::Exhausts, "{:?}", down.outlook);
        prop_assert!(down.outlook.probability < 0.1, "{:?}", down.outlook);
    }

    #[test]
    fn a_staircase_is_growth(
        pause in 100_i64..200,
        size in 3.0..12.0,
        seed in 0_u64..100,
    ) {
        // A step and a half above the present: some ten days.
        let stairs = |i: i64| 20.0 + size * (i / pause) as f64;
        let found = forty_days(seed, stairs(959) + 1.5 * size, stairs);
        prop_assert!(found.outlook.status == Status::Exhausts, "{:?}", found.outlook);
    }

    #[test]
    fn growth_beside_a_shift_is_still_growth(
        at in 240_i64..720,
        size in 10.0..30.0,
        seed in 0_u64..100,
    ) {
        // Half a unit a day: fifteen days.
        let value = |i: i64| 20.0 + i as f64 / 48.0 + if i < at { 0.0 } else { size };
        let found = forty_days(seed, value(959) + 7.5, value);
        prop_assert!(found.outlook.status == Status::Exhausts, "{:?}", found.outlook);
        let left = found.outlook.days_left.unwrap();
        prop_assert!((9.0..18.0).contains(&left), "{left}");
    }
}

#[test]
fn a_plain_line_is_what_it_is() {
    let plan = plan(line);
    assert!((plan.outlook.days_left.unwrap() - LEFT).abs() < 0.1);
    let rate = plan.growth.days_at_this_rate.unwrap();
    assert!((rate - LEFT).abs() < 0.1, "{rate}");
    assert!(!says(&plan, "spike"), "{:?}", plan.notes);
    assert!(!says(&plan, "shifted"), "{:?}", plan.notes);
}

#[test]
fn a_spike_in_the_last_hour_moves_nothing() {
    let plan = plan(|i| if i == HOURS - 1 { 99.0 } else { line(i) });
    let left = plan.outlook.days_left.unwrap();
    assert!((left - LEFT).abs() < 0.5, "{left}");
    assert_eq!(plan.current, 99.0);
    assert!(says(&plan, "1 lone spike was"), "{:?}", plan.notes);
}

#[test]
fn a_gap_is_no_bend() {
    let plan = plan(|i| {
        if (200..500).contains(&i) {
            f64::NAN
        } else {
            line(i)
        }
    });
    let left = plan.outlook.days_left.unwrap();
    assert!((left - LEFT).abs() < 0.5, "{left}");
    assert!(!says(&plan, "left out"), "{:?}", plan.notes);
}

#[test]
fn a_history_that_is_too_short_for_the_horizon_says_so() {
    let times: Vec<_> = (1..=HOURS).map(Timestamp::from_secs).collect();
    let values: Vec<f64> = (0..HOURS).map(line).collect();
    let labels = Labels::empty();
    let series = SeriesView::new(&labels, &times, &values).unwrap();
    let disk = Resource::new("disk", 90.0).unwrap();
    let error = Planner::new().plan(&series, &disk, &[]).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("30 days") && error.contains("shorter horizon"),
        "{error}"
    );
    let hour = Planner::new().horizon(3_600_000).unwrap();
    assert!(hour.plan(&series, &disk, &[]).is_ok());
}

#[test]
fn what_comes_back_at_its_hour_is_no_lone_spike() {
    // A job of one hour each night, as far above the rest as a spike would be.
    let plan = plan(|i| {
        let noise = (i * 7_919 % 997) as f64 / 997.0 - 0.5;
        40.0 + noise + if i % 24 == 3 { 45.0 } else { 0.0 }
    });
    assert!(!says(&plan, "spike"), "{:?}", plan.notes);
    assert_eq!(plan.outlook.status, Status::Never, "{:?}", plan.outlook);
    // 85 in each of those hours: a threshold of 90 is nearer than the mean says.
    assert!(plan.growth.season_share > 0.9, "{:?}", plan.growth);
}
