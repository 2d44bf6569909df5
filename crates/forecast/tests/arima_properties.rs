//! What holds of ARIMA for any series, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, array};
use bongsu_core::{
    ErrorKind, FittedForecaster, ForecastRequest, Horizon, Labels, Series, Snapshot, Timestamp,
    snapshot,
};
use bongsu_forecast::arima::{Arima, Diffuse, FittedArima, Orders, Trend};
use proptest::prelude::*;

fn series(values: &[f64]) -> Series {
    let times = (0..values.len() as i64).map(Timestamp::from_secs).collect();
    Series::new(Labels::empty(), times, values.to_vec()).unwrap()
}

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut level = 0.0;
    (0..n)
        .map(|_| {
            level = 0.6 * level + draw() + draw();
            level
        })
        .collect()
}

fn orders() -> impl Strategy<Value = Orders> {
    let own = (0_usize..3, 0_usize..3, 0_usize..3);
    let season = (0_usize..2, 0_usize..2, 0_usize..2, prop::bool::ANY);
    (own, season).prop_map(|((p, d, q), (sp, sd, sq, seasonal))| {
        let orders = Orders::new(p, d, q);
        if seasonal {
            orders.seasonal(sp, sd, sq, 4)
        } else {
            orders
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn fits_are_stationary_finite_and_saved_exactly(orders in orders(), seed in 0_u64..1000) {
        let fitted = Arima::new(orders).fit(&series(&noise(60, seed)).view()).unwrap();
        fitted.validate().unwrap();
        prop_assert!(fitted.log_likelihood().is_finite());
        let request = ForecastRequest::steps(5).levels(&[0.8, 0.95]);
        let forecast = fitted.forecast(&request).unwrap();
        prop_assert!(forecast.mean.iter().all(|x| x.is_finite()));
        let loaded: FittedArima = snapshot::from_bytes(&snapshot::to_bytes(&fitted).unwrap()).unwrap();
        prop_assert_eq!(loaded.forecast(&request).unwrap(), forecast);
    }

    #[test]
    fn widths_do_not_shrink_and_levels_nest(orders in orders(), seed in 0_u64..1000) {
        // With a moving average that is hardly invertible the start is still to be found out, which
        // can make the first step the least certain.
        let mut orders = orders;
        (orders.ma, orders.seasonal_ma) = (0, 0);
        let fitted = Arima::new(orders).fit(&series(&noise(60, seed)).view()).unwrap();
        let forecast = fitted.forecast(&ForecastRequest::steps(12).levels(&[0.5, 0.9])).unwrap();
        let width = |level: usize, i: usize| {
            let interval = &forecast.intervals[level];
            interval.upper[i] - interval.lower[i]
        };
        for i in 0..12 {
            prop_assert!(width(0, i) > 0.0 && width(0, i) < width(1, i));
            prop_assert!(i == 0 || width(0, i) >= width(0, i - 1) * (1.0 - 1e-9));
        }
    }

    #[test]
    fn a_constant_takes_up_a_shift(shift in -1e3_f64..1e3, seed in 0_u64..1000) {
        let values = noise(80, seed);
        let config = Arima::new(Orders::new(1, 0, 1));
        let fitted = config.fit(&series(&values).view()).unwrap();
        let moved: Vec<f64> = values.iter().map(|x| x + shift).collect();
        let other = config.fit(&series(&moved).view()).unwrap();
        prop_assert!((fitted.log_likelihood() - other.log_likelihood()).abs() < 1e-5);
        let constants = [&fitted, &other].map(|f| f.parameters()[0].value);
        prop_assert!((constants[1] - constants[0] - shift).abs() < 1e-2);
    }

    #[test]
    fn a_scale_moves_the_likelihood_by_its_logarithm(power in -60_i32..60, seed in 0_u64..1000) {
        let values = noise(60, seed);
        let scale = f64::from(power).exp2();
        let config = Arima::new(Orders::new(1, 1, 1)).diffuse(Diffuse::Exact).unwrap();
        let fitted = config.fit(&series(&values).view()).unwrap();
        let scaled: Vec<f64> = values.iter().map(|x| x * scale).collect();
        let other = config.fit(&series(&scaled).view()).unwrap();
        let moved = fitted.log_likelihood() - 59.0 * scale.ln();
        prop_assert!((other.log_likelihood() - moved).abs() < 1e-8 * (1.0 + moved.abs()));
    }

    #[test]
    fn the_filter_and_the_recursion_agree(orders in orders(), seed in 0_u64..1000) {
        // A missing value behind the end adds nothing, but takes the filter.
        let values = noise(60, seed);
        let config = Arima::new(orders).diffuse(Diffuse::Exact).unwrap();
        let fitted = config.fit(&series(&values).view()).unwrap();
        let mut longer = values;
        longer.push(f64::NAN);
        let parameters: Vec<f64> = fitted.parameters().iter().map(|p| p.value).collect();
        let other = config.log_likelihood(&series(&longer).view(), &[], None, &parameters).unwrap();
        let ours = fitted.log_likelihood();
        prop_assert!((other - ours).abs() < 1e-4, "{orders}: {other} {ours}");
    }

    #[test]
    fn updating_is_filtering_on(orders in orders(), seed in 0_u64..1000, cut in 45_usize..59) {
        let values = noise(60, seed);
        let (early, late) = values.split_at(cut);
        let config = Arima::new(orders);
        let mut fitted = config.fit(&series(early).view()).unwrap();
        let parameters: Vec<f64> = fitted.parameters().iter().map(|p| p.value).collect();
        let times = (cut as i64..60).map(Timestamp::from_secs).collect();
        let new = Series::new(Labels::empty(), times, late.to_vec()).unwrap();
        fitted.update(&new.view()).unwrap();
        let whole = config.at(&series(&values).view(), &[], None, &parameters).unwrap();
        let request = ForecastRequest::steps(4).levels(&[0.9]);
        let (a, b) = (fitted.forecast(&request).unwrap(), whole.forecast(&request).unwrap());
        prop_assert_eq!(&a.timestamps, &b.timestamps);
        for (x, y) in a.mean.iter().zip(&b.mean) {
            prop_assert!((x - y).abs() < 1e-6 * (1.0 + y.abs()), "{orders}: {x} {y}");
        }
    }

    #[test]
    fn nothing_panics(
        values in prop::collection::vec(prop_oneof![
            4 => -1e3_f64..1e3,
            1 => Just(f64::NAN),
            1 => Just(1e308),
            1 => Just(-1e308),
            1 => Just(1e-308),
            1 => Just(0.0),
        ], 0..40),
        orders in orders(),
    ) {
        if let Ok(fitted) = Arima::new(orders).fit(&series(&values).view()) {
            prop_assert!(!fitted.log_likelihood().is_nan());
            let _ = fitted.forecast(&ForecastRequest::steps(3).levels(&[0.9]));
        }
    }
}

#[test]
fn holes_in_time_are_missing_values() {
    let mut values = noise(60, 5);
    values[30] = f64::NAN;
    let whole = series(&values);
    let keep = |i: &usize| *i != 30;
    let times = (0..60)
        .filter(keep)
        .map(|i| Timestamp::from_secs(i as i64))
        .collect();
    let present = (0..60).filter(keep).map(|i| values[i]).collect();
    let holed = Series::new(Labels::empty(), times, present).unwrap();
    let config = Arima::new(Orders::new(1, 1, 1));
    let (a, b) = (
        config.fit(&whole.view()).unwrap(),
        config.fit(&holed.view()).unwrap(),
    );
    assert_eq!(a.log_likelihood(), b.log_likelihood());
    assert!(b.residuals()[30].is_nan() && b.residuals().len() == 60);
}

#[test]
fn a_constant_that_is_lost_is_not_a_fit() {
    let noise = noise(480, 4);
    let wave = |i: usize| (i as f64 * std::f64::consts::TAU / 24.0).sin();
    let trending: Vec<f64> = (0..480)
        .map(|i| i as f64 + 10.0 * wave(i) + noise[i])
        .collect();
    let config = Arima::new(Orders::new(1, 0, 1).seasonal(1, 0, 1, 24));
    let fitted = config.fit(&series(&trending).view()).unwrap();
    let constant = fitted.parameters()[0].value;
    assert!(!fitted.converged(), "constant {constant}");
    let still: Vec<f64> = (0..480).map(|i| 10.0 * wave(i) + noise[i]).collect();
    let plain = Arima::new(Orders::new(1, 0, 1)).fit(&series(&still).view());
    assert!(plain.unwrap().converged());
    let line = Arima::new(Orders::new(1, 0, 1))
        .trend(Trend::ConstantLinear)
        .unwrap();
    let slope: Vec<f64> = (0..480).map(|i| i as f64 + noise[i]).collect();
    assert!(line.fit(&series(&slope).view()).unwrap().converged());
}

#[test]
fn bad_input_is_refused() {
    let fit = |orders: Orders, values: &[f64]| Arima::new(orders).fit(&series(values).view());
    let good = noise(60, 1);
    let seasonal = Orders::new(0, 1, 1).seasonal(0, 1, 1, 24);
    for (orders, values, word) in [
        (Orders::new(2, 1, 2), &good[..6], "needs at least"),
        (seasonal, &good[..30], "needs at least"),
        (Orders::new(1, 0, 0), &[3.0; 40][..], "constant"),
        (Orders::new(0, 1, 1), &[3.0; 40], "constant"),
        (Orders::new(1, 0, 0), &[f64::NAN; 40], "needs at least"),
        (Orders::new(1, 0, 0), &[f64::INFINITY; 40], "finite"),
        (Orders::new(1, 0, 0), &[], "needs at least"),
        (Orders::new(40, 0, 0), &good, "`p` is 40"),
        (Orders::new(1, usize::MAX, 0), &good, "`d`"),
        (Orders::new(1, 0, 0).seasonal(1, 0, 0, 1), &good, "`s` is 1"),
        (Orders::new(1, 0, 0).seasonal(1, 0, 0, 0), &good, "`s` is 0"),
        (
            Orders::new(5, 0, 0).seasonal(1, 0, 0, 4),
            &good,
            "larger than p",
        ),
    ] {
        let error = fit(orders, values).unwrap_err().to_string();
        assert!(error.contains(word), "{orders}: {error}");
    }
    let error = Arima::new(Orders::new(1, 1, 0))
        .trend(Trend::Constant)
        .unwrap_err();
    assert!(error.to_string().contains("`trend` is c"), "{error}");
    assert!(Arima::default().diffuse(Diffuse::Approximate(0.0)).is_err());
    assert!("x".parse::<Trend>().is_err());
    let fitted = fit(Orders::new(1, 0, 0), &good).unwrap();
    for request in [
        ForecastRequest::steps(0),
        ForecastRequest::steps(usize::MAX),
        ForecastRequest::steps(1).levels(&[1.0]),
        ForecastRequest::steps(1).levels(&[95.0]),
    ] {
        let error = fitted.forecast(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter, "{error}");
    }
    let mut request = ForecastRequest::steps(1);
    let off = [Timestamp::from_millis(60_500)];
    request.horizon = Horizon::At(&off);
    assert!(
        fitted
            .forecast(&request)
            .unwrap_err()
            .to_string()
            .contains("grid")
    );
    let parameters = [0.0, 1.5, 1.0];
    let at = |p: &[f64]| Arima::default().at(&series(&good).view(), &[], None, p);
    assert!(
        at(&parameters)
            .unwrap_err()
            .to_string()
            .contains("stationary")
    );
    assert!(at(&[0.0, 0.5]).is_err() && at(&[0.0, 0.5, -1.0]).is_err());
}

#[test]
fn regressors_are_checked_by_name() {
    let y = series(&noise(50, 9));
    let config = Arima::new(Orders::new(1, 0, 0));
    let x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * (j + 2)) % 7) as f64);
    let fitted = config
        .fit_regressors(&y.view(), &["load", "jobs"], Some(x.view()))
        .unwrap();
    let error = fitted
        .forecast(&ForecastRequest::steps(2))
        .unwrap_err()
        .to_string();
    assert!(error.contains("load, jobs"), "{error}");
    let mut request = ForecastRequest::steps(2);
    let (short, bad) = (array![[1.0, 2.0]], array![[1.0, 2.0], [1.0, f64::NAN]]);
    request.regressors = Some(short.view());
    assert_eq!(
        fitted.forecast(&request).unwrap_err().kind(),
        ErrorKind::Shape
    );
    request.regressors = Some(bad.view());
    let error = fitted.forecast(&request).unwrap_err().to_string();
    assert!(error.contains("`jobs` in row 2"), "{error}");
    let mut same = x.clone();
    same.column_mut(1)
        .assign(&x.column(0).mapv(|v| 2.0 * v + 1.0));
    let error = config.fit_regressors(&y.view(), &["load", "jobs"], Some(same.view()));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("`jobs` is a combination")
    );
    let flat = Array2::from_elem((50, 1), 3.0);
    let integrated = Arima::new(Orders::new(0, 1, 1));
    let error = integrated.fit_regressors(&y.view(), &["flat"], Some(flat.view()));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("`flat` does not vary")
    );
    let names = fitted
        .parameters()
        .into_iter()
        .map(|p| p.name)
        .collect::<Vec<_>>();
    assert_eq!(names, ["const", "load", "jobs", "ar.L1", "sigma2"]);
}

