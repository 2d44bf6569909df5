//! ARIMA against statsmodels, whose answers are in `golden/arima.json`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{FittedForecaster, ForecastRequest, Labels, Series, Timestamp};
use bongsu_forecast::arima::{Arima, Diffuse, FittedArima, Orders};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap().split_whitespace();
    text.map(|x| x.parse().unwrap()).collect()
}

fn table(value: &Value) -> Option<Array2<f64>> {
    let columns: Vec<Vec<f64>> = value.as_array()?.iter().map(numbers).collect();
    Some(Array2::from_shape_fn(
        (columns[0].len(), columns.len()),
        |(i, j)| columns[j][i],
    ))
}

fn series(values: &[f64]) -> Series {
    let times = (0..values.len() as i64).map(Timestamp::from_secs).collect();
    Series::new(Labels::empty(), times, values.to_vec()).unwrap()
}

struct Case {
    name: String,
    config: Arima,
    y: Series,
    x: Option<Array2<f64>>,
    names: Vec<&'static str>,
    raw: Value,
}

impl Case {
    fn at(&self, parameters: &str) -> FittedArima {
        let parameters = numbers(&self.raw[parameters]);
        let x = self.x.as_ref().map(|x| x.view());
        self.config
            .at(&self.y.view(), &self.names, x, &parameters)
            .unwrap()
    }
}

fn cases() -> Vec<Case> {
    let all: Vec<Value> = serde_json::from_str(include_str!("golden/arima.json")).unwrap();
    let order = |raw: &Value, i: usize| raw[i].as_u64().unwrap() as usize;
    all.into_iter()
        .map(|raw| {
            let (own, season) = (&raw["order"], &raw["seasonal"]);
            let mut orders = Orders::new(order(own, 0), order(own, 1), order(own, 2));
            if order(season, 3) > 0 {
                let [ar, diff, ma, period] = [0, 1, 2, 3].map(|i| order(season, i));
                orders = orders.seasonal(ar, diff, ma, period);
            }
            let trend = raw["trend"].as_str().unwrap().parse().unwrap();
            let config = Arima::new(orders).trend(trend).unwrap();
            let x = table(&raw["x"]);
            Case {
                name: raw["name"].as_str().unwrap().to_owned(),
                config: config.diffuse(Diffuse::Approximate(1e6)).unwrap(),
                y: series(&numbers(&raw["y"])),
                names: x.as_ref().map_or_else(Vec::new, |_| vec!["a", "b"]),
                x,
                raw,
            }
        })
        .collect()
}

fn close(ours: f64, theirs: f64, tolerance: f64) -> bool {
    (ours - theirs).abs() <= tolerance * (1.0 + theirs.abs())
}

/// Every failure at once.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn report(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

#[test]
fn at_given_parameters_the_likelihood_is_that_of_statsmodels() {
    let mut checked = 0;
    let mut failures = Failures::default();
    for case in cases() {
        let fitted = case.at("parameters");
        let theirs = case.raw["log_likelihood"].as_f64().unwrap();
        let ours = fitted.log_likelihood();
        failures.check(close(ours, theirs, 1e-8), || {
            format!("{}: {ours} {theirs}", case.name)
        });
        let information = fitted.information();
        for (ours, name) in [
            (information.aic, "aic"),
            (information.aicc, "aicc"),
            (information.bic, "bic"),
        ] {
            let theirs = case.raw[name].as_f64().unwrap();
            failures.check(close(ours, theirs, 1e-8), || {
                format!("{} {name}: {ours} {theirs}", case.name)
            });
        }
        if let Some(theirs) = case.raw["differenced"].as_f64() {
            let exact = case.config.clone().diffuse(Diffuse::Exact).unwrap();
            let parameters = numbers(&case.raw["parameters"]);
            let ours = exact
                .log_likelihood(&case.y.view(), &[], None, &parameters)
                .unwrap();
            failures.check(close(ours, theirs, 1e-8), || {
                format!("{}: {ours} {theirs}", case.name)
            });
        }
        checked += 1;
    }
    failures.report();
    assert!(checked >= 50);
}

