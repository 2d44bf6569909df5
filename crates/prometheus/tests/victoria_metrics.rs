//! The client and the writer against a real VictoriaMetrics, which speaks nearly the same API.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/victoria.rs"]
mod victoria;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_core::{Labels, Timestamp};
use bongsu_prometheus::{
    Client, ClientConfig, ErrorKind, Range, RemoteWriter, Sample, WriteOptions, WriteProtocol,
};
use victoria::Victoria;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_reads_back() {
    let server = Victoria::start();
    let client = Client::new(ClientConfig::new(server.url()).unwrap()).unwrap();
    client.ready().await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let step = 10_000;
    let last = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap()).align_down(step);
    let first = last.add_millis(-99 * step);
    let endpoint = ClientConfig::new(&format!("{}/api/v1/write", server.url())).unwrap();
    // This server takes either body as one of the first protocol.
    let options = WriteOptions::default().protocol(WriteProtocol::V2);
    let writer = RemoteWriter::start(endpoint, options).unwrap();
    for job in ["a", "b"] {
        let labels = Labels::from_pairs([("__name__", "score"), ("job", job)]).unwrap();
        writer.send((0..100).map(|i| Sample {
            labels: labels.clone(),
            timestamp: first.add_millis(i * step),
            value: i as f64 + 0.25,
        }));
    }
    let status = writer.stop(LONG).await;
    assert_eq!((status.written, status.last_error), (200, None));

    let range = Range {
        start: first,
        end: last,
        step_ms: step,
    };
    // What was written is searchable after a moment.
    let mut answer = client.query_range("score", &range).await.unwrap();
    for _ in 0..200 {
        if answer.series.len() == 2 && answer.series.iter().all(|series| series.len() == 100) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = client.query_range("score", &range).await.unwrap();
    }
    assert!(answer.quality.is_clean(), "{:?}", answer.quality);
    assert_eq!(answer.series.len(), 2);
    for series in &answer.series {
        let expected: Vec<f64> = (0..100).map(|i| f64::from(i) + 0.25).collect();
        assert_eq!(series.values(), expected);
        assert_eq!(series.timestamps()[0], first);
    }
    let raw = client
        .query("score{job=\"b\"}[20m]", Some(last))
        .await
        .unwrap();
    assert_eq!(raw.series[0].len(), 100);
    let names = client
        .label_values("job", &["score"], first, last)
        .await
        .unwrap();
    assert_eq!(names, ["a", "b"]);
    let refused = client.query("score{", None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Query, "{refused}");
    let unknown = client.remote_read("score", first, last).await.unwrap_err();
    assert!(!unknown.is_transient(), "{unknown}");
}
