//! Public holidays are those of the reference, and act as any holiday.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;

use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, PartKind, Series, Timestamp};
use bongsu_forecast::Prophet;
use bongsu_forecast::prophet::{Country, Fourier, Holiday};

const DAY: i64 = 86_400;

type Golden = BTreeMap<String, BTreeMap<String, Vec<i32>>>;

#[test]
fn every_holiday_of_every_third_year_is_the_references() {
    let golden: Golden = serde_json::from_str(include_str!("golden/countries.json")).unwrap();
    assert!(Country::codes().eq(golden.keys()));
    for (code, names) in &golden {
        let country: Country = code.parse().unwrap();
        let mut found: BTreeMap<String, Vec<i32>> = country
            .names()
            .map(|name| (name.to_owned(), Vec::new()))
            .collect();
        for year in country.years().filter(|year| year % 3 == 0) {
            for (day, name) in country.holidays(year).unwrap() {
                found.get_mut(name).unwrap().push(day);
            }
        }
        assert_eq!(found, *names, "{code}");
    }
}

/// Four years of days from 2020-01-01, lower on the days of `dips`.
fn days(dips: &[i32]) -> Series {
    let start = 18_262;
    let times = (start..start + 1461).map(|day| Timestamp::from_secs(DAY * day));
    let value = |day: i64| {
        let dip = f64::from(dips.contains(&(day as i32)));
        100.0 + (day * day % 7) as f64 - 40.0 * dip
    };
    let values = (start..start + 1461).map(value).collect();
    Series::new(Labels::empty(), times.collect(), values).unwrap()
}

#[test]
fn a_countrys_holidays_are_learned_and_forecast() {
    let germany: Country = "de".parse().unwrap();
    let dips: Vec<i32> = (2020..2025)
        .flat_map(|year| germany.holidays(year).unwrap())
        .map(|(day, _)| day)
        .collect();
    let plain = Prophet::new().weekly(Fourier::Off).yearly(Fourier::Off);
    let model = plain.clone().add_country(germany).unwrap();
    let fitted = model.fit(&days(&dips).view()).unwrap();
    let request = ForecastRequest::steps(366);
    let forecast = fitted.forecast(&request).unwrap();
    for (time, mean) in forecast.timestamps.iter().zip(&forecast.mean) {
        let dip = dips.contains(&((time.as_millis() / 1000 / DAY) as i32));
        assert_eq!(*mean < 80.0, dip, "{time} {mean}");
    }
    let parts = fitted.parts(&request).unwrap();
    let holidays = parts
        .iter()
        .find(|part| part.kind == PartKind::Holidays)
        .unwrap();
    assert_eq!(
        holidays
            .values
            .iter()
            .filter(|&&value| value < -30.0)
            .count(),
        9
    );
    // An event of the same name is the same holiday.
    let own = Holiday::new("Christmas Day", ["2021-07-01"]).unwrap();
    let both = model
        .add_holiday(own)
        .unwrap()
        .fit(&days(&dips).view())
        .unwrap();
    assert_eq!(both.parameters().beta.len(), fitted.parameters().beta.len());
    let (names, x) = both
        .design_matrix(&[Timestamp::from_secs(DAY * 18_809)], &Default::default())
        .unwrap();
    let column = names
        .iter()
        .position(|name| name == "Christmas Day_+0")
        .unwrap();
    assert_eq!(x[[0, column]], 1.0);
    // Years that are not known are refused.
    let late = ForecastRequest {
        horizon: bongsu_core::Horizon::At(&[Timestamp::from_secs(DAY * 30_000)]),
        ..ForecastRequest::steps(1)
    };
    let error = fitted.forecast(&late).unwrap_err().to_string();
    assert!(error.contains("known from 2000 to 2050"), "{error}");
    assert!(
        plain
            .fit(&days(&[]).view())
            .unwrap()
            .forecast(&late)
            .is_ok()
    );
}

#[test]
fn parts_add_up_to_the_mean() {
    let model = Prophet::new().add_country("FR".parse().unwrap()).unwrap();
    let fitted = model.fit(&days(&[]).view()).unwrap();
    let request = ForecastRequest::steps(40).levels(&[0.8]);
    let (forecast, parts) = (
        fitted.forecast(&request).unwrap(),
        fitted.parts(&request).unwrap(),
    );
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["trend", "yearly", "weekly", "holidays"]);
    assert_eq!(parts[0].intervals.len(), 1);
    for (row, mean) in forecast.mean.iter().enumerate() {
        let sum: f64 = parts.iter().map(|part| part.values[row]).sum();
        assert!((sum - mean).abs() < 1e-9);
    }
    // A turn of the week starts on a Monday and has the values of its days.
    let cycle = parts[2].cycle.as_ref().unwrap();
    let from = cycle.timestamps[0].as_millis() / 1000 / DAY;
    assert_eq!((from - 4) % 7, 0);
    assert!((cycle.values[0] - cycle.values[240]).abs() < 1e-9);
    for (row, time) in forecast.timestamps.iter().enumerate().take(7) {
        let phase = (time.as_millis() / 1000 / DAY - 4) % 7;
        // 240 points are no multiple of 7 days: between two of them.
        let place = 240.0 * phase as f64 / 7.0;
        let [low, high] = [place.floor(), place.ceil()].map(|i| cycle.values[i as usize]);
        let near = parts[2].values[row];
        assert!(
            (near - low).abs().min((near - high).abs()) < 0.1,
            "{near} {low} {high}"
        );
    }
    let year = parts[1].cycle.as_ref().unwrap();
    assert_eq!(year.timestamps[0], Timestamp::from_secs(DAY * 19_358));
}
