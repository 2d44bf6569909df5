//! Updates find what a fit with the same design finds, and fits find it where columns repeat each
//! other.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{
    ErrorKind, FittedForecaster as _, ForecastRequest, Labels, Series, Snapshot as _, Timestamp,
    snapshot,
};
use bongsu_forecast::Prophet;
use bongsu_forecast::prophet::{
    Columns, FittedProphet, Fourier, Growth, Mode, Regressor, Scaling, Seasonality,
};

const DAY: i64 = 86_400;

fn noise(i: i64) -> f64 {
    (i * i * 7919 + 31 * i).rem_euclid(1000) as f64 / 500.0 - 1.0
}

/// Points every `step` seconds: a week, a slope that changes, noise.
fn waves(rows: std::ops::Range<i64>, step: i64) -> Series {
    let value = |i: i64| {
        let days = (i * step) as f64 / DAY as f64;
        let bend = 0.5 * (days - 20.0).max(0.0);
        80.0 - 0.3 * days + bend + 6.0 * (std::f64::consts::TAU * days / 7.0).sin() + noise(i)
    };
    let times = rows.clone().map(|i| Timestamp::from_secs(step * i));
    Series::new(Labels::empty(), times.collect(), rows.map(value).collect()).unwrap()
}

fn load(rows: std::ops::Range<i64>) -> Vec<f64> {
    rows.map(|i| (i * 13 % 17) as f64).collect()
}

fn part(series: &Series, rows: std::ops::Range<usize>) -> Series {
    let times = series.timestamps()[rows.clone()].to_vec();
    Series::new(Labels::empty(), times, series.values()[rows].to_vec()).unwrap()
}

/// By how much the parameters miss the conditions of the largest posterior of all points, relative to
/// the sizes of the terms: gradients of 0, or within the pull of the prior for a delta of 0.
fn missed(fitted: &FittedProphet, series: &Series, columns: &Columns<'_>, tau: f64) -> f64 {
    let (_, x) = fitted.design_matrix(series.timestamps(), columns).unwrap();
    let p = fitted.parameters();
    let times = series.timestamps();
    let scale = fitted.scale();
    let start = times[0];
    // The unit of time is the history of the fit.
    let changes = fitted.changepoint_times();
    let last = fitted.changepoints().last().unwrap().millis_since(start) as f64;
    let span = last / changes.last().unwrap();
    let mut of_beta = vec![0.0; p.beta.len()];
    let mut of_delta = vec![0.0; p.delta.len()];
    let (mut of_k, mut of_m, mut squares) = (0.0, 0.0, 0.0);
    let present = (0..times.len()).filter(|&row| !series.values()[row].is_nan());
    let mut count = 0.0;
    for row in present {
        count += 1.0;
        let t = times[row].millis_since(start) as f64 / span;
        let bends = changes.iter().map(|s| (t - s).max(0.0));
        let trend = p.k * t + p.m + bends.zip(&p.delta).map(|(b, d)| b * d).sum::<f64>();
        let effects: f64 = x.row(row).iter().zip(&p.beta).map(|(x, b)| x * b).sum();
        let error = series.values()[row] / scale - trend - effects;
        squares += error * error;
        of_k += error * t;
        of_m += error;
        for (sum, x) in of_beta.iter_mut().zip(x.row(row)) {
            *sum += error * x;
        }
        for (sum, s) in of_delta.iter_mut().zip(changes) {
            *sum += error * (t - s).max(0.0);
        }
    }
    let variance = p.sigma * p.sigma;
    let mut worst: f64 = 0.0;
    let mut check = |gradient: f64, pull: f64| {
        worst = worst.max((gradient / variance - pull).abs() / (1.0 + pull.abs()));
    };
    check(of_k, p.k / 25.0);
    check(of_m, p.m / 25.0);
    for (gradient, beta) in of_beta.iter().zip(&p.beta) {
        check(*gradient, beta / 100.0);
    }
    for (gradient, delta) in of_delta.iter().zip(&p.delta) {
        if *delta == 0.0 {
            check(
                (gradient.abs() / variance - 1.0 / tau).max(0.0) * variance,
                0.0,
            );
        } else {
            check(*gradient, delta.signum() / tau);
        }
    }
    // The noise: n / sigma = squares / sigma³ - 4 sigma.
    check(
        squares / p.sigma - 4.0 * p.sigma * variance,
        count / p.sigma,
    );
    worst
}

