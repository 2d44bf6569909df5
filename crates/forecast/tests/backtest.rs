//! Backtests, batches, and models that go on without a new fit.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{
    ErrorKind, FittedForecaster, ForecastRequest, Forecaster, Labels, Series, SeriesView, Timestamp,
};
use bongsu_forecast::arima::Orders;
use bongsu_forecast::transform::Transform;
use bongsu_forecast::{
    Arima, Backtest, Ces, Croston, Ensemble, Ets, Naive, Refit, Theta, Transformed, batch,
};

fn series(values: &[f64]) -> Series {
    let times = (0..values.len()).map(|i| Timestamp::from_secs(60 * i as i64));
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

fn wave(n: usize) -> Vec<f64> {
    let value = |i: usize| {
        20.0 + 0.1 * i as f64 + [4.0, 1.0, -2.0, -3.0][i % 4] + (i * i * 7 % 11) as f64 / 5.0
    };
    (0..n).map(value).collect()
}

fn from(series: &Series, start: usize, end: usize) -> Series {
    let times = series.timestamps()[start..end].to_vec();
    Series::new(Labels::empty(), times, series.values()[start..end].to_vec()).unwrap()
}

fn mean(fitted: &dyn FittedForecaster, steps: usize) -> Vec<f64> {
    fitted
        .forecast(&ForecastRequest::steps(steps))
        .unwrap()
        .mean
}

/// Every model that goes on without a new fit.
fn updating() -> Vec<Box<dyn Forecaster>> {
    let ets = |name: &str| Ets::new(name.parse().unwrap()).period(4).unwrap();
    vec![
        Box::new(Naive::last()),
        Box::new(Naive::drift()),
        Box::new(Naive::seasonal(4).unwrap()),
        Box::new(ets("AAA")),
        Box::new(ets("MAM").damped(Some(true))),
        Box::new(ets("ANN")),
        Box::new(Ces::automatic().period(4).unwrap()),
        Box::new(Ces::automatic()),
        Box::new(Theta::new().period(4).unwrap()),
        Box::new(Theta::dynamic_optimised().period(4).unwrap()),
        Box::new(Arima::new(Orders::new(1, 0, 1))),
        Box::new(Transformed::new(Transform::Log, Theta::new())),
        Box::new(Ensemble::smoothing(4).unwrap()),
    ]
}

/// A model that has seen the values up to a point in one call knows what one that has seen them in
/// several knows, and its one-step forecasts are what its residuals say.
#[test]
fn updates_in_one_call_or_several_agree() {
    let all = series(&wave(70));
    for model in updating() {
        let start = || model.fit(&from(&all, 0, 50).view()).unwrap();
        let (mut once, mut each) = (start(), start());
        once.update(&from(&all, 50, 70).view()).unwrap();
        for i in 50..70 {
            let expected = mean(each.as_ref(), 1)[0];
            each.update(&from(&all, i, i + 1).view()).unwrap();
            let residual = *each.residuals().last().unwrap();
            let plain = all.values()[i] - expected;
            assert!((residual - plain).abs() < 1e-9, "{model:?}");
        }
        assert_eq!((once.residuals().len(), each.residuals().len()), (70, 70));
        for (a, b) in mean(once.as_ref(), 6).iter().zip(mean(each.as_ref(), 6)) {
            assert!((a - b).abs() < 1e-9, "{model:?}: {a} {b}");
        }
        // The same moments again, and one between two moments of the grid.
        assert!(once.update(&from(&all, 60, 70).view()).is_err());
        let off = [Timestamp::from_secs(70 * 60 + 1)];
        let labels = Labels::empty();
        let off = SeriesView::new(&labels, &off, &[1.0]).unwrap();
        assert!(once.update(&off).is_err());
        assert_eq!(once.residuals().len(), 70);
    }
}

/// A model that is refitted to the same values with the same result must equal its update.
#[test]
fn an_update_is_what_a_fit_with_the_same_parameters_gives() {
    let all = series(&wave(70));
    for naive in [Naive::last(), Naive::seasonal(4).unwrap()] {
        let mut updated = naive.fit(&from(&all, 0, 50).view()).unwrap();
        updated.update(&from(&all, 50, 70).view()).unwrap();
        let fitted = naive.fit(&all.view()).unwrap();
        assert_eq!(mean(&updated, 9), mean(&fitted, 9));
        assert_eq!(updated.residuals()[4..], fitted.residuals()[4..]);
    }
    // From its own states the smoothing goes on as it began: the residuals of the second half follow
    // from the states after the first.
    let ets = Ets::new("AAN".parse().unwrap());
    let fitted = ets.fit(&from(&all, 0, 50).view()).unwrap();
    let (p, s) = (fitted.parameters(), fitted.last_states().clone());
    let mut updated = fitted;
    updated.update(&from(&all, 50, 51).view()).unwrap();
    let error = all.values()[50] - s.level - s.slope;
    let level = s.level + s.slope + p.alpha * error;
    assert!((updated.last_states().level - level).abs() < 1e-9);
}

#[test]
fn missing_values_count_as_expected() {
    let all = series(&wave(60));
    let mut values = wave(70);
    values[55] = f64::NAN;
    values[56] = f64::NAN;
    let gaps = series(&values);
    for model in updating() {
        let mut fitted = model.fit(&from(&all, 0, 50).view()).unwrap();
        fitted.update(&from(&all, 50, 55).view()).unwrap();
        let plain = mean(fitted.as_ref(), 6);
        fitted.update(&from(&gaps, 55, 57).view()).unwrap();
        let later = mean(fitted.as_ref(), 4);
        for (a, b) in plain[2..].iter().zip(&later) {
            assert!((a - b).abs() < 1e-8 * a.abs(), "{model:?}: {a} {b}");
        }
        assert!(fitted.residuals()[55].is_nan() && fitted.residuals()[56].is_nan());
        fitted.update(&from(&gaps, 57, 70).view()).unwrap();
        assert!(fitted.residuals()[57].is_finite());
    }
}

#[test]
fn every_origin_forecasts_what_it_did_not_see() {
    let all = series(&wave(40));
    let run = |backtest: Backtest| backtest.run(&Naive::last(), &all.view()).unwrap();
    let base = Backtest::new(20, 3).unwrap().levels(&[0.8, 0.95]).unwrap();
    let done = run(base.clone().step(2).unwrap());
    assert_eq!((done.origins, done.rows.len()), (9, 27));
    for row in &done.rows {
        let at = |time: Timestamp| (time.as_millis() / 60_000) as usize;
        assert_eq!(at(row.timestamp), at(row.origin) + row.step);
        assert_eq!(row.mean, all.values()[at(row.origin)]);
        assert_eq!(row.actual, Some(all.values()[at(row.timestamp)]));
        let [[a, b], [c, d]] = [row.bounds[0], row.bounds[1]];
        assert!(c < a && a < row.mean && row.mean < b && b < d);
    }
    let by_step = done.accuracy_by_step().unwrap();
    let overall = done.accuracy().unwrap();
    assert_eq!(by_step.len(), 3);
    let mean = by_step.iter().map(|(_, a)| a.mae).sum::<f64>() / 3.0;
    assert!((mean - overall.mae).abs() < 1e-12);
    assert_eq!((overall.count, overall.intervals.len()), (27, 2));
    // A model that updates exactly needs no new fits for its means.
    let means = |b: Backtest| -> Vec<f64> { run(b).rows.iter().map(|r| r.mean).collect() };
    assert_eq!(
        means(base.clone()),
        means(base.clone().refit(Refit::Never).unwrap())
    );
    assert_eq!(
        means(base.clone()),
        means(base.clone().refit(Refit::Every(5)).unwrap())
    );
    assert_eq!(means(base.clone()), means(base.window(Some(5)).unwrap()));
}

#[test]
fn models_that_cannot_update_forecast_further() {
    let all = series(&wave(40));
    let sparse = Croston::new();
    let backtest = Backtest::new(20, 2).unwrap().refit(Refit::Never).unwrap();
    let done = backtest.run(&sparse, &all.view()).unwrap();
    let first = sparse.fit(&from(&all, 0, 20).view()).unwrap();
    assert_eq!(done.rows.len(), 38);
    assert!(done.failures.is_empty());
    assert!(done.rows.iter().all(|row| row.mean == mean(&first, 1)[0]));
}

#[test]
fn failures_are_reported_and_threads_do_not_matter() {
    let mut values = wave(40);
    values[25] = -1.0;
    let all = series(&values);
    let model = Transformed::new(Transform::Log, Naive::last());
    let backtest = Backtest::new(20, 2).unwrap();
    let done = backtest.run(&model, &all.view()).unwrap();
    assert_eq!((done.origins, done.failures.len()), (19, 13));
    assert!(
        done.failures[0].message.contains("row 25"),
        "{:?}",
        done.failures[0]
    );
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    for threads in [1, 3] {
        let again = pool(threads).install(|| backtest.run(&model, &all.view()).unwrap());
        assert_eq!(again.rows, done.rows);
        assert_eq!(again.failures, done.failures);
    }
    let hopeless = Ets::new("MAM".parse().unwrap()).period(4).unwrap();
    let negative: Vec<f64> = values.iter().map(|x| -x).collect();
    let done = backtest.run(&hopeless, &series(&negative).view()).unwrap();
    assert!(done.rows.is_empty() && done.failures.len() == 19);
    assert!(done.accuracy().unwrap_err().to_string().contains("above 0"));
    assert!(done.accuracy_by_step().unwrap().is_empty());
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    assert!(Backtest::new(1, 1).is_err());
    assert!(Backtest::new(5, 0).is_err());
    assert!(Backtest::new(5, usize::MAX).is_err());
    let base = Backtest::new(5, 1).unwrap();
    assert!(base.clone().step(0).is_err());
    assert!(base.clone().window(Some(1)).is_err());
    assert!(base.clone().refit(Refit::Every(0)).is_err());
    assert!(base.clone().levels(&[1.0]).is_err());
    assert!(base.clone().period(0).is_err());
    let wide = Backtest::new(usize::MAX, 1).unwrap();
    let short = wide
        .run(&Naive::last(), &series(&wave(9)).view())
        .unwrap_err();
    assert_eq!(short.kind(), ErrorKind::NotEnoughData);
    let done = base.step(usize::MAX).unwrap();
    let done = done.run(&Naive::last(), &series(&wave(9)).view()).unwrap();
    assert_eq!(done.origins, 1);
}

#[test]
fn batches_keep_order_and_failures() {
    let mut all: Vec<Series> = (20..700).map(|n| series(&wave(n % 40 + 4))).collect();
    all[300] = series(&[1.0]);
    let request = ForecastRequest::steps(2).levels(&[0.9]);
    let many = batch::forecast_many(&Naive::last(), &all, &request);
    let fits = batch::fit_many(&Naive::last(), &all);
    let mut count = 0;
    batch::forecast_each(
        &Naive::last(),
        all.clone(),
        &request,
        |index, one, result| {
            assert_eq!((index, &one), (count, &all[index]));
            count += 1;
            match (&many[index], &fits[index], result) {
                (Ok(a), Ok(fit), Ok(b)) => {
                    assert_eq!(a, &b);
                    assert_eq!(a, &fit.forecast(&request).unwrap());
                    assert_eq!(a.mean[0], *one.values().last().unwrap());
                }
                (Err(_), Err(_), Err(_)) => assert_eq!(index, 300),
                _ => panic!("results of series {index} differ"),
            }
        },
    );
    assert_eq!(count, all.len());
}

#[test]
fn a_window_is_what_a_fit_sees() {
    let values = wave(30);
    let run = Backtest::new(10, 1)
        .and_then(|backtest| backtest.window(Some(5)))
        .unwrap()
        .run(&Naive::mean(), &series(&values).view())
        .unwrap();
    assert_eq!(run.rows.len(), 20);
    for (row, origin) in run.rows.iter().zip(10..) {
        let mean = values[origin - 5..origin].iter().sum::<f64>() / 5.0;
        assert!((row.mean - mean).abs() < 1e-9, "{origin}");
    }
}
