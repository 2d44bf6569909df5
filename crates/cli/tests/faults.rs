//! `bongsu run` when the disk is full and when it is asked to end, whatever it is doing.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{free_port, get, wait_for};

/// Reads a request to its end and gives the form of its body.
fn form(stream: &mut TcpStream) -> String {
    let (mut request, mut chunk) = (Vec::new(), [0; 65_536]);
    loop {
        let n = stream.read(&mut chunk).unwrap_or(0);
        request.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if n == 0 {
                return String::new();
            }
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().ok())?
        });
        if n == 0 || body.len() >= length.unwrap_or(0) {
            return body.to_owned();
        }
    }
}

fn field(form: &str, name: &str) -> i64 {
    let value = form
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        .unwrap();
    value.parse::<f64>().unwrap() as i64
}

/// A server with a value for every second of the series `load{host="0"}` and as many more; `wild`
/// says when they are anomalous.
fn source(series: usize, wild: fn(i64) -> bool) -> String {
    source_of_load(series, wild, None)
}

/// As [`source`]; with a counter it answers no question but `load`, and counts those that it does not.
fn source_of_load(
    series: usize,
    wild: fn(i64) -> bool,
    unanswered: Option<Arc<AtomicUsize>>,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let form = form(&mut stream);
            if form.is_empty() {
                continue;
            }
            if let Some(count) = &unanswered
                && !form.split('&').any(|pair| pair == "query=load")
            {
                open.push(stream);
                count.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let times = field(&form, "start")..=field(&form, "end");
            let values: Vec<String> = times
                .map(|t| format!("[{t},\"{}\"]", if wild(t) { 900 } else { 10 + t % 7 }))
                .collect();
            let values = values.join(",");
            let result: Vec<String> = (0..series)
                .map(|host| {
                    format!("{{\"metric\":{{\"__name__\":\"load\",\"host\":\"{host}\"}},\"values\":[{values}]}}")
                })
                .collect();
            let body = format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{}]}}}}",
                result.join(",")
            );
            // Whoever was ended does not wait for the answer.
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

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

