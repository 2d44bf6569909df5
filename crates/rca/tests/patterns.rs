//! Patterns of incidents: what is found, and what is none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod support;

use bongsu_core::Timestamp;
use bongsu_rca::actions::{Catalogue, Entry};
use bongsu_rca::{Graph, Metric, Observations, Options, Ranker, RcaReport, analyse_observations};
use support::{ONSET, ROWS, analyse, graph, noise, onset, shop, times};

#[test]
fn patterns_and_actions_are_found() {
    let metrics = [
        "leak:heap",
        "hog:cpu",
        "web:errors",
        "dead:up",
        "full:queue",
        "app:version",
        "quiet:cpu",
    ];
    let shape = |s: usize, i: usize| {
        let since = i.saturating_sub(ONSET) as f64;
        let on = i >= ONSET;
        match s {
            0 => 100.0 + noise(i, s) + 4.0 * since,
            1 => 1.0 + 0.1 * noise(i, s) + if on { 5.0 } else { 0.0 },
            2 => {
                if i % 20 < 5 {
                    50.0
                } else {
                    noise(i, s).abs()
                }
            }
            3 => {
                if on {
                    f64::NAN
                } else {
                    1.0 + 0.01 * noise(i, s)
                }
            }
            4 => (10.0 + noise(i, s) + 9.0 * since).min(100.0),
            5 => {
                if i + 2 >= ONSET {
                    8.0
                } else {
                    7.0
                }
            }
            _ => 3.0 + noise(i, s),
        }
    };
    let columns = (0..metrics.len())
        .map(|s| (0..ROWS).map(|i| shape(s, i)).collect())
        .collect();
    let metrics = metrics
        .iter()
        .map(|m| Metric::parse(m, ":").unwrap())
        .collect();
    let data = Observations::new(times(ROWS), metrics, columns).unwrap();
    let mut options = Options::default();
    options.actions = Catalogue {
        entries: vec![Entry {
            actions: vec!["look".into()],
            ..Entry::default()
        }],
    };
    let report = analyse_observations(&data, None, Some(onset()), &Graph::new(), &options).unwrap();
    let services = |pattern: &str| -> Vec<&str> {
        let found = report.patterns.iter().filter(|p| p.pattern == pattern);
        found.map(|p| p.services[0].as_str()).collect()
    };
    assert_eq!(services("memory_leak"), ["leak"], "{:#?}", report.patterns);
    assert_eq!(services("cpu_spike"), ["hog"]);
    assert_eq!(services("drop_to_absent"), ["dead"]);
    assert!(services("saturation").contains(&"full"));
    assert_eq!(services("deployment_change"), ["app"]);
    assert!(services("level_shift").contains(&"hog"));
    assert!(report.patterns.iter().all(|p| p.services != ["quiet"]));
    assert_eq!(report.actions.len(), 1);
}

#[test]
fn failures_that_go_from_service_to_service_are_a_cascade() {
    let mut metrics = Vec::new();
    let mut columns = Vec::new();
    for (s, (service, delay)) in [("store", 0), ("cart", 6), ("shop", 14)]
        .into_iter()
        .enumerate()
    {
        metrics.push(Metric::new(service, "errors"));
        let value = |i: usize| noise(i, s) + if i >= ONSET + delay { 30.0 } else { 0.0 };
        columns.push((0..ROWS).map(value).collect());
    }
    let data = Observations::new(times(ROWS), metrics, columns).unwrap();
    let report = analyse(&data, &graph(), Ranker::Default);
    let cascade = report
        .patterns
        .iter()
        .find(|p| p.pattern == "cascading_failure")
        .unwrap();
    assert_eq!(cascade.services, ["store", "cart", "shop"]);
    assert_eq!(report.timeline[0].service, "store");
    assert_eq!(report.cause().unwrap().service, "store");
}

