//! The automatic choice for series without noise, or with hardly any.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{FittedForecaster, ForecastRequest, Labels, Series, Timestamp, snapshot};
use bongsu_forecast::FittedArima;
use bongsu_forecast::arima::{AutoArima, Orders, Selection, Trend};

const SEASON: [f64; 4] = [5.0, 7.0, 9.0, 4.0];

fn series(values: &[f64]) -> Series {
    let times = (0..values.len() as i64).map(Timestamp::from_secs).collect();
    Series::new(Labels::empty(), times, values.to_vec()).unwrap()
}

fn of(count: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..count).map(value).collect()
}

fn choose(period: usize, values: &[f64]) -> Selection {
    let config = AutoArima::new().period(period).unwrap();
    config.fit(&series(values).view()).unwrap()
}

/// The choice for 48 values goes on as `value` does, within `share` of the largest value, and so does
/// its snapshot.
fn goes_on(period: usize, value: impl Fn(usize) -> f64, share: f64) -> Selection {
    let values = of(48, &value);
    let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let selection = choose(period, &values);
    let bytes = snapshot::to_bytes(&selection.fitted).unwrap();
    let mut loaded: FittedArima = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(snapshot::to_bytes(&loaded).unwrap(), bytes);
    let request = ForecastRequest::steps(12).levels(&[0.95]);
    let check = |fitted: &FittedArima, from: usize| {
        let forecast = fitted.forecast(&request).unwrap();
        let interval = &forecast.intervals[0];
        for h in 0..12 {
            let error = forecast.mean[h] - value(from + h);
            assert!(error.abs() <= share * largest, "{h}: {error:e}");
            let width = interval.upper[h] - interval.lower[h];
            assert!(
                (0.0..=100.0 * share * largest).contains(&width),
                "{width:e}"
            );
        }
    };
    check(&loaded, 48);
    let later = of(60, &value);
    let times: Vec<Timestamp> = (48..60).map(Timestamp::from_secs).collect();
    let next = Series::new(Labels::empty(), times, later[48..].to_vec()).unwrap();
    loaded.update(&next.view()).unwrap();
    check(&loaded, 60);
    selection
}

fn assert_model(selection: &Selection, orders: Orders, trend: Trend) {
    let fitted = &selection.fitted;
    assert_eq!((fitted.orders(), fitted.trend()), (orders, trend));
    assert!(fitted.converged() && fitted.log_likelihood().is_finite());
    assert_eq!(selection.candidates.len(), 1);
    assert!(selection.candidates[0].failure.is_none());
}

#[test]
fn a_season_is_met_without_a_search() {
    let orders = Orders::new(0, 0, 0).seasonal(0, 1, 0, 4);
    for unit in [1.0, 1e-60, 1e12, 0.1] {
        let selection = goes_on(4, |i| unit * SEASON[i % 4], 1e-14);
        assert_model(&selection, orders, Trend::None);
        assert!(selection.fitted.variance().sqrt() <= 1e-15 * 9.0 * unit);
    }
}

#[test]
fn a_season_on_a_line_has_a_drift() {
    let orders = Orders::new(0, 0, 0).seasonal(0, 1, 0, 4);
    for slope in [0.5, 0.1, -1.0 / 3.0] {
        let selection = goes_on(4, |i| slope * i as f64 + SEASON[i % 4], 1e-13);
        assert_model(&selection, orders, Trend::Linear);
        let drift = selection.fitted.parameters()[0].value;
        assert!((drift - slope).abs() < 1e-13, "{drift}");
    }
}

#[test]
fn a_line_is_a_drift() {
    for (intercept, slope) in [(0.0, 1.0), (3.0, 0.1), (1e9, -7.0), (0.3, 1.0 / 3.0)] {
        for period in [1, 4] {
            let selection = goes_on(period, |i| intercept + slope * i as f64, 1e-13);
            let mut orders = Orders::new(0, 1, 0);
            orders.period = if period == 1 { 0 } else { period };
            assert_model(&selection, orders, Trend::Linear);
        }
    }
}

#[test]
fn rounding_about_a_constant_is_a_mean() {
    let selection = goes_on(1, |i| 0.3 + (i * i % 3) as f64 * 5e-17, 1e-14);
    assert_model(&selection, Orders::new(0, 0, 0), Trend::Constant);
}

#[test]
fn gaps_do_not_matter() {
    let mut values = of(48, |i| 0.5 * i as f64 + SEASON[i % 4]);
    for gap in [0, 5, 6, 21, 47] {
        values[gap] = f64::NAN;
    }
    let selection = choose(4, &values);
    let orders = Orders::new(0, 0, 0).seasonal(0, 1, 0, 4);
    assert_model(&selection, orders, Trend::Linear);
    let forecast = selection
        .fitted
        .forecast(&ForecastRequest::steps(4))
        .unwrap();
    for (h, mean) in forecast.mean.iter().enumerate() {
        let truth = 0.5 * (48 + h) as f64 + SEASON[h % 4];
        assert!((mean - truth).abs() < 1e-6, "{mean} {truth}");
    }
}

#[test]
fn settings_are_kept() {
    let line = series(&of(48, |i| i as f64));
    let fit = |config: AutoArima| config.fit(&line.view()).unwrap().fitted;
    let twice = fit(AutoArima::new().diff(2).unwrap());
    assert_eq!((twice.orders().diff, twice.trend()), (2, Trend::None));
    let plain = fit(AutoArima::new().constant(false));
    assert_eq!(plain.trend(), Trend::None);
    let constant = series(&[3.0; 20]);
    let error = AutoArima::new().fit(&constant.view()).unwrap_err();
    assert!(error.to_string().contains("constant"), "{error}");
}

/// Noise far above rounding is modelled, however small.
#[test]
fn little_noise_is_not_none() {
    let noise = |i: usize| 1e-9 * ((i * i * 7 + i * 3) % 23) as f64;
    let value = |i: usize, slope: f64, season: f64| slope * i as f64 + season * SEASON[i % 4];
    for (period, slope, season) in [(1, 0.25, 0.0), (4, 0.0, 1.0), (4, 0.25, 1.0)] {
        let noisy = |i: usize| value(i, slope, season) + noise(i);
        let selection = goes_on(period, noisy, 1e-7);
        let fitted = &selection.fitted;
        assert!(selection.candidates.len() > 1);
        let deviation = fitted.variance().sqrt();
        assert!((1e-9..5e-8).contains(&deviation), "{deviation:e}");
    }
}
