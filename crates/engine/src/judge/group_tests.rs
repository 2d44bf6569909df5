use super::tests::{grid, run};
use super::*;
use crate::config::{ChannelsConfig, Config, GroupConfig, Span, parse};

const STEP: i64 = 10;

fn query(detector: &str, set: &[(&str, &str)]) -> QueryConfig {
    let mut query = QueryConfig::new("pair", "{job='x'}");
    query.step = Span::from_secs(STEP.unsigned_abs());
    query.detector = detector.to_owned();
    query.absent_after = Span::from_secs(300);
    query.parameters = set
        .iter()
        .map(|(k, v)| {
            (
                (*k).to_owned(),
                crate::config::ParameterValue::Text((*v).to_owned()),
            )
        })
        .collect();
    query.group = Some(GroupConfig {
        by: vec!["host".to_owned()],
        channels: ChannelsConfig::default(),
        max_gap: Span::from_secs(30),
        max_missing: 0.5,
        new_channels: NewChannels::Retrain,
    });
    query
}

fn judge() -> Judge {
    Judge::new(
        &query("rcf", &[("trees", "20"), ("calibration", "40")]),
        1_000,
    )
    .unwrap()
}

/// Noise in [-0.5, 0.5) that depends on nothing but `i`.
fn noise(i: i64) -> f64 {
    let mut x = i
        .cast_unsigned()
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// The channel `name` of `host` at the moments of `steps` that `there` says.
fn channel(
    host: &str,
    name: &str,
    steps: std::ops::Range<i64>,
    there: impl Fn(i64) -> bool,
) -> Series {
    let labels = Labels::from_pairs([(METRIC_NAME, name), ("host", host)]).unwrap();
    let mut series = Series::empty(labels);
    for i in steps.filter(|&i| there(i)) {
        let load = 10.0 + 3.0 * (i as f64 / 20.0).sin() + noise(7 * i);
        let scale = if name == "cpu" { 1.0 } else { 50.0 };
        let value = scale * (load + 0.2 * noise(i + i64::from(name == "cpu")));
        series.push(Timestamp::from_secs(STEP * i), value).unwrap();
    }
    series
}

fn pair(host: &str, steps: std::ops::Range<i64>, memory: impl Fn(i64) -> bool) -> Vec<Series> {
    vec![
        channel(host, "cpu", steps.clone(), |_| true),
        channel(host, "memory", steps, memory),
    ]
}

fn steps(from: i64, to: i64) -> Grid {
    grid(STEP * from, STEP * to)
}

fn summary(finding: &Finding) -> &str {
    finding
        .verdict
        .explanation
        .as_ref()
        .map_or("", |why| &why.summary)
}

#[test]
fn the_series_of_a_group_have_one_verdict_and_an_alert_names_the_channel() {
    let mut series = pair("a", 1..601, |_| true);
    series.extend(pair("b", 1..601, |_| true));
    let (labels, times, mut values) = series.remove(1).into_parts();
    values[550] = 5_000.0;
    series.insert(1, Series::new(labels, times, values).unwrap());
    let mut known = Vec::new();
    let judged = run(&judge(), &mut known, series, steps(1, 600), true, true);
    assert_eq!((known.len(), judged.findings.len()), (2, 1_200));
    let at = |i: i64, host: &str| {
        let moment = Timestamp::from_secs(STEP * i);
        let here = |f: &&Finding| {
            f.verdict.timestamp == moment && f.verdict.labels.get("host") == Some(host)
        };
        judged.findings.iter().find(here).unwrap()
    };
    let found = at(551, "a");
    assert!(found.verdict.anomalous && found.detected);
    assert_eq!(found.verdict.value, None);
    let parts = &found.verdict.explanation.as_ref().unwrap().contributions;
    assert_eq!(parts[0].feature, "memory");
    assert!(parts[0].share > 0.7, "{parts:?}");
    assert_eq!(found.identity.get("query"), Some("pair"));
    assert!(!at(551, "b").verdict.anomalous);
    let alarms = judged
        .findings
        .iter()
        .filter(|f| f.verdict.anomalous)
        .count();
    assert!(alarms < 30, "{alarms}");
}

#[test]
fn a_channel_that_vanishes_is_carried_then_named_and_its_return_is_no_alarm() {
    let away = 500..560;
    let series = pair("a", 1..701, |i| !away.contains(&i));
    let judged = run(&judge(), &mut Vec::new(), series, steps(1, 700), true, true);
    let of = |i: i64| &judged.findings[(i - 1) as usize];
    assert_eq!(summary(of(499)), "");
    // 30 s are three steps.
    assert_eq!(summary(of(502)), "");
    assert!(
        summary(of(503)).ends_with("missing: memory"),
        "{}",
        summary(of(503))
    );
    assert!(summary(of(559)).ends_with("missing: memory"));
    assert!(of(530).verdict.score.is_some(), "one of two may be missing");
    let alarms: Vec<i64> = (495..640).filter(|&i| of(i).verdict.anomalous).collect();
    assert!(alarms.len() <= 2, "{alarms:?}");
}

#[test]
fn rows_with_a_missing_channel_teach_nothing() {
    let mut known = Vec::new();
    run(
        &judge(),
        &mut known,
        pair("a", 1..301, |_| true),
        steps(1, 300),
        true,
        true,
    );
    let before = known[0].learned.detector.seen();
    run(
        &judge(),
        &mut known,
        pair("a", 301..341, |_| false),
        steps(301, 340),
        true,
        false,
    );
    // Three rows have it carried.
    assert_eq!(known[0].learned.detector.seen(), before + 3);
}

#[test]
fn a_group_that_misses_too_much_is_not_judged_and_says_so() {
    let mut query = query("rcf", &[("trees", "10"), ("calibration", "40")]);
    query.group.as_mut().unwrap().max_missing = 0.4;
    query.absent_after = Span::from_secs(100);
    let judge = Judge::new(&query, 100).unwrap();
    let series = pair("a", 1..401, |i| i < 300);
    let judged = run(&judge, &mut Vec::new(), series, steps(1, 400), true, true);
    let of = |i: i64| &judged.findings[(i - 1) as usize];
    assert_eq!(of(305).verdict.score, None);
    assert_eq!(
        summary(of(305)),
        "not judged: 1 of 2 channels are missing: memory"
    );
    assert!(!of(305).detected);
    // After a while that is normal, or an alert would never end.
    assert_eq!(of(350).verdict.score, Some(0.0));
}

#[test]
fn a_group_that_stays_away_is_absent() {
    let series = pair("a", 1..401, |_| true);
    let mut known = Vec::new();
    run(&judge(), &mut known, series, steps(1, 400), true, true);
    let judged = run(
        &judge(),
        &mut known,
        Vec::new(),
        steps(401, 440),
        true,
        false,
    );
    let absent: Vec<&Finding> = judged
        .findings
        .iter()
        .filter(|f| f.verdict.anomalous)
        .collect();
    assert_eq!(absent.len(), 10);
    assert!(
        absent
            .iter()
            .all(|f| summary(f).starts_with("no sample for") && !f.detected)
    );
}

#[test]
fn a_new_channel_starts_the_group_afresh_once_it_has_stayed() {
    let mut known = Vec::new();
    let series = pair("a", 1..401, |_| true);
    run(&judge(), &mut known, series, steps(1, 400), true, true);
    let mut series = pair("a", 401..405, |_| true);
    series.push(channel("a", "disk", 401..403, |_| true));
    run(&judge(), &mut known, series, steps(401, 404), true, false);
    assert_eq!(
        known[0].learned.channel_names(),
        ["cpu", "memory"],
        "two numbers are too few"
    );
    let mut series = pair("a", 405..500, |_| true);
    series.push(channel("a", "disk", 405..500, |_| true));
    let judged = run(&judge(), &mut known, series, steps(405, 499), true, false);
    assert_eq!(known[0].learned.channel_names(), ["cpu", "disk", "memory"]);
    assert_eq!(
        judged.findings[0].verdict.score.map(f64::is_finite),
        Some(true)
    );
    assert_eq!(judged.findings[1].verdict.score, None, "it warms up");
}

#[test]
fn a_partial_answer_judges_no_group_of_which_a_channel_did_not_come() {
    let mut known = Vec::new();
    run(
        &judge(),
        &mut known,
        pair("a", 1..101, |_| true),
        steps(1, 100),
        true,
        true,
    );
    let part = vec![channel("a", "cpu", 101..111, |_| true)];
    let judged = run(&judge(), &mut known, part, steps(101, 110), false, false);
    assert!(judged.findings.is_empty());
    let judged = run(
        &judge(),
        &mut known,
        pair("a", 101..121, |_| true),
        steps(101, 120),
        true,
        false,
    );
    assert_eq!(judged.findings.len(), 20);
}

#[test]
fn series_without_a_place_are_counted_and_groups_count_as_their_series() {
    let mut series = pair("a", 1..11, |_| true);
    series.push(channel("b", "cpu", 1..11, |_| true));
    let labels = Labels::from_pairs([("host", "a")]).unwrap();
    series.push(Series::new(labels, vec![Timestamp::from_secs(10)], vec![1.0]).unwrap());
    let twice =
        Labels::from_pairs([(METRIC_NAME, "cpu"), ("host", "a"), ("mode", "user")]).unwrap();
    series.push(Series::new(twice, vec![Timestamp::from_secs(10)], vec![1.0]).unwrap());
    let judge = Judge::new(&query("hst", &[]), 2).unwrap();
    let mut known = Vec::new();
    let judged = run(&judge, &mut known, series, steps(1, 10), true, true);
    assert_eq!(
        (judged.misplaced, judged.refused_series, known.len()),
        (2, 1, 1)
    );
}

#[test]
fn detectors_that_cannot_explain_are_helped_by_the_distances_of_the_channels() {
    let mut series = pair("a", 1..1_001, |_| true);
    let (labels, times, mut values) = series.remove(0).into_parts();
    values[980] = 90.0;
    series.push(Series::new(labels, times, values).unwrap());
    let judge = Judge::new(
        &query("hst", &[("limits", "auto"), ("calibration", "40")]),
        10,
    )
    .unwrap();
    let judged = run(&judge, &mut Vec::new(), series, steps(1, 1_000), true, true);
    let found = &judged.findings[980];
    assert!(found.verdict.anomalous, "{:?}", found.verdict);
    let parts = &found.verdict.explanation.as_ref().unwrap().contributions;
    assert_eq!(parts[0].feature, "cpu");
    assert!((parts.iter().map(|part| part.share).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn a_group_takes_the_memory_that_is_stated() {
    let mut known = Vec::new();
    run(
        &judge(),
        &mut known,
        pair("a", 1..101, |_| true),
        steps(1, 100),
        true,
        true,
    );
    let channels = known[0].learned.channels.as_ref().unwrap().heap_bytes();
    assert!(
        (500..700).contains(&channels),
        "{channels} bytes of two channels"
    );
}

fn config(query: &str) -> Result<Config, Error> {
    let config = parse(
        &format!("source: {{type: csv, path: x.csv}}\nqueries: [{{name: q, {query}}}]"),
        None,
    )?;
    config.validate()?;
    Ok(config)
}

#[test]
fn wrong_groups_are_refused_with_key_value_and_domain() {
    for (text, expected) in [
        ("expr: x, group: {}", "detector is `auto-stream`"),
        (
            "expr: x, detector: rcf, group: {by: [host, host]}",
            "group.by: `host` is there twice",
        ),
        (
            "expr: x, detector: rcf, group: {by: ['a b']}",
            "group.by.a b: a label's name must match",
        ),
        (
            "expr: x, detector: rcf, group: {by: [c], channels: c}",
            "group.channels is `c`, but must not be one of group.by",
        ),
        (
            "detector: rcf, group: {channels: {a: x}}",
            "group.channels has 1 expressions, but must have at least 2",
        ),
        (
            "detector: rcf, group: {channels: {a: x, b: ''}}",
            "group.channels.b: neither",
        ),
        (
            "expr: x, detector: rcf, group: {channels: {a: x, b: y}}",
            "expr: must be left out",
        ),
        ("detector: rcf", "expr: is empty"),
        (
            "expr: x, detector: rcf, group: {max_missing: 1}",
            "group.max_missing is 1, but must be in [0, 1)",
        ),
        (
            "expr: x, detector: rcf, direction: up, group: {}",
            "direction, min_abs_dev and min_rel_dev",
        ),
        (
            "expr: x, detector: hbos, group: {}, training: {on_drift: {watch: value}}",
            "training.on_drift.watch must be `score`",
        ),
        ("expr: x, detector: rcf, group: {max_gap: soon}", "max_gap"),
        (
            "expr: x, detector: rcf, group: {new_channels: never}",
            "new_channels",
        ),
        (
            "detector: hst, parameters: {limits: '0,1,0,1,0,1'}, group: {channels: {a: x, b: y}}",
            "parameters",
        ),
    ] {
        let error = config(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let good = config("detector: pca, group: {by: [host], channels: {cpu: x, memory: y}}").unwrap();
    assert_eq!(good.queries[0].expr_text(), "cpu: x; memory: y");
}
