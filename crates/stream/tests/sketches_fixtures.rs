//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{Snapshot, snapshot};
use bongsu_stream::sketch::{
    CountMin, ExponentialMoments, MinMax, Moments, P2, Reservoir, TDigest,
};

fn check<T: Snapshot>(state: &T) {
    let name = format!("{}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(&name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(
        bytes,
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout of {} has changed: raise its version",
        T::KIND
    );
    damage::<T>(&bytes);
}

/// Payloads cut short or changed in a byte, with a checksum that fits, give an error or a state
/// that keeps its promises.
fn damage<T: Snapshot>(bytes: &[u8]) {
    let payload = bytes.len() - (19 + T::KIND.len());
    for place in 0..bytes.len() {
        assert!(snapshot::from_bytes::<T>(&bytes[..place]).is_err());
    }
    let start = bytes.len() - payload;
    for place in start..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.to_vec();
            changed[place] ^= change;
            let (header, body) = changed.split_at(start);
            let signed = &header[..start - 4];
            let checksum = crc32c(&[signed, body].concat());
            let resealed = [signed, &checksum.to_le_bytes(), body].concat();
            if let Ok(state) = snapshot::from_bytes::<T>(&resealed) {
                state.validate().unwrap();
            }
        }
    }
}

/// CRC32C bit by bit (Castagnoli's polynomial, reflected).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[test]
fn the_checksum_is_that_of_the_format() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn every_snapshot_kind_loads() {
    let mut moments = Moments::new();
    let mut exponential = ExponentialMoments::new(0.1).unwrap();
    let mut extremes = MinMax::new();
    let mut p2 = P2::new(0.9).unwrap();
    let mut digest = TDigest::new(20.0).unwrap().half_life(50.0).unwrap();
    let mut sample = Reservoir::new(10, 3).unwrap();
    let mut counts = CountMin::new(8, 2, 3).unwrap();
    for i in 0..90_u32 {
        let x = f64::from(i * i % 17) / 17.0;
        moments.update(x).unwrap();
        exponential.update(x).unwrap();
        extremes.update(x).unwrap();
        p2.update(x).unwrap();
        digest.update(x).unwrap();
        sample.update(x).unwrap();
        counts.add(u64::from(i * i % 17), 1);
    }
    check(&moments);
    check(&exponential);
    check(&extremes);
    check(&p2);
    check(&digest);
    check(&sample);
    check(&counts);
}
