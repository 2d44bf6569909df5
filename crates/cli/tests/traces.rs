//! Traces of the service, as a collector gets them.
#![cfg(feature = "otel")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use prost::Message;

// The part of the protocol's messages (opentelemetry/proto/trace/v1) that is looked at.

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
}

/// A collector, and what it was sent.
fn collector() -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut chunk) = (Vec::new(), [0; 4_096]);
            let body = loop {
                let n = stream.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..n]);
                let end = request.windows(4).position(|w| w == b"\r\n\r\n");
                let Some(end) = end else { continue };
                let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                    .unwrap_or(0);
                if request.len() >= end + 4 + length {
                    assert!(head.starts_with("post /v1/traces "), "{head}");
                    assert!(head.contains("application/x-protobuf"), "{head}");
                    break request[end + 4..].to_vec();
                }
            };
            kept.lock()
                .unwrap()
                .push(Request::decode(&body[..]).unwrap());
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .unwrap();
        }
    });
    (url, sent)
}

fn attributes(of: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |value: &AnyValue| match (&value.text, value.number) {
        (Some(text), _) => text.clone(),
        (None, number) => number.unwrap_or_default().to_string(),
    };
    of.iter()
        .map(|pair| {
            (
                pair.key.as_str(),
                pair.value.as_ref().map(text).unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn a_run_is_told_as_spans() {
    let dir = tempfile::tempdir().unwrap();
    let mut csv = String::from("timestamp,load\n");
    for i in 0..400 {
        let value = if (300..320).contains(&i) {
            500
        } else {
            10 + i % 5
        };
        writeln!(csv, "{},{value}", 60 * i).unwrap();
    }
    std::fs::write(dir.path().join("load.csv"), csv).unwrap();
    let config = format!(
        "source: {{type: csv, path: '{}'}}
queries:
  - {{name: load, expr: load, detector: zscore, training: {{window: 5h, min_points: 100}}}}
  - {{name: none, expr: nothing}}
",
        dir.path().join("load.csv").display()
    );
    let path = dir.path().join("bongsu.yaml");
    std::fs::write(&path, config).unwrap();
    let (url, sent) = collector();
    let output = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["run", "--once", "--config", path.to_str().unwrap()])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !said.contains("fetch{"),
        "spans do not show in the log: {said}"
    );
    let sent = sent.lock().unwrap();
    let resources = sent.iter().flat_map(|request| &request.resource_spans);
    let mut spans = Vec::new();
    for resource in resources {
        let about = attributes(&resource.resource.as_ref().unwrap().attributes);
        assert_eq!(about["service.name"], "bongsu");
        spans.extend(resource.scope_spans.iter().flat_map(|scope| &scope.spans));
    }
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["deliver", "fetch", "judge", "tick", "train"]),
        "{said}"
    );
    let ticks: BTreeMap<&[u8], &&Span> = spans
        .iter()
        .filter(|span| span.name == "tick")
        .map(|span| (&span.span_id[..], span))
        .collect();
    for span in &spans {
        assert!(span.start > 0 && span.start <= span.end, "{span:?}");
        if ["fetch", "judge"].contains(&span.name.as_str()) {
            let tick = ticks[&span.parent_span_id[..]];
            assert_eq!(tick.trace_id, span.trace_id);
            assert!(tick.start <= span.start && span.end <= tick.end);
        }
    }
    let of = |query: &str| -> Vec<i32> {
        let mine = ticks
            .values()
            .filter(|t| attributes(&t.attributes)["query"] == query);
        mine.map(|tick| tick.status.as_ref().map_or(0, |status| status.code))
            .collect()
    };
    let (load, none) = (of("load"), of("none"));
    assert!(
        !load.is_empty() && load.iter().all(|code| *code == 0),
        "{load:?}"
    );
    let failed = !none.is_empty() && none.iter().all(|code| *code == 2);
    assert!(failed, "a failure is an error: {none:?}");
    let train = spans.iter().find(|span| span.name == "train").unwrap();
    assert_eq!(attributes(&train.attributes)["query"], "load");
}

#[test]
fn without_a_collector_nothing_is_sent_and_a_missing_one_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.csv"), "timestamp,a\n0,1\n60,2\n").unwrap();
    let path = dir.path().join("bongsu.yaml");
    let csv = dir.path().join("a.csv");
    let config = format!(
        "source: {{type: csv, path: '{}'}}\nqueries: [{{name: a, expr: a}}]\n",
        csv.display()
    );
    std::fs::write(&path, config).unwrap();
    let run = |endpoint: &str| {
        Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .args(["run", "--once", "--config", path.to_str().unwrap()])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    for endpoint in ["", "http://127.0.0.1:1"] {
        let output = run(endpoint);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let output = run("not an address");
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