#[test]
fn a_cascade_goes_on_where_two_services_fail_at_the_same_moment() {
    let cascade = |delays: [usize; 3]| {
        let mut metrics = Vec::new();
        let mut columns = Vec::new();
        // In an order in which the callers come before what they call.
        for (s, (service, delay)) in ["shop", "cart", "store"]
            .into_iter()
            .zip(delays)
            .enumerate()
        {
            metrics.push(Metric::new(service, "errors"));
            let value = |i: usize| noise(i, s) + if i >= ONSET + delay { 30.0 } else { 0.0 };
            columns.push((0..ROWS).map(value).collect());
        }
        let data = Observations::new(times(ROWS), metrics, columns).unwrap();
        let report = analyse(&data, &graph(), Ranker::Default);
        let found = report.patterns.into_iter();
        found.into_iter().find(|p| p.pattern == "cascading_failure")
    };
    let apart = cascade([12, 6, 0]).unwrap();
    for delays in [[6, 0, 0], [6, 6, 0]] {
        let found = cascade(delays).unwrap();
        assert_eq!(found.services, ["store", "cart", "shop"]);
        // One step of two is seen, the other counts half.
        assert!((60.0..=75.0).contains(&found.confidence), "{found:?}");
        assert!(found.confidence < apart.confidence);
        assert!(found.evidence.contains("not all of them"), "{found:?}");
    }
    // All at once, as by load: no order is seen.
    assert_eq!(cascade([0, 0, 0]), None);
}

/// Of two chains, one is longer, but its services hardly go along; the other is sure.
#[test]
fn a_sure_cascade_is_told_before_a_longer_one_that_is_not() {
    // The services of a long chain and of a short one, each with its delay in rows and its own noise.
    let find = |own: f64| {
        let long = ["a", "b", "c", "d", "e"].map(|name| (name, own));
        let short = ["x", "y", "z"].map(|name| (name, 1.0));
        let mut graph = Graph::new();
        for chain in [&long[..], &short[..]] {
            for pair in chain.windows(2) {
                graph.add(pair[1].0, pair[0].0, bongsu_rca::Provenance::Configured);
            }
        }
        let mut metrics = Vec::new();
        let mut columns = Vec::new();
        for chain in [&long[..], &short[..]] {
            for (place, (service, own)) in chain.iter().enumerate() {
                let seed = metrics.len();
                let value = |i: usize| {
                    let jump = if i >= ONSET + 2 * place { 30.0 } else { 0.0 };
                    own * noise(i, seed) + jump
                };
                columns.push((0..ROWS).map(value).collect());
                metrics.push(Metric::new(*service, "errors"));
            }
        }
        let data = Observations::new(times(ROWS), metrics, columns).unwrap();
        let report = analyse(&data, &graph, Ranker::Default);
        let found = report.patterns.into_iter();
        found
            .into_iter()
            .find(|p| p.pattern == "cascading_failure")
            .unwrap()
    };
    let sure = find(22.0);
    assert_eq!(sure.services, ["x", "y", "z"], "{sure:?}");
    // As sure, the longer one says more.
    let longer = find(1.0);
    assert_eq!(longer.services, ["a", "b", "c", "d", "e"], "{longer:?}");
}

/// Of a rhythm of 40 minutes, normal times show three; the incident is the half in which it rises.
#[test]
fn a_rhythm_is_no_leak_and_hides_none() {
    let rhythm = |i: usize| 10.0 * -(std::f64::consts::TAU * i as f64 / 40.0).cos();
    let jump = |i: usize, by: f64| if i < 120 { 0.0 } else { by };
    let rises = |i: usize| 100.0 + rhythm(i) + jump(i, 45.0) + noise(i, 1);
    // Here the incident is the half in which it falls.
    let leaks =
        |i: usize| 100.0 - rhythm(i) + jump(i, 20.0 + 2.0 * (i as f64 - 120.0)) + noise(i, 2);
    let columns = [(0..140).map(rises).collect(), (0..140).map(leaks).collect()];
    let metrics = ["web:heap", "cart:heap"].map(|name| Metric::parse(name, ":").unwrap());
    let times: Vec<_> = (0..140).map(|i| Timestamp::from_secs(60 * i)).collect();
    let mut options = Options::default();
    options.onset_uncertainty = std::time::Duration::ZERO;
    let onset = Some(Timestamp::from_secs(60 * 120));
    // Whole, and without half a cycle, as when that belonged to another incident.
    for gap in [0..0, 50..70] {
        let kept: Vec<usize> = (0..140).filter(|i| !gap.contains(i)).collect();
        let of = |column: &Vec<f64>| kept.iter().map(|&i| column[i]).collect();
        let some = columns.iter().map(of).collect();
        let moments = kept.iter().map(|&i| times[i]).collect();
        let data = Observations::new(moments, metrics.to_vec(), some).unwrap();
        let report = analyse_observations(&data, None, onset, &Graph::new(), &options).unwrap();
        let leaks = report
            .patterns
            .iter()
            .filter(|p| p.pattern == "memory_leak");
        let leaks: Vec<&str> = leaks.map(|p| p.services[0].as_str()).collect();
        assert_eq!(leaks, ["cart"], "{gap:?}: {:#?}", report.patterns);
    }
}

