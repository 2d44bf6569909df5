//! Random stories of nine series, and what receivers hear of them.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use bongsu_alert::{Page, SuppressConfig};
use bongsu_core::AlertState;
use proptest::prelude::*;

use crate::world::suppress;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const STEPS: usize = 240;
/// After the last step all is quiet for so many minutes, so that everything can be told.
pub(crate) const TAIL: usize = 240;

pub(crate) const ROUTING: &str = "
route:
  receiver: chat
  group_by: [job]
  group_wait: 60s
  group_interval: 5m
  routes:
  - { receiver: pager, matchers: [ 'severity=~major|critical' ], continue: true, group_by: ['...'] }
  - { receiver: chat, matchers: [ job=b ], group_by: ['...'] }
  - { receiver: chat }
receivers: [ { name: chat }, { name: pager } ]
inhibit_rules:
- { source_matchers: [ job=source ], target_matchers: [ job=target ] }
";

/// Series by name; those of `muted`, `target` and `work` may be held.
pub(crate) const NAMES: [&str; 9] = [
    "a/1", "a/2", "b/1", "b/2", "muted/1", "work/1", "source", "target/1", "a/3",
];

pub(crate) const SUPPRESS: &str = "
mutes: [ { name: m, matchers: [ job=muted ], from: '1970-01-01T01:00:00Z', to: '1970-01-01T02:00:00Z' } ]
maintenance: [ { name: w, matchers: [ job=work ], from: '1970-01-01T00:30:00Z', to: '1970-01-01T01:10:00Z' } ]
escalation: [ { after: 20m, severity: major } ]
";

pub(crate) fn config(flapping: bool, budget: bool) -> SuppressConfig {
    let mut config = suppress(SUPPRESS);
    if !flapping {
        config.flapping = None;
    }
    if budget {
        config.budget = suppress("budget: { rate: { burst: 2, every: 7m } }").budget;
    }
    config
}

/// For each series, minutes after which it changes between normal and anomalous.
pub(crate) fn story() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let lengths = prop_oneof![3 => 1..4_usize, 3 => 4..20_usize, 1 => 20..90_usize];
    let series = prop::collection::vec(lengths, 1..40);
    prop::collection::vec(series, NAMES.len())
}

/// Whether each series is anomalous at each minute.
pub(crate) fn states(story: &[Vec<usize>]) -> Vec<Vec<bool>> {
    let of_series = |lengths: &Vec<usize>| {
        let runs = lengths.iter().enumerate();
        let mut states: Vec<bool> = runs
            .flat_map(|(i, &length)| std::iter::repeat_n(i % 2 == 1, length))
            .take(STEPS)
            .collect();
        states.resize(STEPS + TAIL, false);
        states
    };
    story.iter().map(of_series).collect()
}

/// What a receiver knows: for each alert whether it fires, and of which it heard that it fires or
/// that it is over, by the minute at which it began.
#[derive(Default)]
pub(crate) struct Receiver {
    pub(crate) fires: BTreeMap<u64, bool>,
    pub(crate) heard: BTreeSet<(u64, i64, bool)>,
    /// What it was told of each alert and when, in the order of the messages.
    pub(crate) told: BTreeMap<u64, Vec<(i64, bool)>>,
}

impl Receiver {
    /// Whether it believed, at a moment of these minutes, that the alert fires.
    pub(crate) fn believed(&self, fingerprint: u64, from: i64, to: i64) -> bool {
        let told = self.told.get(&fingerprint).into_iter().flatten();
        let mut believes = false;
        for &(minute, fires) in told {
            if minute > to {
                break;
            }
            believes = fires || (believes && minute > from);
            if believes && minute >= from {
                return true;
            }
        }
        believes
    }
}

pub(crate) type Receivers = BTreeMap<String, Receiver>;

pub(crate) fn deliver(receivers: &mut Receivers, pages: impl IntoIterator<Item = Page>) {
    for page in pages {
        let receiver = receivers.entry(page.receiver.clone()).or_default();
        for alert in &page.alerts {
            let fingerprint = alert.labels.fingerprint();
            receiver
                .fires
                .insert(fingerprint, alert.state != AlertState::Resolved);
            let minute = page.at.as_millis() / 1000 / MINUTE;
            let fires = alert.state != AlertState::Resolved;
            let told = receiver.told.entry(fingerprint).or_default();
            told.push((minute, fires));
            let began = alert.starts_at.as_millis() / 1000 / MINUTE;
            let over = alert.state == AlertState::Resolved;
            receiver.heard.insert((fingerprint, began, over));
        }
    }
}

/// The runs of anomalous minutes of a series: first minute and first normal one after it.
pub(crate) fn episodes(states: &[bool]) -> Vec<(i64, i64)> {
    let mut episodes = Vec::new();
    let mut began = None;
    for (minute, &anomalous) in (0..).zip(states) {
        match (anomalous, began) {
            (true, None) => began = Some(minute),
            (false, Some(from)) => {
                episodes.push((from, minute));
                began = None;
            }
            _ => {}
        }
    }
    episodes
}
