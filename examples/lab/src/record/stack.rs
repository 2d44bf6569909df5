//! The processes of a round, and what is done to them.

use super::load::Load;
use super::process::{Managed, free_ports};
use super::prometheus::Server;
use super::{Config, Injection, Plan, Step};
use crate::Result;
use crate::service::Role;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A running system.
#[derive(Debug)]
pub(crate) struct Stack {
    dir: PathBuf,
    ports: BTreeMap<Role, u16>,
    services: BTreeMap<Role, Option<Managed>>,
    client: reqwest::Client,
    seed: u64,
    /// Its load.
    pub(crate) load: Load,
    /// Its Prometheus.
    pub(crate) prometheus: Server,
}

impl Stack {
    /// Starts everything in `dir`.
    pub(crate) async fn start(dir: &Path, plan: &Plan, seed: u64) -> Result<Self> {
        // The first caller installs it; later rounds find it there.
        let _there = rustls::crypto::ring::default_provider().install_default();
        let free = free_ports(Role::ALL.len() + 1)?;
        let ports: BTreeMap<Role, u16> = Role::ALL.into_iter().zip(free.iter().copied()).collect();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        let mut services = BTreeMap::new();
        for role in Role::ALL {
            let process = start(dir, role, &ports, seed)?;
            services.insert(role, Some(process));
            ready(&client, &ports, role).await?;
        }
        let prometheus_port = *free.last().ok_or("no port")?;
        let prometheus = Server::start(dir, prometheus_port, &ports, plan.scrape_seconds).await?;
        let gateway = *ports.get(&Role::Gateway).ok_or("no gateway")?;
        let load = Load::start(gateway, plan, seed)?;
        Ok(Self {
            dir: dir.to_owned(),
            ports,
            services,
            client,
            seed,
            load,
            prometheus,
        })
    }

    /// Fails when something that should run has ended.
    pub(crate) fn check(&mut self) -> Result {
        for process in self.services.values_mut().flatten() {
            process.check()?;
        }
        self.prometheus.process.check()
    }

    /// Process ids, for the log.
    pub(crate) fn ids(&self) -> Vec<u32> {
        let services = self.services.values().flatten();
        let all = services.chain([&self.prometheus.process]);
        all.map(Managed::id).collect()
    }

    /// CPU time of the services so far (not of Prometheus, which the guard holds).
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let of = |id: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            let fields = stat.rsplit(')').next()?.split_whitespace();
            let ticks = fields
                .skip(11)
                .take(2)
                .map(|n| n.parse::<u32>().unwrap_or(0));
            Some(f64::from(ticks.sum::<u32>()) / 100.0)
        };
        let services = self.services.values().flatten();
        services.filter_map(|process| of(process.id())).sum()
    }

    /// Begins an incident.
    pub(crate) async fn begin(&mut self, step: &Step) -> Result {
        let role = step.service;
        if let Some(kind) = step.kind.told() {
            let kind = serde_json::to_value(kind)?;
            let kind = kind.as_str().unwrap_or_default();
            return self
                .post(role, &format!("fault?kind={kind}&level={}", step.level))
                .await;
        }
        match step.kind {
            Injection::Down => {
                if let Some(Some(process)) = self.services.get_mut(&role) {
                    process.kill().await?;
                }
                self.services.insert(role, None);
            }
            Injection::Surge => self.load.set_percent(step.level),
            Injection::Deployment => {
                self.post(role, "stop").await?;
                if let Some(Some(process)) = self.services.get_mut(&role) {
                    process.ended().await?;
                }
                self.restart(role).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) async fn end(&mut self, step: &Step) -> Result {
        let role = step.service;
        if let Some(kind) = step.kind.told() {
            let kind = serde_json::to_value(kind)?;
            let kind = kind.as_str().unwrap_or_default();
            return self.post(role, &format!("fault?kind={kind}&level=0")).await;
        }
        match step.kind {
            Injection::Down => self.restart(role).await,
            Injection::Surge => {
                self.load.set_percent(100);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends everything, callers first.
    pub(crate) async fn stop(mut self) {
        self.load.stop();
        for role in Role::ALL.into_iter().rev() {
            if let Some(Some(process)) = self.services.get_mut(&role) {
                // What does not end is killed when dropped.
                let _ended = process.stop().await;
            }
        }
        let _ended = self.prometheus.process.stop().await;
    }

    async fn restart(&mut self, role: Role) -> Result {
        let process = start(&self.dir, role, &self.ports, self.seed)?;
        self.services.insert(role, Some(process));
        ready(&self.client, &self.ports, role).await
    }

    async fn post(&self, role: Role, what: &str) -> Result {
        let port = self.ports.get(&role).copied().unwrap_or_default();
        let url = format!("http://127.0.0.1:{port}/{what}");
        // A busy service may need a second chance.
        let mut last = None;
        for _ in 0..3 {
            match self.client.post(&url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => return Err(format!("{url}: {}", answer.status()).into()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| url.into(), Into::into))
    }
}

fn start(dir: &Path, role: Role, ports: &BTreeMap<Role, u16>, seed: u64) -> Result<Managed> {
    let name = role.name();
    let config = Config {
        role,
        ports: ports.clone(),
        dir: dir.join(name),
        seed: seed + role as u64 + 1,
    };
    let args = ["serve".to_owned(), serde_json::to_string(&config)?];
    Managed::start(name, &args, &dir.join(format!("{name}.log")))
}

/// Waits until a service answers.
async fn ready(client: &reqwest::Client, ports: &BTreeMap<Role, u16>, role: Role) -> Result {
    let port = ports.get(&role).copied().unwrap_or_default();
    let url = format!("http://127.0.0.1:{port}/metrics");
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if client.get(&url).send().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(format!("{} does not get ready", role.name()).into())
}
