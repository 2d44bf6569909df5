//! What `bongsu stream` does with its files: the lock of a state, an output that goes on, and values
//! outside of the limits of a detector.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn bongsu(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(args)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A table of 150 rows.
fn table(path: &Path) {
    let mut csv = String::from("timestamp,load\n");
    for i in 0..150 {
        csv += &format!("{},{}\n", 60 * i, 40 + i % 7);
    }
    fs::write(path, csv).unwrap();
}

#[test]
fn one_process_at_a_time_uses_a_state() {
    let dir = tempfile::tempdir().unwrap();
    let (state, input) = (dir.path().join("s.bngs"), dir.path().join("in.csv"));
    table(&input);
    let (state, input) = (state.to_str().unwrap(), input.to_str().unwrap());
    let mut first = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["stream", "--detector", "ewma", "--state", state])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(b"timestamp,load\n0,1\n").unwrap();
    let mut out = BufReader::new(first.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    let args = [
        "stream",
        "--detector",
        "ewma",
        "--state",
        state,
        "-i",
        input,
    ];
    let second = bongsu(&args);
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stdout.is_empty());
    assert!(
        stderr(&second).contains("another process is using this state"),
        "{}",
        stderr(&second)
    );
    drop(stdin);
    assert!(first.wait().unwrap().success());
    assert!(bongsu(&args).status.success());
}

#[test]
fn a_row_that_was_cut_short_is_taken_away_when_it_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (state, input, output) = (path("s.bngs"), path("in.csv"), path("out.csv"));
    table(Path::new(&input));
    let args = ["stream", "--detector", "ewma", "--state", &state];
    let args = [&args[..], &["-i", &input, "-o", &output]].concat();
    assert!(bongsu(&args).status.success());
    let whole = fs::read_to_string(&output).unwrap();
    fs::write(&output, format!("{whole}8940,0.1")).unwrap();
    let again = bongsu(&args);
    assert!(stderr(&again).contains("the last row was not whole"));
    let now = fs::read_to_string(&output).unwrap();
    let rest = now.strip_prefix(&whole).unwrap();
    assert_eq!(rest.lines().next(), Some("0,,0,,,"));
    // Without a state nothing says that the row comes again.
    fs::remove_file(&state).unwrap();
    fs::write(&output, "mine").unwrap();
    assert!(bongsu(&args).status.success());
    assert!(
        fs::read_to_string(&output)
            .unwrap()
            .starts_with("mine\n0,,0")
    );
}

#[test]
fn files_are_not_taken_for_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (input, output, state) = (path("in.csv"), path("out.csv"), path("s.bngs"));
    table(Path::new(&input));
    let before = fs::read(&input).unwrap();
    let run = |more: &[&str]| bongsu(&[&["stream", "--detector", "ewma"], more].concat());
    let over = run(&["-i", &input, "-o", &input]);
    assert!(stderr(&over).contains("would overwrite the input"));
    assert_eq!(fs::read(&input).unwrap(), before);
    // An input that is not there leaves the output alone.
    fs::write(&output, "mine\n").unwrap();
    assert_eq!(
        run(&["-i", &path("none"), "-o", &output]).status.code(),
        Some(1)
    );
    assert_eq!(fs::read(&output).unwrap(), b"mine\n");
    assert!(run(&["-i", &input, "--state", &state]).status.success());
    let mixed = run(&["-i", &input, "--state", &state, "-o", &state]);
    assert!(stderr(&mixed).contains("the output is the state"));
    let folder = run(&["-i", &input, "--state", dir.path().to_str().unwrap()]);
    assert!(stderr(&folder).contains("must be a file"));
}

#[test]
fn values_outside_of_the_limits_are_told_once_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    table(&input);
    let input = input.to_str().unwrap();
    for command in ["stream", "detect"] {
        let run = |set: &[&str]| {
            let args = [&[command, "--detector", "hst", "-i", input], set].concat();
            let output = bongsu(&args);
            assert!(output.status.success());
            stderr(&output)
        };
        let said = run(&[]);
        assert_eq!(said.matches("outside of the detector's limits").count(), 1);
        assert!(
            said.contains("100.00 %") && said.contains("--set limits=auto"),
            "{said}"
        );
        assert!(!run(&["--set", "limits=0,100"]).contains("limits"));
        // A value now and then is no reason to change them.
        let said = run(&["--set", "limits=40,46"]);
        assert!(!said.contains("limits"), "{said}");
    }
}
