//! What plans say of resources whose future is known.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_capacity::{
    Candidate, CapacityReport, Catalogue, Entry, Limits, Planned, Planner, Resource, Status, Trend,
    WhatIf,
};
use bongsu_core::{Labels, Result, SeriesView, Timestamp};

const HOUR: i64 = 3_600;

/// Even noise in [-1, 1], the same on every machine.
fn noise(i: i64) -> f64 {
    let mixed = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64
        / (1_u64 << 52) as f64
        - 1.0
}

fn plan_with(planner: &Planner, step: i64, values: &[f64], threshold: f64) -> Result<Planned> {
    let times: Vec<_> = (1..=values.len() as i64)
        .map(|i| Timestamp::from_secs(1_700_000_000 / step * step + i * step))
        .collect();
    let labels = Labels::empty();
    let series = SeriesView::new(&labels, &times, values)?;
    planner.plan(&series, &Resource::new("disk", threshold)?, &[])
}

/// A planner that is quick: lines only.
fn quick() -> Planner {
    let lines = [Candidate::TheilSen, Candidate::Linear];
    Planner::new().candidates(&lines).unwrap()
}

fn plan(step: i64, values: &[f64], threshold: f64) -> Planned {
    plan_with(&quick(), step, values, threshold).unwrap()
}

/// 30 days of hours that grow by `slope` a day, with a day of amplitude 5.
fn load(slope: f64) -> Vec<f64> {
    let hour = |i: i64| {
        let day = (i as f64 / 24.0 * std::f64::consts::TAU).sin();
        50.0 + slope * i as f64 / 24.0 + 5.0 * day + noise(i)
    };
    (0..720).map(hour).collect()
}

#[test]
fn a_growing_resource_runs_out_when_its_peaks_reach_the_threshold() {
    let plan = plan_with(&Planner::new(), HOUR, &load(0.5), 80.0)
        .unwrap()
        .report;
    // The level is 65 now; the day's top of 6 above it reaches 80 in 18 days.
    let left = plan.outlook.days_left.unwrap();
    assert_eq!(
        (plan.outlook.status, plan.trend),
        (Status::Exhausts, Trend::Increasing)
    );
    assert!((left - 18.0).abs() < 1.6, "{plan:?}");
    let (lower, upper) = (plan.outlook.days_left_lower, plan.outlook.days_left_upper);
    assert!(lower.unwrap() <= left && upper.unwrap() >= left);
    assert!(plan.outlook.probability > 0.95);
    // The level itself lasts until day 30.
    assert!(
        plan.sustained.days_left.is_none_or(|days| days > 26.0),
        "{plan:?}"
    );
    assert!((plan.growth.per_day - 0.5).abs() < 0.05);
    assert!((plan.growth.forecast_per_day - 0.5).abs() < 0.1, "{plan:?}");
    assert!(plan.growth.trend_share > 0.5 && plan.growth.season_share > 0.2);
    let scores = &plan.validation.candidates;
    assert_eq!(scores.len(), Candidate::ALL.len());
    assert!(scores.is_sorted_by(|a, b| a.mae <= b.mae));
    let chosen = scores
        .iter()
        .find(|score| score.model == plan.model)
        .unwrap();
    assert!(chosen.mae < 1.0 && chosen.r2.unwrap() > 0.9);
    assert!((0.6..=1.0).contains(&chosen.coverage.unwrap()));
    assert_eq!(plan.validation.horizon_days, 10.0);
    assert!(plan.notes.iter().any(|note| note.contains("10.0 days")));
}

