//! The judging of a running service: points that come late, answers in part, and many series at
//! once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_core::Verdict;
use bongsu_engine::config::QueryConfig;
use bongsu_engine::{Engine, Observer, Options, config};
use support::{Memory, faulty_server, matrix, server};

/// The value of the service's own metric that begins with `name`.
fn metric(engine: &Engine, name: &str) -> f64 {
    let url = engine.server_url().unwrap();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn start(yaml: &str, observer: Box<dyn Observer>) -> Engine {
    let config = config::parse(yaml, None).unwrap();
    Engine::start(config, Options::default(), observer)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn points_that_come_late_are_judged_when_they_come() {
    // Every fifth second comes three seconds late.
    let url = faulty_server(
        || 0,
        |asked| {
            let there = |t: &i64| t % 5 != 0 || asked.end - t >= 3;
            let times: Vec<i64> = (asked.start..=asked.end).filter(there).collect();
            Some(matrix(false, &["a"], &times))
        },
    );
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}'}}
queries: [{{name: load, expr: load, step: 1s, window: 30s, late: 10s}}]
server: {{listen: '127.0.0.1:0'}}"
    );
    let memory = Memory::default();
    let mut engine = start(&yaml, Box::new(memory.clone())).await;
    let _ = engine
        .run(tokio::time::sleep(Duration::from_secs(9)))
        .await
        .unwrap();
    let late = metric(&engine, "bongsu_late_points_total{query=\"load\"}");
    assert!((1.0..=4.0).contains(&late), "{late}");
    let seen = memory.0.lock().unwrap();
    let mut times: Vec<i64> = seen
        .verdicts
        .iter()
        .map(|(_, v)| v.timestamp.as_millis() / 1_000)
        .collect();
    times.sort_unstable();
    // Up to where all has come, each second has one verdict.
    let last = times[times.len() - 1];
    times.retain(|t| *t <= last - 4);
    assert!(times.windows(2).all(|t| t[1] - t[0] == 1), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_part_is_never_trained_on() {
    // The first answer is that on the history.
    let url =
        server(|request, end| matrix(request > 0, &["a"], &(end - 200..=end).collect::<Vec<_>>()));
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}'}}
queries:
  - {{name: load, expr: load, step: 1s, window: 3m, detector: hbos, training: {{window: 3m, min_points: 20}}}}
server: {{listen: '127.0.0.1:0'}}"
    );
    let memory = Memory::default();
    let mut engine = start(&yaml, Box::new(memory.clone())).await;
    engine.once().await.unwrap();
    let failed = "bongsu_trainings_total{query=\"load\",reason=\"first\",outcome=\"failed\"}";
    assert!(metric(&engine, failed) >= 1.0);
    let seen = memory.0.lock().unwrap();
    let told =
        |problem: &String| problem.contains("the answer is partial, which is not trained on");
    assert!(seen.problems.iter().any(told), "{:?}", seen.problems);
}

