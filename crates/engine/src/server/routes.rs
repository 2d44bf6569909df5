//! The table of what can be asked: the router and its description are both made of it, so that they
//! cannot drift apart.

use axum::Router;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::answers::{
    AcknowledgeOrder, Acknowledged, AlertList, Asked, Envelope, Exchanged, Explained, ModelList,
    QueryList, RollBackOrder, SilenceId, SilenceList, SilenceOrder, Status, TrainOrder,
    Unacknowledged, VerdictList,
};
use super::capacity::CapacityPlan;
use super::incidents::{IncidentDetails, IncidentList};
use super::{Served, access, api, capacity, change, incidents, silences};

/// Something that can be asked.
pub(super) struct Route {
    pub(super) verb: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) access: Access,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answer: Answer,
    pub(super) refusals: Vec<(StatusCode, &'static str)>,
    handler: MethodRouter<Served>,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody: probes bring no token.
    Open,
    /// Everybody, or who has a token where one is set.
    Read,
    /// Who has the token.
    Change,
}

/// A part of the address.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) place: Place,
    pub(super) schema: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

/// What must come with a request.
pub(super) struct Body {
    pub(super) schema: Shape,
    pub(super) required: bool,
}

/// What comes back.
pub(super) enum Answer {
    Json(Shape),
    Text(&'static str),
}

/// Makes the schema of a type.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const OPENAPI_PATH: &str = "/api/v1/openapi.json";

fn shape<T: JsonSchema>() -> Shape {
    SchemaGenerator::subschema_for::<T>
}

impl Route {
    fn new(verb: &'static str, path: &'static str, summary: &'static str, access: Access) -> Self {
        Self {
            verb,
            path,
            summary,
            access,
            parameters: Vec::new(),
            body: None,
            answer: Answer::Text("text/plain; charset=utf-8"),
            refusals: Vec::new(),
            handler: MethodRouter::new(),
        }
    }

    fn get<H: Handler<T, Served>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        let handler = get(handler);
        let route = Self::new("get", path, summary, Access::Read);
        Self { handler, ..route }
    }

    fn post<H: Handler<T, Served>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        let handler = post(handler);
        let route = Self::new("post", path, summary, Access::Change);
        Self { handler, ..route }
    }

    fn delete<H: Handler<T, Served>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        let handler = delete(handler);
        let route = Self::new("delete", path, summary, Access::Change);
        Self { handler, ..route }
    }

    /// For everybody.
    fn open(mut self) -> Self {
        self.access = Access::Open;
        self
    }

    /// Answers with a text of this kind.
    fn text(mut self, kind: &'static str) -> Self {
        self.answer = Answer::Text(kind);
        self
    }

    /// Answers with a `T` and the version of the answers.
    fn answers<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer::Json(shape::<Envelope<T>>());
        self
    }

    fn takes<T: JsonSchema>(mut self, required: bool) -> Self {
        let schema = shape::<T>();
        self.body = Some(Body { schema, required });
        self.refuses(
            StatusCode::BAD_REQUEST,
            "The body is not what it should be.",
        )
    }

    fn parameter<T: JsonSchema>(
        mut self,
        place: Place,
        name: &'static str,
        about: &'static str,
    ) -> Self {
        let schema = shape::<T>();
        self.parameters.push(Parameter {
            name,
            about,
            place,
            schema,
        });
        self
    }

    fn refuses(mut self, status: StatusCode, why: &'static str) -> Self {
        self.refusals.push((status, why));
        self
    }
}

