//! The web hook and the log against what a receiver can do.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod chat;
mod common;
mod receiver;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bongsu_alert::{
    Auth, Dispatcher, ErrorKind, Lifecycle, Links, LogSink, Retry, Sink, Template, WebhookSink,
};
use bongsu_core::{Alert, Secret, Timestamp};
use common::{fire, labels, resolve};

#[derive(Debug, Clone)]
enum Answer {
    Status(u16, &'static str),
    RetryAfter(u16, &'static str),
    Echo(u16),
    Sleep(Duration),
}

#[derive(Debug, Default)]
struct Seen {
    answers: VecDeque<Answer>,
    bodies: Vec<serde_json::Value>,
    authorizations: Vec<String>,
}

type Shared = Arc<Mutex<Seen>>;

async fn answer(
    State(seen): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let answer = {
        let mut seen = seen.lock().unwrap();
        seen.bodies.push(serde_json::from_str(&body).unwrap());
        for name in ["authorization", "x-api-key"] {
            if let Some(value) = headers.get(name) {
                seen.authorizations.push(value.to_str().unwrap().to_owned());
            }
        }
        seen.answers.pop_front()
    };
    let status = |code| StatusCode::from_u16(code).unwrap();
    match answer {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Answer::Status(code, text)) => (status(code), text).into_response(),
        Some(Answer::RetryAfter(code, pause)) => {
            (status(code), [("retry-after", pause)], "slow down").into_response()
        }
        Some(Answer::Echo(code)) => {
            let authorization = headers.get("authorization").unwrap().to_str().unwrap();
            (status(code), format!("no {uri} for {authorization}")).into_response()
        }
        Some(Answer::Sleep(pause)) => {
            tokio::time::sleep(pause).await;
            StatusCode::OK.into_response()
        }
    }
}

/// A receiver on a free port that answers by script, then always with success.
async fn receiver(answers: impl IntoIterator<Item = Answer>) -> (SocketAddr, Shared) {
    let seen = Shared::default();
    seen.lock().unwrap().answers.extend(answers);
    let app = Router::new().fallback(answer).with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

const SECRET_PATH: &str = "/hooks/T0K3N-IN-PATH";

fn sink(address: SocketAddr) -> WebhookSink {
    WebhookSink::builder(Secret::new(format!("http://{address}{SECRET_PATH}")))
        .timeout(Duration::from_millis(500))
        .auth(Auth::Bearer(Secret::new("hunter2")))
        .build()
        .unwrap()
}

const fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

fn firing() -> Alert {
    let labels = labels(&[("__name__", "up"), ("instance", "a")]);
    fire(&mut Lifecycle::new(), &labels, at(1_700_000_000))
}

#[tokio::test]
async fn the_message_has_the_documented_shape() {
    let (address, seen) = receiver([]).await;
    let mut lifecycle = Lifecycle::new();
    let identity = labels(&[("__name__", "up"), ("instance", "a")]);
    let fired = fire(&mut lifecycle, &identity, at(1_700_000_000));
    let ended = resolve(&mut lifecycle, &identity, at(1_700_000_060));
    let sink = WebhookSink::builder(Secret::new(format!("http://{address}/")))
        .links(
            Links::default()
                .runbook("https://wiki.example/{instance}")
                .unwrap(),
        )
        .auth(Auth::Header {
            name: "X-Api-Key".to_owned(),
            value: Secret::new("k"),
        })
        .build()
        .unwrap();
    sink.deliver(at(1_700_000_061), &[fired, ended])
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.authorizations, ["k"]);
    let summary = r#"up{instance="a"} is 40, expected 1 (0 to 10), score 4"#;
    let mut alert = serde_json::json!({
        "fingerprint": format!("{:016x}", identity.fingerprint()),
        "status": "firing",
        "severity": "warning",
        "labels": {"__name__": "up", "instance": "a"},
        "starts_at": "2023-11-14T22:13:20.000Z",
        "fired_at": "2023-11-14T22:13:20.000Z",
        "resolved_at": null,
        "summary": summary,
        "peak": {
            "at": "2023-11-14T22:13:20.000Z",
            "value": 40.0, "expected": 1.0, "lower": 0.0, "upper": 10.0,
            "score": 4.0, "direction": null,
        },
        "annotations": {
            "summary": summary,
            "value": "40", "expected": "1", "lower": "0", "upper": "10", "score": "4",
            "deviation": "+39 (+3900 %)",
            "since": "2023-11-14T22:13:20.000Z",
            "runbook_url": "https://wiki.example/a",
        },
    });
    let first = alert.clone();
    alert["status"] = "resolved".into();
    alert["resolved_at"] = "2023-11-14T22:14:20.000Z".into();
    assert_eq!(
        seen.bodies,
        [serde_json::json!({
            "schema": 1,
            "sent_at": "2023-11-14T22:14:21.000Z",
            "alerts": [first, alert],
        })]
    );
}

#[tokio::test]
async fn a_server_error_is_tried_again() {
    let (address, seen) = receiver([Answer::Status(500, "oops")]).await;
    let mut dispatcher = Dispatcher::new().with_sink(sink(address)).unwrap();
    let lifecycle = Lifecycle::new();
    let deliveries = dispatcher.dispatch(at(0), &[firing()], &lifecycle).await;
    let error = deliveries[0].result.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(
        error.to_string(),
        "web hook `webhook` answered 500 Internal Server Error: oops"
    );
    // The pause of five seconds begins with the answer.
    let deliveries = dispatcher.dispatch(at(7), &[], &lifecycle).await;
    assert_eq!((deliveries[0].delivered, deliveries[0].queued), (1, 0));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.bodies.len(), 2);
    assert_eq!(seen.bodies[0]["alerts"], seen.bodies[1]["alerts"]);
    assert_eq!(seen.authorizations, ["Bearer hunter2", "Bearer hunter2"]);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let answers = [
        Answer::RetryAfter(429, "120"),
        Answer::RetryAfter(503, "30"),
    ];
    let (address, seen) = receiver(answers).await;
    let mut dispatcher = Dispatcher::new().with_sink(sink(address)).unwrap();
    let lifecycle = Lifecycle::new();
    let deliveries = dispatcher.dispatch(at(0), &[firing()], &lifecycle).await;
    let error = deliveries[0].result.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(120)));
    assert!(
        dispatcher
            .dispatch(at(119), &[], &lifecycle)
            .await
            .is_empty()
    );
    dispatcher.dispatch(at(122), &[], &lifecycle).await;
    assert!(
        dispatcher
            .dispatch(at(151), &[], &lifecycle)
            .await
            .is_empty()
    );
    assert_eq!(
        dispatcher.dispatch(at(155), &[], &lifecycle).await[0].delivered,
        1
    );
    assert_eq!(seen.lock().unwrap().bodies.len(), 3);
}

