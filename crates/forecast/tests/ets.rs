//! Agreement of exponential smoothing with statsforecast (`golden/generate_ets.py` writes the
//! expected values), and what holds for any series.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{
    ErrorKind, FittedForecaster, Forecast, ForecastRequest, Labels, Series, Timestamp, snapshot,
};
use bongsu_forecast::Ets;
use bongsu_forecast::ets::{FittedEts, Region};
use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::Value;

/// The coverage within one standard deviation of a normal.
const ONE_DEVIATION: f64 = 0.682_689_492_137_085_9;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn series(values: &[f64]) -> Series {
    let times = (0..values.len()).map(|i| Timestamp::from_secs(60 * i as i64));
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

fn fit(config: &Ets, values: &[f64]) -> FittedEts {
    config.fit(&series(values).view()).unwrap()
}

fn model(name: &str, period: usize) -> Ets {
    Ets::new(name.parse().unwrap()).period(period).unwrap()
}

fn ahead(fitted: &FittedEts, steps: usize, level: f64) -> Forecast {
    let request = ForecastRequest::steps(steps);
    fitted.forecast(&request.levels(&[level])).unwrap()
}

/// The largest difference, relative to the largest expected value.
fn distance(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    let pairs = ours.iter().zip(theirs);
    pairs
        .map(|(a, b)| (a - b).abs() / largest)
        .fold(0.0, f64::max)
}

/// A season of 12 that grows with an exponential level, as that of passengers.
fn growing_season(n: usize, growth: f64, modulus: usize) -> Vec<f64> {
    let value = |i: usize| {
        let wave = (std::f64::consts::TAU * i as f64 / 12.0).sin();
        let noise = ((i * i % modulus) as f64 - (modulus / 2) as f64) / 100.0;
        100.0 * (growth * i as f64).exp() * (1.0 + 0.25 * wave) * (1.0 + noise)
    };
    (0..n).map(value).collect()
}

fn seasonal(n: usize, period: usize) -> Vec<f64> {
    let value = |i: usize| {
        let wave = (std::f64::consts::TAU * i as f64 / period as f64).sin();
        (40.0 + 0.2 * i as f64) * (1.0 + 0.3 * wave) + (i * i % 17) as f64 * 0.2
    };
    (0..n).map(value).collect()
}

#[test]
fn fits_equal_the_reference() {
    let golden: Value = serde_json::from_str(include_str!("golden/ets.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let mut same = 0;
    for case in cases {
        let name = case["input"].as_str().unwrap();
        let values = numbers(&golden["series"][name]);
        let period = case["period"].as_u64().unwrap() as usize;
        let config =
            model(case["model"].as_str().unwrap(), period).damped(case["damped"].as_bool());
        let polished = fit(&config, &values);
        let fitted = fit(&config.polish(false), &values);
        assert!(polished.converged(), "{case}");
        assert!(
            polished.log_likelihood() >= fitted.log_likelihood(),
            "{case}"
        );
        assert_eq!(polished.model(), fitted.model());
        let chosen = fitted.model().to_string();
        let what = format!("{case} fitted as {chosen}");
        let expected = number(&case["log_likelihood"]);
        let gain = fitted.log_likelihood() - expected;
        assert!(gain > -1e-6, "{gain}: {what}");
        let means = numbers(&case["mean"]);
        let forecast = ahead(&fitted, means.len(), ONE_DEVIATION);
        let pairs = forecast.intervals[0].upper.iter().zip(&forecast.mean);
        let deviations: Vec<f64> = pairs.map(|(upper, mean)| upper - mean).collect();
        // The reference can return a point that is not the best of its simplex when it reaches
        // the limit of its search; ours is then a little more likely.
        let tolerance = if gain < 1e-6 { 1e-9 } else { 0.05 };
        assert!(gain < 0.5, "{gain}: {what}");
        assert!(distance(&forecast.mean, &means) < tolerance, "{what}");
        assert!(
            distance(&deviations, &numbers(&case["deviation"])) < tolerance,
            "{what}"
        );
        let parts = case["chosen"].as_str().unwrap().replace('N', "");
        assert_eq!(
            chosen.replace("ETS", "").replace(['N', ',', '(', ')'], ""),
            // The reference writes damping last.
            match parts.strip_suffix('D') {
                Some(rest) => rest
                    .replacen('A', "Ad", if rest.starts_with('A') { 2 } else { 1 })
                    .replacen("AdAd", "AAd", 1),
                None => parts,
            },
            "{what}"
        );
        if gain < 1e-6 {
            same += 1;
            let aicc = number(&case["aicc"]);
            assert!((fitted.information().aicc - aicc).abs() < 1e-6, "{what}");
            let limited = fitted.iterations() + 1 - case["iterations"].as_u64().unwrap();
            assert!(limited == 0 && fitted.converged() == (fitted.iterations() < 1000));
        }
    }
    assert!(cases.len() >= 40 && same * 10 >= cases.len() * 8, "{same}");
}

/// Every model comes to its end before they are compared: on these series another is the best of those
/// at which the simplex stops.
#[test]
fn no_model_by_itself_is_better_than_the_choice() {
    let cases = [(144, 0.01, 29), (144, 0.005, 13), (96, 0.02, 29)];
    for (n, growth, modulus) in cases {
        let values = growing_season(n, growth, modulus);
        let chosen = fit(&Ets::automatic().period(12).unwrap(), &values);
        let simplex = Ets::automatic().period(12).unwrap().polish(false);
        assert_ne!(fit(&simplex, &values).model(), chosen.model());
        let [plain, damped] = [Some(false), Some(true)];
        let models = [
            ("ANA", plain),
            ("AAA", plain),
            ("AAA", damped),
            ("MNA", plain),
            ("MAA", plain),
            ("MAA", damped),
            ("MNM", plain),
            ("MAM", plain),
            ("MAM", damped),
        ];
        for (name, damped) in models {
            let alone = fit(&model(name, 12).damped(damped), &values);
            let lead = alone.information().aicc - chosen.information().aicc;
            assert!(
                lead > -1e-3,
                "{name} is better than {} by {lead}",
                chosen.model()
            );
        }
    }
}

#[test]
fn closed_variances_are_those_of_simulated_paths() {
    for (name, period) in [("ANA", 4), ("MNM", 4), ("MAM", 4), ("MAA", 4), ("MAN", 1)] {
        let values: Vec<f64> = seasonal(60, 4).iter().map(|x| x * 3.0).collect();
        let config = model(name, period).damped(Some(name == "MAM"));
        let fitted = fit(&config, &values);
        let (steps, count) = (10, 40_000);
        let forecast = ahead(&fitted, steps, ONE_DEVIATION);
        let paths = fitted.simulate(steps, count, 5).unwrap();
        for step in 0..steps {
            let column = paths.iter().skip(step).step_by(steps);
            let mean = column.clone().sum::<f64>() / count as f64;
            let squares: f64 = column.map(|x| (x - mean).powi(2)).sum();
            let simulated = (squares / count as f64).sqrt();
            let closed = forecast.intervals[0].upper[step] - forecast.mean[step];
            assert!((simulated / closed - 1.0).abs() < 0.02, "{name} {step}");
            assert!(
                (mean - forecast.mean[step]).abs() < 0.03 * closed,
                "{name} {step}"
            );
        }
    }
}

#[test]
fn unstable_models_are_fitted_when_named_and_give_simulated_intervals() {
    let values = seasonal(60, 4);
    let fitted = fit(&model("AAM", 4).seed(3), &values);
    assert_eq!(fitted.model().to_string(), "ETS(A,A,M)");
    let forecast = ahead(&fitted, 8, 0.9);
    let interval = &forecast.intervals[0];
    for step in 0..8 {
        assert!(interval.lower[step] < forecast.mean[step]);
        assert!(interval.upper[step] > forecast.mean[step]);
    }
    assert_eq!(forecast, ahead(&fitted, 8, 0.9));
    let other = ahead(&fit(&model("AAM", 4).seed(4), &values), 8, 0.9);
    assert!(other != forecast && other.mean == forecast.mean);
    let automatic = fit(&model("ZZZ", 4).damped(None), &values);
    assert!(!automatic.model().to_string().starts_with("ETS(A,A,M)"));
}

#[test]
fn value_stability() {
    let fitted = fit(&model("ANN", 1), &[1.0, 3.0, 2.0, 5.0, 4.0, 3.0, 6.0, 2.0]);
    let paths = fitted.simulate(2, 2, 7).unwrap();
    let expected = [
        4.909_433_469_487_537,
        4.161_542_744_936_376,
        3.175_074_410_227_108,
        3.511_057_465_015_319_7,
    ];
    assert!(distance(&paths, &expected) < 1e-9, "{paths:?}");
}

#[test]
fn regions_hold_the_parameters() {
    let values: Vec<f64> = (0..60)
        .map(|i| f64::from(i * i % 23) + f64::from(i))
        .collect();
    for region in [Region::Usual, Region::Admissible, Region::Both] {
        let fitted = fit(&model("AAA", 4).region(region), &values);
        let p = fitted.parameters();
        let usual = p.beta.unwrap() <= p.alpha && p.gamma.unwrap() <= 1.0 - p.alpha;
        assert!(usual || region == Region::Admissible, "{p:?}");
    }
}

#[test]
fn missing_values_are_bridged_and_have_no_residual() {
    let mut values = seasonal(60, 4);
    (values[0], values[30], values[31]) = (f64::NAN, f64::NAN, f64::NAN);
    let fitted = fit(&model("AAA", 4), &values);
    for (row, residual) in fitted.residuals().iter().enumerate() {
        assert_eq!(residual.is_nan(), [0, 30, 31].contains(&row));
    }
    assert!(ahead(&fitted, 3, 0.9).mean.iter().all(|x| x.is_finite()));
}

#[test]
fn constants_are_their_level() {
    for value in [0.0, 5.0, -3e149, 1e-300] {
        let fitted = fit(&Ets::automatic().period(7).unwrap(), &[value; 30]);
        let forecast = ahead(&fitted, 3, 0.95);
        assert_eq!(forecast.mean, [value; 3]);
        assert_eq!(forecast.intervals[0].upper, [value; 3]);
    }
}

#[test]
fn bad_input_gives_errors_that_say_what_is_wrong() {
    let refused = |config: &Ets, values: &[f64], word: &str, kind| {
        let error = config.fit(&series(values).view()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.kind(), kind);
    };
    let ramp: Vec<f64> = (0..12).map(f64::from).collect();
    refused(
        &model("AAA", 12),
        &ramp,
        "at least 19",
        ErrorKind::NotEnoughData,
    );
    refused(
        &model("AAN", 1),
        &ramp[..5],
        "AAN",
        ErrorKind::NotEnoughData,
    );
    refused(
        &Ets::automatic(),
        &[f64::NAN; 9],
        "points",
        ErrorKind::NotEnoughData,
    );
    refused(&model("MAN", 1), &ramp, "above 0", ErrorKind::InvalidInput);
    refused(
        &Ets::automatic(),
        &[1.0, f64::INFINITY, 2.0],
        "row 2",
        ErrorKind::NonFinite,
    );
    assert!(Ets::automatic().period(0).is_err());
    let error = Ets::new("ANA".parse().unwrap()).validate().unwrap_err();
    assert!(error.to_string().contains("`period` is 1"), "{error}");
    let error = model("ANN", 1).damped(Some(true)).validate().unwrap_err();
    assert!(error.to_string().contains("`damped`"), "{error}");
    let fitted = fit(&model("ANN", 1), &ramp);
    for level in [0.0, 1.0, f64::NAN, -0.5] {
        assert!(
            fitted
                .forecast(&ForecastRequest::steps(1).levels(&[level]))
                .is_err()
        );
    }
    assert!(fitted.forecast(&ForecastRequest::steps(0)).is_err());
    assert!(fitted.simulate(usize::MAX, 2, 0).is_err());
}

#[test]
fn snapshots_take_eight_bytes_a_step_and_refuse_contradictions() {
    let fitted = fit(&model("AAA", 24), &seasonal(720, 24));
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() <= 720 * 8 + 24 * 16 + 300, "{}", bytes.len());
    let loaded: FittedEts = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, fitted);
    let mut broken: Value = serde_json::to_value(&fitted).unwrap();
    broken["parameters"]["gamma"] = Value::Null;
    let broken: FittedEts = serde_json::from_value(broken).unwrap();
    assert!(bongsu_core::Snapshot::validate(&broken).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scale_changes_nothing_but_the_unit(
        values in prop::collection::vec(1.0..100.0f64, 20..40),
        exponent in -900..490i32,
    ) {
        let unit = 2f64.powi(exponent);
        let scaled: Vec<f64> = values.iter().map(|x| x * unit).collect();
        let config = Ets::automatic().period(4).unwrap();
        let (plain, other) = (fit(&config, &values), fit(&config, &scaled));
        prop_assert_eq!(plain.model(), other.model());
        let (a, b) = (ahead(&plain, 6, 0.9), ahead(&other, 6, 0.9));
        for (a, b) in a.mean.iter().zip(&b.mean) {
            prop_assert_eq!(a * unit, *b);
        }
        for (a, b) in a.intervals[0].upper.iter().zip(&b.intervals[0].upper) {
            prop_assert!((a * unit / b - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn any_finite_series_gives_finite_forecasts_or_an_error(
        values in prop::collection::vec(-1e308..1e308f64, 2..40),
        period in 1..9usize,
    ) {
        let config = Ets::automatic().period(period).unwrap();
        if let Ok(fitted) = config.fit(&series(&values).view()) {
            let forecast = fitted.forecast(&ForecastRequest::steps(5)).unwrap();
            prop_assert!(forecast.mean.iter().all(|x| !x.is_nan()));
        }
    }
}
