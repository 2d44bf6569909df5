//! Window features: agreement with NumPy, pandas and SciPy, awkward series, streams, snapshots.
//! `golden/generate_features.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Snapshot, snapshot};
use bongsu_ml::{FeatureStream, WindowFeatures};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn config(window: usize, stride: usize) -> WindowFeatures {
    let config = WindowFeatures::new().window(window).unwrap();
    config.stride(stride).unwrap()
}

fn place(name: &str) -> usize {
    let mut names = WindowFeatures::NAMES.iter();
    names.position(|n| *n == name).unwrap()
}

#[test]
fn features_equal_the_references() {
    let golden: Value = serde_json::from_str(include_str!("golden/features.json")).unwrap();
    for case in golden.as_array().unwrap() {
        let window = case["window"].as_u64().unwrap() as usize;
        let stride = case["stride"].as_u64().unwrap() as usize;
        let table = config(window, stride)
            .extract(&numbers(&case["x"]))
            .unwrap();
        let expected = numbers(&case["features"]);
        assert_eq!(table.len(), expected.len(), "{case}");
        for (i, (ours, theirs)) in table.iter().zip(expected).enumerate() {
            let name = WindowFeatures::NAMES[i % WindowFeatures::COUNT];
            let row = i / WindowFeatures::COUNT;
            let size = match name {
                "slope" => table[[row, place("std")]],
                "spikiness" => table[[row, place("std")]].powi(4),
                "acf1" | "entropy" => 1.0,
                _ => theirs.abs().max(table[[row, place("std")]]),
            };
            let close = ours.is_nan() && theirs.is_nan() || (ours - theirs).abs() <= 1e-9 * size;
            assert!(
                close,
                "{}, {window}, {stride}, window {row}: {name} is {ours} instead of {theirs}",
                case["name"]
            );
        }
    }
}

fn series(n: usize) -> Vec<f64> {
    // Multiples of 2^-20 near 1e9 are exact floats.
    (0..n)
        .map(|i| ((i * i * 7919) % 1009) as f64 / 1_048_576.0)
        .collect()
}

#[test]
fn an_offset_costs_no_digits() {
    let x = series(300);
    let moved: Vec<f64> = x.iter().map(|v| v + 1e9).collect();
    let (a, b) = (config(50, 1).extract(&x), config(50, 1).extract(&moved));
    let (a, b) = (a.unwrap(), b.unwrap());
    for name in ["std", "slope", "spikiness", "acf1", "crossings"] {
        for (a, b) in a.column(place(name)).iter().zip(b.column(place(name))) {
            assert!(
                (a - b).abs() <= 1e-10 * a.abs().max(1e-9),
                "{name}: {a} and {b}"
            );
        }
    }
    // The edges of the bins are rounded to 1e-7 there.
    let entropy = place("entropy");
    for (a, b) in a.column(entropy).iter().zip(b.column(entropy)) {
        assert!((a - b).abs() < 0.1, "{a} and {b}");
    }
}

#[test]
fn a_huge_value_leaves_no_trace() {
    let plain = series(300);
    let mut spiked = plain.clone();
    spiked[100] = 1e300;
    let (a, b) = (
        config(20, 1).extract(&plain),
        config(20, 1).extract(&spiked),
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(
        b.row(90)
            .iter()
            .all(|x| x.is_finite() || *x == f64::INFINITY)
    );
    for row in 101..a.nrows() {
        assert_eq!(a.row(row), b.row(row));
    }
}

#[test]
fn extreme_ranges_do_no_harm() {
    for x in [
        [f64::MAX, -f64::MAX, 0.0],
        [5e-324, 0.0, -5e-324],
        [1e308, 1e308, -1e308],
    ] {
        let table = config(3, 1).extract(&x).unwrap();
        assert!(table.iter().all(|v| !v.is_nan()), "{x:?}: {table}");
    }
}

#[test]
fn bad_input_is_named() {
    assert!(WindowFeatures::new().window(1).is_err());
    assert!(WindowFeatures::new().stride(0).is_err());
    let error = config(3, 1).extract(&[1.0, f64::INFINITY]).unwrap_err();
    assert!(error.to_string().contains("row 1"), "{error}");
    assert_eq!(config(3, 1).extract(&[1.0, 2.0]).unwrap().nrows(), 0);
    let mut stream = config(3, 1).build().unwrap();
    stream.push(1.0).unwrap();
    assert!(stream.push(f64::NEG_INFINITY).is_err());
    assert_eq!(stream.seen(), 1);
    stream.reset();
    assert_eq!(stream, config(3, 1).build().unwrap());
}

#[test]
fn snapshots_hold_one_window() {
    let mut stream = config(100, 7).build().unwrap();
    for x in series(1234) {
        stream.push(x).unwrap();
    }
    let bytes = snapshot::to_bytes(&stream).unwrap();
    assert!(bytes.len() < 8 * 100 + 60, "{}", bytes.len());
    for broken in [
        r#"{"config":{"window":3,"stride":1},"seen":2,"window":[1.0]}"#,
        r#"{"config":{"window":0,"stride":1},"seen":0,"window":[]}"#,
        r#"{"config":{"window":3,"stride":1},"seen":1,"window":[-0.0]}"#,
    ] {
        let state: FeatureStream = serde_json::from_str(broken).unwrap();
        assert!(state.validate().is_err(), "{broken}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// A stream that is saved and loaded halfway gives what each window gives alone, bit for bit.
    #[test]
    fn streams_equal_single_windows(values in prop::collection::vec(prop_oneof![
        4 => (-4..4_i32).prop_map(f64::from), 4 => -10.0..10.0_f64, 1 => Just(f64::NAN), 1 => Just(-0.0)], 2..80),
        window in 2..12_usize, stride in 1..15_usize) {
        let mut stream = config(window, stride).build().unwrap();
        let mut streamed = Vec::new();
        for (i, &x) in values.iter().enumerate() {
            if i == values.len() / 2 {
                let bytes = snapshot::to_bytes(&stream).unwrap();
                stream = snapshot::from_bytes::<FeatureStream>(&bytes).unwrap();
            }
            streamed.extend(stream.push(x).unwrap());
        }
        let table = config(window, stride).extract(&values).unwrap();
        prop_assert_eq!(table.nrows(), streamed.len());
        for (i, features) in streamed.iter().enumerate() {
            let start = i * stride;
            let alone = config(window, 1).extract(&values[start..start + window]).unwrap();
            let bits = |x: &f64| x.to_bits();
            prop_assert!(features.iter().map(bits).eq(alone.iter().map(bits)));
            prop_assert!(features.iter().map(bits).eq(table.row(i).iter().map(bits)));
        }
    }
}
