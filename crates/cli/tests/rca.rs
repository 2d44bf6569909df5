//! `bongsu rca` from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn rca(args: &[&str]) -> Output {
    let bongsu = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .arg("rca")
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

fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// An hour at 30 s; from row 80 on the latencies of cart and of its caller shop are high.
fn case(separator: &str) -> String {
    let mut csv = format!(
        "timestamp,shop{separator}latency,cart{separator}latency,cart{separator}cpu,mail{separator}latency\n"
    );
    for i in 0..120 {
        let noise = |s: i32| f64::from((i * i * (s + 5) + 7 * i) % 101) / 101.0;
        let jump = if i < 80 { 0.0 } else { 1.0 };
        csv += &format!(
            "{},{},{},{},{}\n",
            1_700_000_000 + 30 * i,
            20.0 + noise(1) + 40.0 * jump,
            9.0 + noise(2) + 30.0 * jump,
            1.0 + noise(3),
            5.0 + noise(4)
        );
    }
    csv
}

const GRAPH: &str = "services:
  - {name: shop, dependencies: [cart, mail], metadata: {tier: 1}}
  - {name: cart}
  - {name: mail, dependencies: []}
";

#[test]
fn what_moves_together_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (svg, png, page) = (path("m.svg"), path("m.png"), path("m.html"));
    for picture in [&svg, &png] {
        let args = ["--input", &input, "--onset", ONSET, "--plot", picture];
        found(&rca(&args));
    }
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(
        svg.contains("latency of cart") && svg.contains("Correlations of"),
        "{svg}"
    );
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
    let output = rca(&["--input", &input, "--onset", ONSET, "--html", &page]);
    assert!(output.status.success());
    assert!(
        std::fs::read_to_string(page)
            .unwrap()
            .contains("What moves together")
    );
}

const ONSET: &str = "1700002400";

#[test]
fn a_cause_is_named_with_its_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let graph = write(folder.path(), "g.yaml", GRAPH);
    let report = found(&rca(&[
        "--input", &input, "--onset", ONSET, "--graph", &graph,
    ]));
    assert_eq!(report["schema"], 1);
    assert_eq!(report["onset"], 1_700_002_400);
    assert_eq!(report["verdict"], "ranked");
    assert_eq!(report["services"][0]["service"], "cart");
    assert!(report["services"][0]["likelihood"].as_f64().unwrap() > 50.0);
    assert_eq!(report["metrics"][0]["metric"], "latency");
    assert_eq!(report["metrics"][0]["lag_seconds"], 0.0);
    assert!(!report["actions"].as_array().unwrap().is_empty());
    let frames = report["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 4);
    assert_eq!(
        (&frames[0]["service"], &frames[0]["metric"]),
        (&"cart".into(), &"latency".into())
    );
    assert_eq!(frames[0]["timestamps"][80], 1_700_002_400.0);
    assert!(
        frames[0]["values"][79].as_f64() < Some(11.0)
            && frames[0]["values"][80].as_f64() > Some(38.0)
    );
    assert_eq!(frames[0]["values"].as_array().unwrap().len(), 120);
    let written = case("_");
    let other = write(folder.path(), "other.csv", &written);
    let same = found(&rca(&[
        "--input",
        &other,
        "--onset",
        "2023-11-14T22:53:20Z",
        "--separator",
        "_",
        "--ranker",
        "n-sigma",
        "--json",
    ]));
    assert_eq!(same["ranker"], "n-sigma");
    let later = found(&rca(&["--input", &input]));
    assert_eq!(later["onset"], 1_700_002_400, "detected");
}

#[test]
fn who_calls_whom_is_read_from_what_prometheus_exposes() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let exposed = r#"traces_service_graph_request_total{client="shop",server="cart"} 12
traces_service_graph_request_total{client="shop",server="gone"} 0
kube_deployment_labels{deployment="shop",label_app_kubernetes_io_name="shop",label_depends_on_bongsu_dev_mail="true"} 1
"#;
    let calls = write(folder.path(), "calls.prom", exposed);
    let args = ["--input", &input, "--onset", ONSET, "--calls", &calls];
    let report = found(&rca(&args));
    let edge = |callee: &str, how: &str| serde_json::json!({"caller": "shop", "callee": callee, "provenance": [how]});
    let edges = [edge("cart", "traffic"), edge("mail", "labels")];
    assert_eq!(report["dependencies"], Value::Array(edges.to_vec()));
    assert_eq!(report["services"][0]["service"], "cart");
    let idle = write(folder.path(), "idle.prom", "up 1\n");
    let output = rca(&["--input", &input, "--onset", ONSET, "--calls", &idle]);
    assert!(!output.status.success());
    let told = text(&output.stderr);
    assert!(told.contains("none of 1 samples counts calls"), "{told}");
}

