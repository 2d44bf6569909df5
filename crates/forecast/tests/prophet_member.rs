//! The Prophet model where any model can stand: as a detector, in bands, medians and transforms.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{
    Detector as _, FittedForecaster as _, ForecastRequest, Labels, Rows, Series, Timestamp,
    snapshot,
};
use bongsu_forecast::prophet::Fourier;
use bongsu_forecast::transform::Transform;
use bongsu_forecast::{
    Conformal, Ensemble, ForecastDetector, Member, Model, Naive, Prophet, Transformed, batch,
};

const HOUR: i64 = 3600;

fn daily() -> Prophet {
    Prophet::new().daily(Fourier::On).weekly(Fourier::Off)
}

/// An hourly metric with a wave of a day.
fn load(hours: usize) -> Vec<f64> {
    let value = |i: usize| {
        let noise = ((i * i * 7919 + 31 * i) % 1000) as f64 / 500.0 - 1.0;
        50.0 + 10.0 * (std::f64::consts::TAU * i as f64 / 24.0).sin() + noise
    };
    (0..hours).map(value).collect()
}

fn times(hours: usize) -> Vec<Timestamp> {
    (0..hours as i64)
        .map(|i| Timestamp::from_secs(HOUR * i))
        .collect()
}

fn series(values: Vec<f64>) -> Series {
    Series::new(Labels::empty(), times(values.len()), values).unwrap()
}

#[test]
fn as_a_detector_it_finds_what_breaks_the_day() {
    let mut values = load(24 * 12);
    // As high as noon, at midnight.
    values[24 * 11 + 18] = 60.0;
    let times = times(values.len());
    let rows = Array2::from_shape_vec((values.len(), 1), values).unwrap();
    let rows = Rows::at(&times, rows.view()).unwrap();
    let config = ForecastDetector::new(daily()).initial(96).unwrap();
    let fitted = config.refit(24).unwrap().fit_rows(&rows).unwrap();
    let scores = fitted.score_rows(&rows).unwrap();
    let (worst, score) = scores
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .unwrap();
    assert_eq!(worst, 24 * 11 + 18);
    assert!(*score > 4.0, "{score}");
    let above = scores.iter().filter(|&&score| score > 1.0).count();
    assert!(above * 10 < scores.len(), "{above}");
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    let loaded: bongsu_forecast::FittedForecastDetector = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.score_rows(&rows).unwrap(), scores);
}

#[test]
fn calibrated_bands_take_it() {
    let data = series(load(24 * 10));
    let config = Conformal::new(daily(), 12).unwrap().refit(24).unwrap();
    let fitted = config.fit(&data.view()).unwrap();
    let forecast = fitted
        .forecast(&ForecastRequest::steps(12).levels(&[0.9]))
        .unwrap();
    let band = &forecast.intervals[0];
    let truth = &load(24 * 11)[240..252];
    let inside = truth.iter().zip(band.lower.iter().zip(&band.upper));
    assert!(inside.filter(|(y, (l, u))| y >= l && y <= u).count() >= 9);
}

/// Rows that are not there are steps without a value, as for other models.
#[test]
fn medians_and_transforms_take_it_with_holes() {
    let all = series(load(24 * 6));
    let keep = |i: &usize| i % 17 != 3 && i % 29 != 5;
    let kept: Vec<usize> = (0..all.values().len()).filter(keep).collect();
    let times = kept.iter().map(|&i| all.timestamps()[i]).collect();
    let values: Vec<f64> = kept.iter().map(|&i| all.values()[i]).collect();
    let data = Series::new(Labels::empty(), times, values).unwrap();
    let members: Vec<Member> = vec![
        daily().into(),
        Naive::seasonal(24).unwrap().into(),
        Naive::mean().into(),
    ];
    let ensemble = Model::from(Ensemble::new(members).unwrap());
    let transformed = Model::from(Transformed::new(Transform::Log, daily()));
    let truth = &load(24 * 7)[144..];
    for (model, most) in [(ensemble, 6.0), (transformed, 2.5)] {
        let fitted = model.fit(&data.view()).unwrap();
        assert_eq!(fitted.residuals().len(), 24 * 6);
        assert!(fitted.residuals()[3].is_nan());
        let forecast = fitted
            .forecast(&ForecastRequest::steps(24).levels(&[0.8]))
            .unwrap();
        for (mean, truth) in forecast.mean.iter().zip(truth) {
            assert!((mean - truth).abs() < most, "{mean} {truth}");
        }
    }
}

#[test]
fn a_batch_takes_it() {
    let all: Vec<Series> = (2..6).map(|days| series(load(24 * days))).collect();
    let request = ForecastRequest::steps(3);
    let made = batch::forecast_many(&Model::from(daily()), &all, &request);
    assert!(
        made.iter()
            .all(|forecast| forecast.as_ref().unwrap().mean.len() == 3)
    );
}
