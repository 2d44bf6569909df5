//! Calibrated bands, and forecasters as detectors.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{
    Detector, ErrorKind, FitDetector, FittedForecaster, ForecastRequest, Labels, Rows, Series,
    Snapshot, Timestamp, snapshot,
};
use bongsu_forecast::accuracy::coverage;
use bongsu_forecast::arima::Orders;
use bongsu_forecast::conformal::{Adaptive, ConformalMethod};
use bongsu_forecast::{
    Arima, Conformal, Croston, Ets, ForecastDetector, Model, Mstl, Naive, Theta,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;

fn series(values: &[f64]) -> Series {
    let times = (0..values.len()).map(|i| Timestamp::from_secs(60 * i as i64));
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

/// Independent errors with heavy tails about a level: a normal band of 95 % is wrong for them.
fn heavy(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut draw = || {
        let u: f64 = random.random();
        // The quantile of a distribution with tails of power 2.
        let x: f64 = 2.0 * u - 1.0;
        x / (1.0 - x * x).max(1e-9).sqrt()
    };
    (0..n).map(|_| 50.0 + draw()).collect()
}

/// The share of one-step values inside, over many series.
fn share(model: &dyn bongsu_core::Forecaster, level: f64, n: usize) -> f64 {
    let (mut y, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..400 {
        let values = heavy(n + 1, seed);
        let fitted = model.fit(&series(&values[..n]).view()).unwrap();
        let request = ForecastRequest::steps(1).levels(std::slice::from_ref(&level));
        let band = fitted.forecast(&request).unwrap().intervals.remove(0);
        y.push(values[n]);
        low.push(band.lower[0]);
        high.push(band.upper[0]);
    }
    coverage(&y, &low, &high).unwrap()
}

#[test]
fn a_calibrated_band_holds_what_it_states() {
    let plain = share(&Naive::mean(), 0.8, 80);
    assert!(plain > 0.84, "the normal band is right already: {plain}");
    let adaptive = ConformalMethod::Adaptive { gamma: 0.005 };
    for method in [ConformalMethod::Split, adaptive] {
        let model = Conformal::new(Naive::mean(), 1)
            .unwrap()
            .method(method)
            .unwrap();
        let calibrated = share(&model, 0.8, 80);
        // Three standard errors of a share of 400, and the half rank of 40 scores.
        assert!((calibrated - 0.8).abs() < 0.075, "{method:?}: {calibrated}");
    }
}

#[test]
fn the_reach_is_the_ranked_score() {
    // The last value of a series of steps +1: |errors| are 1, 2, 3 at the steps ahead.
    let values: Vec<f64> = (0..40).map(f64::from).collect();
    let model = Conformal::new(Naive::last(), 3).unwrap().relative(false);
    let fitted = model.fit(&series(&values).view()).unwrap();
    assert_eq!((fitted.band().horizon(), fitted.band().count()), (3, 54));
    let request = ForecastRequest::steps(3).levels(&[0.8]);
    let forecast = fitted.forecast(&request).unwrap();
    assert_eq!(forecast.mean, [39.0; 3]);
    assert_eq!(forecast.intervals[0].upper, [40.0, 41.0, 42.0]);
    assert_eq!(forecast.intervals[0].lower, [38.0, 37.0, 36.0]);
    // 18 scores a step are too few for 95 %, 54 of all steps together are enough; for 99 % they are not.
    assert_eq!(fitted.band().reach(1, 0.95).unwrap(), 3.0);
    let few = fitted.band().reach(1, 0.99).unwrap_err();
    assert_eq!(few.kind(), ErrorKind::NotEnoughData);
    assert!(fitted.forecast(&ForecastRequest::steps(4)).is_err());
    assert!(
        fitted
            .forecast(&ForecastRequest::steps(1).levels(&[1.0]))
            .is_err()
    );
    // Models without intervals gain some.
    let sparse: Vec<f64> = (0..60).map(|i| f64::from(u8::from(i % 3 == 0))).collect();
    let model = Conformal::new(Croston::new(), 2).unwrap().relative(false);
    let band = model.fit(&series(&sparse).view()).unwrap();
    assert!(
        band.forecast(&ForecastRequest::steps(2).levels(&[0.9]))
            .is_ok()
    );
    assert!(
        Conformal::new(Croston::new(), 2)
            .unwrap()
            .fit(&series(&sparse).view())
            .is_err()
    );
}

/// The share of misses settles at the stated one although the scale of the scores grows without end,
/// where a fixed quantile of the past misses far more.
#[test]
fn an_adaptive_band_follows_a_drift() {
    let mut random = Pcg64::seed_from_u64(1);
    let misses = |gamma: f64, random: &mut Pcg64| {
        let mut band = Adaptive::new(0.9, gamma, 300).unwrap();
        let (mut missed, mut count) = (0, 0);
        for i in 0..6000 {
            let u: f64 = random.random();
            let score = u * (f64::from(i) / 400.0).exp();
            if let Some(reach) = band.reach() {
                missed += i32::from(score > reach);
                count += 1;
            }
            band.observe(score).unwrap();
        }
        f64::from(missed) / f64::from(count)
    };
    let fixed = misses(0.0, &mut random);
    let adaptive = misses(0.02, &mut random);
    assert!(fixed > 0.15, "{fixed}");
    assert!((adaptive - 0.1).abs() < 0.02, "{adaptive}");
}

#[test]
fn adaptive_parameters_are_checked() {
    assert!(Adaptive::new(1.0, 0.1, 100).is_err());
    assert!(Adaptive::new(0.9, -0.1, 100).is_err());
    assert!(Adaptive::new(0.9, 0.1, 8).is_err());
    assert!(Adaptive::new(0.9, 0.1, usize::MAX).is_err());
    let mut band = Adaptive::new(0.9, 0.1, 9).unwrap();
    assert!(band.observe(f64::NAN).is_err() && band.observe(-1.0).is_err());
    for i in 0..100 {
        band.observe(f64::from(i % 3)).unwrap();
        band.validate().unwrap();
    }
    assert!(Conformal::new(Naive::last(), 0).is_err());
    let base = Conformal::new(Naive::last(), 5).unwrap();
    assert!(base.clone().origins(0).is_err());
    assert!(base.clone().refit(0).is_err());
    assert!(
        base.clone()
            .method(ConformalMethod::Adaptive { gamma: 2.0 })
            .is_err()
    );
    let short = base.fit(&series(&[1.0; 8]).view()).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::NotEnoughData);
}

fn wave(n: usize) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(9);
    let mut noise = || random.random::<f64>() - 0.5;
    let season = [0.0, 4.0, 9.0, 4.0, 0.0, -5.0];
    (0..n).map(|i| 30.0 + season[i % 6] + noise()).collect()
}

fn table(values: &[f64]) -> Array2<f64> {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
}

fn models() -> Vec<Model> {
    vec![
        Naive::seasonal(6).unwrap().into(),
        Ets::new("ANA".parse().unwrap()).period(6).unwrap().into(),
        Theta::new().period(6).unwrap().into(),
        Arima::new(Orders::new(1, 0, 0).seasonal(0, 1, 0, 6)).into(),
        Mstl::new(&[6]).unwrap().into(),
    ]
}

#[test]
fn planted_outliers_pass_the_bound_and_the_rest_mostly_does_not() {
    let mut values = wave(400);
    values[250] += 12.0;
    values[331] -= 12.0;
    for model in models() {
        for gamma in [None, Some(0.01)] {
            let detector = ForecastDetector::new(model.clone())
                .adaptive(gamma)
                .unwrap();
            let (fitted, scores) = detector.fit_score(&table(&values).view().into()).unwrap();
            assert!(
                scores[250] > 3.0 && scores[331] > 3.0,
                "{model:?}: {}",
                scores[250]
            );
            let above = scores.iter().filter(|&&score| score > 1.0).count();
            assert!((2..=50).contains(&above), "{model:?} {gamma:?}: {above}");
            assert_eq!((fitted.threshold(), fitted.failed_refits()), (Some(1.0), 0));
            let rows = table(&values);
            let bands = fitted.expectations(&rows.view().into()).unwrap().unwrap();
            for ((band, &score), &value) in bands.iter().zip(&scores).zip(&values) {
                assert!(band.lower <= band.expected && band.expected <= band.upper);
                assert_eq!(score > 1.0, value < band.lower || value > band.upper);
            }
        }
    }
}

/// What comes later changes no score: the scores of a prefix are those of the whole.
#[test]
fn no_score_depends_on_later_values() {
    let values = wave(320);
    for model in models() {
        let detector = ForecastDetector::new(model)
            .refit(40)
            .unwrap()
            .window(120)
            .unwrap();
        let (_, all) = detector.fit_score(&table(&values).view().into()).unwrap();
        let (prefix, some) = detector
            .fit_score(&table(&values[..260]).view().into())
            .unwrap();
        assert_eq!(some, all[..260]);
        // Scored after the fit, later rows get the same scores too.
        assert_eq!(prefix.score(table(&values).view()).unwrap(), all);
        let mut changed = values.clone();
        changed[300] += 50.0;
        let (_, other) = detector.fit_score(&table(&changed).view().into()).unwrap();
        assert_eq!(other[..300], all[..300]);
        assert!(other[300] > 10.0);
    }
}

#[test]
fn places_follow_from_timestamps() {
    let values = wave(300);
    let times: Vec<_> = (0..300).map(|i| Timestamp::from_secs(300 * i)).collect();
    let x = table(&values);
    let all = Rows::at(&times, x.view()).unwrap();
    let detector = ForecastDetector::new(Ets::new("ANA".parse().unwrap()).period(6).unwrap());
    let (_, scores) = detector.fit_score(&all).unwrap();
    let fitted = detector.fit_rows(&all.first(200)).unwrap();
    let last = table(&values[200..]);
    let tail = Rows::at(&times[200..], last.view()).unwrap();
    assert_eq!(fitted.score_rows(&tail).unwrap(), scores[200..]);
    let some = table(&values[150..220]);
    let middle = Rows::at(&times[150..220], some.view()).unwrap();
    assert_eq!(fitted.score_rows(&middle).unwrap(), scores[150..220]);
    // A hole in time is a step without a value.
    let (holes, kept): (Vec<_>, Vec<_>) = times
        .iter()
        .zip(&values)
        .filter(|(time, _)| time.as_millis() % 2_100_000 != 0)
        .map(|(&time, &value)| (time, value))
        .unzip();
    let y = table(&kept);
    let (_, with_holes) = detector
        .fit_score(&Rows::at(&holes, y.view()).unwrap())
        .unwrap();
    let mut gaps = values.clone();
    (0..300).step_by(7).for_each(|i| gaps[i] = f64::NAN);
    let z = table(&gaps[1..]);
    let (_, with_gaps) = detector
        .fit_score(&Rows::at(&times[1..], z.view()).unwrap())
        .unwrap();
    let present = with_gaps
        .iter()
        .zip(&gaps[1..])
        .filter(|(_, x)| !x.is_nan());
    assert_eq!(
        present.map(|(score, _)| *score).collect::<Vec<_>>(),
        with_holes
    );
    assert!(
        with_gaps
            .iter()
            .zip(&gaps[1..])
            .all(|(s, x)| !x.is_nan() || *s == 0.0)
    );
    let off = [Timestamp::from_secs(7)];
    assert!(
        fitted
            .score_rows(&Rows::at(&off, table(&values[..1]).view()).unwrap())
            .is_err()
    );
    let far = [Timestamp::from_secs(300 * 9_000_000)];
    assert!(
        fitted
            .score_rows(&Rows::at(&far, table(&values[..1]).view()).unwrap())
            .is_err()
    );
}

#[test]
fn awkward_columns() {
    let detector = ForecastDetector::new(Naive::last());
    let mut constant = [7.0; 60];
    let (fitted, scores) = detector.fit_score(&table(&constant).view().into()).unwrap();
    assert!(scores.iter().all(|&score| score == 0.0));
    constant[59] = 8.0;
    let after = fitted.score(table(&constant).view()).unwrap();
    assert!(after[59] > 1e6 && after[59].is_finite());
    for scale in [1e308, 1e-308, 0.0] {
        let values: Vec<f64> = (0..80).map(|i| scale * [1.0, -0.9, 0.3][i % 3]).collect();
        for model in [Naive::last().into(), Model::from(Ets::automatic())] {
            let detector = ForecastDetector::new(model).refit(10).unwrap();
            if let Ok((_, scores)) = detector.fit_score(&table(&values).view().into()) {
                assert!(scores.iter().all(|score| score.is_finite()));
            }
        }
    }
    let missing = [f64::NAN; 50];
    let none = detector.fit(table(&missing).view()).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotEnoughData);
    assert!(detector.fit(table(&[f64::INFINITY; 50]).view()).is_err());
    assert!(detector.fit(Array2::zeros((50, 2)).view()).is_err());
    assert!(detector.fit(Array2::zeros((0, 1)).view()).is_err());
    assert!(detector.fit(Array2::zeros((1, 1)).view()).is_err());
    assert!(
        fitted
            .score_into(table(&[1.0; 3]).view(), &mut [0.0; 2])
            .is_err()
    );
    let no_band = ForecastDetector::new(Croston::new());
    let error = no_band.fit(table(&wave(60)).view()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(ForecastDetector::new(Naive::last()).level(95.0).is_err());
    assert!(ForecastDetector::new(Naive::last()).refit(0).is_err());
    assert!(ForecastDetector::new(Naive::last()).window(1).is_err());
    assert!(
        ForecastDetector::new(Naive::last())
            .initial(usize::MAX)
            .is_err()
    );
    assert!(
        ForecastDetector::new(Naive::last())
            .adaptive(Some(2.0))
            .is_err()
    );
}

fn check<T: Snapshot>(state: &T, most: usize) {
    let bytes = snapshot::to_bytes(state).unwrap();
    assert!(
        bytes.len() <= most,
        "{} takes {} bytes",
        T::KIND,
        bytes.len()
    );
    let loaded: T = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(snapshot::to_bytes(&loaded).unwrap(), bytes);
    for end in 0..bytes.len() {
        assert!(snapshot::from_bytes::<T>(&bytes[..end]).is_err());
    }
}

#[test]
fn states_are_saved_and_loaded() {
    let values: Vec<f64> = wave(120);
    let detector = ForecastDetector::new(Naive::drift())
        .adaptive(Some(0.01))
        .unwrap();
    let fitted = detector.fit(table(&values).view()).unwrap();
    // The values, their expectations, residuals and the scores of the band.
    check(&fitted, 120 * (24 + 8 + 8 + 16) + 600);
    let conformal = Conformal::new(Naive::seasonal(6).unwrap(), 2).unwrap();
    check(
        &conformal.fit(&series(&values).view()).unwrap(),
        120 * (8 + 16) + 400,
    );
    let mstl = Mstl::new(&[6]).unwrap().trend(Naive::last());
    check(&mstl.fit(&series(&values).view()).unwrap(), 120 * 16 + 400);
}

#[test]
fn a_new_fit_forgets_what_lies_before_its_window() {
    // A mean does not follow a jump until it is fitted to nothing but what comes after it.
    let values: Vec<f64> = (0..200)
        .map(|i| f64::from(i % 3 + 100 * i32::from(i >= 80)))
        .collect();
    let detector = ForecastDetector::new(Naive::mean()).initial(60).unwrap();
    let detector = detector.refit(30).unwrap().window(30).unwrap();
    let fitted = detector.fit(table(&values).view()).unwrap();
    let bands = fitted
        .expectations(&table(&values).view().into())
        .unwrap()
        .unwrap();
    assert!(bands[89].expected < 10.0 && (bands[130].expected - 101.0).abs() < 1.0);
    assert!(
        Model::from(bongsu_forecast::AutoArima::default())
            .validate()
            .is_ok()
    );
}
