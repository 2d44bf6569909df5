//! `bongsu stream` from the outside: latency, restarts, crashes, and rows that are not as they
//! should be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .arg("stream")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

fn stream(args: &[&str], input: &str) -> Output {
    let mut child = start(args);
    let mut stdin = child.stdin.take().expect("stdin");
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || {
        // Where the arguments are refused, the input is not read.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the binary ends");
    feeder.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Rows of `channels` channels with noise, an outlier and a shift.
fn rows(n: u32, channels: usize) -> Vec<String> {
    let mut state = 12345_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1_u32 << 24)
    };
    (0..n)
        .map(|i| {
            let shift = if i >= 2 * n / 3 { 0.2 } else { 0.0 };
            let outlier = if i == n / 2 { 0.6 } else { 0.0 };
            let values: String = (0..channels)
                .map(|_| format!(",{}", 0.3 + 0.1 * noise() + shift + outlier))
                .collect();
            format!("{}{values}\n", 1_700_000_000 + 60 * i)
        })
        .collect()
}

fn header(channels: usize) -> String {
    let names: String = (0..channels).map(|c| format!(",c{c}")).collect();
    format!("timestamp{names}\n")
}

#[test]
fn a_restart_goes_on_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    for (detector, channels, set) in [
        ("ewma", 1, &[][..]),
        ("zscore", 3, &["window=40"]),
        ("spectral-residual", 1, &["window=64"]),
        ("hst", 2, &["window=100", "limits=auto"]),
        ("rcf", 2, &["trees=8", "sample_size=64"]),
        (
            "isolation-forest",
            2,
            &["trees=10", "min_points=50", "refit=100"],
        ),
    ] {
        let (head, rows) = (header(channels), rows(450, channels));
        let mut args = vec!["--detector", detector, "--quiet"];
        for set in set {
            args.extend(["--set", set]);
        }
        let whole = stream(&args, &(head.clone() + &rows.concat()));
        assert!(whole.status.success(), "{}", text(&whole.stderr));
        let whole = text(&whole.stdout);
        assert_eq!(
            whole.lines().count(),
            rows.len() + 1,
            "one row an input row"
        );
        for k in [0, 1, 30, 199, 449] {
            let state = dir.path().join(format!("{detector}-{k}.bngs"));
            let mut args = args.clone();
            args.extend(["--state", state.to_str().unwrap()]);
            let first = stream(&args, &(head.clone() + &rows[..k].concat()));
            // With or without its header.
            let again = if k % 2 == 0 { head.as_str() } else { "" };
            let second = stream(&args, &(again.to_owned() + &rows[k..].concat()));
            assert!(second.status.success(), "{}", text(&second.stderr));
            let both = text(&first.stdout) + &text(&second.stdout);
            assert!(both == whole, "{detector} differs when stopped after {k}");
        }
    }
}

#[test]
fn scores_are_those_of_detect() {
    let dir = tempfile::tempdir().unwrap();
    for (detector, channels) in [("ewma", 1), ("ewma", 3), ("hst", 3)] {
        let path = dir.path().join("x.csv");
        fs::write(&path, header(channels) + &rows(1_800, channels).concat()).unwrap();
        let path = path.to_str().unwrap();
        let run = |command: &str| {
            let output = Command::new(env!("CARGO_BIN_EXE_bongsu"))
                .args([command, "--detector", detector, "--input", path])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            text(&output.stdout)
        };
        let (streamed, detected) = (run("stream"), run("detect"));
        assert!(streamed.contains(",1"), "{detector}: nothing was found");
        assert!(streamed == detected, "{detector} on {channels} channels");
    }
}

