//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{DriftDetector, Snapshot, snapshot};
use bongsu_stream::{
    Adwin, Ddm, DriftMethod, DriftMonitor, Eddm, HddmA, HddmW, Kswin, PageHinkley,
};

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

fn taught<T: DriftDetector>(mut detector: T) -> T {
    for i in 0..90_u32 {
        detector.update(f64::from(i * i % 5 == 1)).unwrap();
    }
    detector
}

#[test]
fn every_snapshot_kind_loads() {
    check(&taught(Adwin::new().build().unwrap()));
    check(&taught(Ddm::new().build().unwrap()));
    check(&taught(Eddm::new().build().unwrap()));
    check(&taught(HddmA::new().build().unwrap()));
    check(&taught(HddmW::new().build().unwrap()));
    check(&taught(PageHinkley::new().build().unwrap()));
    let kswin = Kswin::new().window_size(20).unwrap();
    let kswin = kswin.stat_size(10).unwrap();
    check(&taught(kswin.build().unwrap()));
    let state = DriftMethod::Kswin(kswin).build().unwrap();
    check(&taught(state.clone()));
    check(&taught(
        DriftMonitor::new(state)
            .min_points(10)
            .confirm(2, 50)
            .unwrap(),
    ));
}
