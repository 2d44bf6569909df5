//! The replay server over HTTP: time, staleness, parameters and errors.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_prometheus::replay::{Recording, ReplayClock, ReplayOptions, ReplayServer};
use bongsu_prometheus::{Client, ClientConfig, ErrorKind, Range};

const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// Points every 5 s from 1,000 s to 4,600 s; `ends` only until 2,000 s, `late` only from 3,000 s.
fn recording() -> Arc<Recording> {
    let series = |name: &str, from: i64, to: i64| {
        let times: Vec<Timestamp> = (from..=to).step_by(5).map(at).collect();
        let values = times.iter().map(|time| time.as_secs_f64()).collect();
        let labels = Labels::from_pairs([("__name__", name), ("job", "x")]).unwrap();
        Series::new(labels, times, values).unwrap()
    };
    let all = vec![
        series("ends", 1_000, 2_000),
        series("late", 3_000, 4_600),
        series("up", 1_000, 4_600),
    ];
    Arc::new(Recording::from_series(all).unwrap())
}

fn start(clock: &ReplayClock) -> (ReplayServer, Client) {
    let server = ReplayServer::start(recording(), clock.clone(), SocketAddr::from(ANY)).unwrap();
    let config = ClientConfig::new(&server.url())
        .unwrap()
        .retries(0)
        .unwrap();
    (server, Client::new(config).unwrap())
}

#[tokio::test]
async fn the_future_is_never_served() {
    let clock = ReplayClock::manual(at(2_503));
    let (server, client) = start(&clock);
    assert_eq!(server.now(), at(2_503));
    let now = client.query("up", None).await.unwrap();
    assert_eq!(now.series[0].values(), [2_500.0]);
    assert_eq!(now.series[0].timestamps(), [at(2_503)]);
    let window = client.query("up[1h]", Some(at(4_600))).await.unwrap();
    assert_eq!(window.series[0].timestamps().last(), Some(&at(2_500)));
    let range = Range {
        start: at(2_400),
        end: at(4_600),
        step_ms: 5_000,
    };
    let answer = client.query_range("up", &range).await.unwrap();
    assert!(
        answer.series[0]
            .values()
            .iter()
            .all(|&value| value <= 2_500.0)
    );
    assert!(
        client
            .query("late", Some(at(3_100)))
            .await
            .unwrap()
            .series
            .is_empty()
    );
    let (all, none) = (["{job=\"x\"}"], Timestamp::MIN);
    assert_eq!(
        client.series(&all, at(0), at(9_999)).await.unwrap().len(),
        2
    );
    assert_eq!(
        client
            .label_values("__name__", &[], at(0), at(9_999))
            .await
            .unwrap(),
        ["ends", "up"]
    );
    assert!(!client.metadata(None).await.unwrap().contains_key("late"));
    assert!(
        client
            .labels(&[], at(0), none.max(at(999)))
            .await
            .unwrap()
            .is_empty()
    );
    clock.set(at(3_000));
    assert_eq!(client.query("late", None).await.unwrap().series.len(), 1);
}

#[tokio::test]
async fn a_series_that_ended_is_absent_after_some_intervals() {
    let (_server, client) = start(&ReplayClock::manual(at(4_600)));
    for (millis, present) in [
        (2_000_000, 1),
        (2_012_500, 1),
        (2_012_501, 0),
        (2_100_000, 0),
    ] {
        let time = Timestamp::from_millis(millis);
        let found = client.query("ends", Some(time)).await.unwrap();
        assert_eq!(found.series.len(), present, "{millis}");
    }
}

#[tokio::test]
async fn the_lookback_can_be_shortened() {
    let options = ReplayOptions::default()
        .lookback(Duration::from_secs(2))
        .unwrap();
    let clock = ReplayClock::manual(at(1_503));
    let server = ReplayServer::start_with(recording(), clock, ANY.into(), options).unwrap();
    let client = Client::new(ClientConfig::new(&server.url()).unwrap()).unwrap();
    assert!(client.query("up", None).await.unwrap().series.is_empty());
    assert!(
        !client
            .query("up", Some(at(1_502)))
            .await
            .unwrap()
            .series
            .is_empty()
    );
    assert!(ReplayOptions::default().lookback(Duration::ZERO).is_err());
}

#[tokio::test]
async fn a_running_clock_moves_through_the_recording() {
    let clock = ReplayClock::running(at(1_000), at(4_600), 2_000.0).unwrap();
    let (_server, client) = start(&clock);
    let first = client.query("up", None).await.unwrap().series[0].values()[0];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = client.query("up", None).await.unwrap().series[0].values()[0];
    assert!(second >= first + 195.0, "{first} {second}");
    tokio::time::sleep(clock.until(at(4_600)).unwrap()).await;
    assert_eq!(
        client.query("up", None).await.unwrap().series[0].values(),
        [4_600.0]
    );
}