#[test]
fn the_answers_are_told_apart() {
    let flat = plan(HOUR, &load(0.0), 90.0).report;
    assert_eq!(
        (flat.outlook.status, flat.outlook.days_left),
        (Status::Never, None)
    );
    assert_eq!(flat.trend, Trend::Stable);
    let falling = plan(HOUR, &load(-0.5), 70.0).report;
    assert_eq!(
        (falling.outlook.status, falling.trend),
        (Status::Shrinking, Trend::Decreasing)
    );
    let above = plan(HOUR, &load(0.5), 40.0).report;
    assert_eq!(
        (above.outlook.status, above.outlook.days_left),
        (Status::Exceeded, Some(0.0))
    );
    assert!(above.headroom < 0.0);
    let constant = plan(HOUR, &[3.0; 200], 4.0).report;
    assert_eq!(constant.outlook.status, Status::Never);
    assert_eq!(
        (constant.outlook.probability, constant.growth.per_day),
        (0.0, 0.0)
    );
    let at_bound = plan(HOUR, &[4.0; 200], 4.0).report;
    assert_eq!(
        at_bound.outlook.status,
        Status::Never,
        "at the threshold is not above it"
    );
}

#[test]
fn one_spike_is_not_exhaustion() {
    let mut values = load(0.0);
    values[719] = 300.0;
    values[400] = 300.0;
    let plan = plan(HOUR, &values, 90.0).report;
    assert_eq!(plan.outlook.status, Status::Never, "{plan:?}");
    assert!(plan.outlook.probability < 0.2 && plan.current == 300.0);
    assert!(plan.notes.iter().any(|note| note.contains("lone spikes")));
}

#[test]
fn a_bend_counts_from_where_it_is() {
    let values: Vec<f64> = (0..720)
        .map(|i| 30.0 + (i - 500).max(0) as f64 * 0.1 + noise(i))
        .collect();
    // 52 now, 2.4 a day.
    let plan = plan(HOUR, &values, 76.0).report;
    assert!(
        (plan.outlook.days_left.unwrap() - 10.0).abs() < 2.0,
        "{plan:?}"
    );
}

#[test]
fn units_do_not_matter() {
    let values = load(0.5);
    let usual = plan(HOUR, &values, 80.0).report;
    for scale in [1e12, 1e-12, 1e290] {
        let scaled: Vec<f64> = values.iter().map(|v| v * scale).collect();
        let found = plan(HOUR, &scaled, 80.0 * scale).report;
        let days = (
            found.outlook.days_left.unwrap(),
            usual.outlook.days_left.unwrap(),
        );
        assert!((days.0 - days.1).abs() < 0.2, "{scale}: {days:?}");
        assert!((found.growth.per_day / scale - usual.growth.per_day).abs() < 1e-6);
    }
}

#[test]
fn holes_and_missing_values_are_borne() {
    let mut values = load(0.5);
    for (i, value) in values.iter_mut().enumerate() {
        if i % 3 == 0 || (300..380).contains(&i) {
            *value = f64::NAN;
        }
    }
    let plan = plan_with(&Planner::new(), HOUR, &values, 80.0)
        .unwrap()
        .report;
    assert!(
        (plan.outlook.days_left.unwrap() - 18.0).abs() < 2.5,
        "{plan:?}"
    );
    assert!(plan.notes.iter().any(|note| note.contains("no value")));
}

#[test]
fn steps_of_minutes_days_and_weeks_do() {
    // 5 minutes for two days, up by 10 a day from 50 to 70.
    let fine: Vec<f64> = (0..576)
        .map(|i| 50.0 + i as f64 / 28.8 + noise(i))
        .collect();
    let hours = quick().horizon(5 * 86_400_000).unwrap();
    let found = plan_with(&hours, 300, &fine, 90.0).unwrap().report;
    assert!(
        (found.outlook.days_left.unwrap() - 2.0).abs() < 0.4,
        "{found:?}"
    );
    // Days, up by 1 a day.
    let days: Vec<f64> = (0..60).map(|i| 20.0 + i as f64 + noise(i)).collect();
    let found = plan(86_400, &days, 90.0).report;
    assert!(
        (found.outlook.days_left.unwrap() - 10.0).abs() < 2.5,
        "{found:?}"
    );
    // Weeks.
    let far = quick().horizon(365 * 86_400_000).unwrap();
    let found = plan_with(&far, 604_800, &days, 90.0).unwrap().report;
    assert!(
        (found.outlook.days_left.unwrap() / 7.0 - 10.0).abs() < 2.5,
        "{found:?}"
    );
}

