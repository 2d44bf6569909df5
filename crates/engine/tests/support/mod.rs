//! An observer that remembers, and a server that misbehaves.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test file uses a part of it, and a test fails by panicking"
)]

use std::sync::{Arc, Mutex};

use bongsu_alert::Transition;
use bongsu_core::Verdict;
use bongsu_engine::Observer;
use bongsu_engine::config::QueryConfig;
use serde_json::Value;

/// Remembers everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) verdicts: Vec<(String, Verdict)>,
    pub(crate) fired: Vec<String>,
    pub(crate) resolved: Vec<String>,
    pub(crate) problems: Vec<String>,
}

impl Observer for Memory {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        let named = verdicts
            .iter()
            .map(|verdict| (query.name.clone(), verdict.clone()));
        self.0.lock().unwrap().verdicts.extend(named);
    }

    fn transition(&mut self, transition: &Transition) {
        let mut seen = self.0.lock().unwrap();
        match transition {
            Transition::Fired(alert) => seen.fired.push(alert.summary.clone()),
            Transition::Resolved(alert) => seen.resolved.push(alert.summary.clone()),
            _ => {}
        }
    }

    fn problem(&mut self, query: &str, message: &str) {
        self.0
            .lock()
            .unwrap()
            .problems
            .push(format!("{query}: {message}"));
    }
}

/// A web hook that keeps what it is told, or refuses with `status`.
pub(crate) fn hook(status: u16) -> (String, Arc<Mutex<Vec<Value>>>) {
    answering(status, "")
}

/// A server that keeps the JSON that it is told and answers with `answer`.
pub(crate) fn answering(status: u16, answer: &'static str) -> (String, Arc<Mutex<Vec<Value>>>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4_096];
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
                        if status == 200 && answer.is_empty() {
                            kept.lock()
                                .unwrap()
                                .push(serde_json::from_str(body).unwrap());
                        }
                        break;
                    }
                }
                assert!(n > 0);
            }
            write!(stream, "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
            .unwrap();
        }
    });
    (url, told)
}

/// What a server was asked for: the number of the request, and the range in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) request: usize,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// A server that answers the query `load` with what `body` makes of the number of the request and
/// the end of the range, and never answers any other.
pub(crate) fn server(body: impl Fn(usize, i64) -> String + Send + 'static) -> String {
    faulty_server(|| 0, move |asked| Some(body(asked.request, asked.end)))
}

/// A [`server`] whose clock is `ahead` seconds ahead, and which hangs up where `body` gives nothing.
pub(crate) fn faulty_server(
    ahead: impl Fn() -> i64 + Send + 'static,
    body: impl Fn(Asked) -> Option<String> + Send + 'static,
) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut unanswered = Vec::new();
        let mut requests = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4_096];
            let (query, start, end) = loop {
                let n = stream.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let form = text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
                let field = |name: &str| {
                    let value = form.split('&').find_map(|pair| pair.strip_prefix(name));
                    value.map(|value| value.trim_start_matches('=').to_owned())
                };
                let seconds = |text: String| text.parse::<f64>().unwrap() as i64;
                if let (Some(query), Some(start), Some(end), Some(_)) =
                    (field("query"), field("start"), field("end"), field("step"))
                {
                    break (query, seconds(start), seconds(end));
                }
            };
            if query != "load" {
                unanswered.push(stream);
                continue;
            }
            let request = requests;
            requests += 1;
            let Some(body) = body(Asked {
                request,
                start,
                end,
            }) else {
                continue;
            };
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = now.unwrap().as_secs() as i64 + ahead();
            let date = jiff::Timestamp::from_second(now).unwrap();
            let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
            let head = format!(
                "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\nConnection: close"
            );
            write!(
                stream,
                "{head}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    url
}

pub(crate) fn matrix(partial: bool, hosts: &[&str], times: &[i64]) -> String {
    let values: Vec<String> = times.iter().map(|t| format!(r#"[{t},"1"]"#)).collect();
    let series: Vec<String> = hosts
        .iter()
        .map(|host| {
            let values = values.join(",");
            format!(r#"{{"metric":{{"__name__":"load","host":"{host}"}},"values":[{values}]}}"#)
        })
        .collect();
    format!(
        r#"{{"status":"success","isPartial":{partial},"data":{{"resultType":"matrix","result":[{}]}}}}"#,
        series.join(",")
    )
}
