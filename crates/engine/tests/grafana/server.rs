//! A small server that answers as the documented HTTP API of Grafana.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "glsa_hunter2";

/// What it holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Dashboards with their folders, by uid.
    pub(crate) boards: BTreeMap<String, (Value, String)>,
    pub(crate) folders: Vec<(String, String)>,
    pub(crate) annotations: Vec<Value>,
    /// Statuses that the next requests get, whatever they ask.
    pub(crate) faults: Vec<u16>,
    /// Method and path of each request.
    pub(crate) asked: Vec<String>,
    /// Somebody saves the dashboard between reading and writing.
    pub(crate) meddler: bool,
    /// The uid of a dashboard that a plugin provides.
    pub(crate) of_plugin: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeGrafana {
    pub(crate) url: String,
    held: Arc<Mutex<Held>>,
}

impl FakeGrafana {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/grafana/", listener.local_addr().unwrap());
        let held = Arc::new(Mutex::new(Held::default()));
        let shared = Arc::clone(&held);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &mut shared.lock().unwrap());
            }
        });
        Self { url, held }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

fn answer(mut stream: TcpStream, held: &mut Held) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 65_536];
    let (head, body) = loop {
        let n = stream.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let line = line.to_ascii_lowercase();
                line.strip_prefix("content-length: ")?.parse::<usize>().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        }
        assert!(n > 0, "half a request");
    };
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    held.asked.push(format!("{method} {target}"));
    let known = head
        .lines()
        .any(|line| line.to_ascii_lowercase() == format!("authorization: bearer {TOKEN}"));
    let (status, value) = if !held.faults.is_empty() {
        (held.faults.remove(0), json!({"message": "a fault"}))
    } else if known {
        let path = target.strip_prefix("/grafana").unwrap();
        let body = serde_json::from_str(&body).unwrap_or(Value::Null);
        route(method, path, &body, held)
    } else {
        let echo = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with("authorization"));
        (
            401,
            json!({"message": format!("Invalid API key: {}", echo.unwrap_or_default())}),
        )
    };
    let text = value.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
}

fn route(method: &str, target: &str, body: &Value, held: &mut Held) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["api", "dashboards", "uid", uid]) => match held.boards.get(*uid) {
            None => (404, json!({"message": "Dashboard not found"})),
            Some((board, folder)) => {
                let answer = json!({"dashboard": board, "meta": {"folderUid": folder}});
                if held.meddler {
                    let version = &mut held.boards.get_mut(*uid).unwrap().0["version"];
                    *version = json!(version.as_i64().unwrap() + 1);
                }
                (200, answer)
            }
        },
        ("POST", ["api", "dashboards", "db"]) => save(body, held),
        ("GET", ["api", "folders"]) => {
            let all = held.folders.iter();
            (
                200,
                all.map(|(uid, title)| json!({"uid": uid, "title": title}))
                    .collect(),
            )
        }
        ("POST", ["api", "folders"]) => {
            let title = body["title"].as_str().unwrap().to_owned();
            let uid = format!("folder{}", held.folders.len());
            held.folders.push((uid.clone(), title.clone()));
            (200, json!({"uid": uid, "title": title}))
        }
        ("GET", ["api", "annotations"]) => {
            let tag = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("tags="))
                .unwrap();
            let has = |mark: &&Value| mark["tags"].as_array().unwrap().iter().any(|t| t == tag);
            (200, held.annotations.iter().filter(has).cloned().collect())
        }
        ("POST", ["api", "annotations"]) => {
            let mut mark = body.clone();
            mark["id"] = json!(held.annotations.len());
            held.annotations.push(mark);
            (200, json!({"message": "Annotation added", "id": 1}))
        }
        ("PATCH", ["api", "annotations", id]) => {
            let id: usize = id.parse().unwrap();
            for (key, value) in body.as_object().unwrap() {
                held.annotations[id][key] = value.clone();
            }
            (200, json!({"message": "Annotation patched"}))
        }
        _ => (404, json!({"message": "Not found"})),
    }
}

fn save(body: &Value, held: &mut Held) -> (u16, Value) {
    let mut board = body["dashboard"].clone();
    let uid = board["uid"].as_str().unwrap().to_owned();
    let folder = body["folderUid"].as_str().unwrap_or_default().to_owned();
    let refused =
        |status: &str, message: &str| (412, json!({"status": status, "message": message}));
    if held.of_plugin.as_ref() == Some(&uid) {
        return refused("plugin-dashboard", "The dashboard belongs to plugin x.");
    }
    let force = body["overwrite"] == true;
    let namesake = |(other, (stored, at)): (&String, &(Value, String))| {
        *other != uid && stored["title"] == board["title"] && *at == folder
    };
    if !force && held.boards.iter().any(namesake) {
        return refused(
            "name-exists",
            "A dashboard with the same name already exists",
        );
    }
    let version = held
        .boards
        .get(&uid)
        .map(|(stored, _)| stored["version"].as_i64().unwrap());
    if let Some(version) = version
        && !force
        && board["version"] != version
    {
        return refused(
            "version-mismatch",
            "The dashboard has been changed by someone else",
        );
    }
    let next = version.unwrap_or(0) + 1;
    board["version"] = json!(next);
    board["id"] = json!(17);
    held.boards.insert(uid.clone(), (board, folder));
    (
        200,
        json!({"uid": uid, "status": "success", "version": next}),
    )
}
