//! Cost of a point for online detectors of one metric.

use std::hint::black_box;

use bongsu_core::StreamDetector;
use bongsu_stats::Ewma;
use bongsu_stream::{AutoStream, HoltWinters, OnlineMad};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A season of 288 points with noise.
fn points(n: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let wave = |i: usize| 10.0 * (std::f64::consts::TAU * i as f64 / 288.0).sin();
    (0..n).map(|i| 50.0 + wave(i) + noise()).collect()
}

fn score_then_learn(c: &mut Criterion) {
    let points = points(10_000);
    let mut group = c.benchmark_group("score_then_learn");
    group.throughput(Throughput::Elements(points.len() as u64));
    let season = HoltWinters::new().period(288);
    let built: [(&str, bongsu_core::Result<Box<dyn StreamDetector>>); 4] = [
        (
            "automatic",
            AutoStream::new().build().map(|s| Box::new(s) as _),
        ),
        ("ewma", Ewma::new().build().map(|s| Box::new(s) as _)),
        (
            "online MAD",
            OnlineMad::new().build().map(|s| Box::new(s) as _),
        ),
        (
            "Holt-Winters",
            season.and_then(|s| s.build()).map(|s| Box::new(s) as _),
        ),
    ];
    for (name, stream) in built {
        let Ok(mut stream) = stream else { continue };
        group.bench_function(name, |b| {
            b.iter(|| {
                for &x in &points {
                    let _ = black_box(stream.score_then_learn(black_box(&[x])));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, score_then_learn);
criterion_main!(benches);
