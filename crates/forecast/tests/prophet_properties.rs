//! What holds for any series and any settings of the Prophet model, and what input it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{
    ErrorKind, FittedForecaster as _, ForecastRequest, Horizon, Labels, Result, Series, Timestamp,
    snapshot,
};
use bongsu_forecast::prophet::{
    Columns, FittedProphet, Fourier, Growth, Holiday, Mode, Regressor, Scaling, Seasonality,
};
use bongsu_forecast::{CrossValidation, Naive, Prophet};
use proptest::prelude::{Just, ProptestConfig, prop, prop_assert, prop_oneof, proptest};

const DAY: i64 = 86_400;

fn series(step: i64, values: Vec<f64>) -> Series {
    let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(step * i));
    Series::new(Labels::empty(), times.collect(), values).unwrap()
}

fn waves(n: usize, step: i64) -> Series {
    let value = |i: usize| {
        let days = i as f64 * step as f64 / DAY as f64;
        let noise = ((i * i * 7919 + 31 * i) % 1000) as f64 / 500.0 - 1.0;
        50.0 + days + 5.0 * (std::f64::consts::TAU * days / 7.0).sin() + noise
    };
    series(step, (0..n).map(value).collect())
}

fn fit(model: &Prophet, series: &Series) -> Result<FittedProphet> {
    model.fit(&series.view())
}

fn says(result: Result<FittedProphet>, word: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(word), "{error}");
}

#[test]
fn bad_input_is_refused_with_reasons() {
    let model = Prophet::new();
    let gap = f64::NAN;
    for values in [vec![], vec![1.0], vec![gap, 1.0, gap], vec![gap; 5]] {
        let error = fit(&model, &series(60, values)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotEnoughData);
    }
    let infinite = fit(&model, &series(60, vec![1.0, f64::INFINITY, 2.0]));
    assert_eq!(infinite.unwrap_err().kind(), ErrorKind::NonFinite);
    let data = waves(60, DAY);
    let logistic = model.clone().growth(Growth::Logistic);
    says(fit(&logistic, &data), "`cap`");
    says(
        fit(&logistic.clone().cap(40.0).unwrap(), &data),
        "above the capacity",
    );
    let upside_down = logistic.clone().cap(150.0).unwrap().floor(150.0).unwrap();
    says(fit(&upside_down, &data), "above the floor");
    says(
        fit(&logistic.clone().cap(-5.0).unwrap(), &data),
        "above the floor",
    );
    let high = logistic.clone().cap(500.0).unwrap().floor(200.0).unwrap();
    says(fit(&high, &data), "below the floor");
    let outside = vec![Timestamp::from_secs(DAY), Timestamp::from_secs(100 * DAY)];
    says(
        fit(&model.clone().changepoints_at(outside).unwrap(), &data),
        "outside the history",
    );
    assert!(
        Series::new(
            Labels::empty(),
            vec![Timestamp::from_secs(5); 2],
            vec![1.0; 2]
        )
        .is_err()
    );
    for wrong in [
        model.clone().changepoint_range(1.5),
        model.clone().changepoint_prior_scale(0.0),
        model.clone().seasonality_prior_scale(f64::NAN),
        model.clone().interval_width(1.0),
        model.clone().changepoints(1001),
        model.clone().timezone("Mars/Olympus"),
        model
            .clone()
            .add_regressor(Regressor::new("weekly").unwrap()),
        model.clone().cap(f64::INFINITY),
    ] {
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::InvalidParameter);
    }
    assert!(Seasonality::new("trend", 7.0, 3).is_err());
    assert!(Seasonality::new("own", 0.0, 3).is_err());
    assert!(Seasonality::new("own", 7.0, 0).is_err());
    assert!(Holiday::new("free", ["2023-02-30"]).is_err());
    assert!(Holiday::new("free", []).unwrap().window(367, 0).is_err());
    let clash = Holiday::new("free", ["1970-01-05"]).unwrap();
    let twice = model.clone().add_holiday(clash.clone()).unwrap();
    assert!(
        twice
            .clone()
            .add_holiday(clash.prior_scale(3.0).unwrap())
            .is_err()
    );
    assert!(
        twice
            .add_regressor(Regressor::new("free").unwrap())
            .is_err()
    );
}

