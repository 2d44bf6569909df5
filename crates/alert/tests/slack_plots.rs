//! Plots in messages to Slack, by what its documentation says of uploads.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod chat;
mod common;
mod receiver;

use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::{Plotter, Sink, SlackSink};
use bongsu_core::{Alert, Secret};
use chat::{at, firing, page};
use receiver::{Answer, Receiver};
use serde_json::{Value, json};

const OK: Answer = (200, None, "ok");
const DONE: Answer = (200, None, r#"{"ok": true, "files": [{"id": "F1"}]}"#);

/// Draws every alert in the same way.
#[derive(Debug)]
struct Drawing;

impl Plotter for Drawing {
    fn png(&self, _alert: &Alert) -> Option<Vec<u8>> {
        Some(b"PNG".to_vec())
    }
}

fn sink(hook: &Receiver, api: &Receiver) -> SlackSink {
    SlackSink::builder(Secret::new(hook.url("/services/MARKED")))
        .timeout(Duration::from_secs(2))
        .plots(Secret::new("xoxb-MARKED"), Arc::new(Drawing))
        .api_url(api.url("/api"))
        .build()
        .unwrap()
}

/// Slack's answer with the address to upload to, which this receiver serves as well.
fn place(api: &Receiver) -> String {
    let address = api.url("/upload/v1/ABC");
    json!({"ok": true, "upload_url": address, "file_id": "F1"}).to_string()
}

fn images(body: &Value) -> Vec<&Value> {
    let blocks = body["blocks"].as_array().unwrap().iter();
    blocks.filter(|block| block["type"] == "image").collect()
}

#[tokio::test]
async fn a_plot_is_uploaded_and_shown() {
    let (hook, api) = (Receiver::start(OK, []).await, Receiver::start(OK, []).await);
    api.answer_next(200, &place(&api));
    api.answer_next(200, "OK - 3");
    api.answer_next(200, DONE.2);
    let alert = firing("a");
    let name = format!("{:016x}.png", alert.labels.fingerprint());
    sink(&hook, &api).deliver(at(0), &[alert]).await.unwrap();
    assert_eq!(
        api.requests(),
        [
            (
                "/api/files.getUploadURLExternal".to_owned(),
                json!(format!("filename={name}&length=3")),
            ),
            ("/upload/v1/ABC".to_owned(), json!("PNG")),
            (
                "/api/files.completeUploadExternal".to_owned(),
                json!({"files": [{"id": "F1", "title": name}]}),
            ),
        ]
    );
    assert_eq!(
        api.kinds(),
        [
            "application/x-www-form-urlencoded",
            "application/octet-stream",
            "application/json",
        ]
    );
    // The token opens Slack's API; the address of the upload is enough for the upload.
    assert_eq!(
        api.credentials(),
        [Some("Bearer xoxb-MARKED"), None, Some("Bearer xoxb-MARKED")]
            .map(|c| c.map(str::to_owned))
    );
    let bodies = hook.bodies();
    let alt = r#"up{job="a"} is 40, expected 1 (0 to 10), score 4"#;
    assert_eq!(
        images(&bodies[0]),
        [&json!({"type": "image", "slack_file": {"id": "F1"}, "alt_text": alt})]
    );
}

#[tokio::test]
async fn a_message_goes_without_its_plot_rather_than_not_at_all() {
    let refused = r#"{"ok": false, "error": "invalid_auth"}"#;
    for answer in [
        (200, refused),
        (200, "<html>"),
        (200, r#"{"ok": true}"#),
        (429, "ratelimited"),
        (500, "no"),
    ] {
        let (hook, api) = (
            Receiver::start(OK, []).await,
            Receiver::start((answer.0, None, answer.1), []).await,
        );
        sink(&hook, &api).page(at(0), &page()).await.unwrap();
        let bodies = hook.bodies();
        assert_eq!(
            (bodies.len(), images(&bodies[0]).len()),
            (1, 0),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_plot_that_slack_does_not_take_is_left_out() {
    let invalid: Answer = (400, None, "invalid_blocks");
    let (hook, api) = (
        Receiver::start(OK, [invalid]).await,
        Receiver::start(OK, []).await,
    );
    api.answer_next(200, &place(&api));
    api.answer_next(200, "OK - 3");
    api.answer_next(200, DONE.2);
    // Of the two alerts one fires.
    sink(&hook, &api).page(at(0), &page()).await.unwrap();
    let counts: Vec<usize> = hook.bodies().iter().map(|b| images(b).len()).collect();
    assert_eq!(counts, [1, 0]);
    let shown = format!("{:?}", sink(&hook, &api));
    assert!(!shown.contains("MARKED"), "{shown}");
}

#[tokio::test]
async fn a_plot_is_uploaded_once_however_often_its_message_is_tried() {
    let busy: Answer = (503, None, "later");
    let hook = Receiver::start(OK, [busy, busy]).await;
    let api = Receiver::start(OK, []).await;
    let sink = sink(&hook, &api);
    for (tries, ok) in [(1, false), (2, false), (3, true)] {
        if tries == 1 {
            api.answer_next(200, &place(&api));
            api.answer_next(200, "OK - 3");
            api.answer_next(200, DONE.2);
        }
        assert_eq!(sink.page(at(0), &page()).await.is_ok(), ok);
        assert_eq!(api.requests().len(), 3, "try {tries}");
    }
    let shown = hook.bodies();
    assert_eq!(images(shown.last().unwrap()).len(), 1);
    // The next message shows what is new.
    api.answer_next(200, &place(&api));
    api.answer_next(200, "OK - 3");
    api.answer_next(200, DONE.2);
    sink.page(at(60), &page()).await.unwrap();
    assert_eq!(api.requests().len(), 6);
}
