//! Remote write: against a real Prometheus, and against receivers that refuse.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/prometheus.rs"]
mod prometheus;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_core::{Labels, Timestamp};
use bongsu_prometheus::{
    Client, ClientConfig, RemoteWriter, Sample, WriteOptions, WriteProtocol, WriteStatus,
};
use prometheus::Prometheus;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const LONG: Duration = Duration::from_secs(20);

fn labels(name: &str, job: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", job), ("empty", "")]).unwrap()
}

fn sample(name: &str, millis: i64, value: f64) -> Sample {
    Sample {
        labels: labels(name, "a"),
        timestamp: Timestamp::from_millis(millis),
        value,
    }
}

fn endpoint(url: &str) -> ClientConfig {
    let (first, max) = (Duration::from_millis(5), Duration::from_millis(50));
    let config = ClientConfig::new(&format!("{url}/api/v1/write")).unwrap();
    config.retry_delay(first, max).unwrap()
}

fn writer(url: &str, options: WriteOptions) -> RemoteWriter {
    RemoteWriter::start(endpoint(url), options).unwrap()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// What is sent arrives in a real server with both protocols (which this one knows one of), and
/// reads back bit for bit, by query and by remote read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_reads_back() {
    let server = Prometheus::start(60_000, "", "");
    let client = Client::new(ClientConfig::new(server.url()).unwrap()).unwrap();
    let start = now() - 200_000;
    for (name, protocol) in [("one", WriteProtocol::V1), ("two", WriteProtocol::V2)] {
        let options = WriteOptions::default().protocol(protocol);
        let options = options.max_batch(300).unwrap();
        let writer = writer(server.url(), options);
        let value = |i: i64| match i {
            7 => f64::NAN,
            8 => f64::INFINITY,
            i => (i as f64 * 0.1).sin() * 1e3,
        };
        for i in 0..1_000 {
            writer.send([sample(name, start + i * 100, value(i))]);
        }
        assert!(writer.flush(LONG).await, "{:?}", writer.status());
        let status = writer.stop(LONG).await;
        assert_eq!((status.written, status.refused), (1_000, 0), "{status:?}");
        assert_eq!(status.last_error, None);

        let (from, to) = (start + 300, start + 99_000);
        let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
        let answer = client
            .remote_read(&format!("{name}{{job=~\"a|b\"}}"), from, to)
            .await
            .unwrap();
        assert!(answer.quality.is_clean());
        let [series] = &answer.series[..] else {
            panic!("{:?}", answer.series);
        };
        assert_eq!(*series.labels(), labels(name, "a"));
        assert_eq!(
            series.len(),
            988,
            "trimmed to the range, both ends included"
        );
        for (i, (time, found)) in (3..).zip(series.iter()) {
            assert_eq!(time.as_millis(), start + i * 100);
            assert!(found.to_bits() == value(i).to_bits() || i == 7 && found.is_nan());
        }
        let answer = client.query(&format!("{name}[5m]"), None).await.unwrap();
        assert_eq!(answer.series[0].len(), 1_000);
    }
    // The past of a series is refused, and said to be.
    let writer = writer(server.url(), WriteOptions::default());
    writer.send([sample("one", start, 5.0)]);
    assert!(writer.flush(LONG).await);
    let status = writer.status();
    assert_eq!((status.written, status.refused), (0, 1));
    let error = status.last_error.unwrap();
    assert!(error.contains("400") && error.contains("out of"), "{error}");
    // It takes nothing else with it.
    let new = |i: i64| sample("new", start + 100 * i, i as f64);
    writer.send((0..40).map(|i| {
        if i == 17 {
            sample("one", start, 6.0)
        } else {
            new(i)
        }
    }));
    assert!(writer.flush(LONG).await);
    let status = writer.status();
    assert_eq!((status.written, status.refused), (39, 2), "{status:?}");
    let answer = client.query("new[5m]", None).await.unwrap();
    assert_eq!(answer.series[0].len(), 39);
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_is_not_asked_for_ever() {
    let server = receiver(|_, _| ResponseTemplate::new(400).set_body_string("out of bounds")).await;
    let found = sent(&server.uri(), WriteOptions::default(), 1_000).await;
    assert_eq!((found.refused, found.written), (1_000, 0));
    let requests = server.received_requests().await.unwrap().len();
    assert!(requests <= 130, "{requests} requests");
}

/// A receiver that answers as `answer` says, by the number of the request from 0.
async fn receiver(
    answer: impl Fn(usize, &Request) -> ResponseTemplate + Send + Sync + 'static,
) -> MockServer {
    let server = MockServer::start().await;
    let count = AtomicUsize::new(0);
    Mock::given(method("POST"))
        .and(header("content-encoding", "snappy"))
        .respond_with(move |request: &Request| {
            answer(count.fetch_add(1, Ordering::SeqCst), request)
        })
        .mount(&server)
        .await;
    server
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

async fn sent(url: &str, options: WriteOptions, n: i64) -> WriteStatus {
    let writer = writer(url, options);
    writer.send((0..n).map(|i| sample("m", i, 1.0)));
    assert!(writer.flush(LONG).await, "{:?}", writer.status());
    writer.stop(LONG).await
}

#[tokio::test]
async fn what_may_pass_is_tried_again_in_order() {
    let server = receiver(|n, _| match n {
        0 => ResponseTemplate::new(503),
        1 => ResponseTemplate::new(429).insert_header("retry-after", "0"),
        2 => ResponseTemplate::new(500),
        3 => ResponseTemplate::new(507),
        _ => ok(),
    })
    .await;
    let options = WriteOptions::default().max_batch(10).unwrap();
    let status = sent(&server.uri(), options, 25).await;
    assert_eq!((status.written, status.retries), (25, 4), "{status:?}");
    let bodies: Vec<Vec<u8>> = server
        .received_requests()
        .await
        .unwrap()
        .into_iter()
        .map(|request| request.body)
        .collect();
    // The first batch five times, then the other two once.
    assert_eq!(bodies.len(), 7);
    assert!(bodies[..5].iter().all(|body| *body == bodies[0]));
    assert!(bodies[5] != bodies[0] && bodies[6].len() < bodies[5].len());
}

#[tokio::test]
async fn what_is_refused_is_given_up_and_the_rest_goes_on() {
    for status in [401, 404, 422] {
        let server = receiver(move |n, _| match n {
            0 => ResponseTemplate::new(status).set_body_string("out of bounds"),
            _ => ok(),
        })
        .await;
        let options = WriteOptions::default().max_batch(10).unwrap();
        let found = sent(&server.uri(), options, 15).await;
        assert_eq!((found.refused, found.written, found.retries), (10, 5, 0));
    }
}

#[tokio::test]
async fn batches_that_are_too_large_are_halved_until_they_fit() {
    let server = receiver(|_, request| {
        if request.body.len() > 200 {
            ResponseTemplate::new(413)
        } else {
            ok()
        }
    })
    .await;
    let status = sent(&server.uri(), WriteOptions::default(), 500).await;
    assert_eq!((status.written, status.refused), (500, 0), "{status:?}");
    let server = receiver(|_, _| ResponseTemplate::new(413)).await;
    let status = sent(&server.uri(), WriteOptions::default(), 5).await;
    assert_eq!((status.written, status.refused), (0, 5), "{status:?}");
}

#[tokio::test]
async fn receivers_without_the_second_protocol_get_the_first() {
    let second = |request: &Request| {
        let version = &request.headers["x-prometheus-remote-write-version"];
        version == "2.0.0"
    };
    for status in [415, 204] {
        let server = receiver(move |_, request| {
            if second(request) {
                ResponseTemplate::new(status)
            } else {
                ok()
            }
        })
        .await;
        let options = WriteOptions::default().protocol(WriteProtocol::V2);
        let found = sent(&server.uri(), options, 3).await;
        assert_eq!((found.written, found.refused), (3, 0), "{status}");
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 2);
        assert!(second(&requests[0]) && !second(&requests[1]));
    }
    let counted =
        receiver(|_, _| ok().insert_header("x-prometheus-remote-write-samples-written", "3")).await;
    let options = WriteOptions::default().protocol(WriteProtocol::V2);
    assert_eq!(sent(&counted.uri(), options, 3).await.written, 3);
    assert_eq!(counted.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_and_counts_them() {
    let server = receiver(|_, _| ResponseTemplate::new(503)).await;
    let options = WriteOptions::default();
    let options = options.max_queue(100).unwrap().max_batch(10).unwrap();
    let writer = writer(&server.uri(), options);
    writer.send((0..10).map(|i| sample("m", i, 1.0)));
    while writer.status().retries == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    writer.send((10..160).map(|i| sample("m", i, 1.0)));
    let status = writer.status();
    assert_eq!((status.queued, status.dropped), (110, 50));
    assert!(!writer.flush(Duration::from_millis(30)).await);
    assert!(status.last_error.unwrap().contains("503"));
    let status = writer.stop(Duration::from_millis(30)).await;
    assert_eq!((status.queued, status.dropped, status.written), (0, 160, 0));
}

#[tokio::test]
async fn a_receiver_that_is_away_is_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let writer = writer(&format!("http://{address}"), WriteOptions::default());
    writer.send([sample("m", 1, 1.0)]);
    while writer.status().retries < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let listener = std::net::TcpListener::bind(address).unwrap();
    let server = MockServer::builder().listener(listener).start().await;
    Mock::given(method("POST"))
        .respond_with(ok())
        .mount(&server)
        .await;
    assert!(writer.flush(LONG).await);
    assert_eq!(writer.status().written, 1);
}

#[test]
fn options_check_their_domain() {
    for bad in [0, 100_001] {
        let error = WriteOptions::default().max_batch(bad).unwrap_err();
        assert!(error.to_string().contains("max_batch"), "{error}");
    }
    assert!(WriteOptions::default().max_queue(0).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_handed_over_in_order() {
    let server = MockServer::start().await;
    let away = ResponseTemplate::new(503);
    let never = Mock::given(method("POST")).respond_with(away).expect(1..);
    let guard = never.mount_as_scoped(&server).await;
    let options = WriteOptions::default().max_batch(10).unwrap();
    let old = writer(&server.uri(), options);
    old.send((0..25).map(|i| sample("kept", i, i as f64)));
    while old.status().retries == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(old.status().queued, 25);
    let left = old.hand_over();
    // The batch that is under way is among them, in its place.
    let times: Vec<i64> = left.iter().map(|s| s.timestamp.as_millis()).collect();
    assert_eq!(times, (0..25).collect::<Vec<i64>>());
    drop(guard);
    let well = ResponseTemplate::new(204);
    Mock::given(method("POST"))
        .respond_with(well)
        .mount(&server)
        .await;
    let new = writer(&server.uri(), options);
    new.send(left);
    assert!(new.flush(LONG).await);
    assert_eq!(new.status().written, 25);
}
