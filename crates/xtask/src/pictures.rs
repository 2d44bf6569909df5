//! `cargo xtask pictures`: the pictures of `docs/images` again, made by the program from data that are
//! part of the repository or made up here, and by a browser from its pages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::cargo::{self, Result};
use crate::examples;

/// Together with what the documentation says around them the pictures must stay small.
const LARGEST: u64 = 250_000;
/// 2026-03-02 00:00 UTC, a Monday.
const START: i64 = 1_772_409_600;

struct Studio {
    bongsu: PathBuf,
    images: PathBuf,
    scratch: PathBuf,
}

pub(crate) fn run() -> Result {
    let artefacts = examples::build()?;
    let bongsu = examples::executable(&artefacts, "bin", "bongsu")
        .ok_or("cargo did not say where it put the binary `bongsu`")?;
    let scratch = cargo::root().join("target/pictures");
    fs::create_dir_all(&scratch)?;
    let studio = Studio {
        bongsu: bongsu.to_path_buf(),
        images: cargo::root().join("docs/images"),
        scratch,
    };
    cargo::steps(
        "pictures",
        &[
            ("detect", &|| detect(&studio)),
            ("forecast", &|| forecast(&studio)),
            ("root cause", &|| root_cause(&studio)),
            ("capacity", &|| capacity(&studio)),
            ("daily", &|| daily(&studio)),
            ("bench", &|| bench(&studio)),
            ("pages", &|| pages(&studio)),
            ("live page", &|| live(&studio)),
            ("sizes", &|| sizes(&studio)),
        ],
    )
}

impl Studio {
    fn bongsu(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.bongsu);
        command.current_dir(&self.scratch).args(arguments);
        command
    }

    fn image(&self, name: &str) -> String {
        self.images.join(name).display().to_string()
    }
}

fn data(name: &str) -> String {
    let folder = cargo::root().join("crates/bongsu/examples/data");
    folder.join(name).display().to_string()
}

/// What a detector finds, and how its scores lie.
fn detect(studio: &Studio) -> Result {
    // Without its labels, which would be a channel.
    let csv = fs::read_to_string(data("queue.csv"))?;
    let lines = csv.lines().filter_map(|line| line.rsplit_once(','));
    let values: Vec<&str> = lines.map(|(values, _)| values).collect();
    fs::write(studio.scratch.join("queue.csv"), values.join("\n"))?;
    let args = ["detect", "--detector", "stl", "--input", "queue.csv"];
    let mut command = studio.bongsu(&args);
    command.args(["--output", "detected.csv"]);
    command.args(["--plot", &studio.image("detect.png")]);
    command.args(["--scores", &studio.image("scores.png")]);
    cargo::run(&mut command)
}

/// A forecast with its parts, and what its model left unexplained.
fn forecast(studio: &Studio) -> Result {
    let input = data("queue.csv");
    let args = [
        "forecast",
        "--model",
        "mstl",
        "--horizon",
        "72",
        "--channel",
        "value",
    ];
    let mut command = studio.bongsu(&args);
    command.args(["--input", &input, "--output", "forecast.csv"]);
    command.args(["--plot", &studio.image("forecast.png")]);
    command.args(["--residuals", &studio.image("residuals.png")]);
    cargo::run(&mut command)
}

fn root_cause(studio: &Studio) -> Result {
    let input = data("incident.csv");
    let mut command = studio.bongsu(&["rca", "--input", &input, "--html", "rca.html"]);
    cargo::run(command.args(["--plot", &studio.image("correlations.png")]))
}

/// Noise that is the same in every run.
fn noise(i: i64) -> f64 {
    (i * 7_919 % 997) as f64 / 997.0 - 0.5
}

/// Thirty days of hours: a disk that fills, and a load with a rhythm that grows.
fn capacity(studio: &Studio) -> Result {
    let mut csv = String::from("timestamp,disk,cpu\n");
    for hour in 0..720 {
        let days = hour as f64 / 24.0;
        let busy = (days * std::f64::consts::TAU).sin();
        let disk = 52.0 + days + 0.6 * noise(hour) + 0.4 * busy;
        let cpu = 38.0 + 0.5 * days + 11.0 * busy + 5.0 * noise(hour * 13);
        writeln!(csv, "{},{disk:.3},{cpu:.3}", START - 3_600 * (720 - hour))?;
    }
    fs::write(studio.scratch.join("use.csv"), csv)?;
    let args = [
        "capacity",
        "--input",
        "use.csv",
        "--what-if",
        "traffic=+30%",
    ];
    let mut command = studio.bongsu(&args);
    command.args(["--html", "capacity.html"]);
    cargo::run(command.args(["--plot", &studio.image("capacity.png")]))
}

