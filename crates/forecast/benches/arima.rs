//! ARIMA: one fit, one with a season, the automatic choice.

use std::hint::black_box;

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_forecast::arima::{Arima, AutoArima, Orders};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;

/// A random walk whose steps are correlated, and a season of this height.
fn series(n: usize, height: f64) -> Series {
    let mut random = Pcg64::seed_from_u64(1);
    let mut draw = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
    let (mut level, mut step) = (0.0, 0.0);
    let values = (0..n).map(|i| {
        step = 0.5 * step + draw();
        level += step;
        level + height * (i as f64 * std::f64::consts::TAU / 24.0).sin()
    });
    let values: Vec<f64> = values.collect();
    let times = (0..n as i64).map(Timestamp::from_secs).collect();
    Series::new(Labels::empty(), times, values).unwrap_or_else(|_| Series::empty(Labels::empty()))
}

fn arima(c: &mut Criterion) {
    let mut group = c.benchmark_group("arima");
    group.sample_size(10);
    let walk = series(500, 0.0);
    group.bench_function("fit (2,1,2), n=500", |b| {
        let config = Arima::new(Orders::new(2, 1, 2));
        b.iter(|| config.fit(&black_box(&walk).view()));
    });
    let hourly = series(480, 5.0);
    group.bench_function("fit (1,0,1)(0,1,1)24, n=480", |b| {
        let config = Arima::new(Orders::new(1, 0, 1).seasonal(0, 1, 1, 24));
        b.iter(|| config.fit(&black_box(&hourly).view()));
    });
    group.bench_function("automatic, n=500", |b| {
        b.iter(|| AutoArima::new().fit(&black_box(&walk).view()));
    });
    group.finish();
}

criterion_group!(benches, arima);
criterion_main!(benches);