#[test]
fn each_row_is_answered_before_the_next_one_comes() {
    let mut child = start(&["--detector", "ewma"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    write!(stdin, "{}", header(1)).unwrap();
    for row in rows(50, 1) {
        // In two parts, as pipes may bring it.
        let (a, b) = row.split_at(7);
        write!(stdin, "{a}").unwrap();
        stdin.flush().unwrap();
        write!(stdin, "{b}").unwrap();
        stdin.flush().unwrap();
        let mut answer = answers.next().unwrap().unwrap();
        if answer.starts_with("timestamp") {
            answer = answers.next().unwrap().unwrap();
        }
        assert_eq!(answer.split(',').next(), row.split(',').next());
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn rows_that_are_not_as_they_should_be_are_skipped_and_counted() {
    let good = rows(100, 1);
    let bad = [
        "1700002940,0.3\n",
        "1699999000,0.3\n",
        "1700003100,\n",
        "1700003100,NaN\n",
        "1700003100,inf\n",
        "1700003100,abc\n",
        "1700003100,1,2\n",
        "1700003100\n",
        "noon,0.3\n",
        "1700003100000,0.3\n",
    ];
    let input = header(1) + &good[..50].concat() + &bad.concat() + "\n" + &good[50..].concat();
    let output = stream(&["--detector", "ewma"], &input);
    assert!(output.status.success());
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    let answers: Vec<&str> = out.lines().skip(51).take(bad.len()).collect();
    for (answer, row) in answers.iter().zip(bad) {
        let time = row.trim().split(',').next().unwrap();
        assert_eq!(*answer, format!("{time},,0,,,"));
    }
    let calm = stream(&["--detector", "ewma"], &(header(1) + &good.concat()));
    let kept: Vec<&str> = out.lines().take(51).chain(out.lines().skip(61)).collect();
    let calm = text(&calm.stdout);
    assert!(
        kept == calm.lines().collect::<Vec<_>>(),
        "skipped rows left a trace"
    );
    assert!(
        said.contains("late=2 missing=3 unreadable=5 refused=0"),
        "{said}"
    );
    assert!(said.contains("line=52"), "{said}");
    assert_eq!(
        said.matches("skipped").count(),
        1,
        "told now and then: {said}"
    );
}

#[test]
fn another_detector_or_other_parameters_or_channels_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("s.bngs");
    let state = state.to_str().unwrap();
    let input = header(1) + &rows(50, 1).concat();
    let args = [
        "--detector",
        "ewma",
        "--set",
        "threshold=5",
        "--state",
        state,
    ];
    assert!(stream(&args, &input).status.success());
    let saved = fs::read(state).unwrap();
    for (args, input, message) in [
        (
            &["--detector", "zscore", "--state", state][..],
            &input,
            "of detector `ewma`, not of `zscore`",
        ),
        (
            &["--detector", "ewma", "--state", state],
            &input,
            "threshold=5, not threshold=4",
        ),
        (
            &[
                "--detector",
                "ewma",
                "--set",
                "threshold=5",
                "--set",
                "direction=up",
                "--state",
                state,
            ],
            &input,
            "direction=both, not direction=up",
        ),
        (&args, &header(2), "`c0`, but the header names `c0`, `c1`"),
    ] {
        let output = stream(args, input);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(message) && said.contains("--state"), "{said}");
        assert!(output.stdout.is_empty());
        assert_eq!(fs::read(state).unwrap(), saved, "the state is untouched");
    }
    fs::write(state, &saved[..saved.len() - 1]).unwrap();
    let output = stream(&args, &input);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("s.bngs"));
}

/// Waits for the state to be saved.
fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing saved");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(unix)]
fn a_killed_stream_goes_on_from_its_last_save() {
    let dir = tempfile::tempdir().unwrap();
    let (state, out) = (dir.path().join("s.bngs"), dir.path().join("out.csv"));
    let (head, rows) = (header(1), rows(1_000, 1));
    let args = |state: &Path, out: &Path| {
        let texts = ["--detector", "ewma", "--save-rows", "64", "--state"];
        let mut args: Vec<String> = texts.map(str::to_owned).to_vec();
        args.push(state.to_str().unwrap().to_owned());
        args.push("--output".to_owned());
        args.push(out.to_str().unwrap().to_owned());
        args
    };
    let run = |state: &Path, out: &Path, input: &str| {
        let args = args(state, out);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = stream(&args, input);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let everything = head.clone() + &rows.concat();
    let whole = dir.path().join("whole.csv");
    run(&dir.path().join("w.bngs"), &whole, &everything);
    let whole = fs::read_to_string(whole).unwrap();

    let killed = args(&state, &out);
    let killed: Vec<&str> = killed.iter().map(String::as_str).collect();
    let mut child = start(&killed);
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "{head}{}", rows[..500].concat()).unwrap();
    stdin.flush().unwrap();
    wait_for(&state);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = fs::read_to_string(&out).unwrap();

    // Everything is fed again: what was learned is skipped, what was not is judged as if nothing
    // had happened.
    let said = run(&state, &out, &everything);
    let after = fs::read_to_string(&out).unwrap();
    let again: Vec<&str> = after
        .strip_prefix(before.as_str())
        .unwrap()
        .lines()
        .collect();
    let learned = again
        .iter()
        .take_while(|row| row.ends_with(",,0,,,"))
        .count();
    assert!(
        learned >= 64 && learned % 64 == 0 && learned <= 500,
        "{learned} learned"
    );
    assert!(said.contains(&format!("late={learned}")), "{said}");
    let expected: Vec<&str> = whole.lines().skip(1 + learned).collect();
    assert!(
        again[learned..] == expected,
        "other scores after {learned} rows"
    );
    assert!(
        before.lines().count() > learned,
        "rows are written before they are saved"
    );
}

#[test]
#[cfg(unix)]
fn a_stopped_stream_saves_and_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    for signal in ["INT", "TERM"] {
        let state = dir.path().join(format!("{signal}.bngs"));
        let mut child = start(&["--detector", "ewma", "--state", state.to_str().unwrap()]);
        let mut stdin = child.stdin.take().unwrap();
        let (head, rows) = (header(1), rows(100, 1));
        write!(stdin, "{head}{}", rows[..60].concat()).unwrap();
        stdin.flush().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..=60 {
            answers.next().unwrap().unwrap();
        }
        let kill = Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        // The input stays open: the signal alone must end it.
        assert!(child.wait().unwrap().success(), "{signal}");
        drop(stdin);
        let args = ["--detector", "ewma", "--state", state.to_str().unwrap()];
        let second = stream(&args, &rows[60..].concat());
        let whole = stream(&["--detector", "ewma"], &(head + &rows.concat()));
        let (second, whole) = (text(&second.stdout), text(&whole.stdout));
        assert!(!second.is_empty() && whole.ends_with(&second), "{signal}");
    }
}

