//! Profiles keep to people's clocks over both changes of daylight saving time.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, array};
use bongsu_core::{Detector, FitDetector, Rows, Snapshot, Timestamp, snapshot};
use bongsu_stats::Profile;
use bongsu_stats::calendar::{Bins, FittedProfile};
use jiff::civil::DateTime;

/// The hours from local midnight of `from` to that of `to`, and what people do in them.
fn hours(zone: &str, from: &str, to: &str) -> (Vec<Timestamp>, Array2<f64>) {
    let second = |text: &str| {
        let local: DateTime = format!("{text}T00:00").parse().unwrap();
        local.in_tz(zone).unwrap().timestamp().as_second()
    };
    let times: Vec<_> = (second(from)..second(to))
        .step_by(3_600)
        .map(Timestamp::from_secs)
        .collect();
    let value = |i: usize| {
        let at = jiff::Timestamp::from_second(times[i].as_millis() / 1_000).unwrap();
        let local = at.in_tz(zone).unwrap();
        let busy = (8..18).contains(&local.hour());
        // A little that differs from day to day, the same in every hour.
        f64::from(local.day() % 5) + if busy { 100.0 } else { 20.0 }
    };
    let values = Array2::from_shape_fn((times.len(), 1), |(i, _)| value(i));
    (times, values)
}

fn worst(profile: &Profile, zone: &str, train: [&str; 2], test: [&str; 2]) -> f64 {
    let (times, values) = hours(zone, train[0], train[1]);
    let rows = Rows::at(&times, values.view()).unwrap();
    let (fitted, scores) = profile.fit_score(&rows).unwrap();
    assert!(scores.iter().all(|s| *s < 4.0), "{scores:?}");
    let (times, values) = hours(zone, test[0], test[1]);
    let rows = Rows::at(&times, values.view()).unwrap();
    let scores = fitted.score_rows(&rows).unwrap();
    let bands = fitted.expectations(&rows).unwrap().unwrap();
    for ((score, band), x) in scores.iter().zip(&bands).zip(&values) {
        let outside = *x < band.lower || *x > band.upper;
        assert_eq!(
            outside,
            *score > fitted.threshold().unwrap(),
            "{x} {band:?}"
        );
    }
    scores.into_iter().fold(0.0, f64::max)
}

#[test]
fn days_after_a_change_are_as_usual_on_the_local_clock_alone() {
    let cases = [
        // Spring and autumn of 2025: 30 March and 26 October in Europe, 9 March and 2 November
        // in America.
        (
            "Europe/Berlin",
            ["2025-03-03", "2025-03-29"],
            ["2025-03-29", "2025-04-05"],
        ),
        (
            "Europe/Berlin",
            ["2025-09-29", "2025-10-25"],
            ["2025-10-25", "2025-11-01"],
        ),
        (
            "America/New_York",
            ["2025-02-10", "2025-03-08"],
            ["2025-03-08", "2025-03-15"],
        ),
        (
            "America/New_York",
            ["2025-10-06", "2025-11-01"],
            ["2025-11-01", "2025-11-08"],
        ),
    ];
    for (zone, train, test) in cases {
        for bins in [Bins::HourOfDay, Bins::HourOfWeek, Bins::MinuteOfDay(30)] {
            let profile = Profile::new().bins(bins).unwrap();
            let local = worst(&profile.clone().timezone(zone).unwrap(), zone, train, test);
            assert!(local < 4.0, "{zone} {bins:?}: {local}");
            let utc = worst(&profile, zone, train, test);
            assert!(utc > 10.0, "{zone} {bins:?}: {utc} in UTC");
        }
    }
}

#[test]
fn a_day_of_25_hours_has_one_bin_for_both_of_its_second_hours() {
    let (times, values) = hours("Europe/Berlin", "2025-10-26", "2025-10-27");
    assert_eq!(times.len(), 25);
    let (times_short, _) = hours("Europe/Berlin", "2025-03-30", "2025-03-31");
    assert_eq!(times_short.len(), 23);
    let profile = Profile::new().timezone("Europe/Berlin").unwrap();
    let profile = profile
        .bins(Bins::HourOfDay)
        .unwrap()
        .min_points(1)
        .unwrap();
    let mut values = values;
    values[[2, 0]] = 1.0;
    values[[3, 0]] = 3.0;
    let rows = Rows::at(&times, values.view()).unwrap();
    let (fitted, _) = profile.fit_score(&rows).unwrap();
    assert_eq!(fitted.centers()[2], 2.0);
    assert_eq!(fitted.centers().len(), 24);
}

