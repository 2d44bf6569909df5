//! Plans many series for `benches/peers/capacity.py`: a JSON list of cases on standard input, their
//! answers on standard output.
//!
//! A case is `{"name", "step_seconds", "values", "threshold", "horizon_days", "level"}`, with null for a
//! missing value.

// xtask: skip benches/peers/capacity.py runs it, on the cases that it writes
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for measurements, which stops at the first fault"
)]

use std::time::Instant;

use bongsu_capacity::{Candidate, Planner, Resource};
use bongsu_core::{Labels, SeriesView, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Case {
    name: String,
    step_seconds: i64,
    values: Vec<Option<f64>>,
    threshold: f64,
    horizon_days: f64,
    level: f64,
    #[serde(default)]
    candidates: Vec<String>,
}

fn main() {
    let cases: Vec<Case> = serde_json::from_reader(std::io::stdin().lock()).unwrap();
    let answers: Vec<Value> = cases.iter().map(answer).collect();
    println!("{}", Value::from(answers));
}

fn answer(case: &Case) -> Value {
    let steps = 1..=case.values.len() as i64;
    let times: Vec<_> = steps
        .map(|i| Timestamp::from_secs(i * case.step_seconds))
        .collect();
    let values: Vec<f64> = case.values.iter().map(|v| v.unwrap_or(f64::NAN)).collect();
    let labels = Labels::empty();
    let series = SeriesView::new(&labels, &times, &values).unwrap();
    let mut planner = Planner::new()
        .horizon((case.horizon_days * 86_400_000.0) as i64)
        .unwrap()
        .level(case.level)
        .unwrap();
    if !case.candidates.is_empty() {
        let names = case.candidates.iter();
        let chosen: Vec<_> = names.map(|n| Candidate::from_name(n).unwrap()).collect();
        planner = planner.candidates(&chosen).unwrap();
    }
    let resource = Resource::new(&case.name, case.threshold).unwrap();
    let start = Instant::now();
    let answer = planner.plan(&series, &resource, &[]);
    let seconds = start.elapsed().as_secs_f64();
    match answer {
        Ok(planned) => json!({"plan": planned.report, "seconds": seconds}),
        Err(error) => json!({"error": error.to_string(), "seconds": seconds}),
    }
}
