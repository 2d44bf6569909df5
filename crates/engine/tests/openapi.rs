//! The description of the HTTP server against a running one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/schema.rs"]
mod schema;
mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_engine::{Control, Engine, Options, config, openapi_json};
use serde_json::{Value, json};
use support::{Memory, server};

const TOKEN: &str = "Bearer open-sesame";
const TAKE_UP: &str = "/api/v1/alerts/{fingerprint}/acknowledge";
const KIM: &str = r#"{"by": "kim", "note": "looking"}"#;

/// When the load leaves its level, in seconds since 1970.
type Leaves = Arc<Mutex<Option<i64>>>;

/// A load that leaves its level three seconds after it is first asked for.
fn load() -> String {
    load_that(Leaves::default(), true)
}

/// A load that leaves its level at a moment that may be set later; or by itself.
fn load_that(leaves: Leaves, by_itself: bool) -> String {
    server(move |_, end| {
        let mut leaves = leaves.lock().unwrap();
        if by_itself {
            leaves.get_or_insert(end + 3);
        }
        let high = |t: i64| leaves.is_some_and(|moment| t > moment);
        let value = |t: i64| if high(t) { 500 } else { 10 + t % 3 };
        let values: Vec<String> = (end - 60..=end)
            .map(|t| format!(r#"[{t},"{}"]"#, value(t)))
            .collect();
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"load","host":"a"}},"values":[{}]}}]}}}}"#,
            values.join(",")
        )
    })
}

fn yaml(source: &str, state: &std::path::Path) -> String {
    format!(
        "source: {{type: prometheus, url: '{source}'}}
queries:
  - {{name: load, expr: load, step: 1s, window: 40s, detector: zscore, parameters: {{window: 12}}, alert: {{keep_firing_for: 1m}}}}
  - {{name: trained, expr: load, step: 1s, window: 40s, detector: hbos, training: {{window: 40s}}}}
alerting: {{routing: {{route: {{receiver: log, group_wait: 1s}}, receivers: [{{name: log, sinks: [{{type: log}}]}}]}}}}
state: {{directory: '{}'}}
rca: {{service_labels: [host], step: 1s, before: 40s, after: 1m, settle: 1s}}
capacity:
  {{step: 1s, history: 40s, horizon: 1m, models: [theil-sen], schedule: {{every: 2s}}, resources: [{{name: load, expr: load, threshold: 1e12}}]}}
server: {{listen: '127.0.0.1:0', token: open-sesame, read_token: please}}",
        state.display()
    )
}

struct Service {
    url: String,
    control: Control,
    stop: tokio::sync::oneshot::Sender<()>,
    engine: tokio::task::JoinHandle<Engine>,
}

async fn serve(yaml: &str) -> Service {
    let config = config::parse(yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(Memory::default()))
        .await
        .unwrap();
    let (url, control) = (engine.server_url().unwrap(), engine.control());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let engine = tokio::spawn(async move {
        let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
        engine
    });
    Service {
        url,
        control,
        stop,
        engine,
    }
}

impl Service {
    async fn end(self) {
        drop(self.control);
        drop(self.stop);
        self.engine.await.unwrap().close().await;
    }

    /// Status, content type and body.
    async fn ask(&self, verb: &str, path: &str, token: &str, body: &str) -> (u16, String, String) {
        // The process' TLS provider, which building a client needs.
        let _ = bongsu_prometheus::Client::new(
            bongsu_prometheus::ClientConfig::new("http://localhost").unwrap(),
        );
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .build()
            .unwrap();
        let method = verb.to_uppercase().parse().unwrap();
        let request = client
            .request(method, format!("{}{path}", self.url))
            .header("authorization", token)
            .body(body.to_owned());
        let answer = request.send().await.unwrap();
        let kind = answer.headers().get("content-type");
        let kind = kind.map_or_else(String::new, |kind| kind.to_str().unwrap().to_owned());
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    }

