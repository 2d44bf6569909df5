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
use bongsu_core::{FitDetector as _, Labels, Series, Snapshot, Timestamp, snapshot};
use bongsu_forecast::{Conformal, ForecastDetector, Mstl, Naive};

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
    let times = (0..40).map(|i| Timestamp::from_secs(3600 * i)).collect();
    let value = |i: i32| 10.0 + f64::from(i % 4) + 0.1 * f64::from(i * i % 7);
    let values: Vec<f64> = (0..40).map(value).collect();
    let series = Series::new(Labels::empty(), times, values.clone()).unwrap();
    let conformal = Conformal::new(Naive::seasonal(4).unwrap(), 2).unwrap();
    let fitted = conformal.fit(&series.view()).unwrap();
    check(fitted.band());
    check(&fitted);
    let mstl = Mstl::new(&[4]).unwrap();
    check(&mstl.fit(&series.view()).unwrap());
    let x = Array2::from_shape_vec((40, 1), values).unwrap();
    let detector = ForecastDetector::new(Naive::last())
        .adaptive(Some(0.01))
        .unwrap();
    check(&detector.fit(x.view()).unwrap());
}
