use super::*;
use crate::config::{Span, parse};

/// A generator for made series.
struct Random(u64);

impl Random {
    /// In (0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((x ^ (x >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// Student's t with `n` degrees of freedom.
    fn student(&mut self, n: i32) -> f64 {
        let chi: f64 = (0..n).map(|_| self.normal().powi(2)).sum();
        self.normal() / (chi / f64::from(n)).sqrt()
    }
}

/// The next value of a series of law `law` that was at `last`.
fn next(random: &mut Random, law: usize, last: f64, minute: i64) -> f64 {
    match law % 8 {
        0 => random.normal(),
        1 => random.uniform().ln() * if random.uniform() < 0.5 { 1.0 } else { -1.0 },
        2 => random.student(3),
        3 => random.student(2),
        4 => random.normal().exp(),
        5 => 0.9 * last + random.normal(),
        6 => 0.8 * last + random.student(3),
        _ => 5.0 * (minute as f64 * std::f64::consts::TAU / 1_440.0).sin() + random.normal(),
    }
}

const LAWS: [&str; 8] = [
    "Gaussian",
    "Laplace",
    "Student t, 3",
    "Student t, 2",
    "lognormal",
    "autoregressive 0.9",
    "autoregressive 0.8, Student t, 3",
    "daily rhythm",
];

/// How a budget did on a made fleet.
#[derive(Debug, Default)]
struct Result {
    /// Alerts by chance a day after the first, by law.
    false_alerts: [f64; 8],
    found: [usize; 8],
    faults: [usize; 8],
    held: u64,
}

/// `series` series over `days` days; on the last one every 21st has a shift by 20 of its usual
/// deviations for 20 minutes.
fn fleet(series: usize, days: i64, per_day: Option<f64>) -> Result {
    let mut query = QueryConfig::new("fleet", "x");
    "ewma".clone_into(&mut query.detector);
    query.step = Span::from_secs(60);
    query.absent_after = Span::default();
    let mut judge = Judge::new(&query, series).unwrap();
    judge.allow(per_day);
    let mut budget = Budget::default();
    let mut random: Vec<Random> = (0..series)
        .map(|i| Random(i as u64 * 0x1234_5678_9abc))
        .collect();
    let mut last = vec![0.0; series];
    let mut result = Result::default();
    let mut known = Vec::new();
    let labels: Vec<Labels> = (0..series)
        .map(|i| Labels::from_pairs([("i", format!("{i:05}"))]).unwrap())
        .collect();
    let fault = |i: usize| {
        let start = (days - 1) * 1_440 + 60 + (i as i64 * 37) % 1_300;
        (i % 21 == i / 21 % 21).then_some(start..start + 20)
    };
    let deviation = [1.0, 1.3, 1.5, 2.0, 2.0, 2.3, 2.5, 1.0];
    let mut firing = vec![false; series];
    let mut found = vec![false; series];
    const PIECE: i64 = 60;
    for from in (0..days * 1_440).step_by(PIECE as usize) {
        let made = labels.iter().enumerate().map(|(i, labels)| {
            let mut one = Series::empty(labels.clone());
            for minute in from..from + PIECE {
                last[i] = next(&mut random[i], i, last[i], minute);
                let shift = fault(i).is_some_and(|fault| fault.contains(&minute));
                let value = last[i] + if shift { 20.0 * deviation[i % 8] } else { 0.0 };
                one.push(Timestamp::from_secs(60 * (minute + 1)), value)
                    .unwrap();
            }
            one
        });
        let made = judge.gather(made.collect());
        let grid = Grid {
            from: Timestamp::from_secs(60 * (from + 1)),
            to: Timestamp::from_secs(60 * (from + PIECE)),
        };
        let judged = judge.judge(&mut known, made, grid, true, from == 0, Some(&mut budget));
        result.held += judged.held;
        for finding in &judged.findings {
            let i: usize = finding.verdict.labels.get("i").unwrap().parse().unwrap();
            let minute = finding.verdict.timestamp.as_millis() / 60_000 - 1;
            let begins = finding.verdict.anomalous && !firing[i];
            firing[i] = finding.verdict.anomalous;
            let in_fault = fault(i).is_some_and(|f| (f.start..f.end + 60).contains(&minute));
            if in_fault {
                found[i] |= finding.verdict.anomalous;
            } else if begins && minute >= 1_440 {
                result.false_alerts[i % 8] += 1.0 / (days - 1) as f64;
            }
        }
    }
    for i in (0..series).filter(|&i| fault(i).is_some()) {
        result.faults[i % 8] += 1;
        result.found[i % 8] += usize::from(found[i]);
    }
    result
}

