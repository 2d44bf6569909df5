//! Nothing is lost: whatever happens, what may be told is told, and its end as well, also when the
//! process is killed at any moment and starts again from what it saved last.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod story;
mod world;

use std::collections::BTreeSet;

use bongsu_alert::{
    Lifecycle, Page, PendingPages, Policy, SuppressConfig, Suppressor, SuppressorState,
};
use bongsu_core::{Timestamp, snapshot};
use proptest::prelude::*;
use story::{
    MINUTE, NAMES, ROUTING, Receiver, Receivers, STEPS, TAIL, config, deliver, episodes, states,
    story,
};
use world::{identity, tree, verdict};

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

/// The longest time between an end and the look at its group, with the wait for a digest.
const LOOK: i64 = 12;

/// Every episode that nothing may hold was told: that it fired or that it is over, or that it fires
/// by a message about an earlier one whose end was not told before it began. When another one begins
/// before the next look, that one may stand for both, and must have been told itself.
fn check_all_told(receivers: &Receivers, states: &[Vec<bool>]) -> Result<(), TestCaseError> {
    let nobody = Receiver::default();
    let chat = receivers.get("chat").unwrap_or(&nobody);
    for (name, states) in NAMES.iter().zip(states) {
        let held = ["muted", "work", "target"]
            .iter()
            .any(|job| name.starts_with(job));
        if held {
            continue;
        }
        let fingerprint = identity(name).fingerprint();
        let mut follower: Option<(i64, bool)> = None;
        for (from, to) in episodes(states).into_iter().rev() {
            let heard = |over| chat.heard.contains(&(fingerprint, from, over));
            let stands = follower.is_some_and(|(next, told)| told && next - to <= LOOK);
            let told =
                heard(false) || heard(true) || chat.believed(fingerprint, from, to) || stands;
            prop_assert!(told, "{name} {from} to {to}: {:?}", chat.heard);
            follower = Some((from, told));
        }
    }
    check_all_ended(receivers)
}

/// In the end all is quiet, and everybody knows.
fn check_all_ended(receivers: &Receivers) -> Result<(), TestCaseError> {
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
        check_all_ended(&receivers)?;
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

    /// Alerts that there is no room for are forgotten, but who was told of one is told its end; also
    /// when the process is killed.
    #[test]
    fn beyond_the_limit_all_that_was_told_ends(
        story in story(),
        flapping in any::<bool>(),
        budget in any::<bool>(),
        limit in 1..9_usize,
        kill in 1..STEPS,
    ) {
        let states = states(&story);
        let mut config = config(flapping, budget);
        config.limits.alerts = limit;
        let (receivers, pages, process) = run(&config, &states);
        check_all_ended(&receivers)?;
        prop_assert_eq!(process.suppressor.status().alerts, 0);
        let ids: BTreeSet<_> = pages.iter().map(Page::id).collect();
        prop_assert_eq!(ids.len(), pages.len(), "every message has its own id");

        let mut receivers = Receivers::new();
        let mut process = Process::new(&config);
        for minute in 0..kill {
            process.minute(minute, &states);
        }
        let mut process = Process::load(&config, &process.save(kill));
        for minute in kill..STEPS + TAIL {
            process.minute(minute, &states);
            deliver(&mut receivers, process.waiting.drain(..));
        }
        check_all_ended(&receivers)?;
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
