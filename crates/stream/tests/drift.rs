//! Agreement with river's drift detectors; `golden/generate_drift.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Direction, Drift, DriftDetector};
use bongsu_stream::drift::Sampler;
use bongsu_stream::{Adwin, Ddm, Eddm, HddmA, HddmW, Kswin, PageHinkley};
use common::{PythonRandom, values};
use serde_json::{Value, json};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/drift.json")).unwrap()
}

/// What `build` gives on every stream of `kind`, next to what river gives.
fn for_each_stream(kind: &str, key: &str, mut check: impl FnMut(&str, &[f64], &Value)) {
    let golden = golden();
    let streams = golden[kind].as_object().unwrap();
    assert!(streams.len() >= 20);
    for (name, recipe) in streams {
        let x = values(recipe);
        let [count, sum] = [0, 1].map(|i| &golden["checks"][format!("{kind}/{name}")][i]);
        assert_eq!(x.len() as u64, count.as_u64().unwrap());
        let total = x.iter().fold(0.0, |total, x| total + x);
        assert_eq!(
            total,
            sum.as_str().unwrap().parse::<f64>().unwrap(),
            "{name}"
        );
        check(name, &x, &golden["expected"][key][name]);
    }
}

/// Where there is drift, and the stretches of warnings without it.
fn marks(detector: &mut dyn DriftDetector, x: &[f64]) -> Value {
    let mut found = Vec::new();
    let mut warned: Vec<[usize; 2]> = Vec::new();
    for (i, &value) in x.iter().enumerate() {
        match (detector.update(value).unwrap(), warned.last_mut()) {
            (Drift::Stable, _) => {}
            (Drift::Drift, _) => found.push(i),
            (Drift::Warning, Some([_, end])) if *end == i => *end = i + 1,
            (Drift::Warning, _) => warned.push([i, i + 1]),
        }
    }
    json!({ "drift": found, "warning": warned })
}

fn assert_marks<D: DriftDetector>(kind: &str, key: &str, build: impl Fn() -> D) {
    let mut drifts = 0;
    for_each_stream(kind, key, |name, x, expected| {
        let mut detector = build();
        assert_eq!(&marks(&mut detector, x), expected, "{key}/{name}");
        detector.reset();
        assert_eq!(
            &marks(&mut detector, x),
            expected,
            "{key}/{name} after a reset"
        );
        drifts += expected["drift"].as_array().unwrap().len();
    });
    assert!(drifts > 0, "{key} finds nothing anywhere");
}

fn assert_adwin(key: &str, config: &Adwin) {
    let mut drifts = 0;
    for_each_stream("real", key, |name, x, expected| {
        let mut adwin = config.build().unwrap();
        let (mut found, mut states) = (Vec::new(), Vec::new());
        for (i, &value) in x.iter().enumerate() {
            let drifted = adwin.update(value).unwrap() == Drift::Drift;
            if drifted {
                found.push(i);
            }
            if drifted || i % 211 == 0 {
                states.push([adwin.width() as f64, adwin.estimate(), adwin.variance()]);
            }
        }
        assert_eq!(json!(found), expected["drift"], "{key}/{name}");
        let numbers = expected["states"].as_str().unwrap().split(' ');
        let numbers: Vec<f64> = numbers.map(|n| n.parse().unwrap()).collect();
        assert_eq!(states.len(), numbers.len() / 3, "{key}/{name}");
        for (ours, theirs) in states.iter().zip(numbers.chunks(3)) {
            assert_eq!(ours[0], theirs[0], "{key}/{name}: width");
            let scale = theirs[1].abs().max(theirs[2].abs().sqrt());
            let mean = (ours[1] - theirs[1]).abs() <= 1e-9 * scale;
            let variance = (ours[2] - theirs[2]).abs() <= 1e-9 * theirs[2].abs().max(scale);
            assert!(mean && variance, "{key}/{name}: {ours:?}, not {theirs:?}");
        }
        drifts += found.len();
    });
    assert!(drifts > 0, "{key} finds nothing anywhere");
}

