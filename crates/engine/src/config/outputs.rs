use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuthConfig, SecretText, Span, TlsConfig};
use crate::Error;

/// What is written besides alerts.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutputConfig {
    /// A CSV file to which every verdict is appended.
    pub verdicts: Option<PathBuf>,
    /// Append only anomalous verdicts.
    pub anomalous_only: bool,
    /// An HTML report of the run, written at its end.
    pub report: Option<PathBuf>,
    /// A file for what a sink gave up: alerts that a receiver refused for their content, or that a
    /// full queue pushed out, as JSON lines. It has at most 16 MiB, and so has the one before,
    /// which is kept with `.1` added.
    pub dead_letters: Option<PathBuf>,
    /// A server that gets scores and bands as series, to draw and to alert on in PromQL:
    /// `bongsu_anomaly_score`, `bongsu_expected`, `bongsu_lower` and `bongsu_upper`, with the labels
    /// of the judged series, its name as `metric`, and the query's name as `query`.
    pub remote_write: Option<RemoteWriteConfig>,
}

/// A server that speaks Prometheus' remote-write protocol.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteWriteConfig {
    /// The whole address: `http://prometheus:9090/api/v1/write` (Prometheus needs
    /// `--web.enable-remote-write-receiver`). A user name and password belong into `auth`.
    pub url: String,
    /// How to authenticate.
    #[serde(default)]
    pub auth: AuthConfig,
    /// Encryption.
    #[serde(default)]
    pub tls: TlsConfig,
    /// The longest that one request may take.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// Additional request headers, for example `X-Scope-OrgID`; their values may be secret.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretText>,
    /// The version of the protocol: `v1`, which every receiver knows, or `v2`.
    #[serde(default)]
    pub protocol: RemoteWriteVersion,
    /// Labels added to every series.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The most samples that wait while the server is away; more push out the oldest.
    #[serde(default = "default_queue")]
    pub queue: usize,
}

/// The version of the remote-write protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemoteWriteVersion {
    /// 1.0, which every receiver knows.
    #[default]
    V1,
    /// 2.0, which is smaller; a receiver that does not know it gets 1.0.
    V2,
}

/// The service's own HTTP server: `/metrics`, `/-/healthy`, `/-/ready` and `/api/v1/...`. Everybody
/// who reaches it may read; what changes something needs the token.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The bearer token of requests that change something; without it there are none.
    pub token: Option<SecretText>,
}

impl ServerConfig {
    pub(super) fn validate(&self) -> Result<(), Error> {
        match &self.token {
            Some(token) if token.secret().expose().is_empty() => Err(Error::config(
                "server.token is empty, but must be a secret; leave it out to take no orders",
            )),
            _ => Ok(()),
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9469)),
            token: None,
        }
    }
}

fn default_timeout() -> Span {
    Span::from_secs(30)
}

fn default_queue() -> usize {
    1_000_000
}
