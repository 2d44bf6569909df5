//! How a real Prometheus really behaves, where that is easily taken for something else.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/prometheus.rs"]
mod prometheus;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_core::{Labels, Timestamp};
use bongsu_prometheus::{
    Client, ClientConfig, ErrorKind, Range, RemoteWriter, Sample, WriteOptions, WriteStatus,
};
use prometheus::Prometheus;

const LONG: Duration = Duration::from_secs(30);

fn client(server: &Prometheus) -> Client {
    Client::new(ClientConfig::new(server.url()).unwrap()).unwrap()
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap())
}

/// Waits until the server has read itself a few times.
async fn scraped(client: &Client) {
    for _ in 0..300 {
        let answer = client.query("up[1m]", None).await.unwrap();
        if answer.series.iter().any(|series| series.len() >= 4) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server does not read itself");
}

/// Writes `samples` of the series `name`.
async fn written(
    server: &Prometheus,
    name: &str,
    samples: impl Iterator<Item = (Timestamp, f64)>,
) -> WriteStatus {
    let endpoint = ClientConfig::new(&format!("{}/api/v1/write", server.url())).unwrap();
    let options = WriteOptions::default();
    let writer = RemoteWriter::start(endpoint, options).unwrap();
    let labels = Labels::from_pairs([("__name__", name)]).unwrap();
    writer.send(samples.map(|(timestamp, value)| Sample {
        labels: labels.clone(),
        timestamp,
        value,
    }));
    writer.stop(LONG).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eleven_thousand_steps_pass_and_longer_ranges_have_no_seams() {
    let server = Prometheus::start(60_000, "", "");
    let client = client(&server);
    // A head takes points of the last hour.
    let (step, points) = (100, 25_000_i64);
    let last = now().align_down(step);
    let first = last.add_millis(-step * (points - 1));
    let samples = (0..points).map(|i| (first.add_millis(i * step), i as f64));
    let status = written(&server, "count", samples).await;
    assert_eq!((status.written, status.last_error), (25_000, None));

    let range = |points: i64| Range {
        start: first,
        end: first.add_millis(step * (points - 1)),
        step_ms: step,
    };
    let believing = |limit| {
        let config = ClientConfig::new(server.url()).unwrap();
        Client::new(config.max_points(limit).unwrap()).unwrap()
    };
    // The limit is of steps: 11,001 points are asked for at once, one more is too many.
    let at_once = believing(50_000).query_range("count", &range(11_001)).await;
    assert_eq!(at_once.unwrap().series[0].len(), 11_001);
    let refused = believing(50_000).query_range("count", &range(11_002)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Query);
    for wanted in [11_001, 11_002, 22_002, 22_003, points] {
        let answer = client.query_range("count", &range(wanted)).await.unwrap();
        assert!(answer.quality.is_clean(), "{:?}", answer.quality);
        let series = &answer.series[0];
        assert_eq!(series.len() as i64, wanted);
        for (i, (at, value)) in series.iter().enumerate() {
            assert_eq!((at, value), (first.add_millis(step * i as i64), i as f64));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remote_read_adds_the_labels_of_the_server() {
    let server = Prometheus::start_as("region: eu, job: outer", 500, "", "");
    let client = client(&server);
    let begun = now();
    scraped(&client).await;
    let (start, end) = (begun.add_millis(-60_000), now().add_millis(-1_000));
    let queried = client.query("up[1m]", Some(end)).await.unwrap();
    assert_eq!(queried.series[0].labels().get("region"), None);
    let read = client.remote_read("up", start, end).await.unwrap();
    let labels = read.series[0].labels();
    assert_eq!(labels.get("region"), Some("eu"));
    // What a series says itself stands.
    assert_eq!(labels.get("job"), Some("prometheus"));
    let raw = |answer: &bongsu_prometheus::Answer| answer.series[0].values().len();
    assert!(raw(&read) >= raw(&queried), "{read:?}");
    // They are what a selector may ask for, though no stored series has them.
    let eu = client.remote_read("up{region=\"eu\"}", start, end).await;
    assert_eq!(eu.unwrap().series, read.series);
    let us = client.remote_read("up{region=\"us\"}", start, end).await;
    assert!(us.unwrap().series.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_receiver_refuses_the_past_and_takes_the_rest() {
    let server = Prometheus::start(500, "", "");
    let client = client(&server);
    scraped(&client).await;
    // Without a window for what is out of order, it takes nothing from long before its newest point.
    let present = now();
    let status = written(
        &server,
        "old",
        [(present.add_millis(-86_400_000), 1.0)].into_iter(),
    )
    .await;
    assert_eq!((status.written, status.queued), (0, 0), "{status:?}");
    let why = status.last_error.unwrap_or_default();
    assert!(why.contains("400"), "{why}");
    let status = written(&server, "new", [(present, 2.0)].into_iter()).await;
    assert_eq!((status.written, status.last_error), (1, None));
    let found = client.query("new", None).await.unwrap();
    assert_eq!(found.series[0].values(), [2.0]);
    assert!(
        client
            .query("old[2d]", None)
            .await
            .unwrap()
            .series
            .is_empty()
    );
}
