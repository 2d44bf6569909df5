//! Cost of a fit and of a forecast of the Prophet model.

use std::hint::black_box;

use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, Series, Timestamp};
use bongsu_forecast::Prophet;
use bongsu_forecast::prophet::Mode;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// Daily and weekly waves on a slow trend with deterministic noise, every `step` seconds.
fn metric(n: i64, step: i64) -> Series {
    let mut state = 1_u64;
    let value = |i: i64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let days = (i * step) as f64 / 86_400.0;
        let angle = std::f64::consts::TAU * days;
        60.0 + 0.4 * days + 8.0 * angle.sin() + 4.0 * (angle / 7.0).cos() + 4.0 * noise
    };
    let values = (0..n).map(value).collect();
    let times = (0..n).map(|i| Timestamp::from_secs(1_704_067_200 + step * i));
    Series::new(Labels::empty(), times.collect(), values).unwrap_or(Series::empty(Labels::empty()))
}

fn prophet(c: &mut Criterion) {
    let mut group = c.benchmark_group("prophet");
    group.sample_size(10);
    for mode in [Mode::Additive, Mode::Multiplicative] {
        let model = Prophet::new().seasonality_mode(mode);
        for (n, step) in [(1440, 3600), (8640, 300)] {
            let series = metric(n, step);
            let name = BenchmarkId::new(format!("fit {mode}"), n);
            group.bench_function(name, |b| {
                b.iter(|| model.fit(black_box(&series.view())).is_ok());
            });
        }
    }
    if let Ok(fitted) = Prophet::new().fit(&metric(8640, 300).view()) {
        let request = ForecastRequest::steps(288).levels(&[0.95]);
        group.bench_function("forecast 288 steps", |b| {
            b.iter(|| fitted.forecast(black_box(&request)).is_ok());
        });
    }
    group.finish();
}

criterion_group!(benches, prophet);
criterion_main!(benches);
