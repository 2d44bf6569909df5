//! Whole analyses: causes that are known, normal times, and bad input.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod support;

use bongsu_core::{ErrorKind, Timestamp};
use bongsu_rca::{
    Graph, Metric, Movement, Observations, OnsetSource, Options, Provenance, Ranker, RcaReport,
    RcaVerdict, analyse_observations, find_onset,
};
use support::{ONSET, ROWS, analyse, graph, noise, onset, shop, times};

#[test]
fn the_callee_that_explains_its_callers_is_the_cause() {
    // The symptoms are larger than the cause.
    let data = shop([9.0, 8.0, 0.0, 6.0]);
    let report = analyse(&data, &graph(), Ranker::Default);
    assert_eq!(report.verdict, RcaVerdict::Ranked);
    assert_eq!(report.cause().unwrap().service, "store", "{report:#?}");
    assert_eq!(report.services.last().unwrap().service, "pay");
    let shop = report
        .services
        .iter()
        .find(|s| s.service == "shop")
        .unwrap();
    assert_eq!(shop.explained_by.as_deref(), Some("cart"));
    let total: f64 = report.services.iter().map(|s| s.likelihood).sum();
    assert!((total + report.none_likelihood - 100.0).abs() < 1e-9);
    let first = &report.metrics[0];
    assert_eq!(
        (first.service.as_str(), first.metric.as_str()),
        ("store", "latency")
    );
    assert_eq!(first.movement, Movement::Up);
    assert_eq!(first.lag_seconds, Some(0.0));
    assert!(
        first.evidence.starts_with("rose from 9.89"),
        "{}",
        first.evidence
    );
    assert_eq!(report.timeline.len(), 3);
}

#[test]
fn an_onset_that_is_wrong_by_two_minutes_changes_no_answer() {
    let data = shop([9.0, 8.0, 0.0, 6.0]);
    for shift in [-120, -60, -15, 15, 60, 120] {
        let onset = onset().add_millis(1_000 * shift);
        let report =
            analyse_observations(&data, None, Some(onset), &graph(), &Options::default()).unwrap();
        assert_eq!(report.cause().unwrap().service, "store", "{shift}");
        assert_eq!(report.metrics[0].lag_seconds, Some(-shift as f64));
    }
}

#[test]
fn every_ranker_finds_a_lone_cause() {
    let data = shop([0.0, 0.0, 7.0, 0.0]);
    for ranker in Ranker::ALL {
        let report = analyse(&data, &Graph::new(), ranker);
        if ranker != Ranker::Classic {
            assert_eq!(report.services[0].service, "pay", "{ranker:?}");
        }
        assert!(report.services.iter().all(|s| s.score.is_finite()));
        assert_eq!(Ranker::from_name(ranker.name()).unwrap(), ranker);
    }
    assert!(
        Ranker::from_name("best")
            .unwrap_err()
            .to_string()
            .contains("classic")
    );
}

#[test]
fn likelihoods_mean_the_same_whoever_ranks() {
    let quiet = shop([0.0; 4]);
    let loud = shop([9.0, 8.0, 0.0, 6.0]);
    let of = |data: &Observations, ranker| analyse(data, &graph(), ranker);
    for data in [&quiet, &loud] {
        let expected = of(data, Ranker::Default);
        for ranker in Ranker::ALL {
            let report = of(data, ranker);
            assert_eq!(report.none_likelihood, expected.none_likelihood);
            for one in &report.services {
                let same = expected.services.iter().find(|s| s.service == one.service);
                assert_eq!(one.likelihood, same.unwrap().likelihood, "{ranker:?}");
            }
            let first = &report.services[0];
            if ranker != Ranker::Default && report.verdict == RcaVerdict::Ranked {
                assert!(first.likelihood > report.none_likelihood, "{ranker:?}");
            }
        }
    }
    // BARO's formula takes a single spike for the cause, and the answer says what that is worth.
    let mut columns = shop([0.0, 4.0, 0.0, 0.0]).columns().to_vec();
    columns[7][ONSET + 9] = 1e4;
    let spike = Observations::new(times(ROWS), quiet.metrics().to_vec(), columns).unwrap();
    let baro = of(&spike, Ranker::Baro);
    let first = &baro.services[0];
    assert_eq!(first.service, "pay");
    assert!(first.likelihood < baro.none_likelihood, "{first:?}");
    assert_eq!(baro.verdict, RcaVerdict::NotProven);
    assert!(
        baro.summary.contains("the ranker `baro` names first"),
        "{}",
        baro.summary
    );
    assert_eq!(of(&spike, Ranker::Default).cause().unwrap().service, "cart");
    for ranker in Ranker::ALL {
        assert_eq!(of(&quiet, ranker).verdict, RcaVerdict::NotProven);
    }
}

