//! What a calibrated band and a detector's band are made of, number by number.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector as _, Expectation, Labels, Rows, Series, Timestamp};
use bongsu_forecast::backtest::{BacktestRow, Backtested};
use bongsu_forecast::conformal::{Adaptive, Basis, ConformalBand, ConformalMethod, backtest_level};
use bongsu_forecast::prophet::Growth;
use bongsu_forecast::transform::Transform;
use bongsu_forecast::{Backtest, ForecastDetector, Model, Naive, Prophet, Transformed};

/// A backtest in units of the model's band whose rows are `(step, bounds, actual)` about a mean of 0.
fn backtested(rows: &[(usize, [f64; 2], f64)]) -> Backtested {
    let times = (0..12).map(Timestamp::from_secs).collect();
    let values = (0..12).map(|i| f64::from(i % 3)).collect();
    let series = Series::new(Labels::empty(), times, values).unwrap();
    let mut run = Backtest::new(8, 1)
        .unwrap()
        .levels(&[backtest_level()])
        .unwrap()
        .run(&Naive::last(), &series.view())
        .unwrap();
    let row = |&(step, bounds, actual): &(usize, [f64; 2], f64)| BacktestRow {
        origin: Timestamp::from_secs(0),
        timestamp: Timestamp::from_secs(step as i64),
        step,
        mean: 0.0,
        bounds: vec![bounds],
        actual: Some(actual),
    };
    run.rows = rows.iter().map(row).collect();
    run
}

fn band(rows: &[(usize, [f64; 2], f64)]) -> ConformalBand {
    ConformalBand::calibrate(ConformalMethod::Split, &backtested(rows)).unwrap()
}

#[test]
fn each_side_is_measured_by_its_own_half() {
    let wide_above = [-1.0, 4.0];
    let band = band(&[(1, wide_above, 8.0), (1, wide_above, -2.0)]);
    // 8 is two halves of 4 above, -2 two halves of 1 below.
    assert_eq!(band.reach(1, 0.5).unwrap(), 2.0);
}

#[test]
fn a_step_with_just_enough_errors_stands_alone() {
    let unit = [-1.0, 1.0];
    let own = [1.0, 2.0, 3.0].map(|y| (1, unit, y));
    let further = [10.0, 20.0].map(|y| (2, unit, y));
    let band = band(&[&own[..], &further[..]].concat());
    assert_eq!(band.basis(1, 0.75), Basis::Step);
    assert_eq!(band.reach(1, 0.75).unwrap(), 3.0);
    assert_eq!(band.basis(2, 0.75), Basis::AllSteps);
}

#[test]
fn errors_from_one_origin_count_as_one() {
    let unit = [-1.0, 1.0];
    let rows: Vec<_> = (1..=4).map(|step| (step, unit, step as f64)).collect();
    // Rank 3 of 4 would hold 0.6 if they were independent; they share an origin.
    assert_eq!(band(&rows).reach(1, 0.6).unwrap(), 4.0);
}

fn expectations(detector: &ForecastDetector, values: &[f64]) -> Vec<Expectation> {
    let table = Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap();
    let rows = Rows::untimed(table.view());
    let fitted = detector.fit_rows(&rows).unwrap();
    fitted.expectations(&rows).unwrap().unwrap()
}

fn uneven(n: usize) -> Vec<f64> {
    let value = |i: usize| 40.0 + ((i * 7919 + 13) % 101) as f64 / 5.0;
    (0..n).map(value).collect()
}

#[test]
fn the_first_rows_have_a_band_as_lopsided_as_the_models() {
    let model: Model = Transformed::new(Transform::Log, Naive::last()).into();
    let detector = ForecastDetector::new(model).initial(20).unwrap();
    for band in expectations(&detector, &uneven(60)).iter().skip(1) {
        let [below, above] = [band.expected - band.lower, band.upper - band.expected];
        assert!(above > 1.05 * below, "{band:?}");
    }
}

#[test]
fn a_fit_is_renewed_after_exactly_that_many_steps() {
    let values = uneven(60);
    let detector = ForecastDetector::new(Naive::mean())
        .initial(20)
        .and_then(|detector| detector.refit(10)?.window(5))
        .unwrap();
    let bands = expectations(&detector, &values);
    for from in [30, 40, 50] {
        let window = &values[from - 5..from];
        let mean = window.iter().sum::<f64>() / 5.0;
        assert!((bands[from].expected - mean).abs() < 1e-9, "{from}");
        assert!((bands[from - 1].expected - mean).abs() > 1e-3, "{from}");
    }
}

#[test]
fn calibration_stretches_both_sides_alike() {
    let detector = ForecastDetector::new(Naive::last())
        .initial(60)
        .and_then(|detector| detector.adaptive(Some(0.005)))
        .unwrap();
    for band in expectations(&detector, &uneven(120)).iter().skip(60) {
        let [below, above] = [band.expected - band.lower, band.upper - band.expected];
        assert!((above / below - 1.0).abs() < 1e-9, "{band:?}");
    }
}

#[test]
fn an_adaptive_reach_is_the_ranked_score_and_a_tie_is_no_miss() {
    let mut fixed = Adaptive::new(0.75, 0.0, 100).unwrap();
    for score in [5.0, 2.0, 7.0, 1.0, 6.0, 3.0, 4.0] {
        fixed.observe(score).unwrap();
    }
    // ceil(8 * 0.75)
    assert_eq!(fixed.reach(), Some(6.0));
    let mut tied = Adaptive::new(0.5, 0.1, 100).unwrap();
    tied.observe(1.0).unwrap();
    tied.observe(1.0).unwrap();
    assert!((tied.aim() - 0.45).abs() < 1e-12, "{}", tied.aim());
    tied.observe(1.5).unwrap();
    assert!((tied.aim() - 0.5).abs() < 1e-12, "{}", tied.aim());
}

#[test]
fn a_model_that_cannot_be_updated_forecasts_further_ahead() {
    let model = Prophet::new().growth(Growth::Logistic).cap(1e4).unwrap();
    let detector = ForecastDetector::new(model)
        .initial(60)
        .and_then(|detector| detector.refit(60))
        .unwrap();
    let values: Vec<f64> = (0..76).map(|i| 1e3 + 10.0 * f64::from(i)).collect();
    for (i, band) in expectations(&detector, &values).iter().enumerate().skip(60) {
        assert!((band.expected - values[i]).abs() < 60.0, "{i}: {band:?}");
    }
}
