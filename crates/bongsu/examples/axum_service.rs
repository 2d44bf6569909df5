//! A web service that judges the values that others post to it, and shows what is wrong.
//!
//! Run: `cargo run -p bongsu --example axum_service --features alert -- 127.0.0.1:8088`, then
//! `curl -d 12.5 http://127.0.0.1:8088/series/queue_length` and `curl http://127.0.0.1:8088/alerts`.
//! Without an address it starts on a free port, talks to itself, and ends.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bongsu::alert::{Lifecycle, Policy};
use bongsu::prelude::*;
use bongsu::stats::{Ewma, EwmaStream};

/// The most series that callers can make it remember.
const MAX_SERIES: usize = 10_000;

// quote: watch
/// What the service knows: a detector a series, and the alerts.
struct Watch {
    series: HashMap<String, EwmaStream>,
    detector: Ewma,
    calibrator: Calibrator,
    filter: DeviationFilter,
    alerts: Lifecycle,
    policy: Policy,
}

type Shared = Arc<Mutex<Watch>>;
// end of quote

impl Watch {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let detector = Ewma::new();
        let threshold = detector.build()?.threshold().unwrap_or(1.0);
        Ok(Self {
            series: HashMap::new(),
            detector,
            calibrator: Calibrator::threshold(threshold)?,
            // Only what is at least a fifth off counts, however steady the series is.
            filter: DeviationFilter::new().min_rel_dev(0.2)?,
            alerts: Lifecycle::new(),
            policy: Policy::default().severity(Severity::Major),
        })
    }

    // quote: judge
    fn judge(&mut self, name: &str, value: f64) -> Result<Verdict, Box<dyn std::error::Error>> {
        if !self.series.contains_key(name) {
            if self.series.len() >= MAX_SERIES {
                return Err(format!("there are {MAX_SERIES} series already").into());
            }
            self.series.insert(name.to_owned(), self.detector.build()?);
        }
        let detector = self.series.get_mut(name).ok_or("the series is gone")?;
        let labels = Labels::from_pairs([("__name__", name)])?;
        let expectation = detector.expectation();
        let score = detector.score_then_learn(&[value])?;
        let verdict = Verdict::judge(
            now()?,
            labels.clone(),
            value,
            score,
            expectation,
            &self.calibrator,
            &self.filter,
        );
        self.alerts.observe(&labels, &self.policy, &verdict)?;
        Ok(verdict)
    }
    // end of quote
}

fn now() -> Result<Timestamp, Box<dyn std::error::Error>> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}

// quote: handler
/// `POST /series/{name}` with a number as the body.
async fn judge(
    State(watch): State<Shared>,
    Path(name): Path<String>,
    body: String,
) -> Result<Json<Verdict>, (StatusCode, String)> {
    let refused = |e: &dyn std::fmt::Display| (StatusCode::BAD_REQUEST, format!("{e}\n"));
    let value: f64 = body.trim().parse().map_err(|e| refused(&e))?;
    // Judging takes less than a microsecond, so that the lock is never held for long.
    let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
    watch.judge(&name, value).map(Json).map_err(|e| refused(&e))
}
// end of quote

/// `GET /alerts`: those that fire now.
async fn alerts(State(watch): State<Shared>) -> Json<Vec<Alert>> {
    let watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
    Json(watch.alerts.active().cloned().collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let app = Router::new()
        .route("/series/{name}", post(judge))
        .route("/alerts", get(alerts))
        .with_state(Arc::new(Mutex::new(Watch::new()?)));
    let listener =
        tokio::net::TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    let local = listener.local_addr()?;
    let served = tokio::spawn(async move { axum::serve(listener, app).await });
    if address.is_some() {
        println!("listening on http://{local}");
        served.await??;
        return Ok(());
    }
    tokio::task::spawn_blocking(move || visit(local).map_err(|e| e.to_string())).await??;
    Ok(())
}

/// A caller whose series is steady, and then is not.
fn visit(service: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    for minute in 0..300 {
        let value = 40.0 + f64::from(minute * 7 % 11);
        request(service, "POST", "/series/queue_length", &value.to_string())?;
    }
    let verdict = request(service, "POST", "/series/queue_length", "190")?;
    println!("190 posted: {verdict}");
    println!(
        "refused:    {}",
        request(service, "POST", "/series/queue_length", "many")?.trim()
    );
    let alerts = request(service, "GET", "/alerts", "")?;
    println!("alerts:     {alerts}");
    assert!(alerts.contains("queue_length"), "one alert fires");
    Ok(())
}

/// An HTTP request by hand: the body of the answer.
fn request(to: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer
        .split_once("\r\n\r\n")
        .map_or(String::new(), |(_, body)| body.to_owned()))
}