#[test]
fn a_hundred_thousand_points_are_gathered() {
    let values: Vec<f64> = (0..100_000)
        .map(|i| 1e12 + 1e6 * i as f64 + 1e10 * noise(i))
        .collect();
    let start = std::time::Instant::now();
    let plan = plan_with(&Planner::new(), 300, &values, 1.12e12)
        .unwrap()
        .report;
    assert!(plan.step_seconds > 3_600.0 && plan.points == 100_000);
    // 1.1e12 now, 2.88e8 a day: in 69 days.
    assert_eq!(plan.outlook.status, Status::Never);
    assert!(
        (plan.growth.days_at_this_rate.unwrap() - 69.4).abs() < 3.0,
        "{plan:?}"
    );
    assert_eq!(plan.trend, Trend::Increasing);
    // A second or two without optimisation, and room for a busy machine.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn faults_name_what_is_wrong() {
    let error = |values: &[f64]| {
        plan_with(&quick(), HOUR, values, 1.0)
            .unwrap_err()
            .to_string()
    };
    assert!(error(&[]).contains("20"), "{}", error(&[]));
    assert!(error(&[1.0]).contains("found 1") || error(&[1.0]).contains('1'));
    assert!(error(&[f64::NAN; 50]).contains("20"));
    assert!(error(&[f64::INFINITY; 50]).contains("20"));
    let plain: Vec<f64> = (0..200).map(|i| f64::from(i % 24)).collect();
    let mut holed = plain.clone();
    holed[77] = f64::INFINITY;
    let with = plan_with(&quick(), HOUR, &holed, 90.0).unwrap();
    holed[77] = f64::NAN;
    let without = plan_with(&quick(), HOUR, &holed, 90.0).unwrap();
    assert_eq!(with.report, without.report);
    assert!(
        Resource::new("cpu", f64::NAN)
            .unwrap_err()
            .to_string()
            .contains("threshold")
    );
    for (name, planner) in [
        ("level", Planner::new().level(1.0)),
        ("horizon", Planner::new().horizon(0)),
        ("timezone", Planner::new().timezone("Mars/Olympus")),
        ("candidates", Planner::new().candidates(&[])),
        ("min_points", Planner::new().min_points(0)),
        ("paths", Planner::new().paths(usize::MAX)),
    ] {
        let text = planner.unwrap_err().to_string();
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn changes_move_the_day() {
    let values = load(0.5);
    let times: Vec<_> = (1..=720).map(|i| Timestamp::from_secs(HOUR * i)).collect();
    let labels = Labels::empty();
    let series = SeriesView::new(&labels, &times, &values).unwrap();
    let changes: Vec<WhatIf> = ["traffic=+10%", "nodes=6+2", "traffic=x2"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let resource = Resource::named("cpu").unwrap();
    let plan = quick().plan(&series, &resource, &changes).unwrap().report;
    let [more, nodes, double] = plan.what_if.as_slice() else {
        panic!("{plan:?}");
    };
    let left = plan.outlook.days_left.unwrap();
    // 71 times 1.1 is 78: the top of the day crosses some days from now.
    assert!(more.outlook.days_left.unwrap() < left - 8.0, "{more:?}");
    assert_eq!(nodes.outlook.status, Status::Never);
    assert_eq!(double.outlook.status, Status::Exceeded);
}

#[test]
fn the_same_seed_gives_the_same_plan_on_any_number_of_threads() {
    let values = load(0.5);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            plan_with(&Planner::new(), HOUR, &values, 80.0)
                .unwrap()
                .report
        })
    };
    let one = on(1);
    assert_eq!(one, on(3));
    let text = serde_json::to_string(&one).unwrap();
    assert!(
        text.starts_with(r#"{"resource":"disk","status":"exhausts","days_left":"#),
        "{text}"
    );
    let again: bongsu_capacity::ResourcePlan = serde_json::from_str(&text).unwrap();
    assert_eq!(again.outlook.status, one.outlook.status);
}

#[test]
fn reports_put_the_most_urgent_first() {
    let plans = [(0.0, 90.0), (0.5, 80.0), (0.5, 72.5), (0.5, 40.0)]
        .map(|(slope, threshold)| plan(HOUR, &load(slope), threshold).report);
    let catalogue = Catalogue {
        entries: vec![
            Entry {
                resources: vec!["DISK".to_owned()],
                min_season_share: 0.0,
                min_trend_share: 0.0,
                actions: vec!["clean up".to_owned()],
            },
            Entry {
                resources: vec!["cpu".to_owned()],
                min_season_share: 0.0,
                min_trend_share: 0.0,
                actions: vec!["scale out".to_owned()],
            },
        ],
    };
    catalogue.validate().unwrap();
    let report = CapacityReport::new(plans.to_vec(), 30.0, 0.8, Limits::default(), &catalogue);
    let statuses: Vec<_> = report
        .resources
        .iter()
        .map(|plan| plan.outlook.status)
        .collect();
    assert_eq!(
        statuses,
        [
            Status::Exceeded,
            Status::Exhausts,
            Status::Exhausts,
            Status::Never
        ]
    );
    assert_eq!(report.alerts.len(), 2, "{:?}", report.alerts);
    assert_eq!(report.recommendations.len(), 3);
    assert!(
        report
            .recommendations
            .iter()
            .all(|advice| advice.action == "clean up")
    );
    let csv = report.to_csv();
    assert_eq!(csv.lines().count(), 5);
    assert!(
        csv.lines().nth(1).unwrap().starts_with("disk,exceeded,40,"),
        "{csv}"
    );
    assert!(csv.lines().nth(4).unwrap().contains(",never,90,"));
}

/// What no model was made for: an answer or an error with a reason, and numbers that are some.
#[test]
fn odd_histories_are_borne_by_every_model() {
    let planner = Planner::new();
    let cases: [(&str, Vec<f64>); 8] = [
        ("constant", vec![3.0; 240]),
        ("zero", vec![0.0; 240]),
        ("two levels", (0..240).map(|i| f64::from(i / 120)).collect()),
        (
            "one value that differs",
            (0..240).map(|i| f64::from(i32::from(i == 100))).collect(),
        ),
        (
            "falling",
            (0..240).map(|i| 100.0 - 0.3 * f64::from(i)).collect(),
        ),
        (
            "mostly missing",
            (0..240)
                .map(|i| if i % 7 == 0 { f64::from(i) } else { f64::NAN })
                .collect(),
        ),
        (
            "tiny",
            (0..240).map(|i| 1e-300 * f64::from(i % 24 + i)).collect(),
        ),
        (
            "huge",
            (0..240).map(|i| 1e300 * f64::from(i % 24 + i)).collect(),
        ),
    ];
    for (name, values) in cases {
        let top = values.iter().copied().fold(f64::MIN, f64::max);
        let planned = plan_with(&planner, HOUR, &values, top * 2.0 + f64::MIN_POSITIVE);
        let plan = planned.unwrap_or_else(|e| panic!("{name}: {e}"));
        let outlook = plan.report.outlook;
        assert!(
            (0.0..=1.0).contains(&outlook.probability),
            "{name}: {outlook:?}"
        );
        assert_ne!(outlook.status, Status::Exceeded, "{name}");
        let curves = &plan.projection;
        let all = [&curves.mean, &curves.lower, &curves.upper];
        let finite = all.iter().all(|curve| curve.iter().all(|x| x.is_finite()));
        assert!(finite, "{name}");
        // A model that cannot be fitted is named.
        let named = plan
            .report
            .notes
            .iter()
            .filter(|note| note.contains("was left out"));
        let tried = plan.report.validation.candidates.len() + named.count();
        assert_eq!(tried, 8, "{name}: {:?}", plan.report.notes);
    }
}
