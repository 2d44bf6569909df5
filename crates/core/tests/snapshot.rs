//! Snapshots: bit for bit, and safe against whatever a file may hold.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::fs;

use bongsu_core::snapshot::{self, Snapshot, from_bytes, from_bytes_capped, inspect, to_bytes};
use bongsu_core::{Error, ErrorKind, Result};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    values: Vec<f64>,
    names: Vec<String>,
    count: u64,
}

impl Snapshot for State {
    const KIND: &'static str = "test.state";
    const VERSION: u16 = 3;

    fn validate(&self) -> Result<()> {
        if self.count == self.values.len() as u64 {
            Ok(())
        } else {
            Err(Error::snapshot("the count is wrong"))
        }
    }
}

/// The same bytes as [`State`] under another name, and with another version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Other(State);

impl Snapshot for Other {
    const KIND: &'static str = "test.other";
    const VERSION: u16 = 3;

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Newer(State);

impl Snapshot for Newer {
    const KIND: &'static str = "test.state";
    const VERSION: u16 = 4;

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

fn state(values: Vec<f64>) -> State {
    State {
        names: vec!["a".to_owned(), "불".to_owned()],
        count: values.len() as u64,
        values,
    }
}

/// The header of `State` before a payload, with whatever length it is told to claim.
fn framed(payload: &[u8], claimed: u64) -> Vec<u8> {
    let mut bytes = b"BNGS".to_vec();
    bytes.push(10);
    bytes.extend_from_slice(b"test.state");
    bytes.extend_from_slice(&3_u16.to_le_bytes());
    bytes.extend_from_slice(&claimed.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), payload);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn round_trips_keep_every_bit(bits in prop::collection::vec(any::<u64>(), 0..50)) {
        let mut values: Vec<f64> = bits.iter().copied().map(f64::from_bits).collect();
        // Prometheus' stale marker and an ordinary NaN, whose payloads tell them apart.
        values.extend([0x7ff0_0000_0000_0002, 0x7ff8_0000_0000_0001].map(f64::from_bits));
        let original = state(values);
        let loaded: State = from_bytes(&to_bytes(&original).unwrap()).unwrap();
        let bits = |s: &State| s.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&loaded), bits(&original));
        prop_assert_eq!(&loaded.names, &original.names);
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(from_bytes::<State>(&bytes).is_err());
    }

    /// Damage that the checksum cannot see, because it is taken over the damaged payload.
    #[test]
    fn hostile_payloads_never_panic(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(loaded) = from_bytes::<State>(&framed(&payload, payload.len() as u64)) {
            prop_assert!(loaded.validate().is_ok());
            prop_assert!(loaded.values.len() <= payload.len());
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed(n in 0..10_usize, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let good = to_bytes(&state(vec![1.5; n])).unwrap();
        let place = at.index(good.len());
        prop_assert!(from_bytes::<State>(&good[..place]).is_err());
        let mut flipped = good.clone();
        flipped[place] ^= 1 << bit;
        prop_assert!(from_bytes::<State>(&flipped).is_err());
        let mut longer = good;
        longer.push(0);
        prop_assert!(from_bytes::<State>(&longer).is_err());
    }

    #[test]
    fn claimed_lengths_are_not_believed(claimed in any::<u64>(), payload in prop::collection::vec(any::<u8>(), 0..20)) {
        prop_assume!(claimed != payload.len() as u64);
        let error = from_bytes::<State>(&framed(&payload, claimed)).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Snapshot);
    }
}

/// A vector that claims 2^60 elements in a payload of a few bytes: an error, not an allocation.
#[test]
fn a_huge_claim_inside_the_payload_is_refused() {
    let mut payload = vec![0x80; 8];
    payload.push(0x10);
    let error = from_bytes::<State>(&framed(&payload, payload.len() as u64)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Snapshot);
}

#[test]
fn kind_version_cap_and_validity_are_checked() {
    let good = to_bytes(&state(vec![1.0, 2.0])).unwrap();
    let header = inspect(&good).unwrap();
    assert_eq!((header.kind.as_str(), header.version), ("test.state", 3));
    let message = |error: Error| error.to_string();
    assert!(message(from_bytes::<Other>(&good).unwrap_err()).contains("test.other"));
    assert!(message(from_bytes::<Newer>(&good).unwrap_err()).contains("version 3"));
    let cap = header.payload_len;
    assert!(from_bytes_capped::<State>(&good, cap).is_ok());
    assert!(message(from_bytes_capped::<State>(&good, cap - 1).unwrap_err()).contains("cap"));
    let mut wrong = state(vec![1.0]);
    wrong.count = 7;
    let bytes = to_bytes(&wrong).unwrap();
    assert!(message(from_bytes::<State>(&bytes).unwrap_err()).contains("count"));
}

#[test]
fn files_are_replaced_whole_and_survive_a_failing_save() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.bngs");
    let (first, second) = (state(vec![1.0]), state(vec![2.0; 1_000]));
    snapshot::save(&first, &path).unwrap();
    assert_eq!(snapshot::load::<State>(&path).unwrap(), first);
    snapshot::save(&second, &path).unwrap();
    assert_eq!(snapshot::load::<State>(&path).unwrap(), second);
    let entries = || fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(entries(), 1, "no temporary file is left");

    // The temporary file's name is taken by a directory: it cannot be created.
    let blocked = directory
        .path()
        .join(format!("state.bngs.{}.tmp", std::process::id()));
    fs::create_dir(&blocked).unwrap();
    assert_eq!(
        snapshot::save(&first, &path).unwrap_err().kind(),
        ErrorKind::Io
    );
    assert_eq!(
        snapshot::load::<State>(&path).unwrap(),
        second,
        "the old state stands"
    );
    fs::remove_dir(&blocked).unwrap();

    // The target is a directory that is not empty: it cannot be replaced.
    let occupied = directory.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("file"), b"x").unwrap();
    assert_eq!(
        snapshot::save(&first, &occupied).unwrap_err().kind(),
        ErrorKind::Io
    );
    assert_eq!(fs::read(occupied.join("file")).unwrap(), b"x");
    assert_eq!(entries(), 2, "no temporary file is left");

    let missing = directory.path().join("no/such/place.bngs");
    let error = snapshot::save(&first, &missing).unwrap_err();
    assert!(error.to_string().contains("place.bngs"), "{error}");
    assert_eq!(
        snapshot::load::<State>(&missing).unwrap_err().kind(),
        ErrorKind::Io
    );
}
