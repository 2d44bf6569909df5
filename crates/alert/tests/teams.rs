//! The web hook of a Teams workflow, by what its documentation says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod chat;
mod common;
mod receiver;

use std::time::Duration;

use bongsu_alert::{ErrorKind, Retry, Sink, TeamsSink};
use bongsu_core::Secret;
use chat::{at, digest, firing, links, page};
use receiver::{Answer, Receiver};
use serde_json::{Value, json};

const PATH: &str = "/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=MARKED-SECRET";
const OK: Answer = (202, None, "");

fn sink(receiver: &Receiver) -> TeamsSink {
    TeamsSink::builder(Secret::new(receiver.url(PATH)))
        .timeout(Duration::from_secs(2))
        .links(links())
        .build()
        .unwrap()
}

/// What a card says, a line a block.
fn lines(block: &Value, lines: &mut Vec<String>) {
    if let Some(runs) = block["inlines"].as_array() {
        let text = |run: &Value| run["text"].as_str().unwrap().to_owned();
        lines.push(runs.iter().map(text).collect());
    }
    for action in block["actions"].as_array().into_iter().flatten() {
        lines.push(format!("{} -> {}", action["title"], action["url"]));
    }
    for key in ["body", "items"] {
        for inner in block[key].as_array().into_iter().flatten() {
            self::lines(inner, lines);
        }
    }
}

fn said(body: &Value) -> Vec<String> {
    let mut all = Vec::new();
    lines(&body["attachments"][0]["content"], &mut all);
    all
}

#[tokio::test]
async fn a_message_says_all_that_is_known() {
    let receiver = Receiver::start(OK, []).await;
    sink(&receiver)
        .deliver(at(0), &[firing("a")])
        .await
        .unwrap();
    let requests = receiver.requests();
    let (path, body) = &requests[0];
    assert_eq!(path, PATH);
    let attachment = &body["attachments"][0];
    assert_eq!(body["type"], "message");
    assert_eq!(
        attachment["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &attachment["content"];
    assert_eq!(
        (&card["type"], &card["version"]),
        (&json!("AdaptiveCard"), &json!("1.4"))
    );
    assert_eq!(
        said(body),
        [
            r#"WARNING: up{job="a"}"#,
            r#"up{job="a"} is 40, expected 1 (0 to 10), score 4"#,
            "Observed: 40",
            "Expected: 1",
            "Expected range: 0 to 10",
            "Deviation: +39 (+3900 %)",
            "Score: 4",
            "Since: 2023-11-14T22:13:20.000Z",
            "Likely cause: a deployment of api",
            r#""Runbook" -> "https://wiki.example/a""#,
            r#""Dashboard" -> "https://grafana.example/d/node?var-job=a""#,
        ]
    );
}

#[tokio::test]
async fn a_page_is_one_card() {
    let receiver = Receiver::start(OK, []).await;
    let sink = sink(&receiver);
    sink.page(at(0), &page()).await.unwrap();
    sink.page(at(0), &digest()).await.unwrap();
    let bodies = receiver.bodies();
    let lines = said(&bodies[0]);
    assert_eq!(lines[0], "MAJOR: 1 alert fires, 1 ended in up");
    assert!(lines.contains(&"severity rose from warning to major".to_owned()));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(r#"resolved up{job="b"}"#))
    );
    let lines = said(&bodies[1]);
    assert_eq!(lines[0], "WARNING: digest of 1 groups");
    assert!(lines[1].starts_with("2 alerts fire"), "{lines:?}");
}

#[tokio::test]
async fn documented_answers_have_their_class() {
    let error = r#"{"error": {"code": "TriggerInputSchemaMismatch", "message": "no card"}}"#;
    let answers: [(Answer, ErrorKind, Retry); 5] = [
        (
            (429, Some("5"), "slow down"),
            ErrorKind::RateLimited,
            Retry::After(Duration::from_secs(5)),
        ),
        (
            (502, None, "no response"),
            ErrorKind::Server,
            Retry::Backoff,
        ),
        ((400, None, error), ErrorKind::Rejected, Retry::Never),
        ((413, None, "too large"), ErrorKind::Rejected, Retry::Never),
        (
            (404, None, "no workflow"),
            ErrorKind::Misconfigured,
            Retry::Slow,
        ),
    ];
    for (answer, kind, retry) in answers {
        let receiver = Receiver::start(OK, [answer]).await;
        let error = sink(&receiver).deliver(at(0), &[firing("a")]).await;
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{error}");
    }
}

#[tokio::test]
async fn the_address_is_never_shown() {
    let receiver = Receiver::start((500, None, "no {}"), []).await;
    let sink = sink(&receiver);
    let error = sink.deliver(at(0), &[firing("a")]).await.unwrap_err();
    let bad = TeamsSink::builder(Secret::new("hooks/MARKED-SECRET"));
    let wrong = bad.clone().build().unwrap_err();
    let shown = format!("{sink:?} {error} {error:?} {bad:?} {wrong}");
    assert!(!shown.contains("MARKED"), "{shown}");
}
