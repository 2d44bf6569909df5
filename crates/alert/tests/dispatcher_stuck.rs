//! What fails again and again: one bad entry holds nobody up, and a bad server costs nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;
mod fake;

use bongsu_alert::{DeadLetters, Dispatcher, ErrorKind, Lifecycle, Mode, Occasion, Page};
use bongsu_core::{Alert, Timestamp};
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

fn team(fake: &Fake) -> Dispatcher {
    Dispatcher::new()
        .with_receiver("team", Box::new(fake.clone()))
        .unwrap()
}

/// Delivers during these seconds; each `every` seconds one more message about another group comes.
/// Gives the longest that one of these waited.
async fn run(
    dispatcher: &mut Dispatcher,
    fake: &Fake,
    seconds: std::ops::Range<i64>,
    every: i64,
) -> i64 {
    let lifecycle = Lifecycle::new();
    let (mut waits, mut longest) = (Vec::new(), 0);
    for second in seconds {
        if second % every == 0 {
            let name = format!("n{second}");
            let unserved = dispatcher.enqueue_pages(vec![page(&name, &[&name])]);
            assert!(unserved.is_empty());
            waits.push((second, format!("+{name}")));
        }
        if dispatcher.is_due(at(second)) {
            dispatcher.dispatch(at(second), &[], &lifecycle).await;
            let heard = fake.heard();
            waits.retain(|(from, name)| {
                longest = longest.max(second - from);
                !heard.contains(name)
            });
        }
    }
    longest
}

