use std::path::PathBuf;

use bongsu_core::{Labels, Series, StreamDetector as _};

use super::*;
use crate::config::parse;
use crate::source::Source;
use crate::training::ModelVersion;
use crate::{Engine, Options, Unobserved};

fn fixture(kind: &str, version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(format!("{kind}-v{version}.bngs"))
}

/// Every streaming detector whose state is small, a group, training, a budget, late points, a
/// silence, and alerts in every part of the state that holds some.
const YAML: &str = "
source: {type: csv, path: none.csv}
queries:
- {name: zscore, expr: load, step: 1m, detector: zscore, parameters: {window: 10}}
- {name: robust, expr: load, step: 1m, detector: robust-z, parameters: {window: 10}, late: 3m,
   budget: {alerts_per_day: 5}}
- {name: iqr, expr: load, step: 1m, detector: iqr, parameters: {window: 10}}
- {name: ewma, expr: load, step: 1m, detector: ewma}
- {name: cusum, expr: load, step: 1m, detector: cusum}
- {name: bocpd, expr: load, step: 1m, detector: bocpd, parameters: {max_runs: 10}}
- {name: profile, expr: load, step: 1m, detector: seasonal-profile, parameters: {bins: hour-of-day}}
- {name: trained, expr: users, step: 1m, detector: ewma,
   training: {window: 30m, min_points: 10, max_alarm_rate: 1, on_drift: {detector: page-hinkley}}}
- {name: together, step: 1m, detector: micro-clusters, group: {by: [host], channels: {load: load, users: users}, max_gap: 3m}}
alerting: {routing: {route: {receiver: hook, group_wait: 5m},
  receivers: [{name: hook, sinks: [{type: log}]}]}}
";

/// Runs a service on a level that is left twice, once for good, and gives its directory.
async fn run(folder: &Path) {
    let series = |name: &str| {
        let mut series =
            Series::empty(Labels::from_pairs([("__name__", name), ("host", "a")]).unwrap());
        for i in 0..60_u32 {
            let value = match i {
                40 | 41 | 59 if name == "load" => 900.0,
                _ => f64::from(10 + i * i % 7),
            };
            let at = Timestamp::from_secs(60 * i64::from(i));
            series.push(at, value).unwrap();
        }
        series
    };
    let yaml = format!("{YAML}state: {{directory: '{}'}}", folder.display());
    let mut engine = Engine::with_source(
        parse(&yaml, None).unwrap(),
        Source::Fixed(vec![series("load"), series("users")]),
        Options::default(),
        Box::new(Unobserved),
    )
    .unwrap();
    engine.once().await.unwrap();
    engine.close().await;
}

fn load(path: &Path) -> EngineState {
    older::read(&fs::read(path).unwrap()).unwrap()
}

/// With `BLESS=1` in the environment missing fixtures are written; existing ones never change.
#[tokio::test]
async fn what_this_build_writes_is_what_the_fixture_of_its_version_holds() {
    let state = fixture("state", EngineState::VERSION);
    let model = fixture("model_version", ModelVersion::VERSION);
    if std::env::var_os("BLESS").is_some() && !(state.exists() && model.exists()) {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path()).await;
        let mut made = load(&state_file(folder.path()));
        made.news = made.lifecycle.active().cloned().collect();
        let silence = Silence::new(
            "s".to_owned(),
            &["host=\"b\"".to_owned()],
            Timestamp::from_secs(0),
            Timestamp::from_secs(9_000),
            "me".to_owned(),
            "fixture".to_owned(),
        );
        made.silences = vec![silence.unwrap()];
        if !state.exists() {
            snapshot::save(&made, &state).unwrap();
        }
        let version = folder.path().join("models/trained/000001.bngs");
        if !model.exists() {
            fs::copy(version, &model).unwrap();
        }
    }
    let changed = "the layout has changed: raise the version, list what is new as added, and run \
                   this with BLESS=1";
    let read: EngineState = older::read(&fs::read(&state).unwrap()).expect(changed);
    assert_eq!(
        snapshot::to_bytes(&read).unwrap(),
        fs::read(&state).unwrap(),
        "{changed}"
    );
    let read: ModelVersion = older::read(&fs::read(&model).unwrap()).expect(changed);
    assert_eq!(
        snapshot::to_bytes(&read).unwrap(),
        fs::read(&model).unwrap(),
        "{changed}"
    );
}

