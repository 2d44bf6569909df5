//! Which column, row and moment a message about the columns of the Prophet model names.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_forecast::Prophet;
use bongsu_forecast::prophet::{Columns, Growth, Regressor, Seasonality};

const DAY: i64 = 86_400;

fn series(from: usize, count: usize, missing: Option<usize>) -> Series {
    let times = (from..from + count).map(|i| Timestamp::from_secs(DAY * i as i64));
    let mut values: Vec<f64> = (from..from + count).map(|i| (i * i % 17) as f64).collect();
    if let Some(row) = missing {
        values[row] = f64::NAN;
    }
    Series::new(Labels::empty(), times.collect(), values).unwrap()
}

fn column(count: usize, row: usize, value: f64) -> Vec<f64> {
    let mut out: Vec<f64> = (0..count).map(|i| f64::from(i % 2 == 1)).collect();
    out[row] = value;
    out
}

fn loaded() -> Prophet {
    let model = Prophet::new().add_regressor(Regressor::new("load").unwrap());
    model.unwrap()
}

#[test]
fn a_missing_regressor_is_named() {
    // The first value of the series is missing too: rows count as they were given.
    let history = series(0, 40, Some(0));
    for standardise in [None, Some(true), Some(false)] {
        let mut regressor = Regressor::new("load").unwrap();
        if let Some(standardise) = standardise {
            regressor = regressor.standardise(Some(standardise));
        }
        let model = Prophet::new().add_regressor(regressor).unwrap();
        for (value, expected) in [
            (
                f64::NAN,
                "the regressor `load` is missing in row 8, at 604800",
            ),
            (f64::INFINITY, "the regressor `load` in row 8, at 604800"),
        ] {
            let values = column(40, 7, value);
            let columns = Columns::new().with("load", &values);
            let error = model.fit_with(&history.view(), &columns).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        // Where the series is missing as well, nothing is needed.
        let values = column(40, 0, f64::NAN);
        let columns = Columns::new().with("load", &values);
        assert!(model.fit_with(&history.view(), &columns).is_ok());
    }
}

#[test]
fn forecasts_and_updates_name_it_too() {
    let values = column(40, 0, 0.0);
    let columns = Columns::new().with("load", &values);
    let history = series(0, 40, None);
    let mut fitted = loaded().fit_with(&history.view(), &columns).unwrap();
    let times: Vec<Timestamp> = (40..44).map(|i| Timestamp::from_secs(DAY * i)).collect();
    let gap = column(4, 2, f64::NAN);
    let columns = Columns::new().with("load", &gap);
    let expected = "the regressor `load` is missing in row 3, at 3628800";
    let error = fitted.predict(&times, &columns, &[]).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    let next = series(40, 4, Some(1));
    let error = fitted.update_with(&next.view(), &columns).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn conditions_and_capacities_are_named() {
    let history = series(0, 40, Some(0));
    let weekly = Seasonality::new("weekly", 7.0, 2).unwrap();
    let model = Prophet::new()
        .add_seasonality(weekly.condition("on").unwrap())
        .unwrap();
    for (value, expected) in [
        (
            2.0,
            "the condition `on` is 2 in row 8, at 604800, but must be 0 or 1",
        ),
        (
            f64::NAN,
            "the condition `on` is missing in row 8, at 604800",
        ),
    ] {
        let values = column(40, 7, value);
        let columns = Columns::new().with("on", &values);
        let error = model.fit_with(&history.view(), &columns).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let logistic = Prophet::new().growth(Growth::Logistic);
    for name in ["cap", "floor"] {
        let mut caps = vec![50.0; 40];
        let mut floors = vec![-1.0; 40];
        let column = if name == "cap" {
            &mut caps
        } else {
            &mut floors
        };
        column[7] = f64::NAN;
        let columns = Columns::new().with("cap", &caps).with("floor", &floors);
        let error = logistic.fit_with(&history.view(), &columns).unwrap_err();
        let expected = format!("the column `{name}` is missing in row 8, at 604800");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