#[test]
fn what_goes_together_is_told_of_the_time_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let path = folder.path().join("matrix.svg");
    let args = ["--input", &input, "--onset", ONSET, "--json"];
    let with = |more: &[&str]| rca(&[&args[..], more].concat());
    let plot = ["--plot", path.to_str().unwrap()];
    let report = found(&with(
        &[&["--relations-around", "300"][..], &plot[..]].concat(),
    ));
    // Ten moments before the onset, it, and ten after it, each half a minute from the next.
    assert_eq!(report["relations"]["points"], 21);
    let picture = std::fs::read_to_string(&path).unwrap();
    assert!(picture.contains("from 5m before the onset"), "{picture}");
    let refused = with(&["--relations-around", "0"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn what_goes_together_is_told_in_all_forms() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let graph = write(folder.path(), "g.yaml", GRAPH);
    let path = folder.path().join("page.html");
    let page = path.to_str().unwrap();
    let args = ["--input", &input, "--onset", ONSET, "--graph", &graph];
    let output = rca(&[&args[..], &["--json", "--html", page]].concat());
    let report = found(&output);
    let relations = &report["relations"];
    let first = &relations["correlations"][0];
    let services = |of: &Value| {
        (
            of["first"]["service"].clone(),
            of["second"]["service"].clone(),
        )
    };
    assert_eq!(services(first), ("cart".into(), "shop".into()));
    assert!(first["r"].as_f64().unwrap() > 0.99 && first["adjusted_p_value"].as_f64() < Some(1e-9));
    assert_eq!(first["lag_minutes"], 0.0);
    let link = &relations["chains"][0]["links"][0];
    assert_eq!(link["cause"]["service"], "cart");
    assert_eq!(link["effect"]["service"], "shop");
    assert_eq!(relations["causal_graph"][0]["first"]["metric"], "latency");
    let told = text(&output.stderr);
    assert!(
        told.contains(
            "what followed from what: latency of cart -> latency of shop (r 1.00, at once), 50 %"
        ),
        "{told}"
    );
    let page = std::fs::read_to_string(&path).unwrap();
    for caption in [
        "What followed from what",
        "Who moves first",
        "What independences leave",
    ] {
        assert!(page.contains(caption), "{caption}");
    }
    let none = rca(&[&args[..], &["--relations", "0"]].concat());
    assert!(found(&none)["relations"].is_null());
    let many = rca(&[&args[..], &["--relations", "33"]].concat());
    assert!(!many.status.success());
    assert!(
        text(&many.stderr).contains("relations"),
        "{}",
        text(&many.stderr)
    );
}

#[test]
fn what_was_written_as_json_can_be_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let graph = write(folder.path(), "g.yaml", GRAPH);
    let first = found(&rca(&[
        "--input", &input, "--onset", ONSET, "--graph", &graph,
    ]));
    let again = write(folder.path(), "report.json", &first.to_string());
    let second = found(&rca(&["--input", &again]));
    assert_eq!(second["onset"], first["onset"]);
    assert_eq!(second["onset_source"], "given");
    for part in ["services", "metrics", "dependencies", "timeline", "frames"] {
        assert_eq!(second[part], first[part], "{part}");
    }
    // An option stands for what the JSON says.
    let other = rca(&["--input", &again, "--onset", "1600000000"]);
    assert_eq!(other.status.code(), Some(2));
    // So does an answer of the service, and a list of frames without any report.
    let answer = format!("{{\"id\": \"a\", \"onset\": 1, \"report\": {first}}}");
    let answer = write(folder.path(), "answer.json", &answer);
    assert_eq!(found(&rca(&["--input", &answer])), second);
    let frames = write(folder.path(), "frames.json", &first["frames"].to_string());
    let bare = found(&rca(&["--input", &frames, "--onset", ONSET]));
    assert_eq!(bare["dependencies"].as_array().unwrap().len(), 0);
    let known = found(&rca(&[
        "--input", &frames, "--onset", ONSET, "--graph", &graph,
    ]));
    assert_eq!(known["services"], first["services"]);
    let empty = write(folder.path(), "empty.json", "{\"frames\": []}");
    let output = rca(&["--input", &empty, "--onset", ONSET]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("empty.json") && said.contains("no `frames`"),
        "{said}"
    );
}