#[test]
fn normal_times_prove_nothing() {
    let data = shop([0.0; 4]);
    for (graph, row) in [(graph(), ONSET), (Graph::new(), 50), (Graph::new(), 100)] {
        let onset = Some(Timestamp::from_secs(15 * row as i64));
        let report = analyse_observations(&data, None, onset, &graph, &Options::default()).unwrap();
        assert_eq!(report.verdict, RcaVerdict::NotProven, "{report:#?}");
        assert!(report.cause().is_none() && report.actions.is_empty());
        assert!(report.summary.starts_with("No root cause is proven"));
    }
}

#[test]
fn the_onset_is_found_and_its_confidence_told() {
    let found = find_onset(&shop([9.0, 8.0, 0.0, 6.0]), None).unwrap();
    assert_eq!(found.time, onset());
    assert_eq!(found.source, OnsetSource::Detected);
    assert!(found.confidence > 95.0, "{}", found.confidence);
    let quiet = find_onset(&shop([0.0; 4]), None).unwrap();
    assert!(quiet.confidence < 50.0, "{}", quiet.confidence);
    let report = analyse_observations(
        &shop([9.0, 8.0, 0.0, 6.0]),
        None,
        None,
        &graph(),
        &Options::default(),
    );
    assert_eq!(report.unwrap().cause().unwrap().service, "store");
}

/// Of a graph of four services, one metric of which jumps for the last quarter of a short window.
#[test]
fn an_onset_that_is_hardly_sure_proves_no_cause() {
    let data = shop([0.0, 0.0, 3.0, 0.0]);
    let cut = |from: usize, to: usize| {
        let columns = data.columns().iter();
        let columns = columns.map(|column| column[from..to].to_vec()).collect();
        let times = data.times()[from..to].to_vec();
        Observations::new(times, data.metrics().to_vec(), columns).unwrap()
    };
    let options = Options::default();
    let mut seen = Vec::new();
    for (from, to) in [(0, ROWS), (40, 95), (60, 86), (66, 86)] {
        let data = cut(from, to);
        let found = analyse_observations(&data, None, None, &graph(), &options).unwrap();
        let given = Some(found.onset);
        let given = analyse_observations(&data, None, given, &graph(), &options).unwrap();
        let sure = found.onset_confidence / 100.0;
        let expected = 100.0 - sure * (100.0 - given.none_likelihood);
        assert!((found.none_likelihood - expected).abs() < 1e-9);
        for (found, given) in found.services.iter().zip(&given.services) {
            assert_eq!(found.service, given.service);
            assert!((found.likelihood - sure * given.likelihood).abs() < 1e-9);
        }
        let sum: f64 = found.services.iter().map(|s| s.likelihood).sum();
        assert!((sum + found.none_likelihood - 100.0).abs() < 1e-9);
        if sure < 0.5 {
            assert_eq!(found.verdict, RcaVerdict::NotProven);
        }
        seen.push((sure, given.verdict, found.verdict));
    }
    let taken_back = (RcaVerdict::Ranked, RcaVerdict::NotProven);
    assert!(
        seen.iter().any(|(_, a, b)| (*a, *b) == taken_back),
        "{seen:?}"
    );
    assert_eq!(seen[0].2, RcaVerdict::Ranked, "{seen:?}");
}

#[test]
fn normal_times_may_be_recorded_apart() {
    let whole = shop([9.0, 8.0, 0.0, 6.0]);
    let part = |range: std::ops::Range<usize>| {
        let columns = whole
            .columns()
            .iter()
            .map(|c| c[range.clone()].to_vec())
            .collect();
        Observations::new(
            whole.times()[range.clone()].to_vec(),
            whole.metrics().to_vec(),
            columns,
        )
        .unwrap()
    };
    let (normal, incident) = (part(0..ONSET), part(ONSET..ROWS));
    for onset in [Some(onset()), None] {
        let report = analyse_observations(
            &incident,
            Some(&normal),
            onset,
            &graph(),
            &Options::default(),
        )
        .unwrap();
        assert_eq!(report.cause().unwrap().service, "store");
    }
}

