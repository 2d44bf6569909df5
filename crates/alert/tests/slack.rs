//! Slack's incoming web hook, by what its documentation says.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod chat;
mod common;
mod receiver;

use std::time::{Duration, Instant};

use bongsu_alert::{Dispatcher, ErrorKind, Lifecycle, Retry, Sink, SlackSink};
use bongsu_core::Secret;
use chat::{at, firing, links, page};
use receiver::{Answer, Receiver};
use serde_json::json;

const PATH: &str = "/services/T0000/B0000/MARKED-SECRET";
const OK: Answer = (200, None, "ok");

fn sink(receiver: &Receiver) -> SlackSink {
    SlackSink::builder(Secret::new(receiver.url(PATH)))
        .timeout(Duration::from_secs(2))
        .links(links())
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_message_says_all_that_is_known() {
    let receiver = Receiver::start(OK, []).await;
    sink(&receiver)
        .deliver(at(0), &[firing("<a>")])
        .await
        .unwrap();
    let plain = |text: &str| json!({"type": "plain_text", "emoji": false, "text": text});
    let field = |name: &str, value: &str| plain(&format!("{name}\n{value}"));
    let summary = r#"up{job="<a>"} is 40, expected 1 (0 to 10), score 4"#;
    let escaped = r#"up{job="&lt;a&gt;"} is 40, expected 1 (0 to 10), score 4"#;
    let expected = json!({
        "text": format!("WARNING: up{{job=\"&lt;a&gt;\"}}\n{escaped}"),
        "mrkdwn": false,
        "blocks": [
            {"type": "header", "text": plain(r#"WARNING: up{job="<a>"}"#)},
            {
                "type": "section",
                "text": plain(summary),
                "fields": [
                    field("Observed", "40"),
                    field("Expected", "1"),
                    field("Expected range", "0 to 10"),
                    field("Deviation", "+39 (+3900 %)"),
                    field("Score", "4"),
                    field("Since", "2023-11-14T22:13:20.000Z"),
                ],
            },
            {"type": "context", "elements": [plain("Likely cause: a deployment of api")]},
            {"type": "section", "text": {"type": "mrkdwn", "verbatim": true,
                "text": "<https://wiki.example/%3Ca%3E|Runbook>   \
                         <https://grafana.example/d/node?var-job=%3Ca%3E|Dashboard>"}},
        ],
    });
    assert_eq!(receiver.requests(), [(PATH.to_owned(), expected)]);
}

#[tokio::test]
async fn a_page_is_one_message() {
    let receiver = Receiver::start(OK, []).await;
    let dispatcher = Dispatcher::new();
    let mut dispatcher = dispatcher
        .with_receiver("team", Box::new(sink(&receiver)))
        .unwrap();
    assert!(dispatcher.enqueue_pages(vec![page()]).is_empty());
    let lifecycle = Lifecycle::new();
    let deliveries = dispatcher.dispatch(at(0), &[], &lifecycle).await;
    assert_eq!((deliveries[0].delivered, deliveries[0].queued), (2, 0));
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 1);
    let texts: Vec<&str> = bodies[0]["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| {
            let text = block.pointer("/text/text");
            text.or_else(|| block.pointer("/elements/0/text"))
                .unwrap()
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(
        texts,
        [
            "MAJOR: 1 alert fires, 1 ended in up",
            r#"MAJOR: up{job="a"} is 40, expected 1 (0 to 10), score 4"#,
            "Likely cause: a deployment of api\nseverity rose from warning to major",
            "<https://wiki.example/a|Runbook>   <https://grafana.example/d/node?var-job=a|Dashboard>",
            r#"RESOLVED: up{job="b"} is 40, expected 1 (0 to 10), score 4"#,
            "<https://wiki.example/b|Runbook>   <https://grafana.example/d/node?var-job=b|Dashboard>",
        ]
    );
}

#[tokio::test]
async fn documented_answers_have_their_class() {
    let answers: [(Answer, ErrorKind, Retry); 6] = [
        (
            (429, Some("30"), "rate_limited"),
            ErrorKind::RateLimited,
            Retry::After(Duration::from_secs(30)),
        ),
        (
            (500, None, "rollup_error"),
            ErrorKind::Server,
            Retry::Backoff,
        ),
        (
            (400, None, "invalid_payload"),
            ErrorKind::Rejected,
            Retry::Never,
        ),
        (
            (403, None, "invalid_token"),
            ErrorKind::Misconfigured,
            Retry::Slow,
        ),
        (
            (404, None, "no_service"),
            ErrorKind::Misconfigured,
            Retry::Slow,
        ),
        (
            (410, None, "channel_is_archived"),
            ErrorKind::Misconfigured,
            Retry::Slow,
        ),
    ];
    for (answer, kind, retry) in answers {
        // A new sink for each, so that none waits for the one before.
        let receiver = Receiver::start(OK, [answer]).await;
        let error = sink(&receiver)
            .deliver(at(0), &[firing("a")])
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, retry));
        assert!(error.to_string().ends_with(answer.2), "{error}");
    }
}

#[tokio::test]
async fn messages_keep_a_second_between_them() {
    let receiver = Receiver::start(OK, []).await;
    let sink = sink(&receiver);
    let start = Instant::now();
    for job in ["a", "b"] {
        sink.deliver(at(0), &[firing(job)]).await.unwrap();
    }
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn the_address_is_never_shown() {
    let receiver = Receiver::start((500, None, "no {}"), []).await;
    let sink = sink(&receiver);
    let error = sink.deliver(at(0), &[firing("a")]).await.unwrap_err();
    let bad = SlackSink::builder(Secret::new("hooks/MARKED-SECRET"));
    let shown = format!(
        "{sink:?} {error} {error:?} {bad:?} {}",
        bad.clone().build().unwrap_err()
    );
    assert!(!shown.contains("MARKED"), "{shown}");
    let builder = SlackSink::builder(Secret::new("https://x/")).timeout(Duration::ZERO);
    assert_eq!(
        builder.build().unwrap_err().kind(),
        ErrorKind::InvalidParameter
    );
}