#[test]
fn thin_bins_lean_on_their_neighbours_and_empty_ones_take_their_place() {
    let times: Vec<_> = (0..96).map(|h| Timestamp::from_secs(3_600 * h)).collect();
    let mut values = Array2::from_shape_fn((96, 1), |(h, _)| (h % 24) as f64);
    values[[5, 0]] = 100.0;
    let profile = Profile::new().bins(Bins::HourOfDay).unwrap();
    let keep = |fits: &dyn Fn(usize) -> bool| {
        let kept: Vec<usize> = (0..96).filter(|h| fits(*h)).collect();
        let times: Vec<_> = kept.iter().map(|h| times[*h]).collect();
        let values = Array2::from_shape_fn((kept.len(), 1), |(i, _)| values[[kept[i], 0]]);
        let rows = Rows::at(&times, values.view()).unwrap();
        profile.fit_score(&rows).unwrap().0.centers().to_vec()
    };
    assert_eq!(keep(&|_| true)[5], 5.0);
    // One row of 100 alone counts a quarter, its neighbours 4 and 6 the rest.
    assert_eq!(keep(&|h| h % 24 != 5 || h < 24)[5], 28.75);
    assert_eq!(keep(&|h| h % 24 != 5)[5], 5.0);
}

#[test]
fn days_of_the_week_start_on_monday() {
    // 2025-06-02 is a Monday.
    let (times, _) = hours("UTC", "2025-06-02", "2025-06-30");
    let values = Array2::from_shape_fn((times.len(), 1), |(h, _)| (h / 24 % 7) as f64);
    let profile = Profile::new().bins(Bins::DayOfWeek).unwrap();
    let rows = Rows::at(&times, values.view()).unwrap();
    let (fitted, scores) = profile.fit_score(&rows).unwrap();
    assert_eq!(fitted.centers(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(scores.iter().all(|s| *s == 0.0));
}

#[test]
fn without_timestamps_the_error_says_so() {
    let values = array![[1.0], [2.0], [3.0]];
    let profile = Profile::new();
    let text = profile.fit(values.view()).unwrap_err().to_string();
    assert!(text.contains("timestamps"), "{text}");
    let text = profile
        .fit_score(&Rows::untimed(values.view()))
        .unwrap_err();
    assert!(text.to_string().contains("timestamps"));
    let times: Vec<_> = (0..3).map(Timestamp::from_secs).collect();
    let rows = Rows::at(&times, values.view()).unwrap();
    let (fitted, _) = profile.fit_score(&rows).unwrap();
    assert!(fitted.score(values.view()).is_err());
    assert!(fitted.expectations(&Rows::untimed(values.view())).is_err());
}

#[test]
fn bad_parameters_and_moments_are_named() {
    let text = Profile::new()
        .timezone("Mars/Olympus")
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("timezone") && text.contains("Mars/Olympus"),
        "{text}"
    );
    assert!(Profile::new().bins(Bins::MinuteOfDay(7)).is_err());
    assert!(Profile::new().bins(Bins::MinuteOfDay(0)).is_err());
    assert!(Profile::new().min_points(0).is_err());
    assert!(Profile::new().threshold(0.0).is_err());
    let values = array![[1.0], [2.0]];
    let times = [Timestamp::MIN, Timestamp::MAX];
    let rows = Rows::at(&times, values.view()).unwrap();
    assert!(Profile::new().fit_score(&rows).is_err());
    let times = [Timestamp::from_secs(0), Timestamp::from_secs(60)];
    for (bad, good) in [(f64::NAN, 1.0), (f64::INFINITY, 1.0)] {
        let values = array![[bad], [good]];
        let rows = Rows::at(&times, values.view()).unwrap();
        assert!(Profile::new().fit_score(&rows).is_err());
    }
    let huge = array![[f64::MAX], [-f64::MAX]];
    let rows = Rows::at(&times, huge.view()).unwrap();
    match Profile::new().fit_score(&rows) {
        Ok((_, scores)) => assert!(scores.iter().all(|s| !s.is_nan())),
        Err(error) => assert!(error.to_string().contains("scale")),
    }
}

#[test]
fn a_snapshot_is_small_and_checked() {
    let (times, values) = hours("Europe/Berlin", "2025-03-03", "2025-03-29");
    let profile = Profile::new().timezone("Europe/Berlin").unwrap();
    let rows = Rows::at(&times, values.view()).unwrap();
    let (fitted, scores) = profile.fit_score(&rows).unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() < 16 * 168 + 128, "{}", bytes.len());
    let loaded: FittedProfile = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.score_rows(&rows).unwrap(), scores);
    let text = serde_json::to_string(&fitted).unwrap();
    for (good, bad) in [
        ("Europe/Berlin", "Europe/Nowhere"),
        ("\"hour_of_week\"", "\"hour_of_day\""),
        ("\"scales\":[", "\"scales\":[-1.0,"),
    ] {
        assert!(text.contains(good));
        let damaged: FittedProfile = serde_json::from_str(&text.replace(good, bad)).unwrap();
        assert!(damaged.validate().is_err(), "{bad}");
    }
}
