//! What a running service can be told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::time::Duration;

use bongsu_engine::{Control, Engine, Options, config};
use support::{Memory, matrix, server};

fn yaml(url: &str, rest: &str) -> String {
    format!("source: {{type: prometheus, url: '{url}'}}\n{rest}")
}

const ONE: &str =
    "queries: [{name: load, expr: load, step: 1s, window: 20s, detector: zscore, parameters: {window: 12}}]
server: {listen: '127.0.0.1:0', token: open-sesame}";

/// An engine at work, and what stops it.
struct Service {
    memory: Memory,
    control: Control,
    url: String,
    stop: tokio::sync::oneshot::Sender<()>,
    engine: tokio::task::JoinHandle<Engine>,
}

async fn serve(yaml: &str) -> Service {
    let memory = Memory::default();
    let config = config::parse(yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(memory.clone()));
    let mut engine = engine.await.unwrap();
    let (control, url) = (engine.control(), engine.server_url().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let engine = tokio::spawn(async move {
        let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
        engine
    });
    Service {
        memory,
        control,
        url,
        stop,
        engine,
    }
}

/// Status and body of a request.
fn request(url: &str, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nAuthorization: {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

async fn until(mut holds: impl FnMut() -> bool, what: &str) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_goes_to_work_and_a_wrong_one_leaves_the_old_at_work() {
    let source = server(|_, end| {
        let times: Vec<i64> = (end - 30..=end).collect();
        matrix(false, &["a"], &times)
    });
    let service = serve(&yaml(&source, ONE)).await;
    let judged = |name: &str| {
        let seen = service.memory.0.lock().unwrap();
        seen.verdicts
            .iter()
            .filter(|(query, _)| query == name)
            .count()
    };
    until(|| judged("load") > 10, "the first query is judged").await;

    for (wrong, word) in [
        (ONE.replace("zscore", "zscor"), "did you mean `zscore`"),
        (
            ONE.replace("127.0.0.1:0", "127.0.0.1:1"),
            "server cannot change while the service runs",
        ),
        (
            format!("{ONE}\nstate: {{directory: elsewhere}}"),
            "state.directory cannot change",
        ),
    ] {
        let config = config::parse(&yaml(&source, &wrong), None);
        let error = service
            .control
            .reload(config)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    }
    let metrics = || request(&service.url, "GET", "/metrics", "", "").1;
    assert!(metrics().contains("bongsu_config_last_reload_successful 0"));
    let before = judged("load");
    until(
        || judged("load") > before,
        "the old configuration is still at work",
    )
    .await;

    let two = ONE.replace(
        "queries: [",
        "queries: [{name: also, expr: load, step: 1s}, ",
    );
    let config = config::parse(&yaml(&source, &two), None);
    service.control.reload(config).await.unwrap();
    until(|| judged("also") > 10, "the new query is judged").await;
    assert!(metrics().contains("bongsu_config_last_reload_successful 1"));
    assert!(metrics().contains("bongsu_config_reloads_total{outcome=\"failed\"} 3"));
    // The query that stayed goes on where it was: no moment is judged twice.
    drop(service.stop);
    service.engine.await.unwrap().close().await;
    let times: Vec<i64> = {
        let seen = service.memory.0.lock().unwrap();
        let of_load = seen.verdicts.iter().filter(|(query, _)| query == "load");
        of_load.map(|(_, v)| v.timestamp.as_millis()).collect()
    };
    assert!(times.windows(2).all(|t| t[1] - t[0] == 1_000));
    let ended = service.control.train(None).await.unwrap_err().to_string();
    assert!(ended.contains("the engine has ended"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_under_way_is_not_taken_for_one_of_the_new_configuration() {
    let source = server(|_, end| {
        let times: Vec<i64> = (end - 30..=end).collect();
        matrix(false, &["a"], &times)
    });
    // Its server never answers.
    let hangs = ONE.replace("expr: load", "expr: other");
    assert_ne!(hangs, ONE);
    let service = serve(&yaml(&source, &hangs)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let config = config::parse(&yaml(&source, ONE), None);
    service.control.reload(config).await.unwrap();
    let judged = || service.memory.0.lock().unwrap().verdicts.len();
    until(|| judged() > 10, "the new configuration is judged at once").await;
    drop(service.stop);
    service.engine.await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_over_http_need_the_token() {
    let source = server(|_, end| {
        let times: Vec<i64> = (end - 300..=end).collect();
        matrix(false, &["a"], &times)
    });
    let trained = ONE.replace("12}}", "12}, training: {window: 1m, min_points: 20}}");
    let service = serve(&yaml(&source, &trained)).await;
    let post =
        |path: &str, token: &str, body: &str| request(&service.url, "POST", path, token, body);
    let token = "Bearer open-sesame";
    assert_eq!(post("/api/v1/train", "", "").0, 401);
    assert_eq!(post("/api/v1/train", "Bearer open-sesam", "").0, 401);
    assert_eq!(
        post("/api/v1/models/rollback", "Basic open-sesame", "{}").0,
        401
    );
    let (status, body) = post("/api/v1/train", token, "");
    assert_eq!(
        (status, body.contains("\"queries\":[\"load\"]")),
        (200, true),
        "{body}"
    );
    let (status, body) = post("/api/v1/train", token, r#"{"query":"none"}"#);
    assert_eq!(
        (status, body.contains("no query `none`")),
        (404, true),
        "{body}"
    );
    assert_eq!(post("/api/v1/train", token, r#"{"querry":"load"}"#).0, 400);
    let (status, body) = post(
        "/api/v1/models/rollback",
        token,
        r#"{"query":"load","version":1}"#,
    );
    assert_eq!(
        (status, body.contains("state.directory")),
        (404, true),
        "{body}"
    );
    assert_eq!(
        post("/api/v1/models/rollback", token, r#"{"query":1}"#).0,
        400
    );
    let models = || {
        let (status, body) = request(&service.url, "GET", "/api/v1/models", "", "");
        assert_eq!(status, 200);
        serde_json::from_str::<serde_json::Value>(&body).unwrap()["models"][0].clone()
    };
    until(
        || models()["version"].as_u64() > Some(0),
        "a version is trained",
    )
    .await;
    assert_eq!(models()["query"], "load");

    // A token that is changed is asked for at once.
    let other = config::parse(
        &yaml(&source, &trained.replace("open-sesame", "other")),
        None,
    );
    service.control.reload(other).await.unwrap();
    assert_eq!(post("/api/v1/train", token, "").0, 401);
    assert_eq!(post("/api/v1/train", "Bearer other", "").0, 200);
    drop(service.stop);
    service.engine.await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_are_no_orders() {
    let source = server(|_, end| matrix(false, &["a"], &[end]));
    let service = serve(&yaml(&source, &ONE.replace(", token: open-sesame", ""))).await;
    let (status, body) = request(&service.url, "POST", "/api/v1/train", "Bearer x", "");
    assert_eq!(
        (status, body.contains("server.token is not set")),
        (403, true),
        "{body}"
    );
    drop(service.stop);
    service.engine.await.unwrap().close().await;
}

/// A receiver of remote write that takes nothing before it is told to.
fn receiver(open: std::sync::Arc<std::sync::atomic::AtomicBool>) -> String {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/write", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let _ = stream.read_exact(&mut vec![0; length]);
            let status = if open.load(std::sync::atomic::Ordering::Relaxed) {
                "204 No Content"
            } else {
                "503 Service Unavailable"
            };
            let _ = write!(
                stream.get_mut(),
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_written_survives_a_new_configuration() {
    let source = server(|_, end| {
        let times: Vec<i64> = (end - 30..=end).collect();
        matrix(false, &["a"], &times)
    });
    let open = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let url = receiver(open.clone());
    let with = |timeout: &str| {
        format!("{ONE}\noutput: {{remote_write: {{url: '{url}', timeout: {timeout}}}}}")
    };
    let service = serve(&yaml(&source, &with("5s"))).await;
    let metric = |name: &str| {
        let metrics = request(&service.url, "GET", "/metrics", "", "").1;
        let line = metrics.lines().find(|line| line.starts_with(name));
        line.map_or(0.0, |line| {
            let value = line.rsplit(' ').next().unwrap();
            value.parse::<f64>().unwrap()
        })
    };
    let queue = || metric("bongsu_remote_write_queue");
    until(|| queue() >= 4.0, "scores wait for the receiver").await;
    let waiting = queue();
    let other = config::parse(&yaml(&source, &with("6s")), None);
    service.control.reload(other).await.unwrap();
    open.store(true, std::sync::atomic::Ordering::Relaxed);
    until(
        || metric("bongsu_remote_write_samples_total{outcome=\"written\"}") >= waiting,
        "the new writer has taken them over",
    )
    .await;
    drop(service.stop);
    service.engine.await.unwrap().close().await;
}
