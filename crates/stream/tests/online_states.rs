//! States of online detectors of one metric: left alone by bad input, continued bit for bit, and
//! refused when they are damaged.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{ScalePrior, Snapshot, StreamDetector, Timestamp, snapshot};
use bongsu_stats::Ewma;
use bongsu_stream::{HoltWinters, HoltWintersStream, OnlineMad};
use common::{Lcg, noise};

fn bad_input_changes_nothing<T: StreamDetector + Snapshot>(mut detector: T, points: usize) {
    for &x in &noise(1, points) {
        detector.learn(&[x]).unwrap();
    }
    let before = snapshot::to_bytes(&detector).unwrap();
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(detector.score(&[x]).is_err());
        assert!(detector.learn(&[x]).is_err());
        assert!(detector.score_then_learn(&[x]).is_err());
    }
    for x in [&[][..], &[1.0, 2.0]] {
        assert!(detector.score(x).is_err());
        assert!(detector.learn(x).is_err());
    }
    assert_eq!(before, snapshot::to_bytes(&detector).unwrap());
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    for points in [0, 3, 100] {
        bad_input_changes_nothing(OnlineMad::new().build().unwrap(), points);
        bad_input_changes_nothing(HoltWinters::new().build().unwrap(), points);
        bad_input_changes_nothing(weekly(), points);
    }
}

/// Holt-Winters with a season of seven points.
fn weekly() -> HoltWintersStream {
    HoltWinters::new().period(7).unwrap().build().unwrap()
}

/// Stops after a random number of points, saves, loads and goes on; 50 times.
fn continues_bit_for_bit<T: StreamDetector + Snapshot>(build: impl Fn() -> T, longest: usize) {
    let mut rng = Lcg::new(77);
    let mut values: Vec<f64> = noise(6, longest + 300);
    for (i, x) in values.iter_mut().enumerate() {
        *x += if i % 97 == 96 { 30.0 } else { 0.0 } + if i % 400 > 300 { 25.0 } else { 0.0 };
    }
    for round in 0..50 {
        let stop = (rng.uniform() * longest as f64) as usize;
        let mut whole = build();
        if round % 2 == 1 {
            whole.start_from(&ScalePrior::new(0.1, 0.5, 0.01).unwrap());
        }
        let time = |i: usize| Timestamp::from_secs(60 * i as i64 + if i > 50 { 1_000 } else { 0 });
        for (i, &x) in values[..stop].iter().enumerate() {
            whole.set_time(time(i));
            whole.learn(&[x]).unwrap();
        }
        let bytes = snapshot::to_bytes(&whole).unwrap();
        let mut loaded: T = snapshot::from_bytes(&bytes).unwrap();
        for (i, &x) in (stop..).zip(&values[stop..stop + 300]) {
            whole.set_time(time(i));
            loaded.set_time(time(i));
            let expected = whole.score_then_learn(&[x]).unwrap();
            let found = loaded.score_then_learn(&[x]).unwrap();
            assert_eq!(format!("{expected:?}"), format!("{found:?}"));
        }
        let end = snapshot::to_bytes(&whole).unwrap();
        assert_eq!(end, snapshot::to_bytes(&loaded).unwrap());
    }
}

#[test]
fn saved_streams_continue_bit_for_bit() {
    continues_bit_for_bit(|| Ewma::new().build().unwrap(), 600);
    continues_bit_for_bit(|| OnlineMad::new().build().unwrap(), 600);
    continues_bit_for_bit(|| HoltWinters::new().build().unwrap(), 2_300);
    continues_bit_for_bit(weekly, 200);
}

/// Random bytes in place of saved ones give an error or a valid state, and never a panic.
fn damage_is_survived<T: StreamDetector + Snapshot>(mut detector: T, points: usize) {
    for &x in &noise(1, points) {
        detector.learn(&[x]).unwrap();
    }
    let bytes = snapshot::to_bytes(&detector).unwrap();
    let header = T::KIND.len() + 19;
    let mut rng = Lcg::new(5);
    for _ in 0..2_000 {
        let mut damaged = bytes.clone();
        let at = header + (rng.uniform() * (bytes.len() - header) as f64) as usize;
        damaged[at] ^= 1 << (rng.uniform() * 8.0) as u32;
        // A checksum that fits, so that the state itself is looked at.
        let checksum = crc32c(&damaged[..header - 4], &damaged[header..]);
        damaged[header - 4..header].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(mut loaded) = snapshot::from_bytes::<T>(&damaged) {
            for x in [50.0, -1e308, 0.0] {
                let score = loaded.score_then_learn(&[x]).unwrap();
                assert!(!score.ready().is_some_and(f64::is_nan));
            }
        }
        assert!(snapshot::from_bytes::<T>(&bytes[..at]).is_err());
    }
}

/// CRC32C (Castagnoli), bit by bit.
fn crc32c(head: &[u8], payload: &[u8]) -> u32 {
    let step = |crc: u32, &byte: &u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1))
        })
    };
    !head.iter().chain(payload).fold(u32::MAX, step)
}

#[test]
fn damaged_states_do_not_panic() {
    for points in [3, 100] {
        damage_is_survived(OnlineMad::new().build().unwrap(), points);
        damage_is_survived(HoltWinters::new().build().unwrap(), points);
        damage_is_survived(weekly(), points);
    }
}
