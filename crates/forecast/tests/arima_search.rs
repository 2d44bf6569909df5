//! The grid and the automatic choice of ARIMA orders.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Labels, Series, Timestamp, snapshot};
use bongsu_forecast::Criterion;
use bongsu_forecast::arima::{Arima, AutoArima, Grid, Orders, Selection, Trend};
use serde_json::Value;

fn series(values: &[f64]) -> Series {
    let times = (0..values.len() as i64).map(Timestamp::from_secs).collect();
    Series::new(Labels::empty(), times, values.to_vec()).unwrap()
}

/// The values of a case of the golden file.
fn golden(name: &str) -> Series {
    let all: Vec<Value> = serde_json::from_str(include_str!("golden/arima.json")).unwrap();
    let case = all.iter().find(|case| case["name"] == name).unwrap();
    let text = case["y"].as_str().unwrap().split_whitespace();
    series(&text.map(|x| x.parse().unwrap()).collect::<Vec<_>>())
}

#[test]
fn a_grid_keeps_every_model_and_nested_ones_are_not_better() {
    let y = golden("(2, 1, 2) n");
    let selection = Grid::new(3, 1, 3).unwrap().fit(&y.view()).unwrap();
    assert_eq!(selection.candidates.len(), 32);
    let find = |orders: Orders| {
        selection
            .candidates
            .iter()
            .find(|c| c.orders == orders)
            .unwrap()
    };
    for candidate in &selection.candidates {
        let orders = candidate.orders;
        assert!(candidate.failure.is_none(), "{candidate:?}");
        let value = candidate.log_likelihood.unwrap();
        for (ar, ma) in [
            (orders.ar.checked_sub(1), Some(orders.ma)),
            (Some(orders.ar), orders.ma.checked_sub(1)),
        ] {
            let (Some(ar), Some(ma)) = (ar, ma) else {
                continue;
            };
            let smaller = find(Orders::new(ar, orders.diff, ma))
                .log_likelihood
                .unwrap();
            assert!(value > smaller - 0.01, "{orders}: {value} {smaller}");
        }
        assert!(selection.fitted.information().aic <= candidate.score(Criterion::Aic) + 1e-9);
        let alone = Arima::new(orders).fit(&y.view()).unwrap();
        assert!(
            value > alone.log_likelihood() - 4.0,
            "{orders}: {value} {}",
            alone.log_likelihood()
        );
    }
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let again = one.install(|| Grid::new(3, 1, 3).unwrap().fit(&y.view()).unwrap());
    let bytes = |s: &Selection| snapshot::to_bytes(&s.fitted).unwrap();
    assert!(again.candidates == selection.candidates && bytes(&again) == bytes(&selection));
}

#[test]
fn a_grid_says_what_failed() {
    let y = series(&[1.0, 2.0, 1.5, 3.0, 2.0, 2.5, 1.0, 2.0, 4.0, 1.0]);
    let selection = Grid::default().fit(&y.view()).unwrap();
    assert_eq!(selection.candidates.len(), 108);
    let failed: Vec<_> = selection
        .candidates
        .iter()
        .filter_map(|c| c.failure.as_ref())
        .collect();
    assert!(!failed.is_empty() && failed.iter().all(|f| f.contains("needs at least")));
    let error = Grid::default()
        .fit(&series(&[2.0; 30]).view())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("none of the 108") && error.contains("constant"),
        "{error}"
    );
    assert!(Grid::new(13, 0, 0).is_err());
}

#[test]
fn the_airline_series_gets_the_airline_model() {
    let y = golden("airline");
    let selection = AutoArima::new().period(12).unwrap().fit(&y.view()).unwrap();
    let orders = selection.fitted.orders();
    assert_eq!(orders.seasonal_diff, 1);
    assert!(selection.candidates.len() < 60);
    let full = AutoArima::new()
        .period(12)
        .unwrap()
        .stepwise(false)
        .fit(&y.view())
        .unwrap();
    let (step, all) = (
        selection.fitted.information().aicc,
        full.fitted.information().aicc,
    );
    assert!(all <= step + 1e-6 && step < all + 4.0, "{step} {all}");
}

#[test]
fn differences_and_constants_are_chosen() {
    let stationary = golden("(1, 0, 0) c");
    let fitted = AutoArima::new().fit(&stationary.view()).unwrap().fitted;
    assert_eq!((fitted.orders().diff, fitted.trend()), (0, Trend::Constant));
    let walk = golden("(0, 1, 0) n");
    let fitted = AutoArima::new().fit(&walk.view()).unwrap().fitted;
    assert_eq!(fitted.orders().diff, 1);
    let twice = golden("(0, 2, 2) n");
    assert_eq!(
        AutoArima::new()
            .fit(&twice.view())
            .unwrap()
            .fitted
            .orders()
            .diff,
        2
    );
    let missing = golden("missing seasonal");
    let fitted = AutoArima::new()
        .period(7)
        .unwrap()
        .fit(&missing.view())
        .unwrap()
        .fitted;
    assert!(fitted.log_likelihood().is_finite());
}

#[test]
fn bad_input_is_refused() {
    assert!(AutoArima::new().fit(&series(&[3.0; 30]).view()).is_err());
    assert!(
        AutoArima::new()
            .fit(&series(&[f64::NAN; 30]).view())
            .is_err()
    );
    assert!(AutoArima::new().fit(&series(&[1.0, 2.0]).view()).is_err());
    assert!(AutoArima::new().period(0).is_err() && AutoArima::new().max_order(13).is_err());
    let line: Vec<f64> = (0..40).map(f64::from).collect();
    let _ = AutoArima::new().fit(&series(&line).view());
    let short = AutoArima::new()
        .period(24)
        .unwrap()
        .fit(&series(&line).view());
    let _ = short;
}
