//! Exporters for tests: the real node exporter, and pages made up for each request. Other crates'
//! tests include this file by its path.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bongsu_core::Timestamp;

/// Where the exporter is looked for when `NODE_EXPORTER_BIN` is not set.
const BINARY: &str = "prometheus-node-exporter";

/// A running node exporter, stopped when dropped.
pub(crate) struct NodeExporter {
    child: Child,
    url: String,
}

impl NodeExporter {
    pub(crate) fn start() -> Self {
        // Another process may take the port between finding and using it: then the next is tried.
        for _ in 0..5 {
            let port = {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
                listener.local_addr().expect("its address").port()
            };
            let mut child = spawn(port);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(20) && matches!(child.try_wait(), Ok(None))
            {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    let url = format!("http://127.0.0.1:{port}");
                    return Self { child, url };
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("the node exporter did not start");
    }

    /// Its base address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16) -> Child {
    let binary = std::env::var("NODE_EXPORTER_BIN").unwrap_or_else(|_| BINARY.to_owned());
    Command::new(&binary)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--collector.disable-defaults", "--collector.cpu"])
        .args([
            "--collector.loadavg",
            "--collector.meminfo",
            "--collector.stat",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| {
            panic!(
                "`{binary}` cannot be started ({e}): install Debian's package \
                 `prometheus-node-exporter`, or name the binary in NODE_EXPORTER_BIN"
            )
        })
}

/// A server whose answer to the request of each number is made by `page`: status, content type and
/// body. Requests are answered side by side.
pub(crate) fn page_server(
    page: impl Fn(usize) -> (u16, &'static str, String) + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let page = std::sync::Arc::new(page);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let page = std::sync::Arc::clone(&page);
            std::thread::spawn(move || answer(stream, &*page, number));
        }
    });
    url
}

fn answer(
    mut stream: TcpStream,
    page: &(dyn Fn(usize) -> (u16, &'static str, String) + Send + Sync),
    number: usize,
) {
    let mut request = Vec::new();
    let mut chunk = [0; 1_024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
    }
    let (status, kind, body) = page(number);
    // Whoever asked may have gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// The time of day.
#[allow(dead_code, reason = "not every test that includes this needs it")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("before the year 292 million"))
}
