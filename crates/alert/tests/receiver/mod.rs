//! A receiver on this machine that answers by script.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// An answer: status, the header `Retry-After` if there is one, body.
pub(crate) type Answer = (u16, Option<&'static str>, &'static str);

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<(u16, Option<&'static str>, String)>,
    credentials: Vec<Option<String>>,
    requests: Vec<(String, Value)>,
    kinds: Vec<String>,
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
            answers: answers
                .into_iter()
                .map(|(code, pause, text)| (code, pause, text.to_owned()))
                .collect(),
            credentials: Vec::new(),
            requests: Vec::new(),
            kinds: Vec::new(),
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

    /// The paths and bodies of the requests so far; what is not JSON as a text.
    pub(crate) fn requests(&self) -> Vec<(String, Value)> {
        self.script.lock().unwrap().requests.clone()
    }

    /// Adds to the script what is known only after the start.
    pub(crate) fn answer_next(&self, code: u16, text: &str) {
        let mut script = self.script.lock().unwrap();
        script.answers.push_back((code, None, text.to_owned()));
    }

    /// What proved who sent them.
    pub(crate) fn credentials(&self) -> Vec<Option<String>> {
        self.script.lock().unwrap().credentials.clone()
    }

    /// Their content types.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.script.lock().unwrap().kinds.clone()
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
    body: Bytes,
) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    let kind = headers.get("content-type").unwrap().to_str().unwrap();
    let (code, pause, text) = {
        let mut script = receiver.script.lock().unwrap();
        let json = match kind {
            "application/json" => serde_json::from_str(&body).unwrap(),
            _ => Value::from(body.as_str()),
        };
        script.kinds.push(kind.to_owned());
        script.requests.push((uri.to_string(), json));
        let authorization = headers.get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        script.credentials.push(authorization);
        let (code, pause, text) = receiver.usual;
        let usual = || (code, pause, text.to_owned());
        script.answers.pop_front().unwrap_or_else(usual)
    };
    let status = StatusCode::from_u16(code).unwrap();
    let text = text.replace("{}", &format!("{uri} {body}"));
    match pause {
        Some(pause) => (status, [("retry-after", pause)], text).into_response(),
        None => (status, text).into_response(),
    }
}
