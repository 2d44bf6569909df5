//! `bongsu demo` from the outside, at ten times its usual speed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn demo(output: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command
        .args(["demo", "--speed", "900", "--output"])
        .arg(output)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn row<'a>(table: &'a str, title: &str) -> Vec<&'a str> {
    let row = table.lines().find(|line| line.starts_with(title));
    let row = row.unwrap_or_else(|| panic!("no row `{title}` in {table}"));
    row.split_whitespace().collect()
}

fn has_png_signature(path: &Path) -> bool {
    fs::read(path).unwrap().starts_with(b"\x89PNG\r\n\x1a\n")
}

#[test]
fn the_demo_finds_the_injected_faults_and_writes_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("new").join("demo");
    let Output {
        status,
        stdout,
        stderr,
    } = demo(&directory).output().unwrap();
    let (table, story) = (text(&stdout), text(&stderr));
    assert!(status.success(), "{story}");

    let tally = table.lines().find(|line| line.contains("faults found"));
    let numbers: Vec<usize> = tally
        .unwrap_or_else(|| panic!("no tally in {table}"))
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    let [found, faults, false_alarms] = numbers[..] else {
        panic!("another tally in {table}");
    };
    assert_eq!(faults, 8, "{table}");
    assert!(found >= 5, "{table}");
    assert!(false_alarms <= 2, "{table}");

    // How much of an incident each analysis saw depends on the clock, so not every cause is certain.
    let causes = table.lines().find(|line| line.contains("named rightly"));
    let causes: Vec<usize> = causes
        .unwrap()
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    assert!(causes[0] >= 3 && causes[1] <= 2, "{table}");
    assert!(story.contains("is the most likely cause"), "{story}");

    // A lasting change may be noticed, but the alert on it must end.
    let shift = row(&table, "level shift").join(" ");
    assert!(
        shift.contains("ignored") || shift.matches(" s").count() >= 2,
        "{shift}"
    );

    let report = fs::read_to_string(directory.join("report.html")).unwrap();
    for needle in [
        "Injected against found",
        "level shift",
        "injected faults were found",
    ] {
        assert!(report.contains(needle), "{needle} is missing in the report");
    }
    let written: Vec<&Path> = table
        .lines()
        .map(Path::new)
        .filter(|path| path.starts_with(&directory))
        .collect();
    let pictures: Vec<&&Path> = written
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "png"))
        .collect();
    assert!(pictures.len() > 5, "{table}");
    for picture in pictures {
        assert!(has_png_signature(picture), "{}", picture.display());
    }
    assert!(written.contains(&directory.join("report.html").as_path()));
}

#[test]
fn a_round_of_the_lab_is_judged_and_its_causes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = demo(dir.path())
        .args(["--recording", "lab-1"])
        .output()
        .unwrap();
    let (table, story) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{story}");
    let numbers = |words: &str| -> Vec<usize> {
        let line = table.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("no `{words}` in {table}"));
        let numbers = line.split(|c: char| !c.is_ascii_digit());
        numbers.filter_map(|number| number.parse().ok()).collect()
    };
    let [found, 6, false_alarms] = numbers("faults found")[..] else {
        panic!("another tally in {table}");
    };
    assert!(found >= 4 && false_alarms <= 2, "{table}");
    let causes = numbers("named rightly");
    assert!(causes[0] >= 1 && causes[1] <= 1, "{table}");
    // Who calls whom is learned from the calls.
    let pages: Vec<String> = table
        .lines()
        .filter(|line| line.contains("cause-"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert!(pages.iter().any(|page| page.contains("traffic")), "{table}");

    let unknown = demo(dir.path())
        .args(["--recording", "lab-7"])
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    let said = text(&unknown.stderr);
    assert!(said.contains("machine, lab-1, lab-2"), "{said}");
}

#[test]
fn a_directory_that_cannot_be_made_is_told_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let output = demo(&file.join("below")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let story = text(&output.stderr);
    assert!(
        story.contains("below") && story.lines().count() == 1,
        "{story}"
    );
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_stopped_says_so_and_leaves_out_what_had_not_come() {
    use std::io::{BufRead as _, BufReader, Read as _};

    let dir = tempfile::tempdir().unwrap();
    let mut child = demo(dir.path()).spawn().unwrap();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("cpu burn") {
        line.clear();
        assert!(story.read_line(&mut line).unwrap() > 0, "no incident came");
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let mut rest = String::new();
    story.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{rest}");
    let table = text(&output.stdout);
    assert!(
        table.contains("The run was stopped before its end"),
        "{table}"
    );
    assert!(table.contains("cpu burn"), "{table}");
    assert!(!table.contains("error burst"), "{table}");
    assert!(dir.path().join("report.html").is_file());
}
