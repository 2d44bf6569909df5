//! Dashboards brought to Grafana.

use std::fmt;

use bongsu_report::GrafanaDashboard;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Grafana;
use super::http::Answer;
use crate::Error;

/// The most differences that are told of one dashboard.
const MAX_DIFFERENCES: usize = 40;
/// So much of a value is told, in characters.
const MAX_SHOWN: usize = 80;
/// What Grafana adds to a dashboard by itself.
const OF_GRAFANA: [&str; 3] = ["id", "version", "uid"];

/// How dashboards are pushed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushOptions {
    /// The title of the folder, which is made when it is not there; without it dashboards stay where
    /// they are, and new ones go to the top (default).
    pub folder: Option<String>,
    /// Only find out what would change (default false).
    pub dry_run: bool,
    /// Replace a dashboard also when somebody saved it meanwhile, or when another one has its title
    /// (default false).
    pub overwrite: bool,
}

/// What became of a dashboard. Its `Display` is one line, and with [`Change::Differs`] one more for
/// each difference.
#[derive(Debug)]
pub struct Pushed {
    /// Its identity.
    pub uid: String,
    /// Its title.
    pub title: String,
    /// What was done, or why it could not be.
    pub result: Result<Change, Error>,
    /// Whether nothing was sent.
    pub dry_run: bool,
}

/// What a push changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It was not there.
    New,
    /// It is there as it should be.
    Same,
    /// It is there and differs.
    Differs {
        /// Where, what is there, and what comes in its place; the first ones.
        differences: Vec<String>,
    },
    /// Only its folder is another one.
    Moves,
}

impl fmt::Display for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        match &self.result {
            Ok(Change::New) => write!(f, "{}: {would}created", self.uid),
            Ok(Change::Same) => write!(f, "{}: unchanged", self.uid),
            Ok(Change::Moves) => write!(f, "{}: {would}moved", self.uid),
            Ok(Change::Differs { differences }) => {
                write!(f, "{}: {would}updated", self.uid)?;
                differences
                    .iter()
                    .try_for_each(|line| write!(f, "\n  {line}"))
            }
            Err(error) => write!(f, "{}: {error}", self.uid),
        }
    }
}

/// A dashboard as Grafana has it.
struct Stored {
    dashboard: Value,
    folder: String,
}

impl Grafana {
    /// Brings `all` dashboards to Grafana: reads what is there, and writes what differs, in the
    /// version that was read, so that what somebody saves meanwhile is not lost.
    ///
    /// # Errors
    /// When the folder cannot be had; what happens to single dashboards is in the answer.
    pub async fn push(
        &self,
        all: &[GrafanaDashboard],
        options: &PushOptions,
    ) -> Result<Vec<Pushed>, Error> {
        let folder = match &options.folder {
            Some(title) => Some(self.folder(title, options.dry_run).await?),
            None => None,
        };
        let mut outcome = Vec::new();
        for board in all {
            let result = self.push_one(board, folder.as_deref(), options).await;
            outcome.push(Pushed {
                uid: board.uid.clone(),
                title: board.title.clone(),
                result,
                dry_run: options.dry_run,
            });
        }
        Ok(outcome)
    }

    async fn push_one(
        &self,
        board: &GrafanaDashboard,
        folder: Option<&str>,
        options: &PushOptions,
    ) -> Result<Change, Error> {
        let stored = self.stored(&board.uid).await?;
        let change = match &stored {
            None => Change::New,
            Some(stored) => {
                let mut differences = Vec::new();
                compare("", &stored.dashboard, &board.json, &mut differences);
                match folder {
                    _ if !differences.is_empty() => Change::Differs { differences },
                    Some(folder) if folder != stored.folder => Change::Moves,
                    _ => Change::Same,
                }
            }
        };
        if options.dry_run || change == Change::Same {
            return Ok(change);
        }
        let mut dashboard = board.json.clone();
        let version = stored
            .as_ref()
            .and_then(|stored| stored.dashboard.get("version"));
        if let (Some(version), Some(keys)) = (version, dashboard.as_object_mut()) {
            keys.insert("version".to_owned(), version.clone());
        }
        let mut order = json!({
            "dashboard": dashboard,
            "message": concat!("Rendered by Bongsu ", env!("CARGO_PKG_VERSION")),
            "overwrite": options.overwrite,
        });
        // Without a folder, an update would move the dashboard to the top.
        let stays = stored.as_ref().map(|stored| stored.folder.as_str());
        if let (Some(folder), Some(keys)) = (folder.or(stays), order.as_object_mut())
            && !folder.is_empty()
        {
            keys.insert("folderUid".to_owned(), folder.into());
        }
        let answer = self
            .server
            .send(&Method::POST, &["api", "dashboards", "db"], &order)
            .await?;
        match answer.status {
            StatusCode::PRECONDITION_FAILED => Err(conflict(&answer)),
            _ => self.server.accept("saving it", answer).map(|_| change),
        }
    }

