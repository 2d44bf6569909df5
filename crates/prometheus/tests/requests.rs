//! What the client sends: credentials, parameters, redirected and split requests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/mock.rs"]
mod mock;

use std::time::{Duration, Instant};

use bongsu_core::{Secret, Timestamp};
use bongsu_prometheus::{Auth, Client, ErrorKind, Range};
use mock::{EMPTY, UP, client, config, json, requests, server};
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn a_server_without_post_is_asked_by_get_from_then_on() {
    let server = MockServer::start().await;
    let refusal = ResponseTemplate::new(405);
    Mock::given(method("POST"))
        .respond_with(refusal)
        .expect(1)
        .mount(&server)
        .await;
    let get = Mock::given(method("GET")).and(path("/p/api/v1/query"));
    let get = get
        .and(query_param("query", "up{a=\"b c\"}"))
        .and(query_param("dedup", "true"));
    get.respond_with(json(UP)).expect(3).mount(&server).await;
    let config = config(&format!("{}/p/", server.uri()))
        .param("dedup", "true")
        .unwrap();
    let client = Client::new(config).unwrap();
    for _ in 0..2 {
        client.query("up{a=\"b c\"}", None).await.unwrap();
    }
    client.clone().query("up{a=\"b c\"}", None).await.unwrap();
}

#[tokio::test]
async fn credentials_headers_and_parameters_are_sent() {
    let basic = Auth::Basic {
        username: "ann".into(),
        password: Secret::new("hunter2"),
    };
    let own = Auth::Headers(vec![("X-Api-Key".into(), Secret::new("k"))]);
    for (auth, name, value) in [
        (basic, "authorization", "Basic YW5uOmh1bnRlcjI="),
        (
            Auth::Bearer(Secret::new("t0p")),
            "authorization",
            "Bearer t0p",
        ),
        (own, "x-api-key", "k"),
    ] {
        let server = MockServer::start().await;
        Mock::given(header(name, value))
            .and(header("x-scope-orgid", "team"))
            .and(body_string_contains("query=up"))
            .and(body_string_contains("dedup=true"))
            .and(body_string_contains("timeout=27s"))
            .and(body_string_contains("time=1.500"))
            .respond_with(json(UP))
            .mount(&server)
            .await;
        let config = config(&server.uri()).auth(auth).unwrap();
        let config = config.header("X-Scope-OrgID", "team").unwrap();
        let client = Client::new(config.param("dedup", "true").unwrap()).unwrap();
        let at = Timestamp::from_millis(1_500);
        client.query("up", Some(at)).await.unwrap();
        let shown = format!("{client:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("t0p"),
            "{shown}"
        );
    }
    // In the address, they work too.
    let server = MockServer::start().await;
    let wanted = header("authorization", "Basic YW5uOmh1bnRlcjI=");
    Mock::given(wanted)
        .respond_with(json(UP))
        .mount(&server)
        .await;
    let url = server.uri().replace("http://", "http://ann:hunter2@");
    client(&url).query("up", None).await.unwrap();
}

#[tokio::test]
async fn redirects_stay_on_the_server_and_keep_the_query() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(302).insert_header("Location", "/new/api/v1/query");
    Mock::given(path("/api/v1/query"))
        .respond_with(moved)
        .mount(&server)
        .await;
    let found = Mock::given(path("/new/api/v1/query")).and(method("POST"));
    let found = found.and(body_string_contains("query=up"));
    found.respond_with(json(UP)).mount(&server).await;
    client(&server.uri()).query("up", None).await.unwrap();

    let other = MockServer::start().await;
    let away = format!("{}/login?token=t0p", other.uri());
    let server = mock::server(ResponseTemplate::new(307).insert_header("Location", away)).await;
    let error = client(&server.uri()).query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    let text = error.to_string();
    assert!(
        text.contains(&other.uri()) && !text.contains("t0p"),
        "{text}"
    );
    assert_eq!(requests(&other).await, 0);

    let round = server_with_loop().await;
    let error = client(&round.uri()).query("up", None).await.unwrap_err();
    assert!(
        error.to_string().contains("more than 3 redirects"),
        "{error}"
    );
}

async fn server_with_loop() -> MockServer {
    server(ResponseTemplate::new(308).insert_header("Location", "/api/v1/query")).await
}

#[tokio::test]
async fn long_ranges_are_split_on_the_grid_and_joined() {
    let server = MockServer::start().await;
    let answer = |request: &wiremock::Request| {
        let body = String::from_utf8(request.body.clone()).unwrap();
        let number = |name: &str| -> i64 {
            let from = body.find(&format!("&{name}=")).unwrap() + name.len() + 2;
            body[from..].split('&').next().unwrap().parse().unwrap()
        };
        let (start, end, step) = (number("start"), number("end"), number("step"));
        assert!((end - start) / step <= 10 && start % step == 0 && end % step == 0);
        // A neighbour's point too much, as servers that round outwards give.
        let times = (start - step..=end).step_by(60);
        let points: Vec<String> = times.map(|t| format!("[{t},\"{t}\"]")).collect();
        json(&format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}}}"#,
            points.join(",")
        ))
    };
    Mock::given(method("POST"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let config = config(&server.uri()).max_points(10).unwrap();
    let client = Client::new(config).unwrap();
    let range = Range {
        start: Timestamp::from_secs(601),
        end: Timestamp::from_secs(6_059),
        step_ms: 60_000,
    };
    let found = client.query_range("up", &range).await.unwrap();
    let expected: Vec<f64> = (600..=6_000).step_by(60).map(f64::from).collect();
    assert_eq!(found.series[0].values(), expected);
    assert!(requests(&server).await >= 9);
    let bad = Range {
        end: Timestamp::from_secs(10_000_000_000),
        step_ms: 1,
        ..range
    };
    let error = client.query_range("up", &bad).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Range);
    let between = Range {
        end: Timestamp::from_secs(602),
        ..range
    };
    assert!(
        client
            .query_range("up", &between)
            .await
            .unwrap()
            .series
            .is_empty()
    );
}

#[tokio::test]
async fn no_more_requests_run_than_allowed() {
    let server = server(json(EMPTY).set_delay(Duration::from_millis(100))).await;
    let client = Client::new(config(&server.uri()).max_concurrency(2).unwrap()).unwrap();
    let start = Instant::now();
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.query("up", None).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(300));
}
