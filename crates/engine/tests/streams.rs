//! What every detector that learns point by point promises, and every drift detector: it goes on
//! after a restart as if it had never stopped, finds what is planted, takes no harm from bad input,
//! and settles at a new level.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;

use bongsu_core::{Drift, DriftDetector as _, Snapshot, StreamDetector as _, Timestamp, snapshot};
use bongsu_engine::registry::{self, DetectorSpec, Input, Learns, StreamState, drift};
use bongsu_stream::DriftState;
use serde::{Deserialize, Serialize};

/// A state as it lies in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved(StreamState);

impl Snapshot for Saved {
    const KIND: &'static str = "test.saved";
    const VERSION: u16 = 1;

    fn validate(&self) -> bongsu_core::Result<()> {
        self.0.validate()
    }
}

/// `SplitMix64`: numbers that are the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, with mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Different numbers below `n`, in order.
    fn below(&mut self, n: usize, how_many: usize) -> Vec<usize> {
        let mut all = std::collections::BTreeSet::new();
        while all.len() < how_many {
            all.insert((self.next() % n as u64) as usize);
        }
        all.into_iter().collect()
    }
}

fn online() -> impl Iterator<Item = &'static DetectorSpec> {
    registry::detectors().filter(|spec| spec.learns() != Learns::OnManyRows)
}

fn features(spec: &DetectorSpec) -> usize {
    match spec.input {
        Input::Table | Input::TableSeries => 3,
        Input::Column | Input::Series => 1,
    }
}

/// A detector with its defaults, but with no more points to begin with than it needs.
fn build(spec: &DetectorSpec) -> StreamState {
    let set: &[(&str, &str)] = match spec.name {
        "spot" => &[("calibration", "500")],
        "spectral-residual" => &[("window", "64")],
        "rcf" => &[("trees", "20"), ("sample_size", "128")],
        "autoencoder" => &[("history", "300"), ("epochs", "20"), ("units", "8,2")],
        "vae" => &[
            ("history", "300"),
            ("epochs", "20"),
            ("units", "8"),
            ("latent", "2"),
        ],
        "lstm-autoencoder" | "gru-autoencoder" | "lstm-forecast" => &[
            ("history", "300"),
            ("epochs", "4"),
            ("units", "8,4"),
            ("sequence", "8"),
        ],
        _ => &[],
    };
    let given: BTreeMap<String, String> = set
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    registry::build(spec.name, &given).unwrap()
}

/// Points about 0.4, between 0 and 1, a minute apart.
fn point(numbers: &mut Numbers, features: usize) -> Vec<f64> {
    (0..features)
        .map(|_| 0.4 + 0.03 * numbers.normal())
        .collect()
}

fn feed(state: &mut StreamState, i: usize, x: &[f64]) -> Option<f64> {
    state.set_time(Timestamp::from_secs(60 * i as i64));
    state.score_then_learn(x).unwrap().ready()
}

#[test]
fn a_restart_changes_nothing_at_any_point() {
    const POINTS: usize = 1_200;
    const AFTER: usize = 40;
    for spec in online() {
        let mut numbers = Numbers(11);
        let stops = numbers.below(POINTS - AFTER, 50);
        let mut whole = build(spec);
        let mut restored: Vec<(usize, StreamState)> = Vec::new();
        for i in 0..POINTS {
            if stops.contains(&i) {
                let bytes = snapshot::to_bytes(&Saved(whole.clone())).unwrap();
                let Saved(state) = snapshot::from_bytes(&bytes).unwrap();
                assert_eq!(snapshot::to_bytes(&Saved(state.clone())).unwrap(), bytes);
                restored.push((i, state));
            }
            let mut x = point(&mut numbers, features(spec));
            if i % 300 == 299 {
                x[0] = 0.9;
            }
            let score = feed(&mut whole, i, &x);
            for (k, state) in &mut restored {
                let again = feed(state, i, &x);
                let name = spec.name;
                assert_eq!(
                    again.map(f64::to_bits),
                    score.map(f64::to_bits),
                    "{name}, {k}"
                );
            }
            restored.retain(|(k, state)| {
                let is_over = i == k + AFTER;
                assert!(
                    !is_over || *state == whole,
                    "{} stopped after {k}",
                    spec.name
                );
                !is_over
            });
        }
    }
}

#[test]
fn a_planted_outlier_stands_out_from_normal_scores() {
    for spec in online() {
        let mut numbers = Numbers(23);
        let mut state = build(spec);
        let mut normal = Vec::new();
        for i in 0..1_600 {
            normal.extend(feed(&mut state, i, &point(&mut numbers, features(spec))));
        }
        let mut normal = normal.split_off(normal.len().saturating_sub(500));
        assert_eq!(normal.len(), 500, "{} is still warming up", spec.name);
        normal.sort_by(f64::total_cmp);
        // A test of two windows sees a window of outliers, any other a single one.
        let outliers = if spec.name == "two-window" { 30 } else { 1 };
        let mut planted = None;
        for i in 1_600..1_600 + outliers {
            planted = feed(&mut state, i, &vec![0.85; features(spec)]);
        }
        let planted = planted.unwrap();
        assert!(
            planted > normal[495],
            "{}: {planted} among {}",
            spec.name,
            normal[495]
        );
    }
}

