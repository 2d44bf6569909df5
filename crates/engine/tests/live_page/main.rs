//! The live page: what its server answers, and the page in a real browser.
//!
//! The browser is Chromium (`BONGSU_CHROMIUM`, or `chromium` on the path), driven by Node 20 or later; where
//! one of them is missing, that test says so and passes. `BONGSU_SHOTS=FOLDER` keeps screenshots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells why it is skipped"
)]

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use bongsu_engine::{Engine, Options, config};
use serde_json::Value;
use support::{Memory, server};

const ATTACK: &str = "<img src=x onerror=window.owned=1><script>window.owned=1</script>";

/// A load of two hosts; that of the one with an odd name leaves its level after eight seconds.
fn load(odd: &'static str) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let moment = i64::try_from(now).unwrap() + 8;
    server(move |_, end| {
        let series = |host: &str, jumps: bool| {
            let value = |t: i64| {
                let calm = 1e6 * (10 + (t * 7919) % 5) as f64;
                if jumps && t > moment {
                    calm * 6.0
                } else {
                    calm
                }
            };
            let values: Vec<String> = (end - 90..=end)
                .map(|t| format!(r#"[{t},"{}"]"#, value(t)))
                .collect();
            let host = Value::from(host);
            let values = values.join(",");
            format!(r#"{{"metric":{{"__name__":"load","host":{host}}},"values":[{values}]}}"#)
        };
        let all = [series(odd, true), series("calm", false)].join(",");
        format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{all}]}}}}"#)
    })
}

struct Service {
    url: String,
    stop: tokio::sync::oneshot::Sender<()>,
    engine: tokio::task::JoinHandle<Engine>,
}

async fn serve(state: &Path) -> Service {
    serve_named(state, ATTACK, "<b>second</b>").await
}

/// A service with these names of a host and a query.
async fn serve_named(state: &Path, host: &'static str, second: &str) -> Service {
    let yaml = format!(
        "source: {{type: prometheus, url: '{}'}}
queries:
  - {{name: load, expr: load, step: 1s, window: 80s, detector: zscore, parameters: {{window: 30}}, unit: bytes, alert: {{keep_firing_for: 10m, severity: major}}}}
  - {{name: '{second}', expr: load, step: 1s, window: 80s, detector: robust-z}}
alerting: {{routing: {{route: {{receiver: log, group_wait: 1s}}, receivers: [{{name: log, sinks: [{{type: log}}]}}]}}}}
capacity:
  {{step: 1s, history: 80s, horizon: 1m, models: [theil-sen], schedule: {{every: 2s}}, resources: [{{name: load, expr: load, threshold: 1e12}}]}}
state: {{directory: '{}'}}
server: {{listen: '127.0.0.1:0', token: open-sesame, read_token: please}}",
        load(host),
        state.display()
    );
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(Memory::default()))
        .await
        .unwrap();
    let url = engine.server_url().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let engine = tokio::spawn(async move {
        let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
        engine
    });
    Service { url, stop, engine }
}

impl Service {
    async fn end(self) {
        drop(self.stop);
        self.engine.await.unwrap().close().await;
    }

    async fn get(&self, path: &str, token: &str) -> reqwest::Response {
        // The process' TLS provider, which building a client needs.
        let local = bongsu_prometheus::ClientConfig::new("http://localhost").unwrap();
        let _ = bongsu_prometheus::Client::new(local);
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .build()
            .unwrap();
        let request = client.get(format!("{}{path}", self.url));
        request.header("authorization", token).send().await.unwrap()
    }
}

