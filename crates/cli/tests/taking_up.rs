//! `bongsu alerts acknowledge` and `unacknowledge`, `bongsu models roll-back` and `retrain`: what a
//! service is told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A service that answers everything with `answer`, and what it was told.
fn service(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heard, told) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if heard.send(request(&mut stream)).is_err() {
                return;
            }
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    (url, told)
}

fn request(stream: &mut TcpStream) -> String {
    let (mut told, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        told.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&told).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "{text}");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

fn alerts(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.arg("alerts").args(arguments);
    command.args(["--service", url]).env("BONGSU_TOKEN", "t0p");
    command.output().unwrap()
}

const FINE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn an_alert_is_taken_up_and_given_back() {
    let (url, told) = service(FINE);
    let order = [
        "acknowledge",
        "1287e4aec4870538",
        "--by",
        "kim",
        "--note",
        "looking",
    ];
    let output = alerts(&url, &order);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"acknowledged 1287e4aec4870538\n");
    let heard = told.recv().unwrap();
    assert!(
        heard.starts_with("post /api/v1/alerts/1287e4aec4870538/acknowledge http/1.1"),
        "{heard}"
    );
    assert!(heard.contains("authorization: bearer t0p"), "{heard}");
    assert!(
        heard.ends_with(r#"{"by":"kim","note":"looking"}"#),
        "{heard}"
    );

    let output = alerts(&url, &["unacknowledge", "1287e4aec4870538"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        output.stdout,
        b"not acknowledged any more 1287e4aec4870538\n"
    );
    let heard = told.recv().unwrap();
    assert!(
        heard.starts_with("delete /api/v1/alerts/1287e4aec4870538/acknowledge http/1.1"),
        "{heard}"
    );
    assert!(heard.contains("authorization: bearer t0p"), "{heard}");
}

#[test]
fn detectors_are_rolled_back_and_trained_anew() {
    let told_of = |answer: &'static str, arguments: &[&str]| {
        let (url, told) = service(answer);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
        command.arg("models").args(arguments);
        command.args(["--service", &url]).env("BONGSU_TOKEN", "t0p");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (output, told.recv().unwrap())
    };
    let back = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 23\r\n\r\n{\"schema\":1,\"series\":4}";
    let (output, heard) = told_of(back, &["roll-back", "cpu", "3"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"cpu: version 3 is at work, on 4 series\n");
    assert!(
        heard.starts_with("post /api/v1/models/rollback http/1.1"),
        "{heard}"
    );
    assert!(heard.contains("authorization: bearer t0p"), "{heard}");
    assert!(heard.ends_with(r#"{"query":"cpu","version":3}"#), "{heard}");

    let asked = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 23\r\n\r\n{\"queries\":[\"a\",\"cpu\"]}";
    let (output, heard) = told_of(asked, &["retrain"]);
    assert_eq!(output.stdout, b"a: will be trained\ncpu: will be trained\n");
    assert!(heard.starts_with("post /api/v1/train http/1.1"), "{heard}");
    let (output, heard) = told_of(asked, &["retrain", "cpu"]);
    assert!(output.status.success(), "{output:?}");
    assert!(heard.ends_with(r#"{"query":"cpu"}"#), "{heard}");
}

#[test]
fn a_refusal_is_told_and_is_a_failure() {
    let refusal = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 54\r\n\r\n\
                   {\"error\": \"no alert `0000000000000001` is there, t0p\"}";
    let (url, _told) = service(refusal);
    for order in ["acknowledge", "unacknowledge"] {
        let output = alerts(&url, &[order, "0000000000000001"]);
        assert!(!output.status.success(), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("404") && !said.contains("t0p"), "{said}");
    }
    for order in ["acknowledge", "unacknowledge"] {
        let output = alerts(&url, &[order, "no-digits"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}
