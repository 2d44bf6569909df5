//! What forecasts are made of, over the history too.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, PartKind, Series, Timestamp};
use bongsu_forecast::{Ets, Model, Mstl, Naive};

const PERIOD: usize = 6;

/// A slope of 2 a step and a season.
fn values(n: usize) -> Vec<f64> {
    let season = [0.0, 3.0, 7.0, 4.0, -2.0, -12.0];
    let wobble = |i: usize| ((i * i * 7) % 11) as f64 / 20.0;
    let value = |i: usize| 100.0 + 2.0 * i as f64 + season[i % PERIOD] + wobble(i);
    (0..n).map(value).collect()
}

fn series(values: &[f64]) -> Series {
    let times = (0..values.len() as i64).map(Timestamp::from_secs).collect();
    Series::new(Labels::empty(), times, values.to_vec()).unwrap()
}

fn ets(name: &str) -> Ets {
    let period = if name.ends_with('N') { 1 } else { PERIOD };
    Ets::new(name.parse().unwrap()).period(period).unwrap()
}

#[test]
fn the_past_trend_of_smoothing_ends_where_the_forecast_starts() {
    let mut values = values(80);
    values[30] = f64::NAN;
    for name in ["ANN", "AAN", "AAA", "MAM", "MNM", "ANA", "MMN"] {
        let data = series(&values);
        let fitted = ets(name).fit(&data.view()).unwrap();
        let levels = fitted.past_trend(&data.view()).unwrap();
        assert_eq!(levels.len(), values.len(), "{name}");
        let last = fitted.last_states().level;
        assert!((levels[79] - last).abs() < 1e-9 * last, "{name}");
        // One step on: the level, and the slope where there is one.
        let parts = fitted.parts(&ForecastRequest::steps(1)).unwrap();
        assert_eq!(parts[0].kind, PartKind::Trend);
        let step = parts[0].values[0] - levels[79];
        let slope = if name.as_bytes()[1] == b'N' { 0.0 } else { 2.0 };
        assert!((step - slope).abs() < 0.5, "{name}: {step}");
        if matches!(name, "AAA" | "MAM") {
            // The season is not in it: it grows by 2 a step.
            let off = (20..80).map(|i| (levels[i] - 100.0 - 2.0 * i as f64).abs());
            assert!(off.fold(0.0, f64::max) < 4.0, "{name}");
        }
    }
}

#[test]
fn the_past_trend_of_several_seasons_is_that_of_the_decomposition() {
    let values = values(90);
    let data = series(&values);
    let model: Model = Mstl::new(&[PERIOD]).unwrap().into();
    let fitted = model.fit(&data.view()).unwrap();
    let trend = fitted.past_trend(&data.view()).unwrap();
    assert_eq!(trend.len(), 90);
    for (i, trend) in trend.iter().enumerate() {
        assert!((trend - 100.0 - 2.0 * i as f64).abs() < 1.5, "{i}: {trend}");
    }
}

#[test]
fn another_series_is_refused_and_other_models_have_none() {
    let (known, other) = (series(&values(60)), series(&values(59)));
    let models: [Model; 2] = [ets("AAN").into(), Mstl::new(&[PERIOD]).unwrap().into()];
    for model in models {
        let fitted = model.fit(&known.view()).unwrap();
        let error = fitted.past_trend(&other.view()).unwrap_err().to_string();
        assert!(error.contains("60 steps"), "{error}");
    }
    let naive = Naive::drift().fit(&known.view()).unwrap();
    assert!(naive.past_trend(&known.view()).unwrap().is_empty());
}
