use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use proptest::{collection, prop_assert_eq};

use super::tests::{grid, run};
use super::*;
use crate::config::{FillConfig, GroupConfig, ParameterValue, Span, parse};

const STEP: i64 = 10;

fn query(detector: &str, late: u64) -> QueryConfig {
    let mut query = QueryConfig::new("load", "load");
    query.step = Span::from_secs(STEP.unsigned_abs());
    query.detector = detector.to_owned();
    query.late = Span::from_secs(late);
    query.absent_after = Span::from_secs(200);
    query
}

fn value(host: usize, i: i64) -> f64 {
    let wiggle = (i * 7919 + host as i64 * 31).rem_euclid(101) as f64;
    100.0 + wiggle / 10.0 + if i % 97 == 0 { 80.0 } else { 0.0 }
}

fn labels(host: usize) -> Labels {
    let name = ["cpu", "memory", "disk"][host];
    Labels::from_pairs([(METRIC_NAME, name), ("host", "a")]).unwrap()
}

/// The points of step `i` of each host that have come by the tick at `now`; `delays` are in steps.
fn answer(delays: &[Vec<i64>], from: i64, now: i64) -> Vec<Series> {
    let one = |(host, delays): (usize, &Vec<i64>)| {
        let mut series = Series::empty(labels(host));
        for i in from.max(0)..=now {
            if delays.get(i as usize).is_some_and(|delay| i + delay <= now) {
                series
                    .push(Timestamp::from_secs(STEP * i), value(host, i))
                    .unwrap();
            }
        }
        series
    };
    delays
        .iter()
        .enumerate()
        .map(one)
        .filter(|series| !series.is_empty())
        .collect()
}

/// What a query knows in the end, and what it said, by labels and time.
fn ticks(judge: &Judge, delays: &[Vec<i64>], reach: i64) -> (Vec<SeriesState>, Vec<Finding>, u64) {
    let (mut known, mut findings, mut late) = (Vec::new(), Vec::new(), 0);
    let steps = delays[0].len() as i64;
    for now in 0..steps + reach {
        let series = answer(delays, now - reach, now);
        let judged = run(
            judge,
            &mut known,
            series,
            grid(STEP * now, STEP * now),
            true,
            now == 0,
        );
        findings.extend(judged.findings);
        late += judged.late;
    }
    findings.retain(|f| f.detected);
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.verdict.timestamp, f.verdict.labels.clone());
        key(a).cmp(&key(b))
    });
    (known, findings, late)
}

fn delays(longest: i64) -> impl Strategy<Value = Vec<Vec<i64>>> {
    let delay = prop_oneof![4 => Just(0), 1 => 0..=longest];
    collection::vec(collection::vec(delay, 140), 2)
}

