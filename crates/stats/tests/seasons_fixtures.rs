//! Snapshots of the seasonal detectors still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::Array2;
use bongsu_core::{FitDetector, Rows, Snapshot, Timestamp, snapshot};
use bongsu_stats::calendar::Bins;
use bongsu_stats::{Profile, Seasonal, Shesd};

fn check<T: Snapshot>(state: &T) {
    let name = format!("{}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(&name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    // Not compared with `state`: the last digits of transforms may differ between platforms.
    assert_eq!(
        std::fs::read(&path).unwrap(),
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout of {} has changed: raise its version",
        T::KIND
    );
}

#[test]
fn every_snapshot_kind_loads() {
    let values =
        Array2::from_shape_fn((96, 1), |(i, _)| (i % 12) as f64 + (i * i % 7) as f64 / 5.0);
    let times: Vec<_> = (0..96).map(|h| Timestamp::from_secs(3_600 * h)).collect();
    let rows = Rows::at(&times, values.view()).unwrap();
    let seasonal = Seasonal::stl().period(12).unwrap();
    check(&seasonal.fit_score(&rows).unwrap().0);
    let profile = Profile::new().bins(Bins::HourOfDay).unwrap();
    let profile = profile.timezone("Europe/Berlin").unwrap();
    check(&profile.fit_score(&rows).unwrap().0);
    let shesd = Shesd::new().period(12).unwrap().piece(48).unwrap();
    check(&shesd.fit_score(&rows).unwrap().0);
}
