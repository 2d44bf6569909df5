//! Silences over HTTP.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::served::{Leaves, TOKEN, load_that, serve, yaml};

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
