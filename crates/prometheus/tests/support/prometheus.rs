//! A real Prometheus server for tests, on loopback, with data of its own in a directory that goes
//! away with it. Other crates' tests include this file by its path.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where the server is looked for when `PROMETHEUS_BIN` is not set.
const BINARY: &str = "prometheus";

/// How long it may take to become ready.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A running server, stopped when dropped.
pub(crate) struct Prometheus {
    child: Child,
    url: String,
    _files: tempfile::TempDir,
}

impl Prometheus {
    /// Starts a server that scrapes itself every `scrape_ms` milliseconds, beside `rules` (a rules
    /// file's text, may be empty) and `scrapes` (more entries of `scrape_configs`, may be empty).
    pub(crate) fn start(scrape_ms: u64, rules: &str, scrapes: &str) -> Self {
        Self::start_as("", scrape_ms, rules, scrapes)
    }

    /// The same, with `external` (pairs of YAML, may be empty) as the server's `external_labels`.
    pub(crate) fn start_as(external: &str, scrape_ms: u64, rules: &str, scrapes: &str) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        // Another process may take the port between finding and using it: then the next is tried.
        for _ in 0..5 {
            let port = free_port();
            configure(files.path(), port, external, scrape_ms, rules, scrapes);
            let mut child = spawn(files.path(), port);
            if ready(&mut child, port) {
                return Self {
                    child,
                    url: format!("http://127.0.0.1:{port}"),
                    _files: files,
                };
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = fs::read_to_string(files.path().join("log")).unwrap_or_default();
        panic!("Prometheus did not become ready; its log:\n{log}");
    }

    /// Its base address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn configure(files: &Path, port: u16, external: &str, scrape_ms: u64, rules: &str, scrapes: &str) {
    let rule_files = if rules.is_empty() {
        "[]"
    } else {
        "[rules.yaml]"
    };
    let config = format!(
        "global: {{scrape_interval: {scrape_ms}ms, scrape_timeout: {scrape_ms}ms, \
         evaluation_interval: {scrape_ms}ms, external_labels: {{{external}}}}}\n\
         rule_files: {rule_files}\n\
         scrape_configs:\n\
         - job_name: prometheus\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n{scrapes}"
    );
    fs::write(files.join("prometheus.yaml"), config).expect("a configuration");
    fs::write(files.join("rules.yaml"), rules).expect("a rules file");
}

fn spawn(files: &Path, port: u16) -> Child {
    let binary = std::env::var("PROMETHEUS_BIN").unwrap_or_else(|_| BINARY.to_owned());
    let log = File::create(files.join("log")).expect("a log file");
    Command::new(&binary)
        .arg(format!(
            "--config.file={}",
            files.join("prometheus.yaml").display()
        ))
        .arg(format!(
            "--storage.tsdb.path={}",
            files.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.enable-remote-write-receiver")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| {
            panic!(
                "`{binary}` cannot be started ({e}): install Debian's package `prometheus`, or \
                 name the binary in PROMETHEUS_BIN"
            )
        })
}

/// Waits until the server is ready; false when it ends before.
fn ready(child: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + START_WITHIN;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        if answers_ready(port).unwrap_or(false) {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

fn answers_ready(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /-/ready HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.0 200"))
}
