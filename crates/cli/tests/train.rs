//! `bongsu train`, `bongsu models` and `bongsu detect --model` from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Two channels that move together, but for one row of the second half.
const PLANTED: usize = 260;

fn table(folder: &TempDir, rows: usize) -> String {
    let mut csv = String::from("timestamp,load,power\n");
    for i in 0..rows {
        let load = (i as f64 * 0.3).sin();
        let power = if i == PLANTED { -4.0 } else { 2.0 * load + 1.0 };
        writeln!(csv, "{},{load},{power}", 1_700_000_000 + 60 * i).unwrap();
    }
    let path = folder.path().join("table.csv");
    std::fs::write(&path, csv).unwrap();
    path.to_str().unwrap().to_owned()
}

fn bongsu(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args(args).output().expect("the binary runs")
}

fn done(args: &[&str]) -> String {
    let output = bongsu(args);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {message}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(status: i32, args: &[&str]) -> String {
    let output = bongsu(args);
    assert_eq!(output.status.code(), Some(status), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn inside(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

const DENSE: [&str; 4] = ["--set", "units=8,1", "--set", "epochs=20"];
/// Judged by the past alone: else the last rows that are trained on have windows after them in one
/// case and none in the other.
const RECURRENT: [&str; 8] = [
    "--set",
    "units=8,4",
    "--set",
    "epochs=2",
    "--set",
    "sequence=6",
    "--set",
    "causal=true",
];

#[test]
fn a_saved_network_judges_as_the_detector_of_its_name() {
    let folder = TempDir::new().unwrap();
    let (input, saved) = (table(&folder, 300), inside(&folder, "m.bngs"));
    for (short, name, set) in [
        ("autoencoder", "autoencoder", &DENSE[..]),
        ("lstm-ae", "lstm-autoencoder", &RECURRENT[..]),
    ] {
        let common = ["--input", &input, "--train-rows", "200"];
        let mut train = vec!["train", "--model", short, "--save", &saved];
        train.extend(common.iter().chain(set));
        assert_eq!(done(&train), "", "{name}");
        let mut detect = vec!["detect", "--detector", name, "--explain"];
        detect.extend(common.iter().chain(set));
        let expected = done(&detect);
        let found = done(&["detect", "--model", &saved, "--input", &input, "--explain"]);
        assert_eq!(found, expected, "{name}");
        if name != "autoencoder" {
            // Two epochs are too few to tell what is normal.
            continue;
        }
        let rows: Vec<Vec<&str>> = found.lines().map(|l| l.split(',').collect()).collect();
        let score = |row: &[&str]| row[1].parse::<f64>().unwrap();
        let most = score(&rows[1 + PLANTED]);
        assert!(rows.iter().skip(1).all(|row| score(row) <= most), "{name}");
        assert_eq!(rows[1 + PLANTED][2], "1", "{name}");
        assert!(
            rows[1 + PLANTED][3..].join(",").contains("power"),
            "{found}"
        );
    }
}

#[test]
fn the_history_is_printed_and_drawn() {
    let folder = TempDir::new().unwrap();
    let (input, saved) = (table(&folder, 200), inside(&folder, "m.bngs"));
    let (svg, png) = (inside(&folder, "loss.svg"), inside(&folder, "loss.png"));
    let train = [
        "train",
        "--model",
        "autoencoder",
        "--input",
        &input,
        "--save",
        &saved,
    ];
    let with = |more: &[&str]| {
        let all: Vec<&str> = train.iter().chain(&DENSE).chain(more).copied().collect();
        done(&all)
    };
    let csv = with(&["--history", "csv", "--plot", &svg]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "epoch,loss,validation_loss,learning_rate,kept");
    assert_eq!(lines.len(), 21);
    assert!(lines[1].starts_with("1,") && lines[20].starts_with("20,"));
    assert_eq!(lines.iter().filter(|line| line.ends_with(",1")).count(), 1);
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(drawn.contains("held back") && drawn.contains("Training of autoencoder"));
    let json: Value = serde_json::from_str(&with(&["--history", "json", "--plot", &png])).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["history"]["epochs"].as_array().unwrap().len(), 20);
    assert!(std::fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    // The same seed gives the same network.
    let first = std::fs::read(&saved).unwrap();
    with(&[]);
    assert_eq!(std::fs::read(&saved).unwrap(), first);
}

#[test]
fn weights_go_out_and_come_in() {
    let folder = TempDir::new().unwrap();
    let (input, saved) = (table(&folder, 200), inside(&folder, "m.bngs"));
    let (weights, again) = (inside(&folder, "w.safetensors"), inside(&folder, "n.bngs"));
    let train = |more: &[&str]| {
        let mut args = vec!["train", "--model", "autoencoder", "--input", &input];
        args.extend(DENSE.iter().chain(more));
        done(&args)
    };
    train(&["--save", &saved]);
    done(&["models", "export", &saved, "--output", &weights]);
    train(&["--save", &again, "--weights", &weights]);
    let judge = |model: &str| done(&["detect", "--model", model, "--input", &input]);
    assert_eq!(judge(&saved), judge(&again));

    let about: Value = serde_json::from_str(&done(&["models", "inspect", &saved])).unwrap();
    assert_eq!(about["model"], "autoencoder");
    assert_eq!(about["set"]["units"], "8,1");
    assert_eq!(about["channels"][1]["name"], "power");
    assert_eq!(
        about["networks"][0]["parameters"],
        2 * 8 + 8 + 8 + 1 + 8 + 8 + 8 * 2 + 2
    );
    assert!(about["error_threshold"].as_f64().unwrap() > 0.0);
    assert_eq!(about["history"]["epochs"].as_array().unwrap().len(), 20);
    let about: Value = serde_json::from_str(&done(&["models", "inspect", &again])).unwrap();
    assert!(about["history"].is_null());

    let wrong = [
        "--set",
        "units=9,1",
        "--save",
        &again,
        "--weights",
        &weights,
    ];
    let mut args = vec!["train", "--model", "ae", "--input", &input];
    args.extend(wrong);
    let message = refused(1, &args);
    assert!(message.contains("`0.weight` has shape [8, 2]"), "{message}");
    std::fs::write(&weights, b"not weights").unwrap();
    let message = refused(1, &args);
    assert!(
        message.contains("not a whole safetensors file"),
        "{message}"
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = TempDir::new().unwrap();
    let (input, saved) = (table(&folder, 200), inside(&folder, "m.bngs"));
    let train = |more: &[&'static str]| {
        let mut args = vec!["train", "--input", &input, "--save", &saved];
        args.extend(more);
        refused(2, &args)
    };
    let message = train(&["--model", "zscore"]);
    assert!(message.contains("these are: autoencoder, vae"), "{message}");
    let message = train(&["--model", "autoencodr"]);
    assert!(message.contains("did you mean `autoencoder`"), "{message}");
    let message = train(&["--model", "vae", "--set", "latent=0"]);
    assert!(message.contains("latent"), "{message}");
    let message = train(&["--model", "vae", "--plot", "loss.pdf"]);
    assert!(message.contains(".png or .svg"), "{message}");
    let message = train(&["--model", "vae", "--train-rows", "201"]);
    assert!(message.contains("200 rows"), "{message}");
    let long = [
        "train",
        "--input",
        &input,
        "--save",
        &saved,
        "--model",
        "lstm-ae",
        "--set",
        "sequence=190",
    ];
    let message = refused(1, &long);
    assert!(message.contains("205"), "{message}");
    assert!(!Path::new(&saved).exists());

    let mut args = vec![
        "train", "--input", &input, "--save", &saved, "--model", "ae",
    ];
    args.extend(DENSE);
    done(&args);
    let other = inside(&folder, "other.csv");
    std::fs::write(&other, "timestamp,load\n0,1\n60,2\n").unwrap();
    let message = refused(1, &["detect", "--model", &saved, "--input", &other]);
    assert!(
        message.contains("channel `power`, but the input has: load"),
        "{message}"
    );
    let message = refused(
        2,
        &[
            "detect", "--model", &saved, "--input", &input, "--set", "units=3",
        ],
    );
    assert!(message.contains("`units` cannot be set"), "{message}");
    let bytes = std::fs::read(&saved).unwrap();
    std::fs::write(&saved, &bytes[..bytes.len() / 2]).unwrap();
    refused(1, &["detect", "--model", &saved, "--input", &input]);
    refused(1, &["models", "inspect", &input]);
}

#[test]
fn where_nothing_can_be_saved_nothing_is_read() {
    let folder = TempDir::new().unwrap();
    let nowhere = inside(&folder, "no/such/m.bngs");
    let plot = inside(&folder, "no/loss.svg");
    let saved = inside(&folder, "m.bngs");
    // An input that is not there would be said first.
    let input = inside(&folder, "absent.csv");
    let train = |more: &[&str]| {
        let mut args = vec!["train", "--model", "ae", "--input", &input];
        args.extend(more);
        refused(1, &args)
    };
    let cases = [
        (nowhere.as_str(), train(&["--save", &nowhere])),
        (&plot, train(&["--save", &saved, "--plot", &plot])),
        (
            folder.path().to_str().unwrap(),
            train(&["--save", folder.path().to_str().unwrap()]),
        ),
    ];
    for (path, message) in cases {
        let expected = format!("{path} cannot be written");
        assert!(message.contains(&expected), "{message}");
    }
    assert!(train(&["--save", &saved]).contains("absent.csv"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A training that takes hours, as a child process.
#[cfg(unix)]
fn long_training(input: &str, saved: &str) -> std::process::Child {
    use std::process::Stdio;

    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args(["train", "--model", "ae", "--input", input, "--save", saved]);
    command.args(["--set", "units=64,32", "--set", "epochs=100000"]);
    command.args(["--set", "patience=0", "--history", "csv"]);
    let (stdout, stderr) = (Stdio::piped(), Stdio::piped());
    command.stdout(stdout).stderr(stderr).spawn().unwrap()
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_is_saved() {
    let folder = TempDir::new().unwrap();
    let (input, saved) = (table(&folder, 200), inside(&folder, "m.bngs"));
    let child = long_training(&input, &saved);
    // Time for the first epochs, also on a busy machine.
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(!Path::new(&saved).exists());
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    assert!(message.contains("training was interrupted"), "{message}");
    let history = String::from_utf8(output.stdout).unwrap();
    let epochs = history.lines().count() - 1;
    assert!((1..100_000).contains(&epochs), "{epochs} epochs");
    let judged = done(&["detect", "--model", &saved, "--input", &input]);
    assert_eq!(judged.lines().count(), 201);
}

#[test]
fn saved_networks_are_listed() {
    let folder = TempDir::new().unwrap();
    let input = table(&folder, 200);
    let models = inside(&folder, "models");
    std::fs::create_dir(&models).unwrap();
    assert_eq!(done(&["models", "list", &models]), "");
    let at = |name: &str| format!("{models}/{name}");
    let mut train = vec!["train", "--input", &input, "--train-rows", "150"];
    let dense = at("dense.bngs");
    train.extend(["--model", "ae", "--save", &dense].iter().chain(&DENSE));
    assert_eq!(done(&train), "");
    let bytes = std::fs::read(&dense).unwrap();
    std::fs::write(at("cut.bngs"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(at("notes.txt"), "no state").unwrap();
    let text = done(&["models", "list", &models]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7, "{text}");
    assert_eq!((lines[0], lines[3]), ("cut.bngs", "dense.bngs"));
    assert!(lines[1].starts_with("    cannot be used: "), "{text}");
    assert_eq!(lines[4], "    autoencoder: load, power, row by row");
    let fitted = "    fitted on 150 rows from 2023-11-14T22:13:20Z to 2023-11-15T00:42:20Z, error";
    assert!(lines[5].starts_with(fitted), "{text}");
    let size = format!("    engine.trained_model version 1, {} bytes", bytes.len());
    assert!(lines[6].starts_with(&size), "{text}");
    let json = done(&["models", "list", &models, "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["models"][1]["model"], "autoencoder");
    assert_eq!(json["models"][1]["set"]["units"], "8,1");
    assert!(json["models"][0]["error"].is_string());
    assert!(refused(1, &["models", "list", &at("nowhere")]).contains("nowhere"));
}