    /// The id of the newest incident, once it is analysed.
    async fn analysed_incident(&self) -> String {
        for _ in 0..100 {
            let known = self.json("/api/v1/incidents").await["incidents"][0].clone();
            if !known["analysis"].is_null() {
                return known["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no incident is analysed")
    }

    /// The answer in JSON, which must succeed.
    async fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.ask("get", path, TOKEN, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

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

#[tokio::test(flavor = "multi_thread")]
async fn silences_are_heeded_and_outlive_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let leaves = Leaves::default();
    let source = load_that(Arc::clone(&leaves), false);
    let service = serve(&yaml(&source, state.path())).await;
    let order = |matchers: &str, more: &str| {
        format!(r#"{{"matchers": [{matchers}], "created_by": "kim", "comment": "known"{more}}}"#)
    };
    let host = r#""host=\"a\"""#;
    let good = order(host, r#", "duration": "1h""#);
    for (body, word) in [
        (order("", r#", "duration": "1h""#), "matchers"),
        (
            order(r#""host=~\".*\"""#, r#", "duration": "1h""#),
            "without labels",
        ),
        (
            order(r#""host=~\"(\"""#, r#", "duration": "1h""#),
            "matcher",
        ),
        (order(host, ""), "ends_at or duration"),
        (
            order(host, r#", "duration": "1h", "ends_at": 5"#),
            "ends_at or duration",
        ),
        (order(host, r#", "ends_at": 5"#), "ended already"),
        (order(host, r#", "duration": "soon""#), "duration"),
        (good.replace("kim", " "), "created_by"),
        (good.replace("known", ""), "comment"),
        (good.replace("matchers", "matcher"), "unknown field"),
    ] {
        let (status, _, answer) = service.ask("post", "/api/v1/silences", TOKEN, &body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer.contains(word), "{body}: {answer}");
    }
    let (status, _, answer) = service.ask("post", "/api/v1/silences", TOKEN, &good).await;
    assert_eq!(status, 200, "{answer}");
    let listed = service.json("/api/v1/silences").await;
    let silence = &listed["silences"][0];
    assert_eq!(silence["made_in"], "bongsu");
    assert_eq!(
        (&silence["active"], &silence["created_by"]),
        (&json!(true), &json!("kim"))
    );
    // It is in the way of the alert that comes now.
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    *leaves.lock().unwrap() = Some(i64::try_from(now.as_secs()).unwrap() + 1);
    let (mut silenced, mut known) = (false, Value::Null);
    for _ in 0..300 {
        if let Some(alert) = service.json("/api/v1/alerts").await["alerts"].get(0) {
            let path = format!(
                "/api/v1/alerts/{}/explain",
                alert["fingerprint"].as_str().unwrap()
            );
            let explained = service.json(&path).await;
            let steps = explained["steps"].as_array().unwrap();
            known.clone_from(&explained);
            silenced = steps.iter().any(|step| step["stage"] == "silence");
            if silenced {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(silenced, "the silence is not heeded: {known}");
    service.end().await;

    let service = serve(&yaml(&source, state.path())).await;
    assert_eq!(service.json("/api/v1/silences").await, listed);
    let path = format!("/api/v1/silences/{}", silence["id"].as_str().unwrap());
    assert_eq!(service.ask("delete", &path, TOKEN, "").await.0, 200);
    assert_eq!(
        service.json("/api/v1/silences").await["silences"],
        json!([])
    );
    service.end().await;
    let without: String = yaml(&source, state.path())
        .lines()
        .filter(|line| !line.starts_with("alerting"))
        .map(|line| format!("{line}\n"))
        .collect();
    let service = serve(&without).await;
    let (status, _, answer) = service.ask("post", "/api/v1/silences", TOKEN, &good).await;
    assert_eq!(status, 200, "{answer}");
    let listed = service.json("/api/v1/silences").await;
    assert_eq!(listed["silences"].as_array().unwrap().len(), 1, "{listed}");
    service.end().await;
}
