//! The dispatcher keeps order, loses nothing silently, and never waits for long.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;
mod fake;

use std::time::Duration;

use bongsu_alert::{Delivery, Dispatcher, ErrorKind, Lifecycle, LogSink, Mode, Pending};
use bongsu_core::{Alert, AlertState, Timestamp, snapshot};
use common::{fire, labels, resolve};
use fake::{Answer, Fake, spell};
use proptest::prelude::*;

const fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

const STATE: Mode = Mode::State {
    resend: Duration::from_secs(60),
};

/// Firing alerts with these names.
fn firing(names: &[&str]) -> Vec<Alert> {
    let mut lifecycle = Lifecycle::new();
    let fire = |name: &&str| fire(&mut lifecycle, &labels(&[("__name__", name)]), at(0));
    names.iter().map(fire).collect()
}

async fn tick(dispatcher: &mut Dispatcher, second: i64, alerts: &[Alert]) -> Vec<Delivery> {
    dispatcher
        .dispatch(at(second), alerts, &Lifecycle::new())
        .await
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_through_failures() {
    let fail = Answer::Fail(ErrorKind::Network);
    let sink = Fake::new("s", Mode::Transitions, [fail, fail]);
    let mut dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
    let deliveries = tick(&mut dispatcher, 0, &firing(&["a", "b"])).await;
    assert_eq!(
        deliveries[0].result.as_ref().unwrap_err().kind(),
        ErrorKind::Network
    );
    assert_eq!((deliveries[0].delivered, deliveries[0].queued), (0, 2));
    // Too early: nothing is tried, and new ones queue up behind.
    assert!(tick(&mut dispatcher, 4, &firing(&["c"])).await.is_empty());
    assert_eq!(tick(&mut dispatcher, 5, &[]).await[0].queued, 3);
    // The second pause is twice as long.
    assert!(tick(&mut dispatcher, 14, &[]).await.is_empty());
    let deliveries = tick(&mut dispatcher, 15, &firing(&["d"])).await;
    assert!(deliveries[0].result.is_ok());
    assert_eq!((deliveries[0].delivered, deliveries[0].queued), (4, 0));
    assert_eq!(sink.heard(), ["+a", "+b", "+c", "+d"]);
    let status = dispatcher.sinks().next().unwrap();
    assert_eq!(
        (status.delivered, status.failed, status.retry_at),
        (4, 2, None)
    );
}

#[tokio::test(start_paused = true)]
async fn the_receiver_decides_about_the_pause() {
    let answers = [
        Answer::FailFor(Duration::from_secs(90)),
        Answer::Fail(ErrorKind::Misconfigured),
    ];
    let sink = Fake::new("s", Mode::Transitions, answers);
    let mut dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
    tick(&mut dispatcher, 0, &firing(&["a"])).await;
    assert!(tick(&mut dispatcher, 89, &[]).await.is_empty());
    let deliveries = tick(&mut dispatcher, 90, &[]).await;
    assert_eq!(deliveries[0].queued, 1, "wrong settings lose nothing");
    assert!(tick(&mut dispatcher, 389, &[]).await.is_empty());
    tick(&mut dispatcher, 390, &[]).await;
    assert_eq!(sink.heard(), ["+a"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_alert_does_not_take_others_with_it() {
    let sink = Fake::new("s", Mode::Transitions, [Answer::RefuseName("bad")]);
    let mut dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
    let deliveries = tick(&mut dispatcher, 0, &firing(&["a", "bad", "c"])).await;
    assert_eq!(sink.heard(), ["+a", "+c"]);
    assert_eq!((deliveries[0].delivered, deliveries[0].lost), (2, 1));
    assert_eq!(
        deliveries[0].result.as_ref().unwrap_err().to_string(),
        "bad is bad"
    );
    tick(&mut dispatcher, 1, &firing(&["d"])).await;
    assert_eq!(sink.heard(), ["+a", "+c", "+d"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_loses_its_oldest_and_says_so() {
    let fail = Answer::Fail(ErrorKind::Server);
    let sink = Fake::new("s", Mode::Transitions, [fail]);
    let mut dispatcher = Dispatcher::new()
        .queue_limit(2)
        .with_sink(sink.clone())
        .unwrap();
    tick(&mut dispatcher, 0, &firing(&["a", "b"])).await;
    // Reported at once, although the sink itself still waits.
    let deliveries = tick(&mut dispatcher, 1, &firing(&["c"])).await;
    assert_eq!(deliveries[0].lost, 1);
    assert_eq!(deliveries[0].warnings[0].kind(), ErrorKind::Overflow);
    tick(&mut dispatcher, 10, &[]).await;
    assert_eq!(sink.heard(), ["+b", "+c"]);
    assert_eq!(dispatcher.sinks().next().unwrap().lost, 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_sink_holds_up_neither_the_tick_nor_the_others() {
    let mut slow = Fake::new("slow", Mode::Transitions, [Answer::Hang]);
    slow.timeout = Duration::from_secs(2);
    let fast = Fake::new("fast", Mode::Transitions, []);
    let mut dispatcher = Dispatcher::new()
        .with_sink(slow.clone())
        .and_then(|dispatcher| dispatcher.with_sink(fast.clone()))
        .unwrap();
    let start = tokio::time::Instant::now();
    let deliveries = tick(&mut dispatcher, 0, &firing(&["a"])).await;
    assert_eq!(start.elapsed().as_secs(), 2);
    assert_eq!(
        deliveries[0].result.as_ref().unwrap_err().kind(),
        ErrorKind::Timeout
    );
    assert!(deliveries[1].result.is_ok());
    tick(&mut dispatcher, 6, &[]).await;
    assert!(slow.heard().is_empty());
    tick(&mut dispatcher, 7, &[]).await;
    assert_eq!(slow.heard(), ["+a"]);
    assert_eq!(fast.heard(), ["+a"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_tick_loses_nothing() {
    let sink = Fake::new("s", Mode::Transitions, [Answer::Hang]);
    let mut dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
    let alerts = firing(&["a"]);
    let cut = Duration::from_millis(10);
    let cancelled = tokio::time::timeout(cut, tick(&mut dispatcher, 0, &alerts)).await;
    assert!(cancelled.is_err());
    tick(&mut dispatcher, 1, &firing(&["b"])).await;
    assert_eq!(sink.heard(), ["+a", "+b"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_loses_nothing() {
    let fail = Answer::Fail(ErrorKind::Network);
    let before = Fake::new("s", Mode::Transitions, [fail]);
    let gone = Fake::new("gone", Mode::Transitions, [fail]);
    let mut dispatcher = Dispatcher::new()
        .with_sink(before)
        .and_then(|dispatcher| dispatcher.with_sink(gone))
        .unwrap();
    tick(&mut dispatcher, 0, &firing(&["a", "b"])).await;
    let bytes = snapshot::to_bytes(&dispatcher.pending()).unwrap();

    let after = Fake::new("s", Mode::Transitions, []);
    let mut dispatcher = Dispatcher::new().with_sink(after.clone()).unwrap();
    let left = dispatcher.restore(snapshot::from_bytes::<Pending>(&bytes).unwrap());
    let left: Vec<_> = left
        .queues()
        .map(|(name, alerts)| (name, alerts.len()))
        .collect();
    assert_eq!(left, [("gone", 2)], "what has no sink any more comes back");
    tick(&mut dispatcher, 1, &firing(&["c"])).await;
    assert_eq!(after.heard(), ["+a", "+b", "+c"]);
    assert!(dispatcher.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_can_be_saved_before_it_is_delivered() {
    let sink = Fake::new("s", Mode::Transitions, []);
    let mut dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
    dispatcher.enqueue(&firing(&["a"]));
    let saved = dispatcher.pending();
    assert_eq!(
        saved
            .queues()
            .map(|(_, alerts)| alerts.len())
            .sum::<usize>(),
        1
    );
    assert_eq!(sink.calls(), 0);
    tick(&mut dispatcher, 0, &firing(&["b"])).await;
    assert_eq!(sink.heard(), ["+a", "+b"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_version_of_the_snapshot_still_loads() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/pending.v1.bngs"
    );
    let sink = Fake::new("s", Mode::Transitions, [Answer::Fail(ErrorKind::Network)]);
    let mut dispatcher = Dispatcher::new().with_sink(sink).unwrap();
    tick(&mut dispatcher, 0, &firing(&["a", "b"])).await;
    // To write it anew after a change of the version: BONGSU_WRITE_FIXTURES=1 cargo test.
    if std::env::var_os("BONGSU_WRITE_FIXTURES").is_some() {
        snapshot::save(&dispatcher.pending(), path).unwrap();
    }
    assert_eq!(
        snapshot::load::<Pending>(path).unwrap(),
        dispatcher.pending()
    );
    let bytes = std::fs::read(path).unwrap();
    for end in 0..bytes.len() {
        assert!(snapshot::from_bytes::<Pending>(&bytes[..end]).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_of_states_hears_all_again_and_again() {
    let fail = Answer::Fail(ErrorKind::Network);
    let sink = Fake::new("s", STATE, [Answer::Ok, Answer::Ok, fail]);
    let mut dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
    let mut lifecycle = Lifecycle::new();
    let (a, b) = (labels(&[("__name__", "a")]), labels(&[("__name__", "b")]));
    assert!(dispatcher.dispatch(at(0), &[], &lifecycle).await.is_empty());
    // With nothing to say it does not ask to be called again at once.
    assert!(!dispatcher.is_due(at(0)) && !dispatcher.is_due(at(59)));

    let fired = [
        fire(&mut lifecycle, &a, at(1)),
        fire(&mut lifecycle, &b, at(1)),
    ];
    dispatcher.dispatch(at(1), &fired, &lifecycle).await;
    assert!(
        dispatcher
            .dispatch(at(60), &[], &lifecycle)
            .await
            .is_empty()
    );
    dispatcher.dispatch(at(61), &[], &lifecycle).await;
    assert_eq!(sink.calls(), 2);

    // A transition is told at once; a failure is tried again before the regular resend.
    let ended = [resolve(&mut lifecycle, &a, at(70))];
    let deliveries = dispatcher.dispatch(at(70), &ended, &lifecycle).await;
    assert!(deliveries[0].result.is_err());
    assert!(
        dispatcher
            .dispatch(at(74), &[], &lifecycle)
            .await
            .is_empty()
    );
    let deliveries = dispatcher.dispatch(at(75), &[], &lifecycle).await;
    assert_eq!(deliveries[0].delivered, 2);
    assert_eq!(&sink.heard()[4..], ["+b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_silences_nobody() {
    let fail = Answer::FailFor(Duration::from_secs(600));
    let sink = Fake::new("s", Mode::Transitions, [fail]);
    let state = Fake::new("state", STATE, []);
    let mut dispatcher = Dispatcher::new()
        .with_sink(sink.clone())
        .and_then(|dispatcher| dispatcher.with_sink(state.clone()))
        .unwrap();
    let mut lifecycle = Lifecycle::new();
    let fired = [fire(
        &mut lifecycle,
        &labels(&[("__name__", "a")]),
        at(100_000),
    )];
    dispatcher.dispatch(at(100_000), &fired, &lifecycle).await;
    dispatcher.dispatch(at(1_000), &[], &lifecycle).await;
    assert_eq!(sink.heard(), ["+a"]);
    assert_eq!(state.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn pending_alerts_are_not_told_and_names_are_unique() {
    let sink = Fake::new("s", Mode::Transitions, []);
    let dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
    let doubled = Dispatcher::new()
        .with_sink(sink.clone())
        .and_then(|dispatcher| dispatcher.with_sink(sink.clone()));
    assert_eq!(doubled.unwrap_err().kind(), ErrorKind::InvalidParameter);
    let mut dispatcher = dispatcher;
    let mut alerts = firing(&["a"]);
    alerts[0].state = AlertState::Pending;
    assert!(tick(&mut dispatcher, 0, &alerts).await.is_empty());
}

#[test]
fn dispatching_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Dispatcher>();
    assert_send_sync::<LogSink>();
    let mut dispatcher = Dispatcher::new();
    let lifecycle = Lifecycle::new();
    assert_send(&dispatcher.dispatch(at(0), &[], &lifecycle));
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = prop_oneof![
        Just(Answer::Ok),
        Just(Answer::Fail(ErrorKind::Network)),
        Just(Answer::Fail(ErrorKind::Server)),
        Just(Answer::Fail(ErrorKind::Misconfigured)),
        (0_u64..600).prop_map(|s| Answer::FailFor(Duration::from_secs(s))),
        Just(Answer::Hang),
    ];
    prop::collection::vec(answer, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the failures, and with a restart at any moment: everything arrives, once, in order.
    #[test]
    fn everything_arrives_in_order(
        answers in answers(),
        sizes in prop::collection::vec(0_usize..4, 1..10),
        restart_at in 0_usize..10,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let sink = Fake::new("s", Mode::Transitions, answers);
        let mut dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
        let mut sent = Vec::new();
        let mut second = 0;
        runtime.block_on(async {
            for (i, size) in sizes.into_iter().enumerate() {
                if i == restart_at {
                    let pending = dispatcher.pending();
                    dispatcher = Dispatcher::new().with_sink(sink.clone()).unwrap();
                    assert!(dispatcher.restore(pending).is_empty());
                }
                let names: Vec<String> = (0..size).map(|n| format!("m{i}_{n}")).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let alerts = firing(&names);
                sent.extend(alerts.iter().map(spell));
                tick(&mut dispatcher, second, &alerts).await;
                second += 60;
            }
            // Eight failures with pauses of at most ten minutes.
            for _ in 0..100 {
                tick(&mut dispatcher, second, &[]).await;
                second += 60;
            }
        });
        prop_assert_eq!(sink.heard(), sent);
        prop_assert!(dispatcher.pending().is_empty());
    }
}
