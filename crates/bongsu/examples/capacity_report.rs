//! When three resources run out, how sure that is, and what a change would do.
//!
//! Run: `cargo run --release -p bongsu --example capacity_report --features capacity`
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use bongsu::capacity::{CapacityReport, Catalogue, Entry, Limits, Planner, Resource, WhatIf};
use bongsu::prelude::*;

const HOUR: i64 = 3_600;
const DAYS: i64 = 28;

/// Use of a resource in percent, by the hour.
type Use = fn(i64) -> f64;

fn wave(hour: i64) -> f64 {
    (hour as f64 * std::f64::consts::TAU / 24.0).sin()
}

fn noise(hour: i64) -> f64 {
    (hour * 7_919 % 101) as f64 / 101.0 - 0.5
}

/// What was measured: a disk that fills, connections that follow the day, memory that is flat.
const RESOURCES: [(&str, f64, Use); 3] = [
    ("disk", 90.0, |h| {
        52.0 + 0.03 * h as f64 + 1.5 * (h as f64 / 60.0).sin() + noise(h)
    }),
    ("connections", 80.0, |h| {
        45.0 + 0.012 * h as f64 + 18.0 * wave(h) + 4.0 * noise(h)
    }),
    ("memory", 90.0, |h| 61.0 + 2.0 * wave(h) + noise(h)),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let planner = Planner::new().level(0.9)?;
    let asked: Vec<WhatIf> = vec!["traffic=+30%".parse()?, "size=100+50".parse()?];
    let times: Vec<_> = (0..24 * DAYS)
        .step_by(3)
        .map(|hour| Timestamp::from_secs(hour * HOUR))
        .collect();
    let mut plans = Vec::new();
    for (name, threshold, used) in RESOURCES {
        let values: Vec<f64> = (0..24 * DAYS).step_by(3).map(used).collect();
        let labels = Labels::from_pairs([("__name__", name)])?;
        let series = SeriesView::new(&labels, &times, &values)?;
        let resource = Resource::new(name, threshold)?;
        plans.push(planner.plan(&series, &resource, &asked)?.report);
    }
    let catalogue = Catalogue {
        entries: vec![Entry {
            resources: vec!["disk".to_owned()],
            min_season_share: 0.0,
            min_trend_share: 0.5,
            actions: vec!["Shorten the retention, or grow the volume.".to_owned()],
        }],
    };
    let report = CapacityReport::new(
        plans,
        planner.horizon_days(),
        0.9,
        Limits::default(),
        &catalogue,
    );

    for plan in &report.resources {
        println!("{}", plan.summary());
        for changed in &plan.what_if {
            let left = changed.outlook.days_left;
            let left = left.map_or("not within the horizon".to_owned(), |d| {
                format!("{d:.1} days")
            });
            println!("    with {}: {left}", changed.change);
        }
    }
    for advice in &report.recommendations {
        println!("{}: {}", advice.resource, advice.action);
    }
    println!("\n{}", report.to_csv());
    Ok(())
}
