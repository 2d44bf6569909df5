//! Judges `timestamp,value` lines as they come on standard input and prints the ones that deviate.
//!
//! Run: `tail -f values.csv | cargo run -p bongsu --example judge_standard_input --features stream`, or name a file.
//! Lines that are not two numbers, such as a header, are passed over and counted.
// xtask: args crates/bongsu/examples/data/queue.csv
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::fs::File;
use std::io::{BufRead, BufReader};

use bongsu::prelude::*;
use bongsu::stream::HoltWinters;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input: Box<dyn BufRead> = match std::env::args().nth(1) {
        Some(path) => Box::new(BufReader::new(File::open(path)?)),
        None => Box::new(std::io::stdin().lock()),
    };
    // It finds the rhythm of the values by itself, if they have one.
    let mut detector = HoltWinters::new().build()?;
    let calibrator = Calibrator::threshold(detector.threshold().unwrap_or(1.0))?;
    let filter = DeviationFilter::new().min_rel_dev(0.2)?;
    let labels = Labels::from_pairs([("__name__", "queue_length")])?;
    let (mut judged, mut passed_over) = (0_u64, 0_u64);
    for line in input.lines() {
        let line = line?;
        let Some((seconds, value)) = parse(&line) else {
            passed_over += 1;
            continue;
        };
        let time = Timestamp::from_secs(seconds);
        // The band must be asked for before the value is learned.
        let band = detector.expectation();
        detector.set_time(time);
        let score = detector.score_then_learn(&[value])?;
        let verdict = Verdict::judge(
            time,
            labels.clone(),
            value,
            score,
            band,
            &calibrator,
            &filter,
        );
        judged += 1;
        if verdict.anomalous {
            let bound = |bound: Option<f64>| bound.map_or("?".to_owned(), |b| format!("{b:.0}"));
            println!(
                "at {time}: {value:>6.1}  is outside {} to {}, score {:.1}",
                bound(verdict.lower),
                bound(verdict.upper),
                verdict.score.unwrap_or_default(),
            );
        }
    }
    println!("{judged} values judged, {passed_over} lines passed over");
    Ok(())
}

/// The first two fields of a line.
fn parse(line: &str) -> Option<(i64, f64)> {
    let mut fields = line.split(',').map(str::trim);
    let seconds = fields.next()?.parse().ok()?;
    let value: f64 = fields.next()?.parse().ok()?;
    value.is_finite().then_some((seconds, value))
}
