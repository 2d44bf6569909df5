//! Fits a trend with daily and weekly rhythms to thirty days, forecasts a day, and tells what of the
//! day that came was not foreseen.
//!
//! Run: `cargo run --release -p bongsu --example forecast_with_alerts --features forecast,alert`
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Duration;

use bongsu::alert::{Lifecycle, Policy, Transition};
use bongsu::forecast::Prophet;
use bongsu::prelude::*;

const HOUR: i64 = 3_600;
/// Monday, 5 January 2026.
const START: i64 = 1_767_571_200;

/// Logins in an hour: more by day, fewer at weekends, a few more every week.
fn logins(hour: i64) -> f64 {
    let day = (hour as f64 * std::f64::consts::TAU / 24.0).sin();
    let weekend = if hour / 24 % 7 >= 5 { -120.0 } else { 0.0 };
    let noise = (hour * 7_919 % 31) as f64 - 15.0;
    600.0 + 0.2 * hour as f64 + 200.0 * day + weekend + noise
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let labels = Labels::from_pairs([("__name__", "logins"), ("region", "eu")])?;
    let known = 30 * 24;
    let times: Vec<_> = (0..known)
        .map(|h| Timestamp::from_secs(START + h * HOUR))
        .collect();
    let values: Vec<f64> = (0..known).map(logins).collect();
    let fitted = Prophet::new().fit(&SeriesView::new(&labels, &times, &values)?)?;
    let forecast = fitted.forecast(&ForecastRequest::steps(24).levels(&[0.99]))?;
    let band = forecast.intervals.first().ok_or("no interval")?;

    // The day comes: nobody can log in between eight and eleven.
    let mut alerts = Lifecycle::new();
    let policy = Policy::default()
        .for_duration(Duration::from_secs(3_600))
        .keep_firing_for(Duration::ZERO)
        .severity(Severity::Critical);
    let calibrator = Calibrator::threshold(1.0)?;
    let filter = DeviationFilter::new().direction(Direction::Down);
    println!("hour  expected  band          came");
    let mut fired = 0;
    let bounds = band.lower.iter().zip(&band.upper);
    let day = forecast.timestamps.iter().zip(&forecast.mean).zip(bounds);
    for (hour, ((&time, &expected), (&lower, &upper))) in (0..).zip(day) {
        let outage = (8..11).contains(&hour);
        let value = if outage { 35.0 } else { logins(known + hour) };
        println!("{hour:>4}  {expected:>8.0}  {lower:>4.0} to {upper:<5.0}  {value:>5.0}");
        // 1 is the bound on the side where the value lies.
        let half = if value < expected {
            expected - lower
        } else {
            upper - expected
        };
        let verdict = Verdict::judge(
            time,
            labels.clone(),
            value,
            Score::Ready((value - expected).abs() / half),
            Some(Expectation {
                expected,
                lower,
                upper,
            }),
            &calibrator,
            &filter,
        );
        match alerts.observe(&labels, &policy, &verdict)? {
            Some(Transition::Fired(alert)) => {
                fired += 1;
                println!("      fired: {}", alert.summary);
            }
            Some(Transition::Resolved(alert)) => {
                println!("      resolved: {}", alert.labels.selector());
            }
            _ => {}
        }
    }
    assert_eq!(fired, 1, "one outage, one alert");
    Ok(())
}
