//! What the tests of the fleet share.

use bongsu_core::Timestamp;
use bongsu_core::snapshot::to_bytes;
use bongsu_stats::{Ewma, EwmaStream};
use bongsu_stream::fleet::{Batch, BatchReport, Counts, Fleet, FleetQuery, Judged, QueryId};

/// The fingerprint of series `i`.
pub(crate) fn fingerprint(i: u64) -> u64 {
    (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A value of series `i` at step `t`, the same whenever it is asked for.
pub(crate) fn value(i: u64, t: i64) -> f64 {
    let mixed = fingerprint(i ^ ((t as u64) << 20)) >> 33;
    100.0 * (i % 50 + 1) as f64 * (1.0 + 1e-10 * mixed as f64)
}

pub(crate) fn query(name: &str) -> FleetQuery<EwmaStream> {
    FleetQuery::new(name, Ewma::new().build().unwrap())
}

pub(crate) fn fleet(options: FleetQuery<EwmaStream>) -> (Fleet<EwmaStream>, QueryId) {
    let mut fleet = Fleet::new();
    let id = fleet.add_query(options).unwrap();
    (fleet, id)
}

/// Gives the fleet one sample a series at second `t`.
pub(crate) fn step(
    fleet: &mut Fleet<EwmaStream>,
    id: QueryId,
    series: std::ops::Range<u64>,
    t: i64,
) -> Vec<Judged> {
    let fingerprints: Vec<u64> = series.clone().map(fingerprint).collect();
    let times = vec![Timestamp::from_secs(t); fingerprints.len()];
    let values: Vec<f64> = series.map(|i| value(i, t)).collect();
    let mut out = Vec::new();
    let batch = Batch::new(&fingerprints, &times, &values).unwrap();
    fleet.update(id, &batch, &mut out).unwrap();
    out
}

/// A series: its fingerprint, its newest moment and the bytes of its detector.
pub(crate) type Kept = (u64, Timestamp, Vec<u8>);

/// Everything that a fleet knows, in an order of its own.
pub(crate) fn state(fleet: &Fleet<EwmaStream>, id: QueryId) -> (u64, Counts, Vec<Kept>) {
    let mut series: Vec<_> = fleet
        .series(id)
        .unwrap()
        .map(|fingerprint| {
            let (detector, newest) = fleet.get(id, fingerprint).unwrap().unwrap();
            (fingerprint, newest, to_bytes(detector).unwrap())
        })
        .collect();
    series.sort();
    (fleet.batches(), fleet.counts(id).unwrap(), series)
}

/// A batch of one series.
pub(crate) fn give(
    fleet: &mut Fleet<EwmaStream>,
    id: QueryId,
    samples: &[(i64, f64)],
) -> (Vec<Judged>, BatchReport) {
    let times: Vec<_> = samples
        .iter()
        .map(|&(t, _)| Timestamp::from_secs(t))
        .collect();
    let values: Vec<f64> = samples.iter().map(|&(_, x)| x).collect();
    let series = vec![fingerprint(0); samples.len()];
    let mut out = Vec::new();
    let batch = Batch::new(&series, &times, &values).unwrap();
    let report = fleet.update(id, &batch, &mut out).unwrap();
    (out, report)
}
