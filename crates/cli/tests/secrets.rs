//! Marked secrets in the places where a configuration takes one, receivers that repeat what they were
//! told, and then a look at everything that the command wrote or answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Part of every secret, in no other text.
const MARK: &str = "MARKEDSECRET";

/// What a receiver was told.
type Heard = Arc<Mutex<String>>;

/// A server that refuses everything and repeats what it was told.
fn parrot() -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let ears = Arc::clone(&ears);
            thread::spawn(move || repeat(stream, &ears));
        }
    });
    (address, heard)
}

fn repeat(mut stream: TcpStream, ears: &Heard) {
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .ok();
    let (mut told, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        told.extend_from_slice(&piece[..read]);
    }
    let told = String::from_utf8_lossy(&told).into_owned();
    ears.lock().unwrap().push_str(&told);
    let head = format!(
        "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        told.len()
    );
    stream.write_all(format!("{head}{told}").as_bytes()).ok();
}

/// A command whose log hides nothing that it could say.
fn bongsu(folder: &Path, config: &str, arguments: &[&str]) -> Command {
    let file = folder.join("bongsu.yaml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args(arguments).arg("--config").arg(&file);
    command.env("RUST_LOG", "trace").env("MARK", MARK);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn hides(what: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    if let Some(at) = text.find(MARK) {
        let from = text.floor_char_boundary(at.saturating_sub(200));
        panic!(
            "{what} shows a secret: {}",
            text.get(from..text.ceil_char_boundary(at + 40))
                .unwrap_or_default()
        );
    }
}

/// Nothing said, and no file but the configuration, has the mark.
fn all_hidden(folder: &Path, output: &Output) {
    hides("standard output", &output.stdout);
    hides("standard error", &output.stderr);
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "bongsu.yaml") {
                hides(&path.display().to_string(), &fs::read(&path).unwrap());
            }
        }
    }
}

#[test]
fn a_run_whose_receivers_repeat_everything_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (parrot, heard) = parrot();
    let mut csv = String::from("timestamp,errors\n");
    for minute in 0..400 {
        let value = if (397..400).contains(&minute) {
            90
        } else {
            minute * 5 % 7
        };
        writeln!(csv, "{},{value}", 60 * minute).unwrap();
    }
    let at = folder.path().display();
    fs::write(folder.path().join("x.csv"), csv).unwrap();
    let key = format!("{MARK}{}", "k".repeat(20));
    let config = format!(
        "source: {{type: csv, path: '{at}/x.csv'}}
queries:
  - {{name: all, expr: '*', step: 1m, direction: up, min_abs_dev: 10, alert: {{for: 1m}}}}
sinks:
  - {{type: slack, url: 'http://{parrot}/${{MARK}}-slack'}}
  - {{type: teams, url: 'http://{parrot}/teams?sig=${{MARK}}'}}
  - {{type: discord, url: 'http://{parrot}/${{MARK}}-discord'}}
  - {{type: webhook, url: 'http://{parrot}/${{MARK}}-webhook', token: '${{MARK}}-hook'}}
  - {{type: pagerduty, routing_key: {key}, url: 'http://{parrot}'}}
  - {{type: alertmanager, urls: ['http://{parrot}'], auth: {{type: bearer, token: '${{MARK}}-am'}}}}
  - {{type: email, host: 127.0.0.1, port: {}, user: u, password: '${{MARK}}', from: a@b.c, to: [d@e.f]}}
state: {{directory: '{at}/state'}}
output:
  verdicts: '{at}/verdicts.csv'
  report: '{at}/report.html'
  dead_letters: '{at}/dead.jsonl'
  remote_write: {{url: 'http://{parrot}/write', auth: {{type: bearer, token: '${{MARK}}-rw'}}, headers: {{X-Key: '${{MARK}}-header'}}}}
",
        parrot.port()
    );
    for arguments in [&["config", "check"][..], &["run"]] {
        let output = bongsu(folder.path(), &config, arguments).output().unwrap();
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{output:?}"
        );
        all_hidden(folder.path(), &output);
    }
    // The secrets were in use, or nothing was shown by not showing them.
    let heard = heard.lock().unwrap();
    for used in ["-slack", "-discord", "-webhook", "-am"] {
        assert!(
            heard.contains(&format!("{MARK}{used}")),
            "{used} was not sent"
        );
    }
    assert!(heard.contains(&key) && heard.contains(&format!("sig={MARK}")));
}

#[test]
fn fetched_tokens_and_signatures_show_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (parrot, heard) = parrot();
    let at = folder.path().display();
    for (auth, used) in [
        (
            format!(
                "{{type: oauth2, token_url: 'http://{parrot}/token', client_id: me, \
                 client_secret: '${{MARK}}-oauth', client_auth: body, params: {{key: '${{MARK}}-param'}}}}"
            ),
            &["client_secret=MARKEDSECRET-oauth", "key=MARKEDSECRET-param"][..],
        ),
        (
            "{type: sigv4, region: eu-west-1, access_key: AKID, secret_key: '${MARK}-key', \
              session_token: '${MARK}-session'}"
                .to_owned(),
            &[
                "Credential=AKID/",
                "x-amz-security-token: MARKEDSECRET-session",
            ][..],
        ),
    ] {
        let config = format!(
            "source: {{type: prometheus, url: 'http://{parrot}', retries: 0, auth: {auth}}}
queries: [{{name: up, expr: up, step: 5s}}]
state: {{directory: '{at}/state'}}
"
        );
        for arguments in [&["config", "check"][..], &["run", "--once"]] {
            let output = bongsu(folder.path(), &config, arguments).output().unwrap();
            assert!(
                output.status.code().is_some_and(|code| code < 2),
                "{output:?}"
            );
            all_hidden(folder.path(), &output);
        }
        let heard = heard.lock().unwrap();
        for used in used {
            assert!(heard.contains(used), "{used} was not sent: {heard}");
        }
    }
}

#[test]
fn a_service_answers_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (parrot, heard) = parrot();
    // Free a moment ago.
    let listen = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let token = format!("{MARK}-server");
    let config = format!(
        "source:
  type: prometheus
  url: 'http://{parrot}'
  auth: {{type: headers, headers: {{X-Token: '${{MARK}}-source'}}}}
queries: [{{name: up, expr: up, step: 5s}}]
server: {{listen: '{listen}', token: {token}}}
"
    );
    let mut child = bongsu(folder.path(), &config, &["run"]).spawn().unwrap();
    let begun = Instant::now();
    let asked = format!("{MARK}-source");
    while !heard.lock().unwrap().contains(&asked) && begun.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(700));
    let mut answers = Vec::new();
    for path in [
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/api/v1/status",
        "/api/v1/queries",
        "/api/v1/alerts",
        "/api/v1/models",
        "/api/v1/openapi.json",
        "/",
    ] {
        answers.push((path, get(listen, path, &token), get(listen, path, "wrong")));
    }
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    for (path, with, without) in answers {
        assert!(with.starts_with("HTTP/1.1"), "{path}: {with}");
        hides(path, with.as_bytes());
        hides(path, without.as_bytes());
    }
    assert!(
        heard.lock().unwrap().contains(&asked),
        "the source was not asked"
    );
    all_hidden(folder.path(), &output);
}

fn get(server: SocketAddr, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok();
    answer
}
