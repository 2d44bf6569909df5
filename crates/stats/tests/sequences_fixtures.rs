//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::Array2;
use bongsu_core::{FitDetector as _, Snapshot, StreamDetector, snapshot};
use bongsu_stats::{Bocpd, SpectralResidual, Spot};

fn points(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| (i * i % 17) as f64 + if i == 23 { 100.5 } else { 0.25 })
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

fn taught<T: StreamDetector>(mut stream: T, n: usize) -> T {
    for x in points(n) {
        stream.learn(&[x]).unwrap();
    }
    stream
}

#[test]
fn every_snapshot_kind_loads() {
    let residual = SpectralResidual::new().window(32).unwrap();
    check(&taught(residual.build().unwrap(), 40));
    let rows = Array2::from_shape_vec((40, 1), points(40)).unwrap();
    check(&residual.fit(rows.view()).unwrap());
    check(&taught(Bocpd::new().build().unwrap(), 60));
    let spot = Spot::new().level(0.9).unwrap().calibration(120).unwrap();
    check(&taught(spot.depth(10).unwrap().build().unwrap(), 150));
}

/// What the documentation says of the size of a state.
#[test]
fn states_stay_within_their_stated_size() {
    let size = |bytes: Vec<u8>| bytes.len();
    let bocpd = taught(Bocpd::new().build().unwrap(), 5_000);
    assert!(size(snapshot::to_bytes(&bocpd).unwrap()) <= 200 * 40 + 200);
    let residual = SpectralResidual::new().build().unwrap();
    let residual = taught(residual, 5_000);
    assert!(size(snapshot::to_bytes(&residual).unwrap()) <= 250 * 8 + 100);
    let spot = Spot::new().level(0.5).unwrap().depth(50).unwrap();
    let spot = taught(spot.build().unwrap(), 20_000);
    let most = 16_200 + 16 * 50 + 8 * (1_000 + 40) + 400;
    assert!(size(snapshot::to_bytes(&spot).unwrap()) <= most);
}
