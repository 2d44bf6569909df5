//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{Detector, Snapshot, StreamDetector, snapshot};
use bongsu_stats::{Ewma, Iqr, RobustZ, ZScore};

fn points() -> Vec<f64> {
    (0..40)
        .map(|i| f64::from(i * i % 17) + if i == 23 { 100.5 } else { 0.25 })
        .collect()
}

fn check<T: Snapshot>(state: &T) {
    let name = format!("{}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(&name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    // Not compared with `state`: the last digit of `exp` may differ from platform to platform.
    assert_eq!(
        std::fs::read(&path).unwrap(),
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout of {} has changed: raise its version",
        T::KIND
    );
}

fn taught<T: StreamDetector>(mut stream: T) -> T {
    for x in points() {
        stream.learn(&[x]).unwrap();
    }
    stream
}

#[test]
fn every_snapshot_kind_loads() {
    let zscore = taught(ZScore::new().window(12).unwrap().build().unwrap());
    check(&zscore);
    let robust_z = taught(RobustZ::new().window(12).unwrap().build().unwrap());
    check(&robust_z);
    let iqr = taught(Iqr::new().window(12).unwrap().build().unwrap());
    check(&iqr);
    let ewma = taught(Ewma::new().build().unwrap());
    check(&ewma);
    let fitted_robust_z = RobustZ::new().fit_column(&points()).unwrap();
    check(&fitted_robust_z);
    let fitted_iqr = Iqr::new().fit_column(&points()).unwrap();
    check(&fitted_iqr);
    assert!(fitted_robust_z.threshold().is_some() && fitted_iqr.threshold().is_some());
}
