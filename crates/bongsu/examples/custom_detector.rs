//! A detector of your own: a value is as anomalous as the step to it is large, compared with the
//! median of the latest steps.
//!
//! Run: `cargo run -p bongsu --example custom_detector`
//!
//! With `StreamDetector` it judges points, and fits into everything that takes a detector; with
//! `Snapshot` it survives a restart.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::VecDeque;

use bongsu::core::snapshot;
use bongsu::core::{Error, Result};
use bongsu::prelude::*;
use bongsu::stats::robust::median;
use serde::{Deserialize, Serialize};

// quote: detector
/// Judges steps by the median of the latest ones.
///
/// `score = |x - last| / median(|steps|)`. Memory: 8 bytes for each step of the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Steps {
    window: usize,
    threshold: f64,
    last: Option<f64>,
    steps: VecDeque<f64>,
    seen: u64,
}

impl Steps {
    /// `window`: the number of steps that are remembered, at least 3; `threshold`: the score above
    /// which a value is anomalous, above 0.
    fn new(window: usize, threshold: f64) -> Result<Self> {
        let (last, steps) = (None, VecDeque::new());
        let fresh = Self {
            window,
            threshold,
            last,
            steps,
            seen: 0,
        };
        fresh.validate()?;
        Ok(fresh)
    }

    fn value(x: &[f64]) -> Result<f64> {
        match x {
            [value] if value.is_finite() => Ok(*value),
            [value] => Err(Error::non_finite("the value", *value)),
            _ => Err(Error::shape("the number of features", x.len(), 1)),
        }
    }
}

impl StreamDetector for Steps {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let value = Self::value(x)?;
        let missing = self.window - self.steps.len();
        let (Some(last), 0) = (self.last, missing) else {
            return Ok(Score::Warmup {
                remaining: missing as u64 + u64::from(self.last.is_none()),
            });
        };
        let steps: Vec<f64> = self.steps.iter().copied().collect();
        // A series that stands still must not blow up: its first step is judged by its own size.
        let usual = median(&steps).max(1e-9 * last.abs()).max(f64::MIN_POSITIVE);
        Ok(Score::Ready(((value - last).abs() / usual).min(f64::MAX)))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        let value = Self::value(x)?;
        if let Some(last) = self.last.replace(value) {
            if self.steps.len() == self.window {
                self.steps.pop_front();
            }
            self.steps.push_back((value - last).abs().min(f64::MAX));
        }
        self.seen += 1;
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        (self.last, self.seen) = (None, 0);
        self.steps.clear();
    }
}

impl Snapshot for Steps {
    const KIND: &'static str = "example.steps";
    const VERSION: u16 = 1;

    /// A file may hold anything: check all that scoring relies on.
    fn validate(&self) -> Result<()> {
        if !(3..=1_000_000).contains(&self.window) {
            return Err(Error::parameter("window", self.window, "in [3, 1000000]"));
        }
        if !(self.threshold.is_finite() && self.threshold > 0.0) {
            return Err(Error::parameter(
                "threshold",
                self.threshold,
                "finite and above 0",
            ));
        }
        let sound = self
            .steps
            .iter()
            .all(|step| step.is_finite() && *step >= 0.0);
        if self.steps.len() > self.window || !sound || self.last.is_some_and(|v| !v.is_finite()) {
            return Err(Error::snapshot("the steps are not those of a window"));
        }
        Ok(())
    }
}
// end of quote

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // As a trait object it is like every other detector.
    let mut detectors: Vec<Box<dyn StreamDetector>> = vec![
        Box::new(Steps::new(20, 12.0)?),
        Box::new(bongsu::stats::Ewma::new().build()?),
    ];
    for minute in 0..200 {
        let value = f64::from(minute % 9) + if minute >= 150 { 60.0 } else { 0.0 };
        for detector in &mut detectors {
            let score = detector.score_then_learn(&[value])?.ready();
            let threshold = detector.threshold().unwrap_or(1.0);
            if score.is_some_and(|score| score > threshold) && (149..153).contains(&minute) {
                let kind = format!("{detector:?}");
                let name = kind.split(' ').next().unwrap_or_default();
                println!("minute {minute}: {value} is anomalous to {name}");
            }
        }
    }

    let mut steps = Steps::new(5, 6.0)?;
    for value in [1.0, 2.0, 1.0, 3.0, 2.0, 1.0] {
        steps.learn(&[value])?;
    }
    let saved = snapshot::to_bytes(&steps)?;
    assert_eq!(snapshot::from_bytes::<Steps>(&saved)?, steps);
    assert!(steps.score(&[9.0])?.ready() > steps.threshold());
    println!(
        "{} bytes saved; a step of 8 scores {:?}",
        saved.len(),
        steps.score(&[9.0])?
    );
    println!(
        "refused: {}",
        Steps::new(2, 8.0)
            .err()
            .ok_or("a window of 2 is too short")?
    );
    Ok(())
}
