//! Judges the series of a query in batches, saves what has changed, and goes on after a restart.

use std::io::Write as _;

use bongsu::core::snapshot::Chain;
use bongsu::prelude::*;
use bongsu::stream::fleet::{Batch, Fleet, FleetQuery};
use bongsu::stream::{Ewma, EwmaStream};

/// The number of instances that are watched.
const INSTANCES: u32 = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    let directory = std::env::temp_dir().join(format!("bongsu-fleet-{}", std::process::id()));

    // A service starts: nothing is known yet.
    let mut chain = Chain::open(&directory)?;
    let mut fleet: Fleet<EwmaStream> = Fleet::load(&chain)?.unwrap_or_default();
    let query = FleetQuery::new("queue_length", Ewma::new().build()?)
        .max_series(100_000)?
        .idle_after_secs(24 * 3_600)?
        .start_from_siblings(true);
    fleet.add_query(query)?;
    let series = instances()?;
    for minute in 0..120 {
        judge(&mut fleet, &series, minute)?;
        if minute % 30 == 29 {
            // The copy is quick; writing it may as well be left to another thread.
            let checkpoint = fleet.checkpoint(chain.wants_full());
            let bytes = checkpoint.save(&mut chain)?;
            writeln!(
                out,
                "minute {minute}: {} series saved in {bytes} bytes",
                checkpoint.series()
            )?;
        }
    }
    let usage = fleet.memory_usage();
    writeln!(
        out,
        "{} series, {:.0} bytes each",
        usage.series,
        usage.per_series()
    )?;
    drop((fleet, chain));

    // It starts again, and goes on where the last checkpoint was.
    let chain = Chain::open(&directory)?;
    let mut fleet: Fleet<EwmaStream> = Fleet::load(&chain)?.ok_or("nothing was saved")?;
    let alarms = judge(&mut fleet, &series, 120)?;
    let names: Vec<String> = alarms.iter().map(ToString::to_string).collect();
    writeln!(out, "minute 120: {}", names.join(", "))?;
    assert_eq!(names.len(), 1);
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

fn instances() -> Result<Vec<Labels>, bongsu::core::Error> {
    let labels = |i| {
        Labels::from_pairs([
            ("__name__", "queue_length".to_owned()),
            ("instance", format!("{i}")),
        ])
    };
    (0..INSTANCES).map(labels).collect()
}

/// Judges one sample a series; the labels of those that deviate.
fn judge<'a>(
    fleet: &mut Fleet<EwmaStream>,
    series: &'a [Labels],
    minute: u32,
) -> Result<Vec<&'a Labels>, Box<dyn std::error::Error>> {
    let fingerprints: Vec<u64> = series.iter().map(Labels::fingerprint).collect();
    let time = Timestamp::from_secs(60 * i64::from(minute));
    let value = |i: u32| {
        let usual = f64::from(10 * (i % 50) + (i * 7 + minute * 13) % 9);
        // The queue of one instance grows in the last minute.
        if (i, minute) == (321, 120) {
            40.0 + 2.0 * usual
        } else {
            usual
        }
    };
    let values: Vec<f64> = (0..).map(value).take(series.len()).collect();
    let times = vec![time; series.len()];
    let query = fleet
        .query("queue_length")
        .ok_or("the query is not there")?;
    let threshold = fleet.options(query)?.detector().threshold().unwrap_or(1.0);
    let mut judged = Vec::new();
    let batch = Batch::new(&fingerprints, &times, &values)?.received_at(time);
    fleet.update(query, &batch, &mut judged)?;
    let beyond = |score: Option<f64>| score.is_some_and(|score| score > threshold);
    let deviating = series
        .iter()
        .zip(&judged)
        .filter(|(_, j)| beyond(j.score()));
    Ok(deviating.map(|(labels, _)| labels).collect())
}
