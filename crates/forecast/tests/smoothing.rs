//! Agreement of the simpler forecasts with statsforecast; `golden/generate_smoothing.py` writes the
//! expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{
    ErrorKind, FittedForecaster, Forecast, ForecastRequest, Forecaster, Labels, Series, Timestamp,
    snapshot,
};
use bongsu_forecast::ces::CesSeason;
use bongsu_forecast::croston::CrostonMethod;
use bongsu_forecast::theta::ThetaModel;
use bongsu_forecast::{Ces, Croston, Naive, Theta};
use proptest::prelude::{ProptestConfig, prop, prop_assert, proptest};
use serde_json::Value;

/// The coverage within one standard deviation of a normal.
const ONE_DEVIATION: f64 = 0.682_689_492_137_085_9;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/smoothing.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn series(values: &[f64]) -> Series {
    let times = (0..values.len()).map(|i| Timestamp::from_secs(60 * i as i64));
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

fn ahead(fitted: &dyn FittedForecaster, steps: usize, levels: &[f64]) -> Forecast {
    fitted
        .forecast(&ForecastRequest::steps(steps).levels(levels))
        .unwrap()
}

/// The largest difference, relative to the largest expected value.
fn distance(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(1e-300, |m: f64, x| m.max(x.abs()));
    let differences = ours
        .iter()
        .zip(theirs)
        .map(|(a, b)| match (a.is_nan(), b.is_nan()) {
            (true, true) => 0.0,
            (false, false) => (a - b).abs() / largest,
            _ => f64::INFINITY,
        });
    differences.fold(0.0, f64::max)
}

#[test]
fn naive_forecasts_equal_the_reference() {
    let golden = golden();
    for (name, case) in golden["cases"].as_object().unwrap() {
        let values = numbers(&golden["series"][name]);
        let period = case["period"].as_u64().unwrap() as usize;
        for (kind, model) in [
            ("last", Naive::last()),
            ("drift", Naive::drift()),
            ("mean", Naive::mean()),
            ("seasonal", Naive::seasonal(period).unwrap()),
        ] {
            let expected = &case["naive"][kind];
            let fitted = model.fit(&series(&values).view()).unwrap();
            let means = numbers(&expected["mean"]);
            let forecast = ahead(&fitted, means.len(), &[0.8]);
            assert!(distance(&forecast.mean, &means) < 1e-11, "{name} {kind}");
            let upper = numbers(&expected["upper"]);
            let distance = distance(&forecast.intervals[0].upper, &upper);
            assert!(distance < 1e-11, "{name} {kind}");
        }
    }
}

#[test]
fn sparse_forecasts_equal_the_reference() {
    let golden = golden();
    for (name, case) in golden["cases"].as_object().unwrap() {
        let values = numbers(&golden["series"][name]);
        let Some(expected) = case["sparse"].as_object() else {
            continue;
        };
        let tsb = Croston::new().method(CrostonMethod::Tsb);
        let tsb = tsb
            .size_weight(0.2)
            .unwrap()
            .occurrence_weight(0.3)
            .unwrap();
        for (kind, model) in [
            ("classic", Croston::new()),
            ("optimised", Croston::new().method(CrostonMethod::Optimised)),
            ("sba", Croston::new().method(CrostonMethod::Sba)),
            ("tsb", tsb),
        ] {
            let fitted = model.fit(&series(&values).view()).unwrap();
            let means = numbers(&expected[kind]["mean"]);
            let tolerance = if kind == "optimised" { 1e-7 } else { 1e-11 };
            let off = distance(&ahead(&fitted, 2, &[]).mean, &means);
            assert!(off < tolerance, "{name} {kind} {off}");
            if kind != "optimised" && name != "never" {
                let theirs = numbers(&expected[kind]["fitted"]);
                let residuals: Vec<f64> = values.iter().zip(&theirs).map(|(y, f)| y - f).collect();
                assert!(
                    distance(fitted.residuals(), &residuals) < 1e-11,
                    "{name} {kind}"
                );
            }
        }
    }
}

#[test]
fn theta_forecasts_equal_the_reference() {
    let golden = golden();
    let (mut cases, mut same) = (0, 0);
    for (name, case) in golden["cases"].as_object().unwrap() {
        let values = numbers(&golden["series"][name]);
        let Some(expected) = case["theta"].as_object() else {
            continue;
        };
        let period = case["period"].as_u64().unwrap() as usize;
        for (kind, model) in [
            ("STM", ThetaModel::Standard),
            ("OTM", ThetaModel::Optimised),
            ("DSTM", ThetaModel::Dynamic),
            ("DOTM", ThetaModel::DynamicOptimised),
        ] {
            let model = Theta::new().model(Some(model)).period(period).unwrap();
            let fitted = model.fit(&series(&values).view()).unwrap();
            let expected = &expected[kind];
            let means = numbers(&expected["mean"]);
            let off = distance(&ahead(&fitted, means.len(), &[]).mean, &means);
            // The search stops at a spread that leaves the last digits open.
            assert!(off < 5e-3, "{name} {kind} {off}");
            same += usize::from(off < 1e-9);
            cases += 1;
            if expected["deviation"].is_string() {
                let simulated = numbers(&expected["deviation"]);
                let off = distance(&deviations(&fitted, means.len()), &simulated);
                assert!(off < 0.02, "{name} {kind} {off}");
            }
            let seasonal = !fitted.season().is_empty();
            assert_eq!(seasonal, expected["seasonal"].as_bool().unwrap());
        }
    }
    assert!(cases >= 40 && same >= 15, "{same} of {cases}");
}

#[test]
fn complex_smoothing_equals_the_reference() {
    let golden = golden();
    let (mut cases, mut same) = (0, 0);
    for (name, case) in golden["cases"].as_object().unwrap() {
        let values = numbers(&golden["series"][name]);
        let Some(expected) = case["ces"].as_object() else {
            continue;
        };
        let period = case["period"].as_u64().unwrap() as usize;
        for (kind, expected) in expected {
            let season = match kind.as_str() {
                "N" => Some(CesSeason::None),
                "S" => Some(CesSeason::Simple),
                "P" => Some(CesSeason::Partial),
                "F" => Some(CesSeason::Full),
                _ => None,
            };
            let model = Ces::automatic().season(season).period(period).unwrap();
            let fitted = model.fit(&series(&values).view()).unwrap();
            let means = numbers(&expected["mean"]);
            let off = distance(&ahead(&fitted, means.len(), &[]).mean, &means);
            let gain = fitted.log_likelihood() - number(&expected["log_likelihood"]);
            // Some searches of the reference end in a simplex that the box has flattened. The
            // likelihood of the counts has several tops, and the two searches find different ones.
            assert!(
                gain > -1e-3 || name == "counts" && gain > -3.0,
                "{name} {kind} {gain}"
            );
            cases += 1;
            if gain.abs() < 1e-3 {
                same += 1;
                assert!(off < 5e-3, "{name} {kind} {off}");
                let aicc = fitted.information().aicc - number(&expected["aicc"]);
                assert!(aicc.abs() < 3e-3, "{name} {kind} {aicc}");
                let off = distance(
                    &deviations(&fitted, means.len()),
                    &numbers(&expected["deviation"]),
                );
                assert!(off < 0.03, "{name} {kind} {off}");
            }
        }
    }
    assert!(cases >= 40 && same * 10 >= cases * 8, "{same} of {cases}");
}

/// The standard deviations of the next values.
fn deviations(fitted: &dyn FittedForecaster, steps: usize) -> Vec<f64> {
    let forecast = ahead(fitted, steps, &[ONE_DEVIATION]);
    let pairs = forecast.intervals[0].upper.iter().zip(&forecast.mean);
    pairs.map(|(upper, mean)| upper - mean).collect()
}

fn models() -> Vec<Box<dyn Forecaster>> {
    vec![
        Box::new(Naive::last()),
        Box::new(Naive::seasonal(4).unwrap()),
        Box::new(Naive::drift()),
        Box::new(Naive::mean()),
        Box::new(Theta::new().period(4).unwrap()),
        Box::new(Theta::new().model(None).period(4).unwrap()),
        Box::new(Ces::automatic().period(4).unwrap()),
        Box::new(Croston::new()),
    ]
}

#[test]
fn constants_go_on() {
    for value in [0.0, 5.0, 1e149, 1e-300] {
        for model in models() {
            let fitted = model.fit(&series(&[value; 30]).view()).unwrap();
            let forecast = ahead(fitted.as_ref(), 9, &[]);
            let off = forecast
                .mean
                .iter()
                .map(|x| (x - value).abs() / value.max(1e-308));
            assert!(
                off.fold(0.0, f64::max) < 1e-12,
                "{model:?} {value} {forecast:?}"
            );
        }
    }
}

#[test]
fn missing_values_have_no_residual() {
    let mut values: Vec<f64> = (0..40).map(|i| f64::from(20 + i % 4)).collect();
    (values[0], values[17], values[39]) = (f64::NAN, f64::NAN, f64::NAN);
    for model in models() {
        let fitted = model.fit(&series(&values).view()).unwrap();
        assert!(
            [0, 17, 39]
                .iter()
                .all(|&row| fitted.residuals()[row].is_nan())
        );
        assert!(!fitted.residuals()[20].is_nan());
        let forecast = ahead(fitted.as_ref(), 4, &[]);
        assert!(forecast.mean.iter().all(|x| x.is_finite()));
    }
    let seasonal = Naive::seasonal(4).unwrap();
    let fitted = Naive::fit(&seasonal, &series(&values).view()).unwrap();
    assert_eq!(ahead(&fitted, 4, &[]).mean, [20.0, 21.0, 22.0, 23.0]);
}

#[test]
fn bad_input_gives_errors_that_say_what_is_wrong() {
    let kind = |model: &dyn Forecaster, values: &[f64]| {
        model.fit(&series(values).view()).unwrap_err().kind()
    };
    for model in models() {
        assert_eq!(
            kind(model.as_ref(), &[f64::NAN; 9]),
            ErrorKind::NotEnoughData
        );
        assert_eq!(
            kind(model.as_ref(), &[1.0, f64::INFINITY]),
            ErrorKind::NonFinite
        );
    }
    assert_eq!(
        kind(&Theta::new(), &[1.0, 2.0, 3.0]),
        ErrorKind::NotEnoughData
    );
    assert_eq!(
        kind(&Naive::seasonal(5).unwrap(), &[1.0; 5]),
        ErrorKind::NotEnoughData
    );
    let simple = Ces::automatic().season(Some(CesSeason::Simple));
    assert_eq!(kind(&simple, &[1.0; 9]), ErrorKind::InvalidParameter);
    let simple = simple.period(6).unwrap();
    assert_eq!(
        kind(&simple, &[1.0, 2.0, 1.0, 4.0, 1.0, 2.0, 1.0]),
        ErrorKind::NotEnoughData
    );
    assert_eq!(
        kind(&Croston::new(), &[1.0, -2.0, 0.0]),
        ErrorKind::InvalidInput
    );
    assert!(Croston::new().size_weight(0.0).is_err() && Theta::new().period(0).is_err());
    let fitted = Croston::new().fit(&series(&[0.0, 1.0]).view()).unwrap();
    let error = fitted
        .forecast(&ForecastRequest::steps(1).levels(&[0.5]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn snapshots_load_and_forecast_alike() {
    let values: Vec<f64> = (0..40).map(|i| f64::from(20 + i % 4 + i * i % 7)).collect();
    let series = series(&values);
    let ces = Ces::automatic()
        .season(Some(CesSeason::Full))
        .period(4)
        .unwrap();
    let ces = ces.fit(&series.view()).unwrap();
    let bytes = snapshot::to_bytes(&ces).unwrap();
    assert!(bytes.len() <= 8 * 40 + 16 * 4 + 250, "{}", bytes.len());
    assert_eq!(
        snapshot::from_bytes::<bongsu_forecast::FittedCes>(&bytes).unwrap(),
        ces
    );
    let theta = Theta::dynamic_optimised()
        .period(4)
        .unwrap()
        .fit(&series.view())
        .unwrap();
    let bytes = snapshot::to_bytes(&theta).unwrap();
    assert!(bytes.len() <= 8 * 40 + 8 * 4 + 250, "{}", bytes.len());
    assert_eq!(
        snapshot::from_bytes::<bongsu_forecast::FittedTheta>(&bytes).unwrap(),
        theta
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_finite_series_gives_forecasts_that_are_numbers_or_an_error(
        values in prop::collection::vec(-1e308..1e308f64, 2..40),
    ) {
        for model in models() {
            if let Ok(fitted) = model.fit(&series(&values).view()) {
                let forecast = ahead(fitted.as_ref(), 5, &[]);
                prop_assert!(forecast.mean.iter().all(|x| !x.is_nan()), "{model:?}");
            }
        }
    }

    #[test]
    fn scale_changes_the_unit_alone(
        values in prop::collection::vec(1.0..100.0f64, 20..40),
        exponent in -700..490i32,
    ) {
        let unit = 2f64.powi(exponent);
        let scaled: Vec<f64> = values.iter().map(|x| x * unit).collect();
        for model in models() {
            let a = model.fit(&series(&values).view()).unwrap();
            let b = model.fit(&series(&scaled).view()).unwrap();
            let (a, b) = (ahead(a.as_ref(), 6, &[]), ahead(b.as_ref(), 6, &[]));
            let a: Vec<f64> = a.mean.iter().map(|x| x * unit).collect();
            prop_assert!(distance(&b.mean, &a) < 0.02, "{model:?}");
        }
    }
}