fn gaps(mut query: QueryConfig, fill: FillConfig) -> QueryConfig {
    query.gaps.fill = fill;
    query.gaps.max_gap = Span::from_secs(40);
    query
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn late_points_leave_the_state_and_verdicts_of_order(late in delays(6), which in 0..4_usize) {
        let query = match which {
            0 => query("ewma", 60),
            1 => gaps(query("holt-winters", 60), FillConfig::Linear),
            2 => gaps(query("seasonal-profile", 60), FillConfig::Previous),
            _ => query("online-mad", 60),
        };
        let judge = Judge::new(&query, 10).unwrap();
        let in_order: Vec<Vec<i64>> = late.iter().map(|delays| vec![0; delays.len()]).collect();
        let (known, found, _) = ticks(&judge, &late, 6);
        let (known_in_order, found_in_order, none) = ticks(&judge, &in_order, 6);
        prop_assert_eq!(none, 0);
        let learned = |known: &[SeriesState]| known.iter().map(|s| s.learned.clone()).collect::<Vec<_>>();
        prop_assert_eq!(learned(&known), learned(&known_in_order));
        // Verdicts that were given before a late point came stand; all moments have one.
        let when = |found: &[Finding]| {
            found.iter().map(|f| (f.verdict.timestamp, f.identity.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(when(&found), when(&found_in_order));
    }

    #[test]
    fn late_channels_leave_the_state_of_order(late in delays(6)) {
        let mut query = query("rcf", 60);
        query.parameters = [("trees".to_owned(), ParameterValue::Number(5.0))].into();
        query.group = Some(GroupConfig {
            by: vec!["host".to_owned()],
            channels: crate::config::ChannelsConfig::default(),
            max_gap: Span::from_secs(20),
            max_missing: 0.5,
            new_channels: NewChannels::Ignore,
        });
        let judge = Judge::new(&query, 10).unwrap();
        let mut late = late;
        // The channels of a group are those of its beginning.
        late.iter_mut().for_each(|delays| delays[..8].fill(0));
        let in_order: Vec<Vec<i64>> = late.iter().map(|delays| vec![0; delays.len()]).collect();
        let (known, _, _) = ticks(&judge, &late, 6);
        let (known_in_order, _, _) = ticks(&judge, &in_order, 6);
        prop_assert_eq!(&known[0].learned, &known_in_order[0].learned);
    }
}

#[test]
fn late_points_are_counted_and_judged_once() {
    let judge = Judge::new(&query("ewma", 60), 10).unwrap();
    let mut late = vec![vec![0; 100]];
    late[0][50] = 4;
    late[0][51] = 3;
    late[0][70] = 6;
    let (known, found, count) = ticks(&judge, &late, 6);
    assert_eq!((found.len(), count), (100, 3));
    assert_eq!(known[0].learned.detector.seen(), 100);
    // Beyond the window it is too late, and harms nothing.
    late[0][70] = 8;
    let (known, found, count) = ticks(&judge, &late, 6);
    assert_eq!((found.len(), count), (99, 2));
    assert_eq!(known[0].learned.detector.seen(), 99);
}

#[test]
fn without_a_window_late_points_are_left_out() {
    let judge = Judge::new(&query("ewma", 0), 10).unwrap();
    let mut late = vec![vec![0; 100]];
    late[0][50] = 4;
    let (known, found, count) = ticks(&judge, &late, 6);
    assert_eq!((found.len(), count), (99, 0));
    assert!(known[0].late.is_none());
}

#[test]
fn an_absence_that_was_told_is_not_told_otherwise_later() {
    let mut query = query("ewma", 100);
    query.absent_after = Span::from_secs(20);
    let judge = Judge::new(&query, 10).unwrap();
    let mut known = Vec::new();
    let points = |range: std::ops::Range<i64>| answer(&[vec![0; 200]], range.start, range.end - 1);
    run(&judge, &mut known, points(0..100), grid(0, 990), true, true);
    let away = run(
        &judge,
        &mut known,
        Vec::new(),
        grid(1_000, 1_050),
        true,
        false,
    );
    let absent = away.findings.iter().filter(|f| f.verdict.anomalous).count();
    assert_eq!(absent, 4);
    let back = run(
        &judge,
        &mut known,
        points(100..107),
        grid(1_060, 1_060),
        true,
        false,
    );
    // Two moments had no verdict, and the new one.
    assert_eq!((back.late, back.findings.len()), (6, 3));
    assert_eq!(known[0].learned.detector.seen(), 107);
}

#[test]
fn the_wait_for_late_points_takes_the_memory_that_is_stated() {
    let judge = Judge::new(&query("ewma", 600), 10).unwrap();
    let (known, _, _) = ticks(&judge, &[vec![0; 200]], 60);
    let late = known[0].late.as_ref().unwrap();
    late.validate().unwrap();
    // 60 points of 24 bytes, in queues that may be twice as long, beside the detector's copy.
    let bytes = late.heap_bytes() - known[0].learned.heap_bytes();
    assert!((60 * 24..=60 * 24 * 3).contains(&bytes), "{bytes}");
}

#[test]
fn filled_points_are_learned_and_never_judged() {
    let mut hole = vec![vec![0; 100]];
    hole[0][50] = 1_000;
    hole[0][51] = 1_000;
    hole[0][70] = 1_000;
    hole[0][71..77].fill(1_000);
    for (fill, learned) in [
        (FillConfig::None, 91),
        (FillConfig::Previous, 93),
        (FillConfig::Linear, 93),
        (FillConfig::Both, 93),
    ] {
        let judge = Judge::new(&gaps(query("ewma", 0), fill), 10).unwrap();
        let (known, found, _) = ticks(&judge, &hole, 1);
        assert_eq!(known[0].learned.detector.seen(), learned, "{fill:?}");
        assert_eq!(found.len(), 91);
    }
}

#[test]
fn wrong_gaps_and_windows_are_refused_with_key_value_and_domain() {
    let config = |query: &str| {
        let text =
            format!("source: {{type: csv, path: x}}\nqueries: [{{name: a, expr: x, {query}}}]");
        let config = parse(&text, None)?;
        config.validate()?;
        Ok::<_, Error>(config)
    };
    for (query, expected) in [
        ("late: 25h", "late: is 1d1h, but must be at most 24h"),
        (
            "late: 2h, forget_after: 1h",
            "late: is 2h, but must be shorter than forget_after, 1h",
        ),
        ("late: soon", "late"),
        (
            "gaps: {fill: linear, max_gap: 10s}",
            "gaps.max_gap is 10s, but must be at least the step, 1m",
        ),
        ("gaps: {fill: cubic}", "fill"),
        ("gaps: {longest: 5m}", "longest"),
        (
            "detector: rcf, group: {}, gaps: {fill: previous}",
            "gaps.fill must be `none` with `group`",
        ),
    ] {
        let error = config(query).unwrap_err().to_string();
        assert!(error.contains(expected), "{query}: {error}");
    }
    config("late: 10m, gaps: {fill: both, max_gap: 3m}").unwrap();
}
