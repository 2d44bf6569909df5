//! Starting and stopping what the recorder needs, without leaving anything behind.
//!
//! Every child holds the read end of a pipe as its standard input and stops when that closes, so
//! it also ends when the recorder is killed. Foreign programs are held by `record-guard`, which
//! does the same for them.

use super::Result;
use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running child, stopped by its id when dropped.
#[derive(Debug)]
pub(crate) struct Managed {
    name: String,
    child: Child,
}

impl Managed {
    /// Starts a hidden subcommand of this program; its output goes to `log`.
    pub(crate) fn own(name: &str, args: &[String], log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    /// Starts a foreign program under the guard.
    pub(crate) fn foreign(name: &str, program: &str, args: &[String], log: &Path) -> Result<Self> {
        let mut all = vec!["record-guard".to_owned(), program.to_owned()];
        all.extend_from_slice(args);
        Self::own(name, &all, log)
    }

    /// Process id of the child (of its guard for a foreign program).
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the child has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => Err(format!("{} ended early: {status}", self.name).into()),
            None => Ok(()),
        }
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks the child to end and waits for it; kills it after 20 s.
    pub(crate) fn stop(&mut self) {
        drop(self.child.stdin.take());
        if !ended_within(&mut self.child, Duration::from_secs(20)) {
            eprintln!("record: {} does not stop, killing it", self.name);
            let _gone = self.kill();
        }
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        self.stop();
    }
}

fn ended_within(child: &mut Child, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// `record-guard PROGRAM ARGS...`: runs the program until it ends or standard input closes.
pub(crate) fn guard(args: &[String]) -> Result<()> {
    let (program, rest) = args.split_first().ok_or("record-guard: which program?")?;
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start {program}: {error}"))?;
    let (closed, on_close) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        wait_for_eof();
        let _listening = closed.send(());
    });
    loop {
        if let Some(status) = child.try_wait()? {
            return Err(format!("{program} ended: {status}").into());
        }
        if on_close.recv_timeout(Duration::from_millis(200)).is_ok() {
            let pid = child.id().to_string();
            let _sent = Command::new("kill").args(["-TERM", &pid]).status();
            if !ended_within(&mut child, Duration::from_secs(15)) {
                child.kill()?;
                child.wait()?;
            }
            return Ok(());
        }
    }
}

/// Blocks until standard input closes.
pub(crate) fn wait_for_eof() {
    let mut sink = [0_u8; 64];
    let mut stdin = std::io::stdin();
    while matches!(stdin.read(&mut sink), Ok(n) if n > 0) {}
}

/// Raises the priority of this process before it starts threads and children, which inherit it.
/// Builds that run beside the recording at nice 19 then neither slow the workload nor count as
/// mode="user". Without the privilege the recording goes on at the priority it has.
pub(crate) fn raise_priority() {
    let pid = std::process::id().to_string();
    let raised = Command::new("renice")
        .args(["-n", "-10", "-p", &pid])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !raised {
        eprintln!("record: note: no permission for nice -10, running at normal priority");
    }
}

/// Fails with what to install when a program cannot be run.
pub(crate) fn require(program: &str) -> Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| {
            format!("{program}: {error}; apt-get install prometheus prometheus-node-exporter")
        })?;
    let text = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    let text = String::from_utf8_lossy(&text);
    let version = text
        .split_whitespace()
        .skip_while(|word| *word != "version")
        .nth(1)
        .unwrap_or("unknown");
    Ok(version.trim_end_matches(',').to_owned())
}

/// `n` free loopback ports below the ephemeral range: a service that is down must not lose its
/// port to an outgoing connection.
pub(crate) fn free_ports(n: usize) -> Result<Vec<u16>> {
    let first = 20_000 + u16::try_from(std::process::id() % 9_000)?;
    let free: Vec<u16> = (first..32_000)
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .take(n)
        .collect();
    if free.len() < n {
        return Err("no free loopback ports between 20000 and 32000".into());
    }
    Ok(free)
}
