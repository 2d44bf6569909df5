//! A web service on actix-web that watches its own requests: the whole engine runs beside the
//! handlers, on what they count, without a Prometheus.
//!
//! Run: `cargo run -- 127.0.0.1:8089`, then `curl http://127.0.0.1:8089/work/orders` and
//! `curl http://127.0.0.1:8089/alerts`. Without an address it starts on a free port, with ten minutes
//! of steady requests in its books, is flooded by itself, and ends when that is told.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{App, HttpResponse, HttpServer, Responder, rt, web};
use bongsu::alert::Transition;
use bongsu::engine::{Answering, Engine, Observer, Options, SeriesSource, config};
use bongsu::prelude::*;
use bongsu::prometheus::{Answer, Range};
use tokio::sync::oneshot;

/// How long requests are remembered, in seconds, and how many routes.
const REMEMBERED: i64 = 3_600;
const MOST_ROUTES: usize = 1_000;

/// The requests of each route by second.
#[derive(Debug, Default)]
struct Books(Mutex<BTreeMap<String, BTreeMap<i64, u32>>>);

impl Books {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<i64, u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, route: &str, second: i64) {
        let mut books = self.open();
        if books.len() >= MOST_ROUTES && !books.contains_key(route) {
            return;
        }
        let seconds = books.entry(route.to_owned()).or_default();
        *seconds.entry(second).or_default() += 1;
        *seconds = seconds.split_off(&(second - REMEMBERED));
    }
}

// quote: source
/// What the queries of the configuration ask: here every expression is all there is.
impl SeriesSource for Books {
    fn query_range<'a>(&'a self, expr: &'a str, range: &'a Range) -> Answering<'a> {
        Box::pin(async move {
            let mut answer = Answer::default();
            for (route, seconds) in self.open().iter() {
                let labels = [("__name__", expr), ("route", route.as_str())];
                let mut series = Series::empty(Labels::from_pairs(labels)?);
                let mut at = range.start;
                while at <= range.end {
                    let second = at.as_millis() / 1_000;
                    let count = seconds.get(&second).copied().unwrap_or(0);
                    series.push(at, f64::from(count))?;
                    at = at.add_millis(range.step_ms);
                }
                answer.series.push(series);
            }
            Ok(answer)
        })
    }
}
// end of quote

/// The alerts that fire, for the handlers.
#[derive(Debug, Clone, Default)]
struct Firing(Arc<Mutex<BTreeMap<Labels, Alert>>>);

impl Observer for Firing {
    fn transition(&mut self, transition: &Transition) {
        let mut firing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match transition {
            Transition::Fired(alert) => {
                firing.insert(alert.labels.clone(), alert.clone());
            }
            Transition::Resolved(alert) => {
                firing.remove(&alert.labels);
            }
            _ => {}
        }
    }
}

/// `GET /work/{route}`
async fn work(books: web::Data<Books>, route: web::Path<String>) -> impl Responder {
    books.count(&route, now());
    HttpResponse::Ok().body("done\n")
}

/// `GET /alerts`
async fn alerts(firing: web::Data<Firing>) -> impl Responder {
    let firing = firing.0.lock().unwrap_or_else(PoisonError::into_inner);
    web::Json(firing.values().cloned().collect::<Vec<Alert>>())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}

const CONFIG: &str = "
source: {type: given}
queries:
  - name: requests
    expr: requests
    step: 1s
    offset: 1s
    window: 10m
    direction: up
    min_abs_dev: 20
    alert: {severity: major}";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let books = Arc::new(Books::default());
    if address.is_none() {
        let end = now();
        for second in end - 600..end {
            for _ in 0..3 + second % 4 {
                books.count("orders", second);
            }
        }
    }

    // quote: run
    let firing = Firing::default();
    let source: Arc<dyn SeriesSource> = books.clone();
    let config = config::parse(CONFIG, None)?;
    let mut engine =
        Engine::start_on(source, config, Options::default(), Box::new(firing.clone()))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let engine = rt::spawn(async move { engine.run(async { drop(stopped.await) }).await });

    let (books, firing) = (web::Data::from(books), web::Data::new(firing));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(books.clone())
            .app_data(firing.clone())
            .route("/work/{route}", web::get().to(work))
            .route("/alerts", web::get().to(alerts))
    })
    .workers(1)
    .bind(address.as_deref().unwrap_or("127.0.0.1:0"))?;
    // end of quote
    let local = server.addrs().first().copied().ok_or("no address")?;
    let server = server.run();
    if address.is_some() {
        println!("listening on http://{local}");
        server.await?;
    } else {
        let handle = server.handle();
        let serving = rt::spawn(server);
        rt::task::spawn_blocking(move || visit(local).map_err(|e| e.to_string())).await??;
        handle.stop(true).await;
        serving.await??;
    }
    // The engine saves what it keeps before it ends.
    drop(stop);
    let _end = engine.await??;
    Ok(())
}

/// A flood of requests, until an alert tells of it.
fn visit(service: SocketAddr) -> Result<(), Box<dyn Error>> {
    for _ in 0..60 {
        for _ in 0..60 {
            request(service, "/work/orders")?;
        }
        let told = request(service, "/alerts")?;
        let alerts: serde_json::Value = serde_json::from_str(&told)?;
        if let Some(alert) = alerts.get(0) {
            println!("{}", alert["summary"].as_str().unwrap_or(&told));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Err("nobody told of the flood".into())
}

/// The body of an answer.
fn request(to: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n");
    Ok(body.map_or(String::new(), |(_, body)| body.to_owned()))
}
