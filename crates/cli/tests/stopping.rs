//! `bongsu run` when it is asked to end, whatever it is doing.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod service;
#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use service::{
    assert_each_once, assert_state_tells_of, end_of, form, judged, run, signal, source,
    source_of_load, terminate, value,
};
use support::{free_port, get, wait_for};

/// A server that takes requests and never answers, and how many it has taken.
fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            form(&mut stream);
            open.push(stream);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, taken)
}

/// Stops the process while `there` holds, and says whether that came about within a second: it is
/// looked at again and again, and what was stopped too late goes on.
fn stopped_while(child: &Child, there: impl Fn() -> bool) -> bool {
    let is_stopped = || {
        let about = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        about.rsplit(") ").next().unwrap().starts_with('T')
    };
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        if there() {
            signal(child, "-STOP");
            while !is_stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if there() {
                return true;
            }
            signal(child, "-CONT");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    false
}

/// A service that runs, and where it keeps what it knows.
struct Service {
    child: Child,
    folder: PathBuf,
}

impl Service {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap()
    }
}

/// Starts a service, ends it once `reached` holds, and starts it again with a source that is well:
/// it has lost nothing and goes on where it was.
fn ended_when(name: &str, first: &str, second: &str, reached: impl Fn(&Service) -> bool) {
    ended_when_and(name, first, second, reached, || {});
}

/// As [`ended_when`]; `then` looks at the service that was started again.
fn ended_when_and(
    name: &str,
    first: &str,
    second: &str,
    reached: impl Fn(&Service) -> bool,
    then: impl Fn(),
) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let keep = format!("\nstate: {{directory: '{}'}}", at("state").display());
    let start = |config: &str| {
        let text = format!("{config}{keep}");
        let text = text.replace("VERDICTS", at("verdicts.csv").to_str().unwrap());
        fs::write(at("bongsu.yaml"), text).unwrap();
        Service {
            child: run(&at("bongsu.yaml"), &at("log"), None),
            folder: folder.path().to_owned(),
        }
    };
    let mut service = start(first);
    wait_for(name, || reached(&service).then_some(()));
    terminate(&mut service.child);
    // It may have been stopped to be ended at this moment.
    signal(&service.child, "-CONT");
    let status = end_of(&mut service.child);
    assert_eq!(status, Some(0), "{name}: {}", service.log());
    assert_state_tells_of(folder.path());
    let before = fs::read_to_string(at("verdicts.csv")).unwrap();
    let count = judged(&at("verdicts.csv")).len();
    let mut service = start(second);
    wait_for(name, || {
        (judged(&at("verdicts.csv")).len() > count + 2).then_some(())
    });
    then();
    terminate(&mut service.child);
    assert_eq!(end_of(&mut service.child), Some(0), "{name}");
    let after = fs::read_to_string(at("verdicts.csv")).unwrap();
    assert!(after.starts_with(&before), "{name}: verdicts were lost");
    assert_each_once(&judged(&at("verdicts.csv")));
    assert_state_tells_of(folder.path());
    let log = service.log();
    let lost = ["damaged", "set aside", "not the file of verdicts"];
    assert!(lost.iter().all(|what| !log.contains(what)), "{name}: {log}");
}

fn config(source: &str, query: &str, rest: &str) -> String {
    format!(
        "source: {{type: prometheus, url: '{source}', timeout: 60s}}
queries: [{{name: load, expr: load, step: 1s, offset: 1s, {query}}}]
output: {{verdicts: 'VERDICTS'}}\n{rest}"
    )
}

#[test]
fn it_can_be_ended_while_it_asks_for_data() {
    let (hangs, taken) = silent();
    let well = config(&source(1, |_| false), "window: 30s", "");
    ended_when("asking", &config(&hangs, "window: 30s", ""), &well, |_| {
        taken.load(Ordering::SeqCst) > 0
    });
}

