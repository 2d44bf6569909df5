//! What plans make of pasts that are not one plain trend.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_capacity::{Planner, Resource, ResourcePlan};
use bongsu_core::{Labels, SeriesView, Timestamp};

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
        // Line and forecast go on from the new level; that it shifted is part of the interval.
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
        assert!(plan.outlook.days_left_lower.is_some(), "{plan:?}");
        assert!(says(&plan, "the level shifted once"), "{:?}", plan.notes);
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
