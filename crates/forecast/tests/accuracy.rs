//! Measures of accuracy against utilsforecast, and at the edges.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ErrorKind;
use bongsu_forecast::accuracy::{
    coverage, crps_normal, crps_quantiles, mae, mape, mase, mse, owa, pinball, rmse, rmsse, smape,
    winkler,
};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let number = |x: &Value| x.as_f64().unwrap_or(f64::NAN);
    value.as_array().unwrap().iter().map(number).collect()
}

#[test]
fn measures_equal_the_reference() {
    let cases: Value = serde_json::from_str(include_str!("golden/accuracy.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let column = |name: &str| numbers(&case[name]);
        let [y, f, x] = ["actual", "forecast", "history"].map(column);
        let [low, high, s] = ["lower", "upper", "deviations"].map(column);
        let period = case["period"].as_u64().unwrap() as usize;
        let quantiles = column("quantiles");
        let paths: Vec<Vec<f64>> = case["by_quantile"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        let paths: Vec<&[f64]> = paths.iter().map(Vec::as_slice).collect();
        for (name, ours) in [
            ("mae", Some(mae(&y, &f).unwrap())),
            ("mse", Some(mse(&y, &f).unwrap())),
            ("rmse", Some(rmse(&y, &f).unwrap())),
            ("mape", mape(&y, &f).unwrap()),
            ("smape", Some(smape(&y, &f).unwrap())),
            ("mase", mase(&y, &f, &x, period).unwrap()),
            ("rmsse", rmsse(&y, &f, &x, period).unwrap()),
            ("pinball", Some(pinball(&y, paths[3], 0.9).unwrap())),
            (
                "crps_quantiles",
                Some(crps_quantiles(&y, &quantiles, &paths).unwrap()),
            ),
            ("crps_normal", Some(crps_normal(&y, &f, &s).unwrap())),
            ("coverage", Some(coverage(&y, &low, &high).unwrap())),
            ("winkler", Some(winkler(&y, &low, &high, 0.8).unwrap())),
        ] {
            let theirs = case[name].as_f64();
            let at = format!("{name} of {}: {ours:?}, {theirs:?}", case["name"]);
            match (ours, theirs) {
                (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-9 * b.abs(), "{at}"),
                (a, b) => assert_eq!(a, b, "{at}"),
            }
        }
    }
}

#[test]
fn what_cannot_be_measured_is_an_error() {
    let gap = f64::NAN;
    let none = mae(&[gap, gap], &[1.0, 1.0]).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotEnoughData);
    assert_eq!(mae(&[], &[]).unwrap_err().kind(), ErrorKind::NotEnoughData);
    assert_eq!(mae(&[1.0], &[]).unwrap_err().kind(), ErrorKind::Shape);
    let silent = mae(&[1.0, gap], &[1.0, gap]).unwrap_err();
    assert!(silent.to_string().contains("row 1"), "{silent}");
    assert!(rmse(&[f64::INFINITY], &[1.0]).is_err());
    assert_eq!(
        mse(&[1e308], &[-1e308]).unwrap_err().kind(),
        ErrorKind::NonFinite
    );
    assert!(rmse(&[1e308], &[-1e308]).is_err());
    assert!((rmse(&[1e200], &[0.0]).unwrap() / 1e200 - 1.0).abs() < 1e-15);
    assert!((rmse(&[1e-200], &[0.0]).unwrap() / 1e-200 - 1.0).abs() < 1e-15);
    assert!((smape(&[1.7e308], &[-1.7e308]).unwrap() - 200.0).abs() < 1e-12);
    assert!(mase(&[1.0], &[1.0], &[1.0, 2.0], 0).is_err());
    for period in [2, usize::MAX] {
        let short = mase(&[1.0], &[1.0], &[1.0, 2.0], period).unwrap_err();
        assert_eq!(short.kind(), ErrorKind::NotEnoughData);
    }
    for q in [0.0, 1.0, gap] {
        assert!(pinball(&[1.0], &[1.0], q).is_err());
        assert!(winkler(&[1.0], &[1.0], &[1.0], q).is_err());
    }
    assert!(crps_quantiles(&[1.0], &[], &[]).is_err());
    assert!(crps_quantiles(&[1.0], &[0.5, 0.5], &[&[1.0], &[1.0]]).is_err());
    assert!(crps_normal(&[1.0], &[1.0], &[-1.0]).is_err());
    assert_eq!(crps_normal(&[3.0], &[1.0], &[0.0]).unwrap(), 2.0);
    assert!((crps_normal(&[3e12], &[0.0], &[1.0]).unwrap() - 3e12).abs() < 1.0);
    assert!(coverage(&[1.0], &[2.0], &[0.0]).is_err());
    assert_eq!(owa(1.0, 1.0, 0.0, 1.0).unwrap(), None);
    assert!(owa(gap, 1.0, 1.0, 1.0).is_err());
}

#[test]
fn the_score_of_many_quantiles_is_that_of_the_normal() {
    let quantiles: Vec<f64> = (0..2000).map(|i| (f64::from(i) + 0.5) / 2000.0).collect();
    let reach = |&q: &f64| vec![3.0 + 2.0 * bongsu_stats::special::normal_isf(1.0 - q)];
    let paths: Vec<Vec<f64>> = quantiles.iter().map(reach).collect();
    let paths: Vec<&[f64]> = paths.iter().map(Vec::as_slice).collect();
    for y in [-4.0, 3.0, 5.0] {
        let exact = crps_normal(&[y], &[3.0], &[2.0]).unwrap();
        let from_quantiles = crps_quantiles(&[y], &quantiles, &paths).unwrap();
        assert!(
            (exact - from_quantiles).abs() < 2e-3,
            "{exact} {from_quantiles}"
        );
    }
}