#[test]
fn adwin_equals_river() {
    assert_adwin("adwin", &Adwin::new());
    assert_adwin("adwin_keep", &Adwin::new().restart(false));
    let fine = Adwin::new().delta(0.05).unwrap().clock(1).unwrap();
    let fine = fine.max_buckets(2).unwrap().min_window_length(1).unwrap();
    assert_adwin("adwin_fine", &fine.grace_period(2));
    let coarse = Adwin::new().delta(0.3).unwrap().clock(7).unwrap();
    let coarse = coarse
        .max_buckets(11)
        .unwrap()
        .min_window_length(17)
        .unwrap();
    assert_adwin("adwin_coarse", &coarse.grace_period(100).restart(false));
}

#[test]
fn page_hinkley_equals_river() {
    let plain = PageHinkley::new();
    assert_marks("real", "page_hinkley", || plain.build().unwrap());
    let up = plain.clone().min_instances(10).delta(0.05).unwrap();
    let up = up.threshold(3.0).unwrap().alpha(0.99).unwrap();
    let up = up.direction(Direction::Up);
    assert_marks("real", "page_hinkley_up", || up.build().unwrap());
    let down = plain.delta(0.0).unwrap().threshold(5.0).unwrap();
    let down = down.alpha(1.0).unwrap().direction(Direction::Down);
    assert_marks("real", "page_hinkley_down", || down.build().unwrap());
}

#[test]
fn ddm_equals_river() {
    assert_marks("errors", "ddm", || Ddm::new().build().unwrap());
    let quick = Ddm::new().warm_start(5).warning_threshold(1.5).unwrap();
    let quick = quick.drift_threshold(2.2).unwrap();
    assert_marks("errors", "ddm_quick", || quick.build().unwrap());
}

#[test]
fn eddm_equals_river() {
    assert_marks("errors", "eddm", || Eddm::new().build().unwrap());
    let strict = Eddm::new().warm_start(10).alpha(0.8).unwrap();
    let strict = strict.beta(0.7).unwrap();
    assert_marks("errors", "eddm_strict", || strict.build().unwrap());
}

#[test]
fn hddm_equals_river() {
    assert_marks("errors", "hddm_a", || HddmA::new().build().unwrap());
    let both = HddmA::new().drift_confidence(0.01).unwrap();
    let both = both.warning_confidence(0.05).unwrap().two_sided(true);
    assert_marks("errors", "hddm_a_two_sided", || both.build().unwrap());
    assert_marks("errors", "hddm_w", || HddmW::new().build().unwrap());
    let both = HddmW::new().drift_confidence(0.01).unwrap();
    let both = both.warning_confidence(0.05).unwrap().two_sided(true);
    let both = both.lambda(0.1).unwrap();
    assert_marks("errors", "hddm_w_two_sided", || both.build().unwrap());
}

/// River's draws: Python's, seeded anew at every restart.
#[derive(Debug)]
struct RiverSampler(PythonRandom);

impl RiverSampler {
    fn new() -> Self {
        Self(PythonRandom::new(42))
    }
}

impl Sampler for RiverSampler {
    fn sample(&mut self, population: usize, places: &mut [usize]) {
        self.0.sample(population, places);
    }

    fn restart(&mut self) {
        *self = Self::new();
    }
}

#[test]
fn kswin_equals_river_with_the_same_draws() {
    let golden = golden();
    let mut sampler = RiverSampler::new();
    for (population, sample) in [70, 70, 190]
        .into_iter()
        .zip(golden["sample"].as_array().unwrap())
    {
        let mut places = vec![0; sample.as_array().unwrap().len()];
        sampler.sample(population, &mut places);
        assert_eq!(&json!(places), sample);
    }
    let kswin = Kswin::new();
    assert_marks("real", "kswin", || {
        kswin.build_with(RiverSampler::new()).unwrap()
    });
    let wide = kswin.alpha(0.0005).unwrap().window_size(260).unwrap();
    let wide = wide.stat_size(70).unwrap();
    assert_marks("real", "kswin_wide", || {
        wide.build_with(RiverSampler::new()).unwrap()
    });
}
