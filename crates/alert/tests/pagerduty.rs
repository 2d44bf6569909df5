//! PagerDuty's Events API v2, by what its documentation says.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;
mod receiver;

use std::time::Duration;

use bongsu_alert::{
    Digest, DigestGroup, Dispatcher, ErrorKind, Lifecycle, Links, Note, NoteKind, Occasion, Page,
    PagerDutySink, Retry, Sink,
};
use bongsu_core::{Alert, Labels, Secret, Severity, Timestamp};
use common::{fire, labels, resolve};
use receiver::{Answer, Receiver};
use serde_json::{Value, json};

const KEY: &str = "MARKEDSECRET0123456789abcdef0123";
const ACCEPTED: Answer = (
    202,
    None,
    r#"{"status":"success","message":"Event processed","dedup_key":"x"}"#,
);

const fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

fn sink(receiver: &Receiver) -> PagerDutySink {
    PagerDutySink::builder(Secret::new(KEY))
        .url(receiver.url("/"))
        .timeout(Duration::from_secs(2))
        .links(
            Links::default()
                .dashboard("https://g.example/{instance}")
                .unwrap(),
        )
        .build()
        .unwrap()
}

fn identity(instance: &str) -> Labels {
    labels(&[("__name__", "up"), ("instance", instance)])
}

fn page(group: &Labels) -> Page {
    Page {
        receiver: "team".to_owned(),
        route: "{}".to_owned(),
        group: group.clone(),
        at: at(1_700_000_060),
        sequence: 1,
        occasion: Occasion::Fired,
        alerts: Vec::new(),
        notes: Vec::new(),
        digest: None,
    }
}

#[tokio::test]
async fn an_alert_triggers_and_resolves_its_incident() {
    let receiver = Receiver::start(ACCEPTED, []).await;
    let mut lifecycle = Lifecycle::new();
    let mut fired = fire(&mut lifecycle, &identity("a"), at(1_700_000_000));
    fired.severity = Severity::Major;
    fired.cause = Some("a deployment of api".to_owned());
    let ended = resolve(&mut lifecycle, &identity("a"), at(1_700_000_060));
    let sink = sink(&receiver);
    let incident = format!("{:016x}", identity("a").fingerprint());
    let mut dispatcher = Dispatcher::new().with_sink(sink).unwrap();
    let deliveries = dispatcher
        .dispatch(at(0), &[fired, ended], &lifecycle)
        .await;
    assert_eq!((deliveries[0].delivered, deliveries[0].queued), (2, 0));
    let requests = receiver.requests();
    assert!(requests.iter().all(|(path, _)| path == "/v2/enqueue"));
    assert_eq!(
        receiver.bodies(),
        [
            json!({
                "routing_key": KEY,
                "event_action": "trigger",
                "dedup_key": incident,
                "client": "Bongsu",
                "links": [{"href": "https://g.example/a", "text": "Dashboard"}],
                "payload": {
                    "summary": r#"up{instance="a"} is 40, expected 1 (0 to 10), score 4"#,
                    "source": "a",
                    "severity": "error",
                    "timestamp": "2023-11-14T22:13:20.000Z",
                    "custom_details": {
                        "observed": "40", "expected": "1", "expected range": "0 to 10",
                        "deviation": "+39 (+3900 %)", "score": "4",
                        "since": "2023-11-14T22:13:20.000Z",
                        "notes": "Likely cause: a deployment of api",
                        "label __name__": "up", "label instance": "a",
                    },
                },
            }),
            json!({"routing_key": KEY, "event_action": "resolve", "dedup_key": incident}),
        ]
    );
}

