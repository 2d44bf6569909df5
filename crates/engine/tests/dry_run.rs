//! Asking a real server every query before a run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../prometheus/tests/support/prometheus.rs"]
mod prometheus;

use bongsu_engine::{check_queries, config};
use prometheus::Prometheus;

#[tokio::test(flavor = "multi_thread")]
async fn each_query_is_told_with_what_it_brings() {
    let server = Prometheus::start(200, "", "");
    let yaml = format!(
        "source: {{type: prometheus, url: '{}', retries: 0}}
engine: {{max_series: 5}}
queries:
  - {{name: up, expr: up, step: 1s, window: 5m}}
  - {{name: bad, expr: 'sum(', step: 1s}}
  - {{name: none, expr: nothing_here, step: 1s}}
  - {{name: many, expr: '{{job=\"prometheus\"}}', step: 1s, window: 5s}}
  - {{name: nan, expr: 'up * NaN', step: 1s}}
maintenance: [{{name: m, expr: 'up == 0'}}, {{name: n, expr: 'up ==', queries: [up]}}]",
        server.url()
    );
    let config = config::parse(&yaml, None).unwrap();
    let mut checks = check_queries(&config).await.unwrap();
    for _ in 0..60 {
        // The server begins to scrape when it has found its targets.
        if checks[0].outcome.as_ref().unwrap().points > 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        checks = check_queries(&config).await.unwrap();
    }
    let shown: Vec<String> = checks.iter().map(ToString::to_string).collect();
    let of = |name: &str| {
        let mut all = shown.iter();
        all.find(|text| text.starts_with(name)).unwrap().as_str()
    };
    let up = checks[0].outcome.as_ref().unwrap();
    assert!(
        up.series == 1 && (2..60).contains(&up.points) && up.warnings.is_empty(),
        "{shown:#?}"
    );
    assert!(of("up: 1 series").contains("Z to 20"), "{shown:#?}");
    assert!(
        of("bad").contains("failed") && of("bad").contains("parse error"),
        "{shown:#?}"
    );
    assert!(
        of("none").contains("warning: there is no series"),
        "{shown:#?}"
    );
    assert!(of("many").contains("engine.max_series, 5"), "{shown:#?}");
    assert!(of("nan").contains("are NaN or infinite"), "{shown:#?}");
    assert!(
        !of("maintenance `up == 0`").contains("warning"),
        "{shown:#?}"
    );
    assert!(of("maintenance `up ==`").contains("failed"), "{shown:#?}");
    let failed = checks.iter().filter(|check| check.outcome.is_err()).count();
    assert_eq!((checks.len(), failed), (7, 2));
}
