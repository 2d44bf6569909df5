use super::*;
use crate::config::Span;

/// Judges `series` as the engine does.
pub(super) fn run(
    judge: &Judge,
    known: &mut Vec<SeriesState>,
    series: Vec<Series>,
    grid: Grid,
    complete: bool,
    first: bool,
) -> Judged {
    judge.judge(known, judge.gather(series), grid, complete, first, None)
}

fn judge() -> Judge {
    let mut query = QueryConfig::new("load", "load");
    "ewma".clone_into(&mut query.detector);
    query.step = Span::from_secs(10);
    query.absent_after = Span::from_secs(30);
    query.forget_after = Span::from_secs(60);
    Judge::new(&query, 3).unwrap()
}

fn series(name: &str, secs: &[i64]) -> Series {
    let labels = Labels::from_pairs([(METRIC_NAME, "load"), ("host", name)]).unwrap();
    let times = secs.iter().copied().map(Timestamp::from_secs).collect();
    Series::new(
        labels,
        times,
        secs.iter().map(|&s| (s % 7) as f64).collect(),
    )
    .unwrap()
}

pub(super) fn grid(from: i64, to: i64) -> Grid {
    Grid {
        from: Timestamp::from_secs(from),
        to: Timestamp::from_secs(to),
    }
}

#[test]
fn every_moment_is_judged_once_however_the_range_is_cut() {
    let points: Vec<i64> = (1..=30).map(|i| 10 * i).collect();
    let whole = {
        let mut known = Vec::new();
        run(
            &judge(),
            &mut known,
            vec![series("a", &points)],
            grid(10, 300),
            true,
            true,
        )
        .findings
    };
    let mut known = Vec::new();
    let mut parts = Vec::new();
    for (from, to) in [(10, 100), (110, 110), (120, 300)] {
        let samples: Vec<i64> = points
            .iter()
            .copied()
            .filter(|s| (from..=to).contains(s))
            .collect();
        let judged = run(
            &judge(),
            &mut known,
            vec![series("a", &samples)],
            grid(from, to),
            true,
            from == 10,
        );
        parts.extend(judged.findings);
    }
    assert_eq!(whole.len(), 30);
    assert_eq!(whole, parts);
}

#[test]
fn a_series_that_stays_away_is_absent_and_then_forgotten() {
    let mut known = Vec::new();
    run(
        &judge(),
        &mut known,
        vec![series("a", &[10, 20])],
        grid(10, 20),
        true,
        true,
    );
    let judged = run(&judge(), &mut known, Vec::new(), grid(30, 100), true, false);
    let absent: Vec<i64> = judged
        .findings
        .iter()
        .filter(|f| f.verdict.anomalous)
        .map(|f| f.verdict.timestamp.as_millis() / 1_000)
        .collect();
    assert_eq!(
        absent,
        [60, 70],
        "absent after more than 30 s, forgotten after 60 s"
    );
    assert!(known.is_empty());
}

#[test]
fn a_partial_answer_calls_nothing_absent() {
    let mut known = Vec::new();
    run(
        &judge(),
        &mut known,
        vec![series("a", &[10])],
        grid(10, 10),
        true,
        true,
    );
    let judged = run(&judge(), &mut known, Vec::new(), grid(20, 60), false, false);
    assert!(judged.findings.is_empty());
    assert_eq!(known.len(), 1);
}

#[test]
fn what_a_partial_answer_has_is_judged_and_does_not_teach() {
    let mut known = Vec::new();
    let points: Vec<i64> = (1..=40).map(|i| 10 * i).collect();
    let all = vec![series("a", &points)];
    run(&judge(), &mut known, all, grid(10, 400), true, true);
    let before = known[0].learned.clone();
    let labels = series("a", &[410]).labels().clone();
    let half = Series::new(labels, vec![Timestamp::from_secs(410)], vec![-500.0]).unwrap();
    let judged = run(
        &judge(),
        &mut known,
        vec![half],
        grid(410, 410),
        false,
        false,
    );
    assert!(judged.findings[0].verdict.anomalous);
    assert_eq!(known[0].learned, before);
    let next = vec![series("a", &[420])];
    run(&judge(), &mut known, next, grid(420, 420), true, false);
    assert_ne!(known[0].learned, before);
}

