//! Exponential smoothing whose trend multiplies, against the reference.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{
    FittedForecaster as _, Forecast, ForecastRequest, Labels, Series, Timestamp, snapshot,
};
use bongsu_forecast::ets::{Family, TrendType};
use bongsu_forecast::{Ets, FittedEts};
use serde_json::Value;

fn numbers(text: &Value) -> Vec<f64> {
    let words = text.as_str().unwrap().split_whitespace();
    words.map(|word| word.parse().unwrap()).collect()
}

fn fit(config: &Ets, values: &[f64]) -> FittedEts {
    config.fit(&series(values).view()).unwrap()
}

fn series(values: &[f64]) -> Series {
    let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(60 * i));
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

fn model(name: &str, period: usize) -> Ets {
    Ets::new(name.parse::<Family>().unwrap())
        .period(period)
        .unwrap()
}

fn ahead(fitted: &FittedEts, steps: usize) -> Forecast {
    let request = ForecastRequest::steps(steps);
    fitted.forecast(&request.levels(&[0.8])).unwrap()
}

/// Values that grow by 3 % a step, with a season of four.
fn growing(n: u32) -> Vec<f64> {
    let value = |i: u32| {
        let noise = 1.0 + 0.02 * (f64::from(i * i % 13) / 6.0 - 1.0);
        20.0 * 1.03f64.powi(i as i32) * [1.1, 0.9, 1.2, 0.8][i as usize % 4] * noise
    };
    (0..n).map(value).collect()
}

#[test]
fn fits_are_as_likely_as_those_of_the_reference() {
    let golden: Value = serde_json::from_str(include_str!("golden/growth.json")).unwrap();
    let mut compared = 0;
    for case in golden["cases"].as_array().unwrap() {
        let expected = numbers(&case["fitted"])[0];
        let values = numbers(&golden["series"][case["input"].as_str().unwrap()]);
        let period = case["period"].as_u64().unwrap() as usize;
        let config = model(case["model"].as_str().unwrap(), period);
        let fitted = fit(&config.damped(case["damped"].as_bool()), &values);
        let gain = fitted.log_likelihood() - expected;
        if expected.is_finite() {
            // The reference lets the slope's parameter go down to 1e-8, not only to 1e-4. The counts'
            // likelihood has several tops; R's start is next to a lower one.
            let several_tops = case["input"] == "counts";
            let least = if several_tops { -1.0 } else { -0.1 };
            assert!(gain > least, "{case}: {gain}");
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn growth_goes_on_and_fades_where_it_is_damped() {
    let values: Vec<f64> = (0..40).map(|i| 5.0 * 1.05f64.powi(i)).collect();
    let steep = fit(&model("MMN", 1), &values);
    assert_eq!(steep.model().to_string(), "ETS(M,M,N)");
    let means = ahead(&steep, 10).mean;
    for (step, mean) in means.iter().enumerate() {
        let expected = 5.0 * 1.05f64.powi(40 + step as i32);
        assert!((mean / expected - 1.0).abs() < 0.01, "{step}: {mean}");
    }
    let damped = fit(&model("MMN", 1).damped(Some(true)), &growing(40));
    assert_eq!(damped.model().trend, TrendType::MultiplicativeDamped);
    let means = ahead(&damped, 100).mean;
    let phi = damped.parameters().phi.unwrap();
    let first = damped.last_states().slope.powf(phi);
    assert!((means[0] / damped.last_states().level / first - 1.0).abs() < 1e-12);
    assert!((means[99] / means[98] - 1.0).abs() < (means[1] / means[0] - 1.0).abs() + 1e-12);
}

#[test]
fn intervals_are_those_of_simulated_paths() {
    let fitted = fit(&model("MMM", 4).seed(3), &growing(60));
    let forecast = ahead(&fitted, 8);
    let paths = fitted.simulate(8, 20_000, 9).unwrap();
    let band = &forecast.intervals[0];
    for step in 0..8 {
        let column = paths.iter().skip(step).step_by(8);
        let inside = column.filter(|&&x| band.lower[step] <= x && x <= band.upper[step]);
        let share = inside.count() as f64 / 20_000.0;
        assert!((share - 0.8).abs() < 0.02, "{step}: {share}");
    }
}

#[test]
fn they_are_tried_only_where_asked_for() {
    let values: Vec<f64> = growing(80).iter().map(|y| y.powf(1.5)).collect();
    let plain = fit(&Ets::automatic().period(4).unwrap(), &values);
    let trend = plain.model().trend;
    assert!(!matches!(
        trend,
        TrendType::Multiplicative | TrendType::MultiplicativeDamped
    ));
    let automatic = Ets::automatic().period(4).unwrap();
    let all = fit(&automatic.allow_multiplicative_trend(true), &values);
    assert!(all.information().aicc < plain.information().aicc);
    assert!(matches!(
        all.model().trend,
        TrendType::Multiplicative | TrendType::MultiplicativeDamped
    ));
    let error = model("AMN", 1).fit(&series(&[1.0, -2.0, 3.0, 4.0, 5.0, 6.0, 2.0, 1.0]).view());
    assert!(error.unwrap_err().to_string().contains("above 0"));
}

#[test]
fn they_are_updated_and_saved() {
    let values = growing(60);
    let (known, new) = values.split_at(50);
    let mut fitted = fit(&model("MMM", 4), known);
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert_eq!(snapshot::from_bytes::<FittedEts>(&bytes).unwrap(), fitted);
    let before = ahead(&fitted, 20).mean;
    let times = (50..60).map(|i| Timestamp::from_secs(60 * i)).collect();
    let next = Series::new(Labels::empty(), times, new.to_vec()).unwrap();
    fitted.update(&next.view()).unwrap();
    let after = ahead(&fitted, 10).mean;
    for (a, b) in after.iter().zip(&before[10..]) {
        assert!((a / b - 1.0).abs() < 0.1, "{a} {b}");
    }
    assert_eq!(fitted.residuals().len(), 60);
}
