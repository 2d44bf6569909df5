//! `bongsu capacity` from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn capacity(args: &[&str]) -> Output {
    let bongsu = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .arg("capacity")
        .args(args)
        .output();
    bongsu.expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn found(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Twenty days of hours: a disk that fills by 1 a day to 80, and CPU that does not grow.
fn input(folder: &Path) -> PathBuf {
    let mut csv = String::from("timestamp,disk,cpu\n");
    for hour in 0..480_i64 {
        let noise = (hour * 7_919 % 997) as f64 / 997.0 - 0.5;
        let disk = 60.0 + hour as f64 / 24.0 + noise;
        let cpu = 40.0 + 5.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin() + noise;
        writeln!(csv, "{},{disk},{cpu}", 1_700_000_000 + 3_600 * hour).unwrap();
    }
    let path = folder.join("use.csv");
    std::fs::write(&path, csv).unwrap();
    path
}

/// Quick models only.
const QUICK: [&str; 2] = ["--model", "theil-sen,linear"];

#[test]
fn the_most_urgent_resource_is_at_the_top() {
    let folder = tempfile::tempdir().unwrap();
    let path = input(folder.path());
    let page = folder.path().join("capacity.html");
    let args = [
        "--input",
        path.to_str().unwrap(),
        "--json",
        "--html",
        page.to_str().unwrap(),
        "--what-if",
        "size=+50%",
        QUICK[0],
        QUICK[1],
    ];
    let report = found(&capacity(&args));
    assert_eq!(report["schema"], 1);
    assert_eq!(report["status"], "exhausts");
    assert_eq!(
        (&report["threshold"], &report["resource"]),
        (&90.0.into(), &"disk".into())
    );
    // 80 now, 1 a day, and the noise's half on top.
    let left = report["days_left"].as_f64().unwrap();
    assert!((left - 9.6).abs() < 0.8, "{report:#}");
    assert!(report["days_left_lower"].as_f64().unwrap() <= left);
    assert!(report["days_left_upper"].as_f64().unwrap() >= left);
    assert!(["theil-sen", "linear"].contains(&report["model"].as_str().unwrap()));
    assert_eq!(report["resources"][1]["status"], "never");
    assert_eq!(report["resources"][0]["what_if"][0]["status"], "never");
    assert!(!report["recommendations"].as_array().unwrap().is_empty());
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("disk runs out in") && page.contains("threshold"));
    assert!(!page.contains("http://") || page.contains("www.w3.org"));
}

#[test]
fn csv_has_a_line_a_resource() {
    let folder = tempfile::tempdir().unwrap();
    let path = input(folder.path());
    let args = [
        "--input",
        path.to_str().unwrap(),
        "--csv",
        "--threshold",
        "cpu=30",
        QUICK[0],
        QUICK[1],
    ];
    let output = capacity(&args);
    let lines = text(&output.stdout);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 3, "{}", text(&output.stderr));
    assert!(lines[0].starts_with("resource,status,threshold,current,"));
    assert!(lines[1].starts_with("cpu,exceeded,30,"), "{}", lines[1]);
    assert!(lines[2].starts_with("disk,exhausts,90,"), "{}", lines[2]);
}

#[test]
fn a_configuration_names_the_resources() {
    let folder = tempfile::tempdir().unwrap();
    let path = input(folder.path());
    let config = folder.path().join("capacity.yaml");
    let yaml = format!(
        "source: {{type: csv, path: {}}}\ncapacity:\n  horizon: 15d\n  models: [linear, theil-sen]\n  resources:\n    - {{name: data, expr: disk, threshold: 95}}\n    - {{name: cpu, expr: cpu}}\n",
        path.display()
    );
    std::fs::write(&config, yaml).unwrap();
    let report = found(&capacity(&["--config", config.to_str().unwrap()]));
    assert_eq!(
        (&report["resource"], &report["horizon_days"]),
        (&"data".into(), &15.0.into())
    );
    let left = report["days_left"].as_f64().unwrap();
    assert!((left - 14.6).abs() < 1.2, "{report:#}");
}