#[test]
fn at_given_parameters_forecasts_are_those_of_statsmodels() {
    let mut failures = Failures::default();
    for case in cases() {
        let fitted = case.at("parameters");
        let future = table(&case.raw["future"]);
        let mut request = ForecastRequest::steps(6).levels(&[0.95]);
        request.regressors = future.as_ref().map(|x| x.view());
        let forecast = fitted.forecast(&request).unwrap();
        let interval = &forecast.intervals[0];
        let deviations = numbers(&case.raw["deviation"]);
        for (i, mean) in numbers(&case.raw["mean"]).into_iter().enumerate() {
            let deviation = deviations[i];
            let ours = forecast.mean[i];
            failures.check(
                (ours - mean).abs() <= 1e-6 * (deviation + mean.abs()),
                || format!("{}: {ours} {mean}", case.name),
            );
            let ours = (interval.upper[i] - interval.lower[i]) / (2.0 * 1.959_963_984_540_054);
            failures.check((ours - deviation).abs() <= 1e-6 * deviation, || {
                format!("{}: {ours} {deviation}", case.name)
            });
        }
        let burn = case.y.len() - fitted.residuals().iter().skip_while(|r| r.is_nan()).count();
        let theirs = numbers(&case.raw["residuals"]);
        for (ours, theirs) in fitted.residuals()[burn..].iter().zip(theirs) {
            failures.check(
                ours.is_nan() == theirs.is_nan()
                    && (ours.is_nan() || (ours - theirs).abs() <= 1e-6 * deviations[0]),
                || format!("{}: {ours} {theirs}", case.name),
            );
        }
    }
    failures.report();
}

#[test]
fn standard_errors_are_those_of_statsmodels() {
    let mut failures = Failures::default();
    let (mut checked, mut worst) = (0, 0.0_f64);
    for case in cases() {
        let x = case.x.as_ref().map(|x| x.view());
        let fitted = case
            .config
            .fit_regressors(&case.y.view(), &case.names, x)
            .unwrap();
        let theirs = case.raw["fitted_log_likelihood"].as_f64().unwrap();
        let coefficients = numbers(&case.raw["fitted"]);
        // At the same maximum, away from the edge of the region, where curvature means something.
        if (fitted.log_likelihood() - theirs).abs() > 1e-5
            || coefficients.iter().any(|c| (c.abs() - 1.0).abs() < 0.02)
        {
            continue;
        }
        for (p, theirs) in fitted
            .parameters()
            .iter()
            .zip(numbers(&case.raw["standard_errors"]))
        {
            let Some(ours) = p.standard_error else {
                failures.check(false, || format!("{} {}: none", case.name, p.name));
                continue;
            };
            checked += 1;
            worst = worst.max((ours / theirs - 1.0).abs());
            failures.check((ours / theirs - 1.0).abs() < 0.01, || {
                format!("{} {}: {ours} {theirs}", case.name, p.name)
            });
        }
    }
    failures.report();
    assert!(checked >= 60, "{checked} {worst}");
}

#[test]
fn fits_are_not_worse_than_those_of_statsmodels() {
    let mut same = 0;
    let mut failures = Failures::default();
    for case in cases() {
        let x = case.x.as_ref().map(|x| x.view());
        let fitted = case
            .config
            .fit_regressors(&case.y.view(), &case.names, x)
            .unwrap();
        let theirs = case.raw["fitted_log_likelihood"].as_f64().unwrap();
        let ours = fitted.log_likelihood();
        failures.check(ours >= theirs - 1e-3, || {
            format!("{}: {ours} {theirs}", case.name)
        });
        failures.check(fitted.converged(), || case.name.clone());
        // Where both found the same maximum, the estimates are the same.
        if (ours - theirs).abs() < 1e-4 {
            same += 1;
            let parameters = fitted.parameters();
            let theirs = numbers(&case.raw["fitted"]);
            let errors = numbers(&case.raw["standard_errors"]);
            assert_eq!(parameters.len(), theirs.len());
            for ((p, theirs), error) in parameters.iter().zip(theirs).zip(errors) {
                failures.check(
                    (p.value - theirs).abs() < 0.05 * error.max(0.02 * theirs.abs()),
                    || format!("{} {}: {} {theirs} +- {error}", case.name, p.name, p.value),
                );
            }
        }
    }
    failures.report();
    assert!(same >= 30, "{same}");
}

#[test]
fn at_given_parameters_tests_of_residuals_are_those_of_statsmodels() {
    let golden: Value = serde_json::from_str(include_str!("golden/diagnostics.json")).unwrap();
    let mut failures = Failures::default();
    let mut compared = 0;
    for case in cases() {
        let theirs = &golden[&case.name];
        let tests = case.at("parameters").diagnostics(6).unwrap();
        let jb = tests.jarque_bera;
        let lags: Vec<f64> = tests.ljung_box.iter().map(|t| t.statistic).collect();
        let broken = [tests.break_variance.statistic, tests.break_variance.p_value];
        let normal = [jb.statistic, jb.p_value, jb.skewness, jb.kurtosis];
        for (name, ours) in [
            ("break_variance", &broken[..]),
            ("jarque_bera", &normal),
            ("ljung_box", &lags),
        ] {
            compared += 1;
            for (ours, theirs) in ours.iter().zip(numbers(&theirs[name])) {
                failures.check(close(*ours, theirs, 1e-6), || {
                    format!("{} {name}: {ours} {theirs}", case.name)
                });
            }
        }
    }
    failures.report();
    assert!(compared > 140, "{compared}");
}
