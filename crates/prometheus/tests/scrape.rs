//! Expositions: the documented examples, awkward lines, and a real server's own metrics.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/prometheus.rs"]
mod prometheus;

use std::collections::BTreeSet;

use bongsu_core::{Labels, Timestamp};
use bongsu_prometheus::scrape::{Exposition, Format, Scraper, parse};
use bongsu_prometheus::{Client, ClientConfig, Error};
use prometheus::Prometheus;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn text(text: &str) -> Result<Exposition, Error> {
    parse(text, Format::Prometheus, NOW)
}

fn open(text: &str) -> Result<Exposition, Error> {
    parse(text, Format::OpenMetrics, NOW)
}

/// `name{labels} value time` of every sample.
fn shown(exposition: &Exposition) -> Vec<String> {
    let line = |sample: &bongsu_prometheus::Sample| {
        let (labels, time) = (sample.labels.selector(), sample.timestamp.as_millis());
        format!("{labels} {:?} {time}", sample.value)
    };
    exposition.samples.iter().map(line).collect()
}

#[test]
fn prometheus_format() {
    let exposition = text(concat!(
        "# HELP http_requests_total The total, with \\\\ and\\na new line.\n",
        "# TYPE http_requests_total counter\n",
        "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n",
        "http_requests_total{ method = \"post\" , code = \"400\", }    3 1395066363000\r\n",
        "\n# A remark.\n#\n  # TYPE  spaced   gauge  \n",
        "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n",
        "metric_without_timestamp_and_labels 12.47\n",
        "\t something_weird{problem=\"division by zero\"} +Inf -3982045\n",
        "ns:nan{} NaN\nempty{label=\"\"}\t-1e-3",
    ))
    .unwrap();
    assert_eq!(
        shown(&exposition),
        [
            r#"http_requests_total{code="200",method="post"} 1027.0 1395066363000"#,
            r#"http_requests_total{code="400",method="post"} 3.0 1395066363000"#,
            r#"msdos_file_access_time_seconds{error="Cannot find file:\n\"FILE.TXT\"",path="C:\\DIR\\FILE.TXT"} 1458255915.0 1700000000000"#,
            "metric_without_timestamp_and_labels 12.47 1700000000000",
            r#"something_weird{problem="division by zero"} inf -3982045"#,
            "ns:nan NaN 1700000000000",
            "empty -0.001 1700000000000",
        ]
    );
    let declared = &exposition.metadata["http_requests_total"];
    assert_eq!(declared.kind, "counter");
    assert_eq!(declared.help, "The total, with \\ and\na new line.");
    assert_eq!(exposition.metadata["spaced"].kind, "gauge");
}

#[test]
fn quoted_names() {
    let exposition = text(concat!(
        "# TYPE \"my.metric\" untyped\n",
        "{\"my.metric\"} 1\n",
        "{\"my.metric\", \"a.b\"=\"c}\", d=\"e\"} 2\n",
        "{__name__=\"plain\"} 3\n",
    ))
    .unwrap();
    let names: Vec<_> = exposition
        .samples
        .iter()
        .map(|s| s.labels.metric_name().unwrap())
        .collect();
    assert_eq!(names, ["my.metric", "my.metric", "plain"]);
    assert_eq!(exposition.samples[1].labels.get("a.b"), Some("c}"));
    assert_eq!(exposition.metadata["my.metric"].kind, "unknown");
}

#[test]
fn open_metrics() {
    let exposition = open(concat!(
        "# TYPE foo histogram\n# UNIT foo seconds\n",
        "foo_bucket{le=\"0.1\"} 8 # {} 0.054\n",
        "foo_bucket{le=\"1\"} 10 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879607.789\n",
        "foo_count 17 1520879607.789 # {a=\"b # c\"} 1\n",
        "foo_created 1520430000.123\n# EOF\n",
    ))
    .unwrap();
    let times: Vec<_> = exposition
        .samples
        .iter()
        .map(|s| s.timestamp.as_millis())
        .collect();
    let now = NOW.as_millis();
    assert_eq!(times, [now, now, 1_520_879_607_789, now]);
    assert_eq!(exposition.metadata["foo"].unit, "seconds");
    let cut = open("foo 1\n").unwrap_err().to_string();
    assert!(cut.contains("# EOF"), "{cut}");
    assert!(open("foo 1\n# EOF\nfoo 2\n").is_err());
}

