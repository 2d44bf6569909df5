//! Nothing is lost: whatever happens, what may be told is told, and its end as well, also when the
//! process is killed at any moment and starts again from what it saved last.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use bongsu_alert::{
    Lifecycle, Page, PendingPages, Policy, SuppressConfig, Suppressor, SuppressorState,
};
use bongsu_core::{AlertState, Timestamp, snapshot};
use proptest::prelude::*;
use world::{identity, suppress, tree, verdict};

const MINUTE: i64 = 60;
const STEPS: usize = 240;
/// After the last step all is quiet for so many minutes, so that everything can be told.
const TAIL: usize = 240;

const ROUTING: &str = "
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
const NAMES: [&str; 9] = [
    "a/1", "a/2", "b/1", "b/2", "muted/1", "work/1", "source", "target/1", "a/3",
];

const SUPPRESS: &str = "
mutes: [ { name: m, matchers: [ job=muted ], from: '1970-01-01T01:00:00Z', to: '1970-01-01T02:00:00Z' } ]
maintenance: [ { name: w, matchers: [ job=work ], from: '1970-01-01T00:30:00Z', to: '1970-01-01T01:10:00Z' } ]
escalation: [ { after: 20m, severity: major } ]
";

fn config(flapping: bool, budget: bool) -> SuppressConfig {
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
fn story() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let lengths = prop_oneof![3 => 1..4_usize, 3 => 4..20_usize, 1 => 20..90_usize];
    let series = prop::collection::vec(lengths, 1..40);
    prop::collection::vec(series, NAMES.len())
}

