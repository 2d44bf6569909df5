//! The life of an alert, rule by rule.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::time::Duration;

use bongsu_alert::{ErrorKind, HoldReason, Lifecycle, Policy, Transition};
use bongsu_core::{AlertState, Labels, Severity, Timestamp, snapshot};
use common::{fire, labels, resolve, verdict};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Feeds `(second, score)` and spells what came of each.
fn story(
    lifecycle: &mut Lifecycle,
    policy: &Policy,
    points: &[(i64, Option<f64>)],
) -> Vec<&'static str> {
    let labels = labels(&[("__name__", "m"), ("instance", "a")]);
    points
        .iter()
        .map(|&(second, score)| {
            let verdict = verdict(&labels, Timestamp::from_secs(second), score);
            match lifecycle.observe(&labels, policy, &verdict) {
                Ok(None) => "-",
                Ok(Some(Transition::Pending(_))) => "pending",
                Ok(Some(Transition::Held { .. })) => "held",
                Ok(Some(Transition::Cleared(_))) => "cleared",
                Ok(Some(Transition::Fired(_))) => "fired",
                Ok(Some(Transition::Resolved(_))) => "resolved",
                Ok(Some(_)) => "other",
                Err(_) => "error",
            }
        })
        .collect()
}

const UP: Option<f64> = Some(3.0);
const DOWN: Option<f64> = Some(0.2);
const WARM: Option<f64> = None;

#[test]
fn it_fires_after_for_and_once() {
    let policy = Policy::default().for_duration(secs(60));
    let points = [(0, UP), (30, UP), (59, UP), (60, UP), (90, UP), (120, DOWN)];
    assert_eq!(
        story(&mut Lifecycle::new(), &policy, &points),
        ["pending", "-", "-", "fired", "-", "resolved"]
    );
}

#[test]
fn a_normal_point_starts_the_wait_again() {
    let policy = Policy::default().for_duration(secs(60));
    let points = [
        (0, UP),
        (30, UP),
        (45, DOWN),
        (60, UP),
        (119, UP),
        (120, UP),
    ];
    assert_eq!(
        story(&mut Lifecycle::new(), &policy, &points),
        ["pending", "-", "cleared", "pending", "-", "fired"]
    );
}

#[test]
fn a_missing_point_neither_resets_nor_fires() {
    let policy = Policy::default().for_duration(secs(60));
    let mut lifecycle = Lifecycle::new();
    assert_eq!(story(&mut lifecycle, &policy, &[(0, UP)]), ["pending"]);
    assert!(
        lifecycle
            .expire(Timestamp::from_secs(200), secs(300))
            .is_empty()
    );
    assert_eq!(lifecycle.active().count(), 0);
    assert_eq!(story(&mut lifecycle, &policy, &[(240, UP)]), ["fired"]);
}

#[test]
fn min_points_guards_sparse_series() {
    let policy = Policy::default().for_duration(secs(60)).min_points(3);
    assert_eq!(
        story(
            &mut Lifecycle::new(),
            &policy,
            &[(0, UP), (600, UP), (1200, UP)]
        ),
        ["pending", "-", "fired"]
    );
}

#[test]
fn it_keeps_firing_through_short_recoveries() {
    let policy = Policy::default().keep_firing_for(secs(60));
    let points = [
        (0, UP),
        (30, DOWN),
        (60, UP),
        (90, DOWN),
        (149, DOWN),
        (150, DOWN),
    ];
    assert_eq!(
        story(&mut Lifecycle::new(), &policy, &points),
        ["fired", "-", "-", "-", "-", "resolved"]
    );
}

#[test]
fn cooldown_holds_back_and_loses_nothing_that_lasts() {
    let policy = Policy::default().cooldown(secs(100));
    let mut lifecycle = Lifecycle::new();
    let points = [
        (0, UP),
        (10, DOWN),
        (20, UP),
        (50, UP),
        (60, DOWN),
        (70, UP),
        (109, UP),
        (110, UP),
    ];
    assert_eq!(
        story(&mut lifecycle, &policy, &points),
        [
            "fired", "resolved", "held", "-", "cleared", "held", "-", "fired"
        ]
    );
    let alert = lifecycle.active().next().unwrap();
    assert_eq!(alert.starts_at, Timestamp::from_secs(70));
    assert_eq!(alert.fired_at, Some(Timestamp::from_secs(110)));
}

