//! What a server has: series, label names and values, metadata, targets.

use std::collections::BTreeMap;

use bongsu_core::{Labels, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Client;
use super::transport::Call;
use crate::{Error, ErrorKind};

/// What a metric is, as its exporter declares it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `summary`, `info`, `stateset` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it measures, in the exporter's words.
    #[serde(default)]
    pub help: String,
    /// The unit, most often empty.
    #[serde(default)]
    pub unit: String,
}

/// An address that the server scrapes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The labels that its series get.
    #[serde(default)]
    pub labels: Labels,
    /// The name of its job in the server's configuration.
    #[serde(default)]
    pub scrape_pool: String,
    /// `up`, `down` or `unknown`.
    #[serde(default)]
    pub health: String,
    /// Why the last scrape failed; empty when it did not.
    #[serde(default)]
    pub last_error: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    error: Option<String>,
}

impl Client {
    /// The label sets of the series that match any of `matchers` (selectors such as
    /// `up{job="node"}`, at least one) between `start` and `end`.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn series(
        &self,
        matchers: &[&str],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Labels>, Error> {
        let form = between(matchers, start, end);
        self.catalog(Call::post("api/v1/series", form)).await
    }

    /// The label names of the series that match any of `matchers` (all series when there is none)
    /// between `start` and `end`.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn labels(
        &self,
        matchers: &[&str],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let form = between(matchers, start, end);
        self.catalog(Call::post("api/v1/labels", form)).await
    }

    /// The values of label `name` in the series that match any of `matchers` (all series when
    /// there is none) between `start` and `end`.
    ///
    /// # Errors
    /// When `name` is not a label name (letters, digits and `_`), and as [`Client::query`].
    pub async fn label_values(
        &self,
        name: &str,
        matchers: &[&str],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            let domain = "a label name of letters, digits and `_`";
            return Err(Error::parameter("name", format!("`{name}`"), domain));
        }
        let form = between(matchers, start, end);
        let path = format!("api/v1/label/{name}/values");
        self.catalog(Call::get(path, form)).await
    }

    /// What the exporters say about `metric`, or about all metrics. Targets may disagree, so that
    /// a metric can have several entries.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn metadata(
        &self,
        metric: Option<&str>,
    ) -> Result<BTreeMap<String, Vec<Metadata>>, Error> {
        let form = metric.map(|metric| ("metric", metric.to_owned()));
        let call = Call::get("api/v1/metadata", form.into_iter().collect());
        self.catalog(call).await
    }

    /// The active targets.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn targets(&self) -> Result<Vec<Target>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Targets {
            active_targets: Vec<Target>,
        }
        let form = vec![("state", "active".to_owned())];
        let targets: Targets = self.catalog(Call::get("api/v1/targets", form)).await?;
        Ok(targets.active_targets)
    }

    /// Asks once, without retries, whether the server is ready for queries. Back ends without
    /// `/-/ready` count as ready when they state their version.
    ///
    /// # Errors
    /// When it is not, or cannot be reached.
    pub async fn ready(&self) -> Result<(), Error> {
        let ready = Call::get("-/ready", Vec::new());
        match self.0.attempt(&ready, false).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let version = Call::get("api/v1/status/buildinfo", Vec::new());
                self.0.attempt(&version, true).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    async fn catalog<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let name = self.0.name(&call);
        let failed = |message: String| Error::request(ErrorKind::Decode, &name, message);
        let body = self.0.json(call).await?;
        let envelope: Envelope<T> = serde_json::from_slice(&body)
            .map_err(|e| failed(format!("the answer cannot be read: {e}")))?;
        match envelope.data {
            Some(data) if envelope.status == "success" => Ok(data),
            _ => Err(failed(format!(
                "the answer has status `{}`: {}",
                envelope.status,
                envelope.error.unwrap_or_default()
            ))),
        }
    }
}

fn between(matchers: &[&str], start: Timestamp, end: Timestamp) -> Vec<(&'static str, String)> {
    let mut form = vec![("start", start.to_string()), ("end", end.to_string())];
    form.extend(
        matchers
            .iter()
            .map(|matcher| ("match[]", (*matcher).to_owned())),
    );
    form
}