#[test]
fn bad_points_are_refused_and_change_nothing() {
    for spec in online() {
        let mut numbers = Numbers(5);
        let mut state = build(spec);
        let n = features(spec);
        for i in 0..600 {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut x = vec![0.4; n];
                x[n - 1] = bad;
                if i % 200 != 0 {
                    continue;
                }
                let before = state.clone();
                assert!(state.score(&x).is_err(), "{} scores {bad}", spec.name);
                assert!(state.learn(&x).is_err(), "{} learns {bad}", spec.name);
                assert!(
                    state.score_then_learn(&x).is_err(),
                    "{} takes {bad}",
                    spec.name
                );
                assert!(state == before, "{} was changed by {bad}", spec.name);
            }
            // Before its first point a detector of tables takes any number of features.
            let others = [Some(Vec::new()), (i > 0).then(|| vec![0.4; n + 1])];
            for x in others.into_iter().flatten().filter(|_| i % 200 == 0) {
                let before = state.clone();
                let len = x.len();
                assert!(
                    state.score(&x).is_err(),
                    "{} scores {len} features",
                    spec.name
                );
                assert!(
                    state.learn(&x).is_err(),
                    "{} learns {len} features",
                    spec.name
                );
                assert!(
                    state.score_then_learn(&x).is_err(),
                    "{} takes {len}",
                    spec.name
                );
                assert!(
                    state == before,
                    "{} was changed by {len} features",
                    spec.name
                );
            }
            feed(&mut state, i, &point(&mut numbers, n));
        }
        state.reset();
        assert_eq!(state.seen(), 0);
        assert!(
            state == build(spec),
            "{} keeps something after a reset",
            spec.name
        );
    }
}

/// After how many points of a level ten deviations higher a detector that says what it expects is
/// settled: no alarm follows within 30 points.
const SETTLES: &[(&str, usize)] = &[
    ("zscore", 15),
    ("robust-z", 50),
    ("iqr", 35),
    ("ewma", 5),
    ("cusum", 5),
    ("spot", 45),
    ("bocpd", 5),
    ("auto-stream", 15),
    ("online-mad", 5),
    ("seasonal-profile", 5),
    ("holt-winters", 5),
    ("forecast", 5),
];

#[test]
fn a_new_level_is_settled_at_within_a_stated_number_of_points() {
    let mut seen = Vec::new();
    for spec in online() {
        let mut numbers = Numbers(31);
        let mut state = build(spec);
        for i in 0..1_500 {
            feed(&mut state, i, &point(&mut numbers, features(spec)));
        }
        if state.expectation().is_none() {
            continue;
        }
        let bound = state.threshold().unwrap();
        let mut settled = 0;
        for i in 0..600 {
            let x: Vec<f64> = point(&mut numbers, 1).iter().map(|x| x + 0.3).collect();
            let score = feed(&mut state, 1_500 + i, &x);
            if score.is_some_and(|score| score > bound) && i < settled + 30 {
                settled = i + 1;
            }
        }
        seen.push((spec.name, settled));
    }
    let names = |table: &[(&'static str, usize)]| -> Vec<&str> {
        table.iter().map(|&(name, _)| name).collect()
    };
    assert_eq!(names(&seen), names(SETTLES), "{seen:?}");
    for (&(name, settled), &(_, most)) in seen.iter().zip(SETTLES) {
        // To change points a new level is one of the things that they expect.
        assert!(settled > 0 || name == "bocpd", "{name} does not notice it");
        assert!(
            settled <= most,
            "{name} alarms for {settled} points: {seen:?}"
        );
    }
}

/// Errors that become more frequent.
fn error(numbers: &mut Numbers, i: usize) -> f64 {
    let rate = if i % 600 < 300 { 0.1 } else { 0.6 };
    f64::from(u8::from(numbers.unit() < rate))
}

#[test]
fn drift_detectors_go_on_after_a_restart_and_refuse_bad_values() {
    const VALUES: usize = 1_500;
    const AFTER: usize = 200;
    for spec in drift::DRIFT_DETECTORS {
        let mut numbers = Numbers(3);
        let stops = numbers.below(VALUES - AFTER, 50);
        let mut whole = drift::method(spec.name, &BTreeMap::new())
            .unwrap()
            .build()
            .unwrap();
        let mut restored: Vec<(usize, DriftState)> = Vec::new();
        let mut drifts = 0;
        for i in 0..VALUES {
            if stops.contains(&i) {
                let bytes = snapshot::to_bytes(&whole).unwrap();
                restored.push((i, snapshot::from_bytes(&bytes).unwrap()));
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let before = whole.clone();
                    assert!(whole.update(bad).is_err(), "{} takes {bad}", spec.name);
                    assert!(whole == before, "{} was changed by {bad}", spec.name);
                }
            }
            let x = error(&mut numbers, i);
            let state = whole.update(x).unwrap();
            drifts += usize::from(state == Drift::Drift);
            for (k, other) in &mut restored {
                assert_eq!(
                    other.update(x).unwrap(),
                    state,
                    "{} stopped after {k}",
                    spec.name
                );
            }
            restored.retain(|(k, other)| {
                let is_over = i == k + AFTER;
                assert!(
                    !is_over || *other == whole,
                    "{} stopped after {k}",
                    spec.name
                );
                !is_over
            });
        }
        assert!(drifts > 0, "{} found nothing", spec.name);
    }
}
