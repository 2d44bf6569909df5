//! Incidents as annotations.

use std::fmt;

use bongsu_core::Secret;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Grafana;
use super::http::Server;
use crate::Error;

/// The most characters of a text that is sent.
const MAX_TEXT: usize = 2_000;

/// A running service of Bongsu.
#[derive(Debug)]
pub struct Service {
    server: Server,
}

/// An incident, as the service tells it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Incident {
    /// Its identity.
    pub id: String,
    /// The first anomalous point, in milliseconds since 1970.
    pub onset: i64,
    /// When it was over; `None` while it lasts.
    #[serde(default)]
    pub closed_at: Option<i64>,
    /// How many alerts it has had.
    #[serde(default)]
    pub alerts: usize,
    /// What its alerts are about.
    #[serde(default)]
    pub services: Vec<String>,
    /// What it probably began with.
    #[serde(default)]
    pub cause: Option<Cause>,
}

/// What an incident probably began with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Cause {
    /// The service.
    pub service: String,
    /// In percent.
    pub likelihood: f64,
    /// Why.
    #[serde(default)]
    pub evidence: String,
}

/// What became of the mark of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkChange {
    /// It was not there.
    New,
    /// It was renewed.
    Renewed,
    /// It was there as it should be.
    Same,
}

/// An incident and its mark.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// The incident.
    pub id: String,
    /// What was done, or would be.
    pub change: MarkChange,
    /// Its text.
    pub text: String,
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            MarkChange::New => "marked",
            MarkChange::Renewed => "renewed",
            MarkChange::Same => "unchanged",
        };
        write!(f, "{}: {change}: {}", self.id, self.text)
    }
}

impl Service {
    /// The service at `url`, asked with `token` where it needs one.
    ///
    /// # Errors
    /// When `url` is no such address, or the token cannot be sent.
    pub fn new(url: &str, token: Option<Secret>) -> Result<Self, Error> {
        let server = Server::new("the service", url, token)?;
        Ok(Self { server })
    }

    /// Its incidents.
    ///
    /// # Errors
    /// When it cannot be reached, or answers something else.
    pub async fn incidents(&self) -> Result<Vec<Incident>, Error> {
        let what = "reading the incidents";
        let answer = self.server.get(&["api", "v1", "incidents"], &[]).await?;
        let mut body = self.server.accept(what, answer)?;
        let list = body
            .get_mut("incidents")
            .map(Value::take)
            .unwrap_or_default();
        serde_json::from_value(list).map_err(|e| Error::source(format!("{what}: {e}")))
    }

    /// Says that `by` has taken up the alert with this fingerprint, with a note of one line; both
    /// may be left out.
    ///
    /// # Errors
    /// When it cannot be reached, the token is not the one that may change something, or no such
    /// alert fires.
    pub async fn acknowledge(
        &self,
        fingerprint: u64,
        by: Option<&str>,
        note: Option<&str>,
    ) -> Result<(), Error> {
        let alert = format!("{fingerprint:016x}");
        let path = ["api", "v1", "alerts", &alert, "acknowledge"];
        let body = json!({"by": by, "note": note});
        let answer = self.server.send(&Method::POST, &path, &body).await?;
        self.server.accept("acknowledging", answer).map(|_| ())
    }
}

impl Service {
    /// Says that nobody looks after the alert with this fingerprint any more.
    ///
    /// # Errors
    /// When it cannot be reached, the token is not the one that may change something, or no such
    /// alert is acknowledged.
    pub async fn unacknowledge(&self, fingerprint: u64) -> Result<(), Error> {
        let alert = format!("{fingerprint:016x}");
        let path = ["api", "v1", "alerts", &alert, "acknowledge"];
        let answer = self.server.send(&Method::DELETE, &path, &Value::Null);
        let what = "giving the alert back";
        self.server.accept(what, answer.await?).map(|_| ())
    }

