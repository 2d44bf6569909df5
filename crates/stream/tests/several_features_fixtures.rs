//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{Snapshot, StreamDetector, snapshot};
use bongsu_stream::{Bound, Loda, MicroClusters};

fn check<T: Snapshot>(state: &T) {
    let name = format!("{}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(&name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout of {} has changed: raise its version",
        T::KIND
    );
}

fn taught<T: StreamDetector>(mut stream: T) -> T {
    for i in 0..150_u32 {
        let x = f64::from(i * i % 17) / 17.0;
        stream.learn(&[x, 1.0 - x * x]).unwrap();
    }
    stream
}

#[test]
fn every_snapshot_kind_loads() {
    let clusters = MicroClusters::new().clusters(10).unwrap();
    check(&taught(clusters.build(2).unwrap()));
    let loda = Loda::new().projections(10).unwrap().bins(16).unwrap();
    check(&taught(loda.build(2).unwrap()));
    let bound = Bound::new().calibration(45).unwrap();
    check(&taught(bound.on(clusters.build(2).unwrap()).unwrap()));
}
