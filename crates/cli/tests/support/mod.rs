//! Real servers on loopback for the integration tests.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that is stopped when dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts `program`, which the Debian package `package` brings.
    pub(crate) fn start(program: &str, package: &str, args: &[String], log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("a log file");
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("`{program}` does not start ({e}); install it: apt-get install {package}")
            });
        Self(child)
    }
}

impl Server {
    /// A Prometheus on `port` that scrapes `target` each `interval`, as the job `job`. Its files are
    /// in `folder`.
    #[allow(dead_code, reason = "not every test needs one")]
    pub(crate) fn prometheus(
        folder: &Path,
        port: u16,
        (job, target): (&str, &str),
        interval: &str,
    ) -> Self {
        let at = |name: &str| folder.join(name);
        let config = format!(
            "global: {{scrape_interval: {interval}}}
scrape_configs: [{{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}]
"
        );
        std::fs::write(at("prometheus.yml"), config).expect("a configuration");
        let arguments = [
            format!("--config.file={}", at("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", at("tsdb").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let log = at("prometheus.log");
        Self::start("prometheus", "prometheus", &arguments, &log)
    }

    /// An Alertmanager on `port` that tells nobody. Its files are in `folder`.
    #[allow(dead_code, reason = "not every test needs one")]
    pub(crate) fn alertmanager(folder: &Path, port: u16) -> Self {
        let at = |name: &str| folder.join(name);
        let config = "route: {receiver: none}\nreceivers: [{name: none}]\n";
        std::fs::write(at("alertmanager.yml"), config).expect("a configuration");
        let arguments = [
            format!("--config.file={}", at("alertmanager.yml").display()),
            format!("--storage.path={}", at("alertmanager").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".to_owned(),
        ];
        let (program, log) = ("prometheus-alertmanager", at("alertmanager.log"));
        Self::start(program, program, &arguments, &log)
    }
}

impl Server {
    /// Asks the process to end, and says how it did.
    #[allow(dead_code, reason = "some tests stop their servers by dropping them")]
    pub(crate) fn terminated(&mut self) -> std::process::ExitStatus {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill").success());
        self.0.wait().expect("a status")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// The body of a GET request, when the server answers 200.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines()
        .next()?
        .contains(" 200 ")
        .then(|| body.to_owned())
}

/// Waits until `check` gives something.
pub(crate) fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{what} did not come about within 60 s"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}