#[test]
fn bad_usage_and_bad_beginnings_are_told() {
    for (args, input, status, message) in [
        (&["--detector", "ewm"][..], "", 2, "did you mean `ewma`"),
        (
            &["--detector", "ewma", "--set", "threshold=0"],
            "",
            2,
            "`threshold`",
        ),
        (
            &["--detector", "iqr", "--set", "window=all"],
            "",
            2,
            "window",
        ),
        (
            &["--detector", "hst", "--set", "limits=0,1,0,1,0,1"],
            "timestamp,a\n1,1\n",
            1,
            "number of limits",
        ),
        (
            &["--detector", "ewma", "--save-rows", "5"],
            "",
            2,
            "--state",
        ),
        (&["--detector", "ewma"], "", 1, "the input is empty"),
        (
            &["--detector", "ewma"],
            "1,2\n",
            1,
            "must start with the header",
        ),
        (
            &["--detector", "ewma"],
            "timestamp,a,a\n",
            1,
            "occurs twice",
        ),
        (
            &["--detector", "ewma", "--input", "/nowhere.csv"],
            "",
            1,
            "/nowhere.csv",
        ),
    ] {
        let output = stream(args, input);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn anomalies_can_be_told_by_the_exit_status() {
    let args = ["--detector", "ewma", "--fail-on-anomaly"];
    let mut rows = rows(200, 1);
    rows.truncate(90);
    let calm = header(1) + &rows.concat();
    assert_eq!(stream(&args, &calm).status.code(), Some(0));
    let loud = calm + "1800000000,50\n";
    assert_eq!(stream(&args, &loud).status.code(), Some(3));
}