#[tokio::test(start_paused = true)]
async fn a_page_that_breaks_its_receiver_holds_no_other_and_is_given_up() {
    for kind in [
        ErrorKind::Server,
        ErrorKind::Timeout,
        ErrorKind::Misconfigured,
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dead.jsonl");
        let fake = Fake::new("f", Mode::Transitions, [Answer::BreakOn("bad", kind)]);
        let mut dispatcher = team(&fake).dead_letters(DeadLetters::new(&path));
        // The others concern the same group, or the same alert, so they must not overtake it.
        let pages = vec![
            page("a", &["x", "bad"]),
            page("a", &["y"]),
            page("b", &["x"]),
        ];
        assert!(dispatcher.enqueue_pages(pages).is_empty());
        let slow = kind == ErrorKind::Misconfigured;
        let suspected = if slow { 4 * 300 } else { 75 };
        run(&mut dispatcher, &fake, 1..suspected, 7_000).await;
        assert_eq!(fake.calls(), 4, "{kind:?}");
        // Once it is suspected, nobody else waits for it.
        let longest = run(&mut dispatcher, &fake, suspected..suspected + 1_000, 30).await;
        assert!(longest <= if slow { 300 } else { 80 }, "{kind:?} {longest}");
        assert!(!path.exists(), "{kind:?}: given up too early");
        assert!(!fake.heard().contains(&"+y".to_owned()));
        run(
            &mut dispatcher,
            &fake,
            suspected + 1_000..suspected + 2_500,
            30,
        )
        .await;
        let letters = std::fs::read_to_string(&path).unwrap();
        let letter: Value = serde_json::from_str(letters.trim_end()).unwrap();
        assert_eq!(letter["reason"], "stuck");
        assert_eq!(letter["page"]["group"]["job"], "a");
        let heard = fake.heard();
        let place = |name: &str| heard.iter().position(|heard| heard == name).unwrap();
        assert!(place("+y") < place("+x"), "{kind:?}");
        let status = dispatcher.sinks().next().unwrap();
        assert_eq!((status.lost, status.retry_at), (1, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_while_nothing_else_comes_stays() {
    let broken = Answer::BreakOn("bad", ErrorKind::Server);
    let fake = Fake::new("f", Mode::Transitions, [broken]);
    let mut dispatcher = team(&fake);
    assert!(
        dispatcher
            .enqueue_pages(vec![page("a", &["bad"])])
            .is_empty()
    );
    run(&mut dispatcher, &fake, 1..40_000, 50_000).await;
    let status = dispatcher.sinks().next().unwrap();
    assert_eq!((status.queued, status.lost), (1, 0));
    // It is not asked for more often than any other.
    assert!(fake.calls() < 150, "{}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_at_random_costs_nothing() {
    for percent in [30, 60, 80, 90, 95] {
        for seed in 0..12 {
            let fake = Fake::new("f", Mode::Transitions, [Answer::FailOften(percent)]);
            let fake = fake.seeded(seed * 1_000 + percent);
            let mut dispatcher = team(&fake);
            run(&mut dispatcher, &fake, 0..7_200, 60).await;
            let status = dispatcher.sinks().next().unwrap();
            assert_eq!(status.lost, 0, "{percent} % {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_with_a_lucky_request_now_and_then_costs_nothing() {
    // The others are lucky, the first message is not: for four times in a row.
    let mut answers = vec![Answer::Fail(ErrorKind::Server); 5];
    for _ in 0..4 {
        answers.extend([Answer::Ok, Answer::Fail(ErrorKind::Server)]);
    }
    let fake = Fake::new("f", Mode::Transitions, answers);
    let mut dispatcher = team(&fake);
    let pages = (0..6).map(|i| page(&format!("g{i}"), &[&format!("m{i}")]));
    assert!(dispatcher.enqueue_pages(pages.collect()).is_empty());
    run(&mut dispatcher, &fake, 0..1_000, 100).await;
    let status = dispatcher.sinks().next().unwrap();
    assert_eq!((status.queued, status.lost), (0, 0));
    assert!(fake.heard().contains(&"+m0".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_suspect_is_tried_at_once_when_the_receiver_is_back() {
    // All fails for long enough to suspect the first and to let it wait for minutes.
    let fake = Fake::new(
        "f",
        Mode::Transitions,
        vec![Answer::Fail(ErrorKind::Server); 24],
    );
    let mut dispatcher = team(&fake);
    let pages = vec![page("a", &["x"]), page("b", &["y"])];
    assert!(dispatcher.enqueue_pages(pages).is_empty());
    let lifecycle = Lifecycle::new();
    for second in 0..20_000 {
        dispatcher.dispatch(at(second), &[], &lifecycle).await;
        if !fake.heard().is_empty() {
            break;
        }
    }
    let mut heard = fake.heard();
    heard.sort();
    assert_eq!(heard, ["+x", "+y"]);
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_breaks_its_receiver_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dead.jsonl");
    let broken = Answer::BreakOn("bad", ErrorKind::Server);
    let fake = Fake::new("f", Mode::Transitions, [broken]);
    let mut dispatcher = Dispatcher::new()
        .with_sink(fake.clone())
        .unwrap()
        .dead_letters(DeadLetters::new(&path));
    dispatcher.enqueue(&["a", "bad", "b", "c"].map(alert));
    let lifecycle = Lifecycle::new();
    for second in 0..3_600 {
        if second % 20 == 0 {
            dispatcher.enqueue(&[alert(&format!("n{second}"))]);
        }
        dispatcher.dispatch(at(second), &[], &lifecycle).await;
    }
    assert_eq!(fake.heard()[..3], ["+a", "+b", "+c"]);
    assert_eq!(fake.heard().len(), 183);
    let letters = std::fs::read_to_string(&path).unwrap();
    assert_eq!(letters.lines().count(), 1, "{letters}");
    assert!(letters.contains("\"stuck\"") && letters.contains("bad breaks it"));
}

#[tokio::test(start_paused = true)]
async fn what_takes_the_place_of_another_goes_on_where_it_was() {
    let later = Answer::FailFor(std::time::Duration::from_secs(100));
    let fake = Fake::new("f", Mode::Transitions, [later]);
    let directory = tempfile::tempdir().unwrap();
    // The file of dead letters cannot be written: it is a directory.
    let mut old = team(&fake)
        .queue_limit(1)
        .dead_letters(DeadLetters::new(directory.path()));
    let pages = vec![page("lost", &["l"]), page("a", &["x"])];
    assert!(old.enqueue_pages(pages).is_empty());
    let lifecycle = Lifecycle::new();
    old.dispatch(at(0), &[], &lifecycle).await;
    let path = directory.path().join("dead.jsonl");
    let mut new = team(&fake).dead_letters(DeadLetters::new(&path));
    let (alerts, pages) = new.take_over(old);
    assert!(alerts.is_empty() && pages.is_empty());
    let status = new.sinks().next().unwrap();
    assert_eq!((status.queued, status.failed, status.lost), (1, 1, 1));
    assert_eq!(status.retry_at, Some(at(100)));
    assert!(!new.is_due(at(99)) && new.is_due(at(100)));
    assert!(std::fs::read_to_string(&path).unwrap().contains("overflow"));
    new.dispatch(at(100), &[], &lifecycle).await;
    assert_eq!(fake.heard(), ["+x"]);

    // Where a setting was wrong it is perhaps right now.
    let wrong = Answer::Fail(ErrorKind::Misconfigured);
    let fake = Fake::new("f", Mode::Transitions, [wrong]);
    let mut old = team(&fake);
    assert!(old.enqueue_pages(vec![page("a", &["x"])]).is_empty());
    old.dispatch(at(0), &[], &lifecycle).await;
    assert!(!old.is_due(at(1)));
    let mut new = team(&fake);
    let _ = new.take_over(old);
    assert!(new.is_due(at(1)));

    // What belongs to nobody comes back.
    let mut old = team(&fake);
    assert!(old.enqueue_pages(vec![page("a", &["x"])]).is_empty());
    let (_, pages) = Dispatcher::new().take_over(old);
    assert_eq!(pages.queues().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sink_of_the_state_hears_the_end_of_it_when_it_goes() {
    let resend = std::time::Duration::from_secs(60);
    let fail = Answer::Fail(ErrorKind::Network);
    let fake = Fake::new("f", Mode::State { resend }, [Answer::Ok, fail]);
    let mut dispatcher = Dispatcher::new().with_sink(fake.clone()).unwrap();
    let mut lifecycle = Lifecycle::new();
    let firing = fire(&mut lifecycle, &labels(&[("__name__", "x")]), at(0));
    dispatcher.dispatch(at(0), &[], &lifecycle).await;
    let mut ended = firing;
    ended.state = bongsu_core::AlertState::Resolved;
    ended.resolved_at = Some(at(9));
    dispatcher.part(&[ended.clone()]);
    for second in 10..300 {
        dispatcher.dispatch(at(second), &[], &lifecycle).await;
        if dispatcher.sinks().all(|sink| sink.queued == 0) {
            break;
        }
    }
    // It failed once, and was told nothing of what fires since.
    assert_eq!(fake.heard(), ["+x", "-x"]);
    assert_eq!(fake.calls(), 3);
    // Where it stays after all, it hears of the state at once.
    dispatcher.part(&[ended]);
    dispatcher.rejoin();
    dispatcher.dispatch(at(300), &[], &lifecycle).await;
    assert_eq!(fake.heard(), ["+x", "-x", "+x"]);
}
