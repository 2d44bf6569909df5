//! What is given up is kept.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::indexing_slicing, reason = "a failure in a test is a panic")]

mod common;
mod fake;

use std::path::Path;

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

fn letters(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_refused_or_pushed_out_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dead.jsonl");
    let fake = Fake::new("f", Mode::Transitions, [Answer::RefuseName("b")]);
    let mut dispatcher = Dispatcher::new()
        .queue_limit(3)
        .dead_letters(DeadLetters::new(&path))
        .with_sink(fake.clone())
        .unwrap();
    let news = ["x", "a", "b", "c"].map(alert);
    dispatcher.enqueue(&news);
    // Written before the state that lacks it can be saved.
    assert_eq!(letters(&path).len(), 1);
    dispatcher.dispatch(at(60), &[], &Lifecycle::new()).await;
    assert_eq!(fake.heard(), ["+a", "+c"]);
    let letters = letters(&path);
    let told: Vec<[&str; 3]> = letters
        .iter()
        .map(|letter| {
            [&letter["reason"], &letter["sink"], &letter["error"]]
                .map(|v| v.as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(told, [["overflow", "f", "-"], ["refused", "f", "b is bad"]]);
    assert_eq!(letters[1]["at"], "1970-01-01T00:01:00.000Z");
    let kept: Alert = serde_json::from_value(letters[1]["alert"].clone()).unwrap();
    assert_eq!(kept, news[2], "it can be sent again");
}

#[tokio::test]
async fn a_refused_page_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dead.jsonl");
    let fake = Fake::new("f", Mode::Transitions, [Answer::Fail(ErrorKind::Rejected)]);
    let mut dispatcher = Dispatcher::new()
        .with_receiver("team", Box::new(fake))
        .unwrap()
        .dead_letters(DeadLetters::new(&path));
    let page = Page {
        receiver: "team".to_owned(),
        route: "{}".to_owned(),
        group: labels(&[("job", "x")]),
        at: at(0),
        sequence: 0,
        occasion: Occasion::Fired,
        alerts: vec![alert("a")],
        notes: Vec::new(),
        digest: None,
    };
    assert!(dispatcher.enqueue_pages(vec![page.clone()]).is_empty());
    let deliveries = dispatcher.dispatch(at(60), &[], &Lifecycle::new()).await;
    assert_eq!((deliveries[0].lost, deliveries[0].queued), (1, 0));
    let letters = letters(&path);
    let kept: Page = serde_json::from_value(letters[0]["page"].clone()).unwrap();
    assert_eq!((letters.len(), kept), (1, page));
}

#[tokio::test]
async fn the_file_is_bounded_and_waits_until_it_can_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("later/dead.jsonl");
    let fake = Fake::new("f", Mode::Transitions, [Answer::RefuseName("b")]);
    let mut dispatcher = Dispatcher::new()
        .dead_letters(DeadLetters::new(&path).limit(1_000))
        .with_sink(fake)
        .unwrap();
    let lifecycle = Lifecycle::new();
    dispatcher.dispatch(at(0), &[alert("b")], &lifecycle).await;
    assert!(!path.exists());
    std::fs::create_dir(directory.path().join("later")).unwrap();
    dispatcher.dispatch(at(1), &[], &lifecycle).await;
    assert_eq!(letters(&path).len(), 1);
    let longest = std::fs::metadata(&path).unwrap().len();
    for second in 2..40 {
        dispatcher
            .dispatch(at(second), &[alert("b")], &lifecycle)
            .await;
    }
    let aside = directory.path().join("later/dead.jsonl.1");
    for path in [&path, &aside] {
        let length = std::fs::metadata(path).unwrap().len();
        assert!(length <= 1_000 + 2 * longest, "{length}");
    }
    assert_eq!(
        std::fs::read_dir(directory.path().join("later"))
            .unwrap()
            .count(),
        2
    );
}