#[test]
fn a_roll_out_minutes_before_the_onset_is_seen() {
    use bongsu_rca::pattern::{Shape, defaults};
    // Rows are 15 seconds apart; the version goes from one to the next of many.
    let found = |rows: Option<usize>, within: Option<f64>, steps: [f64; 2]| {
        let mut columns = shop([0.0, 9.0, 0.0, 0.0]).columns().to_vec();
        let mut metrics = shop([0.0; 4]).metrics().to_vec();
        metrics.push(Metric::new("cart", "deployment_generation"));
        let at = rows.map_or(usize::MAX, |rows| ONSET - rows);
        columns.push((0..ROWS).map(|i| steps[usize::from(i >= at)]).collect());
        let data = Observations::new(times(ROWS), metrics, columns).unwrap();
        let mut options = Options::default();
        options.patterns = defaults();
        for pattern in &mut options.patterns {
            if let (Shape::Precedes { within_seconds }, Some(within)) = (&mut pattern.shape, within)
            {
                *within_seconds = within;
            }
        }
        let report = analyse_observations(&data, None, Some(onset()), &graph(), &options).unwrap();
        let mut found = report.patterns.into_iter();
        found
            .find(|p| p.pattern == "deployment_change")
            .map(|p| (p.confidence, p.evidence))
    };
    let version = [351.0, 352.0];
    for (rows, confidence) in [
        (0, 100.0),
        (6, 95.0),
        (20, 100.0 - 50.0 / 3.0),
        (56, 100.0 - 140.0 / 3.0),
    ] {
        let (seen, evidence) = found(Some(rows), None, version).unwrap();
        assert!((seen - confidence).abs() < 1e-9, "{rows}: {seen}");
        assert!(
            evidence.contains(&format!("changed {} s before", 15 * rows)),
            "{evidence}"
        );
    }
    // Earlier than what is asked for is normal, and so is a version that stays.
    assert_eq!(found(Some(20), Some(120.0), version), None);
    assert_eq!(found(None, None, version), None);
    // A setting that reaches before the data leaves some of these as normal.
    assert!(found(Some(60), Some(36_000.0), version).is_some());
}

/// What comes before says nothing of the roll-out at the onset.
#[test]
fn a_roll_out_is_seen_whatever_was_rolled_out_before() {
    // Values from rows on, of 600 rows of which the 400th is the onset; the window holds 60.
    let found = |levels: &[(usize, f64)]| {
        let value = |i: usize| {
            let level = levels.iter().rev().find(|(row, _)| i >= *row);
            level.map_or(351.0, |(_, value)| *value)
        };
        let latency = |i: usize| 10.0 + noise(i, 3) + if i < 400 { 0.0 } else { 9.0 };
        let columns = vec![
            (0..600).map(value).collect(),
            (0..600).map(latency).collect(),
        ];
        let metrics = ["generation", "latency"].map(|name| Metric::new("app", name));
        let data = Observations::new(times(600), metrics.to_vec(), columns).unwrap();
        let onset = Some(Timestamp::from_secs(15 * 400));
        let report =
            analyse_observations(&data, None, onset, &Graph::new(), &Options::default()).unwrap();
        let mut found = report.patterns.into_iter();
        found
            .find(|p| p.pattern == "deployment_change")
            .map(|p| p.evidence)
    };
    let ago = |seconds: u32| Some(format!("generation changed {seconds} s before the onset"));
    let nan = f64::NAN;
    // Earlier by hours, by a while within the window, back, and after the onset.
    assert_eq!(found(&[(100, 352.0), (380, 353.0)]), ago(300));
    assert_eq!(found(&[(100, 352.0), (200, 353.0), (380, 354.0)]), ago(300));
    assert_eq!(found(&[(350, 352.0), (392, 353.0)]), ago(120));
    assert_eq!(found(&[(100, 352.0), (392, 351.0)]), ago(120));
    assert_eq!(found(&[(392, 352.0), (450, 353.0)]), ago(120));
    // A series of one version begins, with moments that are missing since.
    assert_eq!(
        found(&[(0, nan), (392, 1.0), (420, nan), (422, 1.0)]),
        ago(120)
    );
    // A spike is no version, one long before is normal, and what changes all the time says nothing.
    assert_eq!(found(&[(392, 352.0), (394, 351.0)]), None);
    assert_eq!(found(&[(100, 352.0)]), None);
    assert_eq!(found(&[(100, 352.0), (450, 353.0)]), None);
    let often: Vec<(usize, f64)> = (0..60).map(|k| (10 * k, k as f64)).collect();
    assert_eq!(found(&often), None);
}