#[test]
fn bad_lines_are_named() {
    for (line, column, what) in [
        ("é 1", 1, "name"),
        ("1a 1", 1, "name"),
        ("a{b=\"c\" 1", 9, "`,` or `}`"),
        ("a{b=c} 1", 5, "`\"`"),
        ("a{b=\"c} 1", 6, "does not end"),
        ("a{b} 1", 4, "`=`"),
        ("a{b=\"1\",b=\"2\"} 1", 15, "twice"),
        ("a{\"é\"=\"ü\" 1", 11, "`,` or `}`"),
        ("a", 2, "value"),
        ("a x", 3, "value"),
        ("a 1 x", 5, "time"),
        ("a 1 2 3", 7, "end"),
        ("{} 1", 3, "name"),
        ("a{\"b\"} 1", 7, "twice"),
        ("# TYPE", 7, "name"),
    ] {
        let error = text(&format!("ok 1\n{line}\n")).unwrap_err().to_string();
        let place = format!("line 2, column {column}:");
        assert!(error.contains(&place), "{line}: {error}");
        assert!(error.contains(what), "{line}: {error}");
    }
}

#[test]
fn the_first_of_two_samples_is_kept() {
    let twice = text("a{b=\"c\"} 1\na{b=\"c\"} 2\nd 3\n").unwrap();
    assert_eq!(twice.duplicate_points, 1);
    let values: Vec<f64> = twice.samples.iter().map(|sample| sample.value).collect();
    assert_eq!(values, [1.0, 3.0]);
    let at_two_times = text("a 1 1\na 2 2\n").unwrap();
    assert_eq!(at_two_times.duplicate_points, 0);
    assert_eq!(at_two_times.samples.len(), 2);
}

#[test]
fn content_types() {
    let open = "Application/OpenMetrics-Text; version=1.0.0; charset=utf-8";
    assert_eq!(Format::of(open), Format::OpenMetrics);
    assert_eq!(Format::of("text/plain; version=0.0.4"), Format::Prometheus);
    assert_eq!(Format::of(""), Format::Prometheus);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(lines in "([ -~\n\t\"\\\\{},=é#]|a\\{b=\"|\"\\} 1){0,60}") {
        let _ = text(&lines);
        let _ = open(&lines);
    }

    #[test]
    fn what_is_written_is_read(value: f64, label in "[ -~\n\\\\\"é]{1,20}") {
        let escaped = label.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        let exposition = text(&format!("m{{a=\"{escaped}\"}} {value}\n")).unwrap();
        prop_assert_eq!(exposition.samples[0].labels.get("a"), Some(&*label));
        let found = exposition.samples[0].value;
        prop_assert!(found == value || (found.is_nan() && value.is_nan()));
    }
}

/// A real server's metrics, read directly, are the series that it holds of itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_exporter() {
    let server = Prometheus::start(200, "", "");
    let target = ClientConfig::new(&format!("{}/metrics", server.url())).unwrap();
    let instance = server.url().trim_start_matches("http://").to_owned();
    let own = Labels::from_pairs([("job", "prometheus"), ("instance", &*instance)]).unwrap();
    let scraper = Scraper::new(target, own).unwrap();
    let exposition = scraper.scrape(NOW).await.unwrap();
    assert!(exposition.samples.len() > 100);
    assert!(exposition.samples.iter().all(|s| s.timestamp == NOW));
    let metadata = &exposition.metadata;
    assert!(
        metadata
            .values()
            .any(|m| m.kind == "histogram" && !m.help.is_empty())
    );

    let client = Client::new(ClientConfig::new(server.url()).unwrap()).unwrap();
    let mut held = BTreeSet::new();
    while held.len() < exposition.samples.len() {
        let all = "{job=\"prometheus\", __name__!~\"up|scrape_.+\"}";
        for series in client.query(all, None).await.unwrap().series {
            held.insert(series.labels().clone());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for sample in &exposition.samples {
        assert!(held.contains(&sample.labels), "{}", sample.labels);
    }
    let away = Scraper::new(ClientConfig::new(server.url()).unwrap(), Labels::empty()).unwrap();
    let error = away.scrape(NOW).await.unwrap_err();
    assert!(error.to_string().contains("http://"), "{error}");
}
