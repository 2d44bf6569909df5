//! Alerts of plans: what ends them, and what does not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use bongsu_core::{Labels, METRIC_NAME, Series, Snapshot as _, Timestamp, snapshot};

use super::capacity::Ended;
use super::{Engine, Options};
use crate::capacity::{CapacityJob, Heard, Kept, Ran};
use crate::config::{Config, parse};
use crate::older::{self, Aged as _};
use crate::shard::Shard;
use crate::source::Source;
use crate::state::StateFile;
use crate::{Error, Unobserved};

const HOUR: i64 = 3_600_000;
/// The last hour of the disk, in 2001.
const END: i64 = 1_000_800_000_000;

fn config(folder: &Path, queries: &str) -> Config {
    let text = format!(
        "source: {{type: prometheus, url: 'http://127.0.0.1:1'}}
state: {{directory: '{}'}}
capacity:
  models: [theil-sen]
  horizon: 10d
  schedule: {{every: 6h}}
  resources: [{{name: disk, expr: disk}}]
{queries}",
        folder.display()
    );
    parse(&text, None).unwrap()
}

fn engine(folder: &Path, queries: &str) -> Engine {
    let config = config(folder, queries);
    // Nothing listens there; what it would answer comes by hand.
    let source = Source::Fixed(Vec::new()).connect(&config, &config);
    let source = source.unwrap().unwrap();
    Engine::with_source(config, source, Options::default(), Box::new(Unobserved)).unwrap()
}

/// A plan, at `hours` after the end, of a disk that grows by `growth` an hour and holds 85 then.
async fn plan(config: &Config, hours: i64, growth: f64) -> Ran {
    let labels = Labels::from_pairs([(METRIC_NAME, "disk"), ("host", "a")]).unwrap();
    let mut series = Series::empty(labels);
    for hour in 0..240_i32 {
        let at = Timestamp::from_millis(END + HOUR * (hours - 239 + i64::from(hour)));
        let value = 85.0 - growth * f64::from(239 - hour) + 0.01 * f64::from(hour * 7 % 5);
        series.push(at, value).unwrap();
    }
    let job = CapacityJob::new(config.capacity.as_ref().unwrap(), Shard::ALL).unwrap();
    let source = Arc::new(Source::Fixed(vec![series]));
    job.run(source, Arc::default()).await
}

/// An attempt, at `hours` after the end, that planned nothing.
fn failed(hours: i64, heard: Heard) -> Ran {
    Ran {
        at: Timestamp::from_millis(END + HOUR * hours),
        heard,
        outcome: Err(Error::input("nothing could be planned")),
    }
}

fn disk() -> BTreeSet<String> {
    BTreeSet::from(["disk".to_owned()])
}

impl Engine {
    async fn take_plan(&mut self, ran: Ran) {
        let took = Duration::from_secs(1);
        self.finish_plan(Ok(Ended { took, ran })).await;
    }
}

#[tokio::test]
async fn while_the_source_does_not_answer_no_alert_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(folder.path(), "");
    let config = engine.config.clone();
    engine.take_plan(plan(&config, 0, 0.05).await).await;
    assert_eq!(engine.active().count(), 1);
    for run in 1..=100 {
        let unanswered = Heard {
            unanswered: disk(),
            ..Heard::default()
        };
        engine.take_plan(failed(6 * run, unanswered)).await;
        assert_eq!(engine.active().count(), 1, "after {run} attempts");
    }
    // From now on it answers, and has nothing of the resource.
    let empty = || Heard {
        empty: disk(),
        ..Heard::default()
    };
    for (hours, firing) in [(606, 1), (612, 1), (617, 1), (618, 0)] {
        engine.take_plan(failed(hours, empty())).await;
        assert_eq!(engine.active().count(), firing, "after {hours} hours");
    }
}