/// A day of made up metrics, judged by a detector, as a service would have written it.
fn daily(studio: &Studio) -> Result {
    let header = "timestamp,query,series,value,score,expected,lower,upper,anomalous,explanation\n";
    let mut verdicts = String::from(header);
    for (query, host, level, odd) in [
        ("latency", "web-1", 0.2, 560..600),
        ("latency", "web-2", 0.22, 0..0),
        ("errors", "web-1", 1.5, 570..590),
        ("load", "web-1", 42.0, 1_180..1_190),
        ("load", "web-2", 40.0, 0..0),
    ] {
        for minute in 0..1_440 {
            let busy = (f64::from(minute as i32) / 1_440.0 * std::f64::consts::TAU).sin();
            let expected = level * (1.0 - 0.4 * busy);
            let width = 0.16 * level;
            let extra = if odd.contains(&minute) {
                4.0
            } else {
                noise(minute * 31)
            };
            let value = expected + width * extra;
            let score = (extra.abs() / 1.0).min(9.0);
            let is_odd = u8::from(score > 1.0);
            writeln!(
                verdicts,
                "{},{query},\"{{host=\"\"{host}\"\"}}\",{value:.4},{score:.3},{expected:.4},{:.4},{:.4},{is_odd},",
                START + 60 * minute,
                expected - width,
                expected + width
            )?;
        }
    }
    fs::write(studio.scratch.join("verdicts.csv"), verdicts)?;
    let args = [
        "report",
        "--daily",
        "--verdicts",
        "verdicts.csv",
        "--at",
        "2026-03-02",
    ];
    cargo::run(studio.bongsu(&args).args(["--output", "reports"]))
}

fn bench(studio: &Studio) -> Result {
    let folder = studio.scratch.join("bench");
    let args = [
        "bench",
        "--synthetic",
        "--synthetic-rows",
        "1000",
        "--report",
    ];
    let mut command = studio.bongsu(&args);
    command.arg(&folder);
    cargo::run(command.args([
        "--detectors",
        "zscore,robust-z,iqr,ewma,cusum,spot,auto-stream",
    ]))
}

/// Pictures of the pages, which a browser takes.
fn pages(studio: &Studio) -> Result {
    let page = |file: &str, name: &str, (width, height): (u32, u32), dark: bool| -> Value {
        json!({
            "url": format!("file://{}", studio.scratch.join(file).display()),
            "to": studio.image(name),
            "width": width,
            "height": height,
            "dark": dark,
        })
    };
    let wide = (1_200, 1_100);
    let list = json!([
        page(
            "reports/daily-2026-03-02.html",
            "report-daily.png",
            wide,
            false
        ),
        page(
            "reports/daily-2026-03-02.html",
            "report-daily-phone.png",
            (390, 844),
            true
        ),
        page("rca.html", "report-rca.png", wide, true),
        page("capacity.html", "report-capacity.png", wide, false),
        page("bench/leaderboard.html", "report-bench.png", wide, false),
    ]);
    let file = studio.scratch.join("pages.json");
    fs::write(&file, list.to_string())?;
    let mut node = Command::new("node");
    node.arg("--experimental-websocket")
        .arg(cargo::root().join("tools/pictures.mjs"));
    cargo::run(node.arg(chromium()).arg(&file))
}

/// The live page of a service that runs for it.
fn live(studio: &Studio) -> Result {
    let mut test = cargo::cargo_workspace(&["test"]);
    test.args(["--test", "live_page", "--", "--ignored", "pictures_of"]);
    cargo::run(test.env("BONGSU_SHOTS", &studio.images))
}

fn chromium() -> String {
    std::env::var("BONGSU_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned())
}

fn sizes(studio: &Studio) -> Result {
    for entry in fs::read_dir(&studio.images)? {
        let path = entry?.path();
        let size = path.metadata()?.len();
        eprintln!("{size:>8} {}", name(&path));
        if size > LARGEST {
            return Err(format!("{} has {size} bytes, more than {LARGEST}", name(&path)).into());
        }
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
