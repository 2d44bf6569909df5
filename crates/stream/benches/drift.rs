//! Cost of a value for each drift detector.

use std::hint::black_box;

use bongsu_core::DriftDetector;
use bongsu_stream::{
    Adwin, Ddm, DriftMethod, DriftMonitor, Eddm, HddmA, HddmW, Kswin, PageHinkley,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Errors at a rate of 0.3.
fn errors(n: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let error = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 11) as f64 / (1_u64 << 53) as f64 <= 0.3)
    };
    (0..n).map(error).collect()
}

fn update(c: &mut Criterion) {
    let values = errors(10_000);
    let mut group = c.benchmark_group("update");
    group.throughput(Throughput::Elements(values.len() as u64));
    for method in [
        DriftMethod::Adwin(Adwin::new()),
        DriftMethod::Ddm(Ddm::new()),
        DriftMethod::Eddm(Eddm::new()),
        DriftMethod::HddmA(HddmA::new()),
        DriftMethod::HddmW(HddmW::new()),
        DriftMethod::PageHinkley(PageHinkley::new()),
        DriftMethod::Kswin(Kswin::new()),
    ] {
        let Ok(detector) = method.build() else {
            continue;
        };
        group.bench_function(detector.name(), |b| {
            let mut monitor = DriftMonitor::new(detector.clone());
            b.iter(|| {
                for &x in &values {
                    let _ = black_box(monitor.update(black_box(x)));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, update);
criterion_main!(benches);
