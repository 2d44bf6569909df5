//! Networks of ONNX files: outputs of onnxruntime, detectors around them, and files that are refused.
//! The files are written by `golden/generate_onnx.py`.

#![cfg(feature = "onnx")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::PathBuf;

use bongsu_core::ndarray::{Array2, Axis, Slice};
use bongsu_core::{Calibration, Detector, FitDetector, Rows, Score, StreamDetector, snapshot};
use bongsu_neural::{
    Combine, FittedNetwork, Loss, OnnxDetector, OnnxNetwork, Scaler, Scaling, Shape,
};
use serde_json::Value;

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    std::fs::read(folder.join(name)).unwrap()
}

fn network(name: &str) -> OnnxNetwork {
    OnnxNetwork::read(&file(&format!("{name}.onnx"))).unwrap()
}

fn numbers(text: &Value) -> Vec<f32> {
    let words = text.as_str().unwrap().split(' ');
    words
        .map(|word| word.parse::<f64>().unwrap() as f32)
        .collect()
}

#[test]
fn outputs_are_those_of_onnxruntime() {
    let cases: Value = serde_json::from_slice(&file("onnx.json")).unwrap();
    let cases = cases.as_object().unwrap();
    assert_eq!(cases.len(), 7);
    for (name, case) in cases {
        let network = network(name);
        let size = |key: &str| case[key].as_u64().unwrap() as usize;
        let (steps, features) = (size("steps"), size("features"));
        assert_eq!(network.input(), Shape { steps, features }, "{name}");
        let (inputs, expected) = (numbers(&case["inputs"]), numbers(&case["outputs"]));
        let together = network.predict(&inputs).unwrap();
        let windows = inputs.chunks(steps * features);
        let singly: Vec<f32> = windows
            .flat_map(|window| network.predict(window).unwrap())
            .collect();
        for outputs in [together, singly] {
            assert_eq!(outputs.len(), expected.len());
            for (y, &expected) in outputs.iter().zip(&expected) {
                let difference = (y - expected).abs() / (1.0 + expected.abs());
                assert!(difference < 1e-5, "{name}: {y} for {expected}");
            }
        }
    }
}

fn wave(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| (i as f64 * 0.5 + j as f64).sin())
}

#[test]
fn rows_are_judged_by_what_the_network_gives_back() {
    let network = network("onnx_dense");
    let x = 10.0 + 3.0 * wave(200, 4);
    let config = OnnxDetector::new(network.clone());
    let (fitted, scores) = config.fit_score(&Rows::untimed(x.view())).unwrap();
    assert_eq!((fitted.n_features(), fitted.window()), (4, 1));
    assert_eq!(fitted.threshold(), Some(1.0));
    let again = fitted.score(x.view()).unwrap();
    assert_eq!(again, scores);
    // A tenth of the rows is beyond the bound.
    assert_eq!(scores.iter().filter(|&&score| score > 1.0).count(), 20);
    // The first score by hand: scaled by the first nine tenths, put through, squared, divided.
    let learned = x.slice_axis(Axis(0), Slice::from(..180));
    let (mean, deviation) = (learned.mean_axis(Axis(0)), learned.std_axis(Axis(0), 0.0));
    let z = (&x.row(0) - &mean.unwrap()) / &deviation;
    let z: Vec<f32> = z.iter().map(|&z| z as f32).collect();
    let y = network.predict(&z).unwrap();
    let squares = z.iter().zip(&y).map(|(z, y)| f64::from(z - y).powi(2));
    let shares: Vec<f64> = squares.collect();
    let error = shares.iter().sum::<f64>() / 4.0;
    assert!((scores[0] * fitted.error_threshold() / error - 1.0).abs() < 1e-5);
    let contributions = fitted.contributions(x.row(0).as_slice().unwrap()).unwrap();
    for (found, expected) in contributions.unwrap().iter().zip(&shares) {
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }
    // With a scaler and a threshold that are given nothing is learned.
    let scaler = Scaler::new(vec![10.0; 4], vec![3.0; 4]).unwrap();
    let given = OnnxDetector::new(network.clone())
        .scaler(scaler.clone())
        .threshold(Calibration::Threshold(2.0))
        .fit(x.view())
        .unwrap();
    let around = FittedNetwork::onnx(network, scaler, Loss::Mse, 2.0).unwrap();
    assert_eq!(
        given.score(x.view()).unwrap(),
        around.score(x.view()).unwrap()
    );
    assert!(fitted.networks().is_empty() && fitted.weights().names().next().is_none());
    assert!(fitted.heap_bytes() > 2_000);
}

