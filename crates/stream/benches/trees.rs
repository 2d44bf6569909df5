//! Cost of a point for detectors of several features.

use std::hint::black_box;

use bongsu_core::StreamDetector;
use bongsu_stream::{Bound, HalfSpaceTrees, Loda, MicroClusters, RandomCutForest};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Points in the middle of the unit cube.
fn points(n: usize, features: usize) -> Vec<Vec<f64>> {
    let mut state = 1_u64;
    let mut value = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        0.3 + 0.4 * (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut point = || (0..features).map(|_| value()).collect();
    (0..n).map(|_| point()).collect()
}

type Built = bongsu_core::Result<Box<dyn StreamDetector>>;

fn detectors(features: usize) -> [(&'static str, Built); 6] {
    let bounded = || Bound::new().on(MicroClusters::new().build(features)?);
    [
        (
            "half-space trees",
            HalfSpaceTrees::new()
                .build(features)
                .map(|s| Box::new(s) as _),
        ),
        (
            "half-space trees, small",
            HalfSpaceTrees::small()
                .build(features)
                .map(|s| Box::new(s) as _),
        ),
        (
            "random cut forest",
            RandomCutForest::new()
                .build(features)
                .map(|s| Box::new(s) as _),
        ),
        (
            "micro-clusters",
            MicroClusters::new()
                .build(features)
                .map(|s| Box::new(s) as _),
        ),
        (
            "loda",
            Loda::new().build(features).map(|s| Box::new(s) as _),
        ),
        (
            "micro-clusters with a bound",
            bounded().map(|s| Box::new(s) as _),
        ),
    ]
}

fn score_then_learn(c: &mut Criterion) {
    for features in [5, 10] {
        let points = points(2_000, features);
        let mut group = c.benchmark_group(format!("score_then_learn, {features} features"));
        group.throughput(Throughput::Elements(points.len() as u64));
        for (name, stream) in detectors(features) {
            let Ok(mut stream) = stream else { continue };
            group.bench_function(name, |b| {
                b.iter(|| {
                    for x in &points {
                        let _ = black_box(stream.score_then_learn(black_box(x)));
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, score_then_learn);
criterion_main!(benches);
