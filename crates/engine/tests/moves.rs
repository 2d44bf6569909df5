//! A running service whose receivers change while an alert fires: nobody waits for its end for ever,
//! and nobody waits for a slow receiver.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod service;
mod support;

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use service::Service;

/// A web hook that keeps what it is told: status of the first alert, and its notes.
#[derive(Clone)]
struct Hook {
    url: String,
    told: Arc<Mutex<Vec<String>>>,
}

impl Hook {
    fn start(hangs: bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&told);
        std::thread::spawn(move || {
            let mut unanswered = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let body = body_of(&mut stream);
                kept.lock().unwrap().push(spell(&body));
                if hangs {
                    unanswered.push(stream);
                    continue;
                }
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
            }
        });
        Self { url, told }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    async fn hears(&self, expected: &[&str]) {
        for _ in 0..200 {
            if self.told() == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}, but must be {expected:?}", self.told());
    }
}

fn body_of(stream: &mut std::net::TcpStream) -> Value {
    let (mut request, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let n = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let line = line.to_ascii_lowercase();
                line.strip_prefix("content-length: ")?.parse().ok()
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return serde_json::from_str(body).unwrap();
            }
        }
        assert!(n > 0);
    }
}

fn spell(message: &Value) -> String {
    let alert = &message["alerts"][0];
    let status = alert["status"].as_str().unwrap_or("-");
    let moved = alert["notes"].to_string().contains("told elsewhere");
    let moved = if moved { " moved" } else { "" };
    format!("{status}{moved}")
}

fn routed(receiver: &str, urls: &[&Hook]) -> String {
    let sinks: Vec<String> = urls
        .iter()
        .map(|hook| format!("{{type: webhook, url: '{}'}}", hook.url))
        .collect();
    format!(
        "alerting:
  routing:
    route: {{receiver: {receiver}, group_wait: 0s, group_interval: 1s}}
    receivers: [{{name: {receiver}, sinks: [{}]}}]
",
        sinks.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_is_told_and_whoever_goes_hears_the_end() {
    let [a, b, c, d] = [(); 4].map(|()| Hook::start(false));
    let service = Service::start(&routed("team", &[&a])).await;
    a.hears(&["firing"]).await;
    // Another place for the only sink.
    service.reload(&routed("team", &[&b])).await;
    b.hears(&["firing"]).await;
    a.hears(&["firing", "resolved moved"]).await;
    // A second sink beside it, which hears nothing twice.
    service.reload(&routed("team", &[&b, &c])).await;
    c.hears(&["firing"]).await;
    // The same as before: nobody hears anything.
    service.reload(&routed("team", &[&b, &c])).await;
    // Another receiver.
    service.reload(&routed("others", &[&d])).await;
    d.hears(&["firing"]).await;
    b.hears(&["firing", "resolved moved"]).await;
    c.hears(&["firing", "resolved moved"]).await;
    // Nobody at all, but the log.
    service.reload("").await;
    d.hears(&["firing", "resolved moved"]).await;
    // A sink that hears of each alert.
    let e = Hook::start(false);
    service
        .reload(&format!("sinks: [{{type: webhook, url: '{}'}}]", e.url))
        .await;
    e.hears(&["firing"]).await;
    service.reload("").await;
    e.hears(&["firing", "resolved"]).await;
    service.stop().await;
    assert_eq!(a.told().len(), 2);
    assert_eq!(b.told().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_holds_up_no_other() {
    let (slow, quick) = (Hook::start(true), Hook::start(false));
    let service = Service::start(&routed("team", &[&slow, &quick])).await;
    slow.hears(&["firing"]).await;
    quick.hears(&["firing"]).await;
    let later = Hook::start(false);
    // The slow one is on its way for 30 seconds.
    service
        .reload(&routed("team", &[&slow, &quick, &later]))
        .await;
    later.hears(&["firing"]).await;
    service.reload(&routed("others", &[&later])).await;
    quick.hears(&["firing", "resolved moved"]).await;
    service.stop().await;
}