#[test]
fn a_fleet_of_noise_stays_within_its_budget_and_faults_are_found() {
    let without = fleet(200, 3, None);
    let with = fleet(200, 3, Some(10.0));
    let sum = |result: &Result| result.false_alerts.iter().sum::<f64>();
    assert!(sum(&without) > 60.0, "{without:?}");
    // Two days: a standard deviation is 2.2 a day.
    assert!(sum(&with) <= 15.0, "{with:?}");
    // Shifts that are no rarer than what the noise itself does cannot be told from it.
    let rare = |result: &Result| {
        let laws = [0, 1, 4, 5, 7];
        laws.map(|law| result.found[law])
    };
    assert_eq!(rare(&with), rare(&without), "{with:?} {without:?}");
    assert!(with.held > 100);
}

/// `cargo test --release -p bongsu-engine --lib budget_of_a_made_fleet -- --ignored --nocapture`
#[test]
#[ignore = "a measurement of a minute"]
#[allow(clippy::print_stdout, reason = "its result is a table")]
fn budget_of_a_made_fleet() {
    println!(
        "| budget a day | alerts by chance a day | faults found | {} |",
        LAWS.join(" | ")
    );
    for per_day in [
        None,
        Some(100.0),
        Some(30.0),
        Some(10.0),
        Some(3.0),
        Some(1.0),
    ] {
        let result = fleet(1_000, 8, per_day);
        let by_law = result.false_alerts.map(|rate| format!("{rate:.1}"));
        println!(
            "| {} | {:.1} | {:?} of {:?} | {} |",
            per_day.map_or_else(|| "none".to_owned(), |per_day| per_day.to_string()),
            result.false_alerts.iter().sum::<f64>(),
            result.found,
            result.faults,
            by_law.join(" | ")
        );
    }
}

