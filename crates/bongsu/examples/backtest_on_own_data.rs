//! Which detector, and which forecast, would have served you on your own data?
//!
//! Run: `cargo run --release -p bongsu --example backtest_on_own_data --features engine -- FILE.csv`
//! with the columns `timestamp`, `value` and `anomaly` (1 where something was wrong). Without a file
//! it takes three weeks of a queue that lie here.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use bongsu::engine::{Table, registry};
use bongsu::eval::{Evaluate, LabelledScores};
use bongsu::forecast::{Backtest, Ets, Model, Naive, Prophet};
use bongsu::prelude::*;

const DETECTORS: [&str; 4] = ["ewma", "robust-z", "holt-winters", "auto"];
/// Hours in a day: the rhythm of the data, and how far is forecast.
const DAY: usize = 24;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/queue.csv");
    let table = Table::open(given.as_deref().unwrap_or(here.as_ref()))?;
    let column = |name: &str| -> Result<Vec<f64>, String> {
        let place = table.channels.iter().position(|channel| channel == name);
        let place = place.ok_or_else(|| format!("there is no column `{name}`"))?;
        Ok(table.values.column(place).to_vec())
    };
    let (values, anomaly) = (column("value")?, column("anomaly")?);
    let labels: Vec<bool> = anomaly.iter().map(|flag| *flag > 0.5).collect();

    println!(
        "{:<18} {:>6} {:>6} {:>12}",
        "detector", "PR-AUC", "recall", "false a week"
    );
    for name in DETECTORS {
        // Each value is judged before it is learned, as in service.
        let mut detector = registry::build(name, &BTreeMap::new())?;
        let threshold = detector.threshold().unwrap_or(1.0);
        let mut scores = Vec::with_capacity(values.len());
        for (&time, &value) in table.timestamps.iter().zip(&values) {
            detector.set_time(time);
            let score = detector.score_then_learn(&[value])?;
            scores.push(score.ready().unwrap_or(f64::NAN));
        }
        let alarms: Vec<bool> = scores.iter().map(|score| *score > threshold).collect();
        let found = Evaluate::default()
            .vus_window(0)?
            .measure(&LabelledScores {
                times: &table.timestamps,
                scores: &scores,
                alarms: Some(&alarms),
                labels: &labels,
            })?;
        let shown = |measure: &str| {
            found
                .value(measure)
                .map_or("-".into(), |v| format!("{v:.2}"))
        };
        println!(
            "{name:<18} {:>6} {:>6} {:>12}",
            shown("pr_auc"),
            shown("event_recall"),
            shown("false_alerts_per_week")
        );
    }

    // Forecasts of a day, from each midnight of the last week, knowing only what came before.
    let series = Labels::from_pairs([("__name__", "value")])?;
    let series = SeriesView::new(&series, &table.timestamps, &values)?;
    let initial = values
        .len()
        .checked_sub(7 * DAY)
        .ok_or("less than a week of data")?;
    let backtest = Backtest::new(initial, DAY)?
        .step(DAY)?
        .levels(&[0.9])?
        .period(DAY)?;
    let models: [(&str, Model); 3] = [
        ("last day again", Naive::seasonal(DAY)?.into()),
        ("exponential", Ets::automatic().period(DAY)?.into()),
        ("prophet", Prophet::new().into()),
    ];
    println!(
        "\n{:<18} {:>6} {:>6} {:>12}",
        "forecast", "MAE", "MASE", "90 % holds"
    );
    for (name, model) in models {
        let accuracy = backtest.run(&model, &series)?.accuracy()?;
        let coverage = accuracy.intervals.first().map_or(f64::NAN, |i| i.coverage);
        println!(
            "{name:<18} {:>6.1} {:>6.2} {:>10.0} %",
            accuracy.mae,
            accuracy.mase.unwrap_or(f64::NAN),
            100.0 * coverage
        );
    }
    Ok(())
}
