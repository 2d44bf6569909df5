//! `kill -9` in the middle of `bongsu run`, again and again: no timestamp is judged twice, none is
//! skipped. The state is saved more rarely than rows are written, so that nearly every kill leaves
//! rows behind that the state does not know of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bongsu::prometheus::replay::{Recording, ReplayClock, ReplayServer};

const STEP_MS: i64 = 100;
const KILLS: u64 = 20;

/// Two series from a little before now until well after the test, in the recording format.
fn recording(now: i64) -> String {
    let times: Vec<i64> = (-300..1_800).map(|i| now + STEP_MS * i).collect();
    ["a", "b"]
        .map(|host| {
            let values: Vec<i64> = times.iter().map(|t| (t / STEP_MS) % 7).collect();
            format!(r#"{{"metric":{{"__name__":"load","host":"{host}"}},"values":{values:?},"timestamps":{times:?}}}"#)
        })
        .join("\n")
}

fn run(config: &std::path::Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["run", "--quiet", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .spawn()
        .expect("the binary runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_timestamp_is_judged_twice_and_none_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(since.as_millis()).unwrap() / STEP_MS * STEP_MS;
    let recording = Recording::from_bytes(recording(now).as_bytes()).unwrap();
    let clock = ReplayClock::running(
        bongsu::core::Timestamp::from_millis(now),
        recording.end(),
        1.0,
    )
    .unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = ReplayServer::start(Arc::new(recording), clock, address).unwrap();
    let verdicts = dir.path().join("verdicts.csv");
    let config = dir.path().join("bongsu.yaml");
    fs::write(
        &config,
        format!(
            "source: {{type: prometheus, url: '{}'}}
queries:
  - {{name: load, expr: load, step: {STEP_MS}ms, window: 10s, offset: 200ms}}
state: {{directory: '{}', save_every: 450ms}}
output: {{verdicts: '{}'}}
",
            server.url(),
            dir.path().join("state").display(),
            verdicts.display()
        ),
    )
    .unwrap();

    for kill in 0..KILLS {
        let mut child = run(&config);
        // Different lengths, so that the end falls into every phase of a tick.
        tokio::time::sleep(Duration::from_millis(300 + 37 * kill)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = run(&config);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    assert!(
        child.wait().unwrap().success(),
        "a graceful end is a success"
    );

    let text = fs::read_to_string(&verdicts).unwrap();
    let mut judged: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in text.lines().skip(1) {
        let (time, rest) = row.split_once(',').unwrap();
        let series = if rest.contains(r#"host=""a""#) {
            "a"
        } else {
            "b"
        };
        let millis = (time.parse::<f64>().unwrap() * 1e3).round();
        judged
            .entry(series.to_owned())
            .or_default()
            .push(millis as i64);
    }
    assert_eq!(judged.len(), 2, "{text}");
    for (series, times) in judged {
        assert!(
            times.len() > 200,
            "{series}: only {} timestamps",
            times.len()
        );
        for pair in times.windows(2) {
            assert_eq!(pair[1] - pair[0], STEP_MS, "series {series} at {}", pair[0]);
        }
    }
    server.stop().await;
}
