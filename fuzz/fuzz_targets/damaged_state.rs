//! The state of a detector of the registry in which some bytes were changed is refused, or goes on
//! without a panic and without a score that is not a number.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use bongsu_core::{Score, Snapshot, StreamDetector, snapshot};
use bongsu_engine::registry::{self, Learns, StreamState};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

/// A state as it lies in a file.
#[derive(Serialize, Deserialize)]
struct Saved(StreamState);

impl Snapshot for Saved {
    const KIND: &'static str = "fuzz.saved";
    const VERSION: u16 = 1;

    fn validate(&self) -> bongsu_core::Result<()> {
        self.0.validate()
    }
}

#[derive(Debug, Arbitrary)]
struct Input {
    which: u8,
    edits: Vec<(u16, u8)>,
    after: Vec<f32>,
}

/// Points learned before a state is saved: enough for one that is fitted on many.
const LEARNED: usize = 130;
/// Magic, kind, version, length and checksum of a snapshot.
const HEADER: usize = 4 + 1 + Saved::KIND.len() + 2 + 8 + 4;

/// The saved state of every detector that learns without being trained for minutes.
static STATES: LazyLock<Vec<(&'static str, Vec<u8>)>> = LazyLock::new(|| {
    registry::detectors()
        .filter(|spec| spec.learns() != Learns::Once)
        .filter_map(|spec| {
            let mut detector = registry::build(spec.name, &BTreeMap::new()).ok()?;
            for i in 0..LEARNED {
                let _ = detector.score_then_learn(&[(i * 7 % 11) as f64 / 11.0]);
            }
            Some((spec.name, snapshot::to_bytes(&Saved(detector)).ok()?))
        })
        .collect()
});

fuzz_target!(|input: Input| {
    let (name, saved) = &STATES[usize::from(input.which) % STATES.len()];
    let mut bytes = saved.clone();
    let room = bytes.len() - HEADER;
    for &(at, value) in input.edits.iter().take(8) {
        bytes[HEADER + usize::from(at) % room] = value;
    }
    let (header, payload) = bytes.split_at_mut(HEADER);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&header[..HEADER - 4]), payload);
    header[HEADER - 4..].copy_from_slice(&sum.to_le_bytes());
    let Ok(Saved(mut detector)) = snapshot::from_bytes(&bytes) else {
        return;
    };
    for value in input.after.iter().filter(|value| value.is_finite()).take(100) {
        if let Ok(Score::Ready(score)) = detector.score_then_learn(&[f64::from(*value)]) {
            assert!(!score.is_nan(), "{name}");
        }
    }
});
