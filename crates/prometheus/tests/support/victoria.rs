//! A real VictoriaMetrics for tests, on loopback, with data of its own in a directory that goes away
//! with it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running server, stopped when dropped.
pub(crate) struct Victoria {
    child: Child,
    url: String,
    _files: tempfile::TempDir,
}

impl Victoria {
    /// A server that shows what it has at once, where `hides` is false; else it hides the newest 30
    /// seconds, as it does by default.
    pub(crate) fn start(hides: bool) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        for _ in 0..5 {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("its address").port();
            drop(listener);
            let log = File::create(files.path().join("log")).expect("a log file");
            let mut child = Command::new("victoria-metrics")
                .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
                .arg(format!("-storageDataPath={}", files.path().join("data").display()))
                .args((!hides).then_some("-search.latencyOffset=0s"))
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap_or_else(|e| {
                    panic!("`victoria-metrics` cannot be started ({e}): install Debian's package of this name")
                });
            let deadline = Instant::now() + Duration::from_secs(60);
            while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self {
                        child,
                        url: format!("http://127.0.0.1:{port}"),
                        _files: files,
                    };
                }
                thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = std::fs::read_to_string(files.path().join("log")).unwrap_or_default();
        panic!("VictoriaMetrics did not become ready; its log:\n{log}");
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
