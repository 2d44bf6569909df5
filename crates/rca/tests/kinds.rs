//! Every kind of incident on cases of its own, at three steps, and none of them where nothing happens.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod support;

use bongsu_core::Timestamp;
use bongsu_rca::pattern::PatternMatch;
use bongsu_rca::{Graph, Metric, Observations, Options, Provenance, analyse_observations};
use support::noise;

/// The seconds between two moments.
const STEPS: [usize; 3] = [10, 60, 300];

/// So many cases a kind and step.
const SEEDS: usize = 5;

/// Noise of standard deviation 1, next to normal: the sum of twelve uniform numbers.
fn normal(i: usize, seed: usize) -> f64 {
    (0..12).map(|k| noise(12 * i + k, seed)).sum()
}

/// A value by the seconds since the onset and the noise of the moment.
type Value = Box<dyn Fn(f64, f64) -> f64>;

/// Metrics around an onset, each by the seconds since it and the noise of that moment.
struct Case {
    step: usize,
    seed: usize,
    /// Hours before and after the onset.
    hours: [usize; 2],
    metrics: Vec<(&'static str, Value)>,
}

impl Case {
    fn new(step: usize, seed: usize) -> Self {
        Self {
            step,
            seed,
            hours: [6, 2],
            metrics: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, value: impl Fn(f64, f64) -> f64 + 'static) -> Self {
        self.metrics.push((name, Box::new(value)));
        self
    }

    /// A service that answers slowly from the onset on.
    fn slow(self) -> Self {
        self.with("web:latency", |t, noise| {
            20.0 + noise + if t < 0.0 { 0.0 } else { 30.0 }
        })
    }

    fn found(&self) -> Vec<PatternMatch> {
        let [before, after] = self.hours.map(|hours| 3_600 * hours / self.step);
        let seconds = |i: usize| (i as f64 - before as f64) * self.step as f64;
        let columns = self.metrics.iter().enumerate().map(|(m, (_, value))| {
            let seed = 100 * self.seed + m;
            (0..before + after)
                .map(|i| value(seconds(i), normal(i, seed)))
                .collect()
        });
        let metrics = self.metrics.iter();
        let metrics = metrics.map(|(name, _)| Metric::parse(name, ":").unwrap());
        let times = (0..before + after).map(|i| Timestamp::from_secs((self.step * i) as i64));
        let data = Observations::new(times.collect(), metrics.collect(), columns.collect());
        let mut graph = Graph::new();
        if self
            .metrics
            .iter()
            .any(|(name, _)| name.starts_with("shop:"))
        {
            graph.add("shop", "cart", Provenance::Configured);
            graph.add("cart", "store", Provenance::Configured);
        }
        let onset = Some(Timestamp::from_secs((self.step * before) as i64));
        let data = data.unwrap();
        let report = analyse_observations(&data, None, onset, &graph, &Options::default());
        report.unwrap().patterns
    }
}

/// Whether every case of a kind is named so, of the services that show it.
fn all_are(kind: &str, services: &[&str], case: impl Fn(usize, usize) -> Case) {
    let mut missed = Vec::new();
    for step in STEPS {
        for seed in 0..SEEDS {
            let found = case(step, seed).found();
            let shows = |p: &PatternMatch| p.pattern == kind && p.services == services;
            if !found.iter().any(shows) {
                let names = found.iter().map(|p| (p.pattern.clone(), p.confidence));
                missed.push((step, seed, names.collect::<Vec<_>>()));
            }
        }
    }
    assert!(missed.is_empty(), "{}: {missed:?}", missed.len());
}

fn daily(t: f64) -> f64 {
    (std::f64::consts::TAU * t / 86_400.0).sin()
}

#[test]
fn a_leak_beneath_a_daily_season() {
    // The season falls by up to 26 an hour or rises so; the leak is 60 an hour.
    all_are("memory_leak", &["web"], |step, seed| {
        let mut case = Case::new(step, seed);
        case.hours = [72, 1];
        let phase = 17_280.0 * seed as f64;
        case.with("web:heap", move |t, noise| {
            500.0 + 100.0 * daily(t + phase) + 3.0 * noise + t.max(0.0) / 60.0
        })
    });
}

#[test]
fn a_spike_of_five_minutes() {
    // Of a single moment of five minutes it cannot be told whether it lasted: there it is five of them.
    all_are("cpu_spike", &["web"], |step, seed| {
        let length = if step == 300 { 1_500.0 } else { 300.0 };
        let mut case = Case::new(step, seed);
        case.hours[1] = 1;
        case.with("web:cpu", move |t, noise| {
            let high = (0.0..length).contains(&t);
            20.0 + 2.0 * noise + if high { 60.0 } else { 0.0 }
        })
    });
}

#[test]
fn a_shift_of_the_level() {
    all_are("level_shift", &["web"], |step, seed| {
        let by = [12.0, -12.0][seed % 2];
        Case::new(step, seed).with("web:requests", move |t, noise| {
            100.0 + 2.0 * noise + if t < 0.0 { 0.0 } else { by }
        })
    });
}

#[test]
fn overload_again_and_again() {
    // For a third of each cycle since the onset, of twelve moments or five minutes.
    all_are("periodic_overload", &["web"], |step, seed| {
        let cycle = (12.0 * step as f64).max(300.0);
        let mut case = Case::new(step, seed);
        case.hours[1] = (2 * step / 60).max(2);
        case.with("web:queue", move |t, noise| {
            let high = t >= 0.0 && t.rem_euclid(cycle) < cycle / 3.0;
            10.0 + 2.0 * noise + if high { 60.0 } else { 0.0 }
        })
    });
}

#[test]
fn a_limit_that_is_reached() {
    // It grows for half an hour and then stays below what it cannot pass.
    all_are("saturation", &["web"], |step, seed| {
        Case::new(step, seed).with("web:pool", |t, noise| {
            (20.0 + 2.0 * noise + 80.0 * t.max(0.0) / 1_800.0).min(100.0 - 0.2 * noise.abs())
        })
    });
}

#[test]
fn what_is_gone() {
    all_are("drop_to_absent", &["web"], |step, seed| {
        let gone = [f64::NAN, 0.0][seed % 2];
        Case::new(step, seed).with("web:requests", move |t, noise| {
            if t < 0.0 { 100.0 + 5.0 * noise } else { gone }
        })
    });
}

#[test]
fn a_cascade_of_three() {
    all_are(
        "cascading_failure",
        &["store", "cart", "shop"],
        |step, seed| {
            let fails = |after: f64| {
                move |t: f64, noise: f64| 5.0 + noise + if t < after { 0.0 } else { 20.0 }
            };
            let case = Case::new(step, seed).with("shop:errors", fails(600.0));
            case.with("cart:errors", fails(300.0))
                .with("store:errors", fails(0.0))
        },
    );
}

#[test]
fn a_change_of_the_version() {
    // Five minutes before the onset, and hours before that.
    all_are("deployment_change", &["app"], |step, seed| {
        let earlier = -3_600.0 * (1 + seed) as f64;
        let case = Case::new(step, seed).slow();
        case.with("app:generation", move |t, _| {
            351.0 + f64::from(u8::from(t >= earlier)) + f64::from(u8::from(t >= -300.0))
        })
    });
}

#[test]
fn nothing_is_found_where_nothing_happens() {
    for step in STEPS {
        for seed in 0..SEEDS {
            let mut case = Case::new(step, seed);
            case.hours = [72, 2];
            let phase = 17_280.0 * seed as f64;
            for name in ["web:heap", "web:cpu", "web:queue", "web:requests"] {
                case = case.with(name, |_, noise| 100.0 + 5.0 * noise);
            }
            for name in ["shop:errors", "cart:errors", "store:errors"] {
                case = case.with(name, |_, noise| noise.max(0.0));
            }
            for name in ["app:cpu", "app:heap"] {
                case = case.with(name, move |t, noise| {
                    500.0 + 100.0 * daily(t + phase) + 3.0 * noise
                });
            }
            let case = case.with("app:generation", |_, _| 351.0);
            let found = case.found();
            assert!(found.is_empty(), "{step} {seed}: {found:#?}");
        }
    }
}
