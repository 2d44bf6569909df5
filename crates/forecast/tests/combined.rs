//! Ensembles and transformed models.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{
    ErrorKind, FittedForecaster, Forecast, ForecastRequest, Labels, Series, Timestamp, snapshot,
};
use bongsu_forecast::arima::Orders;
use bongsu_forecast::transform::{Transform, guerrero};
use bongsu_forecast::{
    Arima, Combination, Croston, Ensemble, Ets, FittedEnsemble, FittedTransformed, Member, Naive,
    Theta, Transformed,
};
use proptest::prelude::{ProptestConfig, prop, prop_assert, proptest};
use serde_json::Value;

/// The coverage within one standard deviation of a normal.
const ONE_DEVIATION: f64 = 0.682_689_492_137_085_9;

fn series(values: &[f64]) -> Series {
    let times = (0..values.len()).map(|i| Timestamp::from_secs(60 * i as i64));
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

fn ahead(fitted: &dyn FittedForecaster, steps: usize, levels: &[f64]) -> Forecast {
    fitted
        .forecast(&ForecastRequest::steps(steps).levels(levels))
        .unwrap()
}

fn growing(n: i32) -> Vec<f64> {
    let value = |i: i32| (1.0 + 0.05 * f64::from(i)) * (10.0 + f64::from(i * i % 7));
    (0..n).map(value).collect()
}

/// The mean and both bounds.
fn parts(forecast: &Forecast) -> [&[f64]; 3] {
    let interval = &forecast.intervals[0];
    [&forecast.mean, &interval.lower, &interval.upper]
}

#[test]
fn the_middle_member_decides() {
    let values = [1.0, 2.0, 9.0, 4.0, 6.0];
    let members: Vec<Member> = vec![
        Naive::last().into(),
        Naive::mean().into(),
        Naive::drift().into(),
    ];
    let each: Vec<Forecast> = members
        .iter()
        .map(|member| ahead(&member.fit(&series(&values).view()).unwrap(), 3, &[0.8]))
        .collect();
    let fitted = Ensemble::new(members)
        .unwrap()
        .fit(&series(&values).view())
        .unwrap();
    let forecast = ahead(&fitted, 3, &[0.8]);
    for step in 0..3 {
        for part in 0..3 {
            let mut three: Vec<f64> = each.iter().map(|f| parts(f)[part][step]).collect();
            three.sort_by(f64::total_cmp);
            assert_eq!(parts(&forecast)[part][step], three[1]);
        }
    }
    assert_eq!(fitted.residuals().len(), 5);
    assert!(fitted.residuals()[0].is_finite() && fitted.failures().is_empty());
}

#[test]
fn an_arima_joins_the_smoothing_models() {
    let values = growing(60);
    let orders = Orders::new(1, 1, 1);
    let members = vec![
        Arima::new(orders).into(),
        Theta::new().into(),
        Ets::automatic().into(),
    ];
    let fitted = Ensemble::new(members)
        .unwrap()
        .fit(&series(&values).view())
        .unwrap();
    assert_eq!(fitted.members().len(), 3, "{:?}", fitted.failures());
    let forecast = ahead(&fitted, 4, &[0.8, 0.95]);
    let [narrow, wide] = [&forecast.intervals[0], &forecast.intervals[1]];
    for step in 0..4 {
        assert!(wide.lower[step] < narrow.lower[step] && narrow.upper[step] < wide.upper[step]);
        assert!(narrow.lower[step] < forecast.mean[step]);
    }
}

#[test]
fn weights_are_one_over_past_errors() {
    // From the 4th and the 6th value on the last one is wrong by 1, 2, 1 and 4, the line from the first
    // to the last by 0, 0, 2 and 2.
    let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 4.0, 9.0];
    let past = Combination::InverseError {
        horizon: 2,
        origins: 2,
    };
    let members = || vec![Naive::last().into(), Naive::drift().into()];
    let ensemble = Ensemble::new(members()).unwrap().combination(past).unwrap();
    let fitted = ensemble.fit(&series(&values).view()).unwrap();
    let expected = [4.0 / 12.0, 8.0 / 12.0];
    for (weight, expected) in fitted.weights().iter().zip(expected) {
        assert!((weight - expected).abs() < 1e-12, "{:?}", fitted.weights());
    }
    let each: Vec<Forecast> = members()
        .iter()
        .map(|member: &Member| ahead(&member.fit(&series(&values).view()).unwrap(), 2, &[0.8]))
        .collect();
    let forecast = ahead(&fitted, 2, &[0.8]);
    for part in 0..3 {
        for step in 0..2 {
            let [a, b] = [0, 1].map(|i| parts(&each[i])[part][step]);
            let mean = expected[0] * a + expected[1] * b;
            assert!((parts(&forecast)[part][step] - mean).abs() < 1e-12);
        }
    }
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    let loaded: FittedEnsemble = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(ahead(&loaded, 2, &[0.8]), forecast);
}