impl Service {
    /// What charts of the query `load` are drawn from.
    async fn points(&self, since: i64) -> Value {
        let path = format!("/ui/points?query=load&since={since}");
        let answer = self.get(&path, "Bearer please").await;
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_open_and_data_are_not() {
    let state = tempfile::tempdir().unwrap();
    let service = serve(state.path()).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/ui/style.css", "text/css; charset=utf-8"),
        ("/ui/app.js", "text/javascript; charset=utf-8"),
        ("/ui/chart.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = service.get(path, "").await;
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), kind);
        let policy = header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    for path in ["/ui/points?query=load", "/ui/live"] {
        assert_eq!(service.get(path, "").await.status(), 401, "{path}");
        assert_eq!(
            service.get(path, "Bearer nonsense").await.status(),
            401,
            "{path}"
        );
    }
    let token = "Bearer please";
    assert_eq!(service.get("/ui/points", token).await.status(), 400);
    assert_eq!(service.get("/ui/points?query=x", token).await.status(), 404);

    // Events come as points are judged.
    let mut live = service.get("/ui/live", token).await;
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while text.matches("data: {").count() < 3 {
        text.push_str(std::str::from_utf8(&live.chunk().await.unwrap().unwrap()).unwrap());
    }
    let event = text
        .split("\n\n")
        .next()
        .unwrap()
        .strip_prefix("data: ")
        .unwrap();
    assert!(serde_json::from_str::<Value>(event).unwrap()["totals"]["verdicts"].is_u64());

    let all = service.points(0).await;
    assert_eq!(
        (&all["schema"], &all["count"], &all["unit"]),
        (&1.into(), &2.into(), &"bytes".into())
    );
    let of_first = all["series"][0]["points"].as_array().unwrap();
    assert!(of_first.len() > 40, "{}", of_first.len());
    assert_eq!(of_first[0].as_array().unwrap().len(), 7);
    let middle = of_first[of_first.len() / 2][0].as_i64().unwrap();
    let rest = service.points(middle).await;
    let first = &rest["series"][0]["points"][0][0];
    assert!(first.as_i64().unwrap() > middle);
    service.end().await;
}

/// The programs that drive a browser, where they are.
fn browser() -> Option<String> {
    let chromium = std::env::var("BONGSU_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let version = |name: &str| {
        let out = Command::new(name).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let Some(node) = version("node") else {
        eprintln!("skipped: there is no node to drive a browser with");
        return None;
    };
    let major = node
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|n| n.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        eprintln!("skipped: node is {}, but must be 20 or later", node.trim());
        return None;
    }
    if version(&chromium).is_none() {
        eprintln!("skipped: there is no `{chromium}`; BONGSU_CHROMIUM names another");
        return None;
    }
    Some(chromium)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_in_a_browser() {
    let Some(chromium) = browser() else { return };
    let state = tempfile::tempdir().unwrap();
    let service = serve(state.path()).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_page/drive.mjs");
    let mut command = Command::new("node");
    // Node 20 has web sockets only when asked.
    command.arg("--experimental-websocket");
    command
        .arg(script)
        .arg(chromium)
        .arg(format!("{}/", service.url));
    command
        .args(["please", "open-sesame"])
        .args(std::env::var_os("BONGSU_SHOTS"));
    let out = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let found: Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&out.stderr)));
    assert!(found.get("failed").is_none(), "{found:#}");
    assert_eq!(found["errors"], Value::Array(Vec::new()), "{found:#}");
    for done in ["asks", "live", "band", "dialog", "named"] {
        assert_eq!(found[done], true, "{done}: {found:#}");
    }
    assert!(
        found["alert"].as_str().unwrap().contains("<img"),
        "as text: {found:#}"
    );
    assert!(
        found["readout"].as_str().unwrap().contains("score"),
        "{found:#}"
    );
    let capacity = found["capacity"].as_str().unwrap();
    assert!(
        capacity.contains("<img") && capacity.contains("never"),
        "{capacity}"
    );
    let silence = found["silence"].as_str().unwrap();
    assert!(
        silence.contains("kim") && silence.contains("<img"),
        "{found:#}"
    );
    assert_eq!(
        (&found["images"], &found["owned"]),
        (&0.into(), &false.into()),
        "{found:#}"
    );
    assert_eq!(
        found["inline"], false,
        "the policy forbids scripts in the page: {found:#}"
    );
    assert_eq!(
        found["overflow"], 0,
        "a phone does not scroll sideways: {found:#}"
    );
    service.end().await;
}

/// Not a test: takes the pictures of the documentation, for `cargo xtask pictures`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes pictures into the folder BONGSU_SHOTS"]
async fn pictures_of_the_page_are_taken() {
    let chromium = browser().expect("chromium and node");
    let folder = std::env::var_os("BONGSU_SHOTS").expect("BONGSU_SHOTS names a folder");
    let state = tempfile::tempdir().unwrap();
    let service = serve_named(state.path(), "web-1", "load, robust").await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_page/pictures.mjs");
    let mut command = Command::new("node");
    command
        .arg("--experimental-websocket")
        .arg(script)
        .arg(chromium)
        .arg(format!("{}/", service.url))
        .arg("please")
        .arg(folder);
    let out = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{said}");
    service.end().await;
}
