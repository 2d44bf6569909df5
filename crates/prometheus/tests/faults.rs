//! The client against servers that misbehave.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/mock.rs"]
mod mock;

use std::io::Write as _;
use std::time::{Duration, Instant};

use bongsu_core::Timestamp;
use bongsu_prometheus::{Client, ErrorKind};
use mock::{EMPTY, UP, client, config, json, requests, server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A server that reads a request and answers each connection with these bytes.
async fn raw(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    url
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let client = client(&format!("http://arthur:hunter2@{addr}/prom"));
    let error = client.query("up{secret=\"q\"}", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let text = format!("{error} {error:?} {client:?}");
    assert!(
        text.contains(&format!("POST http://{addr}/prom/api/v1/query")),
        "{text}"
    );
    assert!(text.contains("refused"), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains("arthur"),
        "{text}"
    );
}

#[tokio::test]
async fn an_unknown_host_is_a_connection_error() {
    let client = Client::new(config("http://no-such-host.invalid").retries(0).unwrap()).unwrap();
    let error = client.query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn statuses_have_their_kinds_and_only_passing_ones_are_tried_again() {
    let prometheus =
        r#"{"status":"error","errorType":"execution","error":"many-to-many matching"}"#;
    for (status, kind, tries) in [
        (400, ErrorKind::Query, 1),
        (401, ErrorKind::Denied, 1),
        (403, ErrorKind::Denied, 1),
        (404, ErrorKind::NotFound, 1),
        (422, ErrorKind::Query, 1),
        (429, ErrorKind::RateLimited, 3),
        (418, ErrorKind::Status, 1),
        (500, ErrorKind::Unavailable, 3),
        (502, ErrorKind::Unavailable, 3),
        (503, ErrorKind::Unavailable, 3),
        (504, ErrorKind::Unavailable, 3),
    ] {
        let reply = ResponseTemplate::new(status).set_body_raw(prometheus, "application/json");
        let server = server(reply).await;
        let client = Client::new(config(&server.uri()).retries(2).unwrap()).unwrap();
        let error = client.query("up", None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(error.error_type(), Some("execution"));
        assert!(
            error.to_string().contains("many-to-many matching"),
            "{error}"
        );
        assert_eq!(requests(&server).await, tries, "{status}");
    }
}

/// Answers the first request with 429 and this `Retry-After`, all others with a result.
async fn busy_once(retry_after: &str) -> MockServer {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("Retry-After", retry_after);
    Mock::given(method("POST"))
        .respond_with(busy)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(json(UP))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn retry_after_lengthens_the_pause_but_never_shortens_it() {
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (header, least) in [("0", 100), (past, 100), ("1", 1_000)] {
        let server = busy_once(header).await;
        let (first, max) = (Duration::from_millis(200), Duration::from_secs(60));
        let config = config(&server.uri()).retry_delay(first, max).unwrap();
        let client = Client::new(config).unwrap();
        let start = Instant::now();
        assert_eq!(client.query("up", None).await.unwrap().series.len(), 1);
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_millis(least),
            "{header}: {waited:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_long_pause_is_left_alone() {
    let server = busy_once("3600").await;
    let error = client(&server.uri()).query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn a_long_error_keeps_its_message() {
    let message = format!("too many samples \\n{}", "é".repeat(35_000));
    let body = format!(r#"{{"status":"error","errorType":"execution","error":"{message}"}}"#);
    assert!(body.len() > 70_000);
    let reply = ResponseTemplate::new(422).set_body_raw(body, "application/json");
    let server = server(reply).await;
    let error = client(&server.uri()).query("up", None).await.unwrap_err();
    assert_eq!(error.error_type(), Some("execution"));
    let text = error.to_string();
    assert!(text.contains("too many samples  é"), "{text}");
    assert!(text.chars().count() < 2_200 && !text.contains('\n'));
}

#[tokio::test]
async fn a_success_without_a_result_is_an_error() {
    let server = server(json(r#"{"status":"success","data":null}"#)).await;
    let client = client(&server.uri());
    let error = client.query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("the answer has no result"));
    let (from, to) = (Timestamp::MIN, Timestamp::MAX);
    let error = client.series(&["up"], from, to).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("the answer has no result"));
}

#[tokio::test]
async fn partial_lists_are_errors_with_the_warnings() {
    let (from, to) = (Timestamp::MIN, Timestamp::MAX);
    for partial in ["true", "\"true\""] {
        let body = format!(
            r#"{{"status":"success","isPartial":{partial},"data":["a"],"warnings":["store down","late"]}}"#
        );
        let server = server(json(&body)).await;
        Mock::given(method("GET"))
            .respond_with(json(&body))
            .mount(&server)
            .await;
        let client = client(&server.uri());
        let labels = client.labels(&[], from, to).await.unwrap_err();
        let values = client.label_values("a", &[], from, to).await.unwrap_err();
        for error in [labels, values] {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            let text = error.to_string();
            assert!(text.contains("is partial: store down; late"), "{text}");
        }
    }
    // Warnings alone are none, and a big list is read as a small one.
    let names: Vec<String> = (0..100_000).map(|i| format!("n{i}")).collect();
    let data = serde_json::to_string(&names).unwrap();
    let body =
        format!(r#"{{"status":"success","isPartial":false,"data":{data},"warnings":["w"]}}"#);
    let server = server(json(&body)).await;
    let found = client(&server.uri()).labels(&[], from, to).await.unwrap();
    assert_eq!(found, names);
}

#[tokio::test]
async fn a_server_that_recovers_is_answered_from() {
    let server = MockServer::start().await;
    let down = ResponseTemplate::new(503).set_body_string("<html>down</html>");
    Mock::given(method("POST"))
        .respond_with(down)
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(json(EMPTY))
        .mount(&server)
        .await;
    let answer = client(&server.uri()).query("up", None).await.unwrap();
    assert!(answer.series.is_empty() && answer.quality.is_clean());
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn a_slow_server_times_out() {
    let server = server(json(EMPTY).set_delay(Duration::from_secs(5))).await;
    let config = config(&server.uri()).retries(0).unwrap();
    let client = Client::new(config.timeout(Duration::from_millis(100)).unwrap()).unwrap();
    let error = client.query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("100ms"), "{error}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_connection_error() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n",
    ] {
        let url = raw(format!("{head}{{\"status\":\"succ").into_bytes()).await;
        let error = client(&url).query("up", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(
            error.to_string().contains("broke off after 15 bytes"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn json_that_is_cut_short_says_where() {
    let server = server(json(&UP[..60])).await;
    let error = client(&server.uri()).query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    let text = error.to_string();
    assert!(
        text.contains("at byte 60 of 60") && text.contains("cut short"),
        "{text}"
    );
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn an_answer_over_the_cap_is_refused_while_it_comes_in() {
    let big = format!("{}{}", " ".repeat(100_000), EMPTY);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(big.as_bytes()).unwrap();
    let packed = ResponseTemplate::new(200)
        .set_body_raw(gzip.finish().unwrap(), "application/json")
        .insert_header("Content-Encoding", "gzip");
    for reply in [json(&big), packed] {
        let server = server(reply).await;
        let capped = config(&server.uri()).max_response_bytes(99_999).unwrap();
        let error = Client::new(capped)
            .unwrap()
            .query("up", None)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("99999"), "{error}");
        assert_eq!(requests(&server).await, 1);
        // The same answer passes below the cap: it is decompressed.
        client(&server.uri()).query("up", None).await.unwrap();
    }
}

#[tokio::test]
async fn zstd_is_read_and_damaged_gzip_is_an_error() {
    // A frame of one raw block.
    let mut frame = vec![
        0x28,
        0xb5,
        0x2f,
        0xfd,
        0x20,
        u8::try_from(UP.len()).unwrap(),
    ];
    let block = u32::try_from(UP.len()).unwrap() << 3 | 1;
    frame.extend_from_slice(&block.to_le_bytes()[..3]);
    frame.extend_from_slice(UP.as_bytes());
    let encoded = |body: Vec<u8>, name| {
        let reply = ResponseTemplate::new(200).set_body_raw(body, "application/json");
        reply.insert_header("Content-Encoding", name)
    };
    let zstd = server(encoded(frame, "zstd")).await;
    assert_eq!(
        client(&zstd.uri())
            .query("up", None)
            .await
            .unwrap()
            .series
            .len(),
        1
    );
    let damaged = server(encoded(b"\x1f\x8b\x08 this is not gzip".to_vec(), "gzip")).await;
    let error = client(&damaged.uri()).query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    assert_eq!(requests(&damaged).await, 1);
}

#[tokio::test]
async fn a_login_page_is_named_and_shown() {
    let page = "<html>\n <title>Sign in</title>";
    let server = server(ResponseTemplate::new(200).set_body_raw(page, "text/html")).await;
    let error = client(&server.uri()).query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContentType);
    let text = error.to_string();
    assert!(
        text.contains("`text/html`") && text.contains("<title>Sign in</title>"),
        "{text}"
    );
    let client = client(&server.uri());
    let series = client.series(&["up"], Timestamp::MIN, Timestamp::MAX);
    assert_eq!(series.await.unwrap_err().kind(), ErrorKind::ContentType);
}

#[tokio::test]
async fn points_out_of_order_and_doubled_are_repaired_and_counted() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"a":"1"},"values":[[10,"1"],[30,"3"],[20,"2"],[20,"9"],[30,"9"]]},
        {"metric":{"a":"2"},"values":[[10,"1"]],"histograms":[[10,{"count":"5","sum":"1"}]]},
        {"metric":{"a":"3"},"histograms":[[10,{"count":"5","sum":"1"}]]}]}}"#;
    let server = server(json(body)).await;
    let answer = client(&server.uri()).query("up[5m]", None).await.unwrap();
    let [first, second] = answer.series.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!(first.values(), [1.0, 2.0, 3.0]);
    assert_eq!(second.values(), [1.0]);
    let quality = answer.quality;
    assert_eq!((quality.duplicate_points, quality.unordered_points), (2, 2));
    assert_eq!(quality.histogram_series, 2);
    assert!(!quality.is_clean());
}

#[tokio::test]
async fn warnings_remarks_and_partial_answers_are_surfaced() {
    let body = r#"{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[]},"warnings":["store down"],"infos":["not a counter"]}"#;
    let server = server(json(body)).await;
    let quality = client(&server.uri())
        .query("up", None)
        .await
        .unwrap()
        .quality;
    assert!(quality.partial && !quality.is_clean());
    assert_eq!(quality.warnings, ["store down"]);
    assert_eq!(quality.infos, ["not a counter"]);
}
