//! Files that earlier builds left: each is taken up by this one.

use std::path::{Path, PathBuf};
use std::{env, fs};

use bongsu_core::{Labels, METRIC_NAME, Series, Snapshot as _, Timestamp, snapshot};

use super::tests::order;
use super::{Engine, Options};
use crate::Unobserved;
use crate::config::parse;
use crate::incident::Saved;
use crate::older::{self, Aged as _};
use crate::server::SilenceOrder;
use crate::source::Source;
use crate::state::{EngineState, StateFile};

/// Everything that has a place in the state: detectors of several kinds, one of them trained, a
/// budget, an alert that fires, messages that could not be delivered, a silence, an incident.
const CONFIG: &str = "
source: {type: csv, path: none.csv}
queries:
  - {name: load, expr: load, step: 1m, detector: ewma}
  - {name: day, expr: load, step: 1m, detector: seasonal-profile, budget: {alerts_per_day: 5}}
  - {name: trained, expr: load, step: 1m, detector: ewma, training: {window: 30m, min_points: 10}}
sinks:
  - {type: webhook, url: 'http://127.0.0.1:1/'}
alerting:
  routing: {route: {receiver: team, group_by: [query], group_wait: 0s}, receivers: [{name: team, sinks: [{type: webhook, url: 'http://127.0.0.1:1/'}]}]}
";

fn fixture(kind: &str, version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(format!("{kind}-v{version}.bngs"))
}

/// The files of a service that stopped while something was wrong.
async fn left_behind() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let labels = Labels::from_pairs([(METRIC_NAME, "load"), ("service", "shop")]).unwrap();
    let mut series = Series::empty(labels);
    for i in 0..90_u32 {
        let value = if i > 86 {
            900.0
        } else {
            f64::from(10 + i * i % 7)
        };
        series
            .push(Timestamp::from_secs(60 * i64::from(i)), value)
            .unwrap();
    }
    let state = format!("state: {{directory: '{}'}}\n", folder.path().display());
    let config = parse(&format!("{CONFIG}{state}"), None).unwrap();
    let options = Options::default();
    let source = Source::Fixed(vec![series]);
    let mut engine = Engine::with_source(config, source, options, Box::new(Unobserved)).unwrap();
    engine.make_silence(order()).await.unwrap();
    engine.once().await.unwrap();
    engine.save().await.unwrap();
    folder
}

#[tokio::test]
async fn every_readable_version_of_the_state_is_taken_up() {
    let left = left_behind().await;
    if env::var_os("BLESS").is_some() {
        let to = |kind: &str, version: u16| fixture(kind, version);
        fs::copy(
            left.path().join("state.bngs"),
            to("state", EngineState::VERSION),
        )
        .unwrap();
        fs::copy(
            left.path().join("incidents.bngs"),
            to("incidents", Saved::VERSION),
        )
        .unwrap();
    }
    for version in EngineState::OLDEST..=EngineState::VERSION {
        let bytes = fs::read(fixture("state", version)).unwrap();
        let state: EngineState = older::read(&bytes).unwrap();
        let queries: Vec<&str> = state
            .queries
            .iter()
            .map(|query| query.name.as_str())
            .collect();
        assert_eq!(queries, ["load", "day", "trained"], "version {version}");
        assert!(state.queries.iter().all(|query| query.series.len() == 1));
        assert!(state.lifecycle.active().count() > 0, "version {version}");
        assert!(state.suppressor.is_some(), "version {version}");
        assert_eq!(state.silences.len(), 1, "version {version}");
        if version == EngineState::VERSION {
            // A change of its fields would have made other bytes of the same state.
            assert_eq!(snapshot::to_bytes(&state).unwrap(), bytes);
        }
    }
}

#[tokio::test]
async fn every_readable_version_of_the_incidents_is_taken_up() {
    for version in Saved::OLDEST..=Saved::VERSION {
        let bytes = fs::read(fixture("incidents", version)).unwrap();
        let saved: Saved = older::read(&bytes).unwrap();
        assert_eq!(saved.incidents.len(), 1, "version {version}");
        if version == Saved::VERSION {
            assert_eq!(snapshot::to_bytes(&saved).unwrap(), bytes);
        }
    }
}

/// What the server of an engine says of the size of the state.
async fn state_bytes(engine: &Engine) -> u64 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let url = engine.server_url().unwrap();
    let address = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = b"GET /metrics HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix("bongsu_state_bytes "));
    value.unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_size_of_the_state_is_told_from_the_start() {
    let left = left_behind().await;
    let state = left.path().join("state.bngs");
    let size = || fs::metadata(&state).unwrap().len();
    let rest = format!(
        "state: {{directory: '{}'}}\nserver: {{listen: '127.0.0.1:0'}}\n",
        left.path().display()
    );
    let config = parse(&format!("{CONFIG}{rest}"), None).unwrap();
    let labels = Labels::from_pairs([(METRIC_NAME, "load")]).unwrap();
    let mut series = Series::empty(labels);
    series.push(Timestamp::from_secs(6_000), 1.0).unwrap();
    let source = Source::Fixed(vec![series]);
    let options = Options::default();
    let mut engine = Engine::with_source(config, source, options, Box::new(Unobserved)).unwrap();
    assert!(size() > 1_000);
    assert_eq!(state_bytes(&engine).await, size());
    let order = SilenceOrder {
        comment: "another".repeat(100),
        ..order()
    };
    let before = size();
    engine.make_silence(order).await.unwrap();
    assert!(size() > before + 600);
    assert_eq!(state_bytes(&engine).await, size());
    engine.close().await;
}

#[tokio::test]
async fn damaged_incidents_are_set_aside_for_those_before() {
    let left = left_behind().await;
    let folder = left.path();
    let file = StateFile::new(folder.join("incidents.bngs"), "incidents", "none are known");
    let saved: Saved = file.load().unwrap().unwrap();
    file.save(&saved).unwrap();
    fs::write(folder.join("incidents.bngs"), b"BNGS no more").unwrap();
    let again: Saved = file.load().unwrap().unwrap();
    assert_eq!(again, saved);
    let aside = fs::read(folder.join("incidents.bngs.damaged")).unwrap();
    assert_eq!(aside, b"BNGS no more");
    // Damaged a second time, with none before: nothing is known, and nothing is lost.
    fs::write(folder.join("incidents.bngs"), b"again").unwrap();
    fs::remove_file(folder.join("incidents.bngs.before")).unwrap();
    assert_eq!(file.load().unwrap(), None);
    assert!(folder.join("incidents.bngs.damaged.1").exists());
}
