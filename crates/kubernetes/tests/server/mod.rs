//! A server that answers GET and server-side apply as the documentation of Kubernetes' API says:
//! fields belong to who applied them, conflicts are 409 with their causes, `dryRun=All` keeps nothing,
//! what is not applied any more goes, objects of unknown namespaces are 404.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What is stored of an object: itself, and the managers of its fields (JSON pointers of leaves).
#[derive(Clone, Default)]
struct Stored {
    object: Value,
    managers: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Stored>,
    writes: u64,
    forbidden: Option<String>,
    garbled: bool,
}

/// A running server; it stops when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stopped: Arc<AtomicBool>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

type Answer = (u16, Value);

impl Server {
    pub(crate) fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (shared, ends, token) = (Arc::clone(&state), Arc::clone(&stopped), token.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                let request = read(&stream);
                let mut state = shared.lock().unwrap();
                let garbled = state.garbled;
                let (status, body) = state.answer(&request, &token);
                let body = if garbled {
                    "<html>".to_owned()
                } else {
                    body.to_string()
                };
                write(stream, if garbled { 200 } else { status }, &body);
            }
        });
        Self {
            address,
            state,
            stopped,
        }
    }

    pub(crate) fn kubeconfig(&self, token: &str) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "me", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        })
        .to_string()
    }

    /// What is stored at `path`.
    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        let state = self.state.lock().unwrap();
        state.objects.get(path).map(|stored| stored.object.clone())
    }

    /// `manager` sets the fields of `change`, as an update by hand does.
    pub(crate) fn edit(&self, path: &str, manager: &str, change: &Value) {
        let mut state = self.state.lock().unwrap();
        let stored = state.objects.get_mut(path).unwrap();
        let fields = leaves(change);
        for owned in stored.managers.values_mut() {
            owned.retain(|field| !fields.contains_key(field));
        }
        merge(&mut stored.object, change);
        let own = stored.managers.entry(manager.to_owned()).or_default();
        own.extend(fields.into_keys());
    }

    /// Refuses everything about `plural` from now on.
    pub(crate) fn forbid(&self, plural: &str) {
        self.state.lock().unwrap().forbidden = Some(plural.to_owned());
    }

    /// Answers as no server of Kubernetes does from now on.
    pub(crate) fn garble(&self) {
        self.state.lock().unwrap().garbled = true;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (path, mut headers) = (path.to_owned(), BTreeMap::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request {
        method,
        path,
        query,
        headers,
        body,
    }
}

fn write(mut stream: TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

fn failure(code: u16, reason: &str, message: &str, details: &Value) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    });
    (code, status)
}

impl State {
    fn answer(&mut self, request: &Request, token: &str) -> Answer {
        let bearer = request.headers.get("authorization").map(String::as_str);
        if bearer != Some(&format!("Bearer {token}")) {
            return failure(401, "Unauthorized", "Unauthorized", &json!({}));
        }
        let parts: Vec<&str> = request.path.rsplitn(3, '/').collect();
        let (name, plural) = (parts[0], parts[1]);
        if self.forbidden.as_deref() == Some(plural) {
            let message =
                format!("{plural} {name:?} is forbidden: User \"me\" cannot patch resource");
            return failure(
                403,
                "Forbidden",
                &message,
                &json!({"name": name, "kind": plural}),
            );
        }
        let missing = |name: &str, plural: &str| {
            let message = format!("{plural} {name:?} not found");
            failure(
                404,
                "NotFound",
                &message,
                &json!({"name": name, "kind": plural}),
            )
        };
        match request.method.as_str() {
            "GET" => match self.objects.get(&request.path) {
                Some(stored) => (200, stored.object.clone()),
                None => missing(name, plural),
            },
            "PATCH" => {
                if let Some((_, rest)) = request.path.split_once("/namespaces/")
                    && let Some((namespace, _)) = rest.split_once('/')
                    && !self
                        .objects
                        .contains_key(&format!("/api/v1/namespaces/{namespace}"))
                {
                    return missing(namespace, "namespaces");
                }
                self.apply(request, name, plural)
            }
            _ => failure(405, "MethodNotAllowed", "not here", &json!({})),
        }
    }

