//! Pages reach the sinks of their receiver, one at a time, at least once.
#![allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]

mod common;
mod fake;

use bongsu_alert::{Dispatcher, ErrorKind, Lifecycle, Mode, Occasion, Page, PendingPages};
use bongsu_core::{Alert, Labels, Timestamp, snapshot};
use common::{fire, labels};
use fake::{Answer, Fake};

fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn alert(name: &str) -> Alert {
    fire(
        &mut Lifecycle::new(),
        &labels(&[("__name__", name)]),
        secs(0),
    )
}

fn page(receiver: &str, alerts: Vec<Alert>) -> Page {
    Page {
        receiver: receiver.to_owned(),
        route: "{}".to_owned(),
        group: Labels::empty(),
        at: secs(0),
        sequence: 0,
        occasion: Occasion::Fired,
        alerts,
        notes: Vec::new(),
        digest: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_goes_to_the_sinks_of_its_receiver_alone() {
    let fakes = ["a1", "a2", "b", "all"].map(|name| Fake::new(name, Mode::Transitions, []));
    let [a1, a2, b, all] = fakes.clone();
    let mut dispatcher = Dispatcher::new()
        .with_receiver("a", Box::new(a1))
        .and_then(|d| d.with_receiver("a", Box::new(a2)))
        .and_then(|d| d.with_receiver("b", Box::new(b)))
        .and_then(|d| d.with_sink(all))
        .unwrap();
    let unserved = dispatcher.enqueue_pages(vec![
        page("a", vec![alert("x"), alert("y")]),
        page("nobody", vec![alert("z")]),
        page("b", vec![alert("z")]),
    ]);
    assert_eq!(unserved.len(), 1);
    assert!(dispatcher.is_due(secs(0)));
    let lifecycle = Lifecycle::new();
    dispatcher
        .dispatch(secs(0), &[alert("news")], &lifecycle)
        .await;
    let heard = fakes.map(|fake| fake.heard().join(" "));
    assert_eq!(heard, ["+x +y", "+x +y", "+z", "+news"]);
    assert!(!dispatcher.is_due(secs(0)));
}

#[tokio::test(start_paused = true)]
async fn what_fails_waits_and_survives_a_restart() {
    let answers = [
        Answer::Ok,
        Answer::Fail(ErrorKind::Server),
        Answer::Fail(ErrorKind::Rejected),
    ];
    let fake = Fake::new("a", Mode::Transitions, answers);
    let mut dispatcher = Dispatcher::new()
        .with_receiver("a", Box::new(fake.clone()))
        .unwrap();
    let pages = ["x", "y", "z"].map(|name| page("a", vec![alert(name)]));
    assert!(dispatcher.enqueue_pages(pages.to_vec()).is_empty());
    let lifecycle = Lifecycle::new();
    let first = dispatcher.dispatch(secs(0), &[], &lifecycle).await;
    assert_eq!((first[0].delivered, first[0].queued), (1, 2));

    let saved = snapshot::to_bytes(&dispatcher.pending_pages()).unwrap();
    let pending: PendingPages = snapshot::from_bytes(&saved).unwrap();
    assert_eq!(pending.queues().next().unwrap().1.len(), 2);
    let mut dispatcher = Dispatcher::new()
        .with_receiver("a", Box::new(fake.clone()))
        .unwrap();
    assert!(dispatcher.restore_pages(pending).is_empty());
    // The second page is refused for its content and given up; the third arrives.
    let second = dispatcher.dispatch(secs(9), &[], &lifecycle).await;
    assert_eq!(
        (second[0].delivered, second[0].queued, second[0].lost),
        (1, 0, 1)
    );
    assert_eq!(fake.heard(), ["+x", "+z"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_of_pages_loses_the_oldest_and_says_so() {
    let fake = Fake::new("a", Mode::Transitions, []);
    let mut dispatcher = Dispatcher::new()
        .with_receiver("a", Box::new(fake.clone()))
        .unwrap()
        .queue_limit(2);
    let pages = ["x", "y", "z"].map(|name| page("a", vec![alert(name)]));
    assert!(dispatcher.enqueue_pages(pages.to_vec()).is_empty());
    let deliveries = dispatcher.dispatch(secs(0), &[], &Lifecycle::new()).await;
    assert_eq!(deliveries[0].lost, 1);
    assert_eq!(fake.heard(), ["+y", "+z"]);
}

#[test]
fn a_sink_that_wants_the_state_serves_no_receiver() {
    let resend = std::time::Duration::from_secs(60);
    let fake = Fake::new("a", Mode::State { resend }, []);
    let error = Dispatcher::new()
        .with_receiver("a", Box::new(fake))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `sink` is `a`, but must be one that hears of transitions, to serve a receiver"
    );
}