#[test]
fn requests_that_cannot_be_met_are_refused() {
    let data = waves(60, DAY);
    let fitted = fit(&Prophet::new(), &data).unwrap();
    let at = |secs: &[i64]| -> Vec<Timestamp> {
        secs.iter().copied().map(Timestamp::from_secs).collect()
    };
    for levels in [[0.0], [1.0], [f64::NAN]] {
        let request = ForecastRequest::steps(3);
        assert!(fitted.forecast(&request.levels(&levels)).is_err());
    }
    assert!(fitted.forecast(&ForecastRequest::steps(0)).is_err());
    for times in [at(&[]), at(&[9, 9]), at(&[9, 8])] {
        let request = ForecastRequest {
            horizon: Horizon::At(&times),
            ..ForecastRequest::steps(1)
        };
        assert!(fitted.forecast(&request).is_err());
    }
    let silent = Prophet::new().uncertainty_samples(0).unwrap();
    let silent = fit(&silent, &data).unwrap();
    assert!(silent.forecast(&ForecastRequest::steps(3)).is_ok());
    let error = silent.forecast(&ForecastRequest::steps(3).levels(&[0.9]));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
    let x = Array2::zeros((3, 1));
    let extra = ForecastRequest {
        regressors: Some(x.view()),
        ..ForecastRequest::steps(3)
    };
    assert_eq!(
        fitted.forecast(&extra).unwrap_err().kind(),
        ErrorKind::Shape
    );
}

#[test]
fn a_missing_column_is_named() {
    let data = waves(60, DAY);
    let model = Prophet::new();
    let model = model
        .add_regressor(Regressor::new("load").unwrap())
        .unwrap();
    let own = Seasonality::new("own", 3.5, 1).unwrap();
    let model = model
        .add_seasonality(own.condition("open").unwrap())
        .unwrap();
    says(fit(&model, &data), "load");
    let load: Vec<f64> = (0..60).map(|i| f64::from(i * i % 11)).collect();
    let open: Vec<f64> = (0..60).map(|i| f64::from(i % 2)).collect();
    says(
        model.fit_with(&data.view(), &Columns::new().with("load", &load)),
        "open",
    );
    let both = Columns::new().with("load", &load);
    says(
        model.fit_with(&data.view(), &both.clone().with("open", &load)),
        "0 or 1",
    );
    says(
        model.fit_with(&data.view(), &both.clone().with("open", &open[..9])),
        "open",
    );
    let mut broken = load.clone();
    broken[7] = f64::NAN;
    let with_gap = Columns::new().with("load", &broken).with("open", &open);
    says(model.fit_with(&data.view(), &with_gap), "load");
    let fitted = model
        .fit_with(&data.view(), &both.with("open", &open))
        .unwrap();
    assert_eq!(fitted.columns().unwrap(), ["load", "open"]);
    let missing = fitted.forecast(&ForecastRequest::steps(2)).unwrap_err();
    assert!(missing.to_string().contains("`load`"), "{missing}");
    let x = Array2::ones((2, 1));
    let request = ForecastRequest {
        regressors: Some(x.view()),
        ..ForecastRequest::steps(2)
    };
    let missing = fitted.forecast(&request).unwrap_err();
    assert!(missing.to_string().contains("`open`"), "{missing}");
    let x = Array2::ones((2, 2));
    let request = ForecastRequest {
        regressors: Some(x.view()),
        ..ForecastRequest::steps(2)
    };
    assert_eq!(fitted.forecast(&request).unwrap().mean.len(), 2);
}

#[test]
fn constants_and_tiny_histories_have_forecasts() {
    for value in [0.0, 7.5, -1e149, 1e-300] {
        for scaling in [Scaling::AbsMax, Scaling::MinMax] {
            let model = Prophet::new().scaling(scaling);
            let fitted = fit(&model, &series(60, vec![value; 30])).unwrap();
            let forecast = fitted.forecast(&ForecastRequest::steps(5)).unwrap();
            assert!(forecast.mean.iter().all(|mean| *mean == value));
        }
    }
    for n in 2..12 {
        let data = series(60, (0..n).map(|i| f64::from(i * i % 5)).collect());
        let fitted = fit(&Prophet::new(), &data).unwrap();
        let forecast = fitted
            .forecast(&ForecastRequest::steps(3).levels(&[0.9]))
            .unwrap();
        assert!(forecast.mean.iter().all(|mean| mean.is_finite()));
    }
}

