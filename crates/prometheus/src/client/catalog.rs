//! What a server has: series, label names and values, metadata, targets.

use std::collections::BTreeMap;

use bongsu_core::{Labels, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::transport::Call;
use super::{Client, anywhere, status};
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
    /// Any value, as other fields of unknown servers: only `true` and `"true"` mean something.
    #[serde(default, rename = "isPartial")]
    partial: Value,
    #[serde(default)]
    warnings: Value,
}

/// Why an answer with a list is not one.
type Refusal = (ErrorKind, String);

impl<T> Envelope<T> {
    /// The data of a success; all of them, when `whole`.
    fn open(self, whole: bool) -> Result<T, Refusal> {
        let partial = self.partial == true || self.partial == "true";
        match self.data {
            _ if self.status != "success" => {
                let message = status::unsuccessful(&self.status, self.error.as_deref());
                Err((ErrorKind::Decode, message))
            }
            None => Err((ErrorKind::Decode, "the answer has no result".to_owned())),
            Some(_) if whole && partial => {
                let warnings = self.warnings.as_array().map_or(&[][..], Vec::as_slice);
                let warnings: Vec<_> = warnings.iter().filter_map(Value::as_str).collect();
                let message = match status::cleaned(&warnings.join("; ")).as_str() {
                    "" => "the answer is partial".to_owned(),
                    warnings => format!("the answer is partial: {warnings}"),
                };
                Err((ErrorKind::Unavailable, message))
            }
            Some(data) => Ok(data),
        }
    }
}

impl Client {
    /// The label sets of the series that match any of `matchers` (selectors such as
    /// `up{job="node"}`, at least one) between `start` and `end`.
    ///
    /// # Errors
    /// As [`Client::query`]; also [`ErrorKind::Unavailable`], with the server's warnings, when it
    /// says that the answer is partial: what a list lacks cannot be told from what is not there.
    pub async fn series(
        &self,
        matchers: &[&str],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Labels>, Error> {
        let form = between(matchers, start, end);
        self.catalog(Call::post("api/v1/series", form), true).await
    }

    /// The label names of the series that match any of `matchers` (all series when there is none)
    /// between `start` and `end`.
    ///
    /// # Errors
    /// As [`Client::series`].
    pub async fn labels(
        &self,
        matchers: &[&str],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let form = between(matchers, start, end);
        self.catalog(Call::post("api/v1/labels", form), true).await
    }

    /// The values of label `name` in the series that match any of `matchers` (all series when
    /// there is none) between `start` and `end`.
    ///
    /// # Errors
    /// When `name` is not a label name (letters, digits and `_`), and as [`Client::series`].
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
        self.catalog(Call::get(path, form), true).await
    }

    /// What the exporters say about `metric`, or about all metrics. Targets may disagree, so that
    /// a metric can have several entries. Of a partial answer, what there is.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn metadata(
        &self,
        metric: Option<&str>,
    ) -> Result<BTreeMap<String, Vec<Metadata>>, Error> {
        let form = metric.map(|metric| ("metric", metric.to_owned()));
        let call = Call::get("api/v1/metadata", form.into_iter().collect());
        self.catalog(call, false).await
    }

    /// The active targets. Of a partial answer, what there is.
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
        let targets: Targets = self
            .catalog(Call::get("api/v1/targets", form), false)
            .await?;
        Ok(targets.active_targets)
    }

    /// Asks once, without retries, whether the server is ready for queries. Back ends without
    /// `/-/ready` count as ready when they state their version.
    ///
    /// # Errors
    /// When it is not, or cannot be reached.
    pub async fn ready(&self) -> Result<(), Error> {
        let ready = Call::get("-/ready", Vec::new());
        match self.0.attempt(&ready).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let version = Call::get("api/v1/status/buildinfo", Vec::new());
                let reply = self.0.attempt(&version).await?;
                status::require_json(&self.0.name(&version), &reply, &self.0.hidden)
            }
            other => other.map(drop),
        }
    }

    /// The data that `call` gives; an error when they have to be `whole` and are not.
    async fn catalog<T>(&self, call: Call, whole: bool) -> Result<T, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let name = self.0.name(&call);
        let body = self.0.json(call).await?;
        let read = |body: &[u8]| {
            serde_json::from_slice::<Envelope<T>>(body)
                .map_err(|e| format!("the answer cannot be read: {e}"))
        };
        anywhere(body, read)
            .await
            .flatten()
            .map_err(|message| (ErrorKind::Decode, message))
            .and_then(|envelope| envelope.open(whole))
            .map_err(|(kind, message)| self.0.hidden.error(Error::request(kind, &name, message)))
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