    /// The dashboard `uid`, where there is one.
    async fn stored(&self, uid: &str) -> Result<Option<Stored>, Error> {
        let answer = self
            .server
            .get(&["api", "dashboards", "uid", uid], &[])
            .await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut body = self.server.accept("reading it", answer)?;
        let folder = body.pointer("/meta/folderUid").and_then(Value::as_str);
        let folder = folder.unwrap_or_default().to_owned();
        let dashboard = body
            .get_mut("dashboard")
            .map(Value::take)
            .ok_or_else(|| Error::source("reading it: Grafana answered without the dashboard"))?;
        Ok(Some(Stored { dashboard, folder }))
    }

    /// The identity of the folder `title`, which is made when it is not there and this is no trial.
    async fn folder(&self, title: &str, dry_run: bool) -> Result<String, Error> {
        if title.trim().is_empty() {
            return Err(Error::config("the title of the folder is empty"));
        }
        let what = "reading the folders";
        let limit = [("limit", "1000")];
        let folders = |body: &Value| {
            let all = body.as_array().into_iter().flatten();
            let mut all =
                all.filter(|folder| folder.get("title").and_then(Value::as_str) == Some(title));
            all.find_map(|folder| Some(folder.get("uid")?.as_str()?.to_owned()))
        };
        let answer = self.server.get(&["api", "folders"], &limit).await?;
        if let Some(uid) = folders(&self.server.accept(what, answer)?) {
            return Ok(uid);
        }
        if dry_run {
            return Ok(String::new());
        }
        let order = json!({"title": title});
        let answer = self
            .server
            .send(&Method::POST, &["api", "folders"], &order)
            .await?;
        if matches!(answer.status.as_u16(), 409 | 412) {
            // Somebody was faster.
            let again = self.server.get(&["api", "folders"], &limit).await?;
            if let Some(uid) = folders(&self.server.accept(what, again)?) {
                return Ok(uid);
            }
        }
        let made = self.server.accept("making the folder", answer)?;
        let uid = made.get("uid").and_then(Value::as_str);
        uid.map(str::to_owned)
            .ok_or_else(|| Error::source("making the folder: Grafana answered without its uid"))
    }
}

/// What a refused precondition means.
fn conflict(answer: &Answer) -> Error {
    let status = answer.body.get("status").and_then(Value::as_str);
    let advice = match status {
        Some("version-mismatch") => {
            "somebody saved it meanwhile; look at it and push again, or give --overwrite"
        }
        Some("name-exists") => {
            "another dashboard has its title in this folder; rename that, or give --overwrite"
        }
        Some("plugin-dashboard") => "a plugin provides it, so that it cannot be replaced",
        _ => "Grafana has it otherwise",
    };
    Error::source(format!("saving it: {advice} (412: {})", answer.message()))
}

/// Adds where `wanted` is not found in `stored`. What Grafana adds by itself is no difference.
fn compare(path: &str, stored: &Value, wanted: &Value, found: &mut Vec<String>) {
    match (stored, wanted) {
        _ if found.len() >= MAX_DIFFERENCES => {}
        (Value::Object(stored), Value::Object(wanted)) => {
            for (key, value) in wanted {
                let of_grafana = path.is_empty() && OF_GRAFANA.contains(&key.as_str());
                if !of_grafana {
                    let there = stored.get(key).unwrap_or(&Value::Null);
                    compare(&format!("{path}/{key}"), there, value, found);
                }
            }
        }
        (Value::Array(stored), Value::Array(wanted)) if stored.len() == wanted.len() => {
            for (i, (stored, wanted)) in stored.iter().zip(wanted).enumerate() {
                compare(&format!("{path}/{i}"), stored, wanted, found);
            }
        }
        (Value::Array(stored), Value::Array(wanted)) => {
            found.push(format!(
                "{path}: {} entries -> {}",
                stored.len(),
                wanted.len()
            ));
        }
        (stored, wanted) if same(stored, wanted) => {}
        (stored, wanted) => found.push(format!("{path}: {} -> {}", brief(stored), brief(wanted))),
    }
}

/// Whether two scalars are the same; 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a.total_cmp(&b).is_eq())
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