#[test]
fn members_weigh_the_same_where_the_past_does_not_tell() {
    let members = vec![Naive::last().into(), Ets::automatic().into()];
    let ensemble = Ensemble::new(members).unwrap();
    let weigh = |horizon: usize, origins: usize, values: &[f64]| {
        let past = Combination::InverseError { horizon, origins };
        let ensemble = ensemble.clone().combination(past).unwrap();
        let fitted = ensemble.fit(&series(values).view()).unwrap();
        fitted.weights().to_vec()
    };
    let values = growing(14);
    // No room for one origin; and one that is too early for exponential smoothing.
    assert_eq!(weigh(8, 3, &values), [0.5, 0.5]);
    assert_eq!(weigh(usize::MAX >> 50, 3, &values), [0.5, 0.5]);
    assert_eq!(weigh(4, 3, &values[..8]), [0.5, 0.5]);
    assert_ne!(weigh(4, 3, &values), [0.5, 0.5]);
    // A member that cannot be fitted has no weight.
    assert_eq!(weigh(1, 1, &values[..4]), [1.0]);
    for (horizon, origins) in [(0, 1), (1, 0), (usize::MAX, 1), (1, usize::MAX)] {
        let past = Combination::InverseError { horizon, origins };
        assert!(ensemble.clone().combination(past).is_err());
    }
}

