//! A sink that answers by script.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_alert::{BoxFuture, Error, ErrorKind, Mode, Sink};
use bongsu_core::{Alert, AlertState, Timestamp};

/// What a [`Fake`] answers to a delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    Ok,
    Fail(ErrorKind),
    FailFor(Duration),
    Hang,
    /// Fails with any page or batch with the alert of this name.
    BreakOn(&'static str, ErrorKind),
    /// Refuses any batch with the alert of this name.
    RefuseName(&'static str),
    /// Fails with so many of 100, at random.
    FailOften(u64),
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    heard: Vec<String>,
    calls: usize,
    /// Of a generator of random numbers.
    seed: u64,
}

/// A sink that answers by script, and takes everything when the script is over.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    name: String,
    mode: Mode,
    pub(crate) timeout: Duration,
    script: Arc<Mutex<Script>>,
}

impl Fake {
    pub(crate) fn new(name: &str, mode: Mode, answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Script {
            answers: answers.into_iter().collect(),
            ..Script::default()
        };
        Self {
            name: name.to_owned(),
            mode,
            timeout: Duration::from_secs(10),
            script: Arc::new(Mutex::new(script)),
        }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.script.lock().unwrap().heard.clone()
    }

    pub(crate) fn seeded(self, seed: u64) -> Self {
        self.script.lock().unwrap().seed = seed;
        self
    }

    pub(crate) fn calls(&self) -> usize {
        self.script.lock().unwrap().calls
    }
}

pub(crate) fn spell(alert: &Alert) -> String {
    let mark = if alert.state == AlertState::Resolved {
        '-'
    } else {
        '+'
    };
    format!("{mark}{}", alert.labels.metric_name().unwrap())
}

impl Sink for Fake {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn deliver<'a>(
        &'a self,
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let answer = {
                let mut script = self.script.lock().unwrap();
                script.calls += 1;
                match script.answers.front().copied() {
                    Some(Answer::RefuseName(_) | Answer::BreakOn(..) | Answer::FailOften(_))
                    | None => script.answers.front().copied(),
                    Some(_) => script.answers.pop_front(),
                }
            };
            match answer {
                Some(Answer::Fail(kind)) => return Err(Error::delivery(kind, "scripted")),
                Some(Answer::FailFor(after)) => {
                    let kind = ErrorKind::RateLimited;
                    return Err(Error::delivery_after(kind, "scripted", after));
                }
                Some(Answer::FailOften(percent)) => {
                    let seed = &mut self.script.lock().unwrap().seed;
                    // Knuth's MMIX.
                    *seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    if (*seed >> 33) % 100 < percent {
                        return Err(Error::delivery(ErrorKind::Server, "at random"));
                    }
                }
                Some(Answer::Hang) => std::future::pending().await,
                Some(Answer::RefuseName(name))
                    if alerts.iter().any(|a| a.labels.metric_name() == Some(name)) =>
                {
                    return Err(Error::delivery(
                        ErrorKind::Rejected,
                        format!("{name} is bad"),
                    ));
                }
                Some(Answer::BreakOn(name, kind))
                    if alerts.iter().any(|a| a.labels.metric_name() == Some(name)) =>
                {
                    return Err(Error::delivery(kind, format!("{name} breaks it")));
                }
                _ => {}
            }
            let mut script = self.script.lock().unwrap();
            script.heard.extend(alerts.iter().map(spell));
            Ok(())
        })
    }
}