#[test]
fn a_metric_that_only_one_of_the_two_has_stops_no_ranker() {
    let whole = shop([0.0, 0.0, 7.0, 0.0]);
    let part = |range: std::ops::Range<usize>, without: &str| {
        let both = whole.metrics().iter().zip(whole.columns());
        let kept = both.filter(|(metric, _)| metric.to_string() != without);
        let (metrics, columns) = kept
            .map(|(metric, column)| (metric.clone(), column[range.clone()].to_vec()))
            .unzip();
        Observations::new(whole.times()[range.clone()].to_vec(), metrics, columns).unwrap()
    };
    let normal = part(0..ONSET, "cpu of cart");
    let incident = part(ONSET..ROWS, "requests of shop");
    let none = Graph::new();
    for ranker in Ranker::ALL {
        let mut options = Options::default();
        options.ranker = ranker;
        let found = analyse_observations(&incident, Some(&normal), Some(onset()), &none, &options);
        let found = found.unwrap_or_else(|e| panic!("{}: {e}", ranker.name()));
        assert_eq!(found.services.len(), 4, "{}", ranker.name());
        if ranker != Ranker::Classic {
            assert_eq!(found.services[0].service, "pay", "{}", ranker.name());
        }
        let unjudged = found.notes.iter().find(|note| note.contains("not judged"));
        assert!(unjudged.unwrap().starts_with("1 of 11 metrics"));
    }
}

#[test]
fn the_same_input_gives_the_same_report() {
    let data = shop([9.0, 8.0, 0.0, 6.0]);
    let json = |report: &RcaReport| serde_json::to_string(report).unwrap();
    let first = json(&analyse(&data, &graph(), Ranker::Default));
    assert_eq!(first, json(&analyse(&data, &graph(), Ranker::Default)));
    let value: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(value["schema"], 1);
    assert_eq!(value["onset"], 15 * ONSET);
    assert_eq!(value["verdict"], "ranked");
    for key in ["service", "score", "likelihood"] {
        assert!(!value["services"][0][key].is_null(), "{key}");
    }
    for key in ["service", "metric", "score", "lag_seconds", "evidence"] {
        assert!(!value["metrics"][0][key].is_null(), "{key}");
    }
}

#[test]
fn bad_input_is_refused_or_proves_nothing() {
    let options = Options::default();
    let none = Graph::new();
    let of = |rows: usize, value: &dyn Fn(usize, usize) -> f64, series: usize| {
        let metrics = (0..series)
            .map(|s| Metric::new(format!("s{s}"), "m"))
            .collect();
        let columns = (0..series)
            .map(|s| (0..rows).map(|i| value(i, s)).collect())
            .collect();
        Observations::new(times(rows), metrics, columns).unwrap()
    };
    let try_at = |data: &Observations, row: i64| {
        let onset = Timestamp::from_secs(15 * row);
        analyse_observations(data, None, Some(onset), &none, &options)
    };
    let two = try_at(&of(2, &noise, 3), 1).unwrap_err();
    assert_eq!(two.kind(), ErrorKind::NotEnoughData);
    let gone = try_at(&of(60, &|_, _| f64::NAN, 3), 40).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotEnoughData);
    for row in [0, -5, 60, 1_000] {
        let outside = try_at(&of(60, &noise, 3), row).unwrap_err();
        assert_eq!(
            outside.kind(),
            ErrorKind::InvalidParameter,
            "{row}: {outside}"
        );
    }
    let constant = of(60, &|_, _| 5.0, 3);
    assert_eq!(
        try_at(&constant, 40).unwrap().verdict,
        RcaVerdict::NotProven
    );
    assert!(find_onset(&constant, None).is_err());
    let many = try_at(&of(60, &noise, 5_000), 40).unwrap();
    assert_eq!(
        (many.verdict, many.services.len()),
        (RcaVerdict::NotProven, 5_000)
    );
    let huge = of(
        60,
        &|i, s| if i < 40 { 1e308 * noise(i, s) } else { 1.7e308 },
        3,
    );
    let found = try_at(&huge, 40).unwrap();
    assert!(
        found
            .services
            .iter()
            .all(|s| s.score.is_finite() && s.likelihood.is_finite())
    );
    assert!(Observations::new(times(3), vec![], vec![]).is_err());
    let twice = vec![Metric::new("a", "m"), Metric::new("a", "m")];
    assert!(Observations::new(times(1), twice, vec![vec![1.0], vec![1.0]]).is_err());
}

