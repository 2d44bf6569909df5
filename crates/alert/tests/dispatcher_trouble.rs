//! One bad entry, one slow receiver or one huge message does not keep the others back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;
mod fake;

use std::path::Path;
use std::time::Duration;

use bongsu_alert::{
    DeadLetters, Dispatcher, ErrorKind, FiringOnly, Lifecycle, Mode, Note, NoteKind, Occasion, Page,
};
use bongsu_core::{Alert, AlertState, Timestamp};
use common::{fire, labels};
use fake::{Answer, Fake};
use serde_json::Value;

const fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

fn alert(name: &str) -> Alert {
    let labels = labels(&[("__name__", name)]);
    fire(&mut Lifecycle::new(), &labels, at(0))
}

fn page(group: &str, names: &[&str]) -> Page {
    Page {
        receiver: "team".to_owned(),
        route: "{}".to_owned(),
        group: labels(&[("job", group)]),
        at: at(0),
        sequence: 0,
        occasion: Occasion::Fired,
        alerts: names.iter().map(|name| alert(name)).collect(),
        notes: Vec::new(),
        digest: None,
    }
}

/// Reason, error and first alert of each letter.
fn letters(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(|line| {
        let letter: Value = serde_json::from_str(line).unwrap();
        let labels = match &letter["page"] {
            Value::Null => letter["alert"]["labels"].clone(),
            page => page["alerts"][0]["labels"].clone(),
        };
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let name = labels["__name__"].as_str().map(ToOwned::to_owned);
        let name = name.unwrap_or_else(|| labels.to_string());
        format!(
            "{} {} {name}",
            text(&letter["reason"]),
            text(&letter["error"])
        )
    });
    lines.collect()
}

