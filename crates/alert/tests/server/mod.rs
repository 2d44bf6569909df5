//! A real Alertmanager to test against.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// A running Alertmanager, stopped when dropped.
pub(crate) struct Alertmanager {
    process: Child,
    pub(crate) address: SocketAddr,
    /// Where peers reach it.
    pub(crate) cluster: Option<SocketAddr>,
    _directory: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Alertmanager {
    /// Starts one on free ports; a member of a cluster when `cluster` holds the peers to join.
    pub(crate) async fn start(cluster: Option<&[SocketAddr]>, prefix: &str) -> Self {
        Self::configured(cluster, prefix, CONFIG).await
    }

    /// Starts one with this configuration file.
    pub(crate) async fn configured(
        cluster: Option<&[SocketAddr]>,
        prefix: &str,
        config: &str,
    ) -> Self {
        // Somebody else may take a free port before the server does.
        for _ in 0..5 {
            let mut server = Self::spawn(cluster, prefix, config);
            if server.is_ready(prefix).await {
                return server;
            }
        }
        panic!("prometheus-alertmanager started five times, and was never ready");
    }

    fn spawn(cluster: Option<&[SocketAddr]>, prefix: &str, content: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("alertmanager.yml");
        std::fs::write(&config, content).unwrap();
        let address = free_address();
        let member = cluster.map(|_| free_address());
        let gossip = member.map_or_else(String::new, |address| address.to_string());
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", directory.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--cluster.listen-address={gossip}"))
            .arg(format!("--web.route-prefix={prefix}/"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for peer in cluster.unwrap_or_default() {
            command.arg(format!("--cluster.peer={peer}"));
        }
        let process = command.spawn().unwrap_or_else(|e| {
            panic!(
                "prometheus-alertmanager cannot be started: {e}; \
                 install the Debian package `prometheus-alertmanager`"
            )
        });
        Self {
            process,
            address,
            cluster: member,
            _directory: directory,
        }
    }

    /// Waits until it is ready; `false` when it has ended or takes too long.
    async fn is_ready(&mut self, prefix: &str) -> bool {
        let ready = self.url(&format!("{prefix}/-/ready"));
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline && self.process.try_wait().unwrap().is_none() {
            let answer = reqwest::get(&ready).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The alerts that its API lists: those that fire.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let answer = reqwest::get(self.url("/api/v2/alerts")).await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
