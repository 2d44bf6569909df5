//! Agreement with Prophet (`golden/generate_prophet.py` writes the expected values).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Labels, PredictionInterval, Series, Timestamp};
use bongsu_forecast::Prophet;
use bongsu_forecast::prophet::{
    Columns, FittedProphet, Fourier, Holiday, Mode, Regressor, Seasonality,
};
use serde_json::Value;

fn golden() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/prophet.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    let parse = |n: &str| n.parse().unwrap();
    text.split_whitespace().map(parse).collect()
}

fn times(start: &Value, offsets: &Value) -> Vec<Timestamp> {
    let start = start.as_i64().unwrap();
    let seconds: Vec<i64> = if let Some(all) = offsets.get("all") {
        numbers(all).iter().map(|&s| s as i64).collect()
    } else {
        let integer = |key: &str| offsets[key].as_i64().unwrap();
        let [from, step, count] = ["from", "step", "count"].map(integer);
        (0..count).map(|i| from + i * step).collect()
    };
    let at = |s: i64| Timestamp::from_secs(start + s);
    seconds.into_iter().map(at).collect()
}

fn fourier(value: &Value) -> Fourier {
    match value.as_u64() {
        Some(order) => Fourier::Order(order as u32),
        None => value.to_string().trim_matches('"').parse().unwrap(),
    }
}

fn mode(value: &Value) -> Mode {
    value.as_str().unwrap().parse().unwrap()
}

fn seasonality(s: &Value) -> Seasonality {
    let order = s["order"].as_u64().unwrap() as u32;
    let mut new = Seasonality::new(
        s["name"].as_str().unwrap(),
        s["period"].as_f64().unwrap(),
        order,
    )
    .unwrap();
    if let Some(prior) = s["prior"].as_f64() {
        new = new.prior_scale(prior).unwrap();
    }
    if let Some(condition) = s["condition"].as_str() {
        new = new.condition(condition).unwrap();
    }
    new
}

fn regressor(r: &Value) -> Regressor {
    let mut new = Regressor::new(r["name"].as_str().unwrap()).unwrap();
    new = new.standardise(r["standardize"].as_bool());
    if let Some(prior) = r["prior"].as_f64() {
        new = new.prior_scale(prior).unwrap();
    }
    if r["mode"].is_string() {
        new = new.mode(mode(&r["mode"]));
    }
    new
}

fn holiday(h: &Value) -> Holiday {
    let dates = h["dates"].as_array().unwrap();
    let dates = dates.iter().map(|date| date.as_str().unwrap());
    let (lower, upper) = (h["lower"].as_i64().unwrap(), h["upper"].as_u64().unwrap());
    let new = Holiday::new(h["name"].as_str().unwrap(), dates).unwrap();
    let new = new.window(-lower as u32, upper as u32).unwrap();
    match h["prior"].as_f64() {
        Some(prior) => new.prior_scale(prior).unwrap(),
        None => new,
    }
}

fn model(options: &Value) -> Prophet {
    let mut m = Prophet::new().interval_width(0.9).unwrap();
    m = m.uncertainty_samples(4000).unwrap();
    for (key, value) in options.as_object().unwrap() {
        let number = || value.as_f64().unwrap();
        let list = || value.as_array().unwrap().iter();
        m = match key.as_str() {
            "growth" => m.growth(value.as_str().unwrap().parse().unwrap()),
            "n_changepoints" => m.changepoints(number() as usize).unwrap(),
            "changepoint_range" => m.changepoint_range(number()).unwrap(),
            "changepoint_prior_scale" => m.changepoint_prior_scale(number()).unwrap(),
            "seasonality_prior_scale" => m.seasonality_prior_scale(number()).unwrap(),
            "yearly_seasonality" => m.yearly(fourier(value)),
            "weekly_seasonality" => m.weekly(fourier(value)),
            "daily_seasonality" => m.daily(fourier(value)),
            "seasonality_mode" => m.seasonality_mode(mode(value)),
            "holidays_mode" => m.holidays_mode(mode(value)),
            "scaling" => m.scaling(value.as_str().unwrap().parse().unwrap()),
            "changepoints" => {
                let at = list().map(|date| {
                    let instant: jiff::Timestamp = format!("{}T00:00:00Z", date.as_str().unwrap())
                        .parse()
                        .unwrap();
                    Timestamp::from_millis(instant.as_millisecond())
                });
                m.changepoints_at(at.collect()).unwrap()
            }
            "seasonalities" => list().fold(m, |m, s| m.add_seasonality(seasonality(s)).unwrap()),
            "regressors" => list().fold(m, |m, r| m.add_regressor(regressor(r)).unwrap()),
            "holidays" => m.add_holidays(list().map(holiday)).unwrap(),
            _ => {
                assert!(key.is_empty(), "no option {key}");
                m
            }
        };
    }
    m
}

struct Case {
    golden: Value,
    name: String,
    series: Series,
    columns: Vec<(String, Vec<f64>)>,
    fitted: FittedProphet,
}

impl Case {
    fn part(&self, past: bool) -> Columns<'_> {
        let n = self.series.len();
        let columns = self.columns.iter();
        columns.fold(Columns::new(), |all, (name, values)| {
            let values = if past { &values[..n] } else { &values[n..] };
            all.with(name, values)
        })
    }

    fn future(&self) -> Vec<Timestamp> {
        times(&self.golden["start"], &self.golden["future"])
    }

    /// The range of the series.
    fn range(&self) -> f64 {
        let values = self.series.values().iter().copied().filter(|v| !v.is_nan());
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        if high > low { high - low } else { high.abs() }
    }
}