#[tokio::test]
async fn a_series_that_cannot_be_planned_goes_on_and_one_that_is_gone_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(folder.path(), "");
    let config = engine.config.clone();
    engine.take_plan(plan(&config, 0, 0.05).await).await;
    let fingerprint = engine.active().next().unwrap().labels.fingerprint();
    for hours in [6, 600] {
        let heard = Heard {
            there: BTreeSet::from([fingerprint]),
            ..Heard::default()
        };
        engine.take_plan(failed(hours, heard)).await;
        assert_eq!(engine.active().count(), 1);
    }
    // Others may be there, but not this one.
    engine.take_plan(failed(601, Heard::default())).await;
    assert_eq!(engine.active().count(), 0);
}

#[tokio::test]
async fn the_time_of_queries_does_not_end_alerts_of_plans() {
    let folder = tempfile::tempdir().unwrap();
    let queries = "queries: [{name: load, expr: load, detector: ewma, forget_after: 1h}]";
    let mut engine = engine(folder.path(), queries);
    let config = engine.config.clone();
    engine.take_plan(plan(&config, 0, 0.05).await).await;
    engine.state.queries[0].cursor = Some(Timestamp::from_millis(END + 5_000 * HOUR));
    engine.expire();
    assert_eq!(engine.active().count(), 1);
}

#[tokio::test]
async fn without_queries_what_is_over_is_forgotten_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(folder.path(), "");
    let config = engine.config.clone();
    engine.take_plan(plan(&config, 0, 0.05).await).await;
    engine.sweep_plans();
    assert_eq!(engine.active().count(), 1, "only what is over is forgotten");
    engine.take_plan(plan(&config, 6, 0.0).await).await;
    assert_eq!(engine.active().count(), 0);
    assert_eq!(engine.state.lifecycle.recently_resolved().count(), 1);
    engine.plans.sweep_again();
    engine.sweep_plans();
    assert_eq!(engine.state.lifecycle.recently_resolved().count(), 0);
}

#[tokio::test]
async fn an_alert_outlives_the_loss_of_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = engine(folder.path(), "");
    let config = first.config.clone();
    first.take_plan(plan(&config, 0, 0.05).await).await;
    drop(first);
    fs::remove_file(folder.path().join("capacity.bngs")).unwrap();
    let mut again = engine(folder.path(), "");
    assert_eq!(again.active().count(), 1);
    again.take_plan(plan(&config, 1, 0.0).await).await;
    assert_eq!(again.active().count(), 0);
}

#[tokio::test]
async fn a_damaged_plan_is_set_aside_for_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = engine(folder.path(), "");
    let config = first.config.clone();
    for hours in [0, 1] {
        first.take_plan(plan(&config, hours, 0.05).await).await;
    }
    drop(first);
    let path = folder.path().join("capacity.bngs");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let again = engine(folder.path(), "");
    let planned = again.plans.planned_at().unwrap();
    assert_eq!(planned, Timestamp::from_millis(END));
    let aside = folder.path().join("capacity.bngs.damaged");
    assert_eq!(fs::read(aside).unwrap(), bytes);
}

fn fixture(version: u16) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join(format!("capacity-v{version}.bngs"))
}

#[tokio::test]
async fn every_readable_version_of_a_plan_is_taken_up() {
    if env::var_os("BLESS").is_some() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = engine(folder.path(), "");
        let config = engine.config.clone();
        engine.take_plan(plan(&config, 0, 0.05).await).await;
        fs::copy(folder.path().join("capacity.bngs"), fixture(Kept::VERSION)).unwrap();
    }
    for version in Kept::OLDEST..=Kept::VERSION {
        let bytes = fs::read(fixture(version)).unwrap();
        let kept: Kept = older::read(&bytes).unwrap();
        if version == Kept::VERSION {
            // A change of its fields would have made other bytes of the same plan.
            assert_eq!(snapshot::to_bytes(&kept).unwrap(), bytes);
        }
        let answer = kept.answer().unwrap();
        assert_eq!(answer.at, Timestamp::from_millis(END), "version {version}");
        assert_eq!(answer.plans().count(), 1, "version {version}");
        // What is read is what is written again.
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path().join("capacity.bngs"), "plan", "none");
        file.save(&Kept::new(&answer).unwrap()).unwrap();
        let again: Kept = file.load().unwrap().unwrap();
        assert_eq!(again.answer().unwrap(), answer, "version {version}");
    }
}
