//! Discord's web hooks, by what its documentation says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod chat;
mod common;
mod receiver;

use std::time::{Duration, Instant};

use bongsu_alert::{DiscordSink, ErrorKind, Retry, Sink};
use bongsu_core::Secret;
use chat::{at, digest, firing, links, page};
use receiver::{Answer, Receiver};
use serde_json::{Value, json};

const PATH: &str = "/api/webhooks/1234/MARKED-SECRET";
const OK: Answer = (204, None, "");

fn sink(receiver: &Receiver) -> DiscordSink {
    DiscordSink::builder(Secret::new(receiver.url(PATH)))
        .timeout(Duration::from_secs(2))
        .links(links())
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_message_says_all_that_is_known() {
    let receiver = Receiver::start(OK, []).await;
    sink(&receiver)
        .deliver(at(0), &[firing("a_b")])
        .await
        .unwrap();
    let field = |name: &str, value: &str| json!({"name": name, "value": value, "inline": true});
    let warning = 0xa1_62_07;
    let expected = json!({
        "embeds": [
            {"title": r#"WARNING: up{job="a\_b"}"#, "color": warning},
            {
                "description": "up{job=\"a\\_b\"} is 40, expected 1 \\(0 to 10\\), score 4\n\
                                Likely cause: a deployment of api",
                "color": warning,
                "fields": [
                    field("Observed", "40"),
                    field("Expected", "1"),
                    field("Expected range", "0 to 10"),
                    field("Deviation", "+39 \\(+3900 %\\)"),
                    field("Score", "4"),
                    field("Since", "2023-11-14T22:13:20.000Z"),
                    {"name": "Links", "value": "[Runbook](https://wiki.example/a_b)   \
                        [Dashboard](https://grafana.example/d/node?var-job=a_b)"},
                ],
            },
        ],
        "allowed_mentions": {"parse": []},
    });
    assert_eq!(receiver.requests(), [(PATH.to_owned(), expected)]);
}

#[tokio::test]
async fn a_page_is_one_message() {
    let receiver = Receiver::start(OK, []).await;
    let sink = sink(&receiver);
    sink.page(at(0), &page()).await.unwrap();
    sink.page(at(0), &digest()).await.unwrap();
    let bodies = receiver.bodies();
    let texts = |body: &Value| -> Vec<String> {
        let embeds = body["embeds"].as_array().unwrap().iter();
        let text = |embed: &Value| format!("{}|{}", embed["title"], embed["description"]);
        embeds.map(text).collect()
    };
    assert_eq!(
        texts(&bodies[0]),
        [
            r#""MAJOR: 1 alert fires, 1 ended in up"|null"#,
            r#"null|"**major** up{job=\"a\"} is 40, expected 1 \\(0 to 10\\), score 4\nLikely cause: a deployment of api\nseverity rose from warning to major""#,
            r#"null|"**resolved** up{job=\"b\"} is 40, expected 1 \\(0 to 10\\), score 4""#,
        ]
    );
    assert_eq!(bodies[0]["embeds"][2]["color"], 0x15_80_3d);
    let digest = &texts(&bodies[1])[0];
    assert!(
        digest.starts_with(r#""WARNING: digest of 1 groups"|"2 alerts fire"#),
        "{digest}"
    );
}

#[tokio::test]
async fn documented_answers_have_their_class() {
    let limited =
        r#"{"message": "You are being rate limited.", "retry_after": 64.57, "global": false}"#;
    let answers: [(Answer, ErrorKind, Retry, &str); 6] = [
        (
            (429, None, limited),
            ErrorKind::RateLimited,
            Retry::After(Duration::from_secs_f64(64.57)),
            "You are being rate limited.",
        ),
        (
            (429, Some("65"), limited),
            ErrorKind::RateLimited,
            Retry::After(Duration::from_secs(65)),
            "You are being rate limited.",
        ),
        (
            (502, None, "bad gateway"),
            ErrorKind::Server,
            Retry::Backoff,
            "bad gateway",
        ),
        (
            (
                400,
                None,
                r#"{"message": "Cannot send an empty message", "code": 50006}"#,
            ),
            ErrorKind::Rejected,
            Retry::Never,
            "Cannot send an empty message",
        ),
        (
            (
                401,
                None,
                r#"{"message": "Invalid Webhook Token", "code": 50027}"#,
            ),
            ErrorKind::Misconfigured,
            Retry::Slow,
            "Invalid Webhook Token",
        ),
        (
            (
                404,
                None,
                r#"{"message": "Unknown Webhook", "code": 10015}"#,
            ),
            ErrorKind::Misconfigured,
            Retry::Slow,
            "Unknown Webhook",
        ),
    ];
    for (answer, kind, retry, said) in answers {
        // A new sink for each, so that none waits for the one before.
        let receiver = Receiver::start(OK, [answer]).await;
        let error = sink(&receiver).deliver(at(0), &[firing("a")]).await;
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, retry));
        assert!(error.to_string().ends_with(said), "{error}");
    }
}

#[tokio::test]
async fn messages_keep_half_a_second_between_them() {
    let receiver = Receiver::start(OK, []).await;
    let sink = sink(&receiver);
    let start = Instant::now();
    for job in ["a", "b", "c"] {
        sink.deliver(at(0), &[firing(job)]).await.unwrap();
    }
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn the_address_is_never_shown() {
    let receiver = Receiver::start((500, None, "no {}"), []).await;
    let sink = sink(&receiver);
    let error = sink.deliver(at(0), &[firing("a")]).await.unwrap_err();
    let bad = DiscordSink::builder(Secret::new("hooks/MARKED-SECRET"));
    let wrong = bad.clone().build().unwrap_err();
    let shown = format!("{sink:?} {error} {error:?} {bad:?} {wrong}");
    assert!(!shown.contains("MARKED"), "{shown}");
}
