//! The description of the HTTP server against a running one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/schema.rs"]
mod schema;
mod served;
mod silences;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use bongsu_engine::openapi_json;
use serde_json::{Value, json};
use served::{TOKEN, load, serve, yaml};

const TAKE_UP: &str = "/api/v1/alerts/{fingerprint}/acknowledge";
const KIM: &str = r#"{"by": "kim", "note": "looking"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_described() {
    let state = tempfile::tempdir().unwrap();
    let service = serve(&yaml(&load(), state.path())).await;
    let mut fingerprint = String::new();
    for _ in 0..300 {
        if let Some(alert) = service.json("/api/v1/alerts").await["alerts"].get(0) {
            fingerprint = alert["fingerprint"].as_str().unwrap().to_owned();
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!fingerprint.is_empty(), "no alert fires");
    let incident = service.analysed_incident().await;
    let page = format!("/incidents/{incident}");
    let incident = format!("/api/v1/incidents/{incident}");
    let details = service.json(&incident).await;
    assert_eq!(details["report"]["schema"], 1, "{details}");
    assert_eq!(details["members"][0]["service"], "a");
    let silence = json!({
        "matchers": ["host=~\"a|b\""], "duration": "1h", "created_by": "kim", "comment": "known",
    });
    let silence = silence.to_string();
    let (_, _, made) = service
        .ask("post", "/api/v1/silences", TOKEN, &silence)
        .await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made["id"].as_str().unwrap();
    let other = silence.replace("known", "other");
    let explain = format!("/api/v1/alerts/{fingerprint}/explain");
    let taken_up = format!("/api/v1/alerts/{fingerprint}/acknowledge");
    let end = format!("/api/v1/silences/{id}");
    let document = service.json("/api/v1/openapi.json").await;
    assert_eq!(document, openapi_json());
    // Verb and path as described, what is asked, with which token, and which status comes.
    let asked = [
        ("get", "/metrics", "/metrics", TOKEN, "", 200),
        ("get", "/-/healthy", "/-/healthy", "", "", 200),
        ("get", "/-/ready", "/-/ready", "", "", 200),
        (
            "get",
            "/api/v1/openapi.json",
            "/api/v1/openapi.json",
            "bearer please",
            "",
            200,
        ),
        (
            "get",
            "/api/v1/status",
            "/api/v1/status",
            "Bearer please",
            "",
            200,
        ),
        (
            "get",
            "/api/v1/status",
            "/api/v1/status",
            "Bearer plead",
            "",
            401,
        ),
        ("get", "/api/v1/queries", "/api/v1/queries", TOKEN, "", 200),
        ("get", "/api/v1/alerts", "/api/v1/alerts", TOKEN, "", 200),
        (
            "get",
            "/api/v1/alerts/{fingerprint}/explain",
            &explain,
            TOKEN,
            "",
            200,
        ),
        (
            "get",
            "/api/v1/alerts/{fingerprint}/explain",
            "/api/v1/alerts/x/explain",
            TOKEN,
            "",
            400,
        ),
        (
            "get",
            "/api/v1/alerts/{fingerprint}/explain",
            "/api/v1/alerts/7/explain",
            TOKEN,
            "",
            404,
        ),
        (
            "get",
            "/api/v1/verdicts",
            "/api/v1/verdicts?query=load&anomalous=false",
            TOKEN,
            "",
            200,
        ),
        (
            "get",
            "/api/v1/verdicts",
            "/api/v1/verdicts?query=none",
            TOKEN,
            "",
            404,
        ),
        (
            "get",
            "/api/v1/verdicts",
            "/api/v1/verdicts?anomalous=so",
            TOKEN,
            "",
            400,
        ),
        (
            "get",
            "/api/v1/incidents",
            "/api/v1/incidents?open=true&since=1&limit=5",
            "Bearer please",
            "",
            200,
        ),
        (
            "get",
            "/api/v1/incidents",
            "/api/v1/incidents?limit=x",
            TOKEN,
            "",
            400,
        ),
        ("get", "/api/v1/incidents/{id}", &incident, TOKEN, "", 200),
        (
            "get",
            "/api/v1/incidents/{id}",
            "/api/v1/incidents/x",
            TOKEN,
            "",
            404,
        ),
        ("get", "/incidents/{id}", &page, TOKEN, "", 200),
        ("get", "/incidents/{id}", "/incidents/x", TOKEN, "", 404),
        ("get", "/incidents/{id}", &page, "Bearer plead", "", 401),
        ("get", "/api/v1/models", "/api/v1/models", TOKEN, "", 200),
        (
            "post",
            "/api/v1/models/rollback",
            "/api/v1/models/rollback",
            TOKEN,
            "{}",
            400,
        ),
        (
            "post",
            "/api/v1/models/rollback",
            "/api/v1/models/rollback",
            TOKEN,
            r#"{"query": "x", "version": 1}"#,
            404,
        ),
        ("post", TAKE_UP, &taken_up, TOKEN, KIM, 200),
        ("post", TAKE_UP, &taken_up, TOKEN, "", 200),
        ("post", TAKE_UP, &taken_up, TOKEN, r#"{"by": 1}"#, 400),
        ("post", TAKE_UP, &taken_up, "", KIM, 401),
        (
            "post",
            TAKE_UP,
            "/api/v1/alerts/0/acknowledge",
            TOKEN,
            "",
            404,
        ),
        (
            "post",
            TAKE_UP,
            "/api/v1/alerts/x/acknowledge",
            TOKEN,
            "",
            400,
        ),
        ("delete", TAKE_UP, &taken_up, "", "", 401),
        ("delete", TAKE_UP, &taken_up, TOKEN, "", 200),
        ("delete", TAKE_UP, &taken_up, TOKEN, "", 404),
        (
            "delete",
            TAKE_UP,
            "/api/v1/alerts/x/acknowledge",
            TOKEN,
            "",
            400,
        ),
        ("get", "/api/v1/alerts", "/api/v1/alerts", TOKEN, "", 200),
        ("post", "/api/v1/train", "/api/v1/train", TOKEN, "", 200),
        (
            "post",
            "/api/v1/train",
            "/api/v1/train",
            TOKEN,
            r#"{"query": "trained"}"#,
            200,
        ),
        (
            "post",
            "/api/v1/train",
            "/api/v1/train",
            TOKEN,
            r#"{"query": "x"}"#,
            404,
        ),
        (
            "post",
            "/api/v1/train",
            "/api/v1/train",
            TOKEN,
            r#"{"quer": "x"}"#,
            400,
        ),
        (
            "post",
            "/api/v1/train",
            "/api/v1/train",
            "Bearer please",
            "",
            401,
        ),
        (
            "post",
            "/api/v1/silences",
            "/api/v1/silences",
            TOKEN,
            &other,
            200,
        ),
        (
            "post",
            "/api/v1/silences",
            "/api/v1/silences",
            TOKEN,
            "{}",
            400,
        ),
        (
            "get",
            "/api/v1/silences",
            "/api/v1/silences",
            TOKEN,
            "",
            200,
        ),
        (
            "get",
            "/api/v1/capacity",
            "/api/v1/capacity",
            TOKEN,
            "",
            200,
        ),
        ("delete", "/api/v1/silences/{id}", &end, TOKEN, "", 200),
        ("delete", "/api/v1/silences/{id}", &end, TOKEN, "", 404),
    ];
    let mut succeeded = BTreeSet::new();
    for (verb, path, what, token, body, expected) in asked {
        let (status, kind, answer) = service.ask(verb, what, token, body).await;
        let case = format!("{verb} {what} {body}: {status} {answer}");
        assert_eq!(status, expected, "{case}");
        let described = &document["paths"][path][verb]["responses"][status.to_string()];
        let content = &described["content"][&kind];
        assert!(content.is_object(), "`{kind}` is not described: {case}");
        if let Some(shape) = content.get("schema") {
            let value = serde_json::from_str(&answer).unwrap();
            schema::check(&document, shape, &value).unwrap_or_else(|e| panic!("{e}: {case}"));
        }
        if status == 200 {
            succeeded.insert((verb.to_owned(), path.to_owned()));
        }
    }
    // What has succeeded is all there is, but for a roll-back, which needs a version.
    let mut described = BTreeSet::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        described.extend(
            verbs
                .as_object()
                .unwrap()
                .keys()
                .map(|verb| (verb.clone(), path.clone())),
        );
    }
    described.remove(&("post".to_owned(), "/api/v1/models/rollback".to_owned()));
    assert_eq!(succeeded, described);
    for (verb, path, status) in [("get", "/nothing", 404), ("put", "/api/v1/status", 405)] {
        let (found, _, body) = service.ask(verb, path, TOKEN, "").await;
        assert_eq!(found, status, "{body}");
        assert!(serde_json::from_str::<Value>(&body).unwrap()["error"].is_string());
    }
    service.end().await;
}

#[test]
fn what_is_not_as_described_is_found() {
    let document = json!({"components": {"schemas": {"A": {
        "type": "object", "properties": {"a": {"type": ["integer", "null"]}}, "required": ["a"]}}}});
    let shape = json!({"type": "array", "items": {"$ref": "#/components/schemas/A"}});
    let check = |value: Value| schema::check(&document, &shape, &value);
    assert!(check(json!([{"a": 1}, {"a": null}])).is_ok());
    for wrong in [
        json!({}),
        json!([{}]),
        json!([{"a": 1.5}]),
        json!([{"a": 1, "b": 2}]),
    ] {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
}