#[test]
fn what_holds_back_is_named() {
    let policy = Policy::default().cooldown(secs(100));
    let labels = labels(&[("a", "1")]);
    let mut lifecycle = Lifecycle::new();
    let mut observe = |second, score| {
        let verdict = verdict(&labels, Timestamp::from_secs(second), Some(score));
        lifecycle.observe(&labels, &policy, &verdict).unwrap()
    };
    observe(0, 2.0);
    observe(10, 0.0);
    let Some(Transition::Held { alert, reason }) = observe(20, 2.0) else {
        panic!("not held");
    };
    let until = Timestamp::from_secs(110);
    assert_eq!(reason, HoldReason::Cooldown { until });
    assert_eq!(
        reason.to_string(),
        "cooldown until 1970-01-01T00:01:50.000Z"
    );
    assert_eq!(alert.state, AlertState::Pending);
}

#[test]
fn warming_up_changes_nothing() {
    let policy = Policy::default().for_duration(secs(60));
    let points = [
        (0, WARM),
        (10, UP),
        (20, WARM),
        (70, UP),
        (80, WARM),
        (90, WARM),
        (100, DOWN),
    ];
    assert_eq!(
        story(&mut Lifecycle::new(), &policy, &points),
        ["-", "pending", "-", "fired", "-", "-", "resolved"]
    );
}

#[test]
fn old_and_doubled_points_are_ignored_and_counted() {
    let policy = Policy::default().for_duration(secs(60));
    let mut lifecycle = Lifecycle::new();
    let points = [(0, UP), (60, UP), (60, DOWN), (30, DOWN), (90, UP)];
    assert_eq!(
        story(&mut lifecycle, &policy, &points),
        ["pending", "fired", "-", "-", "-"]
    );
    assert_eq!(lifecycle.ignored(), 2);
}

#[test]
fn two_series_under_one_identity_are_an_error() {
    let identity = labels(&[("job", "x")]);
    let mut lifecycle = Lifecycle::new();
    let policy = Policy::default();
    let at = Timestamp::from_secs(0);
    let a = verdict(&labels(&[("i", "a")]), at, UP);
    let b = verdict(&labels(&[("i", "b")]), at, UP);
    lifecycle.observe(&identity, &policy, &a).unwrap();
    let before = lifecycle.clone();
    let error = lifecycle.observe(&identity, &policy, &b).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(lifecycle, before);
}

#[test]
fn the_worst_point_and_the_first_severity_stay() {
    let labels = labels(&[("a", "1")]);
    let mut lifecycle = Lifecycle::new();
    let mut observe = |second, score, severity| {
        let verdict = verdict(&labels, Timestamp::from_secs(second), Some(score));
        let policy = Policy::default().severity(severity);
        lifecycle.observe(&labels, &policy, &verdict).unwrap();
        lifecycle.get(labels.fingerprint()).unwrap().clone()
    };
    observe(0, 3.0, Severity::Major);
    let alert = observe(10, f64::INFINITY, Severity::Info);
    assert_eq!(alert.severity, Severity::Major);
    assert_eq!(alert.verdict.timestamp, Timestamp::from_secs(10));
    let alert = observe(20, 5.0, Severity::Info);
    assert_eq!(alert.verdict.score, Some(f64::INFINITY));
    assert!(alert.summary.ends_with("score +Inf"), "{}", alert.summary);
}

#[test]
fn a_gone_series_is_resolved() {
    let mut lifecycle = Lifecycle::new();
    let a = labels(&[("a", "1")]);
    fire(&mut lifecycle, &a, Timestamp::from_secs(0));
    assert!(
        lifecycle
            .expire(Timestamp::from_secs(299), secs(300))
            .is_empty()
    );
    let now = Timestamp::from_secs(300);
    let transitions = lifecycle.expire(now, secs(300));
    assert!(
        matches!(&transitions[..], [Transition::Resolved(alert)] if alert.resolved_at == Some(now))
    );
    assert_eq!(lifecycle.active().count(), 0);
    assert_eq!(lifecycle.recently_resolved().count(), 1);
}

#[test]
fn a_resolved_alert_is_forgotten_after_its_retention() {
    let mut lifecycle = Lifecycle::new();
    let a = labels(&[("a", "1")]);
    fire(&mut lifecycle, &a, Timestamp::from_secs(0));
    resolve(&mut lifecycle, &a, Timestamp::from_secs(60));
    assert_eq!(
        lifecycle.get(a.fingerprint()).unwrap().state,
        AlertState::Resolved
    );
    lifecycle.expire(Timestamp::from_secs(60 + 899), secs(300));
    assert_eq!(lifecycle.recently_resolved().count(), 1);
    lifecycle.expire(Timestamp::from_secs(60 + 900), secs(300));
    assert!(lifecycle.is_empty());
}

