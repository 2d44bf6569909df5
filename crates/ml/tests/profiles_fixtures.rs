//! Snapshots of every released version still load, and encode to the same bytes again; and how
//! large they are.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::Array2;
use bongsu_core::{FitDetector, Snapshot, snapshot};
use bongsu_ml::{Cblof, Copod, Ecod, Hbos, KMeans, Pca, Subsequences};

fn table(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        ((i * i * (j + 1) + 3 * j) % 23) as f64 + if i == 17 { 40.5 } else { 0.25 }
    })
}

fn check<T: Snapshot>(state: &T) {
    let name = format!("{}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(&name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
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
    let x = table(40, 4);
    check(&Pca::new().fit(x.view()).unwrap());
    check(&Hbos::new().fit(x.view()).unwrap());
    check(&Ecod::new().fit(x.view()).unwrap());
    check(&Copod::new().fit(x.view()).unwrap());
    check(&KMeans::new().fit(x.view()).unwrap());
    check(&Cblof::new().fit(x.view()).unwrap());
    let windows = Subsequences::sub_pca().window(6).unwrap();
    check(&windows.fit(x.view()).unwrap());
}

fn size<C: FitDetector<Fitted: Snapshot>>(config: &C, x: &Array2<f64>) -> usize {
    let fitted = config.fit(x.view()).unwrap();
    snapshot::to_bytes(&fitted).unwrap().len()
}

#[test]
fn models_are_as_small_as_they_say() {
    let (short, long) = (table(100, 6), table(10_000, 6));
    let pca = size(&Pca::new(), &long);
    assert!(pca <= 8 * (6 * 7 + 4 * 6) + 200, "{pca}");
    let hbos = size(&Hbos::new(), &long);
    assert!(hbos <= 6 * (16 * 10 + 60) + 200, "{hbos}");
    let kmeans = size(&KMeans::new(), &long);
    assert!(kmeans <= 8 * (8 + 1) * 6 + 200, "{kmeans}");
    let cblof = size(&Cblof::new(), &long);
    assert!(cblof <= 8 * (8 + 1) * (6 + 1) + 200, "{cblof}");
    for (rows, x) in [(100, short), (10_000, long)] {
        let (ecod, copod) = (size(&Ecod::new(), &x), size(&Copod::new(), &x));
        assert!(ecod <= 8 * rows * 6 + 200, "{ecod}");
        assert!(copod <= 8 * rows * 6 + 200, "{copod}");
    }
}
