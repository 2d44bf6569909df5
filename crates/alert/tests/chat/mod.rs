//! Alerts and pages for tests of chat systems.
#![allow(dead_code, reason = "each test file uses a part of it")]

use bongsu_alert::{Digest, DigestGroup, Lifecycle, Links, Note, NoteKind, Occasion, Page};
use bongsu_core::{Alert, Labels, Severity, Timestamp};

use crate::common::{fire, labels, resolve};

pub(crate) const fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

pub(crate) fn links() -> Links {
    let links = Links::default().runbook("https://wiki.example/{job}");
    links
        .unwrap()
        .dashboard("https://grafana.example/d/node?var-job={job}")
        .unwrap()
}

pub(crate) fn identity(job: &str) -> Labels {
    labels(&[("__name__", "up"), ("job", job)])
}

/// An alert of which the cause is known.
pub(crate) fn firing(job: &str) -> Alert {
    let mut lifecycle = Lifecycle::new();
    let identity = identity(job);
    fire(&mut lifecycle, &identity, at(1_700_000_000));
    assert!(lifecycle.set_cause(identity.fingerprint(), "a deployment\nof api"));
    lifecycle.active().next().unwrap().clone()
}

/// One that has become more severe, and one that ended.
pub(crate) fn page() -> Page {
    let mut lifecycle = Lifecycle::new();
    fire(&mut lifecycle, &identity("b"), at(1_700_000_000));
    let ended = resolve(&mut lifecycle, &identity("b"), at(1_700_000_060));
    let mut worst = firing("a");
    worst.severity = Severity::Major;
    let kind = NoteKind::Escalated {
        from: Severity::Warning,
        to: Severity::Major,
    };
    Page {
        receiver: "team".to_owned(),
        route: "{}".to_owned(),
        group: labels(&[("__name__", "up")]),
        at: at(1_700_000_060),
        sequence: 1,
        occasion: Occasion::Escalated,
        notes: vec![Note {
            fingerprint: worst.labels.fingerprint(),
            kind,
        }],
        alerts: vec![worst, ended],
        digest: None,
    }
}

/// What was held back of one group.
pub(crate) fn digest() -> Page {
    let alerts = vec![firing("a"), firing("c")];
    let group = DigestGroup {
        key: "0123456789abcdef".to_owned(),
        labels: labels(&[("job", "a")]),
        firing: 2,
    };
    Page {
        occasion: Occasion::Digest,
        group: Labels::empty(),
        route: String::new(),
        notes: Vec::new(),
        digest: Some(Digest::new(at(1_700_000_000), &alerts, vec![group])),
        alerts,
        ..page()
    }
}
