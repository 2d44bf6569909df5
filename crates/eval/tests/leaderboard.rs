//! Runs summed up.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;

use bongsu_eval::{Leaderboard, RunResult, RunStatus};

fn run(detector: &str, series: usize, vus_pr: f64, seconds: f64) -> RunResult {
    RunResult {
        detector: detector.to_owned(),
        set: "s<1>".to_owned(),
        family: format!("f{}", series % 2),
        series: format!("{series:02}"),
        kind: "univariate".to_owned(),
        rows: 1_000,
        channels: 1,
        status: RunStatus::Done,
        reason: None,
        seconds,
        measures: [("vus_pr", vus_pr), ("pr_auc", vus_pr / 2.0)]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    }
}

fn board(runs: &[RunResult]) -> Leaderboard {
    Leaderboard::of(
        runs,
        &BTreeMap::new(),
        &BTreeMap::new(),
        vec!["a <note>".to_owned()],
    )
}

/// `slow` is a little better than `fast`, and both are far better than `bad`.
fn runs() -> Vec<RunResult> {
    let mut runs = Vec::new();
    for series in 0..30 {
        let noise = f64::from(series as u32 * 7 % 5) / 50.0;
        let flip = if series % 3 == 0 { 0.05 } else { 0.0 };
        runs.push(run("slow", series, 0.80 + noise - flip, 1.0));
        runs.push(run("fast", series, 0.78 + noise, 0.001));
        runs.push(run("bad", series, 0.10 + noise, 0.000_1));
    }
    runs
}

#[test]
fn the_cheapest_of_those_not_told_apart_is_recommended() {
    let board = board(&runs());
    let one = &board.recommendations[0];
    assert_eq!(one.detector, "fast", "{}", one.reason);
    let names: Vec<&str> = board
        .of_set("s<1>")
        .iter()
        .map(|(one, _)| one.name.as_str())
        .collect();
    assert_eq!(names[2], "bad");
    let fast = &board
        .of_set("s<1>")
        .iter()
        .find(|(one, _)| one.name == "fast")
        .unwrap()
        .1
        .clone();
    assert!((fast.microseconds_per_value - 1.0).abs() < 1e-9);
    assert!(
        fast.accuracy.lower < fast.accuracy.estimate
            && fast.accuracy.estimate < fast.accuracy.upper
    );
    assert_eq!(fast.families.len(), 2);
    assert!(board.ranks[0].comparison.p_value < 1e-6);
}

#[test]
fn failures_count_nothing_and_what_is_left_out_does_not_count() {
    let mut runs = runs();
    for run in &mut runs {
        if run.detector == "fast" && run.series == "00" {
            run.status = RunStatus::Failed;
            run.measures.clear();
        }
        if run.detector == "slow" && run.series == "01" {
            run.status = RunStatus::Skipped;
            run.measures.clear();
        }
    }
    let board = board(&runs);
    let set = board.of_set("s<1>");
    let of = |name: &str| set.iter().find(|(one, _)| one.name == name).unwrap().1;
    assert_eq!(
        (of("fast").failed, of("fast").series, of("slow").skipped),
        (1, 29, 1)
    );
    let mean: f64 = runs
        .iter()
        .filter(|run| run.detector == "fast")
        .map(|run| run.measures.get("vus_pr").copied().unwrap_or(0.0))
        .sum::<f64>()
        / 30.0;
    assert!((of("fast").accuracy.estimate - mean).abs() < 1e-12);
    assert!(!board.ranks[0].detectors.contains(&"slow".to_owned()));
    assert_eq!(board.recommendations[0].detector, "fast");
}

#[test]
fn documents_hold_no_markup_from_outside() {
    let board = board(&runs());
    let html = board.to_html();
    assert!(
        html.contains("a &lt;note&gt;") && !html.contains("<note>") && html.contains("s&lt;1&gt;")
    );
    assert!(board.to_markdown().contains("| `fast` | 0."));
    let json = serde_json::to_string(&board).unwrap();
    let back: Leaderboard = serde_json::from_str(&json).unwrap();
    assert_eq!(back.to_markdown(), board.to_markdown());
    assert_eq!(board.schema, 1);
}

#[test]
fn tables_are_judged_by_average_precision() {
    let mut runs = runs();
    for run in &mut runs {
        run.kind = "tabular".to_owned();
        run.measures.remove("vus_pr");
    }
    let board = board(&runs);
    assert_eq!(board.sets["s<1>"].measure, "pr_auc");
    assert!((board.of_set("s<1>")[2].1.accuracy.estimate - 0.07).abs() < 0.01);
}
