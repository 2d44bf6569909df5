//! The description of the server in `OpenAPI` 3.1, from the table of its routes.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::answers::{Envelope, Refusal};
use super::routes::{self, Access, Answer, Parameter, Place, Route};

/// The service's HTTP interface as a document of `OpenAPI` 3.1.
#[must_use]
pub fn openapi_json() -> Value {
    let settings = || {
        let here = |settings: &mut SchemaSettings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        };
        SchemaSettings::draft2020_12().with(here)
    };
    let mut given = settings().for_serialize().into_generator();
    let mut taken = settings().for_deserialize().into_generator();
    let mut paths = Map::new();
    for route in routes::all() {
        let operation = operation(&route, &mut given, &mut taken);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.verb.to_owned(), operation);
        }
    }
    let mut schemas = taken.take_definitions(true);
    schemas.extend(given.take_definitions(true));
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bongsu",
            "summary": "What the service says of itself, and what it can be told.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`server.token`; for reading also `server.read_token`.",
                },
                "certificate": {
                    "type": "mutualTLS",
                    "description": "With `server.tls.client_ca`.",
                },
            },
        },
    })
}

fn operation(route: &Route, given: &mut SchemaGenerator, taken: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let content = match &route.answer {
        Answer::Json(schema) => json!({"application/json": {"schema": schema(given)}}),
        Answer::Text(kind) => json!({*kind: {}}),
    };
    let done = json!({"description": "Done.", "content": content});
    responses.insert("200".to_owned(), done);
    let refusal = given.subschema_for::<Envelope<Refusal>>();
    for (status, why) in &route.refusals {
        let content = match route.access {
            Access::Open => json!({"text/plain; charset=utf-8": {}}),
            Access::Read | Access::Change => json!({"application/json": {"schema": refusal}}),
        };
        let refused = json!({"description": why, "content": content});
        responses.insert(status.as_str().to_owned(), refused);
    }
    let (security, refusals): (_, &[(&str, &str)]) = match route.access {
        Access::Open => (json!([]), &[]),
        Access::Read => (
            json!([{}, {"token": []}, {"certificate": []}]),
            &[("401", "The token is missing or wrong.")],
        ),
        Access::Change => (
            json!([{"token": []}, {"certificate": []}]),
            &[
                ("401", "The token is missing or wrong."),
                ("403", "The service takes no orders."),
            ],
        ),
    };
    for (status, why) in refusals {
        let content = json!({"application/json": {"schema": refusal}});
        let refused = json!({"description": why, "content": content});
        responses.insert((*status).to_owned(), refused);
    }
    responses.sort_keys();
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.summary,
        "security": security,
        "responses": responses,
    });
    if let Some(fields) = operation.as_object_mut() {
        if !route.parameters.is_empty() {
            let all = route.parameters.iter().map(|p| parameter(p, taken));
            fields.insert("parameters".to_owned(), all.collect());
        }
        if let Some(body) = &route.body {
            let schema: Schema = (body.schema)(taken);
            let content = json!({"application/json": {"schema": schema}});
            let body = json!({"required": body.required, "content": content});
            fields.insert("requestBody".to_owned(), body);
        }
    }
    operation
}

fn parameter(parameter: &Parameter, taken: &mut SchemaGenerator) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "description": parameter.about,
        "required": parameter.place == Place::Path,
        "schema": (parameter.schema)(taken),
    })
}

/// A name for programs: `get_alerts_explain`.
fn name(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1");
    let words = path
        .split(['/', '-', '.'])
        .filter(|word| !word.is_empty() && !word.starts_with('{'));
    [route.verb]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}
