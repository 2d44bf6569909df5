//! `kill -9` in the middle of `bongsu run` while receivers fail, again and again: every alert that
//! fired is told, and so is its end, in order.
//!
//! What must be told follows from the verdicts that were written, which no kill makes incomplete.
//! `BONGSU_CRASH_SEED` chooses the moments of the kills and the receivers' moods.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod flaky;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bongsu::prometheus::replay::{Recording, ReplayClock, ReplayServer};
use flaky::{Dice, Flaky};
use serde_json::Value;

const STEP_MS: i64 = 100;
const KILLS: u64 = 30;
const HOSTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// The first live seconds are free of anomalies, so that none belongs to the history.
const QUIET_MS: i64 = 4_000;

/// Series with bursts of 5 to 12 points from a little before now until well after the test.
fn recording(now: i64, dice: &mut Dice) -> String {
    let times: Vec<i64> = (-300..1_800).map(|i| now + STEP_MS * i).collect();
    let mut lines = Vec::new();
    for host in HOSTS {
        let mut values = Vec::new();
        let mut normal = (300 * STEP_MS + QUIET_MS) / STEP_MS;
        while values.len() < times.len() {
            for _ in 0..normal {
                values.push((values.len() as i64) % 7);
            }
            let burst = 5 + dice.below(8);
            values.extend((0..burst).map(|_| 400));
            normal = 30 + dice.below(30) as i64;
        }
        values.truncate(times.len());
        lines.push(format!(r#"{{"metric":{{"__name__":"load","host":"{host}"}},"values":{values:?},"timestamps":{times:?}}}"#));
    }
    lines.join("\n")
}

fn run(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["run", "--quiet", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs")
}

/// From the first anomalous point to the first normal one, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Episode {
    from: i64,
    to: Option<i64>,
}

/// What the verdicts of each host say, and the newest moment.
fn episodes(verdicts: &str) -> (BTreeMap<String, Vec<Episode>>, i64) {
    let mut all: BTreeMap<String, Vec<Episode>> = BTreeMap::new();
    let mut newest = i64::MIN;
    for row in verdicts.lines().skip(1) {
        let (time, rest) = row.split_once(',').unwrap();
        let (_, rest) = rest.split_once(r#"host=""#).unwrap();
        let host = rest.trim_start_matches('"').chars().next().unwrap();
        let (_, judgement) = rest.split_once(r#"}","#).unwrap();
        let cells: Vec<&str> = judgement.split(',').collect();
        let (score, anomalous) = (cells[1], cells[5]);
        let at = (time.parse::<f64>().unwrap() * 1e3).round() as i64;
        newest = newest.max(at);
        let known = all.entry(host.to_string()).or_default();
        let open = known.last_mut().filter(|episode| episode.to.is_none());
        match (anomalous, open) {
            _ if score.is_empty() => {}
            ("1", None) => known.push(Episode { from: at, to: None }),
            ("0", Some(open)) => open.to = Some(at),
            ("0" | "1", _) => {}
            other => panic!("{other:?} in {row}"),
        }
    }
    (all, newest)
}

/// What a receiver heard of an alert: when it began, and whether it was over.
type Word = (i64, bool);

/// The words on each host, in the order in which they were first taken, and the last one.
#[derive(Debug, Default)]
struct Heard {
    first: Vec<Word>,
    last: Option<Word>,
}

impl Heard {
    fn hear(&mut self, word: Word) {
        if !self.first.contains(&word) {
            self.first.push(word);
        }
        self.last = Some(word);
    }

    /// A fire before its end, and one alert before the next.
    fn is_in_order(&self) -> bool {
        self.first.is_sorted()
    }
}

/// Bodies of the web hook.
fn heard_by_hook(bodies: &[Value]) -> BTreeMap<String, Heard> {
    let mut heard: BTreeMap<String, Heard> = BTreeMap::new();
    for alert in bodies.iter().flat_map(|b| b["alerts"].as_array().unwrap()) {
        let host = alert["labels"]["host"].as_str().unwrap();
        let from = millis(alert["starts_at"].as_str().unwrap());
        let over = alert["status"] == "resolved";
        heard.entry(host.to_owned()).or_default().hear((from, over));
    }
    heard
}

/// Bodies of Alertmanager's API: what ends in the past is over.
fn heard_by_alertmanager(bodies: &[Value]) -> BTreeMap<String, Heard> {
    let mut heard: BTreeMap<String, Heard> = BTreeMap::new();
    for alert in bodies.iter().flat_map(|body| body.as_array().unwrap()) {
        let host = alert["labels"]["host"].as_str().unwrap();
        let from = millis(alert["startsAt"].as_str().unwrap());
        let ends = millis(alert["endsAt"].as_str().unwrap());
        // What fires ends minutes ahead.
        let over = ends < from + 60_000;
        heard.entry(host.to_owned()).or_default().hear((from, over));
    }
    heard
}

/// A moment such as `2026-03-01T02:30:00.000Z` in milliseconds.
fn millis(text: &str) -> i64 {
    let number = |from: usize, to: usize| text.get(from..to).unwrap().parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Years begin in March, so that the odd day is their last.
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let seconds = days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
    let fraction = text.get(20..23).filter(|_| text.as_bytes()[19] == b'.');
    seconds * 1_000 + fraction.map_or(0, |digits| digits.parse().unwrap())
}

#[test]
fn moments_are_read() {
    assert_eq!(millis("1970-01-01T00:00:00.000Z"), 0);
    assert_eq!(millis("2023-11-14T22:13:20.125Z"), 1_700_000_000_125);
    assert_eq!(millis("2024-02-29T00:00:00Z"), 1_709_164_800_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fired_is_told_and_so_is_its_end() {
    let seed = std::env::var("BONGSU_CRASH_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut dice = Dice(seed);
    let dir = tempfile::tempdir().unwrap();
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(since.as_millis()).unwrap() / STEP_MS * STEP_MS;
    let recording = Recording::from_bytes(recording(now, &mut dice).as_bytes()).unwrap();
    let clock = ReplayClock::running(
        bongsu::core::Timestamp::from_millis(now),
        recording.end(),
        1.0,
    )
    .unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = ReplayServer::start(Arc::new(recording), clock, address).unwrap();
    let receiver = Flaky::start(seed);
    let verdicts = dir.path().join("verdicts.csv");
    let config = dir.path().join("bongsu.yaml");
    fs::write(
        &config,
        format!(
            "source: {{type: prometheus, url: '{source}'}}
queries:
  - {{name: load, expr: load, detector: ewma, step: {STEP_MS}ms, window: 10s, offset: 200ms}}
sinks:
  - {{type: webhook, url: '{hook}', timeout: 1s}}
  - {{type: alertmanager, urls: ['{alertmanager}'], resend: 500ms, timeout: 1s}}
alerting:
  routing:
    route: {{receiver: people, group_by: [host], group_wait: 200ms, group_interval: 400ms}}
    receivers: [{{name: people, sinks: [{{type: webhook, url: '{people}', timeout: 1s}}]}}]
  suppress: {{flapping: null}}
state: {{directory: '{state}', save_every: 350ms}}
output: {{verdicts: '{verdicts}'}}
",
            source = server.url(),
            hook = receiver.url("/hook"),
            alertmanager = receiver.url(""),
            people = receiver.url("/people"),
            state = dir.path().join("state").display(),
            verdicts = verdicts.display()
        ),
    )
    .unwrap();

    for kill in 0..KILLS {
        let mut child = run(&config);
        let least = if kill == 0 { 2_000 } else { 150 };
        tokio::time::sleep(Duration::from_millis(least + dice.below(700))).await;
        if dice.below(2) == 0 {
            // In the middle of a delivery.
            while receiver.arrivals.try_recv().is_ok() {}
            let _ = receiver.arrivals.recv_timeout(Duration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(dice.below(40))).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    receiver.calm_down();
    let mut child = run(&config);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let id = child.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(asked.success());
    assert!(child.wait().unwrap().success());
    server.stop().await;

    let (episodes, newest) = episodes(&fs::read_to_string(&verdicts).unwrap());
    let hook = heard_by_hook(&receiver.taken("/hook"));
    let people = heard_by_hook(&receiver.taken("/people"));
    let alertmanager = heard_by_alertmanager(&receiver.taken("/api/v2/alerts"));
    check(
        &episodes,
        newest,
        &[("the hook", &hook), ("people", &people)],
    );
    for (host, episodes) in &episodes {
        let heard = &alertmanager[host];
        let begins: BTreeSet<i64> = episodes.iter().map(|episode| episode.from).collect();
        assert!(heard.first.iter().all(|(from, _)| begins.contains(from)));
        // It hears of states, so one that came and went while it was away may be missing, but what
        // it believes in the end is true.
        let last = episodes.last().unwrap();
        if last.to.is_some_and(|to| to < newest - 2_000) {
            assert_eq!(heard.last, Some((last.from, true)), "{host}: {heard:?}");
        }
    }
}

fn check(
    episodes: &BTreeMap<String, Vec<Episode>>,
    newest: i64,
    receivers: &[(&str, &BTreeMap<String, Heard>)],
) {
    assert_eq!(episodes.len(), HOSTS.len());
    let count: usize = episodes.values().map(Vec::len).sum();
    assert!(count >= 20, "only {count} alerts fired");
    for (host, episodes) in episodes {
        for (receiver, heard) in receivers {
            let heard = &heard[host];
            let told = |word: Word| heard.first.contains(&word);
            assert!(heard.is_in_order(), "{receiver} of {host}: {heard:?}");
            for (i, episode) in episodes.iter().enumerate() {
                let at = format!("{receiver} of {host} at {episode:?} until {newest}: {heard:?}");
                // Groups are looked at all 400 ms: shorter alerts, and those that follow so soon on
                // another, may be one with it there.
                let next = episodes.get(i + 1).map_or(i64::MAX, |next| next.from);
                let to = episode.to.unwrap_or(newest);
                let apart = i == 0
                    || episodes[i - 1]
                        .to
                        .is_some_and(|end| episode.from - end > 1_500);
                let distinct = to - episode.from >= 400 && next - to > 1_500 && apart;
                let due =
                    |moment: i64| moment < newest - 2_000 && (*receiver == "the hook" || distinct);
                // An alert that came and went while it could not be told may be told as over only.
                if due(episode.from) {
                    let fired = told((episode.from, false));
                    let ended = told((episode.from, true));
                    assert!(fired || (*receiver == "people" && ended), "{at}");
                }
                if episode.to.is_some_and(due) {
                    assert!(told((episode.from, true)), "{at}");
                }
            }
            let settled: Vec<_> = episodes
                .iter()
                .filter(|episode| episode.to.is_some_and(|to| to < newest - 2_000))
                .collect();
            if settled.len() == episodes.len() {
                let last = heard.last.unwrap();
                assert!(last.1, "{receiver} believes that {host} fires: {heard:?}");
            }
        }
    }
}