#[test]
fn a_local_clock_keeps_its_rhythm_when_summer_begins() {
    // Hourly from 1 March 2025; the clocks of Berlin go forward on 30 March.
    let start = 1_740_787_200;
    let hour = |i: i64| (start + 3600 * i + if i >= 697 { 7200 } else { 3600 }) / 3600 % 24;
    let open = |i: i64| {
        if (9..17).contains(&hour(i)) {
            100.0
        } else {
            10.0
        }
    };
    let times = (0..900).map(|i| Timestamp::from_secs(start + 3600 * i));
    let values = (0..900).map(open).collect();
    let data = Series::new(Labels::empty(), times.collect(), values).unwrap();
    let daily = Prophet::new().weekly(Fourier::Off);
    let utc = fit(&daily, &data).unwrap();
    let local = fit(&daily.timezone("Europe/Berlin").unwrap(), &data).unwrap();
    assert!(local.parameters().sigma < 0.9 * utc.parameters().sigma);
}

#[test]
fn parts_sum_to_the_mean_and_holidays_are_found() {
    let mut data = waves(120, DAY).into_parts();
    for day in [20, 50, 80] {
        data.2[day] += 30.0;
    }
    let data = Series::new(data.0, data.1, data.2).unwrap();
    let dates = ["1970-01-21", "1970-02-20", "1970-03-22", "1970-05-03"];
    let model = Prophet::new()
        .add_holiday(Holiday::new("sale", dates).unwrap())
        .unwrap();
    for mode in [Mode::Additive, Mode::Multiplicative] {
        let fitted = fit(&model.clone().seasonality_mode(mode), &data).unwrap();
        let next: Vec<_> = (120..130).map(|i| Timestamp::from_secs(DAY * i)).collect();
        let forecast = fitted
            .predict(&next, &Columns::new(), &[0.5, 0.95])
            .unwrap();
        for i in 0..10 {
            let mean =
                forecast.trend[i] * (1.0 + forecast.multiplicative[i]) + forecast.additive[i];
            assert!((mean - forecast.mean[i]).abs() < 1e-9);
            let sum: f64 = forecast.components.iter().map(|c| c.values[i]).sum();
            let terms = forecast.multiplicative[i] + forecast.additive[i];
            assert!((sum - terms).abs() < 1e-9);
            let [inner, outer] = [0, 1].map(|j| &forecast.intervals[j]);
            assert!(outer.lower[i] < inner.lower[i] && inner.upper[i] < outer.upper[i]);
        }
        let sale = forecast
            .components
            .iter()
            .find(|c| c.name == "sale")
            .unwrap();
        let effect = sale.values[2]
            * if mode == Mode::Additive {
                1.0
            } else {
                forecast.trend[2]
            };
        assert!(sale.values[1] == 0.0 && effect > 25.0, "{effect}");
    }
}

#[test]
fn a_refit_goes_on_from_what_was_found() {
    let (short, long) = (waves(300, 3 * 3600), waves(400, 3 * 3600));
    let model = Prophet::new().seasonality_mode(Mode::Multiplicative);
    let before = fit(&model, &short).unwrap();
    let cold = fit(&model, &long).unwrap();
    let warm = model
        .refit_with(&before, &long.view(), &Columns::new())
        .unwrap();
    let difference = cold.log_posterior() - warm.log_posterior();
    assert!(
        difference.abs() < 1e-6 * cold.log_posterior(),
        "{difference}"
    );
}

#[test]
fn seeded_intervals_are_stable() {
    let fitted = fit(&Prophet::new().seed(42), &waves(60, DAY)).unwrap();
    let request = ForecastRequest::steps(30);
    let forecast = |fitted: &FittedProphet| fitted.forecast(&request.levels(&[0.8])).unwrap();
    let again = forecast(&fitted);
    assert_eq!(again, forecast(&fitted));
    let other = fit(&Prophet::new().seed(43), &waves(60, DAY)).unwrap();
    assert_ne!(again.intervals, forecast(&other).intervals);
    let width = again.intervals[0].upper[29] - again.intervals[0].lower[29];
    assert!((width - STABLE_WIDTH).abs() < 1e-6, "{width}");
}