/// The fixture of version 4 is that of version 5 without the bytes of `Alert::cause`, which is all
/// that version 5 added.
#[test]
fn every_readable_version_is_taken_up_whole() {
    let states = (EngineState::OLDEST..=EngineState::VERSION).map(|version| {
        let path = fixture("state", version);
        let header = snapshot::inspect(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(header.version, version);
        load(&path)
    });
    let states: Vec<EngineState> = states.collect();
    for state in &states {
        assert_eq!(state.queries.len(), 9);
        assert!(
            state
                .queries
                .iter()
                .all(|q| q.cursor == Some(Timestamp::from_secs(59 * 60)))
        );
        let seen = |q: &QueryState| q.series.iter().map(|s| s.learned.detector.seen()).sum();
        let seen: Vec<u64> = state.queries.iter().map(seen).collect();
        assert!(seen.iter().all(|seen| *seen >= 30), "{seen:?}");
        assert!(state.lifecycle.active().count() > 3);
        assert!(state.lifecycle.active().all(|alert| alert.cause.is_none()));
        assert!(state.suppressor.is_some() && !state.news.is_empty());
    }
    // The fields that they have in common are the same.
    let bytes: Vec<Vec<u8>> = states
        .iter()
        .map(|s| snapshot::to_bytes(s).unwrap())
        .collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]));
    for version in ModelVersion::OLDEST..=ModelVersion::VERSION {
        let bytes = fs::read(fixture("model_version", version)).unwrap();
        let model: ModelVersion = older::read(&bytes).unwrap();
        assert_eq!(
            (model.version, model.query.as_str(), model.series.len()),
            (1, "trained", 1)
        );
    }
}

#[test]
fn a_state_of_an_older_version_is_loaded_and_saved_as_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_file(folder.path());
    fs::copy(fixture("state", EngineState::OLDEST), &path).unwrap();
    let store = Store::open(folder.path()).unwrap();
    let state = store.load().unwrap().unwrap();
    store.save(&state).unwrap();
    let header = snapshot::inspect(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(header.version, EngineState::VERSION);
    let before = fs::read(folder.path().join("state.bngs.before")).unwrap();
    let header = snapshot::inspect(&before).unwrap();
    assert_eq!(
        header.version,
        EngineState::OLDEST,
        "a step back is possible"
    );
}

/// A state with another version in its header.
fn of_version(version: u16) -> Vec<u8> {
    let mut bytes = snapshot::to_bytes(&EngineState::default()).unwrap();
    // The version follows the magic, the length of the kind, and the kind.
    let place = 5 + EngineState::KIND.len();
    bytes[place..place + 2].copy_from_slice(&version.to_le_bytes());
    bytes
}

#[test]
fn a_state_of_a_version_that_cannot_be_read_is_set_aside() {
    for version in [1, EngineState::VERSION + 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = state_file(folder.path());
        fs::write(&path, of_version(version)).unwrap();
        let error = older::read::<EngineState>(&of_version(version)).unwrap_err();
        let (error, readable) = (error.to_string(), EngineState::readable());
        assert!(
            error.contains(&format!("of version {version}, but this build reads"))
                && error.contains(&readable),
            "{error}"
        );
        let store = Store::open(folder.path()).unwrap();
        assert!(store.load().unwrap().is_none());
        let aside = folder.path().join(format!("state.bngs.version-{version}"));
        assert_eq!(fs::read(aside).unwrap(), of_version(version));

        // After a step back the state before is still one that can be read.
        fs::copy(
            fixture("state", EngineState::OLDEST),
            folder.path().join("state.bngs.before"),
        )
        .unwrap();
        fs::write(&path, of_version(version)).unwrap();
        assert_eq!(store.load().unwrap().unwrap().queries.len(), 9);
        assert!(
            folder
                .path()
                .join(format!("state.bngs.version-{version}.1"))
                .exists()
        );
    }
}
