//! Starting and stopping processes without leaving anything behind.
//!
//! Every child holds the read end of a pipe as its standard input and stops when that closes, so
//! it also ends when the recorder is killed. Prometheus is held by `lab guard`, which does the
//! same for it.

use super::input_closed;
use crate::Result;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How long a child may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running child; dropped, it is asked to end and waited for, so that what it holds ends too.
#[derive(Debug)]
pub(crate) struct Managed {
    name: String,
    child: Child,
}

impl Managed {
    /// Starts this program with `args`; its output goes to `log`.
    pub(crate) fn start(name: &str, args: &[String], log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    /// Its process id, 0 when it has ended.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Fails when the child has ended by itself.
    pub(crate) fn check(&mut self) -> Result {
        match self.child.try_wait()? {
            Some(status) => Err(format!("{} ended early: {status}", self.name).into()),
            None => Ok(()),
        }
    }

    /// SIGKILL, at once.
    pub(crate) async fn kill(&mut self) -> Result {
        Ok(self.child.kill().await?)
    }

    /// Waits for the child to end by itself; kills it after 5 s.
    pub(crate) async fn ended(&mut self) -> Result {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.map(drop).map_err(Into::into),
            Err(_) => self.kill().await,
        }
    }

    /// Closes its standard input and waits for its end.
    pub(crate) async fn stop(&mut self) -> Result {
        drop(self.child.stdin.take());
        self.ended().await
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        // Killed at once, a guard would leave behind what it guards.
        drop(self.child.stdin.take());
        let until = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// `lab guard PROGRAM ARGS...`: runs the program until it ends or standard input closes.
pub(crate) async fn guard(command: &[String]) -> Result {
    let (program, args) = command.split_first().ok_or("which program?")?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start {program}: {error}"))?;
    tokio::select! {
        status = child.wait() => Err(format!("{program} ended: {}", status?).into()),
        () = input_closed() => Ok(child.kill().await?),
    }
}

/// The first line of what `program --version` says.
pub(crate) async fn version(program: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output().await;
    let output = output.map_err(|error| {
        format!("{program} cannot be started ({error}); it is in Debian's package `{program}`")
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = text.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "version");
    let version = place.and_then(|i| words.get(i + 1)).copied();
    Ok(format!(
        "Prometheus {}",
        version.unwrap_or("of an unknown version")
    ))
}

/// Ports of the loopback device that are free now.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners = (0..count)
        .map(|_| std::net::TcpListener::bind(("127.0.0.1", 0)))
        .collect::<std::io::Result<Vec<_>>>()?;
    let ports = listeners.iter().map(|l| Ok(l.local_addr()?.port()));
    ports.collect()
}
