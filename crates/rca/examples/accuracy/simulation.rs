//! Incidents in made-up applications of 10 to 60 services.

use bongsu_core::Timestamp;
use bongsu_rca::{Graph, Metric, Observations, Provenance};
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Exp, LogNormal, Normal, Poisson};
use rand_pcg::Pcg64;

use crate::cases::Case;

struct World {
    rng: Pcg64,
    n: usize,
}

impl World {
    fn uniform(&mut self, from: f64, to: f64) -> f64 {
        self.rng.random_range(from..to)
    }

    fn below(&mut self, from: usize, to: usize) -> usize {
        self.rng.random_range(from..to.max(from + 1))
    }

    fn chance(&mut self, p: f64) -> bool {
        self.rng.random_range(0.0..1.0) < p
    }

    fn normal(&mut self, sd: f64) -> f64 {
        Normal::new(0.0, sd).unwrap().sample(&mut self.rng)
    }

    fn lognormal(&mut self, median: f64, sd: f64) -> f64 {
        LogNormal::new(f64::ln(median), sd)
            .unwrap()
            .sample(&mut self.rng)
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 0.0 {
            Poisson::new(mean).unwrap().sample(&mut self.rng)
        } else {
            0.0
        }
    }

    /// An autoregressive series.
    fn wander(&mut self, phi: f64, sd: f64) -> Vec<f64> {
        let mut x = self.normal(sd / (1.0 - phi * phi).sqrt());
        (0..self.n)
            .map(|_| {
                x = phi * x + self.normal(sd);
                x
            })
            .collect()
    }
}

const FAULTS: [&str; 6] = ["latency", "errors", "cpu", "down", "mixed", "memory"];

/// An incident; `hard` ones are weak, short and observed rarely.
pub(crate) fn simulated(seed: u64, hard: bool, fault: bool) -> Case {
    let mut rng = Pcg64::seed_from_u64(seed + if hard { 10_000 } else { 0 });
    let pick = |rng: &mut Pcg64, range: std::ops::Range<usize>| rng.random_range(range);
    let (services, before, after) = if hard {
        (
            pick(&mut rng, 15..60),
            pick(&mut rng, 24..300),
            pick(&mut rng, 2..12),
        )
    } else {
        (
            pick(&mut rng, 10..45),
            pick(&mut rng, 30..120),
            pick(&mut rng, 8..30),
        )
    };
    let step = if hard { 300 } else { 60 };
    let mut world = World {
        rng,
        n: before + after,
    };
    let w = &mut world;
    let n = w.n;
    let kind = FAULTS[seed as usize % FAULTS.len()];
    let full = !hard || seed.is_multiple_of(2);
    // Who calls whom, and how often for each request.
    let mut calls: Vec<Vec<(usize, f64)>> = vec![Vec::new(); services];
    for i in 1..services {
        for _ in 0..1 + usize::from(w.chance(0.3)) {
            let caller = w.below((i / 3).saturating_sub(3), (i * 3 / 4).max(1));
            if calls[caller].iter().all(|(callee, _)| *callee != i) {
                let often = if hard {
                    w.lognormal(0.6, 0.7)
                } else {
                    w.uniform(0.2, 1.2)
                };
                calls[caller].push((i, often));
            }
        }
    }
    let phase = w.uniform(0.0, 6.3);
    let swing = if hard { 0.4 } else { 0.25 };
    let day = |t: usize| (std::f64::consts::TAU * (t * step) as f64 / 86_400.0 + phase).sin();
    let wander = w.wander(0.8, 0.05);
    let surge = if hard { w.uniform(0.7, 1.4) } else { 1.0 };
    let load: Vec<f64> = (0..n)
        .map(|t| 100.0 * (swing * day(t) + wander[t]).exp() * if t >= before { surge } else { 1.0 })
        .collect();
    let root = w.below(1, services);
    let severity = if hard {
        w.uniform(0.3, 2.5)
    } else {
        w.uniform(0.4, 5.0)
    };
    let shake = w.wander(0.3, 0.12);
    let force: Vec<f64> = (0..n)
        .map(|t| {
            if fault && t >= before {
                severity * (1.0 + shake[t]).clamp(0.3, 2.0)
            } else {
                0.0
            }
        })
        .collect();
    let mut latency = vec![vec![0.0; n]; services];
    let mut errors = vec![vec![0.0; n]; services];
    for s in 0..services {
        let base = w.lognormal(10.0, 0.9);
        let noise = w.uniform(0.02, if hard { 0.25 } else { 0.15 });
        let own = w.wander(0.5, noise);
        let rate = Exp::new(1.0 / w.uniform(0.0001, 0.003)).unwrap();
        let unrelated = hard && w.chance(0.06);
        let (since, factor) = (w.below(before / 2, before), w.uniform(0.7, 1.4));
        for t in 0..n {
            let spike = if w.chance(0.015) {
                w.uniform(1.5, 8.0)
            } else {
                1.0
            };
            let shift = if unrelated && t >= since { factor } else { 1.0 };
            latency[s][t] = base * own[t].exp() * (load[t] / 100.0).powf(0.3) * spike * shift;
            errors[s][t] = rate.sample(&mut w.rng);
        }
    }
    let at_root = |kinds: &[&str], t: usize| if kinds.contains(&kind) { force[t] } else { 0.0 };
    for t in 0..n {
        let slow = at_root(&["latency"], t) * 2.5
            + at_root(&["cpu"], t)
            + at_root(&["mixed"], t) * 1.5
            + at_root(&["memory"], t) * 0.3;
        latency[root][t] *= 1.0 + slow;
        errors[root][t] += at_root(&["errors"], t) * 0.06 + at_root(&["mixed"], t) * 0.02;
        if at_root(&["down"], t) > 0.0 {
            errors[root][t] = 0.9;
        }
        errors[root][t] = errors[root][t].clamp(0.0, 0.95);
    }
    let own_errors = errors.clone();
    for s in (0..services).rev() {
        for &(callee, often) in &calls[s] {
            for t in 0..n {
                latency[s][t] += often * latency[callee][t];
                errors[s][t] =
                    1.0 - (1.0 - errors[s][t]) * (1.0 - errors[callee][t] * often.min(1.0));
            }
        }
    }
    let mut requests = vec![vec![0.0; n]; services];
    requests[0] = load;
    for s in 0..services {
        for &(callee, often) in &calls[s] {
            for t in 0..n {
                let retries = 1.0 + 0.5 * errors[callee][t];
                requests[callee][t] +=
                    often * requests[s][t] * (1.0 - 0.7 * own_errors[s][t]) * retries;
            }
        }
    }
    observe(
        w,
        &Shape {
            kind,
            full,
            hard,
            before,
            step,
            root,
        },
        &force,
        &calls,
        [&requests, &latency, &errors],
    )
}