#[test]
fn simulations_agree_with_the_forecast() {
    let fitted = Arima::new(Orders::new(1, 1, 1))
        .fit(&series(&noise(100, 3)).view())
        .unwrap();
    let forecast = fitted
        .forecast(&ForecastRequest::steps(6).levels(&[0.8]))
        .unwrap();
    let paths = fitted.simulate(6, 4000, None, 1).unwrap();
    for i in 0..6 {
        let interval = &forecast.intervals[0];
        let inside = |path: &&Vec<f64>| path[i] > interval.lower[i] && path[i] < interval.upper[i];
        let share = paths.iter().filter(inside).count() as f64 / 4000.0;
        assert!((share - 0.8).abs() < 0.025, "{i}: {share}");
    }
    assert_eq!(fitted.simulate(6, 2, None, 1).unwrap(), paths[..2]);
    assert!(fitted.simulate(0, 1, None, 1).is_err());
    assert!(fitted.simulate(1 << 20, usize::MAX, None, 1).is_err());
    let mut missing = noise(100, 3);
    missing[99] = f64::NAN;
    let fitted = Arima::new(Orders::new(1, 1, 1))
        .fit(&series(&missing).view())
        .unwrap();
    let wide = fitted
        .forecast(&ForecastRequest::steps(1).levels(&[0.8]))
        .unwrap();
    let interval = &wide.intervals[0];
    let paths = fitted.simulate(1, 4000, None, 1).unwrap();
    let inside = paths
        .iter()
        .filter(|p| p[0] > interval.lower[0] && p[0] < interval.upper[0]);
    assert!((inside.count() as f64 / 4000.0 - 0.8).abs() < 0.025);
}

