//! What holds for the life of an alert whatever the verdicts are.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::time::Duration;

use bongsu_alert::{Lifecycle, Policy, Transition};
use bongsu_core::{AlertState, Labels, Timestamp, snapshot};
use common::{labels, verdict};
use proptest::prelude::*;

/// Something that happens, so many seconds after the one before.
#[derive(Debug, Clone, Copy)]
enum Event {
    Verdict { after: i64, score: Option<f64> },
    Again { back: i64, score: f64 },
    Expire { after: i64, unseen: u64 },
}

fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let score = prop_oneof![
        4 => (0.0..=1.0).prop_map(Some),
        6 => (1.01..20.0).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(f64::INFINITY)),
    ];
    let event = prop_oneof![
        10 => (1_i64..120, score).prop_map(|(after, score)| Event::Verdict { after, score }),
        1 => (0_i64..100, 0.0..5.0).prop_map(|(back, score)| Event::Again { back, score }),
        1 => (0_i64..100, 0_u64..300).prop_map(|(after, unseen)| Event::Expire { after, unseen }),
    ];
    prop::collection::vec(event, 0..most)
}

fn policies() -> impl Strategy<Value = Policy> {
    let seconds = || prop_oneof![2 => Just(0_u64), 3 => 0_u64..400];
    (seconds(), seconds(), seconds(), seconds(), 1_u32..4).prop_map(
        |(wait, keep, cool, kept, points)| {
            Policy::default()
                .for_duration(Duration::from_secs(wait))
                .keep_firing_for(Duration::from_secs(keep))
                .cooldown(Duration::from_secs(cool))
                .resolved_retention(Duration::from_secs(kept))
                .min_points(points)
        },
    )
}

/// A lifecycle with a clock of its own.
#[derive(Debug, Clone)]
struct Run {
    lifecycle: Lifecycle,
    labels: Labels,
    policy: Policy,
    now: Timestamp,
}

impl Run {
    fn new(policy: Policy) -> Self {
        Self {
            lifecycle: Lifecycle::new(),
            labels: labels(&[("__name__", "m"), ("instance", "a")]),
            policy,
            now: Timestamp::from_secs(1_700_000_000),
        }
    }

    fn observe(&mut self, after: i64, score: Option<f64>) -> Vec<Transition> {
        self.now = self.now.add_millis(after * 1_000);
        let verdict = verdict(&self.labels, self.now, score);
        let observed = self.lifecycle.observe(&self.labels, &self.policy, &verdict);
        observed.unwrap().into_iter().collect()
    }