#[tokio::test]
async fn times_steps_and_methods_are_those_of_prometheus() {
    let (server, _client) = start(&ReplayClock::manual(at(4_600)));
    let http = reqwest::Client::new();
    let get = async |path: &str| {
        let reply = http
            .get(format!("{}{path}", server.url()))
            .send()
            .await
            .unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let (status, seconds) = get("/api/v1/query?query=up&time=1500.5").await;
    assert_eq!(
        (status, seconds.as_str()),
        (
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"x"},"value":[1500.500,"1500"]}]}}"#
        )
    );
    assert_eq!(
        get("/api/v1/query?query=up&time=1970-01-01T00:25:00.5Z")
            .await
            .1,
        seconds
    );
    assert_eq!(
        get("/api/v1/query?query=up&time=1970-01-01T02:25:00.5%2B02:00")
            .await
            .1,
        seconds
    );
    let posted = http
        .post(format!("{}/api/v1/query?time=1500.5", server.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("query=up");
    assert_eq!(posted.send().await.unwrap().text().await.unwrap(), seconds);
    let range = "/api/v1/query_range?query=up&start=1000&end=1060&step=";
    let (status, by_seconds) = get(&format!("{range}30")).await;
    assert_eq!(status, 200);
    assert!(
        by_seconds.contains(r#"[[1000,"1000"],[1030,"1030"],[1060,"1060"]]"#),
        "{by_seconds}"
    );
    assert_eq!(get(&format!("{range}30s")).await.1, by_seconds);

    for (path, word) in [
        (
            "/api/v1/query?query=up&time=x",
            "cannot parse \\\"x\\\" to a valid timestamp",
        ),
        ("/api/v1/query", "no expression found"),
        ("/api/v1/query?query=sum(up)", "only plain selectors"),
        (
            "/api/v1/query_range?query=up&end=1&step=1",
            "invalid parameter \\\"start\\\"",
        ),
        (
            "/api/v1/query_range?query=up&start=2&end=1&step=1",
            "end timestamp must not be before",
        ),
        (
            "/api/v1/query_range?query=up&start=1&end=2&step=0",
            "zero or negative",
        ),
        (
            "/api/v1/query_range?query=up&start=1&end=2&step=x",
            "to a valid duration",
        ),
        (
            "/api/v1/query_range?query=up&start=1&end=11002&step=1",
            "11,000 points",
        ),
        (
            "/api/v1/query_range?query=up[1m]&start=1&end=2&step=1",
            "range vector",
        ),
        ("/api/v1/series", "no match[]"),
        ("/api/v1/series?match[]=up[5m]", "without range"),
    ] {
        let (status, text) = get(path).await;
        assert_eq!(status, 400, "{path}");
        assert!(
            text.contains(r#""errorType":"bad_data""#) && text.contains(word),
            "{path}: {text}"
        );
    }
    assert_eq!(
        get("/api/v1/query_range?query=up&start=1&end=11001&step=1")
            .await
            .0,
        200
    );
    assert_eq!(get("/-/healthy").await.0, 200);
    assert_eq!(get("/api/v1/status/buildinfo").await.0, 200);
    assert_eq!(get("/api/v1/rules").await.0, 404);
}

#[tokio::test]
async fn servers_stop_when_told_and_when_dropped() {
    let clock = ReplayClock::manual(at(2_000));
    let (server, client) = start(&clock);
    let busy = ReplayServer::start(recording(), clock.clone(), server.addr()).unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Io);
    assert!(busy.to_string().contains("127.0.0.1"), "{busy}");
    client.ready().await.unwrap();
    server.stop().await;
    assert_eq!(
        client.ready().await.unwrap_err().kind(),
        ErrorKind::Connection
    );
    let (server, client) = start(&clock);
    client.ready().await.unwrap();
    drop(server);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match client.ready().await {
            Err(error) => break assert_eq!(error.kind(), ErrorKind::Connection),
            Ok(()) => assert!(
                Instant::now() < deadline,
                "the dropped server still answers"
            ),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_runtime_is_needed_and_said_so() {
    let clock = ReplayClock::manual(at(0));
    let error = ReplayServer::start(recording(), clock, ANY.into()).unwrap_err();
    assert!(error.to_string().contains("Tokio runtime"), "{error}");
}
