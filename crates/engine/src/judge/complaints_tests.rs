//! What operators complain about in other systems: it must not come back here.

use super::tests::{grid, run};
use super::*;
use crate::config::{ParameterValue, Span};
use crate::registry;

/// The seconds of a step.
const STEP: i64 = 10;

fn judge_by(detector: &str, absent_after: u64) -> Option<Judge> {
    let mut query = QueryConfig::new("load", "load");
    query.detector = detector.to_owned();
    query.step = Span::from_secs(STEP.unsigned_abs());
    query.absent_after = Span::from_secs(absent_after);
    query.forget_after = Span::from_secs(100_000);
    Judge::new(&query, 3).ok()
}

/// The values that `of` gives at each step from 1 to `steps`, where it gives one.
fn series(steps: i64, of: impl Fn(i64) -> Option<f64>) -> Series {
    let labels = Labels::from_pairs([(METRIC_NAME, "load"), ("host", "a")]).unwrap();
    let points: Vec<(i64, f64)> = (1..=steps).filter_map(|i| Some((i, of(i)?))).collect();
    let times = points.iter().map(|(i, _)| Timestamp::from_secs(STEP * i));
    Series::new(
        labels,
        times.collect(),
        points.iter().map(|p| p.1).collect(),
    )
    .unwrap()
}

fn judged(judge: &Judge, steps: i64, of: impl Fn(i64) -> Option<f64>) -> Vec<Finding> {
    let all = vec![series(steps, of)];
    run(
        judge,
        &mut Vec::new(),
        all,
        grid(STEP, STEP * steps),
        true,
        true,
    )
    .findings
}

/// The steps that are anomalous.
fn alarms(findings: &[Finding]) -> Vec<i64> {
    let odd = findings.iter().filter(|f| f.verdict.anomalous);
    odd.map(|f| f.verdict.timestamp.as_millis() / (1_000 * STEP))
        .collect()
}

/// Noise in [0, 1) that is the same in every run.
fn noise(i: i64) -> f64 {
    let mixed = i.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[test]
fn a_constant_series_never_alarms() {
    let mut tried = 0;
    for spec in registry::detectors() {
        let Some(judge) = judge_by(spec.name, 300) else {
            continue;
        };
        tried += 1;
        for value in [0.0, 5.0, 0.1, -1e12] {
            let found = alarms(&judged(&judge, 500, |_| Some(value)));
            assert!(found.is_empty(), "{} of {value}: {found:?}", spec.name);
        }
    }
    assert!(tried >= 8, "{tried} detectors judge a stream by themselves");
}

/// A detector that knows no period cannot tell: for those that do, what comes again is expected.
#[test]
fn a_spike_that_comes_every_period_is_expected() {
    // Every thirty steps, two hundred times, and once at another time.
    let spiky = |i: i64| {
        let high = i % 30 == 0 || i == 4_715;
        Some(10.0 + noise(i) + if high { 50.0 } else { 0.0 })
    };
    let mut query = QueryConfig::new("load", "load");
    query.detector = "holt-winters".to_owned();
    query.step = Span::from_secs(STEP.unsigned_abs());
    let period = ParameterValue::Number(30.0);
    query.parameters.insert("period".to_owned(), period);
    let judge = Judge::new(&query, 3).unwrap();
    assert_eq!(alarms(&judged(&judge, 6_000, spiky)), vec![4_715]);
}

#[test]
fn a_sparse_series_warms_up_by_its_points() {
    // One value in ten steps.
    let judge = judge_by("ewma", 1_000).unwrap();
    let sparse = |i: i64| {
        let value = if i == 2_500 { 500.0 } else { 10.0 + noise(i) };
        (i % 10 == 0).then_some(value)
    };
    let findings = judged(&judge, 2_600, sparse);
    let known = |f: &&Finding| f.verdict.value.is_some() && f.verdict.score.is_some();
    assert!(findings.iter().filter(known).count() >= 100);
    assert_eq!(alarms(&findings), vec![2_500]);
}

#[test]
fn what_goes_is_told_and_what_comes_back_as_it_was_is_not() {
    let judge = judge_by("ewma", 300).unwrap();
    let gone = 3_001..=3_100;
    let of = |i: i64| (!gone.contains(&i)).then(|| 10.0 + noise(i));
    let found = alarms(&judged(&judge, 3_400, of));
    assert!(
        found.contains(&3_100),
        "its absence is a finding: {found:?}"
    );
    assert!(found.iter().all(|i| gone.contains(i)), "{found:?}");
}
