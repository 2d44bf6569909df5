//! Prometheus' HTTP API: parameters, errors, and the two kinds of queries.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bongsu_core::{Timestamp, parse_duration};
use bytes::Bytes;

use super::evaluate::{Grid, reach, window};
use super::{Recording, ReplayClock, ReplayOptions, catalog, json};
use crate::{Error, Selector};

/// Prometheus' limit of points in an answer to a range query.
const MAX_STEPS: i64 = 11_000;

#[derive(Clone)]
pub(super) struct Replay {
    pub(super) recording: Arc<Recording>,
    pub(super) clock: ReplayClock,
    lookback_ms: i64,
}

pub(super) fn router(
    recording: Arc<Recording>,
    clock: ReplayClock,
    options: ReplayOptions,
) -> Router {
    let state = Replay {
        recording,
        clock,
        lookback_ms: millis(options.lookback),
    };
    Router::new()
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/series", get(catalog::series).post(catalog::series))
        .route("/api/v1/labels", get(catalog::labels).post(catalog::labels))
        .route("/api/v1/label/{name}/values", get(catalog::label_values))
        .route("/api/v1/metadata", get(catalog::metadata))
        .route("/api/v1/targets", get(catalog::targets))
        .route("/api/v1/status/buildinfo", get(catalog::build_info))
        .route(
            "/-/ready",
            get(|| async { "The replay server is Ready.\n" }),
        )
        .route(
            "/-/healthy",
            get(|| async { "The replay server is Healthy.\n" }),
        )
        .with_state(state)
}

/// What a handler gives: the JSON of `data`, or an error.
pub(super) type Reply = Result<Data, ApiError>;

/// The JSON text of the field `data`.
pub(super) struct Data(pub(super) Vec<u8>);

impl IntoResponse for Data {
    fn into_response(self) -> Response {
        let mut body = br#"{"status":"success","data":"#.to_vec();
        body.extend_from_slice(&self.0);
        body.push(b'}');
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// A refused request: always 400 `bad_data`.
pub(super) struct ApiError(String);

impl ApiError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    fn parameter(name: &str, problem: impl std::fmt::Display) -> Self {
        Self(format!("invalid parameter \"{name}\": {problem}"))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = br#"{"status":"error","errorType":"bad_data","error":"#.to_vec();
        json::string(&mut body, &self.0);
        body.push(b'}');
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (StatusCode::BAD_REQUEST, kind, body).into_response()
    }
}

/// The parameters of a request, from its form body first and then from its query.
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut pairs = Vec::new();
        if request.method() == Method::POST {
            let body = Bytes::from_request(request, state)
                .await
                .map_err(IntoResponse::into_response)?;
            pairs.extend(form_urlencoded::parse(&body).into_owned());
        }
        pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        Ok(Self(pairs))
    }
}

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The selector in `query`.
    fn selector(&self) -> Result<Selector, ApiError> {
        Ok(self.get("query").unwrap_or_default().parse::<Selector>()?)
    }

    /// A time in Unix seconds or RFC 3339.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let time = match text.parse::<f64>() {
            Ok(secs) => Timestamp::from_secs_f64(secs),
            Err(_) => text
                .parse::<jiff::Timestamp>()
                .ok()
                .map(|time| Timestamp::from_millis(time.as_millisecond())),
        };
        let problem = || format!("cannot parse \"{text}\" to a valid timestamp");
        time.map(Some)
            .ok_or_else(|| ApiError::parameter(name, problem()))
    }

    fn required_time(&self, name: &str) -> Result<Timestamp, ApiError> {
        let missing = || ApiError::parameter(name, "cannot parse \"\" to a valid timestamp");
        self.time(name)?.ok_or_else(missing)
    }

    /// The step in milliseconds, from seconds or a Prometheus duration.
    fn step(&self) -> Result<i64, ApiError> {
        let text = self.get("step").unwrap_or_default();
        let step = match text.parse::<f64>() {
            Ok(secs) => Timestamp::from_secs_f64(secs).map(Timestamp::as_millis),
            Err(_) => parse_duration(text).ok().map(millis),
        };
        let problem = || format!("cannot parse \"{text}\" to a valid duration");
        let step = step.ok_or_else(|| ApiError::parameter("step", problem()))?;
        if step < 1 {
            let problem = "zero or negative query resolution step widths are not accepted. Try a \
                           positive integer";
            return Err(ApiError::parameter("step", problem));
        }
        Ok(step)
    }
}

