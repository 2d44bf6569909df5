use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuthConfig, SecretText, Span, TlsConfig};
use crate::Error;
use crate::server::Identity;

/// What is written besides alerts.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutputConfig {
    /// A CSV file to which every verdict is appended.
    pub verdicts: Option<PathBuf>,
    /// Whether each day has a file of its own: `never` or `daily`, which makes of `verdicts.csv`
    /// `verdicts-2026-03-01.csv` for the verdicts on that day (UTC).
    pub rotate: Rotation,
    /// Files of days that are older than this are removed; `0` never. Only with `rotate`, then 30d
    /// by default.
    pub keep: Option<Span>,
    /// What becomes of the files of days that are over: `csv` leaves them, `parquet` writes them as
    /// Parquet, which needs a build with the feature `parquet`.
    pub archive: Archive,
    /// Append only anomalous verdicts.
    pub anomalous_only: bool,
    /// An HTML report of the run, written at its end.
    pub report: Option<PathBuf>,
    /// A file for what a sink gave up, as JSON lines: what a receiver refused, all or in part, what
    /// failed again and again while it took others, and what a full queue pushed out. It has at most 16 MiB, and so has the one before,
    /// which is kept with `.1` added.
    pub dead_letters: Option<PathBuf>,
    /// A server that gets scores and bands as series, to draw and to alert on in PromQL:
    /// `bongsu_anomaly_score`, `bongsu_expected`, `bongsu_lower` and `bongsu_upper`, with the labels
    /// of the judged series, its name as `metric`, and the query's name as `query`.
    pub remote_write: Option<RemoteWriteConfig>,
}

/// Whether verdicts go to one file or to one for each day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// One file for all time.
    #[default]
    Never,
    /// One for each day.
    Daily,
}

/// The format of the files of days that are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Archive {
    /// As they were written.
    #[default]
    Csv,
    /// Smaller, and quick to ask.
    Parquet,
}

impl ServerConfig {
    /// Whether `other` listens in the same place and way; tokens may differ.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        (self.listen, &self.tls) == (other.listen, &other.tls)
    }
}

impl OutputConfig {
    /// How many days are kept besides the present one; `None` for all.
    pub(crate) fn keep_days(&self) -> Option<i64> {
        let millis = self.keep.unwrap_or(DEFAULT_KEEP).millis();
        (millis > 0).then_some(millis / DAY_MS)
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::config(format!("output.{message}")));
        if self.rotate == Rotation::Never {
            if self.keep.is_some() {
                return wrong(
                    "keep is set, but only files of days are removed: set rotate: daily".to_owned(),
                );
            }
            if self.archive != Archive::Csv {
                return wrong(
                    "archive is set, but only days are archived: set rotate: daily".to_owned(),
                );
            }
            return Ok(());
        }
        if self.verdicts.is_none() {
            return wrong("rotate is set, but there is no output.verdicts to rotate".to_owned());
        }
        if let Some(keep) = self.keep
            && !keep.duration().is_zero()
            && keep.millis() < DAY_MS
        {
            return wrong(format!("keep is {keep}, but must be 0 or at least 1d"));
        }
        if self.archive == Archive::Parquet && !cfg!(feature = "parquet") {
            return wrong(
                "archive is parquet, but this build is without the feature `parquet`".to_owned(),
            );
        }
        Ok(())
    }
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
/// who reaches it may read, unless there is a `read_token` or `tls.client_ca`; what changes
/// something needs the token.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The bearer token of requests that change something; without it, and without
    /// `tls.client_ca`, there are none.
    pub token: Option<SecretText>,
    /// The bearer token of requests that read; `token` is good for that, too. `/-/healthy` and
    /// `/-/ready` never need one.
    pub read_token: Option<SecretText>,
    /// Encryption; without it the server speaks plain HTTP.
    pub tls: Option<ServerTlsConfig>,
}

/// Encryption of the service's own server. The files are read again when they change.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTlsConfig {
    /// The server's certificate chain in PEM.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// Authorities in PEM, by one of which every client must be certified. Without a `token`, such
    /// a certificate is enough to change something.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

impl ServerConfig {
    pub(super) fn validate(&self) -> Result<(), Error> {
        let empty = |token: &Option<SecretText>| {
            token
                .as_ref()
                .is_some_and(|token| token.secret().expose().is_empty())
        };
        if empty(&self.token) {
            return Err(Error::config(
                "server.token is empty, but must be a secret; leave it out to take no orders",
            ));
        }
        if empty(&self.read_token) {
            return Err(Error::config(
                "server.read_token is empty, but must be a secret; leave it out to let everybody \
                 read",
            ));
        }
        if self.read_token.is_some() && self.read_token == self.token {
            return Err(Error::config(
                "server.read_token is the same as server.token: who may read could change \
                 something",
            ));
        }
        if let Some(tls) = &self.tls {
            Identity::load(tls)?;
        }
        Ok(())
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9469)),
            token: None,
            read_token: None,
            tls: None,
        }
    }
}

const DAY_MS: i64 = 86_400_000;
const DEFAULT_KEEP: Span = Span::from_secs(30 * 86_400);

fn default_timeout() -> Span {
    Span::from_secs(30)
}

fn default_queue() -> usize {
    1_000_000
}