#[test]
fn an_update_is_the_optimum_of_all_points() {
    let all = waves(0..900, 3 * 3600);
    let load = load(0..900);
    let columns = Columns::new().with("load", &load);
    let model = Prophet::new()
        .add_regressor(Regressor::new("load").unwrap())
        .unwrap()
        .add_seasonality(Seasonality::new("month", 30.5, 2).unwrap())
        .unwrap();
    let mut values = all.values().to_vec();
    // Missing values, also as rows that are not there.
    for row in [3, 400, 700, 701] {
        values[row] = f64::NAN;
    }
    let all = Series::new(Labels::empty(), all.timestamps().to_vec(), values).unwrap();
    let first = Columns::new().with("load", &load[..600]);
    let mut fitted = model.fit_with(&part(&all, 0..600).view(), &first).unwrap();
    assert!(missed(&fitted, &part(&all, 0..600), &first, 0.05) < 1e-4);
    let before = fitted.clone();
    let mut at_once = fitted.clone();
    let rest = Columns::new().with("load", &load[600..]);
    at_once
        .update_with(&part(&all, 600..900).view(), &rest)
        .unwrap();
    for start in (600..900).step_by(50) {
        let more = Columns::new().with("load", &load[start..start + 50]);
        fitted
            .update_with(&part(&all, start..start + 50).view(), &more)
            .unwrap();
    }
    for updated in [&fitted, &at_once] {
        let off = missed(updated, &all, &columns, 0.05);
        assert!(off < 1e-4, "{off}");
        assert!(updated.converged());
        assert_eq!(updated.residuals().len(), 900);
        assert!(updated.residuals()[700].is_nan() && !updated.residuals()[699].is_nan());
        assert!((updated.growth() - 300.0 / 599.0).abs() < 1e-12);
    }
    let coming = Columns::new().with("load", &[1.0; 60]);
    let times: Vec<_> = (900..960)
        .map(|i| Timestamp::from_secs(i * 3 * 3600))
        .collect();
    let [a, b, old] =
        [&fitted, &at_once, &before].map(|model| model.predict(&times, &coming, &[0.95]).unwrap());
    for row in 0..5 {
        assert!((a.mean[row] - b.mean[row]).abs() < 1e-6);
        assert!((a.mean[row] - old.mean[row]).abs() > 1e-6);
    }
    // The trend is known until the last point, and uncertain after it.
    let width = |row: usize| a.trend_intervals[0].upper[row] - a.trend_intervals[0].lower[row];
    assert!(width(0) < 0.2 * width(59), "{} {}", width(0), width(59));
    let known: Vec<_> = (700..900)
        .map(|i| Timestamp::from_secs(i * 3 * 3600))
        .collect();
    let known = fitted
        .predict(&known, &Columns::new().with("load", &load[700..]), &[0.95])
        .unwrap();
    assert_eq!(
        known.trend_intervals[0].lower,
        known.trend_intervals[0].upper
    );
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    let parameters = 2 + fitted.parameters().delta.len() + fitted.parameters().beta.len();
    assert!(bytes.len() < 8 * 900 + 4 * parameters * parameters + 8 * 4 * parameters + 800);
    let mut loaded: FittedProphet = snapshot::from_bytes(&bytes).unwrap();
    assert!(loaded.validate().is_ok());
    let next = waves(900..901, 3 * 3600);
    let one = Columns::new().with("load", &[2.0]);
    loaded.update_with(&next.view(), &one).unwrap();
    fitted.update_with(&next.view(), &one).unwrap();
    assert_eq!(loaded.parameters(), fitted.parameters());
}