#[test]
fn what_cannot_be_planned_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = input(folder.path());
    let path = path.to_str().unwrap();
    for (args, status, says) in [
        (
            vec!["--input", path, "--threshold", "x"],
            2,
            "finite number",
        ),
        (
            vec!["--input", path, "--threshold", "gpu=3"],
            2,
            "no column `gpu`",
        ),
        (vec!["--input", path, "--level", "100"], 2, "level"),
        (vec!["--input", path, "--horizon", "0s"], 2, "horizon"),
        (vec!["--input", path, "--timezone", "Mars"], 2, "timezone"),
        (
            vec!["--input", path, "--what-if", "traffic=lots"],
            2,
            "what-if",
        ),
        (vec!["--input", path, "--model", "oracle"], 2, "theil-sen"),
        (vec!["--input", path, "--plot", "x.gif"], 2, ".png"),
    ] {
        let output = capacity(&args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
    for (csv, status, says) in [
        ("timestamp,load\n1,2\n2,3\n", 2, "threshold"),
        ("timestamp,cpu\n", 1, "20"),
        ("timestamp,cpu\n1,50\n", 1, "20"),
        ("timestamp,cpu\n1,NaN\n2,\n", 1, "20"),
    ] {
        let file = folder.path().join("odd.csv");
        std::fs::write(&file, csv).unwrap();
        let output = capacity(&["--input", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(status), "{csv}");
        assert!(
            text(&output.stderr).contains(says),
            "{}",
            text(&output.stderr)
        );
    }
}

/// A column of hours as a file.
fn column(folder: &Path, name: &str, value: impl Fn(i64) -> Option<f64>) -> PathBuf {
    let mut csv = format!("timestamp,\"{}\"\n", name.replace('"', "\"\""));
    for hour in 0..240_i64 {
        let value = value(hour).map_or_else(|| "NaN".to_owned(), |value| value.to_string());
        writeln!(csv, "{},{value}", 1_700_000_000 + 3_600 * hour).unwrap();
    }
    let path = folder.join("column.csv");
    std::fs::write(&path, csv).unwrap();
    path
}

#[test]
fn awkward_histories_have_their_answers() {
    let folder = tempfile::tempdir().unwrap();
    let noise = |hour: i64| (hour * 7_919 % 997) as f64 / 997.0 - 0.5;
    type Value = Box<dyn Fn(i64) -> Option<f64>>;
    let cases: [(&str, Value); 6] = [
        ("never", Box::new(|_| Some(50.0))),
        ("never", Box::new(|_| Some(0.0))),
        (
            "shrinking",
            Box::new(move |hour| Some(70.0 - 0.1 * hour as f64 + noise(hour))),
        ),
        (
            "exhausts",
            // Most of the values are missing.
            Box::new(move |hour| {
                let there = hour % 3 == 0 && !(100..130).contains(&hour);
                there.then(|| 60.0 + 0.1 * hour as f64 + noise(hour))
            }),
        ),
        ("exceeded", Box::new(move |hour| Some(95.0 + noise(hour)))),
        (
            "exceeded",
            Box::new(move |hour| Some(120.0 - 0.1 * hour as f64 + noise(hour))),
        ),
    ];
    for (status, value) in cases {
        let input = column(folder.path(), "disk", value);
        let output = capacity(&[
            "--input",
            input.to_str().unwrap(),
            "--threshold",
            "90",
            "--json",
        ]);
        let report = found(&output);
        assert_eq!(report["status"], status, "{report:#}");
        let days = report["days_left"].as_f64();
        match status {
            "exceeded" => assert_eq!(days, Some(0.0)),
            "exhausts" => assert!(
                days.is_some_and(|days| days > 0.0 && days < 8.0),
                "{days:?}"
            ),
            _ => assert_eq!(days, None),
        }
    }
}

#[test]
fn a_hostile_and_long_name_is_inert_on_the_page_and_in_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)>";
    let name = format!("cpu {}", attack.repeat(10_240 / attack.len() + 1));
    let input = column(folder.path(), &name, |hour| Some(40.0 + (hour % 24) as f64));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (page, picture) = (path("page.html"), path("picture.svg"));
    let mut args = vec!["--input", input.to_str().unwrap(), "--html", &page];
    args.extend(["--plot", &picture]);
    args.extend(QUICK);
    let output = capacity(&args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for file in [page, picture] {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("<script>alert") && !text.contains("<img"),
            "{file}"
        );
        assert!(text.len() < 500_000, "{file}: {}", text.len());
    }
    // On the terminal its beginning is enough, whether it was planned or not.
    assert!(output.stderr.len() < 3_000, "{}", text(&output.stderr));
    let nameless = "x".repeat(10_240);
    let input = column(folder.path(), &nameless, |hour| Some((hour % 24) as f64));
    let output = capacity(&["--input", input.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert!(said.contains("threshold") && said.len() < 3_000, "{said}");
}

#[test]
fn rows_in_any_order_give_the_same_plan() {
    let folder = tempfile::tempdir().unwrap();
    let file = input(folder.path());
    let asked = |file: &Path| {
        let file = file.display().to_string();
        capacity(&["--input", &file, "--model", "theil-sen"])
    };
    let plain = asked(&file);
    let text_of = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text_of.lines().collect();
    lines[1..].reverse();
    let twice = lines[7];
    lines.push(twice);
    let turned = folder.path().join("turned.csv");
    std::fs::write(&turned, lines.join("\n")).unwrap();
    let turned = asked(&turned);
    assert_eq!(found(&turned), found(&plain));
    let said = text(&turned.stderr);
    assert!(
        said.contains("were sorted") && said.contains("rows=1"),
        "{said}"
    );
}
