//! A server that speaks PagerDuty's Events API.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test file uses a part of it, and a test fails by panicking"
)]

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// The Events API: it keeps what it takes, `a trigger` for the routing key `aaa...`.
#[derive(Clone)]
pub(crate) struct Pager {
    pub(crate) url: String,
    pub(crate) down: Arc<AtomicBool>,
    took: Arc<Mutex<Vec<String>>>,
}

impl Pager {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let pager = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            down: Arc::default(),
            took: Arc::default(),
        };
        let own = pager.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                own.answer(stream.unwrap());
            }
        });
        pager
    }

    fn answer(&self, mut stream: std::net::TcpStream) {
        let (mut request, mut chunk) = (Vec::new(), [0; 4_096]);
        let event: Value = loop {
            let n = stream.read(&mut chunk).unwrap();
            request.extend_from_slice(&chunk[..n]);
            let text = String::from_utf8_lossy(&request);
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
            if let Some(event) = body.and_then(|body| serde_json::from_str(body).ok()) {
                break event;
            }
            assert!(n > 0);
        };
        let (status, body) = if self.down.load(Ordering::Relaxed) {
            ("500 Internal Server Error", "")
        } else {
            let key = event["routing_key"].as_str().unwrap();
            let action = event["event_action"].as_str().unwrap();
            let took = format!("{} {action}", key.chars().next().unwrap());
            self.took.lock().unwrap().push(took);
            ("202 Accepted", r#"{"status":"success"}"#)
        };
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
    }

    /// Sinks with these routing keys, in this order.
    pub(crate) fn sinks(&self, keys: &str) -> String {
        let sinks: Vec<String> = keys.chars().map(|key| self.sink(key)).collect();
        format!("sinks: [{}]\n", sinks.join(", "))
    }

    fn sink(&self, key: char) -> String {
        let (url, key) = (&self.url, key.to_string().repeat(32));
        format!("{{type: pagerduty, routing_key: {key}, url: '{url}'}}")
    }

    /// What it took, in the order of keys; each key keeps its own order.
    pub(crate) fn took(&self) -> Vec<String> {
        let mut took = self.took.lock().unwrap().clone();
        took.sort_by_key(|event| event.chars().next());
        took
    }

    pub(crate) async fn takes(&self, expected: &[&str]) {
        for _ in 0..600 {
            if self.took() == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}, but must be {expected:?}", self.took());
    }
}