#[test]
fn updates_that_cannot_be_are_refused_and_change_nothing() {
    let all = waves(0..200, DAY);
    let first = part(&all, 0..150);
    let plain = Prophet::new().fit(&first.view()).unwrap();
    let with = Prophet::new()
        .add_regressor(Regressor::new("load").unwrap())
        .unwrap();
    let load = load(0..150);
    let with = with
        .fit_with(&first.view(), &Columns::new().with("load", &load))
        .unwrap();
    let multiplied = Prophet::new().seasonality_mode(Mode::Multiplicative);
    let multiplied = multiplied.fit(&first.view()).unwrap();
    let more = part(&all, 150..160);
    let mut endless = more.values().to_vec();
    endless[3] = f64::INFINITY;
    let endless = Series::new(Labels::empty(), more.timestamps().to_vec(), endless).unwrap();
    for (model, points, kind) in [
        (&plain, &part(&all, 149..160), ErrorKind::InvalidInput),
        (&plain, &endless, ErrorKind::NonFinite),
        (&with, &more, ErrorKind::InvalidInput),
        (&multiplied, &more, ErrorKind::Unsupported),
    ] {
        let mut updated = model.clone();
        assert_eq!(updated.update(&points.view()).unwrap_err().kind(), kind);
        assert_eq!(updated, *model);
    }
    // Nothing new changes nothing; missing values only move the end of the grid.
    let mut updated = plain.clone();
    updated
        .update(&Series::empty(Labels::empty()).view())
        .unwrap();
    assert_eq!(updated, plain);
    let gaps = Series::new(
        Labels::empty(),
        more.timestamps().to_vec(),
        vec![f64::NAN; 10],
    )
    .unwrap();
    updated.update(&gaps.view()).unwrap();
    assert_eq!(updated.timeline().len(), 160);
    let forecast = updated.forecast(&ForecastRequest::steps(1)).unwrap();
    assert_eq!(forecast.timestamps, [all.timestamps()[160]]);
}

#[test]
fn constants_flat_trends_and_irregular_times_are_updated() {
    let constant = |rows: std::ops::Range<i64>, value: f64| {
        let times = rows
            .clone()
            .map(|i| Timestamp::from_secs(DAY * i))
            .collect();
        Series::new(Labels::empty(), times, rows.map(|_| value).collect()).unwrap()
    };
    let mut fitted = Prophet::new().fit(&constant(0..50, 7.0).view()).unwrap();
    fitted.update(&constant(50..60, 7.0).view()).unwrap();
    let forecast = fitted.forecast(&ForecastRequest::steps(3)).unwrap();
    assert!(
        forecast.mean.iter().all(|mean| (mean - 7.0).abs() < 1e-6),
        "{forecast:?}"
    );
    let flat = Prophet::new().growth(Growth::Flat).scaling(Scaling::MinMax);
    let mut fitted = flat.fit(&waves(0..60, DAY).view()).unwrap();
    fitted.update(&waves(60..70, DAY).view()).unwrap();
    let level =
        |fitted: &FittedProphet| fitted.predict(&[Timestamp::from_secs(0)], &Columns::new(), &[]);
    let again = flat.fit(&waves(0..70, DAY).view()).unwrap();
    let [a, b] = [&fitted, &again].map(|fitted| level(fitted).unwrap().trend[0]);
    assert!((a - b).abs() < 0.05, "{a} {b}");
    let uneven = |rows: std::ops::Range<i64>| {
        let times = rows
            .clone()
            .map(|i| Timestamp::from_secs(i * 3600 + i * i % 977))
            .collect();
        Series::new(Labels::empty(), times, rows.map(noise).collect()).unwrap()
    };
    let mut fitted = Prophet::new().fit(&uneven(0..100).view()).unwrap();
    fitted.update(&uneven(100..130).view()).unwrap();
    assert_eq!(fitted.residuals().len(), 130);
    let next = fitted
        .forecast(&ForecastRequest::steps(1))
        .unwrap()
        .timestamps[0];
    assert!(next > *uneven(0..130).timestamps().last().unwrap());
}