async fn query(State(replay): State<Replay>, params: Params) -> Reply {
    let now = replay.clock.now();
    let time = params.time("time")?.unwrap_or(now);
    let selector = params.selector()?;
    let at = time.add_millis(selector.offset_ms().saturating_neg());
    let found = replay.recording.select_with_interval(selector.matchers());
    if let Some(range) = selector.range() {
        let windows = found
            .map(|(series, _)| window(series, at, millis(range), now))
            .filter(|window| !window.is_empty());
        let mut out = br#"{"resultType":"matrix","result":["#.to_vec();
        json::list(&mut out, windows, |out, window| {
            out.extend_from_slice(br#"{"metric":"#);
            json::labels(out, window.labels());
            out.extend_from_slice(br#","values":["#);
            let times = window.timestamps().iter().copied();
            json::list(out, times.zip(window.values().iter().copied()), json::point);
            out.extend_from_slice(b"]}");
        });
        out.extend_from_slice(b"]}");
        return Ok(Data(out));
    }
    let values = found.filter_map(|(series, interval)| {
        let grid = Grid {
            start: time,
            end: time,
            step_ms: 1,
            offset_ms: selector.offset_ms(),
            now,
        };
        let reach = reach(interval, replay.lookback_ms);
        let value = grid.values(series, reach).next()?.1;
        Some((series, value))
    });
    let mut out = br#"{"resultType":"vector","result":["#.to_vec();
    json::list(&mut out, values, |out, (series, value)| {
        out.extend_from_slice(br#"{"metric":"#);
        json::labels(out, series.labels());
        out.extend_from_slice(br#","value":"#);
        json::point(out, (time, value));
        out.push(b'}');
    });
    out.extend_from_slice(b"]}");
    Ok(Data(out))
}

async fn query_range(State(replay): State<Replay>, params: Params) -> Reply {
    let (start, end) = (params.required_time("start")?, params.required_time("end")?);
    if end < start {
        let problem = "end timestamp must not be before start time";
        return Err(ApiError::parameter("end", problem));
    }
    let step_ms = params.step()?;
    if end.millis_since(start) / step_ms > MAX_STEPS {
        return Err(ApiError::new(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
             resolution (?step=XX)",
        ));
    }
    let selector = params.selector()?;
    if selector.range().is_some() {
        let problem = "invalid expression type \"range vector\" for range query, must be Scalar or \
                       instant Vector";
        return Err(ApiError::parameter("query", problem));
    }
    let grid = Grid {
        start,
        end,
        step_ms,
        offset_ms: selector.offset_ms(),
        now: replay.clock.now(),
    };
    let mut out = br#"{"resultType":"matrix","result":["#.to_vec();
    let found = replay.recording.select_with_interval(selector.matchers());
    let with_points = found.filter_map(|(series, interval)| {
        let reach = reach(interval, replay.lookback_ms);
        let mut points = grid.values(series, reach).peekable();
        points.peek()?;
        Some((series, points))
    });
    json::list(&mut out, with_points, |out, (series, points)| {
        out.extend_from_slice(br#"{"metric":"#);
        json::labels(out, series.labels());
        out.extend_from_slice(br#","values":["#);
        json::list(out, points, json::point);
        out.extend_from_slice(b"]}");
    });
    out.extend_from_slice(b"]}");
    Ok(Data(out))
}

/// Whole milliseconds, saturating.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
