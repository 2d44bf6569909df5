//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{Labels, Series, Snapshot, Timestamp, snapshot};
use bongsu_forecast::transform::Transform;
use bongsu_forecast::{Ces, Croston, Ensemble, Ets, Naive, Theta, Transformed};

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

fn series() -> Series {
    let times = (0..40).map(|i| Timestamp::from_secs(3600 * i)).collect();
    let value = |i: i32| 10.0 + f64::from(i % 4) + 0.1 * f64::from(i * i % 7);
    Series::new(Labels::empty(), times, (0..40).map(value).collect()).unwrap()
}

#[test]
fn every_snapshot_kind_loads() {
    let series = series();
    let ets = Ets::new("AAA".parse().unwrap()).damped(Some(true));
    check(&ets.period(4).unwrap().fit(&series.view()).unwrap());
    let seasonal = Naive::seasonal(4).unwrap();
    check(&seasonal.fit(&series.view()).unwrap());
    let theta = Theta::dynamic_optimised().period(4).unwrap();
    check(&theta.fit(&series.view()).unwrap());
    let ces = Ces::automatic().period(4).unwrap();
    check(&ces.fit(&series.view()).unwrap());
    check(&Croston::new().fit(&series.view()).unwrap());
    let members = vec![Naive::last().into(), Theta::new().into()];
    check(&Ensemble::new(members).unwrap().fit(&series.view()).unwrap());
    let logarithm = Transformed::new(Transform::Log, Naive::drift());
    check(&logarithm.fit(&series.view()).unwrap());
}
