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

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap())
}

/// A point each second up to `last`, whose values count up, and a client that sees the first `seen`.
async fn counted(server: &Victoria, points: i64, last: Timestamp, seen: Timestamp) -> Client {
    let client = Client::new(ClientConfig::new(server.url()).unwrap()).unwrap();
    client.ready().await.unwrap();
    let endpoint = ClientConfig::new(&format!("{}/api/v1/write", server.url())).unwrap();
    let options = WriteOptions::default().protocol(WriteProtocol::V1);
    let writer = RemoteWriter::start(endpoint, options).unwrap();
    let labels = Labels::from_pairs([("__name__", "count")]).unwrap();
    writer.send((0..points).map(|i| Sample {
        labels: labels.clone(),
        timestamp: last.add_millis(-1_000 * (points - 1 - i)),
        value: i as f64,
    }));
    let status = writer.stop(LONG).await;
    assert_eq!((status.written, status.last_error), (points as u64, None));
    for _ in 0..200 {
        let raw = client.query("count[1h]", Some(seen)).await.unwrap();
        let newest = raw.series.first().and_then(|s| s.timestamps().last());
        if newest.is_some_and(|newest| *newest >= seen) {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("what was written does not show");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_have_the_times_that_the_server_gives_them() {
    let server = Victoria::start(false);
    let last = now().align_down(1_000);
    let client = counted(&server, 600, last, last).await;
    // On the grid, what is asked for is what comes, also in pieces.
    let range = Range {
        start: last.align_down(7_000).add_millis(-80 * 7_000),
        end: last.align_down(7_000),
        step_ms: 7_000,
    };
    let whole = client.query_range("count", &range).await.unwrap();
    let times = whole.series[0].timestamps();
    assert_eq!(
        (times.first(), times.last()),
        (Some(&range.start), Some(&range.end))
    );
    assert_eq!(times.len(), 81);
    let pieces = ClientConfig::new(server.url())
        .unwrap()
        .max_points(9)
        .unwrap();
    let pieces = Client::new(pieces).unwrap();
    assert_eq!(pieces.query_range("count", &range).await.unwrap(), whole);
    // Off the grid this server moves the borders by itself, and each value stands at the time that
    // it was found at.
    let off = Range {
        start: range.start.add_millis(3_000),
        end: range.end.add_millis(-1_000),
        step_ms: 7_000,
    };
    let moved = client.query_range("count", &off).await.unwrap();
    let first = last.add_millis(-599_000);
    let moved = &moved.series[0];
    assert!(
        moved
            .timestamps()
            .iter()
            .all(|at| *at == at.align_down(7_000)),
        "{moved:?}"
    );
    assert_ne!(moved.timestamps()[0], off.start);
    for (at, value) in moved.iter() {
        assert_eq!(value * 1_000.0, at.millis_since(first) as f64, "at {at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_half_minute_is_made_up_and_what_is_before_is_not() {
    let server = Victoria::start(true);
    let last = now().align_down(1_000);
    let settled = last.add_millis(-31_000);
    let client = counted(&server, 300, last, settled).await;
    let range = Range {
        start: last.add_millis(-120_000),
        end: last,
        step_ms: 1_000,
    };
    let answer = client.query_range("count", &range).await.unwrap();
    let shown = &answer.series[0];
    let first = last.add_millis(-299_000);
    let mut made_up = 0;
    for (at, value) in shown.iter() {
        let real = at.millis_since(first) as f64 / 1_000.0;
        if at <= settled {
            assert_eq!(value, real, "at {at}");
        } else {
            made_up += u32::from(value != real);
        }
    }
    // Its points repeat the last one that is shown, so that a query needs an `offset` of 30 s or more.
    assert!(made_up >= 10, "{made_up} of {}", shown.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_reads_back() {
    let server = Victoria::start(false);
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
