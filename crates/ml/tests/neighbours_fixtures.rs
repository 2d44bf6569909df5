//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]

use std::path::Path;

use bongsu_core::ndarray::{Array2, Axis, Slice};
use bongsu_core::{FitDetector as _, Snapshot, snapshot};
use bongsu_ml::{Knn, Lof, MatrixProfile};

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

#[test]
fn every_snapshot_kind_loads() {
    let x = Array2::from_shape_fn((40, 2), |(row, column)| {
        ((row * row + 3 * column) % 17) as f64 + if row == 23 { 100.5 } else { 0.25 }
    });
    check(&Lof::new().neighbors(5).unwrap().fit(x.view()).unwrap());
    check(&Knn::new().fit(x.view()).unwrap());
    let series = x.slice_axis(Axis(1), Slice::from(0..1));
    let profile = MatrixProfile::new().windows(vec![5, 8]).unwrap();
    check(&profile.fit(series).unwrap());
}
