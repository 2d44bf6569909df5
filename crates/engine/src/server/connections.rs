//! Connections: how many there are, and how long each may take.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::STOP_WITHIN;
use super::api::refused;

/// What clients may ask of the server beside answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at once; further ones wait until one of these ends.
    connections: usize,
    /// The longest that the head of a request may take, and that a connection may rest between two.
    head: Duration,
    /// The largest body of a request in bytes, and the longest that it may take.
    body: usize,
    body_within: Duration,
    /// The longest that a connection lives, however slowly its client reads.
    life: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head: Duration::from_secs(10),
            body: 64 << 10,
            body_within: Duration::from_secs(10),
            life: Duration::from_secs(900),
        }
    }
}

/// The largest head of a request in bytes.
const LARGEST_HEAD: usize = 32 << 10;

/// Answers what comes to `listener` by `router`, until `stopped` completes; requests that are being
/// answered then are answered first, for [`STOP_WITHIN`].
pub(super) async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    limits: Limits,
    stopped: impl Future<Output = ()>,
) {
    let router = router.layer(from_fn_with_state(limits, whole_body));
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopping) = watch::channel(());
    let mut stopped = pin!(stopped);
    let mut open = JoinSet::new();
    loop {
        let next = async {
            // Never closed, so that there is always one to come.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await.0)
        };
        let (place, stream) = tokio::select! {
            biased;
            () = &mut stopped => break,
            next = next => next,
        };
        let (router, stopping) = (router.clone(), stopping.clone());
        open.spawn(async move {
            connection(stream, router, limits, stopping).await;
            drop(place);
        });
        while open.try_join_next().is_some() {}
    }
    drop((listener, stop));
    while open.join_next().await.is_some() {}
}

/// One connection, from its first request to its end.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<()>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // What goes wrong on a connection is its client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.changed() => {}
        () = sleep(limits.life) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(STOP_WITHIN, connection).await;
}

/// Reads the body of a request before it is looked at.
async fn whole_body(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match timeout(limits.body_within, to_bytes(body, limits.body)).await {
        Ok(Ok(body)) => next.run(Request::from_parts(head, Body::from(body))).await,
        Ok(Err(_)) => {
            let most = limits.body;
            let message = format!("the body broke off, or has more than {most} bytes");
            refused(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        Err(_) => {
            let message = "the body took too long".to_owned();
            refused(StatusCode::REQUEST_TIMEOUT, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(20);

    /// A server of few connections and little patience.
    async fn started() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(async || "well"))
            .route("/order", post(async |body: String| body));
        let limits = Limits {
            connections: 2,
            head: SHORT,
            body: 100,
            body_within: SHORT,
            life: LONG,
        };
        tokio::spawn(serve(listener, router, limits, std::future::pending()));
        addr
    }

    async fn said(addr: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// All that comes until the server hangs up.
    async fn heard(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        let read = timeout(LONG, stream.read_to_end(&mut answer)).await;
        // A reset is an end, too.
        let _ = read.expect("the server hangs up");
        String::from_utf8(answer).unwrap()
    }

    /// Sends a byte of `text` at a time, for as long as the server listens.
    async fn drip(mut stream: TcpStream, text: &'static str) -> Duration {
        let begun = Instant::now();
        for byte in text.bytes().cycle() {
            let mut answer = [0; 256];
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            if let Ok(read) = timeout(SHORT / 20, stream.read(&mut answer)).await
                && read.is_ok_and(|n| n == 0)
            {
                break;
            }
            assert!(begun.elapsed() < LONG, "it is heard for ever");
        }
        begun.elapsed()
    }

    #[tokio::test]
    async fn clients_that_send_their_requests_slowly_keep_nobody_out_for_long() {
        let addr = started().await;
        // As many as there may be connections; and then a client in earnest.
        let slow = (0..2).map(|_| async {
            let stream = said(addr, "GET / HTTP/1.1\r\nHost: a\r\n").await;
            drip(stream, "X-A: b\r\n").await
        });
        let slow = futures_util::future::join_all(slow);
        let earnest = async {
            sleep(SHORT / 3).await;
            let begun = Instant::now();
            let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let answer = heard(said(addr, request).await).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("well"));
            begun.elapsed()
        };
        let (slow, waited) = tokio::join!(slow, earnest);
        assert!(
            slow.iter()
                .all(|lasted| *lasted >= SHORT / 2 && *lasted < LONG / 2)
        );
        // It had to wait for a place, which shows that there are no more than two.
        assert!(waited >= SHORT / 3 && waited < LONG / 2, "{waited:?}");
    }

    #[tokio::test]
    async fn a_connection_that_rests_is_closed() {
        let addr = started().await;
        let begun = Instant::now();
        let answer = heard(said(addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await).await;
        assert!(answer.ends_with("well"), "{answer}");
        assert!(begun.elapsed() >= SHORT / 2 && begun.elapsed() < LONG / 2);
        // Also one that never asks.
        assert_eq!(heard(said(addr, "").await).await, "");
    }

    #[tokio::test]
    async fn bodies_are_neither_large_nor_slow() {
        let addr = started().await;
        let order = |length: usize, body: &str| {
            let head = "POST /order HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
            format!("{head}Content-Length: {length}\r\n\r\n{body}")
        };
        let answer = heard(said(addr, &order(4, "good")).await).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("good"));
        let answer = heard(said(addr, &order(101, &"x".repeat(101))).await).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("more than 100 bytes"), "{answer}");
        let answer = heard(said(addr, &order(50, "slow")).await).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
}