/// Ticks until nothing waits, at most this many times; gives the seconds of the attempts.
async fn run(dispatcher: &mut Dispatcher, ticks: usize) -> Vec<i64> {
    let lifecycle = Lifecycle::new();
    let (mut tried, mut second) = (Vec::new(), 0);
    while tried.len() < ticks && dispatcher.sinks().any(|sink| sink.queued > 0) {
        if dispatcher.is_due(at(second)) {
            tried.push(second);
            dispatcher.dispatch(at(second), &[], &lifecycle).await;
        }
        second += 1;
    }
    tried
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_loses_nothing() {
    for kind in [
        ErrorKind::Server,
        ErrorKind::Network,
        ErrorKind::Misconfigured,
    ] {
        let answers = vec![Answer::Fail(kind); 30];
        let fake = Fake::new("f", Mode::Transitions, answers);
        let mut dispatcher = Dispatcher::new()
            .with_receiver("team", Box::new(fake.clone()))
            .unwrap();
        let pages = vec![page("a", &["x"]), page("b", &["y"])];
        assert!(dispatcher.enqueue_pages(pages).is_empty());
        run(&mut dispatcher, 40).await;
        assert_eq!(fake.heard(), ["+x", "+y"], "{kind:?}");
        assert_eq!(dispatcher.sinks().next().unwrap().lost, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_comes_back_half_way_loses_nothing() {
    for kind in [ErrorKind::Network, ErrorKind::RateLimited] {
        // Down, then one message passes, and the first one is cut off or asked to wait.
        let mut answers = vec![Answer::Fail(ErrorKind::Server); 5];
        answers.extend([Answer::Ok, Answer::Fail(kind)]);
        let fake = Fake::new("f", Mode::Transitions, answers);
        let mut dispatcher = Dispatcher::new()
            .with_receiver("team", Box::new(fake.clone()))
            .unwrap();
        let pages = vec![page("a", &["x"]), page("b", &["y"])];
        assert!(dispatcher.enqueue_pages(pages).is_empty());
        run(&mut dispatcher, 40).await;
        assert_eq!(fake.heard(), ["+y", "+x"], "{kind:?}");
        assert_eq!(dispatcher.sinks().next().unwrap().lost, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_in_part_leaves_a_letter_and_is_not_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dead.jsonl");
    let partial = Answer::Fail(ErrorKind::Partial);
    let fakes = ["a", "b"].map(|name| Fake::new(name, Mode::Transitions, [partial]));
    let [a, b] = fakes.clone();
    let mut dispatcher = Dispatcher::new()
        .dead_letters(DeadLetters::new(&path))
        .with_receiver("team", Box::new(a))
        .and_then(|dispatcher| dispatcher.with_sink(b))
        .unwrap();
    dispatcher.enqueue(&[alert("x"), alert("y")]);
    assert!(dispatcher.enqueue_pages(vec![page("g", &["z"])]).is_empty());
    assert_eq!(run(&mut dispatcher, 9).await, [0]);
    assert_eq!(fakes.map(|fake| fake.calls()), [1, 1]);
    let expected = [
        "partial scripted z",
        "partial scripted x",
        "partial scripted y",
    ];
    assert_eq!(letters(&path), expected);
    assert!(dispatcher.sinks().all(|sink| sink.lost == 0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_begins_with_the_answer() {
    let mut fake = Fake::new("f", Mode::Transitions, [Answer::Hang, Answer::Hang]);
    fake.timeout = Duration::from_secs(20);
    let mut dispatcher = Dispatcher::new().with_sink(fake.clone()).unwrap();
    dispatcher.enqueue(&[alert("x")]);
    assert_eq!(run(&mut dispatcher, 9).await, [0, 25, 55]);
    assert_eq!(fake.heard(), ["+x"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_holds_no_other() {
    let mut slow = Fake::new("slow", Mode::Transitions, [Answer::Hang]);
    slow.timeout = Duration::from_secs(600);
    let quick = Fake::new("quick", Mode::Transitions, []);
    let dispatcher = Dispatcher::new()
        .with_sink(slow.clone())
        .and_then(|dispatcher| dispatcher.with_receiver("team", Box::new(quick.clone())))
        .unwrap();
    let mut parts = dispatcher.split();
    let statuses = parts.iter().flat_map(Dispatcher::sinks);
    let receivers: Vec<_> = statuses.map(|sink| (sink.name, sink.receiver)).collect();
    assert_eq!(receivers, [("slow", None), ("quick", Some("team"))]);
    let mut journeys = Vec::new();
    for mut part in parts.drain(..) {
        part.enqueue(&[alert("x")]);
        let _ = part.enqueue_pages(vec![page("g", &["y"])]);
        journeys.push(tokio::spawn(async move {
            part.dispatch(at(0), &[], &Lifecycle::new()).await.len()
        }));
    }
    let quick_one = journeys.pop().unwrap();
    let within = tokio::time::timeout(Duration::from_secs(1), quick_one).await;
    assert_eq!(within.unwrap().unwrap(), 1);
    assert_eq!(quick.heard(), ["+y"]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_bounded_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dead.jsonl");
    let down = vec![Answer::Fail(ErrorKind::Network); 1];
    let fake = Fake::new("f", Mode::Transitions, down);
    let mut dispatcher = Dispatcher::new()
        .dead_letters(DeadLetters::new(&path))
        .with_receiver("team", Box::new(fake.clone()))
        .unwrap()
        .queue_bytes(100_000);
    for index in 0..10 {
        let mut page = page(&format!("g{index}"), &["m"]);
        page.alerts[0].labels = labels(&[("__name__", &format!("m{index}"))]);
        page.alerts[0].summary = "x".repeat(20_000);
        assert!(dispatcher.enqueue_pages(vec![page]).is_empty());
    }
    let status = dispatcher.sinks().next().unwrap();
    assert_eq!((status.queued, status.lost), (4, 6));
    assert_eq!(letters(&path).len(), 6);
    // A message that is larger than all that may wait is sent all the same.
    let mut huge = page("huge", &["huge"]);
    huge.alerts[0].summary = "x".repeat(200_000);
    assert!(dispatcher.enqueue_pages(vec![huge]).is_empty());
    assert_eq!(dispatcher.sinks().next().unwrap().queued, 1);
    let first = dispatcher.dispatch(at(0), &[], &Lifecycle::new()).await;
    assert_eq!(first[0].lost, 10);
    run(&mut dispatcher, 9).await;
    assert_eq!(fake.heard(), ["+huge"]);
    assert_eq!(letters(&path).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_any_more_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dead.jsonl");
    let fake = Fake::new("f", Mode::Transitions, []);
    let mut dispatcher = Dispatcher::new()
        .with_sink(fake.clone())
        .unwrap()
        .dead_letters(DeadLetters::new(&path));
    dispatcher.enqueue(&[alert("x"), alert("y")]);
    dispatcher.abandon();
    assert_eq!(letters(&path), ["abandoned - x", "abandoned - y"]);
    let told = dispatcher.dispatch(at(0), &[], &Lifecycle::new()).await;
    assert_eq!((told[0].lost, told[0].queued, fake.calls()), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_sink_need_not_hear_of_ends() {
    let fakes = ["a", "b"].map(|name| Fake::new(name, Mode::Transitions, []));
    let [a, b] = fakes
        .clone()
        .map(|fake| Box::new(FiringOnly::new(Box::new(fake))));
    let mut dispatcher = Dispatcher::new()
        .with_receiver("team", a)
        .and_then(|dispatcher| dispatcher.with_boxed(b))
        .unwrap();
    let over = |mut alert: Alert| {
        alert.state = AlertState::Resolved;
        alert.resolved_at = Some(at(9));
        alert
    };
    dispatcher.enqueue(&[alert("x"), over(alert("y"))]);
    dispatcher.enqueue(&[over(alert("x"))]);
    let mut ends = page("g", &["y"]);
    ends.alerts = vec![over(alert("y"))];
    let mut both = page("g", &["x"]);
    both.alerts.push(over(alert("y")));
    // One that flaps is told even when it does not fire at this moment.
    let mut flaps = ends.clone();
    flaps.alerts.push(over(alert("z")));
    flaps.notes.push(Note {
        fingerprint: flaps.alerts[0].labels.fingerprint(),
        kind: NoteKind::Flapping { percent: 60.0 },
    });
    assert!(dispatcher.enqueue_pages(vec![both, ends, flaps]).is_empty());
    assert_eq!(run(&mut dispatcher, 9).await, [0]);
    assert_eq!(
        fakes.each_ref().map(Fake::heard),
        [
            ["+x", "-y"].map(str::to_owned).to_vec(),
            vec!["+x".to_owned()]
        ]
    );
    assert_eq!(fakes.map(|fake| fake.calls()), [2, 1]);
}