#[test]
fn members_that_fail_are_named_and_left_out() {
    let short = [1.0, 2.0, 3.0, 5.0];
    let members = vec![Ets::automatic().into(), Naive::last().into()];
    let ensemble = Ensemble::new(members).unwrap();
    let fitted = ensemble.fit(&series(&short).view()).unwrap();
    assert_eq!(fitted.members().len(), 1);
    assert!(
        fitted.failures()[0].starts_with("Ets: "),
        "{:?}",
        fitted.failures()
    );
    let error = Ensemble::smoothing(1)
        .unwrap()
        .fit(&series(&short[..2]).view())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEnoughData);
    assert!(Ensemble::new(Vec::new()).is_err());
    let sparse = Ensemble::new(vec![Croston::new().into()]).unwrap();
    let fitted = sparse.fit(&series(&short).view()).unwrap();
    let error = fitted
        .forecast(&ForecastRequest::steps(1).levels(&[0.9]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn transformed_bounds_are_quantiles_and_the_mean_is_above_the_median() {
    let values = growing(60);
    for lambda in [-0.5, 0.0, 0.3, 1.0] {
        let plain = Transformed::new(Transform::BoxCox(lambda), Naive::drift());
        let median = plain.fit(&series(&values).view()).unwrap();
        let mean = plain
            .bias_adjusted(true)
            .fit(&series(&values).view())
            .unwrap();
        let (median, mean) = (ahead(&median, 6, &[0.8]), ahead(&mean, 6, &[0.8]));
        assert_eq!(median.intervals, mean.intervals);
        let forth = |y: f64| {
            if lambda == 0.0 {
                y.ln()
            } else {
                (y.powf(lambda) - 1.0) / lambda
            }
        };
        for step in 0..6 {
            let [low, middle, high] = [
                median.intervals[0].lower[step],
                median.mean[step],
                median.intervals[0].upper[step],
            ]
            .map(forth);
            assert!(
                ((high - middle) / (middle - low) - 1.0).abs() < 1e-9,
                "{lambda} {step}"
            );
            let above = mean.mean[step] - median.mean[step];
            assert!(
                if lambda < 1.0 {
                    above > 0.0
                } else {
                    above.abs() < 1e-9
                },
                "{lambda}"
            );
        }
    }
}

#[test]
fn the_adjusted_mean_of_a_logarithm_is_that_of_the_lognormal() {
    let values = growing(60);
    let logs: Vec<f64> = values.iter().map(|y| y.ln()).collect();
    let inner = ahead(
        &Naive::mean().fit(&series(&logs).view()).unwrap(),
        1,
        &[ONE_DEVIATION],
    );
    let s = inner.intervals[0].upper[0] - inner.mean[0];
    let model = Transformed::new(Transform::Log, Naive::mean()).bias_adjusted(true);
    let fitted = model.fit(&series(&values).view()).unwrap();
    let expected = (inner.mean[0] + 0.5 * s * s).exp();
    assert!((ahead(&fitted, 1, &[]).mean[0] / expected - 1.0).abs() < 1e-12);
    assert!((fitted.residuals()[3] - (values[3] - inner.mean[0].exp())).abs() < 1e-9);
}

#[test]
fn lambda_equals_the_reference() {
    let golden: Value = serde_json::from_str(include_str!("golden/smoothing.json")).unwrap();
    let mut cases = 0;
    for (name, case) in golden["cases"].as_object().unwrap() {
        let Some(expected) = case["lambda"].as_str() else {
            continue;
        };
        let text = golden["series"][name].as_str().unwrap();
        let values: Vec<f64> = text.split(' ').map(|n| n.parse().unwrap()).collect();
        let period = case["period"].as_u64().unwrap() as usize;
        let lambda = guerrero(&values, period).unwrap();
        let expected: f64 = expected.parse().unwrap();
        assert!(
            (lambda - expected).abs() < 2e-3,
            "{name}: {lambda} instead of {expected}"
        );
        cases += 1;
    }
    assert!(cases >= 6);
}

#[test]
fn bad_input_gives_errors() {
    let model = Transformed::new(Transform::Log, Naive::last());
    let error = model.fit(&series(&[1.0, 0.0, 2.0]).view()).unwrap_err();
    assert!(error.to_string().contains("row 1"), "{error}");
    assert!(
        Transformed::new(Transform::BoxCox(9.0), Naive::last())
            .validate()
            .is_err()
    );
    assert!(guerrero(&[1.0, 2.0, 3.0], 4).is_err() && guerrero(&[1.0, -2.0], 1).is_err());
    let short = Transformed::new(Transform::Guerrero { period: 4 }, Naive::last());
    assert!(short.fit(&series(&[1.0, 2.0, 3.0]).view()).is_err());
}

#[test]
fn snapshots_load_and_forecast_alike() {
    let series = series(&growing(40));
    let ensemble = Ensemble::smoothing(4).unwrap().fit(&series.view()).unwrap();
    let bytes = snapshot::to_bytes(&ensemble).unwrap();
    assert_eq!(
        snapshot::from_bytes::<FittedEnsemble>(&bytes).unwrap(),
        ensemble
    );
    let theta = Theta::new().period(4).unwrap();
    let model = Transformed::new(Transform::Guerrero { period: 4 }, theta);
    let fitted = model.fit(&series.view()).unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert_eq!(
        snapshot::from_bytes::<FittedTransformed>(&bytes).unwrap(),
        fitted
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_power_of_one_changes_nothing(values in prop::collection::vec(1.0..1e6f64, 3..30)) {
        let plain = Naive::drift().fit(&series(&values).view()).unwrap();
        let model = Transformed::new(Transform::BoxCox(1.0), Naive::drift());
        let powered = model.fit(&series(&values).view()).unwrap();
        let (a, b) = (ahead(&plain, 4, &[0.5]), ahead(&powered, 4, &[0.5]));
        let largest = values.iter().fold(0.0, |m: f64, x| m.max(*x));
        for (a, b) in a.mean.iter().zip(&b.mean) {
            // A power cannot go below 0.
            prop_assert!((a.max(0.0) - b).abs() < 1e-9 * largest, "{a} {b}");
        }
    }
}