#[tokio::test]
async fn a_receiver_that_is_slow_or_away_is_told_apart() {
    let (address, _seen) = receiver([Answer::Sleep(Duration::from_secs(5))]).await;
    let error = sink(address).deliver(at(0), &[firing()]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Timeout, Retry::Backoff)
    );
    assert!(!error.to_string().contains("T0K3N"), "{error}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let error = sink(closed).deliver(at(0), &[firing()]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Network, Retry::Backoff)
    );
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(!error.to_string().contains("T0K3N"), "{error}");
}

#[tokio::test]
async fn no_message_shows_a_secret_even_if_the_receiver_does() {
    let (address, _seen) = receiver([Answer::Echo(404), Answer::Status(302, "")]).await;
    let sink = sink(address);
    let error = sink.deliver(at(0), &[firing()]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Misconfigured, Retry::Slow)
    );
    assert!(
        error
            .to_string()
            .contains("no <secret> for Bearer <secret>"),
        "{error}"
    );
    let error = sink.deliver(at(0), &[firing()]).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Misconfigured,
        "redirects are not followed"
    );
    let shown = format!("{sink:?} {sink:#?} {error:?}");
    assert!(
        !shown.contains("T0K3N") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn bad_settings_are_refused_without_being_shown() {
    for url in ["hooks.example/T0K3N", "ftp://x/T0K3N", ""] {
        let error = WebhookSink::builder(Secret::new(url)).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(!error.to_string().contains("T0K3N"), "{error}");
    }
    let builder = WebhookSink::builder(Secret::new("https://x/T0K3N"));
    assert!(!format!("{builder:?}").contains("T0K3N"));
    assert!(builder.timeout(Duration::ZERO).build().is_err());
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_one_structured_event_each() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    let mut lifecycle = Lifecycle::new();
    let identity = labels(&[("__name__", "up")]);
    let fired = fire(&mut lifecycle, &identity, at(0));
    let ended = resolve(&mut lifecycle, &identity, at(60));
    let guard = tracing::subscriber::set_default(subscriber);
    LogSink::default()
        .deliver(at(60), &[fired, ended])
        .await
        .unwrap();
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["level"], "WARN");
    assert_eq!(events[0]["target"], "bongsu_alert");
    assert_eq!(events[0]["fields"]["status"], "firing");
    assert_eq!(
        events[0]["fields"]["message"],
        "up is 40, expected 1 (0 to 10), score 4"
    );
    assert_eq!(events[0]["fields"]["score"], 4.0);
    assert_eq!(events[1]["level"], "INFO");
    assert_eq!(events[1]["fields"]["until"], "1970-01-01T00:01:00.000Z");
}