/// A metric that rises by `slope` a row from the onset on, with noise that remembers `memory` of itself.
fn rising(slope: f64, jump: f64, memory: f64, seed: usize) -> RcaReport {
    use bongsu_rca::pattern::{Pattern, Shape};
    let mut last = 0.0;
    let mut value = |i: usize| {
        last = memory * last + noise(i, seed);
        let since = i.saturating_sub(ONSET) as f64;
        100.0 + last + if i < ONSET { 0.0 } else { jump + slope * since }
    };
    let column = (0..ROWS).map(&mut value).collect();
    let metric = Metric::new("cart", "heap");
    let data = Observations::new(times(ROWS), vec![metric], vec![column]).unwrap();
    let mut options = Options::default();
    options.onset_uncertainty = std::time::Duration::ZERO;
    options.patterns = vec![Pattern {
        name: "leak".into(),
        metrics: Vec::new(),
        shape: Shape::GradualIncrease {
            within_seconds: 3_600.0,
            limit: Some(1_000.0),
        },
        min_confidence: 0.0,
    }];
    analyse_observations(&data, None, Some(onset()), &Graph::new(), &options).unwrap()
}

#[test]
fn the_time_to_a_limit_has_an_interval() {
    let mut covered = 0;
    for seed in 0..40 {
        let report = rising(0.5, 0.0, 0.5, seed);
        let left = report.patterns[0].time_to_limit.unwrap();
        // The last row is the 39th after the onset; a row is 15 seconds.
        let truth = 15.0 * (1_000.0 - 100.0 - 0.5 * 39.0) / 0.5;
        assert!(left.soonest_seconds < left.seconds && left.seconds < left.latest_seconds);
        assert!((left.seconds / truth - 1.0).abs() < 0.2, "{left:?} {truth}");
        covered += u32::from((left.soonest_seconds..=left.latest_seconds).contains(&truth));
    }
    assert!(covered >= 36, "{covered} of 40");
    let evidence = &rising(0.5, 0.0, 0.5, 0).patterns[0].evidence;
    assert!(
        evidence.contains("(95 %: ") && evidence.contains(" s before 1000 ("),
        "{evidence}"
    );
}

#[test]
fn what_only_wanders_is_no_leak() {
    // A jump at the onset to a level that is noisy but does not rise.
    let mut found = 0;
    for seed in 0..60 {
        found += rising(0.0, 4.0, 0.9, seed).patterns.len();
    }
    assert!(found <= 6, "{found} of 60");
}

/// Sums of noise from the onset on, without and with a rise.
fn wandering(seed: usize, slope: f64) -> bool {
    let mut sum = 0.0;
    let mut value = |i: usize| {
        if i >= 80 {
            sum += noise(i, seed) + slope;
        }
        100.0 + sum + 0.1 * noise(i, 7_000 + seed)
    };
    let column = (0..280).map(&mut value).collect();
    let data =
        Observations::new(times(280), vec![Metric::new("cart", "heap")], vec![column]).unwrap();
    let mut options = Options::default();
    options.onset_uncertainty = std::time::Duration::ZERO;
    let onset = Some(Timestamp::from_secs(15 * 80));
    let report = analyse_observations(&data, None, onset, &Graph::new(), &options).unwrap();
    report.patterns.iter().any(|p| p.pattern == "memory_leak")
}

#[test]
fn a_random_walk_is_seldom_a_leak() {
    let found = (0..200).filter(|&seed| wandering(seed, 0.0)).count();
    // Half of them end high, and of 200 such values two are independent of each other: 25 are taken for a
    // leak; with an autocorrelation of 0.85 at most it would be 35.
    assert!(found <= 28, "{found} of 200");
    let found = (0..40).filter(|&seed| wandering(seed, 0.3)).count();
    assert!(found >= 36, "{found} of 40");
}