/// All that can be asked.
pub(super) fn all() -> Vec<Route> {
    let missing = StatusCode::NOT_FOUND;
    let away = StatusCode::SERVICE_UNAVAILABLE;
    vec![
        Route::get("/metrics", "Its metrics.", api::metrics).text(OPEN_METRICS),
        Route::get("/-/healthy", "Whether the loop moves.", api::healthy)
            .open()
            .refuses(away, "It has not moved for two minutes."),
        Route::get(
            "/-/ready",
            "Whether every query has been judged once.",
            api::ready,
        )
        .open()
        .refuses(away, "Some have not: the text names them."),
        Route::get(OPENAPI_PATH, "This description.", api::openapi).text("application/json"),
        Route::get(
            "/api/v1/status",
            "Version, uptime, totals, and the queries with a problem.",
            api::status,
        )
        .answers::<Status>(),
        Route::get(
            "/api/v1/queries",
            "Every query: how far it is judged, and what is wrong.",
            api::queries,
        )
        .answers::<QueryList>(),
        Route::get("/api/v1/alerts", "The alerts that fire.", api::alerts).answers::<AlertList>(),
        Route::get(
            "/api/v1/alerts/{fingerprint}/explain",
            "Why an alert did or did not lead to a message.",
            api::explain,
        )
        .parameter::<String>(Place::Path, "fingerprint", "16 hexadecimal digits.")
        .answers::<Explained>()
        .refuses(StatusCode::BAD_REQUEST, "This is no fingerprint.")
        .refuses(missing, "Nothing is known of the alert."),
        Route::post(
            "/api/v1/alerts/{fingerprint}/acknowledge",
            "Says that somebody has taken up an alert: no reminders, and its severity does not rise.",
            change::acknowledge,
        )
        .parameter::<String>(Place::Path, "fingerprint", "16 hexadecimal digits.")
        .takes::<AcknowledgeOrder>(false)
        .answers::<Acknowledged>()
        .refuses(missing, "No such alert fires.")
        .refuses(StatusCode::CONFLICT, "No messages for people are made here."),
        Route::delete(
            "/api/v1/alerts/{fingerprint}/acknowledge",
            "Says that nobody looks after an alert any more: reminders and rising severity come again.",
            change::unacknowledge,
        )
        .parameter::<String>(Place::Path, "fingerprint", "16 hexadecimal digits.")
        .answers::<Unacknowledged>()
        .refuses(StatusCode::BAD_REQUEST, "This is no fingerprint.")
        .refuses(missing, "No such alert is acknowledged."),
        Route::get(
            "/api/v1/incidents",
            "The incidents: alerts that belong together, and what they began with.",
            incidents::list,
        )
        .parameter::<bool>(
            Place::Query,
            "open",
            "Only those that last, or only the others.",
        )
        .parameter::<i64>(
            Place::Query,
            "since",
            "Only those of which an alert fired or ended since, in milliseconds since 1970.",
        )
        .parameter::<usize>(Place::Query, "limit", "At most so many; 100 by default.")
        .answers::<IncidentList>()
        .refuses(StatusCode::BAD_REQUEST, "A parameter cannot be read."),
        Route::get(
            "/api/v1/incidents/{id}",
            "An incident with its alerts and the report of its analysis.",
            incidents::details,
        )
        .parameter::<String>(Place::Path, "id", "16 hexadecimal digits.")
        .answers::<IncidentDetails>()
        .refuses(missing, "There is no such incident."),
        Route::get("/incidents/{id}", "An incident as a page.", incidents::page)
            .parameter::<String>(Place::Path, "id", "16 hexadecimal digits.")
            .text("text/html; charset=utf-8")
            .refuses(missing, "There is no such incident."),
        Route::get(
            "/api/v1/capacity",
            "When resources run out, as it was planned last.",
            capacity::plan,
        )
        .answers::<CapacityPlan>()
        .refuses(missing, "No capacity is planned."),
        Route::get(
            "/api/v1/verdicts",
            "The newest verdict on every series, in order of query and labels.",
            api::verdicts,
        )
        .parameter::<String>(Place::Query, "query", "Only of this query.")
        .parameter::<bool>(Place::Query, "anomalous", "Only anomalous ones.")
        .parameter::<usize>(Place::Query, "limit", "At most so many.")
        .answers::<VerdictList>()
        .refuses(StatusCode::BAD_REQUEST, "A parameter cannot be read.")
        .refuses(missing, "There is no such query."),
        Route::get(
            "/api/v1/models",
            "The trained detectors of every query.",
            api::models,
        )
        .answers::<ModelList>(),
        Route::post(
            "/api/v1/models/rollback",
            "Puts an earlier version of a query's detectors to work again.",
            change::roll_back,
        )
        .takes::<RollBackOrder>(true)
        .answers::<Exchanged>()
        .refuses(missing, "There is no such query.")
        .refuses(
            StatusCode::CONFLICT,
            "There is no such version, or it does not fit.",
        ),
        Route::post(
            "/api/v1/train",
            "Asks for a training of a query, or of all that are trained.",
            change::train,
        )
        .takes::<TrainOrder>(false)
        .answers::<Asked>()
        .refuses(missing, "There is no such query, or it is not trained.")
        .refuses(StatusCode::CONFLICT, "The service is ending."),
        Route::get(
            "/api/v1/silences",
            "The silences that are heeded: its own, and those of Alertmanager.",
            silences::list,
        )
        .answers::<SilenceList>(),
        Route::post("/api/v1/silences", "Makes a silence.", silences::make)
            .takes::<SilenceOrder>(true)
            .answers::<SilenceId>()
            .refuses(
                StatusCode::CONFLICT,
                "There are too many silences, or there is the same one already.",
            ),
        Route::delete("/api/v1/silences/{id}", "Ends a silence.", silences::end)
            .parameter::<String>(Place::Path, "id", "As it was given when it was made.")
            .answers::<SilenceId>()
            .refuses(missing, "There is no such silence.")
            .refuses(StatusCode::CONFLICT, "It was made in Alertmanager."),
    ]
}

/// The router of the whole table.
pub(super) fn router(served: Served) -> Router {
    let mut router = Router::new();
    for route in all() {
        let handler = match route.access {
            Access::Open => route.handler,
            Access::Read => {
                let layer = from_fn_with_state(served.clone(), access::reading);
                route.handler.route_layer(layer)
            }
            Access::Change => {
                let layer = from_fn_with_state(served.clone(), access::changing);
                route.handler.route_layer(layer)
            }
        };
        router = router.route(route.path, handler);
    }
    super::dashboard::add(router, &served)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(served)
}

async fn unknown() -> Response {
    let known: Vec<String> = all()
        .iter()
        .map(|route| format!("{} {}", route.verb.to_uppercase(), route.path))
        .collect();
    let message = format!("there is no such page; there are: {}", known.join(", "));
    api::refused(StatusCode::NOT_FOUND, message)
}

async fn wrong_method() -> Response {
    let message = "this page is not for this method".to_owned();
    api::refused(StatusCode::METHOD_NOT_ALLOWED, message)
}
