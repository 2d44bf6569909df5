//! Where the data come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuthConfig, SecretText, Span, TargetConfig, TlsConfig};

/// Where the data come from.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceConfig {
    /// A server that speaks the Prometheus query API (Prometheus, VictoriaMetrics, Thanos, Mimir).
    Prometheus {
        /// The address, with a path prefix if there is one: `http://prometheus:9090`. A user name
        /// and password belong into `auth`.
        url: String,
        /// How to authenticate.
        #[serde(default)]
        auth: Box<AuthConfig>,
        /// Encryption.
        #[serde(default)]
        tls: TlsConfig,
        /// The longest that one request may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
        /// How often a failed request is tried again when that can help.
        #[serde(default = "default_retries")]
        retries: u32,
        /// Additional request headers, for example `X-Scope-OrgID`; their values may be secret.
        #[serde(default)]
        headers: BTreeMap<String, SecretText>,
        /// Additional query parameters, for example `dedup`; their values may be secret.
        #[serde(default)]
        params: BTreeMap<String, SecretText>,
        /// Requests under way at once.
        #[serde(default = "default_concurrency")]
        max_concurrency: usize,
        /// The largest answer in bytes, unpacked; for a larger one shorter ranges are asked for.
        #[serde(default = "default_response_bytes")]
        max_response_bytes: u64,
    },
    /// Exporters, read directly, without a Prometheus server. Queries are plain selectors, and
    /// `rate(selector[5m])` or `increase(selector[5m])` of counters; `up` tells of the targets. The
    /// past begins with the start of the service, and is kept in memory.
    Scrape {
        /// What is read; at least one.
        targets: Vec<TargetConfig>,
        /// The time from one scrape of a target to the next.
        #[serde(default = "default_scrape_interval")]
        interval: Span,
        /// The longest that one scrape may take; at most the interval.
        #[serde(default = "default_scrape_timeout")]
        timeout: Span,
        /// How long samples are kept, beside what the queries look back. Only series that a query
        /// asks for are; a sample takes 16 bytes.
        #[serde(default = "default_keep")]
        keep: Span,
        /// The most series that are kept; new ones beyond are refused.
        #[serde(default = "default_scraped_series")]
        max_series: usize,
    },
    /// A CSV file `timestamp,<channel>,...`; each channel is a series, and a query is the name of a
    /// channel or `*` for all.
    Csv {
        /// The file; `.gz` and `.zst` are read as they are.
        path: PathBuf,
    },
    /// A recording served by the embedded replay server; queries are plain selectors.
    Replay {
        /// The recording in VictoriaMetrics' JSON line format, plain or `.gz`.
        path: PathBuf,
        /// How many seconds of the recording pass in one second; above 0.
        #[serde(default = "default_speed")]
        speed: f64,
    },
    /// What the program has that embeds the engine; only for such programs. Queries are in its words.
    Given {
        /// The longest that one answer may take. One that has not come by then is a failure of the
        /// query, which is tried again.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
}

impl SourceConfig {
    /// A server that speaks the Prometheus query API, without credentials and with the default settings.
    #[must_use]
    pub fn prometheus(url: String) -> Self {
        Self::Prometheus {
            url,
            auth: Box::default(),
            tls: TlsConfig::default(),
            timeout: default_timeout(),
            retries: default_retries(),
            headers: BTreeMap::new(),
            params: BTreeMap::new(),
            max_concurrency: default_concurrency(),
            max_response_bytes: default_response_bytes(),
        }
    }

    /// Whether a running service can go over from this source to `other`: from server to server, or
    /// from targets to targets. Files and recordings stay as they are.
    pub(crate) fn may_become(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Prometheus { .. }, Self::Prometheus { .. })
            | (Self::Scrape { .. }, Self::Scrape { .. })
            | (Self::Given { .. }, Self::Given { .. }) => true,
            _ => self == other,
        }
    }
}

fn default_timeout() -> Span {
    Span::from_secs(30)
}

fn default_retries() -> u32 {
    3
}

fn default_concurrency() -> usize {
    8
}

fn default_response_bytes() -> u64 {
    256 << 20
}

fn default_scrape_interval() -> Span {
    Span::from_secs(15)
}

fn default_scrape_timeout() -> Span {
    Span::from_secs(10)
}

fn default_keep() -> Span {
    Span::from_secs(3 * 3_600)
}

fn default_scraped_series() -> usize {
    100_000
}

fn default_speed() -> f64 {
    1.0
}
