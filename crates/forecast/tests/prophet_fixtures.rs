//! Snapshots of every released version of the Prophet model still load, and encode to the same bytes
//! again.
//!
//! With `BLESS=1` in the environment a missing fixture is written; an existing one never changes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{Labels, Series, Snapshot, Timestamp, snapshot};
use bongsu_forecast::Prophet;
use bongsu_forecast::prophet::{Columns, FittedProphet, Holiday, Mode, Regressor, Seasonality};

fn fitted() -> FittedProphet {
    let times = (0..100)
        .map(|i| Timestamp::from_secs(6 * 3600 * i))
        .collect();
    let value = |i: i32| 10.0 + f64::from(i % 4) + 0.1 * f64::from(i * i % 7);
    let series = Series::new(Labels::empty(), times, (0..100).map(value).collect()).unwrap();
    let load: Vec<f64> = (0..100).map(|i| f64::from(i * 7 % 11)).collect();
    let free: Vec<f64> = (0..100).map(|i| f64::from(i % 3 == 0)).collect();
    let holiday = Holiday::new("new_year", ["1970-01-01", "1971-01-01"]).unwrap();
    let seasonality = Seasonality::new("half", 3.5, 2).unwrap();
    let model = Prophet::new()
        .add_holiday(holiday.window(0, 1).unwrap())
        .unwrap()
        .add_seasonality(seasonality.condition("free").unwrap())
        .unwrap()
        .add_regressor(Regressor::new("load").unwrap().mode(Mode::Multiplicative))
        .unwrap()
        .timezone("Europe/Berlin")
        .unwrap();
    let columns = Columns::new().with("load", &load).with("free", &free);
    model.fit_with(&series.view(), &columns).unwrap()
}

#[test]
fn the_fixture_loads() {
    let (kind, version) = (FittedProphet::KIND, FittedProphet::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(format!("{kind}-v{version}.bngs"));
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(&fitted(), &path).unwrap();
    }
    let loaded: FittedProphet = snapshot::load(&path).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout of {kind} has changed: raise its version"
    );
    let next: Vec<_> = (100..104)
        .map(|i| Timestamp::from_secs(6 * 3600 * i))
        .collect();
    let columns = Columns::new();
    let columns = columns.with("load", &[1.0; 4]).with("free", &[1.0; 4]);
    let forecast = loaded.predict(&next, &columns, &[]).unwrap();
    assert!(forecast.mean.iter().all(|mean| (5.0..20.0).contains(mean)));
}

#[test]
fn a_snapshot_is_small_and_survives() {
    let fitted = fitted();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    let numbers = 100 + 2 * 25 + fitted.parameters().beta.len();
    assert!(bytes.len() < 8 * numbers + 600, "{}", bytes.len());
    // Missing values do not occur here, so that equality is that of bits.
    assert_eq!(
        snapshot::from_bytes::<FittedProphet>(&bytes).unwrap(),
        fitted
    );
    for cut in (0..bytes.len()).step_by(7) {
        assert!(snapshot::from_bytes::<FittedProphet>(&bytes[..cut]).is_err());
    }
}
