//! Snapshots of forests of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector, FitDetector, Snapshot, snapshot};
use bongsu_ml::{ExtendedIsolationForest, IsolationForest, RandomForest};

fn table() -> Array2<f64> {
    Array2::from_shape_fn((40, 3), |(i, j)| ((i * i + 3 * j * i) % 17) as f64 + 0.25)
}

/// The model as it was saved.
fn check<T: Snapshot>(state: &T) -> T {
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
    loaded
}

#[test]
fn isolation_forests_load() {
    let config = IsolationForest::new().trees(8).unwrap();
    let forest = config.contamination(0.1).unwrap().fit(table().view());
    let forest = forest.unwrap();
    let loaded = check(&forest);
    // The thresholds of splits are sums and products, the same everywhere.
    assert_eq!(loaded.score(table().view()).unwrap().len(), 40);
    assert_eq!(loaded.n_nodes(), forest.n_nodes());
}

#[test]
fn random_forests_load() {
    let y: Vec<f64> = table().column(0).iter().map(|v| v * 0.5).collect();
    let config = RandomForest::new().trees(4).unwrap();
    let forest = config.fit(table().view(), &y).unwrap();
    let loaded = check(&forest);
    assert_eq!(loaded.n_nodes(), forest.n_nodes());
    assert_eq!(loaded.predict(table().view()).unwrap().len(), 40);
}

#[test]
fn extended_isolation_forests_load() {
    let config = ExtendedIsolationForest::new().trees(3).unwrap();
    let forest = config.fit(table().view()).unwrap();
    let loaded = check(&forest);
    assert_eq!(loaded.n_nodes(), forest.n_nodes());
    assert_eq!(loaded.score(table().view()).unwrap().len(), 40);
}
