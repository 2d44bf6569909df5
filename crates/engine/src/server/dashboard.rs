//! The live page, its parts, and what it reads beside the API.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bongsu_core::{Labels, Timestamp};
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::api::{json, refused};
use super::view::View;
use super::{Served, access};
use crate::collect::Point;

const PAGE: &str = include_str!("ui/index.html");
const STYLE: &str = include_str!("ui/style.css");
const APP: &str = include_str!("ui/app.js");
const CHART: &str = include_str!("ui/chart.js");

/// Nothing but our own files is loaded, and nothing may frame the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The most series of a query that are shown.
const MAX_SERIES: usize = 8;
/// The most pages that are told of news at once.
const MAX_LISTENERS: usize = 64;
/// How often it is looked for news.
const LOOK: Duration = Duration::from_secs(1);
/// After so long without news a sign of life is sent.
const SIGN: Duration = Duration::from_secs(15);
/// A stream ends after so long, and the page asks anew: with the token of then.
const LONGEST: Duration = Duration::from_secs(600);

/// Pages that are told of news, of all servers of the process.
static LISTENERS: AtomicUsize = AtomicUsize::new(0);

/// Adds the page to the server. Its files hold no data, so that they need no token.
pub(super) fn add(router: Router<Served>, served: &Served) -> Router<Served> {
    let guard = || from_fn_with_state(served.clone(), access::reading);
    router
        .route("/", get(|| file("text/html; charset=utf-8", PAGE)))
        .route(
            "/ui/style.css",
            get(|| file("text/css; charset=utf-8", STYLE)),
        )
        .route("/ui/app.js", get(|| file(SCRIPT, APP)))
        .route("/ui/chart.js", get(|| file(SCRIPT, CHART)))
        .route("/ui/points", get(points).route_layer(guard()))
        .route("/ui/live", get(live).route_layer(guard()))
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

async fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[derive(Deserialize)]
struct Which {
    query: String,
    #[serde(default)]
    since: i64,
}

/// The newest points of a query's oddest series.
#[derive(Serialize)]
struct Points {
    unit: Option<String>,
    /// Series of the query of which points are kept.
    count: usize,
    series: Vec<SeriesPoints>,
}

#[derive(Serialize)]
struct SeriesPoints {
    id: String,
    labels: Labels,
    /// Time, value, expected, lower, upper, score, anomalous.
    points: Vec<PointRow>,
}

type Number = Option<f64>;
type PointRow = (Timestamp, Number, Number, Number, Number, Number, bool);

fn row(point: &Point) -> PointRow {
    let finite = |value: Number| value.filter(|value| value.is_finite());
    (
        point.timestamp,
        finite(point.value),
        finite(point.expected),
        finite(point.lower),
        finite(point.upper),
        finite(point.score),
        point.anomalous,
    )
}

async fn points(
    State(served): State<Served>,
    which: Result<Query<Which>, QueryRejection>,
) -> Response {
    let which = match which {
        Ok(Query(which)) => which,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error.body_text()),
    };
    let known = |view: &View| view.queries.iter().any(|query| query.name == which.query);
    if !served.view.read(known) {
        let message = format!("there is no query `{}`", which.query);
        return refused(StatusCode::NOT_FOUND, message);
    }
    let since = Timestamp::from_millis(which.since);
    let (all, count) = served.recent.of_query(&which.query, since, MAX_SERIES);
    let unit = all.iter().find_map(|(_, track)| track.unit.clone());
    let series = all.into_iter().map(|(labels, track)| SeriesPoints {
        id: format!("{:016x}", labels.fingerprint()),
        points: track.points.iter().map(row).collect(),
        labels,
    });
    json(Points {
        unit,
        count,
        series: series.collect(),
    })
}

/// A place among the listeners, given back at the end.
struct Listener;

impl Listener {
    fn new() -> Option<Self> {
        let taken = LISTENERS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
            (count < MAX_LISTENERS).then_some(count + 1)
        });
        taken.is_ok().then_some(Self)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        LISTENERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a page is told: where it changes, there is something new to read.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct News {
    totals: crate::Totals,
    firing: usize,
    problems: usize,
    /// When capacity was planned last.
    planned_at: Option<Timestamp>,
}

impl News {
    fn of(view: &View) -> Self {
        let problems = view.queries.iter().filter(|query| query.problem.is_some());
        Self {
            totals: view.totals,
            firing: view.alerts.len(),
            problems: problems.count(),
            planned_at: view.capacity.as_ref().and_then(|capacity| capacity.at),
        }
    }
}

/// A stream of events (`text/event-stream`), one whenever something is new.
async fn live(State(served): State<Served>) -> Response {
    let Some(listener) = Listener::new() else {
        let message = format!("{MAX_LISTENERS} pages are open already");
        return refused(StatusCode::SERVICE_UNAVAILABLE, message);
    };
    let begun = Instant::now();
    let start = (served, listener, None::<News>, begun);
    let events = stream::unfold(
        start,
        move |(served, listener, last, mut told)| async move {
            while begun.elapsed() < LONGEST {
                let news = served.view.read(News::of);
                if last.as_ref() != Some(&news) {
                    let data = serde_json::to_string(&news).unwrap_or_default();
                    let event = Ok::<_, Infallible>(format!("data: {data}\n\n"));
                    return Some((event, (served, listener, Some(news), Instant::now())));
                }
                if told.elapsed() >= SIGN {
                    told = Instant::now();
                    return Some((Ok(":\n\n".to_owned()), (served, listener, last, told)));
                }
                tokio::time::sleep(LOOK).await;
            }
            None
        },
    );
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy in between must not gather events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events)).into_response()
}
