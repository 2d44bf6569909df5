//! A sink of your own: alerts go to a spool, whose disk is full the first time.
//!
//! Run: `cargo run -p bongsu --example custom_sink --features alert`
//!
//! A sink delivers once, and says what kind of failure it met; queueing, retrying and limits of time
//! are the dispatcher's.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::atomic::{AtomicU32, Ordering};

use bongsu::alert::{
    BoxFuture, Dispatcher, Error, ErrorKind, Lifecycle, Mode, Policy, Sink, Transition,
};
use bongsu::prelude::*;

#[derive(Debug, Default)]
struct Spool {
    attempts: AtomicU32,
}

impl Sink for Spool {
    /// The key of its queue in a saved state: unique and stable.
    fn name(&self) -> &str {
        "spool"
    }

    /// Each alert when it fires and when it is resolved.
    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn deliver<'a>(
        &'a self,
        now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            if self.attempts.fetch_add(1, Ordering::Relaxed) == 0 {
                // `Server` is tried again soon, `Misconfigured` slowly, `Rejected` never.
                return Err(Error::delivery(
                    ErrorKind::Server,
                    "the spool's disk is full",
                ));
            }
            for alert in alerts {
                println!("{now}  spooled: {:?} {}", alert.state, alert.summary);
            }
            Ok(())
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut lifecycle = Lifecycle::new();
    let mut dispatcher = Dispatcher::new().with_sink(Spool::default())?;
    let labels = Labels::from_pairs([("__name__", "free_workers"), ("pool", "mail")])?;
    let policy = Policy::default();
    let mut delivered = 0;
    // No worker is free in the third and fourth minute.
    for minute in 1..=30_i64 {
        let value = if (3..5).contains(&minute) { 0.0 } else { 12.0 };
        let verdict = Verdict::judge(
            Timestamp::from_secs(60 * minute),
            labels.clone(),
            value,
            Score::Ready((value - 12.0_f64).abs() / 4.0),
            Some(Expectation::symmetric(12.0, 4.0)),
            &Calibrator::threshold(1.0)?,
            &DeviationFilter::new(),
        );
        let transition = lifecycle.observe(&labels, &policy, &verdict)?;
        let told: Vec<_> = transition
            .into_iter()
            .filter_map(Transition::into_notification)
            .collect();
        for delivery in dispatcher
            .dispatch(verdict.timestamp, &told, &lifecycle)
            .await
        {
            delivered += delivery.delivered;
            if let Err(error) = &delivery.result {
                println!("{}  {} waits: {error}", verdict.timestamp, delivery.sink);
            }
        }
    }
    assert_eq!(
        delivered, 2,
        "the alert and its end arrived in spite of the failure"
    );
    Ok(())
}
