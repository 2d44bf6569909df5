//! Mock servers, and clients that do not wait long for them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

use std::time::Duration;

use bongsu_prometheus::{Client, ClientConfig};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// An answer without series.
pub(crate) const EMPTY: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
/// An answer with one series.
pub(crate) const UP: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up"},"value":[10,"1"]}]}}"#;

/// A configuration with short pauses.
pub(crate) fn config(url: &str) -> ClientConfig {
    let (first, max) = (Duration::from_millis(5), Duration::from_millis(300));
    ClientConfig::new(url)
        .unwrap()
        .retry_delay(first, max)
        .unwrap()
}

/// A client with short pauses.
pub(crate) fn client(url: &str) -> Client {
    Client::new(config(url)).unwrap()
}

/// A success.
pub(crate) fn json(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "application/json; charset=utf-8")
}

/// A server that gives every POST this reply.
pub(crate) async fn server(reply: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(reply)
        .mount(&server)
        .await;
    server
}

/// How many requests a server has had.
pub(crate) async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}
