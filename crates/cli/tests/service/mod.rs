//! `bongsu run` on a source of the test's own, and what it leaves.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::get;

/// Reads a request to its end and gives the form of its body.
pub(crate) fn form(stream: &mut TcpStream) -> String {
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
pub(crate) fn source(series: usize, wild: fn(i64) -> bool) -> String {
    source_of_load(series, wild, None)
}

/// As [`source`]; with a counter it answers no question but `load`, and counts those that it does not.
pub(crate) fn source_of_load(
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

/// Seconds at which series `0` was judged.
pub(crate) fn judged(verdicts: &Path) -> Vec<i64> {
    let text = fs::read_to_string(verdicts).unwrap_or_default();
    text.lines()
        .skip(1)
        .filter(|row| row.contains(r#"host=""0"""#))
        .map(|row| row.split(',').next().unwrap().parse::<f64>().unwrap() as i64)
        .collect()
}

pub(crate) fn assert_each_once(times: &[i64]) {
    for pair in times.windows(2) {
        assert_eq!(pair[1] - pair[0], 1, "at {}", pair[0]);
    }
}

/// `bongsu run` that may write files of at most `blocks` kilobytes, if that is given: the file
/// system then answers as one that is full.
pub(crate) fn run(config: &Path, log: &Path, blocks: Option<u32>) -> Child {
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

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.unwrap().success());
}

pub(crate) fn terminate(child: &mut Child) {
    signal(child, "-TERM");
}

/// How the process ended, which it must within 30 s.
pub(crate) fn end_of(child: &mut Child) -> Option<i32> {
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

pub(crate) fn metric(port: u16, name: &str) -> Option<f64> {
    value(&get(port, "/metrics")?, name)
}

/// A metric of one answer.
pub(crate) fn value(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// The state can be read, and says that as much is judged as the verdicts tell.
pub(crate) fn assert_state_tells_of(folder: &Path) {
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
