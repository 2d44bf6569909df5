//! Cost of a point for detectors made of trees.

use std::hint::black_box;

use bongsu_core::StreamDetector;
use bongsu_stream::{HalfSpaceTrees, RandomCutForest};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Points of ten features in the middle of the unit cube.
fn points(n: usize) -> Vec<[f64; 10]> {
    let mut state = 1_u64;
    let mut value = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        0.3 + 0.4 * (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..n).map(|_| std::array::from_fn(|_| value())).collect()
}

fn score_then_learn(c: &mut Criterion) {
    let points = points(2_000);
    let mut group = c.benchmark_group("score_then_learn");
    group.throughput(Throughput::Elements(points.len() as u64));
    let built: [(&str, bongsu_core::Result<Box<dyn StreamDetector>>); 3] = [
        (
            "half-space trees",
            HalfSpaceTrees::new().build(10).map(|s| Box::new(s) as _),
        ),
        (
            "half-space trees, small",
            HalfSpaceTrees::small().build(10).map(|s| Box::new(s) as _),
        ),
        (
            "random cut forest",
            RandomCutForest::new().build(10).map(|s| Box::new(s) as _),
        ),
    ];
    for (name, stream) in built {
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

criterion_group!(benches, score_then_learn);
criterion_main!(benches);