/// More pairs of sine and cosine than points in a period: columns repeat each other, and only the
/// priors divide the effect among them. Where they multiply the trend they can hold a constant, whose
/// product with the trend is all that the data know: a valley that bends.
#[test]
fn columns_that_repeat_each_other_converge() {
    let always = |order| Fourier::Order(order);
    for (model, plain, series) in [
        (
            Prophet::new().daily(Fourier::On),
            Prophet::new(),
            waves(0..300, DAY),
        ),
        (
            Prophet::new().daily(always(12)).weekly(always(40)),
            Prophet::new().daily(Fourier::Off).weekly(always(3)),
            waves(0..600, 8 * 3600),
        ),
        (
            Prophet::new()
                .weekly(always(20))
                .seasonality_mode(Mode::Multiplicative),
            Prophet::new()
                .weekly(always(3))
                .seasonality_mode(Mode::Multiplicative),
            waves(0..300, DAY),
        ),
        (
            Prophet::new()
                .daily(Fourier::On)
                .seasonality_mode(Mode::Multiplicative),
            Prophet::new().seasonality_mode(Mode::Multiplicative),
            waves(0..300, DAY),
        ),
    ] {
        let [more, less] = [&model, &plain].map(|model| model.fit(&series.view()).unwrap());
        assert!(more.converged(), "{} passes", more.passes());
        assert!(more.passes() < 100, "{} passes", more.passes());
        // A coefficient of 0 costs nothing: more of them cannot be worse.
        let gain = more.log_posterior() - less.log_posterior();
        assert!(gain > -1e-6 * less.log_posterior().abs(), "{gain}");
    }
    let series = waves(0..300, DAY);
    let fitted = Prophet::new()
        .daily(Fourier::On)
        .fit(&series.view())
        .unwrap();
    let off = missed(&fitted, &series, &Columns::new(), 0.05);
    assert!(off < 1e-3, "{off}");
}

/// Only the priors say how columns that are the same divide their effect: equally. Little noise makes
/// the priors say it in the last digits.
#[test]
fn columns_that_are_the_same_share_their_effect() {
    let loud = waves(0..300, DAY);
    for (share, tolerance) in [(1.0, 1e-5), (0.1, 1e-9), (0.001, 1e-9)] {
        let values = (0..).zip(loud.values()).map(|(i, value)| {
            let smooth = value - noise(i);
            smooth + share * noise(i)
        });
        let times = loud.timestamps().to_vec();
        let series = Series::new(Labels::empty(), times, values.collect()).unwrap();
        let model = Prophet::new().weekly(Fourier::Order(20));
        let fitted = model.fit(&series.view()).unwrap();
        assert!(fitted.converged(), "{} passes", fitted.passes());
        let (_, x) = fitted
            .design_matrix(series.timestamps(), &Columns::new())
            .unwrap();
        let beta = &fitted.parameters().beta;
        let most = beta.iter().fold(0.0, |m: f64, b| m.max(b.abs()));
        let mut pairs = 0;
        for i in 0..beta.len() {
            for j in 0..i {
                let apart = &x.column(i) - &x.column(j);
                if apart.iter().all(|x| x.abs() < 1e-9) {
                    pairs += 1;
                    let off = (beta[i] - beta[j]).abs() / most;
                    assert!(off < tolerance, "{i} {j} {off} {share}");
                }
            }
        }
        assert!(pairs > 20, "{pairs}");
    }
}
