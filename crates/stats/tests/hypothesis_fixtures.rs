//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{Snapshot, StreamDetector as _, snapshot};
use bongsu_stats::{Cusum, Gesd, TwoWindow};

fn points() -> Vec<f64> {
    (0..40)
        .map(|i| f64::from(i * i % 17) + if i == 23 { 100.5 } else { 0.25 })
        .collect()
}

fn check<T: Snapshot>(state: &T, most_bytes: usize) {
    let name = format!("{}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(&name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    // Not compared with `state`: the last digit of `ln` may differ from platform to platform.
    let bytes = snapshot::to_bytes(&loaded).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        bytes,
        "the layout of {} has changed: raise its version",
        T::KIND
    );
    assert!(
        bytes.len() <= most_bytes,
        "{} takes {} bytes",
        T::KIND,
        bytes.len()
    );
}

#[test]
fn every_snapshot_kind_loads() {
    check(&Gesd::new().fit_column(&points()).unwrap(), 120);
    let mut cusum = Cusum::new().warmup(20).unwrap().build().unwrap();
    let two_window = TwoWindow::new().reference(20).unwrap().recent(10).unwrap();
    let mut two_window = two_window.build().unwrap();
    for x in points() {
        cusum.learn(&[x]).unwrap();
        two_window.learn(&[x]).unwrap();
    }
    check(&cusum, 230);
    check(&two_window, 8 * 30 + 100);
}