struct Shape {
    kind: &'static str,
    full: bool,
    hard: bool,
    before: usize,
    step: usize,
    root: usize,
}

fn observe(
    w: &mut World,
    shape: &Shape,
    force: &[f64],
    calls: &[Vec<(usize, f64)>],
    [requests, latency, errors]: [&Vec<Vec<f64>>; 3],
) -> Case {
    let n = w.n;
    let mut metrics = Vec::new();
    let mut columns = Vec::new();
    for s in 0..calls.len() {
        let name = format!("s{s}");
        let counted = 0.2 * shape.step as f64;
        let holes = w.chance(0.15);
        let mut put = |w: &mut World, metric: String, mut values: Vec<f64>| {
            if holes {
                for x in &mut values {
                    if w.chance(0.1) {
                        *x = f64::NAN;
                    }
                }
            }
            metrics.push(Metric::new(&name, metric));
            columns.push(values);
        };
        let seen: Vec<f64> = (0..n)
            .map(|t| w.poisson(requests[s][t] * counted))
            .collect();
        let failed: Vec<f64> = (0..n)
            .map(|t| w.poisson(errors[s][t] * requests[s][t] * counted))
            .collect();
        let mean: Vec<f64> = (0..n)
            .map(|t| latency[s][t] * w.normal(0.02).exp())
            .collect();
        let slow: Vec<f64> = (0..n)
            .map(|t| latency[s][t] * (0.8 + w.normal(0.12)).exp())
            .collect();
        put(
            w,
            "requests".into(),
            seen.iter().map(|x| x / counted).collect(),
        );
        put(w, "latency_mean".into(), mean);
        put(w, "latency_p95".into(), slow);
        if shape.full {
            put(
                w,
                "errors".into(),
                failed.iter().map(|x| x / counted).collect(),
            );
            for pod in 0..w.below(1, 4) {
                let is_root = s == shape.root;
                let (cost, memory) = (w.uniform(0.0005, 0.01), w.lognormal(2e8, 0.7));
                let drift = w.wander(0.95, 0.005);
                let cpu = (0..n).map(|t| {
                    let hog = if is_root && shape.kind == "cpu" {
                        1.5 * force[t]
                    } else {
                        0.0
                    };
                    let gone = if is_root && shape.kind == "down" && force[t] > 0.0 {
                        0.1
                    } else {
                        1.0
                    };
                    cost * requests[s][t] * (1.0 + hog) * gone * w.normal(0.1).exp()
                });
                let cpu = cpu.collect();
                put(w, format!("cpu{pod}"), cpu);
                let used = (0..n).map(|t| {
                    let leak = if is_root && shape.kind == "memory" {
                        0.5 * force[t] * ((t + 1 - shape.before.min(t)) as f64 / 10.0).min(1.0)
                    } else {
                        0.0
                    };
                    memory * (1.0 + drift[t] + leak)
                });
                put(w, format!("memory{pod}"), used.collect());
            }
        } else {
            let up = seen
                .iter()
                .zip(&failed)
                .map(|(seen, failed)| 100.0 * (1.0 - failed / seen.max(1.0)));
            put(w, "availability".into(), up.collect());
        }
    }
    let mut graph = Graph::new();
    for (s, list) in calls.iter().enumerate() {
        for (callee, _) in list {
            graph.add(
                &format!("s{s}"),
                &format!("s{callee}"),
                Provenance::Configured,
            );
        }
    }
    let time = |t: usize| Timestamp::from_secs((t * shape.step) as i64);
    Case {
        set: if shape.hard { "hard" } else { "synthetic" },
        kind: shape.kind.to_owned(),
        root: format!("s{}", shape.root),
        data: Observations::new((0..n).map(time).collect(), metrics, columns).unwrap(),
        apart: None,
        onset: time(shape.before),
        graph,
    }
}
