//! What several test files build on.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unreachable_pub, reason = "shared by several test crates")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use bongsu_alert::{Lifecycle, Policy, Transition};
use bongsu_core::{Alert, Labels, Timestamp, Verdict};

pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// The judgement of a point at `at`: anomalous above a score of 1, warming up without one.
pub fn verdict(labels: &Labels, at: Timestamp, score: Option<f64>) -> Verdict {
    Verdict {
        timestamp: at,
        labels: labels.clone(),
        value: Some(score.unwrap_or(0.0) * 10.0),
        score,
        expected: Some(1.0),
        lower: Some(0.0),
        upper: Some(10.0),
        direction: None,
        anomalous: score.is_some_and(|score| score > 1.0),
        explanation: None,
    }
}

/// Fires an alert with these labels at `at`, at once.
pub fn fire(lifecycle: &mut Lifecycle, labels: &Labels, at: Timestamp) -> Alert {
    let verdict = verdict(labels, at, Some(4.0));
    match lifecycle.observe(labels, &Policy::default(), &verdict) {
        Ok(Some(Transition::Fired(alert))) => alert,
        other => unexpected(&other),
    }
}

/// Resolves the alert with these labels at `at`, at once.
pub fn resolve(lifecycle: &mut Lifecycle, labels: &Labels, at: Timestamp) -> Alert {
    let verdict = verdict(labels, at, Some(0.1));
    match lifecycle.observe(labels, &Policy::default(), &verdict) {
        Ok(Some(Transition::Resolved(alert))) => alert,
        other => unexpected(&other),
    }
}

#[allow(clippy::panic, reason = "it is how a test fails")]
fn unexpected<T: std::fmt::Debug>(found: &T) -> ! {
    panic!("unexpected: {found:?}")
}