    fn step(&mut self, event: Event) -> Vec<Transition> {
        match event {
            Event::Verdict { after, score } => self.observe(after, score),
            Event::Again { back, score } => {
                let at = self.now.add_millis(-back * 1_000);
                let verdict = verdict(&self.labels, at, Some(score));
                let observed = self.lifecycle.observe(&self.labels, &self.policy, &verdict);
                observed.unwrap().into_iter().collect()
            }
            Event::Expire { after, unseen } => {
                self.now = self.now.add_millis(after * 1_000);
                self.lifecycle.expire(self.now, Duration::from_secs(unseen))
            }
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

fn fired(transitions: &[Transition]) -> usize {
    let is_fired = |t: &&Transition| matches!(t, Transition::Fired(_));
    transitions.iter().filter(is_fired).count()
}

fn resolved(transitions: &[Transition]) -> usize {
    let is_resolved = |t: &&Transition| matches!(t, Transition::Resolved(_));
    transitions.iter().filter(is_resolved).count()
}

proptest! {
    #[test]
    fn fired_and_resolved_take_turns(policy in policies(), events in events(80)) {
        let mut run = Run::new(policy);
        let mut firing = false;
        let mut last_resolved = None;
        for event in events {
            for transition in run.step(event) {
                let alert = transition.alert().clone();
                match transition {
                    Transition::Fired(_) => {
                        prop_assert!(!firing);
                        firing = true;
                        let at = alert.fired_at.unwrap();
                        let waited = at.millis_since(alert.starts_at);
                        prop_assert!(waited >= millis(policy.for_duration));
                        if let Some(resolved) = last_resolved {
                            prop_assert!(at.millis_since(resolved) >= millis(policy.cooldown));
                        }
                    }
                    Transition::Resolved(_) => {
                        prop_assert!(firing);
                        firing = false;
                        prop_assert!(alert.resolved_at >= alert.fired_at);
                        last_resolved = alert.resolved_at;
                    }
                    _ => {
                        prop_assert!(!firing);
                        prop_assert_eq!(alert.state, AlertState::Pending);
                    }
                }
                prop_assert!(alert.verdict.anomalous);
                prop_assert!(alert.verdict.timestamp >= alert.starts_at);
            }
            prop_assert_eq!(run.lifecycle.active().count(), usize::from(firing));
            prop_assert!(run.lifecycle.len() <= 1);
            if run.lifecycle.is_empty() {
                // Forgotten, which is too early before the cooldown is over.
                if let Some(resolved) = last_resolved.take() {
                    prop_assert!(run.now.millis_since(resolved) >= millis(policy.cooldown));
                }
            }
        }
    }

    /// After any history: anomalous for longer than `for` (and the rest of a cooldown) fires once,
    /// normal for longer than `keep_firing_for` resolves once.
    #[test]
    fn what_lasts_fires_and_what_ends_resolves(
        policy in policies(),
        history in events(40),
        steps in prop::collection::vec(1_i64..90, 1..20),
    ) {
        let mut run = Run::new(policy);
        for event in history {
            run.step(event);
        }
        let calm = millis(policy.keep_firing_for) / 1_000 + 1;
        run.observe(1, Some(0.0));
        run.observe(calm, Some(0.0));
        prop_assert_eq!(run.lifecycle.active().count(), 0);

        let mut transitions = Vec::new();
        let start = run.now;
        let wait = millis(policy.for_duration) + millis(policy.cooldown);
        let mut points = 0;
        let mut peak: f64 = 0.0;
        for after in steps.iter().cycle() {
            let score = 2.0 + f64::from(points % 7);
            peak = peak.max(score);
            transitions.extend(run.observe(*after, Some(score)));
            points += 1;
            // The first point may come 90 s after the calm.
            if run.now.millis_since(start) > wait + 90_000 && points > policy.min_points {
                break;
            }
        }
        prop_assert_eq!(fired(&transitions), 1);
        let alert = run.lifecycle.active().next().unwrap();
        prop_assert_eq!(alert.verdict.score, Some(peak));
        prop_assert_eq!(fired(&run.observe(1_000, Some(3.0))), 0);

        let mut transitions = run.observe(1, Some(0.0));
        transitions.extend(run.observe(calm, Some(0.0)));
        prop_assert_eq!(resolved(&transitions), 1);
        prop_assert_eq!(run.lifecycle.active().count(), 0);
    }

    #[test]
    fn a_restored_snapshot_continues_in_the_same_way(
        policy in policies(),
        before in events(40),
        after in events(40),
    ) {
        let mut run = Run::new(policy);
        for event in before {
            run.step(event);
        }
        let bytes = snapshot::to_bytes(&run.lifecycle).unwrap();
        let mut restored = run.clone();
        restored.lifecycle = snapshot::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&restored.lifecycle, &run.lifecycle);
        for event in after {
            prop_assert_eq!(restored.step(event), run.step(event));
        }
        let bytes = snapshot::to_bytes(&run.lifecycle).unwrap();
        prop_assert_eq!(snapshot::to_bytes(&restored.lifecycle).unwrap(), bytes);
    }

    /// What happens to one identity does not depend on the others.
    #[test]
    fn identities_do_not_disturb_each_other(
        policy in policies(),
        scores in prop::collection::vec((1_i64..120, 0.0..3.0, 0.0..3.0), 0..60),
    ) {
        let mut together = Run::new(policy);
        let mut alone = Run::new(policy);
        let other = labels(&[("__name__", "m"), ("instance", "b")]);
        for (after, mine, theirs) in scores {
            let transitions = together.observe(after, Some(mine));
            prop_assert_eq!(transitions, alone.observe(after, Some(mine)));
            let theirs = verdict(&other, together.now, Some(theirs));
            together.lifecycle.observe(&other, &policy, &theirs).unwrap();
        }
    }

    /// Bytes that pass the header reach the decoder and the checks, and never panic.
    #[test]
    fn forged_snapshots_do_not_panic(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = snapshot::to_bytes(&Lifecycle::new()).unwrap();
        let header = bytes.len() - snapshot::inspect(&bytes).unwrap().payload_len as usize;
        bytes.truncate(header);
        bytes[header - 12..header - 4].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        let checksum = crc32c(&[&bytes[..header - 4], &payload]);
        bytes[header - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&payload);
        if let Ok(mut lifecycle) = snapshot::from_bytes::<Lifecycle>(&bytes) {
            lifecycle.expire(Timestamp::MAX, Duration::ZERO);
        }
    }
}

/// CRC32C, bit by bit.
fn crc32c(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in parts.iter().copied().flatten() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}