#[tokio::test]
async fn a_group_is_an_incident_and_a_digest_is_many() {
    let receiver = Receiver::start(ACCEPTED, [ACCEPTED, (500, None, "")]).await;
    let sink = sink(&receiver);
    let alert = |instance| {
        fire(
            &mut Lifecycle::new(),
            &identity(instance),
            at(1_700_000_000),
        )
    };
    let mut first = page(&labels(&[("__name__", "up")]));
    first.alerts = vec![alert("a"), alert("b")];
    sink.page(at(0), &first).await.unwrap();
    let event = receiver.bodies().remove(0);
    assert_eq!(event["dedup_key"], first.key());
    assert_eq!(event["payload"]["summary"], "WARNING: 2 alerts fire in up");
    assert_eq!(
        event["payload"]["custom_details"]["alert 2"]["observed"],
        "40"
    );

    let group = |i: usize| DigestGroup {
        key: format!("key-{i}"),
        labels: labels(&[("job", "x")]),
        firing: i,
    };
    let mut digest = page(&Labels::empty());
    digest.digest = Some(Digest::new(
        at(0),
        &first.alerts,
        vec![group(0), group(1), group(2)],
    ));
    // The first request fails; then one after the other arrives, and none twice.
    assert!(sink.page(at(0), &digest).await.is_err());
    sink.page(at(0), &digest).await.unwrap();
    let events: Vec<(String, String)> = receiver
        .bodies()
        .iter()
        .skip(2)
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            (text("event_action"), text("dedup_key"))
        })
        .collect();
    let expected = [
        ("resolve", "key-0"),
        ("trigger", "key-1"),
        ("trigger", "key-2"),
    ];
    assert_eq!(events, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[tokio::test]
async fn a_digest_goes_on_where_it_broke_off() {
    let bad = (400, None, r#"{"message":"Event object is invalid"}"#);
    let answers = [ACCEPTED, bad, (429, None, "")];
    let receiver = Receiver::start(ACCEPTED, answers).await;
    let sink = sink(&receiver);
    let group = |i: usize| DigestGroup {
        key: format!("key-{i}"),
        labels: labels(&[("job", "x")]),
        firing: 1,
    };
    let mut digest = page(&Labels::empty());
    digest.digest = Some(Digest::new(at(0), &[], (0..4).map(group).collect()));
    let error = sink.page(at(0), &digest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let error = sink.page(at(0), &digest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Partial);
    assert!(error.to_string().starts_with("1 of 4 events"), "{error}");
    let keys: Vec<Value> = receiver
        .bodies()
        .iter()
        .map(|event| event["dedup_key"].clone())
        .collect();
    assert_eq!(keys, ["key-0", "key-1", "key-2", "key-2", "key-3"]);
}

#[tokio::test]
async fn an_incident_can_be_acknowledged() {
    let receiver = Receiver::start(ACCEPTED, []).await;
    sink(&receiver).acknowledge("0123").await.unwrap();
    let expected = json!({"routing_key": KEY, "event_action": "acknowledge", "dedup_key": "0123"});
    assert_eq!(receiver.bodies(), [expected]);
}

#[tokio::test]
async fn a_group_is_acknowledged_when_all_that_fires_in_it_is() {
    let receiver = Receiver::start(ACCEPTED, []).await;
    let sink = sink(&receiver);
    let mut told = page(&labels(&[("job", "x")]));
    told.occasion = Occasion::Acknowledged;
    told.alerts = ["a", "b"]
        .map(|name| fire(&mut Lifecycle::new(), &identity(name), at(0)))
        .to_vec();
    let note = |alert: &Alert| Note {
        fingerprint: alert.labels.fingerprint(),
        kind: NoteKind::Acknowledged {
            by: Some("kim".to_owned()),
            note: None,
        },
    };
    told.notes = told.alerts.iter().map(note).collect();
    let taken = told.notes.pop().unwrap();
    sink.page(at(0), &told).await.unwrap();
    told.notes.push(taken);
    sink.page(at(0), &told).await.unwrap();
    // A later message about the same group triggers: it is about something new.
    told.occasion = Occasion::Fired;
    sink.page(at(0), &told).await.unwrap();
    let bodies = receiver.bodies();
    let actions: Vec<_> = bodies.iter().map(|body| &body["event_action"]).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "trigger"]);
    assert!(bodies.iter().all(|body| body["dedup_key"] == told.key()));
    assert!(bodies[0].to_string().contains("acknowledged by kim"));
}

#[tokio::test]
async fn documented_answers_have_their_class() {
    let invalid = r#"{"status":"invalid event","message":"Event object is invalid","errors":["'x' is missing"]}"#;
    let wrong_key = r#"{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing key"]}"#;
    let answers = [
        ((400, None, invalid), ErrorKind::Rejected, Retry::Never),
        (
            (400, None, wrong_key),
            ErrorKind::Misconfigured,
            Retry::Slow,
        ),
        ((413, None, ""), ErrorKind::Rejected, Retry::Never),
        ((429, None, ""), ErrorKind::RateLimited, Retry::Backoff),
        ((500, None, "oops"), ErrorKind::Server, Retry::Backoff),
        ((503, None, ""), ErrorKind::Server, Retry::Backoff),
    ];
    let receiver = Receiver::start(ACCEPTED, answers.iter().map(|(answer, ..)| *answer)).await;
    let sink = sink(&receiver);
    for (_, kind, retry) in answers {
        let error = sink.acknowledge("x").await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
    }
}

#[tokio::test]
async fn the_routing_key_is_never_shown_and_is_checked() {
    let receiver = Receiver::start((400, None, "no {}"), []).await;
    let sink = sink(&receiver);
    let error = sink.acknowledge("x").await.unwrap_err();
    let shown = format!("{sink:?} {error} {error:?}");
    assert!(!shown.contains("MARKED"), "{shown}");
    for key in ["", "MARKED", &format!("{KEY}0"), &KEY.replace('0', "-")] {
        let builder = PagerDutySink::builder(Secret::new(key));
        let error = builder.clone().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        let shown = format!("{builder:?} {error}");
        assert!(!shown.contains("MARKED"), "{shown}");
    }
    let builder = PagerDutySink::builder(Secret::new(KEY)).url("pagerduty");
    assert!(builder.build().is_err());
}