#[test]
fn stretches_are_judged_alike_in_tables_and_point_by_point() {
    for name in ["onnx_lstm", "onnx_gru", "onnx_convolutions"] {
        let config = OnnxDetector::new(network(name))
            .scaling(Scaling::MinMax)
            .combine(Combine::Causal)
            .loss(Loss::Mae)
            .unwrap();
        let x = wave(100, 2);
        let fitted = config.fit(x.view()).unwrap();
        let scores = fitted.score(x.view()).unwrap();
        let bytes = snapshot::to_bytes(&fitted).unwrap();
        let restored: FittedNetwork = snapshot::from_bytes(&bytes).unwrap();
        assert_eq!(restored, fitted);
        let mut live = restored.live();
        for (row, &score) in x.rows().into_iter().zip(&scores) {
            let row = row.to_vec();
            if let Score::Ready(found) = live.score(&row).unwrap() {
                assert!((found / score - 1.0).abs() < 1e-4, "{found} for {score}");
            }
            live.learn(&row).unwrap();
        }
        let window = fitted.window();
        let last = fitted.contributions_of_last(&x.slice_axis(Axis(0), Slice::from(..window)));
        let mean = last.unwrap().iter().sum::<f64>() / 2.0;
        let expected = scores[window - 1] * fitted.error_threshold();
        assert!(
            (mean / expected - 1.0).abs() < 1e-4,
            "{mean} for {expected}"
        );
    }
}

#[track_caller]
fn refused(bytes: &[u8], message: &str) {
    let error = OnnxNetwork::read(bytes).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn files_that_are_no_such_network_are_refused() {
    let odd = |name: &str| file(&format!("onnx_odd_{name}.onnx"));
    refused(&odd("open_steps"), "leaves the number of steps open");
    refused(&odd("four_axes"), "takes 4 axes");
    refused(&odd("integers"), "takes numbers of type I64");
    refused(&odd("two_outputs"), "number of outputs of the ONNX file");
    refused(&odd("smaller"), "one that gives its input again is needed");
    refused(
        &odd("unknown"),
        "does not have the operators of the ONNX file: Wobble",
    );
    refused(&odd("no_output"), "tract failed on the network");
    refused(&odd("gru_of_one"), "tract cannot run the network");
    refused(b"", "holds no network");
    refused(b"safetensors?", "not a whole ONNX file");
    let whole = file("onnx_lstm.onnx");
    for length in (0..whole.len()).step_by(97) {
        assert!(OnnxNetwork::read(&whole[..length]).is_err());
    }
    let shape = |steps, features| Shape { steps, features };
    let open = OnnxNetwork::read_as(&odd("open_steps"), shape(5, 2)).unwrap();
    assert_eq!(open.input(), shape(5, 2));
    let error = OnnxNetwork::read_as(&odd("open_steps"), shape(5, 3)).unwrap_err();
    assert!(error.to_string().contains("third axis"), "{error}");
    let dense = file("onnx_dense.onnx");
    for wrong in [shape(2, 4), shape(1, 3), shape(0, 4), shape(1, usize::MAX)] {
        assert!(OnnxNetwork::read_as(&dense, wrong).is_err());
    }
}

#[test]
fn numbers_and_rows_that_do_not_fit_are_refused() {
    let dense = network("onnx_dense");
    assert!(dense.predict(&[0.0; 5]).is_err());
    assert!(dense.predict(&[0.0, f32::NAN, 0.0, 0.0]).is_err());
    assert!(dense.predict(&[]).unwrap().is_empty());
    let config = OnnxDetector::new(dense);
    assert!(config.fit(wave(15, 4).view()).is_err(), "too few rows");
    assert!(config.fit(wave(50, 3).view()).is_err(), "other columns");
    let mut hole = wave(50, 4);
    hole[[7, 1]] = f64::NAN;
    assert!(config.fit(hole.view()).is_err());
    let narrow = Scaler::new(vec![0.0; 3], vec![1.0; 3]).unwrap();
    assert!(
        config
            .clone()
            .scaler(narrow)
            .fit(wave(50, 4).view())
            .is_err()
    );
    assert!(config.clone().stride(2).is_err() && config.validation(1.0).is_err());
    // What the network makes of numbers may be none.
    let logarithm = OnnxNetwork::read(&file("onnx_odd_logarithm.onnx"));
    let error = logarithm.unwrap_err().to_string();
    assert!(error.contains("a number that the network gives"), "{error}");
}

#[test]
fn snapshots_of_other_files_are_refused() {
    let fitted = OnnxDetector::new(network("onnx_dense"))
        .fit(wave(50, 4).view())
        .unwrap();
    let mut value = serde_json::to_value(&fitted).unwrap();
    value["model"]["Onnx"]["bytes"] = serde_json::json!([1, 2, 3]);
    assert!(serde_json::from_value::<FittedNetwork>(value).is_err());
}
