//! Why a row of several channels is anomalous, as a verdict carries it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;

use bongsu_core::{Direction, Labels};
use bongsu_engine::{DetectRequest, Table, detect};

fn request(detector: &str, explain: bool) -> DetectRequest {
    DetectRequest {
        detector: detector.to_owned(),
        parameters: BTreeMap::new(),
        explain,
        ..DetectRequest::default()
    }
}

#[test]
fn a_verdict_names_the_channel_that_stands_out() {
    let mut csv = String::from("timestamp,cpu,memory,disk\n");
    for i in 0..200 {
        let noise = |k: u64| (i * k % 89) as f64 / 89.0;
        let memory = if i == 120 { 25.0 } else { noise(7919) };
        csv += &format!(
            "{},{},{memory},{}\n",
            60 * i,
            noise(104_729),
            noise(1_299_709)
        );
    }
    let table = Table::read(csv.as_bytes()).unwrap();
    for detector in ["isolation-forest", "lof", "knn"] {
        let rows = detect(&table, &request(detector, true)).unwrap();
        let verdict =
            rows[120]
                .clone()
                .into_verdict(table.timestamps[120], Labels::default(), None);
        assert!(
            verdict.anomalous && verdict.score.unwrap() > 1.0,
            "{detector}"
        );
        let why = verdict.explanation.unwrap();
        assert_eq!(
            why.contributions[0].feature, "memory",
            "{detector}: {}",
            why.summary
        );
        assert!(
            why.summary.starts_with("memory "),
            "{detector}: {}",
            why.summary
        );
        let total: f64 = why.contributions.iter().map(|one| one.share).sum();
        assert!((total - 1.0).abs() < 1e-9, "{detector}: {total}");
        let silent = detect(&table, &request(detector, false)).unwrap();
        assert!(
            silent.iter().all(|row| row.explanation.is_none()),
            "{detector}"
        );
    }
}

#[test]
fn a_verdict_of_a_single_channel_has_its_band() {
    let mut csv = String::from("timestamp,load\n");
    for i in 0..60 {
        csv += &format!("{},{}\n", 60 * i, if i == 40 { 50 } else { i % 5 });
    }
    let table = Table::read(csv.as_bytes()).unwrap();
    let rows = detect(&table, &request("iqr", false)).unwrap();
    let verdict =
        rows[40]
            .clone()
            .into_verdict(table.timestamps[40], Labels::default(), Some(50.0));
    assert_eq!(verdict.direction, Some(Direction::Up));
    assert!(verdict.upper.unwrap() < 50.0 && verdict.lower.unwrap() < 0.0);
    assert_eq!(verdict.expected, Some(2.0));
}
