//! A shop of services whose metrics jump.
#![allow(dead_code, reason = "not every test file uses all of it")]

use bongsu_core::Timestamp;
use bongsu_rca::{
    Graph, Metric, Observations, Options, Provenance, Ranker, RcaReport, analyse_observations,
};

pub(crate) const ROWS: usize = 120;
pub(crate) const ONSET: usize = 80;

/// Noise that is the same on every machine.
pub(crate) fn noise(i: usize, s: usize) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (s as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

pub(crate) fn times(rows: usize) -> Vec<Timestamp> {
    (0..rows)
        .map(|i| Timestamp::from_secs(15 * i as i64))
        .collect()
}

pub(crate) fn onset() -> Timestamp {
    Timestamp::from_secs(15 * ONSET as i64)
}

/// shop calls cart and pay, cart calls store. From the onset on latencies rise as `jumps` say.
pub(crate) fn shop(jumps: [f64; 4]) -> Observations {
    let mut metrics = Vec::new();
    let mut columns = Vec::new();
    for (s, (service, jump)) in ["shop", "cart", "pay", "store"]
        .into_iter()
        .zip(jumps)
        .enumerate()
    {
        for (m, name) in ["latency", "cpu", "requests"].into_iter().enumerate() {
            metrics.push(Metric::new(service, name));
            let rise = if name == "latency" { jump } else { 0.0 };
            let value = |i| 10.0 + noise(i, 10 * s + m) + if i >= ONSET { rise } else { 0.0 };
            columns.push((0..ROWS).map(value).collect());
        }
    }
    Observations::new(times(ROWS), metrics, columns).unwrap()
}

pub(crate) fn graph() -> Graph {
    let mut graph = Graph::new();
    for (caller, callee) in [("shop", "cart"), ("shop", "pay"), ("cart", "store")] {
        graph.add(caller, callee, Provenance::Configured);
    }
    graph
}

pub(crate) fn analyse(data: &Observations, graph: &Graph, ranker: Ranker) -> RcaReport {
    let mut options = Options::default();
    options.ranker = ranker;
    analyse_observations(data, None, Some(onset()), graph, &options).unwrap()
}