    fn apply(&mut self, request: &Request, name: &str, plural: &str) -> Answer {
        let media = request.headers.get("content-type").map(String::as_str);
        if media != Some("application/apply-patch+yaml") {
            return failure(415, "UnsupportedMediaType", "not a patch", &json!({}));
        }
        let Some(manager) = request.query.get("fieldManager") else {
            return failure(
                400,
                "BadRequest",
                "fieldManager is required for apply patch",
                &json!({}),
            );
        };
        let applied: Value = serde_json::from_slice(&request.body).unwrap();
        if applied["metadata"]["name"] != name {
            return failure(
                400,
                "BadRequest",
                "the name of the object does not match",
                &json!({}),
            );
        }
        if applied["spec"]["schedule"]
            .as_str()
            .is_some_and(|text| text.starts_with("61 "))
        {
            let message = format!("{plural} {name:?} is invalid: spec.schedule: Invalid value");
            return failure(
                422,
                "Invalid",
                &message,
                &json!({"name": name, "kind": plural}),
            );
        }
        let is_new = !self.objects.contains_key(&request.path);
        let mut stored = self.objects.get(&request.path).cloned().unwrap_or_default();
        let fields = leaves(&applied);
        let force = request
            .query
            .get("force")
            .is_some_and(|value| value == "true");
        let mut causes = Vec::new();
        for (other, owned) in &mut stored.managers {
            for (field, value) in fields.iter().filter(|_| other != manager) {
                if owned.contains(field) && stored.object.pointer(field) != Some(value) {
                    if force {
                        owned.remove(field);
                    } else {
                        causes.push(json!({
                            "reason": "FieldManagerConflict", "field": field.replace('/', "."),
                            "message": format!("conflict with {other:?} using batch/v1"),
                        }));
                    }
                }
            }
        }
        if !causes.is_empty() {
            let message = format!("Apply failed with {} conflict", causes.len());
            return failure(409, "Conflict", &message, &json!({"causes": causes}));
        }
        // What this manager applied before and does not apply now goes, unless another has it too.
        let before = stored.managers.remove(manager).unwrap_or_default();
        for field in before.iter().filter(|field| !fields.contains_key(*field)) {
            if !stored.managers.values().any(|owned| owned.contains(field)) {
                remove(&mut stored.object, field);
            }
        }
        let earlier = stored.object.clone();
        merge(&mut stored.object, &applied);
        stored
            .managers
            .insert(manager.clone(), fields.into_keys().collect());
        if is_new || earlier != stored.object {
            self.writes += 1;
            let version = self.writes.to_string();
            let own = json!({"metadata": {"resourceVersion": version, "uid": "5f1e", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{"manager": manager}]}, "status": {"writes": self.writes}});
            merge(&mut stored.object, &own);
            if plural == "cronjobs" {
                // A default of the server.
                merge(&mut stored.object, &json!({"spec": {"suspend": false}}));
            }
        }
        let answer = stored.object.clone();
        if request
            .query
            .get("dryRun")
            .is_none_or(|value| value != "All")
        {
            self.objects.insert(request.path.clone(), stored);
        }
        (if is_new { 201 } else { 200 }, answer)
    }
}

/// The leaves of `value`, lists counting as one, but for what identifies an object.
fn leaves(value: &Value) -> BTreeMap<String, Value> {
    fn walk(value: &Value, at: &str, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    walk(field, &format!("{at}/{name}"), into);
                }
            }
            other => {
                into.insert(at.to_owned(), other.clone());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(value, "", &mut all);
    for identity in [
        "/apiVersion",
        "/kind",
        "/metadata/name",
        "/metadata/namespace",
    ] {
        all.remove(identity);
    }
    all
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn remove(from: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    if let Some(fields) = from.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(&name);
    }
}