/// Seconds at which series `0` was judged.
fn judged(verdicts: &Path) -> Vec<i64> {
    let text = fs::read_to_string(verdicts).unwrap_or_default();
    text.lines()
        .skip(1)
        .filter(|row| row.contains(r#"host=""0"""#))
        .map(|row| row.split(',').next().unwrap().parse::<f64>().unwrap() as i64)
        .collect()
}

fn assert_each_once(times: &[i64]) {
    for pair in times.windows(2) {
        assert_eq!(pair[1] - pair[0], 1, "at {}", pair[0]);
    }
}

/// `bongsu run` that may write files of at most `blocks` kilobytes, if that is given: the file
/// system then answers as one that is full.
fn run(config: &Path, log: &Path, blocks: Option<u32>) -> Child {
    let bongsu = env!("CARGO_BIN_EXE_bongsu");
    let mut command = match blocks {
        None => Command::new(bongsu),
        Some(blocks) => {
            let mut shell = Command::new("bash");
            // A process that does not ignore the signal is killed instead.
            let limited = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
            shell.args(["-c", &limited, bongsu]);
            shell
        }
    };
    command
        .args(["run", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(log).unwrap())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.unwrap().success());
}

fn terminate(child: &mut Child) {
    signal(child, "-TERM");
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

/// How the process ended, which it must within 30 s.
fn end_of(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begun.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metric(port: u16, name: &str) -> Option<f64> {
    value(&get(port, "/metrics")?, name)
}

/// A metric of one answer.
fn value(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
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

/// The state can be read, and says that as much is judged as the verdicts tell.
fn assert_state_tells_of(folder: &Path) {
    let inspected = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["state", "inspect", "--json"])
        .arg(folder.join("state"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&inspected.stderr);
    assert!(inspected.status.success(), "{text}");
    let state: serde_json::Value = serde_json::from_slice(&inspected.stdout).unwrap();
    let until = state["queries"][0]["judged_until"].as_i64();
    let last = judged(&folder.join("verdicts.csv")).last().copied();
    assert_eq!(until, last.map(|second| 1_000 * second));
}

#[test]
fn a_disk_that_has_room_again_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let port = free_port();
    fs::write(
        at("bongsu.yaml"),
        format!(
            "source: {{type: prometheus, url: '{}'}}
queries: [{{name: load, expr: load, step: 1s, window: 30s, offset: 1s}}]
engine: {{max_unwritten: 20000}}
state: {{directory: '{}'}}
output: {{verdicts: '{}'}}
server: {{listen: '127.0.0.1:{port}'}}",
            source(40, |_| false),
            at("state").display(),
            at("verdicts.csv").display()
        ),
    )
    .unwrap();
    let mut child = run(&at("bongsu.yaml"), &at("log"), Some(8));
    let failed = || metric(port, "bongsu_state_saves_total{outcome=\"failed\"}");
    // Too much waits already, so nothing more is fetched, and the disk is tried every second.
    wait_for("saves that fail", || (failed()? >= 4.0).then_some(()));
    let unwritten = || metric(port, "bongsu_journal_unwritten_bytes");
    assert!(unwritten().unwrap() > 20_000.0);
    let id = child.id().to_string();
    let limits = ["--fsize=unlimited", "--pid", &id];
    assert!(
        Command::new("prlimit")
            .args(limits)
            .status()
            .unwrap()
            .success()
    );
    wait_for("a written journal", || (unwritten()? == 0.0).then_some(()));
    let before = judged(&at("verdicts.csv")).len();
    wait_for("new verdicts", || {
        (judged(&at("verdicts.csv")).len() > before + 2).then_some(())
    });
    terminate(&mut child);
    assert_eq!(end_of(&mut child), Some(0));
    assert_each_once(&judged(&at("verdicts.csv")));
}

#[test]
fn a_full_disk_costs_no_moment() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let port = free_port();
    fs::write(
        at("bongsu.yaml"),
        format!(
            "source: {{type: prometheus, url: '{}'}}
queries: [{{name: load, expr: load, step: 1s, window: 30s, offset: 1s}}]
state: {{directory: '{}'}}
output: {{verdicts: '{}'}}
server: {{listen: '127.0.0.1:{port}'}}",
            source(40, |_| false),
            at("state").display(),
            at("verdicts.csv").display()
        ),
    )
    .unwrap();
    // The state of 40 series and their verdicts are larger.
    let mut child = run(&at("bongsu.yaml"), &at("full.log"), Some(8));
    wait_for("a save that failed", || {
        let failed = metric(port, "bongsu_state_saves_total{outcome=\"failed\"}")?;
        let waiting = metric(port, "bongsu_journal_unwritten_bytes")?;
        (failed >= 3.0 && waiting > 10_000.0).then_some(())
    });
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    let told = fs::read_to_string(at("full.log")).unwrap();
    assert!(told.contains("verdicts cannot be written"), "{told}");
    terminate(&mut child);
    assert_eq!(
        end_of(&mut child),
        Some(1),
        "what it could not save is an error"
    );

    // With room again, everything from the start on is there, each moment once.
    let mut child = run(&at("bongsu.yaml"), &at("room.log"), None);
    wait_for("verdicts", || {
        (judged(&at("verdicts.csv")).len() > 33).then_some(())
    });
    terminate(&mut child);
    assert_eq!(end_of(&mut child), Some(0));
    assert_each_once(&judged(&at("verdicts.csv")));
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
    let source = source(20, |_| false);
    // Much history for a slow detector, and a training that takes long.
    let query =
        "window: 30m, detector: isolation-forest, parameters: {history: 1000, min_points: 100}";
    let port = free_port();
    let server = format!("server: {{listen: '127.0.0.1:{port}'}}\n");
    let judging = config(&source, query, &server);
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
    let training = config(&source, query, "");
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
