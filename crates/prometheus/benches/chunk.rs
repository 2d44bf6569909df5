//! Chunks of remote read: 120 samples each, as Prometheus cuts them.

use std::hint::black_box;

use bongsu_core::Timestamp;
use bongsu_prometheus::decode::decode_chunk;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SAMPLES: u16 = 120;

/// Bits, the highest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, bits: u64, n: u32) {
        for i in (0..n).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(bits >> i & 1 == 1) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }
}

/// A chunk of samples every 15 s, some of them a few milliseconds late.
fn chunk(value: impl Fn(u16) -> f64) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(SAMPLES.into(), 16);
    let mut last = value(0).to_bits();
    for i in 0..SAMPLES {
        match i {
            0 => {
                bits.put(2, 8);
                bits.put(last, 64);
                continue;
            }
            // 15,000 as a varint of two bytes.
            1 => bits.put(0x9875, 16),
            i if i % 10 == 0 => bits.put(0b10 << 14 | 3, 16),
            i if i % 10 == 1 => bits.put(0b10 << 14 | 0x3ffd, 16),
            _ => bits.put(0, 1),
        }
        let next = value(i).to_bits();
        let differs = next ^ last;
        last = next;
        if differs == 0 {
            bits.put(0, 1);
            continue;
        }
        let (leading, trailing) = (differs.leading_zeros().min(31), differs.trailing_zeros());
        let significant = 64 - leading - trailing;
        bits.put(0b11, 2);
        bits.put(leading.into(), 5);
        bits.put(u64::from(significant & 63), 6);
        bits.put(differs >> trailing, significant);
    }
    bits.bytes
}

fn chunks(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunk");
    group.throughput(Throughput::Elements(SAMPLES.into()));
    let kinds: [(&str, Vec<u8>); 3] = [
        ("constant", chunk(|_| 1.0)),
        ("counter", chunk(|i| f64::from(i) * 37.0)),
        ("full digits", chunk(|i| (f64::from(i) * 0.7).sin())),
    ];
    for (name, chunk) in kinds {
        group.bench_function(name, |b| {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            b.iter(|| {
                times.clear();
                values.clear();
                let n = decode_chunk(black_box(&chunk), |time, value| {
                    times.push(time);
                    values.push(value);
                });
                assert_eq!(n, Ok(SAMPLES));
                black_box::<(&[Timestamp], &[f64])>((&times, &values));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, chunks);
criterion_main!(benches);
