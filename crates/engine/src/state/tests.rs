use std::path::PathBuf;

use super::*;
use crate::older;
use crate::training::ModelVersion;

fn fixture(kind: &str, version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(format!("{kind}-v{version}.bngs"))
}

#[test]
fn every_readable_version_of_trained_detectors_is_taken_up() {
    let newest = fixture("model_version", ModelVersion::VERSION);
    if !newest.exists() && std::env::var_os("BLESS").is_some() {
        let bytes = fs::read(fixture("model_version", ModelVersion::OLDEST)).unwrap();
        let model: ModelVersion = older::read(&bytes).unwrap();
        fs::write(&newest, snapshot::to_bytes(&model).unwrap()).unwrap();
    }
    for version in ModelVersion::OLDEST..=ModelVersion::VERSION {
        let bytes = fs::read(fixture("model_version", version)).unwrap();
        let model: ModelVersion = older::read(&bytes).unwrap();
        assert_eq!(
            (model.version, model.query.as_str(), model.series.len()),
            (1, "trained", 1)
        );
        if version == ModelVersion::VERSION {
            assert_eq!(snapshot::to_bytes(&model).unwrap(), bytes);
        }
    }
}

/// An alarm that was remembered before alarms lasted is none that lasts.
#[test]
fn an_automatic_detector_of_before_goes_on() {
    let bytes = fs::read(fixture("auto_stream", 7)).unwrap();
    let state: EngineState = older::read(&bytes).unwrap();
    let saved = serde_json::to_value(&state.queries[0].series[0].learned).unwrap();
    let detector = &saved["detector"]["AutoStream"];
    assert_eq!(detector["seen"], 90);
    assert_eq!(detector["config"]["hold"], 30);
    assert_eq!(detector["events"][0]["left"], 0);
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
    }
}

#[test]
fn of_damaged_states_the_newest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_file(folder.path());
    let file = StateFile::<EngineState>::new(path.clone(), "state", "none");
    let named = |ending: &str| folder.path().join(format!("state.bngs.{ending}"));
    fs::write(named("before.txt"), "another's").unwrap();
    for i in 0..5_u64 {
        fs::write(&path, format!("damage {i}")).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + i);
        fs::File::open(&path).unwrap().set_modified(at).unwrap();
        assert!(file.load().unwrap().is_none());
    }
    let mut kept: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["another's", "damage 2", "damage 3", "damage 4"]);
}

#[test]
fn damaged_states_crowd_out_none_of_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = state_file(folder.path());
    let file = StateFile::<EngineState>::new(path.clone(), "state", "none");
    let newer = EngineState::VERSION + 1;
    let set_aside = |bytes: &[u8], at: u64| {
        fs::write(&path, bytes).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at);
        fs::File::open(&path).unwrap().set_modified(at).unwrap();
        assert!(file.load().unwrap().is_none());
    };
    set_aside(&of_version(1), 1_000);
    set_aside(&of_version(newer), 1_001);
    for i in 0..5 {
        set_aside(format!("damage {i}").as_bytes(), 2_000 + i);
    }
    let named = |ending: &str| folder.path().join(format!("state.bngs.{ending}"));
    assert_eq!(fs::read(named("version-1")).unwrap(), of_version(1));
    let own = format!("version-{newer}");
    assert_eq!(fs::read(named(&own)).unwrap(), of_version(newer));
    // Of a version the newest one is kept.
    let again = [of_version(1), b"more".to_vec()].concat();
    set_aside(&again, 3_000);
    assert_eq!(fs::read(named("version-1.1")).unwrap(), again);
    assert!(!named("version-1").exists());
    let all = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(all, 5, "three damaged ones, and one of each version");
}

#[test]
fn what_keeps_the_one_before_from_being_kept_does_not_keep_from_saving() {
    let folder = tempfile::tempdir().unwrap();
    let file = StateFile::<EngineState>::new(state_file(folder.path()), "state", "none");
    file.save(&EngineState::default()).unwrap();
    let before = folder.path().join("state.bngs.before");
    fs::create_dir_all(before.join("in the way")).unwrap();
    for _ in 0..2 {
        file.save(&EngineState::default()).unwrap();
    }
    assert!(file.load().unwrap().is_some());
    fs::remove_dir_all(&before).unwrap();
    file.save(&EngineState::default()).unwrap();
    assert!(before.is_file());
}
