//! Tokens that are fetched, against a server that gives them and one that wants them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use bongsu_core::{Labels, Secret, Timestamp};
use bongsu_prometheus::{
    Auth, Client, ClientAuth, ClientConfig, ErrorKind, OAuth2, RemoteWriter, Sample, WriteOptions,
};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// An answer without series.
const EMPTY: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;

fn json(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "application/json")
}

/// How many requests a server has had.
async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// A server that gives the tokens `t1`, `t2` and so on.
async fn giver() -> MockServer {
    let server = MockServer::start().await;
    let given = AtomicUsize::new(0);
    Mock::given(any())
        .respond_with(move |_: &Request| {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            json(&format!(
                r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":3600}}"#
            ))
        })
        .mount(&server)
        .await;
    server
}

/// A server that wants `Bearer t<n>` with an `n` of at least `least`.
async fn wanter(least: Arc<AtomicUsize>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(move |request: &Request| {
            let shown = request.headers.get("authorization");
            let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer t"));
            let number: usize = shown.and_then(|text| text.parse().ok()).unwrap_or(0);
            if number >= least.load(Ordering::SeqCst) {
                json(EMPTY)
            } else {
                ResponseTemplate::new(401).set_body_string(format!("not t{number}"))
            }
        })
        .mount(&server)
        .await;
    server
}

fn credentials(giver: &MockServer) -> OAuth2 {
    let client = OAuth2::new(
        &format!("{}/token?v=2", giver.uri()),
        "bong su",
        Secret::new("p@ss:ü"),
    );
    let client = client
        .unwrap()
        .scope("read")
        .unwrap()
        .scope("write")
        .unwrap();
    client
        .param("audience", "https://mimir".to_owned())
        .unwrap()
}

fn config(wanter: &MockServer, client: OAuth2) -> ClientConfig {
    let config = ClientConfig::new(&wanter.uri()).unwrap();
    let config = config.auth(Auth::OAuth2(client)).unwrap();
    config.retries(0).unwrap().max_concurrency(64).unwrap()
}

#[tokio::test]
async fn one_token_serves_many_requests() {
    let (giver, wanter) = (giver().await, wanter(Arc::new(AtomicUsize::new(1))).await);
    let client = Client::new(config(&wanter, credentials(&giver))).unwrap();
    let asked = futures_util::future::join_all((0..40).map(|_| client.query("up", None)));
    assert!(asked.await.into_iter().all(|answer| answer.is_ok()));
    assert_eq!((requests(&giver).await, requests(&wanter).await), (1, 40));

    let request = &giver.received_requests().await.unwrap()[0];
    assert_eq!(
        (request.method.as_str(), request.url.query()),
        ("POST", Some("v=2"))
    );
    let form = |body: &[u8]| -> BTreeMap<String, String> {
        form_urlencoded::parse(body).into_owned().collect()
    };
    let expected = [
        ("grant_type", "client_credentials"),
        ("scope", "read write"),
        ("audience", "https://mimir"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(form(&request.body), BTreeMap::from(expected.clone()));
    // Both are encoded as in a form before they are joined.
    let shown = request.headers["authorization"].to_str().unwrap();
    let shown = shown.strip_prefix("Basic ").unwrap();
    let shown = base64::engine::general_purpose::STANDARD
        .decode(shown)
        .unwrap();
    assert_eq!(shown, b"bong+su:p%40ss%3A%C3%BC");

    let in_body = credentials(&giver).client_auth(ClientAuth::Body);
    let client = Client::new(config(&wanter, in_body)).unwrap();
    client.query("up", None).await.unwrap();
    let request = &giver.received_requests().await.unwrap()[1];
    assert!(!request.headers.contains_key("authorization"));
    let own = [("client_id", "bong su"), ("client_secret", "p@ss:ü")];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        form(&request.body),
        expected.into_iter().chain(own).collect()
    );
}

#[tokio::test]
async fn a_token_that_is_taken_back_is_fetched_again_once() {
    let least = Arc::new(AtomicUsize::new(1));
    let (giver, wanter) = (giver().await, wanter(Arc::clone(&least)).await);
    let client = Client::new(config(&wanter, credentials(&giver))).unwrap();
    client.query("up", None).await.unwrap();
    least.store(2, Ordering::SeqCst);
    client.query("up", None).await.unwrap();
    assert_eq!((requests(&giver).await, requests(&wanter).await), (2, 3));
    // A server that takes none is not asked for ever, and what it repeats is hidden.
    least.store(usize::MAX, Ordering::SeqCst);
    let error = client.query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("not <secret>"), "{error}");
    assert_eq!((requests(&giver).await, requests(&wanter).await), (3, 5));
}

#[tokio::test]
async fn a_writer_shows_its_token_too() {
    let (giver, wanter) = (giver().await, wanter(Arc::new(AtomicUsize::new(1))).await);
    let options = WriteOptions::default();
    let writer = RemoteWriter::start(config(&wanter, credentials(&giver)), options).unwrap();
    writer.send([Sample {
        labels: Labels::from_pairs([("__name__", "x")]).unwrap(),
        timestamp: Timestamp::from_secs(1),
        value: 1.0,
    }]);
    let status = writer.stop(Duration::from_secs(20)).await;
    assert_eq!((status.written, status.last_error), (1, None));
    assert_eq!(requests(&giver).await, 1);
}
