//! Models of several seasons against statsforecast.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{ErrorKind, FittedForecaster, ForecastRequest, Labels, Series, Timestamp};
use bongsu_forecast::{FittedMstl, Member, Mstl, Naive};
use serde_json::Value;

fn series(values: &[f64]) -> Series {
    let times = (0..values.len()).map(|i| Timestamp::from_secs(60 * i as i64));
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let number = |x: &Value| x.as_f64().unwrap();
    value.as_array().unwrap().iter().map(number).collect()
}

fn fit(values: &[f64], periods: &[usize], trend: Option<Member>) -> FittedMstl {
    let mut model = Mstl::new(periods).unwrap();
    if let Some(trend) = trend {
        model = model.trend(trend);
    }
    model.fit(&series(values).view()).unwrap()
}

/// With a naive trend only the decomposition, the seasons and the band are at work: 1e-8 of the
/// spread of the series. With automatic smoothing two searches end at parameters of nearly the same
/// likelihood (1e-3 there), not at the same ones, and the slope is multiplied by the horizon: 2 % of the
/// spread. At a scale of 1e-12 the reference's search ends early, where absolute tolerances are met, and
/// only the naive trend is compared; ours does not see the scale, which the next test shows.
#[test]
fn forecasts_equal_the_reference() {
    let cases: Value = serde_json::from_str(include_str!("golden/mstl.json")).unwrap();
    let mut worst = [0.0f64; 2];
    for case in cases.as_array().unwrap() {
        let values = numbers(&case["values"]);
        let periods: Vec<usize> = numbers(&case["periods"])
            .iter()
            .map(|&p| p as usize)
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let spread = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        for (which, (key, trend, tolerance)) in [
            ("naive", Some(Naive::last().into()), 1e-8),
            ("ets", None, 0.02),
        ]
        .into_iter()
        .enumerate()
        {
            if key == "ets" && case["name"] == "tiny" {
                continue;
            }
            let request = ForecastRequest::steps(30).levels(&[0.8, 0.95]);
            let ours = fit(&values, &periods, trend).forecast(&request).unwrap();
            let [narrow, wide] = [&ours.intervals[0], &ours.intervals[1]];
            for (name, path) in [
                ("mean", &ours.mean),
                ("lo-80", &narrow.lower),
                ("hi-80", &narrow.upper),
                ("lo-95", &wide.lower),
                ("hi-95", &wide.upper),
            ] {
                for (step, (a, b)) in path.iter().zip(numbers(&case[key][name])).enumerate() {
                    let off = (a - b).abs() / spread;
                    worst[which] = worst[which].max(off);
                    assert!(
                        off <= tolerance,
                        "{key} {name} of {} at step {step}: {a}, {b}, off by {off}",
                        case["name"]
                    );
                }
            }
        }
    }
    assert!(worst[0] > 0.0, "nothing was compared: {worst:?}");
}

#[test]
fn the_scale_of_a_series_does_not_matter() {
    let values: Vec<f64> = (0..90)
        .map(|i| f64::from(20 + i % 7 + i * i % 5 + i / 9))
        .collect();
    let ahead = |scale: f64| {
        let scaled: Vec<f64> = values.iter().map(|x| x * scale).collect();
        let request = ForecastRequest::steps(9).levels(&[0.8]);
        fit(&scaled, &[7], None).forecast(&request).unwrap()
    };
    let plain = ahead(1.0);
    for scale in [2f64.powi(-40), 2f64.powi(40)] {
        let other = ahead(scale);
        for (a, b) in plain.mean.iter().zip(&other.mean) {
            assert!((a - b / scale).abs() < 1e-9 * a.abs(), "{a} {b}");
        }
        let [a, b] = [&plain, &other].map(|forecast| forecast.intervals[0].upper[8]);
        assert!((a - b / scale).abs() < 1e-9 * a.abs(), "{a} {b}");
    }
}

#[test]
fn updates_go_on_with_the_seasons() {
    let value = |i: usize| [5.0, 1.0, 0.0][i % 3] + [4.0, 0.0, 2.0, 6.0][i % 4] + 0.1 * i as f64;
    let values: Vec<f64> = (0..70).map(value).collect();
    let mut fitted = fit(&values[..60], &[3, 4], Some(Naive::drift().into()));
    let all = series(&values);
    for (i, &value) in values.iter().enumerate().skip(60) {
        let expected = fitted.forecast(&ForecastRequest::steps(1)).unwrap().mean[0];
        assert!((expected - value).abs() < 0.2, "{i}: {expected} {value}");
        let [from, to] = [all.timestamps()[i], all.timestamps()[i].add_millis(1)];
        fitted.update(&all.view().range(from, to)).unwrap();
        let residual = *fitted.residuals().last().unwrap();
        assert!((residual - (value - expected)).abs() < 1e-9);
    }
    assert_eq!(fitted.residuals().len(), 70);
    assert_eq!(
        fitted.seasons().iter().map(Vec::len).collect::<Vec<_>>(),
        [3, 4]
    );
}

#[test]
fn missing_values_and_bad_input() {
    let mut values: Vec<f64> = (0..60).map(|i| [5.0, 1.0, 0.0, 2.0][i % 4]).collect();
    values[30] = f64::NAN;
    let fitted = fit(&values, &[4], Some(Naive::last().into()));
    assert!(fitted.residuals()[30].is_nan() && fitted.residuals()[31].is_finite());
    let mean = fitted.forecast(&ForecastRequest::steps(4)).unwrap().mean;
    for (a, b) in mean.iter().zip([5.0, 1.0, 0.0, 2.0]) {
        assert!((a - b).abs() < 1e-6, "{mean:?}");
    }
    let constant = fit(&[3.0; 20], &[4], None);
    let mean = constant.forecast(&ForecastRequest::steps(3)).unwrap().mean;
    assert!(mean.iter().all(|x| (x - 3.0).abs() < 1e-9), "{mean:?}");
    for periods in [&[][..], &[1], &[0], &[7, 7], &[usize::MAX]] {
        assert!(Mstl::new(periods).is_err(), "{periods:?}");
    }
    let short = Mstl::new(&[31])
        .unwrap()
        .fit(&series(&values).view())
        .unwrap_err();
    assert_eq!(short.kind(), ErrorKind::NotEnoughData);
    let infinite = series(&[f64::INFINITY; 20]);
    assert!(Mstl::new(&[4]).unwrap().fit(&infinite.view()).is_err());
}