#[test]
fn wrong_budgets_are_refused_with_key_value_and_domain() {
    let config = |engine: &str, queries: &str| {
        let text =
            format!("source: {{type: csv, path: x}}\nengine: {{{engine}}}\nqueries: [{queries}]");
        let config = parse(&text, None)?;
        config.validate()?;
        Ok::<_, Error>(config)
    };
    let both = "{name: a, expr: x, budget: {alerts_per_day: 4}}, {name: b, expr: y}";
    for (engine, queries, expected) in [
        (
            "",
            "{name: a, expr: x, budget: {alerts_per_day: 0}}",
            "queries[0].budget.alerts_per_day is 0, but must be above 0",
        ),
        (
            "budget: {alerts_per_day: -1}",
            both,
            "engine.budget.alerts_per_day is -1, but must be above 0",
        ),
        (
            "budget: {alerts_per_day: 4}",
            both,
            "engine.budget.alerts_per_day is 4, but the queries with a budget of their own take 4, and the others need a share too",
        ),
        (
            "budget: {alerts_per_day: 3}",
            "{name: a, expr: x, budget: {alerts_per_day: 4}}",
            "take 4",
        ),
        ("budget: {}", both, "alerts_per_day"),
        ("", "{name: a, expr: x, budget: {alerts: 4}}", "alerts"),
    ] {
        let error = config(engine, queries).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let good = config("budget: {alerts_per_day: 10}", both).unwrap();
    let allowance = |i: usize| good.allowance(good.queries[i].budget.as_ref());
    assert_eq!((allowance(0), allowance(1)), (Some(4.0), Some(6.0)));
}

#[test]
fn what_is_held_back_says_so_and_survives_a_restart() {
    let mut query = QueryConfig::new("q", "x");
    "ewma".clone_into(&mut query.detector);
    query.step = Span::from_secs(60);
    let threshold = crate::config::ParameterValue::Number(2.5);
    query.parameters = [("threshold".to_owned(), threshold)].into();
    let mut judge = Judge::new(&query, 10).unwrap();
    judge.allow(Some(1.0));
    let mut random = Random(7);
    let labels = Labels::from_pairs([("i", "0")]).unwrap();
    let values: Vec<f64> = (0..4_000).map(|_| random.student(1)).collect();
    let piece = |range: std::ops::Range<usize>| {
        let times = range
            .clone()
            .map(|i| Timestamp::from_secs(60 * i as i64))
            .collect();
        let series = Series::new(labels.clone(), times, values[range].to_vec()).unwrap();
        judge.gather(vec![series])
    };
    let grid = |range: std::ops::Range<usize>| Grid {
        from: Timestamp::from_secs(60 * range.start as i64),
        to: Timestamp::from_secs(60 * (range.end as i64 - 1)),
    };
    let mut whole = (Vec::new(), Budget::default());
    let all = judge.judge(
        &mut whole.0,
        piece(0..4_000),
        grid(0..4_000),
        true,
        true,
        Some(&mut whole.1),
    );
    let held: Vec<&Finding> = all
        .findings
        .iter()
        .filter(|f| {
            f.verdict.explanation.as_ref().is_some_and(|why| {
                why.summary
                    .starts_with("held back by the alert budget: a score of")
            })
        })
        .collect();
    assert_eq!((held.len() as u64, whole.1.held), (all.held, all.held));
    assert!(held.len() > 20, "{}", held.len());
    assert!(
        held.iter()
            .all(|f| !f.verdict.anomalous && f.verdict.score == Some(1.0))
    );
    let mut parts = (Vec::new(), Budget::default());
    let mut findings = Vec::new();
    for range in [0..1_234, 1_234..1_235, 1_235..4_000] {
        let first = range.start == 0;
        let judged = judge.judge(
            &mut parts.0,
            piece(range.clone()),
            grid(range),
            true,
            first,
            Some(&mut parts.1),
        );
        findings.extend(judged.findings);
        parts = reloaded(parts.0, parts.1, &judge);
    }
    assert_eq!(findings, all.findings);
    assert_eq!(parts.1, whole.1);
}

#[test]
fn maintenance_is_neither_tested_nor_learned() {
    let mut query = QueryConfig::new("q", "x");
    "ewma".clone_into(&mut query.detector);
    query.step = Span::from_secs(60);
    let mut judge = Judge::new(&query, 10).unwrap();
    judge.allow(Some(100.0));
    let windows = "[{name: move, from: '1970-01-01T05:00:00Z', to: '1970-01-01T06:00:00Z'}]";
    let windows: Vec<crate::config::MaintenanceConfig> = serde_saphyr::from_str(windows).unwrap();
    let grid = Grid {
        from: Timestamp::from_secs(0),
        to: Timestamp::from_secs(60 * 420),
    };
    let maintenance = crate::maintenance::Maintenance::new(&windows, "q").unwrap();
    judge.closed = maintenance.closed(grid, 60_000, &[]);
    let mut random = Random(3);
    let value = |i: i64| if (300..360).contains(&i) { 1e6 } else { 0.0 };
    let mut series = Series::empty(Labels::empty());
    for i in 0..=420 {
        let time = Timestamp::from_secs(60 * i);
        series.push(time, random.normal() + value(i)).unwrap();
    }
    let (mut known, mut budget) = (Vec::new(), Budget::default());
    let pieces = judge.gather(vec![series]);
    let judged = judge.judge(&mut known, pieces, grid, true, true, Some(&mut budget));
    let inside = |f: &&Finding| f.verdict.score.is_some_and(|score| score > 100.0);
    assert_eq!(judged.findings.iter().filter(inside).count(), 60);
    assert!(judged.findings.iter().filter(inside).all(|f| !f.detected));
    assert!(budget.passed + budget.held < 5, "{budget:?}");
    assert!(known[0].tail.as_ref().unwrap().surprise(100.0) > 20.0);
}

/// What a restart makes of a query's state.
fn reloaded(series: Vec<SeriesState>, budget: Budget, judge: &Judge) -> (Vec<SeriesState>, Budget) {
    use bongsu_core::snapshot;
    let query = crate::state::QueryState {
        series,
        budget,
        ..Default::default()
    };
    let state = crate::state::EngineState {
        queries: vec![query],
        ..Default::default()
    };
    let bytes = snapshot::to_bytes(&state).unwrap();
    let mut state: crate::state::EngineState = snapshot::from_bytes(&bytes).unwrap();
    let mut query = state.queries.remove(0);
    for series in &mut query.series {
        series.identity = judge.identity(&series.labels);
    }
    (query.series, query.budget)
}
