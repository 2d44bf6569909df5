//! Incidents of a real system: the recording of `examples/lab`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[path = "../examples/accuracy/lab.rs"]
mod lab;

use bongsu_rca::{Options, RcaReport, analyse_observations};
use lab::LabCase;

fn report(case: &LabCase, late: i64) -> RcaReport {
    let onset = case.onset.add_millis(1000 * late);
    let mut options = Options::default();
    options.patterns.clear();
    analyse_observations(&case.data, None, Some(onset), &case.graph, &options).unwrap()
}

#[test]
fn the_recording_holds_what_its_page_says() {
    let cases = lab::cases();
    let faults: Vec<&LabCase> = cases.iter().filter(|case| case.fault).collect();
    assert_eq!((cases.len(), faults.len()), (42, 34));
    for case in &cases {
        let rows = case.data.n_rows();
        let whole = (110 + 150) / 2..=(110 + 154) / 2;
        assert!(
            whole.contains(&rows),
            "{rows}: {} of {}",
            case.kind,
            case.service
        );
        assert_eq!(case.data.row_at(case.onset), 110 / 2);
        assert_eq!(case.data.services().len(), 8);
        assert_eq!(case.graph.callees("stock"), ["cache", "database"]);
        // Nothing is missing in normal times but what nobody asked for.
        for (metric, column) in case.data.metrics().iter().zip(case.data.columns()) {
            let missing = column[..50].iter().filter(|x| x.is_nan()).count();
            assert!(
                missing < 10,
                "{metric}: {missing} in {} of {}",
                case.kind,
                case.service
            );
        }
    }
}

#[test]
fn what_is_plain_is_named() {
    let cases = lab::cases();
    let plain = [
        ("latency", "stock"),
        ("down", "cache"),
        ("slow_sql", "database"),
    ];
    for (kind, service) in plain {
        let case = cases
            .iter()
            .find(|c| c.kind == kind && c.service == service);
        let case = case.unwrap();
        let report = report(case, 0);
        let first: Vec<&str> = report
            .services
            .iter()
            .take(3)
            .map(|s| s.service.as_str())
            .collect();
        assert!(first.contains(&service), "{kind} of {service}: {first:?}");
        let sum: f64 = report.services.iter().map(|s| s.likelihood).sum();
        assert!((sum + report.none_likelihood - 100.0).abs() < 1e-6);
    }
}

#[test]
fn most_incidents_are_understood() {
    let cases = lab::cases();
    let faults = cases.iter().filter(|case| case.fault);
    for late in [0, 60] {
        let named = |case: &&LabCase| report(case, late).services[0].service == case.service;
        let first = faults.clone().filter(named).count();
        // Below what is measured, far above chance, which is one of eight.
        assert!(2 * first > faults.clone().count(), "{first} at {late} s");
    }
}
