//! Bytes behind a valid header are loaded or refused; what is loaded can be used.
#![no_main]

use bongsu_core::snapshot::{self, Snapshot};
use bongsu_core::{Detector, StreamDetector};
use libfuzzer_sys::fuzz_target;

/// The header that `T` writes, before `payload`: magic, kind, version, length and checksum.
fn framed<T: Snapshot>(payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"BNGS".to_vec();
    bytes.push(T::KIND.len() as u8);
    bytes.extend_from_slice(T::KIND.as_bytes());
    bytes.extend_from_slice(&T::VERSION.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    let sum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc32c::crc32c_append(sum, payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn loaded<T: Snapshot>(payload: &[u8]) -> Option<T> {
    snapshot::from_bytes_capped(&framed::<T>(payload), 1 << 20).ok()
}

fn stream<T: Snapshot + StreamDetector>(payload: &[u8]) {
    if let Some(mut detector) = loaded::<T>(payload) {
        for x in [0.0, 1.0, -1e300, 1e-300, 5.0] {
            let _ = detector.score_then_learn(&[x]);
        }
    }
}

fn table<T: Snapshot + Detector>(payload: &[u8]) {
    if let Some(detector) = loaded::<T>(payload) {
        let features = detector.n_features().min(64);
        let rows = bongsu_core::ndarray::Array2::from_elem((3, features), 0.5);
        let _ = detector.score_into(rows.view(), &mut [0.0; 3]);
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, payload) = input;
    match kind % 24 {
        0 => stream::<bongsu_stats::EwmaStream>(payload),
        1 => stream::<bongsu_stats::SpotStream>(payload),
        2 => stream::<bongsu_stats::RobustZStream>(payload),
        3 => stream::<bongsu_stats::ZScoreStream>(payload),
        4 => stream::<bongsu_stats::CusumStream>(payload),
        5 => stream::<bongsu_stats::BocpdStream>(payload),
        6 => stream::<bongsu_stream::HalfSpaceTreesStream>(payload),
        7 => stream::<bongsu_stream::RandomCutForestStream>(payload),
        8 => stream::<bongsu_stream::HoltWintersStream>(payload),
        9 => stream::<bongsu_stream::SeasonalProfileStream>(payload),
        10 => stream::<bongsu_stream::OnlineMadStream>(payload),
        11 => stream::<bongsu_stream::LodaStream>(payload),
        12 => stream::<bongsu_stream::MicroClustersStream>(payload),
        13 => table::<bongsu_ml::FittedIsolationForest>(payload),
        14 => table::<bongsu_ml::FittedLof>(payload),
        15 => table::<bongsu_ml::FittedOneClassSvm>(payload),
        16 => table::<bongsu_ml::FittedPca>(payload),
        17 => table::<bongsu_ml::FittedKnn>(payload),
        18 => table::<bongsu_ml::FittedHbos>(payload),
        19 => table::<bongsu_neural::FittedNetwork>(payload),
        20 => drop(loaded::<bongsu_forecast::FittedArima>(payload)),
        21 => drop(loaded::<bongsu_alert::SuppressorState>(payload)),
        22 => drop(loaded::<bongsu_alert::Lifecycle>(payload)),
        _ => drop(loaded::<bongsu_core::Calibrator>(payload)),
    }
});
