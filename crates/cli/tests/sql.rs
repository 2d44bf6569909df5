//! Samples of a real Prometheus to Parquet, and queries over them.
#![cfg(feature = "sql")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{Server, free_port, get, wait_for};

/// 2026-03-01T22:00:00Z, so that four hours lie in two days.
const START: i64 = 1_772_402_400;
const POINTS: i64 = 960;
const STEP: i64 = 15;

fn bongsu(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn value(host: i64, point: i64) -> f64 {
    let outlier = if point == 700 { 50.0 } else { 0.0 };
    (10 * host) as f64 + (point * 7_919 % 101) as f64 / 101.0 + outlier
}

/// A Prometheus that has had three hosts for four hours.
fn server(folder: &Path) -> (Server, String) {
    let mut text = String::from("# TYPE load gauge\n");
    for host in 0..3 {
        for point in 0..POINTS {
            let (value, time) = (value(host, point), START + STEP * point);
            writeln!(
                text,
                "load{{host=\"web-{host}\",path=\"a\\\"b\"}} {value} {time}"
            )
            .unwrap();
        }
    }
    text += "# EOF\n";
    let at = |name: &str| folder.join(name).display().to_string();
    fs::write(at("past.om"), text).unwrap();
    fs::write(at("prometheus.yml"), "scrape_configs: []\n").unwrap();
    let filled = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([at("past.om"), at("tsdb")])
        .output()
        .expect("promtool, of Debian's package prometheus");
    assert!(filled.status.success(), "{}", said(&filled));
    let port = free_port();
    let arguments = [
        format!("--config.file={}", at("prometheus.yml")),
        format!("--storage.tsdb.path={}", at("tsdb")),
        "--storage.tsdb.retention.time=50y".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let log = folder.join("prometheus.log");
    let server = Server::start("prometheus", "prometheus", &arguments, &log);
    wait_for("a Prometheus that is ready", || get(port, "/-/ready"));
    (server, format!("http://127.0.0.1:{port}"))
}

fn export(url: &str, data: &Path, more: &[&str]) -> Output {
    let (start, data) = (START.to_string(), data.display().to_string());
    let fixed = ["export", "--prometheus", url, "--select", "load", "--start"];
    let rest = [start.as_str(), "--output", data.as_str()];
    bongsu(&[&fixed[..], &rest, more].concat())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn query(data: &Path, sql: &str) -> String {
    let data = data.display().to_string();
    let output = bongsu(&["sql", sql, "--data", &data, "--format", "csv"]);
    assert!(output.status.success(), "{sql}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn samples_are_exported_and_judged_in_sql() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(folder.path());
    let data = folder.path().join("data");
    let end = (START + STEP * POINTS).to_string();
    for _ in 0..2 {
        let output = export(&url, &data, &["--end", &end, "--parts", "2"]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("samples=2880"), "{}", said(&output));
    }
    let names = files(&data);
    let names = names.iter().map(|path| path.strip_prefix(&data).unwrap());
    let names: Vec<String> = names.map(|path| path.display().to_string()).collect();
    assert!(names.len() >= 2 && names.len() <= 4, "{names:?}");
    for name in &names {
        assert!(name.starts_with("metrics/day=2026-03-0"), "{name}");
        assert!(name.ends_with("/samples.parquet"), "{name}");
    }
    // What was exported twice is there once, and every sample as it was.
    let found = query(
        &data,
        "SELECT series, labels['host'] AS host, count(*) AS n, min(ts) AS first, sum(value) AS s,
                count(DISTINCT day) AS days
         FROM metrics GROUP BY series, labels['host'] ORDER BY host",
    );
    for (host, line) in found.lines().skip(1).enumerate() {
        let sum: f64 = (0..POINTS).map(|point| value(host as i64, point)).sum();
        let cells: Vec<&str> = line.rsplitn(5, ',').collect();
        let (days, found, first, n) = (cells[0], cells[1], cells[2], cells[3]);
        let found: f64 = found.parse().unwrap();
        assert!((found - sum).abs() < 1e-6, "{found}, not {sum}");
        assert_eq!((days, first, n), ("2", "2026-03-01T22:00:00Z", "960"));
        assert!(cells[4].contains("web-"), "{line}");
    }
    assert_eq!(found.lines().count(), 4, "{found}");
    // The outlier of each host, and nothing else.
    let found = query(
        &data,
        "SELECT labels['host'] AS host, ts FROM (
           SELECT labels, ts, robust_z(ts, value, 'threshold=8')
             OVER (PARTITION BY series ORDER BY ts) AS score FROM metrics)
         WHERE score > 1 ORDER BY host",
    );
    let line = |host: i64| format!("web-{host},2026-03-02T00:55:00Z\n");
    assert_eq!(found, format!("host,ts\n{}{}{}", line(0), line(1), line(2)));

    let output = export(
        &url,
        &data,
        &["--end", &end, "--hourly", "--table", "hours"],
    );
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("folders=4"), "{}", said(&output));
    let found = query(
        &data,
        "SELECT hour, count(*) AS n FROM hours GROUP BY hour ORDER BY hour",
    );
    assert!(found.starts_with("hour,n\n2026-03-01T22,720\n"), "{found}");

    for (more, status, message) in [
        (&["--end", "1"][..], 2, "before it starts"),
        (&["--table", "a/b"], 2, "--table"),
        (&["--parts", "0"], 2, "--parts"),
        (&["--end", &end, "--select", "load[5m]"], 1, "selector"),
    ] {
        let output = export(&url, &data, more);
        assert!(
            said(&output).contains(message),
            "{more:?}: {}",
            said(&output)
        );
        assert_eq!(
            output.status.code(),
            Some(status),
            "{more:?}: {}",
            said(&output)
        );
    }
    let output = export(&url, &data, &["--end", &end, "--table", "none"]);
    assert!(output.status.success());
    let nothing = [
        "export",
        "--prometheus",
        &url,
        "--select",
        "nothing",
        "--start",
        &end,
    ];
    let rest = ["--output", data.to_str().unwrap()];
    let output = bongsu(&[&nothing[..], &rest].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("no series had samples"),
        "{}",
        said(&output)
    );
}

#[test]
fn tables_are_files_and_folders_and_results_have_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    fs::write(
        folder.path().join("load.csv"),
        "ts,value\n1,2.5\n2,\n3,4.5\n",
    )
    .unwrap();
    let run = |sql: &str, more: &[&str]| {
        let fixed = [
            "sql",
            sql,
            "--data",
            &data,
            "--threads",
            "1",
            "--memory",
            "64",
        ];
        bongsu(&[&fixed[..], more].concat())
    };
    let text = |output: Output| {
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let sql = "SELECT ts, value FROM load ORDER BY ts";
    let table = text(run(sql, &[]));
    assert!(table.contains("| ts | value |"), "{table}");
    let csv = text(run(sql, &["--format", "csv"]));
    assert_eq!(csv, "ts,value\n1,2.5\n2,\n3,4.5\n");
    let json = text(run(sql, &["--format", "json"]));
    assert_eq!(json.lines().next(), Some("{\"ts\":1,\"value\":2.5}"));
    let file = folder.path().join("copy.parquet").display().to_string();
    text(run(sql, &["--format", "parquet", "--output", &file]));
    let csv = text(run(
        "SELECT sum(value) AS s FROM copy",
        &["--format", "csv"],
    ));
    assert_eq!(csv, "s\n7.0\n");
    let two = "CREATE VIEW v AS SELECT ts + 1 AS t FROM load; SELECT max(t) AS m FROM v";
    assert_eq!(text(run(two, &["--format", "csv"])), "m\n4\n");
    let long = text(run("SELECT * FROM generate_series(1, 5000)", &[]));
    assert_eq!(long.lines().count(), 1_004);
    // Nothing is a result, too.
    assert_eq!(
        text(run("SELECT ts FROM load WHERE false", &["--format", "csv"])),
        "ts\n"
    );

    for (sql, more, status, message) in [
        ("SELEC 1", &[][..], 2, "SELEC"),
        ("", &[], 2, "empty"),
        ("SELECT * FROM lod", &[], 2, "lod"),
        ("SELECT zscor(value) OVER () FROM load", &[], 2, "zscor"),
        (
            "SELECT features(ts, value) AS f FROM load",
            &["--format", "csv"],
            2,
            "which CSV cannot hold",
        ),
        (
            "SELECT zscore(5 - ts, value) OVER (ORDER BY ts) FROM load",
            &[],
            1,
            "order rows by time",
        ),
        ("SELECT 1", &["--output", "no/where.csv"], 1, "no/where.csv"),
    ] {
        let output = run(sql, more);
        assert!(said(&output).contains(message), "{sql}: {}", said(&output));
        assert_eq!(
            output.status.code(),
            Some(status),
            "{sql}: {}",
            said(&output)
        );
        assert!(
            !said(&output).contains("panicked"),
            "{sql}: {}",
            said(&output)
        );
    }
    let output = bongsu(&["sql", "SELECT 1", "--data", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("nowhere"), "{}", said(&output));
}

#[test]
fn results_of_before_are_kept_until_a_query_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let table = folder.path().join("load.csv");
    fs::write(&table, "ts,value\n1,2.5\n2,4.5\n").unwrap();
    let output = table.display().to_string();
    let run = |sql: &str| {
        bongsu(&[
            "sql", sql, "--data", &data, "--format", "csv", "--output", &output,
        ])
    };
    assert_eq!(run("SELEC").status.code(), Some(2));
    assert!(fs::read_to_string(&table).unwrap().contains("4.5"));
    let found = run("SELECT ts, value FROM load WHERE value > 3");
    assert!(found.status.success(), "{}", said(&found));
    assert_eq!(fs::read_to_string(&table).unwrap(), "ts,value\n2,4.5\n");
    assert_eq!(files(folder.path()), [table]);
}