#[test]
fn normal_times_may_come_from_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let whole = case(":");
    let lines: Vec<&str> = whole.lines().collect();
    let normal = write(
        folder.path(),
        "normal.csv",
        &(lines[..81].join("\n") + "\n"),
    );
    let rest = [&lines[..1], &lines[81..]].concat().join("\n") + "\n";
    let input = write(folder.path(), "case.csv", &rest);
    let report = found(&rca(&[
        "--input", &input, "--normal", &normal, "--onset", ONSET,
    ]));
    assert_eq!(report["verdict"], "ranked");
    let quiet = found(&rca(&["--input", &normal, "--onset", "1700001500"]));
    assert_eq!(quiet["verdict"], "not_proven");
}

#[test]
fn pages_and_graphs_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let graph = write(folder.path(), "g.yaml", GRAPH);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (html, dot) = (path("out.html"), path("out.dot"));
    let args = [
        "--input",
        &input,
        "--onset",
        ONSET,
        "--graph",
        &graph,
        "--html",
        &html,
        "--export-graph",
        &dot,
    ];
    let output = rca(&args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    assert!(
        std::fs::read_to_string(&dot)
            .unwrap()
            .contains("\"shop\" -> \"cart\"")
    );
    let page = std::fs::read_to_string(&html).unwrap();
    for part in [
        "cart is the most likely cause",
        "<svg",
        "Recommended actions",
        "Who moved when",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn bad_input_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "case.csv", &case(":"));
    let plain = write(
        folder.path(),
        "plain.csv",
        "timestamp,a,b\n60,1,2\n120,2,3\n",
    );
    let two = write(
        folder.path(),
        "two.csv",
        "timestamp,a:x,b:x\n60,1,2\n120,2,3\n",
    );
    let slip = write(
        folder.path(),
        "slip.yaml",
        "services: [{name: shop, dependencies: [crat]}]\n",
    );
    let key = write(
        folder.path(),
        "key.yaml",
        "services: [{name: shop, depends: [cart]}]\n",
    );
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--input", &plain, "--onset", "120"], 2, "--separator"),
        (&["--input", &two, "--onset", "120"], 1, "needs at least"),
        (&["--input", &input, "--onset", "1600000000"], 2, "`onset`"),
        (&["--input", &input, "--onset", "yesterday"], 2, "RFC 3339"),
        (
            &["--input", &input, "--onset", ONSET, "--graph", &slip],
            1,
            "did you mean `cart`?",
        ),
        (
            &["--input", &input, "--onset", ONSET, "--graph", &key],
            2,
            "depends",
        ),
        (&["--input", &input, "--ranker", "best"], 2, "classic"),
    ];
    for (args, status, message) in cases {
        let output = rca(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
    }
}

/// A table of `metrics` metrics at `rows` moments, a minute apart.
fn table(metrics: usize, rows: usize, value: impl Fn(usize, usize) -> String) -> String {
    let names = (0..metrics).map(|m| format!("s{}:m{m}", m / 5));
    let mut csv = format!("timestamp,{}\n", names.collect::<Vec<_>>().join(","));
    for row in 0..rows {
        let values: Vec<String> = (0..metrics).map(|m| value(row, m)).collect();
        csv += &format!("{},{}\n", 60 * (row + 1), values.join(","));
    }
    csv
}

#[test]
fn constant_metrics_prove_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(
        folder.path(),
        "case.csv",
        &table(6, 60, |_, m| m.to_string()),
    );
    let report = found(&rca(&["--input", &input, "--onset", "2400"]));
    assert_eq!(report["verdict"], "not_proven");
    assert_eq!(report["none_likelihood"], 100.0);
    assert_eq!(report["actions"].as_array().unwrap().len(), 0);
    let unknown = rca(&["--input", &input]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("no metric moves"));
}

#[test]
fn metrics_without_any_value_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(
        folder.path(),
        "case.csv",
        &table(6, 60, |_, _| String::new()),
    );
    let output = rca(&["--input", &input, "--onset", "2400"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("needs at least"));
}

#[test]
fn one_service_is_found_among_five_thousand_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let value = |row: usize, m: usize| {
        let noise = (row * (2 * m + 37) + row * row * 7) % 101;
        (noise + if m < 5 && row >= 40 { 900 } else { 0 }).to_string()
    };
    let input = write(folder.path(), "case.csv", &table(5_000, 60, value));
    let report = found(&rca(&["--input", &input, "--onset", "2460"]));
    assert_eq!(report["verdict"], "ranked");
    assert_eq!(report["services"][0]["service"], "s0");
    assert_eq!(report["metrics"].as_array().unwrap().len(), 5_000);
}