#[test]
fn simulated_values_are_stable() {
    let y = series(&[1.0, 2.0, 1.5, 3.0, 2.0, 2.5, 1.0, 2.0]);
    let fitted = Arima::default()
        .at(&y.view(), &[], None, &[2.0, 0.5, 1.0])
        .unwrap();
    let paths = fitted.simulate(2, 1, None, 7).unwrap();
    let expected: [f64; 2] = [1.392_348_509_385_241_5, 3.495_713_481_155_042_8];
    for (ours, expected) in paths[0].iter().zip(expected) {
        assert!((ours - expected).abs() < 1e-12, "{paths:?}");
    }
}

#[test]
fn diagnostics_leave_out_what_is_missing() {
    let fitted = Arima::new(Orders::new(1, 1, 0))
        .fit(&series(&noise(80, 2)).view())
        .unwrap();
    let tests = fitted.diagnostics(10).unwrap();
    assert_eq!(tests.ljung_box.len(), 10);
    assert!(tests.jarque_bera.p_value > 0.0);
    assert!(fitted.diagnostics(79).is_err());
}

#[test]
fn a_fitted_model_is_small_and_hostile_bytes_are_refused() {
    let seasonal = Orders::new(1, 0, 1).seasonal(1, 1, 0, 24);
    let fitted = Arima::new(seasonal)
        .fit(&series(&noise(300, 4)).view())
        .unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() < 300 * 8 + 50 * 8 + 400, "{}", bytes.len());
    for i in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[i] ^= 0x55;
        assert!(snapshot::from_bytes::<FittedArima>(&damaged).is_err());
        assert!(snapshot::from_bytes::<FittedArima>(&bytes[..i]).is_err());
    }
}

#[test]
fn standardised_residuals_have_a_variance_of_1_beside_missing_values() {
    let mut values = noise(90, 6);
    for i in [4, 20, 21, 50, 88] {
        values[i] = f64::NAN;
    }
    let fitted = Arima::new(Orders::new(1, 0, 1))
        .trend(Trend::None)
        .unwrap()
        .fit(&series(&values).view())
        .unwrap();
    let residuals = fitted.standardized_residuals().unwrap();
    let present: Vec<f64> = residuals.into_iter().filter(|r| !r.is_nan()).collect();
    assert_eq!(present.len(), 85);
    let variance = present.iter().map(|r| r * r).sum::<f64>() / 85.0;
    assert!((variance - 1.0).abs() < 2e-3, "{variance}");
}
