//! Alerts that fire and end at any times never panic the suppression, which loads again what it
//! saved; who was told of an alert is told of its end.
#![no_main]

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use bongsu_alert::{
    Lifecycle, Policy, RoutingConfig, RoutingTree, SuppressConfig, Suppressor, SuppressorState,
};
use bongsu_core::{AlertState, Labels, Timestamp, Verdict, snapshot};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Moment {
    /// In seconds after the last; may go backwards.
    after: i16,
    series: u8,
    score: f32,
    save: bool,
}

const ROUTING: &str = r#"{"route": {"receiver": "r", "group_by": ["job"]}, "receivers": [{"name": "r"}]}"#;
const START: i64 = 1_700_000_000;
const DAY: i64 = 86_400;

fn tree() -> RoutingTree {
    let config: RoutingConfig = serde_json::from_str(ROUTING).expect("it is fixed");
    RoutingTree::new(&config).expect("it is fixed")
}

fuzz_target!(|moments: Vec<Moment>| {
    let config = SuppressConfig::default();
    let policy = Policy::default();
    let mut lifecycle = Lifecycle::new();
    let mut suppressor = Suppressor::new(&config, tree()).expect("defaults");
    let (mut seconds, mut newest) = (START, START);
    let mut pages = Vec::new();
    let all: Vec<Labels> = (0..4)
        .map(|series| {
            let (job, instance) = (format!("j{}", series / 2), format!("i{series}"));
            Labels::from_pairs([("job", job.as_str()), ("instance", instance.as_str())]).expect("valid")
        })
        .collect();
    let verdict = |labels: &Labels, at: i64, score: f64| Verdict {
        value: Some(score),
        score: Some(score),
        anomalous: score > 1.0,
        ..Verdict::unjudged(Timestamp::from_secs(at), labels.clone())
    };
    for moment in moments.iter().take(500) {
        seconds += i64::from(moment.after);
        newest = newest.max(seconds);
        let labels = &all[usize::from(moment.series) % all.len()];
        let score = f64::from(moment.score);
        if !score.is_finite() {
            continue;
        }
        let seen = verdict(labels, seconds, score);
        if let Ok(transition) = lifecycle.observe(labels, &policy, &seen) {
            suppressor.observe(labels, &seen, transition.as_ref());
        }
        pages.extend(suppressor.tick(Timestamp::from_secs(newest)));
        if moment.save {
            let bytes = snapshot::to_bytes(suppressor.state()).expect("a state that lives can be saved");
            let state: SuppressorState = snapshot::from_bytes(&bytes).expect("and loaded");
            suppressor = Suppressor::restore(&config, tree(), state).expect("and restored");
        }
    }
    // A day without anything: all that was told must have been ended.
    for minute in 1..=DAY / 60 {
        let at = newest + minute * 60;
        for labels in &all {
            let seen = verdict(labels, at, 0.0);
            if let Ok(transition) = lifecycle.observe(labels, &policy, &seen) {
                suppressor.observe(labels, &seen, transition.as_ref());
            }
        }
        pages.extend(suppressor.tick(Timestamp::from_secs(at)));
    }
    let mut open = BTreeSet::new();
    for alert in pages.iter().flat_map(|page| &page.alerts) {
        match alert.state {
            AlertState::Firing => open.insert(alert.labels.fingerprint()),
            _ => open.remove(&alert.labels.fingerprint()),
        };
    }
    assert!(open.is_empty(), "told of and never ended: {open:?}");
});