#[test]
fn an_onset_that_an_alarm_tells_keeps_what_follows_it_out_of_normal_times() {
    // cart moves at the onset, everything else far more a minute later: the likeliest joint onset.
    let mut metrics = vec![Metric::new("cart", "latency")];
    let step = |s: usize, from: usize, rise: f64| -> Vec<f64> {
        let value = |i| 10.0 + noise(i, s) + if i >= from { rise } else { 0.0 };
        (0..ROWS).map(value).collect()
    };
    let mut columns = vec![step(0, ONSET, 20.0)];
    for s in 1..9 {
        metrics.push(Metric::new(format!("s{s}"), "latency"));
        columns.push(step(s, ONSET + 4, 500.0));
    }
    let data = Observations::new(times(ROWS), metrics, columns).unwrap();
    let deviation = |onset_is_latest: bool| {
        let mut options = Options::default();
        options.onset_is_latest = onset_is_latest;
        let report =
            analyse_observations(&data, None, Some(onset()), &Graph::new(), &options).unwrap();
        let cart = report.metrics.iter().find(|m| m.service == "cart");
        cart.unwrap().deviation
    };
    let (either_way, latest) = (deviation(false), deviation(true));
    assert!(latest > 2.0 * either_way, "{latest} {either_way}");
}

#[test]
fn load_on_all_pods_speaks_for_no_service() {
    // Twelve services of one to three pods; the load rises everywhere, and one has a fault beside it.
    let data = |per_pod: bool, fault: f64| {
        let mut metrics = Vec::new();
        let mut columns = Vec::new();
        for s in 0..12 {
            for pod in 0..=s % 3 {
                let name = match per_pod {
                    true => format!("cpu{{pod=\"s{s}-{pod}\"}}"),
                    false if pod > 0 => continue,
                    false => "cpu".to_owned(),
                };
                metrics.push(Metric::new(format!("s{s}"), name));
                let rise = 8.0 + if s == 5 && pod == 0 { fault } else { 0.0 };
                let value = |i| 10.0 + noise(i, 3 * s + pod) + if i < ONSET { 0.0 } else { rise };
                columns.push((0..ROWS).map(value).collect());
            }
        }
        Observations::new(times(ROWS), metrics, columns).unwrap()
    };
    for per_pod in [false, true] {
        let load = analyse(&data(per_pod, 0.0), &Graph::new(), Ranker::Default);
        assert_eq!(
            load.verdict,
            RcaVerdict::NotProven,
            "{per_pod}: {}",
            load.summary
        );
        let fault = analyse(&data(per_pod, 900.0), &Graph::new(), Ranker::Default);
        assert_eq!(
            fault.cause().unwrap().service,
            "s5",
            "{per_pod}: {}",
            fault.summary
        );
    }
}

#[test]
fn without_enough_of_normal_times_nothing_is_proven() {
    let data = shop([9.0, 8.0, 0.0, 6.0]);
    let first = |rows: usize| {
        let columns = data.columns().iter();
        let columns = columns.map(|column| column[..rows].to_vec()).collect();
        Observations::new(times(rows), data.metrics().to_vec(), columns).unwrap()
    };
    for (rows, verdict) in [(9, RcaVerdict::NotProven), (60, RcaVerdict::Ranked)] {
        let (normal, graph) = (first(rows), graph());
        let report = analyse_observations(
            &data,
            Some(&normal),
            Some(onset()),
            &graph,
            &Options::default(),
        );
        let report = report.unwrap();
        assert_eq!(report.verdict, verdict, "{rows} rows");
        assert_eq!(report.services[0].service, "store", "{rows} rows");
        let told = report
            .notes
            .iter()
            .any(|note| note.contains("no cause is proven"));
        assert_eq!(told, verdict == RcaVerdict::NotProven);
    }
}

#[test]
fn services_that_cannot_be_told_apart_are_named_together() {
    // Seven services that do the same, and no dependency that would explain one by another.
    let of = |own: f64| {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let metrics = names.map(|name| Metric::new(name, name)).to_vec();
        let column = |step: f64| {
            let value = |row: usize| noise(row, 0) + if row < ONSET { 0.0 } else { step };
            (0..ROWS).map(value).collect::<Vec<f64>>()
        };
        let mut columns = vec![column(8.0); names.len()];
        columns[2] = column(own);
        Observations::new(times(ROWS), metrics, columns).unwrap()
    };
    let even = analyse(&of(8.0), &Graph::new(), Ranker::Default);
    assert!(even.none_likelihood < 50.0, "{}", even.none_likelihood);
    assert_eq!(even.verdict, RcaVerdict::NotProven);
    let told = "a, b, c, d, e and 2 more cannot be told apart (1";
    assert!(even.summary.contains(told), "{}", even.summary);
    assert!(even.actions.is_empty() && even.cause().is_none());
    // One that stands out is named, though the others deviate too.
    let one = analyse(&of(60.0), &Graph::new(), Ranker::Default);
    assert_eq!(one.cause().unwrap().service, "c", "{}", one.summary);
}