#[test]
fn it_can_be_ended_while_it_judges_and_trains() {
    let (many, some) = (source(200, |_| false), source(20, |_| false));
    // Much history for a slow detector, and a training that takes long.
    let query =
        "window: 30m, detector: isolation-forest, parameters: {history: 1000, min_points: 100}";
    let port = free_port();
    let server = format!("server: {{listen: '127.0.0.1:{port}'}}\n");
    let judging = config(&many, query, &server);
    let before = Cell::new(false);
    ended_when("judging", &judging, &judging, |_| {
        // Data were fetched that are not judged yet: not for a moment only.
        let page = get(port, "/metrics").unwrap_or_default();
        let done = |stage: &str| {
            let count = "bongsu_stage_duration_seconds_count";
            let name = format!("{count}{{query=\"load\",stage=\"{stage}\"}}");
            value(&page, &name).unwrap_or(0.0)
        };
        let judges = done("judge") < done("fetch");
        before.replace(judges) && judges
    });
    let query = "window: 60s, detector: autoencoder, parameters: {epochs: 1000, patience: 1000}, \
                 training: {window: 2h, min_points: 100}";
    let training = config(&some, query, "");
    ended_when("training", &training, &training, |service| {
        service.log().contains("training begins")
    });
}

#[test]
fn it_can_be_ended_while_it_delivers_and_writes_back() {
    let (hangs, taken) = silent();
    let wild = source(1, |t| t % 20 < 3);
    let rest = format!("sinks: [{{type: webhook, url: '{hangs}'}}]\n");
    // What comes again and again stays anomalous to `ewma` alone.
    let query = "window: 60s, detector: ewma";
    let delivering = config(&wild, query, &rest);
    ended_when("delivering", &delivering, &delivering, |_| {
        taken.load(Ordering::SeqCst) > 0
    });
    let (hangs, taken) = silent();
    let write = format!("output: {{remote_write: {{url: '{hangs}'}}, ");
    let writing = config(&wild, query, "").replace("output: {", &write);
    ended_when("writing back", &writing, &writing, |_| {
        taken.load(Ordering::SeqCst) > 0
    });
}

#[test]
fn it_can_be_ended_while_it_saves_its_state() {
    let many = source(400, |_| false);
    let query = "window: 300s, detector: robust-z, parameters: {window: 300}";
    let saving = config(&many, query, "");
    // A file that is begun, and not yet in the place of the one before.
    let begun = |folder: &Path| {
        let names = fs::read_dir(folder.join("state")).into_iter().flatten();
        let mut names = names.flatten().map(|entry| entry.file_name());
        names.any(|name| {
            let name = name.to_string_lossy();
            name.starts_with("state.bngs.") && name.ends_with(".tmp")
        })
    };
    ended_when("saving", &saving, &saving, |service| {
        // Not the first save, of a state that knows nothing.
        let knows = fs::metadata(service.at("state/state.bngs")).is_ok_and(|d| d.len() > 100_000);
        knows && stopped_while(&service.child, || begun(&service.folder))
    });
}

#[test]
fn it_can_be_ended_while_it_writes_the_journal() {
    let many = source(400, |_| false);
    let query = "window: 300s, detector: robust-z, parameters: {window: 300}";
    let writing = config(&many, query, "");
    let length = |path: PathBuf| fs::metadata(path).map_or(0, |data| data.len());
    let changed = |path: PathBuf| fs::metadata(path).and_then(|data| data.modified()).unwrap();
    ended_when("writing the journal", &writing, &writing, |service| {
        let known = length(service.at("verdicts.csv"));
        // Rows that no saved state knows of yet.
        let ahead = || {
            length(service.at("verdicts.csv")) > known
                && changed(service.at("verdicts.csv")) > changed(service.at("state/state.bngs"))
        };
        known > 100_000 && stopped_while(&service.child, ahead)
    });
}

