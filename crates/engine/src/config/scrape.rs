use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuthConfig, SecretText, TlsConfig};

/// Exporters that are read alike.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// What they are, as the label `job`.
    pub job: String,
    /// Their whole addresses: `http://host:9100/metrics`. Host and port become the label `instance`.
    pub urls: Vec<String>,
    /// Labels added to every series. A label that an exporter sets as well is kept as
    /// `exported_<name>`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How to authenticate.
    #[serde(default)]
    pub auth: AuthConfig,
    /// Encryption.
    #[serde(default)]
    pub tls: TlsConfig,
    /// Additional request headers; their values may be secret.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretText>,
    /// Parameters of the address, for example `module`; their values may be secret.
    #[serde(default)]
    pub params: BTreeMap<String, SecretText>,
}
