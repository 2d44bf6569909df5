//! What the suppression costs: verdicts a second, a storm, and many known alerts.
//!
//! The memory of 100,000 known alerts is printed as the size of their snapshot.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may stop at the first surprise"
)]
#![allow(clippy::print_stdout, reason = "it reports a size")]

use std::hint::black_box;

use bongsu_alert::{Lifecycle, Policy, RoutingConfig, RoutingTree, SuppressConfig, Suppressor};
use bongsu_core::{Labels, Timestamp, Verdict, snapshot};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const ROUTING: &str = r#"{
    "route": {
        "receiver": "chat", "group_by": ["job"],
        "routes": [
            {"receiver": "pager", "matchers": ["severity=~\"major|critical\""], "continue": true},
            {"receiver": "each", "matchers": ["job=~\"db|cache\""], "group_by": ["..."]}
        ]
    },
    "receivers": [{"name": "chat"}, {"name": "pager"}, {"name": "each"}],
    "inhibit_rules": [
        {"source_matchers": ["role=\"switch\""], "target_matchers": ["role=\"host\""], "equal": ["rack"]}
    ]
}"#;

const SUPPRESS: &str = r#"{
    "mutes": [{"name": "night", "matchers": ["job=\"backup\""],
               "time_intervals": [{"times": [{"start_time": "02:00", "end_time": "04:00"}],
                                   "location": "Asia/Seoul"}]}],
    "escalation": [{"after": "1h", "severity": "major"}],
    "budget": {"rate": {"burst": 20, "every": "1m"}}
}"#;

fn suppressor() -> Suppressor {
    let routing: RoutingConfig = serde_json::from_str(ROUTING).unwrap();
    let config: SuppressConfig = serde_json::from_str(SUPPRESS).unwrap();
    Suppressor::new(&config, RoutingTree::new(&routing).unwrap()).unwrap()
}

fn series(n: usize) -> Vec<Labels> {
    let jobs = ["api", "db", "cache", "web"];
    let labels = |i: usize| {
        Labels::from_pairs([
            ("__name__", "request_latency_seconds".to_owned()),
            ("instance", format!("10.0.{}.{}:9100", i / 250, i % 250)),
            ("job", jobs.get(i % 4).unwrap().to_string()),
            ("query", "latency".to_owned()),
            ("rack", format!("r{}", i / 40)),
        ])
        .unwrap()
    };
    (0..n).map(labels).collect()
}

fn verdict(labels: &Labels, second: i64, score: f64) -> Verdict {
    Verdict {
        value: Some(score),
        score: Some(score),
        expected: Some(0.5),
        lower: Some(0.0),
        upper: Some(1.0),
        anomalous: score > 1.0,
        ..Verdict::unjudged(Timestamp::from_secs(second), labels.clone())
    }
}

/// One step of all series through lifecycle and suppression; the number of messages.
fn step(
    lifecycle: &mut Lifecycle,
    suppressor: &mut Suppressor,
    series: &[Labels],
    second: i64,
    score: impl Fn(usize) -> f64,
) -> usize {
    let policy = Policy::default();
    for (i, labels) in series.iter().enumerate() {
        let verdict = verdict(labels, second, score(i));
        let transition = lifecycle.observe(labels, &policy, &verdict).unwrap();
        suppressor.observe(labels, &verdict, transition.as_ref());
    }
    suppressor.tick(Timestamp::from_secs(second)).len()
}

fn verdicts(c: &mut Criterion) {
    let mut group = c.benchmark_group("suppress/verdicts");
    let series = series(10_000);
    group.throughput(Throughput::Elements(10_000));
    for (name, period) in [("normal", usize::MAX), ("one_in_a_hundred_fires", 100)] {
        let (mut lifecycle, mut suppressor) = (Lifecycle::new(), suppressor());
        let mut second = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                second += 15;
                let score = |i: usize| if i % period == period - 1 { 3.0 } else { 0.3 };
                step(&mut lifecycle, &mut suppressor, &series, second, score)
            });
        });
    }
    // The lifecycle alone, to know what the suppression adds.
    let (mut lifecycle, mut second) = (Lifecycle::new(), 0);
    group.bench_function("normal_without_suppression", |b| {
        b.iter(|| {
            second += 15;
            for labels in &series {
                let verdict = verdict(labels, second, 0.3);
                let policy = Policy::default();
                let _ = black_box(lifecycle.observe(labels, &policy, &verdict));
            }
        });
    });
    group.finish();
}

fn storm(c: &mut Criterion) {
    let mut group = c.benchmark_group("suppress/storm");
    let series = series(5_000);
    group.throughput(Throughput::Elements(5_000));
    group.bench_function("fires_and_is_told", |b| {
        b.iter_batched(
            || (Lifecycle::new(), suppressor()),
            |(mut lifecycle, mut suppressor)| {
                let pages = step(&mut lifecycle, &mut suppressor, &series, 0, |_| 3.0);
                let later = suppressor.tick(Timestamp::from_secs(30));
                let digest = suppressor.tick(Timestamp::from_secs(120));
                (pages, later, digest, lifecycle, suppressor)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn many(c: &mut Criterion) {
    let series = series(100_000);
    let (mut lifecycle, mut suppressor) = (Lifecycle::new(), suppressor());
    step(&mut lifecycle, &mut suppressor, &series, 0, |_| 3.0);
    let mut second = 30;
    suppressor.tick(Timestamp::from_secs(second));
    let status = suppressor.status();
    let bytes = snapshot::to_bytes(suppressor.state()).unwrap().len();
    println!(
        "{} alerts in {} groups: {bytes} bytes of snapshot",
        status.alerts, status.groups
    );
    let mut group = c.benchmark_group("suppress/known_100_000");
    group.sample_size(10);
    group.bench_function("look_at_all_groups", |b| {
        b.iter(|| {
            second += 300;
            suppressor.tick(Timestamp::from_secs(second)).len()
        });
    });
    group.bench_function("copy_the_state", |b| b.iter(|| suppressor.state().clone()));
    group.finish();
}

criterion_group!(benches, verdicts, storm, many);
criterion_main!(benches);
