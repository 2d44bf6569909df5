//! Judges a stream of numbers point by point, in constant memory, and survives a restart.
//!
//! Run: `cargo run --example judge_a_stream`
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use bongsu::core::snapshot;
use bongsu::prelude::*;
use bongsu::stats::{Ewma, EwmaStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut detector = Ewma::new().build()?;
    let calibrator = Calibrator::threshold(detector.threshold().unwrap_or(1.0))?;
    let filter = DeviationFilter::new()
        .direction(Direction::Up)
        .min_rel_dev(0.2)?;
    let labels = Labels::from_pairs([("__name__", "queue_length"), ("instance", "a")])?;

    for minute in 0..600_i64 {
        // A gentle rhythm, some noise, and one burst.
        let rhythm = 40.0 + 10.0 * (minute as f64 / 60.0).sin();
        let noise = ((minute * 7_919) % 13) as f64 / 4.0;
        let value = if (400..405).contains(&minute) {
            160.0
        } else {
            rhythm + noise
        };

        let expectation = detector.expectation();
        let score = detector.score_then_learn(&[value])?;
        let verdict = Verdict::judge(
            Timestamp::from_secs(60 * minute),
            labels.clone(),
            value,
            score,
            expectation,
            &calibrator,
            &filter,
        );
        if verdict.anomalous {
            println!(
                "minute {minute}: {} is {value:.0}, expected {:.0}, score {:.1}",
                verdict.labels.selector(),
                verdict.expected.unwrap_or(f64::NAN),
                verdict.score.unwrap_or(f64::NAN),
            );
        }
        if minute == 300 {
            // As if the process had been restarted: the state goes through its file format.
            let saved = snapshot::to_bytes(&detector)?;
            detector = snapshot::from_bytes::<EwmaStream>(&saved)?;
        }
    }
    Ok(())
}