#[tokio::test]
async fn a_page_keeps_its_notes_and_its_digest() {
    let receiver = receiver::Receiver::start((200, None, ""), []).await;
    let url = Secret::new(receiver.url("/"));
    let sink = WebhookSink::builder(url).build().unwrap();
    let (page, digest) = (chat::page(), chat::digest());
    sink.page(at(0), &page).await.unwrap();
    sink.page(at(0), &digest).await.unwrap();
    let bodies = receiver.bodies();
    assert_eq!(
        bodies[0]["alerts"][0]["notes"],
        serde_json::json!(["severity rose from warning to major"])
    );
    assert_eq!(bodies[0]["alerts"][0]["cause"], "a deployment of api");
    assert!(bodies[0]["alerts"][1].get("notes").is_none());
    assert!(bodies[0]["alerts"][1].get("cause").is_none());
    assert_eq!(
        bodies[0]["page"],
        serde_json::json!({
            "receiver": "team", "route": "{}", "group": {"__name__": "up"},
            "occasion": "escalated", "key": page.key(), "id": page.id(), "digest": null,
        })
    );
    let summary = &bodies[1]["page"]["digest"];
    assert_eq!(
        (&summary["firing"], &summary["groups"][0]["key"]),
        (
            &serde_json::json!(2),
            &serde_json::json!("0123456789abcdef")
        )
    );
    let text = digest.digest.unwrap().to_string();
    assert_eq!(summary["text"], text);
}

#[tokio::test]
async fn a_template_makes_the_body() {
    let receiver = receiver::Receiver::start((200, None, ""), []).await;
    let sink = |template: serde_json::Value| {
        let url = Secret::new(receiver.url("/own"));
        let template = Template::new(&template).unwrap();
        let sink = WebhookSink::builder(url).links(chat::links());
        sink.template(template).build().unwrap()
    };
    let json = serde_json::json!({
        "event": "{status}",
        "key": "{key}",
        "who": "{receiver}/{occasion}",
        "alerts": [{"each_alert": {"job": "{labels.job}", "why": "{cause}", "notes": "{notes}"}}],
    });
    let page = chat::page();
    sink(json).page(at(0), &page).await.unwrap();
    let text = serde_json::json!("{title}: {summary} ({runbook})");
    let alerts = [chat::firing("\"a\"")];
    sink(text).deliver(at(0), &alerts).await.unwrap();
    assert_eq!(
        receiver.bodies(),
        [
            serde_json::json!({
                "event": "firing",
                "key": page.key(),
                "who": "team/escalated",
                "alerts": [
                    {
                        "job": "a",
                        "why": "a deployment of api",
                        "notes": "Likely cause: a deployment of api\nseverity rose from warning to major",
                    },
                    {"job": "b", "why": "", "notes": ""},
                ],
            }),
            serde_json::json!(
                "WARNING: up{job=\"\\\"a\\\"\"}: up{job=\"\\\"a\\\"\"} is 40, expected 1 (0 to 10), \
                 score 4 (https://wiki.example/%22a%22)"
            ),
        ]
    );
    assert_eq!(
        receiver.kinds(),
        ["application/json", "text/plain; charset=utf-8"]
    );
}
