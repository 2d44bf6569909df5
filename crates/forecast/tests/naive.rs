//! The spread of a drift through as few values as there can be.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{ErrorKind, FittedForecaster as _, ForecastRequest, Labels, Series, Timestamp};
use bongsu_forecast::Naive;

fn series(from: i64, values: &[f64]) -> Series {
    let times = (from..).take(values.len()).map(Timestamp::from_secs);
    Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap()
}

#[test]
fn a_drift_through_two_values_has_no_intervals() {
    let band = ForecastRequest::steps(3).levels(&[0.95]);
    for values in [&[1.0, 4.0][..], &[0.1, 0.3], &[1.0, f64::NAN, 7.3]] {
        let mut fitted = Naive::drift().fit(&series(0, values).view()).unwrap();
        let error = fitted.forecast(&band).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotEnoughData, "{error}");
        assert!(
            error.to_string().contains("intervals of a drift"),
            "{error}"
        );
        assert!(fitted.forecast(&ForecastRequest::steps(3)).is_ok());
        // New values do not change the spread.
        let next = series(values.len() as i64, &[5.0, 1.0]);
        fitted.update(&next.view()).unwrap();
        assert!(fitted.forecast(&band).is_err());
    }
    let three = Naive::drift().fit(&series(0, &[1.0, 4.0, 5.0]).view());
    let forecast = three.unwrap().forecast(&band).unwrap();
    assert!(forecast.intervals[0].upper[0] > forecast.mean[0]);
    // A line that a third value confirms.
    let line = Naive::drift().fit(&series(0, &[1.0, 2.0, 3.0]).view());
    assert!(line.unwrap().forecast(&band).is_ok());
}
