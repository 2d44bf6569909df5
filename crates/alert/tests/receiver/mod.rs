//! A receiver on this machine that answers by script.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// An answer: status, the header `Retry-After` if there is one, body.
pub(crate) type Answer = (u16, Option<&'static str>, &'static str);

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    requests: Vec<(String, Value)>,
}

/// A receiver that answers by script, then always in the same way.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    usual: Answer,
}

impl Receiver {
    pub(crate) async fn start(usual: Answer, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Script {
            answers: answers.into_iter().collect(),
            requests: Vec::new(),
        };
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(script)),
            usual,
        };
        let app = Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The paths and bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<(String, Value)> {
        self.script.lock().unwrap().requests.clone()
    }

    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.requests().into_iter().map(|(_, body)| body).collect()
    }
}

/// Answers, with what it got where the script says `{}`.
async fn answer(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    assert_eq!(headers.get("content-type").unwrap(), "application/json");
    let (code, pause, text) = {
        let mut script = receiver.script.lock().unwrap();
        let json = serde_json::from_str(&body).unwrap();
        script.requests.push((uri.to_string(), json));
        script.answers.pop_front().unwrap_or(receiver.usual)
    };
    let status = StatusCode::from_u16(code).unwrap();
    let text = text.replace("{}", &format!("{uri} {body}"));
    match pause {
        Some(pause) => (status, [("retry-after", pause)], text).into_response(),
        None => (status, text).into_response(),
    }
}