/// `b` follows `a` two moments later, `c` has nothing to do with them; `a` calls both.
#[test]
fn the_classical_score_is_that_of_its_formula() {
    let smooth = |row: usize, s: usize| (0..8).map(|k| noise(row + k, s)).sum::<f64>();
    let columns = vec![
        (0..ROWS)
            .map(|row| smooth(row + 2, 1))
            .collect::<Vec<f64>>(),
        (0..ROWS).map(|row| smooth(row, 1)).collect(),
        (0..ROWS).map(|row| noise(row, 3)).collect(),
    ];
    let r = bongsu_rca::correlation::pearson(&columns[0], &columns[1])
        .unwrap()
        .r;
    assert!(r > 0.5, "{r}");
    let metrics = ["a", "b", "c"]
        .map(|name| Metric::new(name, "load"))
        .to_vec();
    let data = Observations::new(times(ROWS), metrics, columns).unwrap();
    let mut graph = Graph::new();
    graph.add("a", "b", Provenance::Configured);
    graph.add("a", "c", Provenance::Configured);
    let report = analyse(&data, &graph, Ranker::Classic);
    let score = |name: &str| {
        let mut found = report.services.iter().filter(|s| s.service == name);
        found.next().unwrap().score
    };
    // The cause gains the correlation, times 1.2 for two dependencies; the effect loses half of it.
    assert!((score("a") - 1.2 * r).abs() < 1e-9, "{}", score("a"));
    assert!((score("b") + 0.5 * r).abs() < 1e-9, "{}", score("b"));
    assert_eq!(score("c"), 0.0);
    assert_eq!(report.services[0].service, "a");
}

#[test]
fn a_metric_that_appears_with_the_fault_speaks_for_its_service() {
    let quiet = shop([0.0; 4]);
    let errors: Vec<f64> = (0..ROWS)
        .map(|row| if row < ONSET { f64::NAN } else { 3.0 })
        .collect();
    let mut metrics = quiet.metrics().to_vec();
    let mut columns = quiet.columns().to_vec();
    metrics.push(Metric::new("pay", "errors"));
    columns.push(errors);
    let data = Observations::new(quiet.times().to_vec(), metrics, columns).unwrap();
    let report = analyse(&data, &graph(), Ranker::Default);
    assert_eq!(report.services[0].service, "pay", "{}", report.summary);
    let first = &report.metrics[0];
    assert_eq!(
        (first.metric.as_str(), first.movement),
        ("errors", Movement::Appeared)
    );
    assert_eq!(
        (first.normal, first.level, first.lag_seconds),
        (None, Some(3.0), Some(0.0))
    );
    assert!(
        first.evidence.starts_with("appeared at 3.000"),
        "{}",
        first.evidence
    );
    assert!(report.timeline.iter().any(|moved| moved.metric == "errors"));
}

#[test]
fn a_walk_among_very_many_services_without_dependencies_is_refused() {
    let of = |services: usize| {
        let metrics = (0..services)
            .map(|s| Metric::new(format!("s{s:04}"), "load"))
            .collect();
        let value =
            |s: usize, row: usize| noise(row, s) + if s == 7 && row >= 12 { 9.0 } else { 0.0 };
        let column = |s: usize| (0..20).map(|row| value(s, row)).collect();
        Observations::new(times(20), metrics, (0..services).map(column).collect()).unwrap()
    };
    let mut options = Options::default();
    options.ranker = Ranker::Walk;
    options.patterns.clear();
    let onset = Some(Timestamp::from_secs(15 * 12));
    let refused = analyse_observations(&of(2_049), None, onset, &Graph::new(), &options);
    let why = refused.unwrap_err().to_string();
    assert!(
        why.contains("2049") && why.contains("at most 2048 services"),
        "{why}"
    );
    // With a dependency only those that have one are compared.
    let mut graph = Graph::new();
    graph.add("s0001", "s0007", Provenance::Configured);
    let found = analyse_observations(&of(2_049), None, onset, &graph, &options).unwrap();
    assert_eq!(found.services[0].service, "s0007");
}
