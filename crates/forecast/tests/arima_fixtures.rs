//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]

use std::path::Path;

use bongsu_core::{
    FittedForecaster as _, ForecastRequest, Labels, Series, Snapshot as _, Timestamp, snapshot,
};
use bongsu_forecast::arima::{Arima, FittedArima, Orders};

#[test]
fn every_snapshot_kind_loads() {
    let name = format!("{}-v{}.bngs", FittedArima::KIND, FittedArima::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        let times = (0..40).map(Timestamp::from_secs).collect();
        let values = (0..40_u32).map(|i| f64::from(i * i % 17)).collect();
        let series = Series::new(Labels::empty(), times, values).unwrap();
        let fitted = Arima::new(Orders::new(1, 0, 1))
            .fit(&series.view())
            .unwrap();
        snapshot::save(&fitted, &path).unwrap();
    }
    let loaded: FittedArima = snapshot::load(&path).unwrap();
    let bytes = snapshot::to_bytes(&loaded).unwrap();
    let unchanged = std::fs::read(&path).unwrap() == bytes;
    assert!(
        unchanged,
        "the layout of {} has changed: raise its version",
        FittedArima::KIND
    );
    let forecast = loaded.forecast(&ForecastRequest::steps(2)).unwrap();
    assert!(forecast.mean.iter().all(|x| x.is_finite()));
}
