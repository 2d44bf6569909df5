//! What judging a large query takes, beside the fleet on the same detectors.

use std::time::Instant;

use bongsu_stream::fleet::{Batch, Fleet, FleetQuery};

use super::*;
use crate::config::Span;

const SERIES: usize = 20_000;
const TICKS: i64 = 240;

fn value(i: usize, tick: i64) -> f64 {
    100.0 + ((i as i64 * 31 + tick * 7919) % 101) as f64 / 10.0
}

fn at(tick: i64) -> Timestamp {
    Timestamp::from_secs(60 * tick)
}

fn milliseconds(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    1e3 * took[took.len() / 2]
}

/// The median time of a tick and the bytes of a series on the heap, of a query as `set` makes it.
fn judged(set: impl Fn(&mut QueryConfig), per_day: Option<f64>) -> (f64, usize) {
    let mut query = QueryConfig::new("q", "x");
    query.step = Span::from_secs(60);
    set(&mut query);
    let mut judge = Judge::new(&query, SERIES).unwrap();
    judge.allow(per_day);
    let late = query.late.millis() / 60_000;
    let labels: Vec<Labels> = (0..SERIES)
        .map(|i| Labels::from_pairs([(METRIC_NAME, "load"), ("pod", &format!("p{i:05}"))]).unwrap())
        .collect();
    let (mut known, mut budget, mut took) = (Vec::new(), Budget::default(), Vec::new());
    for tick in 0..TICKS {
        let one = |(i, labels): (usize, &Labels)| {
            let ticks = (tick - late).max(0)..=tick;
            let times = ticks.clone().map(at).collect();
            Series::new(labels.clone(), times, ticks.map(|t| value(i, t)).collect()).unwrap()
        };
        let series = labels.iter().enumerate().map(one).collect();
        let grid = Grid {
            from: at(tick),
            to: at(tick),
        };
        let begun = Instant::now();
        let pieces = judge.gather(series);
        let judged = judge.judge(&mut known, pieces, grid, true, tick == 0, Some(&mut budget));
        took.push(begun.elapsed().as_secs_f64());
        assert_eq!(judged.findings.len(), SERIES);
    }
    let bytes: usize = known.iter().map(SeriesState::heap_bytes).sum();
    let took = took.split_off(took.len() / 2);
    (
        milliseconds(took),
        size_of::<SeriesState>() + bytes / SERIES,
    )
}

/// `cargo test --release -p bongsu-engine --lib judging_a_large_query -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "its result is a table")]
fn judging_a_large_query() {
    println!("| 20,000 series of `ewma`, a point each | ms a tick | bytes a series |");
    let print =
        |name: &str, (took, bytes): (f64, usize)| println!("| {name} | {took:.1} | {bytes} |");
    print("the service", judged(|_| {}, None));
    print("with a budget", judged(|_| {}, Some(10.0)));
    print(
        "with `late: 10m`",
        judged(|query| query.late = Span::from_secs(600), None),
    );

    let StreamState::Ewma(detector) = registry::build("ewma", &[].into()).unwrap() else {
        panic!("`ewma` is another detector");
    };
    let mut fleet = Fleet::new();
    let id = fleet
        .add_query(FleetQuery::new("q", detector).max_series(SERIES).unwrap())
        .unwrap();
    let series: Vec<u64> = (0..SERIES as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let (mut out, mut took) = (Vec::new(), Vec::new());
    for tick in 0..TICKS {
        let times = vec![at(tick); SERIES];
        let values: Vec<f64> = (0..SERIES).map(|i| value(i, tick)).collect();
        let begun = Instant::now();
        fleet
            .update(id, &Batch::new(&series, &times, &values).unwrap(), &mut out)
            .unwrap();
        took.push(begun.elapsed().as_secs_f64());
    }
    let took = took.split_off(took.len() / 2);
    print(
        "the fleet, scores only",
        (
            milliseconds(took),
            fleet.memory_usage().per_series() as usize,
        ),
    );
}
