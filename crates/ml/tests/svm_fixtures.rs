//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::{Array2, Axis};
use bongsu_core::{FitDetector, Snapshot, snapshot};
use bongsu_ml::one_class_svm::Kernel;
use bongsu_ml::{LinearRegression, OneClassSvm, Poly, Scaled, Scaler, WindowFeatures};

fn table() -> Array2<f64> {
    Array2::from_shape_fn((40, 2), |(i, j)| ((i * i + 3 * j * i) % 17) as f64 + 0.25)
}

fn check<T: Snapshot>(name: &str, state: &T) {
    let name = format!("{}{name}-v{}.bngs", T::KIND, T::VERSION);
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
        "the layout of {name} has changed: raise its version"
    );
}

#[test]
fn every_snapshot_kind_loads() {
    let x = table();
    check("", &Scaler::Robust.fit(x.view()).unwrap());
    let config = OneClassSvm::new();
    check("", &config.fit(x.view()).unwrap());
    let linear = config.clone().kernel(Kernel::Linear);
    check(".linear", &linear.fit(x.view()).unwrap());
    check(
        "",
        &Scaled::new(Scaler::Standard, config).fit(x.view()).unwrap(),
    );
    let y: Vec<f64> = (0..40).map(|i| f64::from(i * 5 % 13)).collect();
    check("", &LinearRegression::new().fit(x.view(), &y).unwrap());
    let x = table().select(Axis(1), &[0]);
    check("", &Poly::new().window(12).unwrap().fit(x.view()).unwrap());
    let mut features = WindowFeatures::new().window(9).unwrap().build().unwrap();
    for x in y {
        features.push(x).unwrap();
    }
    check("", &features);
}