    /// Puts an earlier version of the trained detectors of `query` to work again; gives the number of
    /// series whose detectors were exchanged.
    ///
    /// # Errors
    /// When it cannot be reached, the token is not the one that may change something, or there is no
    /// such query or version.
    pub async fn roll_back(&self, query: &str, version: u64) -> Result<u64, Error> {
        let (path, what) = (["api", "v1", "models", "rollback"], "rolling back");
        let body = json!({"query": query, "version": version});
        let answer = self.server.send(&Method::POST, &path, &body).await?;
        let answer = self.server.accept(what, answer)?;
        let series = answer.get("series").and_then(Value::as_u64);
        series.ok_or_else(|| Error::source(format!("{what}: the answer names no series")))
    }

    /// Asks for a training of `query`, or of every query that is trained; gives their names.
    ///
    /// # Errors
    /// When it cannot be reached, the token is not the one that may change something, or there is no
    /// such query.
    pub async fn train(&self, query: Option<&str>) -> Result<Vec<String>, Error> {
        let (path, what) = (["api", "v1", "train"], "asking for a training");
        let body = query.map_or_else(|| json!({}), |query| json!({"query": query}));
        let answer = self.server.send(&Method::POST, &path, &body).await?;
        let mut answer = self.server.accept(what, answer)?;
        let queries = answer.get_mut("queries").map(Value::take);
        serde_json::from_value(queries.unwrap_or_default())
            .map_err(|e| Error::source(format!("{what}: {e}")))
    }
}

impl Incident {
    /// One line of plain text. Grafana shows annotations as HTML, after cleaning it: what could be
    /// markup is left out all the same.
    fn text(&self) -> String {
        let alerts = if self.alerts == 1 { "alert" } else { "alerts" };
        let mut text = format!("Incident of {} {alerts}", self.alerts);
        if !self.services.is_empty() {
            text.push_str(&format!(" on {}", self.services.join(", ")));
        }
        match &self.cause {
            Some(cause) => text.push_str(&format!(
                ". Probable cause: {} ({:.0} %). {}",
                cause.service, cause.likelihood, cause.evidence
            )),
            None => text.push_str(". No cause is proven."),
        }
        text.chars()
            .filter(|c| !matches!(c, '<' | '>') && !c.is_control())
            .take(MAX_TEXT)
            .collect()
    }

    /// What identifies its mark.
    fn tag(&self) -> String {
        format!("bongsu-incident-{}", self.id)
    }
}

impl Grafana {
    /// Marks each of `incidents` once, and renews the mark of one that went on or was explained.
    ///
    /// # Errors
    /// When Grafana cannot be reached or refuses.
    pub async fn annotate(
        &self,
        incidents: &[Incident],
        dry_run: bool,
    ) -> Result<Vec<Marked>, Error> {
        let mut marked = Vec::new();
        for incident in incidents {
            let (tag, text) = (incident.tag(), incident.text());
            let end = incident.closed_at.unwrap_or(incident.onset);
            let answer = self
                .server
                .get(&["api", "annotations"], &[("tags", &tag), ("limit", "1")])
                .await?;
            let known = self.server.accept("reading annotations", answer)?;
            let known = known.as_array().and_then(|all| all.first());
            let order = json!({
                "time": incident.onset,
                "timeEnd": end,
                "tags": ["bongsu", "incident", tag],
                "text": text,
            });
            let is = |key: &str| known.and_then(|known| known.get(key)) == order.get(key);
            let change = match known {
                None => MarkChange::New,
                Some(_) if is("text") && is("timeEnd") => MarkChange::Same,
                Some(_) => MarkChange::Renewed,
            };
            if !dry_run && change != MarkChange::Same {
                let id = known
                    .and_then(|known| known.get("id"))
                    .map(Value::to_string);
                let answer = match &id {
                    None => {
                        self.server
                            .send(&Method::POST, &["api", "annotations"], &order)
                            .await?
                    }
                    Some(id) => {
                        let path = ["api", "annotations", id.as_str()];
                        self.server.send(&Method::PATCH, &path, &order).await?
                    }
                };
                self.server.accept("marking an incident", answer)?;
            }
            let id = incident.id.clone();
            marked.push(Marked { id, change, text });
        }
        Ok(marked)
    }
}
