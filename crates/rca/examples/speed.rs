//! How long a case of 200 metrics and 3,600 moments takes, on one core.
//!
//! `cargo run --release -p bongsu-rca --example speed`; `benches/peers/rca.py` times BARO's Python on a
//! case of that size.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement ends with its first failure"
)]

use std::time::Instant;

use bongsu_core::Timestamp;
use bongsu_rca::correlation::lag_matrix;
use bongsu_rca::{Graph, Metric, Observations, Options, Provenance, Ranker, analyse_observations};
use rand::SeedableRng as _;
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;

const SERVICES: usize = 40;
const METRICS: usize = 200;
const ROWS: usize = 3_600;

fn main() {
    let mut rng = Pcg64::seed_from_u64(1);
    let columns: Vec<Vec<f64>> = (0..METRICS)
        .map(|m| {
            let mut level = 0.0;
            let value = |i: usize| {
                let noise: f64 = StandardNormal.sample(&mut rng);
                level = 0.7 * level + noise;
                10.0 + level + if m < 5 && i >= 2_700 { 8.0 } else { 0.0 }
            };
            (0..ROWS).map(value).collect()
        })
        .collect();
    let metrics = (0..METRICS).map(|m| Metric::new(format!("s{}", m / 5), format!("m{}", m % 5)));
    let times = (0..ROWS).map(|i| Timestamp::from_secs(i as i64)).collect();
    let data = Observations::new(times, metrics.collect(), columns.clone()).unwrap();
    let mut graph = Graph::new();
    for s in 1..SERVICES {
        graph.add(
            &format!("s{s}"),
            &format!("s{}", s / 2),
            Provenance::Configured,
        );
    }
    let mut options = Options::default();
    options.patterns.clear();
    options.relations = 0;
    let onset = Some(Timestamp::from_secs(2_700));
    for ranker in Ranker::ALL {
        options.ranker = ranker;
        time(ranker.name(), || {
            analyse_observations(&data, None, onset, &graph, &options).unwrap()
        });
    }
    options = Options::default();
    options.patterns.clear();
    time("default, with relations", || {
        analyse_observations(&data, None, onset, &graph, &options).unwrap()
    });
    options = Options::default();
    time("default, with patterns and relations", || {
        analyse_observations(&data, None, onset, &graph, &options).unwrap()
    });
    time("default, onset looked for", || {
        analyse_observations(&data, None, None, &graph, &options).unwrap()
    });
    time("correlations of all pairs at 61 lags", || {
        lag_matrix(&columns, 30).unwrap()
    });
}

fn time<T>(what: &str, run: impl Fn() -> T) {
    let mut millis: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(run());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    println!("{what:38} {:8.2} ms (best {:.2})", millis[4], millis[0]);
}