/// Answers `few` with one series and `many` with as many as `series` says for the number of the
/// request, with a sample for every second.
fn crowded(series: impl Fn(usize) -> usize + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut requests = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4_096];
            let form = loop {
                let n = stream.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let form = text.split("\r\n\r\n").nth(1).unwrap_or_default();
                let fields: BTreeMap<String, String> = form
                    .split('&')
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .collect();
                if ["query", "start", "end", "step"]
                    .iter()
                    .all(|key| fields.contains_key(*key))
                {
                    break fields;
                }
            };
            let second = |key: &str| form[key].parse::<f64>().unwrap() as i64;
            let count = if form["query"] == "many" {
                requests += 1;
                series(requests)
            } else {
                1
            };
            let (start, end) = (second("start"), second("end"));
            std::thread::spawn(move || {
                let mut body =
                    String::from(r#"{"status":"success","data":{"resultType":"matrix","result":["#);
                for i in 0..count {
                    let comma = if i > 0 { "," } else { "" };
                    write!(
                        body,
                        r#"{comma}{{"metric":{{"__name__":"load","pod":"p{i}"}},"values":["#
                    )
                    .unwrap();
                    for t in start..=end {
                        let comma = if t > start { "," } else { "" };
                        write!(body, r#"{comma}[{t},"{}"]"#, (t * 7 + i as i64) % 11).unwrap();
                    }
                    body += "]}";
                }
                body += "]}}";
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                // The service may have gone.
                let _ = write!(
                    stream,
                    "{head}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    url
}

/// How late the verdicts of `few` come, at most, in seconds.
#[derive(Debug, Clone, Default)]
struct Lateness(Arc<Mutex<(f64, usize)>>);

impl Observer for Lateness {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let newest = verdicts
            .iter()
            .map(|v| v.timestamp.as_secs_f64())
            .fold(f64::NAN, f64::max);
        let mut seen = self.0.lock().unwrap();
        if query.name == "few" {
            // The first tick is history.
            seen.1 += 1;
            if seen.1 > 1 {
                seen.0 = seen.0.max(now - newest);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_series_at_once_stall_nobody_and_stay_within_their_limit() {
    for (most, taken) in [(20_000, 10_000.0), (4_000, 4_000.0)] {
        let url = crowded(|request| if request > 2 { 10_000 } else { 1 });
        let yaml = format!(
            "source: {{type: prometheus, url: '{url}'}}
queries:
  - {{name: many, expr: many, step: 1s, window: 2s}}
  - {{name: few, expr: few, step: 1s, window: 2s}}
engine: {{max_series: {most}}}
server: {{listen: '127.0.0.1:0'}}"
        );
        let lateness = Lateness::default();
        let mut engine = start(&yaml, Box::new(lateness.clone())).await;
        let before = metric(&engine, "bongsu_process_resident_memory_bytes");
        let _ = engine
            .run(tokio::time::sleep(Duration::from_secs(8)))
            .await
            .unwrap();
        assert_eq!(
            metric(&engine, "bongsu_query_series{query=\"many\"}"),
            taken
        );
        if most < 10_000 {
            let refused = "bongsu_data_problems_total{query=\"many\",kind=\"refused_series\"}";
            assert!(metric(&engine, refused) >= 6_000.0);
        } else {
            let grown = metric(&engine, "bongsu_process_resident_memory_bytes") - before;
            assert!(grown < 150e6, "{grown} bytes more for 10,000 series");
        }
        let (late, ticks) = *lateness.0.lock().unwrap();
        assert!(late < 4.0 && ticks >= 5, "{late} s late in {ticks} ticks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_that_cannot_be_read_in_full_is_shown() {
    let url = server(|_, end| matrix(false, &["a"], &[end]));
    // The series that would close others do not say which.
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}'}}
queries: [{{name: load, expr: load, step: 1s, window: 5s}}]
maintenance: [{{name: move, expr: load, on: [team]}}, {{name: well, expr: load, on: [host]}}]
server: {{listen: '127.0.0.1:0'}}"
    );
    let mut engine = start(&yaml, Box::new(Memory::default())).await;
    engine.once().await.unwrap();
    let unknown = metric(&engine, "bongsu_query_unknown_maintenance{query=\"load\"}");
    assert!((unknown - 1.0).abs() < 1e-9, "{unknown}");
    let url = engine.server_url().unwrap();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET /api/v1/status HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let status: serde_json::Value = serde_json::from_str(body).unwrap();
    let maintenance = status["maintenance"].as_array().unwrap();
    assert_eq!(maintenance.len(), 1, "{status}");
    let problem = maintenance[0]["problem"].as_str().unwrap();
    assert!(
        problem.contains("`load`: series lack the labels team"),
        "{problem}"
    );
    assert_eq!(maintenance[0]["query"], "load");
    engine.close().await;
}
