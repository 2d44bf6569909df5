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
use bongsu_stream::{HalfSpaceTrees, RandomCutForest};

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
    for i in 0..90_u32 {
        let x = f64::from(i * i % 17) / 17.0;
        stream.learn(&[x, 1.0 - x * x]).unwrap();
    }
    stream
}

#[test]
fn every_snapshot_kind_loads() {
    let trees = HalfSpaceTrees::small().trees(2).unwrap();
    let trees = trees.height(4).unwrap().window(40).unwrap();
    check(&taught(trees.build(2).unwrap()));
    let forest = RandomCutForest::new().trees(3).unwrap();
    let forest = forest.sample_size(20).unwrap().shingle(2).unwrap();
    check(&taught(forest.build(2).unwrap()));
}
