//! What a fleet says of its memory is what the operating system says. Alone in its process, so that
//! nothing else moves the figure.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::Timestamp;
use bongsu_stats::Ewma;
use bongsu_stream::fleet::{Batch, Fleet, FleetQuery};

/// The bytes of this process that are in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1_024.0
}

#[test]
fn memory_usage_is_true_within_a_tenth() {
    const SERIES: usize = 200_000;
    let series: Vec<u64> = (1..=SERIES as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let values: Vec<f64> = series.iter().map(|f| (f >> 44) as f64).collect();
    let mut times = vec![Timestamp::from_secs(0); SERIES];
    let mut out = Vec::with_capacity(SERIES);
    let before = resident();
    let mut fleet = Fleet::new();
    let id = fleet
        .add_query(FleetQuery::new("q", Ewma::new().build().unwrap()))
        .unwrap();
    for t in 0..40 {
        times.fill(Timestamp::from_secs(t));
        let batch = Batch::new(&series, &times, &values).unwrap();
        fleet.update(id, &batch, &mut out).unwrap();
    }
    let usage = fleet.memory_usage();
    // The results are the caller's.
    let results = (out.capacity() * size_of_val(&out[0])) as f64;
    let measured = resident() - before - results;
    let share = usage.total() as f64 / measured;
    assert!(
        (0.9..1.1).contains(&share),
        "{usage:?} where {measured} bytes were measured"
    );
    assert!(usage.per_series() < 512.0, "{usage:?}");
}