/// Whether each series is anomalous at each minute.
fn states(story: &[Vec<usize>]) -> Vec<Vec<bool>> {
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

/// All that a process saves, as one file.
#[derive(Clone)]
struct Saved {
    minute: usize,
    lifecycle: Vec<u8>,
    suppressor: Vec<u8>,
    waiting: Vec<Page>,
}

struct Process {
    lifecycle: Lifecycle,
    suppressor: Suppressor,
    /// Made, and not delivered yet.
    waiting: Vec<Page>,
}

impl Process {
    fn new(config: &SuppressConfig) -> Self {
        Self {
            lifecycle: Lifecycle::new(),
            suppressor: Suppressor::new(config, tree(ROUTING)).unwrap(),
            waiting: Vec::new(),
        }
    }

    fn minute(&mut self, minute: usize, states: &[Vec<bool>]) {
        let now = Timestamp::from_secs(i64::try_from(minute).unwrap() * MINUTE);
        let policy = Policy::default();
        for (name, states) in NAMES.iter().zip(states) {
            let labels = identity(name);
            let verdict = verdict(&labels, now, if states[minute] { 3.0 } else { 0.2 });
            let transition = self.lifecycle.observe(&labels, &policy, &verdict).unwrap();
            self.suppressor
                .observe(&labels, &verdict, transition.as_ref());
        }
        self.waiting.extend(self.suppressor.tick(now));
    }

    fn save(&self, minute: usize) -> Saved {
        Saved {
            minute,
            lifecycle: snapshot::to_bytes(&self.lifecycle).unwrap(),
            suppressor: snapshot::to_bytes(self.suppressor.state()).unwrap(),
            waiting: self.waiting.clone(),
        }
    }

    fn load(config: &SuppressConfig, saved: &Saved) -> Self {
        let state: SuppressorState = snapshot::from_bytes(&saved.suppressor).unwrap();
        Self {
            lifecycle: snapshot::from_bytes(&saved.lifecycle).unwrap(),
            suppressor: Suppressor::restore(config, tree(ROUTING), state).unwrap(),
            waiting: saved.waiting.clone(),
        }
    }
}

/// What a receiver knows: for each alert whether it fires, and of which it heard that it fires or
/// that it is over, by the minute at which it began.
#[derive(Default)]
struct Receiver {
    fires: BTreeMap<u64, bool>,
    heard: BTreeSet<(u64, i64, bool)>,
}

type Receivers = BTreeMap<String, Receiver>;

fn deliver(receivers: &mut Receivers, pages: impl IntoIterator<Item = Page>) {
    for page in pages {
        let receiver = receivers.entry(page.receiver.clone()).or_default();
        for alert in &page.alerts {
            let fingerprint = alert.labels.fingerprint();
            receiver
                .fires
                .insert(fingerprint, alert.state != AlertState::Resolved);
            let began = alert.starts_at.as_millis() / 1000 / MINUTE;
            let over = alert.state == AlertState::Resolved;
            receiver.heard.insert((fingerprint, began, over));
        }
    }
}

/// The runs of anomalous minutes of a series: first minute and first normal one after it.
fn episodes(states: &[bool]) -> Vec<(i64, i64)> {
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

/// Every episode that nothing may hold was told, or the receiver was told of one that it followed
/// without a pause that it could have heard of.
fn check_all_told(receivers: &Receivers, states: &[Vec<bool>]) -> Result<(), TestCaseError> {
    let chat = &receivers.get("chat");
    for (name, states) in NAMES.iter().zip(states) {
        let held = ["muted", "work", "target"]
            .iter()
            .any(|job| name.starts_with(job));
        if held {
            continue;
        }
        let fingerprint = identity(name).fingerprint();
        let mut last_told = None;
        for (from, to) in episodes(states) {
            let told =
                |over| chat.is_some_and(|chat| chat.heard.contains(&(fingerprint, from, over)));
            let (fired, ended) = (told(false), told(true));
            // One that follows within the interval of its group may be taken for the one before, or
            // the one after it for it.
            let next = episodes(states).into_iter().find(|&(next, _)| next >= to);
            let blurred = last_told.is_some_and(|end| from - end <= 12)
                || next.is_some_and(|(next, _)| next - to <= 12);
            prop_assert!(
                fired || ended || blurred || to - from < 1,
                "{name} {from} to {to}: {receivers:?}",
                receivers = chat.map(|chat| &chat.heard)
            );
            last_told = Some(to);
        }
    }
    // In the end all is quiet, and everybody knows.
    for (receiver, known) in receivers {
        let open = known.fires.values().filter(|fires| **fires).count();
        prop_assert_eq!(open, 0, "{} believes that something fires", receiver);
    }
    Ok(())
}

fn run(config: &SuppressConfig, states: &[Vec<bool>]) -> (Receivers, Vec<Page>, Process) {
    let mut process = Process::new(config);
    let mut all = Vec::new();
    for minute in 0..STEPS + TAIL {
        process.minute(minute, states);
        all.append(&mut process.waiting);
    }
    let mut receivers = Receivers::new();
    deliver(&mut receivers, all.clone());
    (receivers, all, process)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_may_be_told_is_told_and_ends(story in story(), budget in any::<bool>()) {
        let states = states(&story);
        let (receivers, pages, process) = run(&config(false, budget), &states);
        check_all_told(&receivers, &states)?;
        prop_assert_eq!(process.suppressor.status().alerts, 0);
        for page in &pages {
            prop_assert!(!page.alerts.is_empty());
        }
        let ids: BTreeSet<_> = pages.iter().map(Page::id).collect();
        prop_assert_eq!(ids.len(), pages.len(), "every message has its own id");
    }

    #[test]
    fn flapping_leaves_nothing_open(story in story(), budget in any::<bool>()) {
        let states = states(&story);
        let (receivers, _, process) = run(&config(true, budget), &states);
        for (receiver, known) in &receivers {
            let open = known.fires.values().filter(|fires| **fires).count();
            prop_assert_eq!(open, 0, "{} believes that something fires", receiver);
        }
        prop_assert_eq!(process.suppressor.status().alerts, 0);
        let (quiet, _, _) = run(&config(false, budget), &states);
        for (name, states) in NAMES.iter().zip(&states) {
            let fingerprint = identity(name).fingerprint();
            let knows = |receivers: &Receivers| {
                receivers.get("chat").is_some_and(|chat| chat.fires.contains_key(&fingerprint))
            };
            // Whoever is told of without the stage is told of with it, if only as flapping.
            prop_assert!(knows(&receivers) || !knows(&quiet), "{} {:?}", name, states);
        }
    }

    /// Killed after each of some steps: before the save of the step, between making and
    /// delivering, and after delivering; started again from the last save and fed again.
    #[test]
    fn a_kill_loses_nothing(
        story in story(),
        kills in prop::collection::btree_set((1..STEPS + 60, 0..3_u8), 1..12),
        every in 1..9_usize,
        budget in any::<bool>(),
    ) {
        let states = states(&story);
        let config = config(true, budget);
        let (expected, _, _) = run(&config, &states);
        let mut receivers = Receivers::new();
        let mut process = Process::new(&config);
        let mut saved = process.save(0);
        let mut kills = kills;
        let mut minute = 0;
        while minute < STEPS + TAIL {
            process.minute(minute, &states);
            let killed = |at: u8, kills: &mut BTreeSet<(usize, u8)>| kills.remove(&(minute, at));
            if killed(0, &mut kills) {
                process = Process::load(&config, &saved);
                minute = saved.minute;
                continue;
            }
            if minute % every == 0 {
                saved = process.save(minute + 1);
            }
            if killed(1, &mut kills) {
                process = Process::load(&config, &saved);
                minute = saved.minute;
                continue;
            }
            deliver(&mut receivers, process.waiting.drain(..));
            if killed(2, &mut kills) {
                process = Process::load(&config, &saved);
                minute = saved.minute;
                continue;
            }
            minute += 1;
        }
        for (name, expected) in &expected {
            let heard = &receivers[name].heard;
            let lost: Vec<_> = expected.heard.difference(heard).collect();
            prop_assert!(lost.is_empty(), "{}: {:?}", name, lost);
            prop_assert_eq!(&receivers[name].fires, &expected.fires);
        }
    }

    /// Hostile bytes are refused or work; they never panic.
    #[test]
    fn damaged_states_do_no_harm(at in 0..4_000_usize, bits in 1..=255_u8, cut in any::<bool>()) {
        let states = states(&[vec![1, 50], vec![2, 3, 4, 70], vec![30, 90]]);
        let config = config(true, true);
        let mut process = Process::new(&config);
        for minute in 0..45 {
            process.minute(minute, &states);
        }
        let mut bytes = postcard_of(process.suppressor.state());
        let at = at % bytes.len();
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= bits;
        }
        let state: Option<SuppressorState> = postcard_back(&bytes);
        if let Some(state) = state
            && let Ok(mut suppressor) = Suppressor::restore(&config, tree(ROUTING), state)
        {
            for minute in 45..60 {
                suppressor.tick(Timestamp::from_secs(minute * MINUTE));
            }
            let _ = suppressor.next_due();
        }
    }
}

/// The payload alone, so that damage is not found by the checksum.
fn postcard_of(state: &SuppressorState) -> Vec<u8> {
    let bytes = snapshot::to_bytes(state).unwrap();
    let length = usize::try_from(snapshot::inspect(&bytes).unwrap().payload_len).unwrap();
    bytes[bytes.len() - length..].to_vec()
}

fn postcard_back(payload: &[u8]) -> Option<SuppressorState> {
    postcard::from_bytes(payload).ok()
}

#[test]
fn a_state_has_a_kind_of_its_own() {
    let state = SuppressorState::default();
    let bytes = snapshot::to_bytes(&state).unwrap();
    assert_eq!(snapshot::inspect(&bytes).unwrap().kind, "alert.suppressor");
    let pages = snapshot::to_bytes(&PendingPages::default()).unwrap();
    assert_eq!(
        snapshot::inspect(&pages).unwrap().kind,
        "alert.pending_pages"
    );
    assert!(snapshot::from_bytes::<SuppressorState>(&pages).is_err());
}