fn cases() -> Vec<Case> {
    let fit = |golden: Value| {
        let times = times(&golden["start"], &golden["offsets"]);
        let series = Series::new(Labels::empty(), times, numbers(&golden["values"])).unwrap();
        let columns = golden["columns"].as_object().unwrap().iter();
        let columns: Vec<_> = columns
            .map(|(name, values)| (name.clone(), numbers(values)))
            .collect();
        let history = columns.iter().fold(Columns::new(), |all, (name, values)| {
            all.with(name, &values[..series.len()])
        });
        let model = model(&golden["options"]);
        let fitted = model.fit_with(&series.view(), &history).unwrap();
        Case {
            name: golden["name"].as_str().unwrap().to_owned(),
            golden,
            series,
            columns,
            fitted,
        }
    };
    golden().into_iter().map(fit).collect()
}

fn largest(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_posterior_is_as_high_as_the_references() {
    let mut count = 0;
    for case in cases() {
        for (key, worse) in [("log_posterior", 1e-6), ("highest_log_posterior", 1e-5)] {
            let Some(theirs) = case.golden[key].as_f64() else {
                continue;
            };
            let ours = case.fitted.log_posterior();
            let loss = (theirs - ours) / theirs.abs();
            assert!(loss < worse, "{}: {ours} is below {theirs}", case.name);
            assert!(case.fitted.converged(), "{}", case.name);
            count += 1;
        }
    }
    assert!(count >= 2 * 25);
}

#[test]
fn changepoints_and_scale_are_the_references() {
    for case in cases() {
        let scale = case.golden["y_scale"].as_f64().unwrap();
        let ours = case.fitted.scale();
        assert!((ours / scale - 1.0).abs() < 1e-14, "{}", case.name);
        let theirs = numbers(&case.golden["t_change"]);
        let ours = case.fitted.changepoint_times();
        assert!(largest(ours, &theirs) < 1e-13, "{}", case.name);
    }
}

#[test]
fn forecasts_are_the_references() {
    for case in cases() {
        let every = case.golden["every"].as_u64().unwrap() as usize;
        let present = |i: &usize| !case.series.values()[*i].is_nan();
        let rows: Vec<usize> = (0..case.series.len()).filter(present).collect();
        let times = case.series.timestamps();
        let past = case.fitted.predict(times, &case.part(true), &[]).unwrap();
        let ours: Vec<f64> = rows.iter().step_by(every).map(|&i| past.mean[i]).collect();
        let of_past = largest(&ours, &numbers(&case.golden["past"]));
        let coming = case.fitted.predict(&case.future(), &case.part(false), &[]);
        let coming = coming.unwrap();
        let of_mean = largest(&coming.mean, &numbers(&case.golden["yhat"]));
        let of_trend = largest(&coming.trend, &numbers(&case.golden["trend"]));
        // The reference ends its search early at times, below the highest posterior.
        let theirs = case.golden["highest_log_posterior"].as_f64();
        let gain = theirs.map_or(0.0, |theirs| case.fitted.log_posterior() / theirs - 1.0);
        let most = if gain > 5e-4 { 0.015 } else { 0.01 };
        for difference in [of_past, of_mean, of_trend] {
            let share = difference / case.range();
            assert!(share < most, "{}: {share} of the range", case.name);
        }
    }
}

#[test]
fn intervals_are_as_wide_as_the_references() {
    for case in cases() {
        let coming = case.fitted.predict(&case.future(), &case.part(false), &[]);
        let coming = coming.unwrap();
        let last = coming.mean.len() - 1;
        let width = |interval: &PredictionInterval, i: usize| interval.upper[i] - interval.lower[i];
        let values = numbers(&case.golden["width"]);
        let trends = numbers(&case.golden["trend_width"]);
        for (j, &i) in [0, coming.mean.len() / 2, last].iter().enumerate() {
            let ours = width(&coming.intervals[0], i);
            let difference = (ours / values[j] - 1.0).abs();
            // Of 4000 simulated paths there.
            assert!(difference < 0.05, "{} {i}: {ours} {}", case.name, values[j]);
            // At the first step the reference halves every change, and it simulates the history of
            // logistic growth on another grid.
            let most = if case.golden["options"]["growth"] == "logistic" {
                0.3
            } else {
                0.1
            };
            let ours = width(&coming.trend_intervals[0], i);
            let difference = (ours - trends[j]).abs();
            let enough = i == 0 || difference < most * ours + 1e-3 * values[j];
            assert!(enough, "{} {i}: trend {ours} {}", case.name, trends[j]);
        }
    }
}

#[test]
fn the_design_matrix_is_the_references() {
    for case in cases() {
        let x = case
            .fitted
            .design_matrix(case.series.timestamps(), &case.part(true));
        let (names, x) = x.unwrap();
        let theirs = case.golden["features"].as_array().unwrap().iter();
        let theirs: Vec<String> = theirs
            .map(|name| name.as_str().unwrap().replace("_delim_", "_"))
            .collect();
        assert_eq!(names, theirs);
        let rows: Vec<usize> = (0..case.series.len())
            .filter(|&i| !case.series.values()[i].is_nan())
            .collect();
        let some = case.golden["rows"].as_array().unwrap().iter();
        let ours: Vec<f64> = some
            .flat_map(|row| x.row(rows[row.as_u64().unwrap() as usize]).to_vec())
            .collect();
        let difference = largest(&ours, &numbers(&case.golden["design"]));
        assert!(difference < 1e-12, "{}: {difference}", case.name);
    }
}
