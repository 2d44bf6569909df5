//! Targets scraped again and again: beside a real Prometheus, a real exporter, and servers that
//! misbehave.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/exporter.rs"]
mod exporter;
#[path = "support/prometheus.rs"]
mod prometheus;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bongsu_core::{Labels, Timestamp};
use bongsu_prometheus::scrape::{Pool, PoolOptions, Scraper};
use bongsu_prometheus::{Client, ClientConfig, Range};
use exporter::{NodeExporter, now, page_server};
use prometheus::Prometheus;

fn scraper(url: &str, job: &str) -> Scraper {
    let instance = url.trim_start_matches("http://").split('/').next().unwrap();
    let labels = Labels::from_pairs([("job", job), ("instance", instance)]).unwrap();
    let config = ClientConfig::new(url)
        .and_then(|c| c.timeout(Duration::from_millis(900)))
        .and_then(|c| c.retries(0));
    Scraper::new(config.unwrap(), labels).unwrap()
}

fn pool(targets: Vec<Scraper>, max_series: usize, expressions: &[&str]) -> Pool {
    let options = PoolOptions {
        interval: Duration::from_millis(200),
        keep: Duration::from_secs(60),
        max_series,
    };
    let expressions = expressions.iter().map(|e| e.parse().unwrap()).collect();
    Pool::start(targets, options, expressions)
}

fn range(start: Timestamp, end: Timestamp, step_ms: i64) -> Range {
    Range {
        start,
        end,
        step_ms,
    }
}