/// The width of the last interval of `seeded_intervals_are_stable`.
const STABLE_WIDTH: f64 = 1.423_317_633_096_303_3;

#[test]
fn validation_rows_are_those_of_the_cutoffs() {
    let data = waves(60, DAY);
    let plan = CrossValidation::new(7 * DAY * 1000).unwrap();
    let plan = plan
        .initial(30 * DAY * 1000)
        .unwrap()
        .levels(&[0.9])
        .unwrap();
    let cutoffs = plan.cutoffs(data.timestamps()).unwrap();
    // Every half week, back from one week before the end.
    assert_eq!(cutoffs.len(), 7);
    assert_eq!(cutoffs[6], Timestamp::from_secs(52 * DAY));
    assert_eq!(cutoffs[5], Timestamp::from_secs(52 * DAY - 7 * DAY / 2));
    let rows = plan.run(&Prophet::new(), &data.view()).unwrap();
    assert_eq!(rows.len(), 7 * 7);
    let inside = rows
        .iter()
        .filter(|r| r.bounds[0].0 <= r.actual && r.actual <= r.bounds[0].1);
    assert!(inside.count() >= 38);
    assert!(plan.run(&Naive::last(), &waves(20, DAY).view()).is_err());
    assert!(CrossValidation::new(0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_series_has_a_forecast_or_an_error(
        values in prop::collection::vec(
            prop_oneof![
                8 => -1e3..1e3f64,
                1 => Just(f64::NAN),
                1 => prop_oneof![Just(0.0), Just(1e308), Just(-1e308), Just(1e-308), -1e9..1e9f64],
            ],
            0..60,
        ),
        gaps in prop::collection::vec(1..200_000_000i64, 60),
        growth in prop_oneof![Just(Growth::Linear), Just(Growth::Logistic), Just(Growth::Flat)],
        mode in prop_oneof![Just(Mode::Additive), Just(Mode::Multiplicative)],
        scaling in prop_oneof![Just(Scaling::AbsMax), Just(Scaling::MinMax)],
        prior in prop_oneof![Just(1e-300), Just(1e-3), Just(0.05), Just(10.0), Just(1e300)],
        changepoints in 0..70usize,
    ) {
        let times = gaps.iter().scan(0, |now, gap| {
            *now += gap;
            Some(Timestamp::from_millis(*now))
        });
        let times: Vec<_> = times.take(values.len()).collect();
        let series = Series::new(Labels::empty(), times, values).unwrap();
        let model = Prophet::new().growth(growth).seasonality_mode(mode).scaling(scaling);
        let model = model.changepoint_prior_scale(prior).unwrap().uncertainty_samples(50).unwrap();
        let model = model.changepoints(changepoints).unwrap().cap(1.5e308).unwrap();
        let Ok(fitted) = model.fit(&series.view()) else { return Ok(()) };
        let bytes = snapshot::to_bytes(&fitted).unwrap();
        let loaded: FittedProphet = snapshot::from_bytes(&bytes).unwrap();
        if let Ok(forecast) = loaded.forecast(&ForecastRequest::steps(9).levels(&[0.5, 0.99])) {
            prop_assert!(forecast.mean.iter().all(|mean| mean.is_finite()));
            for interval in &forecast.intervals {
                for (lower, upper) in interval.lower.iter().zip(&interval.upper) {
                    prop_assert!(lower <= upper);
                }
            }
        }
    }

    #[test]
    fn units_do_not_matter(power in -20..20i32, shift in -1_000_000..1_000_000i64) {
        let data = waves(80, DAY);
        let factor = 2f64.powi(power);
        let times = data.timestamps().iter().map(|t| t.add_millis(7 * DAY * 1000 * shift / 1000));
        let values = data.values().iter().map(|v| v * factor).collect();
        let moved = Series::new(Labels::empty(), times.collect(), values).unwrap();
        let off = Prophet::new().weekly(Fourier::Off);
        let [a, b] = [&data, &moved].map(|series| {
            let fitted = off.fit(&series.view()).unwrap();
            fitted.forecast(&ForecastRequest::steps(5).levels(&[0.9])).unwrap()
        });
        for (a, b) in a.mean.iter().zip(&b.mean) {
            prop_assert!((a * factor - b).abs() < 1e-9 * b.abs());
        }
    }
}