#[test]
fn a_cooldown_longer_than_the_retention_is_remembered() {
    let policy = Policy::default()
        .cooldown(secs(1000))
        .resolved_retention(secs(10));
    let mut lifecycle = Lifecycle::new();
    story(&mut lifecycle, &policy, &[(0, UP), (10, DOWN)]);
    lifecycle.expire(Timestamp::from_secs(500), secs(300));
    assert_eq!(lifecycle.recently_resolved().count(), 0);
    assert_eq!(
        story(&mut lifecycle, &policy, &[(600, UP), (1010, UP)]),
        ["held", "fired"]
    );
}

#[test]
fn normal_series_take_no_memory_and_a_full_state_says_so() {
    let mut lifecycle = Lifecycle::with_limit(2);
    let policy = Policy::default();
    let one = |n: usize| labels(&[("n", &n.to_string())]);
    let at = Timestamp::from_secs(0);
    for n in 0..100 {
        let labels = one(n);
        let verdict = verdict(&labels, at, DOWN);
        lifecycle.observe(&labels, &policy, &verdict).unwrap();
    }
    assert!(lifecycle.is_empty());
    fire(&mut lifecycle, &one(0), at);
    fire(&mut lifecycle, &one(1), at);
    let third = one(2);
    let error = lifecycle
        .observe(&third, &policy, &verdict(&third, at, UP))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    // A resolved one makes room.
    resolve(&mut lifecycle, &one(0), Timestamp::from_secs(10));
    fire(&mut lifecycle, &third, Timestamp::from_secs(10));
    assert_eq!(lifecycle.len(), 2);
}

#[test]
fn a_score_that_is_no_number_and_a_bad_policy_are_refused() {
    let mut lifecycle = Lifecycle::new();
    let labels = Labels::empty();
    let bad = verdict(&labels, Timestamp::from_secs(0), Some(f64::NAN));
    let error = lifecycle
        .observe(&labels, &Policy::default(), &bad)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let good = verdict(&labels, Timestamp::from_secs(0), UP);
    let policy = Policy::default().min_points(0);
    let error = lifecycle.observe(&labels, &policy, &good).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParameter);
}

/// The state in the fixture: one alert in each part of its life.
#[test]
fn an_alert_can_be_ended_whatever_its_policy_says() {
    let policy = Policy::default().keep_firing_for(secs(600));
    let mut lifecycle = Lifecycle::new();
    assert_eq!(story(&mut lifecycle, &policy, &[(0, UP)]), ["fired"]);
    let identity = labels(&[("__name__", "m"), ("instance", "a")]);
    let at = Timestamp::from_secs(60);
    let ended = lifecycle.end(&identity, at);
    assert!(matches!(&ended, Some(Transition::Resolved(alert)) if alert.resolved_at == Some(at)));
    assert_eq!(lifecycle.active().count(), 0);
    assert_eq!(lifecycle.end(&identity, at), None);
    assert_eq!(
        story(&mut lifecycle, &policy, &[(30, UP), (90, UP)]),
        ["-", "fired"]
    );
}

fn fixture() -> Lifecycle {
    let mut lifecycle = Lifecycle::new();
    let instance = |name| labels(&[("__name__", "m"), ("instance", name)]);
    let policy = Policy::default().for_duration(secs(60)).cooldown(secs(600));
    for (name, points) in [
        ("firing", &[(0, UP), (60, UP)][..]),
        ("keeps-firing", &[(0, UP), (60, UP), (90, DOWN)]),
        ("pending", &[(0, UP)]),
        ("resolved", &[(0, UP), (60, UP), (200, DOWN)]),
        (
            "held",
            &[(0, UP), (60, UP), (200, DOWN), (210, UP), (270, UP)],
        ),
    ] {
        let labels = instance(name);
        let keep = secs(120);
        for &(second, score) in points {
            let verdict = verdict(&labels, Timestamp::from_secs(second), score);
            let policy = if name == "keeps-firing" {
                policy.keep_firing_for(keep)
            } else {
                policy
            };
            lifecycle.observe(&labels, &policy, &verdict).unwrap();
        }
    }
    lifecycle
}

#[test]
fn the_first_version_of_the_snapshot_still_loads() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/lifecycle.v1.bngs"
    );
    // To write it anew after a change of the version: BONGSU_WRITE_FIXTURES=1 cargo test.
    if std::env::var_os("BONGSU_WRITE_FIXTURES").is_some() {
        snapshot::save(&fixture(), path).unwrap();
    }
    assert_eq!(snapshot::load::<Lifecycle>(path).unwrap(), fixture());
}

#[test]
fn damaged_snapshots_are_errors() {
    let bytes = snapshot::to_bytes(&fixture()).unwrap();
    for end in 0..bytes.len() {
        assert!(snapshot::from_bytes::<Lifecycle>(&bytes[..end]).is_err());
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        assert!(snapshot::from_bytes::<Lifecycle>(&damaged).is_err());
    }
}