/// The last value of every series, by its labels.
fn newest(pool: &Pool, expression: &str) -> BTreeMap<String, f64> {
    let end = now();
    let answer = pool
        .query_range(expression, &range(end.add_millis(-1_000), end, 50))
        .unwrap();
    let at = end.align_down(50);
    let series = answer.series.iter();
    series
        .filter(|s| s.timestamps().last() == Some(&at))
        .map(|s| (s.labels().selector(), *s.values().last().unwrap()))
        .collect()
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Both see the same samples at the same times, since the page says when they were taken.
#[tokio::test(flavor = "multi_thread")]
async fn expressions_give_what_prometheus_gives() {
    let begun = now().align_down(1_000);
    let url = page_server(move |_| {
        let at = now().align_down(1_000);
        let (second, time) = (at.millis_since(begun) / 1_000, at.as_millis());
        // It starts near zero, jumps, and is reset.
        let counter = if second < 5 {
            3 + second * second
        } else {
            (second - 5) * 7
        };
        let gauge = (second % 3) - 1;
        let text = format!(
            "# TYPE c_total counter\nc_total{{a=\"x\"}} {counter} {time}\n\
             c_total{{a=\"y\"}} {} {time}\n# TYPE g gauge\ng {gauge} {time}\n",
            second * 1_000
        );
        (200, "text/plain; version=0.0.4", text)
    });
    let host = url.trim_start_matches("http://").to_owned();
    let server = Prometheus::start(
        200,
        "",
        &format!("- job_name: page\n  static_configs: [{{targets: ['{host}']}}]\n"),
    );
    let expressions = [
        "c_total",
        "g offset 2s",
        "rate(c_total[4s])",
        "increase(c_total{a=\"x\"}[3s])",
        "rate(c_total{a!=\"x\"}[5s] offset 1s)",
        "up{job=\"page\"}",
    ];
    let pool = pool(
        vec![scraper(&format!("{url}/metrics"), "page")],
        100,
        &expressions,
    );
    pool.scraped_once().await;
    let client = Client::new(ClientConfig::new(server.url()).unwrap()).unwrap();
    // A busy server begins later; what is compared is where both have full windows.
    let begun = Instant::now();
    while client
        .query("c_total", None)
        .await
        .unwrap()
        .series
        .is_empty()
    {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it never scrapes"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let start = now().add_millis(8_000).align_up(1_000);
    tokio::time::sleep(Duration::from_secs(18)).await;
    // Half a second after each sample, which both have seen by then.
    let asked = range(start.add_millis(500), start.add_millis(8_500), 500);
    for expression in expressions {
        let theirs = client.query_range(expression, &asked).await.unwrap();
        let ours = pool.query_range(expression, &asked).unwrap();
        assert!(ours.quality.is_clean(), "{:?}", ours.quality);
        let points = |answer: &bongsu_prometheus::Answer| -> BTreeMap<String, Vec<(i64, f64)>> {
            let series = answer.series.iter();
            series
                .map(|s| {
                    let points = s.iter().map(|(t, v)| (t.as_millis(), v));
                    // On a second both may have been asked before the sample came.
                    let points = points.filter(|(t, _)| t % 1_000 == 500);
                    (s.labels().selector(), points.collect())
                })
                .collect()
        };
        let (theirs, ours) = (points(&theirs), points(&ours));
        assert!(
            ours.values().all(|points| points.len() >= 8),
            "{expression}: {ours:?}"
        );
        assert_eq!(
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>(),
            "{expression}"
        );
        for (ours, theirs) in ours.values().zip(theirs.values()) {
            assert!(
                ours.len() >= 5 && ours.len() == theirs.len(),
                "{ours:?} {theirs:?}"
            );
            for (a, b) in ours.iter().zip(theirs) {
                let close = a.0 == b.0 && (a.1 - b.1).abs() <= 1e-12 * b.1.abs().max(1.0);
                assert!(close, "{expression}: {a:?} {b:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_exporter_is_read_and_its_end_is_seen() {
    let exporter = NodeExporter::start();
    let url = format!("{}/metrics", exporter.url());
    let expressions = [
        "node_load1",
        "up",
        "scrape_samples_scraped",
        "rate(node_cpu_seconds_total{mode=~\"user|idle\"}[2s])",
    ];
    let pool = pool(vec![scraper(&url, "node")], 10_000, &expressions);
    pool.scraped_once().await;
    until("up and its load", || newest(&pool, "node_load1").len() == 1).await;
    assert_eq!(
        newest(&pool, "up").values().copied().collect::<Vec<_>>(),
        [1.0]
    );
    assert!(
        newest(&pool, "scrape_samples_scraped")
            .values()
            .all(|n| *n > 100.0)
    );
    // What no expression chooses is not kept.
    assert!(newest(&pool, "node_memory_MemFree_bytes").is_empty());
    let cpu = "rate(node_cpu_seconds_total{mode=\"idle\"}[2s])";
    until("a rate", || !newest(&pool, cpu).is_empty()).await;
    assert!(
        newest(&pool, cpu).values().all(|v| (0.0..=1.5).contains(v)),
        "{:?}",
        newest(&pool, cpu)
    );
    assert!(
        newest(&pool, cpu)
            .keys()
            .all(|labels| labels.contains("cpu=\"0\"") || labels.contains("cpu="))
    );
    drop(exporter);
    until("down", || newest(&pool, "up").values().all(|up| *up == 0.0)).await;
    assert!(
        newest(&pool, "node_load1").is_empty(),
        "a dead target has no load"
    );
    let answer = pool.query_range("up", &range(now(), now(), 1)).unwrap();
    let warning = answer.quality.warnings.join(" ");
    assert!(
        warning.contains("targets cannot be scraped") && warning.contains(&url),
        "{warning}"
    );
    let health = pool.targets();
    assert!(
        health[0].error.is_some() && health[0].scraped.is_some(),
        "{health:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_misbehave_are_down_and_harm_no_other() {
    let good = page_server(|_| (200, "text/plain", "load 1\n".to_owned()));
    let broken = page_server(|n| match n % 6 {
        0 => (500, "text/plain", "load 2\n".to_owned()),
        1 => (200, "text/plain", "load 2\nload{a=\"\n".to_owned()),
        2 => (200, "text/plain", "<html>please log in</html>".to_owned()),
        3 => (200, "application/openmetrics-text", "load 2\n".to_owned()),
        4 => (200, "text/plain", "load{a=\"\u{0}\"} nothing\n".to_owned()),
        _ => (302, "text/plain", String::new()),
    });
    let hanging = page_server(|_| {
        std::thread::sleep(Duration::from_secs(5));
        (200, "text/plain", "load 4\n".to_owned())
    });
    // A new series with every scrape.
    let churning = page_server(|n| (200, "text/plain", format!("load{{n=\"{n}\"}} 5\n")));
    let gone = "http://127.0.0.1:1".to_owned();
    let names = [&good, &broken, &hanging, &churning, &gone];
    let targets = names.iter().map(|url| scraper(url, "t")).collect();
    let pool = pool(targets, 4, &["load", "up"]);
    pool.scraped_once().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let up: Vec<f64> = newest(&pool, "up").values().copied().collect();
    assert_eq!(up.iter().sum::<f64>(), 2.0, "{up:?}");
    let load = newest(&pool, "load");
    let mine = load
        .iter()
        .filter(|(labels, _)| labels.contains(good.trim_start_matches("http://")));
    assert_eq!(mine.map(|(_, v)| *v).collect::<Vec<_>>(), [1.0], "{load:?}");
    let end = now();
    let answer = pool
        .query_range("load", &range(end.add_millis(-20_000), end, 100))
        .unwrap();
    // `up` does not count.
    let n = answer.series.len();
    assert!((2..=4).contains(&n), "{n} series");
    let warnings = answer.quality.warnings.join("\n");
    assert!(warnings.contains("more series than are kept"), "{warnings}");
    let errors: Vec<String> = pool.targets().into_iter().filter_map(|t| t.error).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(
        errors
            .iter()
            .any(|e| e.contains("no complete answer within")),
        "{errors:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_names_a_series_twice_is_taken_up() {
    let url = page_server(|_| (200, "text/plain", "load 1\nload 2\n".to_owned()));
    let pool = pool(vec![scraper(&url, "t")], 9, &["load", "up"]);
    pool.scraped_once().await;
    let answer = pool.query_range("load", &range(now(), now(), 1)).unwrap();
    assert_eq!(answer.series[0].values(), [1.0]);
    assert_eq!(answer.quality.duplicate_points, 1);
    let warnings = answer.quality.warnings.join(" ");
    assert!(
        warnings.contains(&url) && warnings.contains("twice"),
        "{warnings}"
    );
    assert!(newest(&pool, "up").values().all(|up| *up == 1.0));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let pool = pool(Vec::new(), 9, &["up"]);
    let at = now();
    for (expression, word) in [("sum(up)", "not evaluated"), ("up[5m]", "rate")] {
        let error = pool.query_range(expression, &range(at, at, 1)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    assert!(pool.query_range("up", &range(at, at, 0)).is_err());
    assert!(
        pool.query_range("up", &range(at, at.add_millis(-1), 1))
            .is_err()
    );
    let all = range(Timestamp::MIN, Timestamp::MAX, 1_000);
    assert!(pool.query_range("up", &all).unwrap().series.is_empty());
}