#[test]
fn what_a_partial_answer_left_out_is_judged_later_and_nothing_twice() {
    let mut known = Vec::new();
    let both = |secs: &[i64]| vec![series("a", secs), series("b", secs)];
    run(&judge(), &mut known, both(&[10]), grid(10, 10), true, true);
    let first = run(
        &judge(),
        &mut known,
        vec![series("a", &[20])],
        grid(20, 20),
        false,
        false,
    );
    let second = run(
        &judge(),
        &mut known,
        both(&[20, 30]),
        grid(20, 30),
        true,
        false,
    );
    let times = |judged: &Judged| -> Vec<(String, i64)> {
        let one = |Finding { verdict: v, .. }: &Finding| {
            let host = v.labels.get("host").unwrap().to_owned();
            (host, v.timestamp.as_millis() / 1_000)
        };
        judged.findings.iter().map(one).collect()
    };
    let named = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
        pairs
            .iter()
            .map(|&(host, t)| (host.to_owned(), t))
            .collect()
    };
    assert_eq!(times(&first), named(&[("a", 20)]));
    assert_eq!(times(&second), named(&[("b", 20), ("a", 30), ("b", 30)]));
}

#[test]
fn a_series_without_numbers_counts_as_normal_after_a_while() {
    let mut known = Vec::new();
    run(
        &judge(),
        &mut known,
        vec![series("a", &[10])],
        grid(10, 10),
        true,
        true,
    );
    let labels = series("a", &[]).labels().clone();
    let times = (2..=10).map(|i| Timestamp::from_secs(10 * i)).collect();
    let infinite = Series::new(labels, times, vec![f64::INFINITY; 9]).unwrap();
    let judged = run(
        &judge(),
        &mut known,
        vec![infinite],
        grid(20, 100),
        true,
        false,
    );
    assert_eq!(judged.missing_values, 9);
    assert_eq!(
        judged.findings.len(),
        6,
        "from 50 s on, 30 s after the last number"
    );
    assert!(
        judged
            .findings
            .iter()
            .all(|f| f.verdict.score == Some(0.0) && !f.verdict.anomalous)
    );
}

#[test]
fn series_that_ended_before_the_first_run_are_not_taken_in() {
    let mut known = Vec::new();
    let data = vec![series("dead", &[10, 20]), series("live", &[10, 20, 100])];
    let judged = run(&judge(), &mut known, data, grid(10, 100), true, true);
    assert_eq!(known.len(), 1);
    let last = judged.findings.last().map(|f| f.verdict.timestamp);
    assert_eq!(
        last,
        Some(Timestamp::from_secs(100)),
        "what came back after being forgotten is judged"
    );
}

#[test]
fn more_series_than_allowed_are_counted() {
    let mut known = Vec::new();
    let data = ["a", "b", "c", "d", "e"]
        .map(|name| series(name, &[10]))
        .to_vec();
    let judged = run(&judge(), &mut known, data, grid(10, 10), true, true);
    assert_eq!((known.len(), judged.refused_series), (3, 2));
}

#[test]
fn identities_keep_the_series_apart_and_name_the_query() {
    let pairs = [
        (METRIC_NAME, "up"),
        ("query", "mine"),
        ("exported_query", "theirs"),
    ];
    let identity = judge().identity(&Labels::from_pairs(pairs).unwrap());
    assert_eq!(identity.get("query"), Some("load"));
    assert_eq!(identity.len(), 4, "{identity}");
    assert_eq!(identity.get("metric"), Some("up"));
}

#[test]
fn a_new_series_starts_from_its_siblings_where_the_query_says_so() {
    let judged = |start_from_siblings: bool| {
        let mut query = QueryConfig::new("load", "load");
        "ewma".clone_into(&mut query.detector);
        query.step = Span::from_secs(10);
        query.start_from_siblings = start_from_siblings;
        let judge = Judge::new(&query, 100).unwrap();
        let points: Vec<i64> = (1..=40).map(|i| 10 * i).collect();
        let hosts: Vec<String> = (0..12).map(|i| format!("host-{i:02}")).collect();
        let old = hosts.iter().map(|host| series(host, &points)).collect();
        let mut known = Vec::new();
        run(&judge, &mut known, old, grid(10, 400), true, true);
        let points: Vec<i64> = (41..=60).map(|i| 10 * i).collect();
        let new = vec![series("new", &points)];
        let judged = run(&judge, &mut known, new, grid(410, 600), true, false);
        judged
            .findings
            .iter()
            .filter(|f| f.verdict.labels.get("host") == Some("new") && f.verdict.score.is_some())
            .count()
    };
    assert_eq!(judged(false), 0, "a cold start takes 30 points");
    assert_eq!(judged(true), 15);
}