#[test]
fn it_can_be_ended_while_it_looks_for_a_cause() {
    let hanging = Arc::new(AtomicUsize::new(0));
    let wild = |t: i64| t % 20 < 3;
    let (port, again) = (free_port(), free_port());
    let rest = |port: u16| {
        format!(
            "server: {{listen: '127.0.0.1:{port}'}}
rca: {{queries: {{latency: latency}}, step: 1s, before: 30s, after: 60s, settle: 1s, timeout: 60s}}\n"
        )
    };
    let query = "window: 60s, detector: ewma";
    let first = source_of_load(1, wild, Some(Arc::clone(&hanging)));
    let first = config(&first, query, &rest(port));
    let second = config(&source(1, wild), query, &rest(again));
    let incidents = |port: u16| {
        let all = get(port, "/api/v1/incidents")?;
        let all: serde_json::Value = serde_json::from_str(&all).unwrap();
        Some(all["incidents"].as_array().unwrap().clone())
    };
    let known = RefCell::new(Vec::new());
    ended_when_and(
        "looking for a cause",
        &first,
        &second,
        |_| {
            let is_asked = hanging.load(Ordering::SeqCst) > 0;
            *known.borrow_mut() = incidents(port).unwrap_or_default();
            is_asked && !known.borrow().is_empty()
        },
        || {
            // What was broken off is begun again, of the same incidents.
            for one in known.borrow().iter() {
                assert!(one["analysis"].is_null(), "{one}");
                wait_for("the analysis", || {
                    let now = incidents(again)?;
                    let same = now.iter().find(|now| now["id"] == one["id"]);
                    let same = same.expect("an incident was lost");
                    (!same["analysis"].is_null() || !same["problem"].is_null()).then_some(())
                });
            }
        },
    );
}

/// A service with a state of some size, in `folder`, that was ended in good order.
fn kept_in(folder: &Path, config: &str) {
    let at = |name: &str| folder.join(name);
    write_config(folder, config);
    let mut child = run(&at("bongsu.yaml"), &at("log"), None);
    wait_for("a state", || {
        let knows = fs::metadata(at("state/state.bngs")).is_ok_and(|d| d.len() > 100_000);
        (knows && !judged(&at("verdicts.csv")).is_empty()).then_some(())
    });
    terminate(&mut child);
    assert_eq!(end_of(&mut child), Some(0));
    assert_state_tells_of(folder);
}

fn write_config(folder: &Path, config: &str) {
    let at = |name: &str| folder.join(name).display().to_string();
    let text = config.replace("VERDICTS", &at("verdicts.csv"));
    let text = format!("{text}state: {{directory: '{}'}}\n", at("state"));
    fs::write(at("bongsu.yaml"), text).unwrap();
}

/// Delays that a start or a reload is over in.
const MOMENTS: [u64; 10] = [0, 2, 5, 10, 20, 40, 80, 160, 320, 640];

#[test]
fn it_can_be_ended_at_any_moment_of_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Late points are waited for, and it catches up with what came meanwhile.
    let config = config(&source(400, |_| false), "window: 60s, late: 5s", "");
    kept_in(folder.path(), &config);
    for moment in MOMENTS {
        let mut child = run(&at("bongsu.yaml"), &at("log"), None);
        std::thread::sleep(Duration::from_millis(moment));
        terminate(&mut child);
        // Before it has begun to listen it is ended by the signal itself, and has changed nothing.
        let status = end_of(&mut child);
        let log = fs::read_to_string(at("log")).unwrap();
        assert!(
            matches!(status, Some(0) | None),
            "{moment} ms: {status:?} {log}"
        );
        assert!(!log.contains("set aside"), "{moment} ms: {log}");
        assert_state_tells_of(folder.path());
    }
    assert_each_once(&judged(&at("verdicts.csv")));
}

#[test]
fn it_can_be_ended_at_any_moment_of_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let url = source(400, |_| false);
    let of = |seconds: u64| {
        let query = format!("window: 60s, alert: {{for: {seconds}s}}");
        config(&url, &query, "")
    };
    kept_in(folder.path(), &of(0));
    for (place, moment) in MOMENTS.into_iter().enumerate() {
        let count = judged(&at("verdicts.csv")).len();
        let mut child = run(&at("bongsu.yaml"), &at("log"), None);
        wait_for("more verdicts", || {
            (judged(&at("verdicts.csv")).len() > count).then_some(())
        });
        write_config(folder.path(), &of(place as u64 + 1));
        signal(&child, "-HUP");
        std::thread::sleep(Duration::from_millis(moment));
        terminate(&mut child);
        let log = || fs::read_to_string(at("log")).unwrap();
        assert_eq!(end_of(&mut child), Some(0), "{moment} ms: {}", log());
        assert!(!log().contains("set aside"), "{moment} ms: {}", log());
        assert_state_tells_of(folder.path());
    }
    assert_each_once(&judged(&at("verdicts.csv")));
}
