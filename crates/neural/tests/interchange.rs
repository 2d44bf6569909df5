//! Weights that `PyTorch` wrote give what `PyTorch` computes; `golden/generate_weights.py` writes
//! the files. What is not a whole file of the right weights is refused.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Calibration, Detector as _, FitDetector as _, snapshot};
use bongsu_neural::{
    Activation, Autoencoder, Cell, FittedNetwork, Layer, Loss, LstmAutoencoder, LstmForecaster,
    Network, Scaler, Scaling, Shape, Tensor, Training, Vae, Weights,
};
use proptest::prelude::{any, prop_assert, proptest};
use serde_json::Value;

const TOLERANCE: f32 = 1e-5;

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap()
}

fn weights(name: &str) -> Weights {
    Weights::from_safetensors(&file(name)).unwrap()
}

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/weights.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn shape(case: &Value) -> Shape {
    Shape {
        steps: size(&case["steps"]),
        features: size(&case["features"]),
    }
}

fn activation(value: &Value) -> Activation {
    serde_json::from_value(value.clone()).unwrap()
}

fn layer(value: &Value) -> Layer {
    let sequences = || value[2].as_bool().unwrap();
    match value[0].as_str().unwrap() {
        "dense" => Layer::Dense {
            units: size(&value[1]),
            activation: activation(&value[2]),
        },
        "dropout" => Layer::Dropout {
            rate: value[1].as_f64().unwrap(),
        },
        "repeat" => Layer::Repeat {
            times: size(&value[1]),
        },
        "lstm" => Layer::Lstm {
            units: size(&value[1]),
            sequences: sequences(),
        },
        "gru" => Layer::Gru {
            units: size(&value[1]),
            sequences: sequences(),
        },
        other => panic!("{other}"),
    }
}

fn layers(case: &Value) -> Vec<Layer> {
    case["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(layer)
        .collect()
}

fn assert_close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let close = (a - b).abs() <= TOLERANCE * b.abs().max(1.0);
        assert!(close, "{what}[{i}]: {a} instead of {b}");
    }
}

fn check_outputs(name: &str, case: &Value) {
    let network = weights(name).network(shape(case), &layers(case)).unwrap();
    let inputs = numbers(&case["inputs"]);
    let outputs = network.predict(&inputs).unwrap();
    assert_close(name, &outputs, &numbers(&case["outputs"]));
    // One at a time takes other paths than many together.
    let each = inputs.chunks(network.input().len());
    let each: Vec<f32> = each.flat_map(|x| network.predict(x).unwrap()).collect();
    assert_close(name, &each, &numbers(&case["outputs"]));
}

#[test]
fn networks_with_weights_of_pytorch_give_its_outputs() {
    let golden = golden();
    let mut counts = std::collections::BTreeMap::new();
    for (name, case) in golden.as_object().unwrap() {
        let kind = name.split('_').next().unwrap().to_owned();
        *counts.entry(kind).or_insert(0) += 1;
        if name.starts_with("vae") {
            continue;
        }
        check_outputs(name, case);
    }
    let kinds = ["dense", "forecast", "gru", "lstm", "vae"];
    assert_eq!(counts, kinds.map(|kind| (kind.to_owned(), 3)).into());
}

/// A configuration that leaves numbers as they are and takes 1 as the bound of errors.
macro_rules! plain {
    ($config:expr) => {
        $config
            .scaling(Scaling::None)
            .threshold(Calibration::Threshold(1.0))
    };
}

#[test]
fn variational_autoencoders_of_pytorch_give_its_mean_path() {
    for (name, case) in golden().as_object().unwrap() {
        if name.starts_with("vae") {
            check_mean_path(name, case);
        }
    }
}

/// Of networks of Keras, of ONNX files and of `PyTorch`, by the conversion script; written by
/// `golden/generate_conversion.py`.
#[test]
fn converted_weights_give_the_outputs_of_where_they_come_from() {
    let cases: Value = serde_json::from_str(include_str!("golden/converted.json")).unwrap();
    let cases = cases.as_object().unwrap();
    assert_eq!(cases.len(), 18);
    for (name, case) in cases {
        let file = format!("converted_{name}");
        if name.starts_with("vae") {
            check_mean_path(&file, case);
        } else {
            check_outputs(&file, case);
        }
    }
}

fn check_mean_path(name: &str, case: &Value) {
    let units = case["units"].as_array().unwrap().iter().map(size).collect();
    let config = plain!(Vae::new())
        .units(units)
        .unwrap()
        .latent(size(&case["latent"]))
        .unwrap()
        .samples(0)
        .unwrap()
        .activation(activation(&case["hidden"]))
        .output(activation(&case["output"]));
    let (inputs, expected) = (numbers(&case["inputs"]), numbers(&case["outputs"]));
    let features = size(&case["features"]);
    // Errors are judged of 16 rows at least.
    let x = Array2::from_shape_fn((20, features), |(i, j)| {
        f64::from(inputs[(i * features + j) % inputs.len()])
    });
    let (fitted, scores) = config.fit_weights(x.view(), &weights(name)).unwrap();
    for (i, score) in scores.iter().enumerate().take(5) {
        let row = i * features..(i + 1) * features;
        let pairs = inputs[row.clone()].iter().zip(&expected[row]);
        let error = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        let error = error / features as f64;
        let off = (score - error).abs();
        assert!(
            off <= 1e-5 * error.max(1.0),
            "{name}[{i}]: {score}, {error}"
        );
    }
    assert_eq!(fitted.weights(), weights(name), "{name}");
}

#[test]
fn detectors_take_the_weights_of_their_architecture() {
    let golden = golden();
    let rows = |features: usize, n: usize| {
        Array2::from_shape_fn((n, features), |(i, j)| (i as f64 * 0.3 + j as f64).sin())
    };
    let same = |name: &str, (fitted, scores): (FittedNetwork, Vec<f64>), x: ArrayView2<'_, f64>| {
        let case = &golden[name];
        let network = weights(name).network(shape(case), &layers(case)).unwrap();
        let (_, ours) = fitted.networks()[0];
        assert_eq!(ours, &network, "{name}");
        assert!(fitted.history().is_none(), "{name} was not trained");
        assert_eq!(fitted.score(x).unwrap(), scores, "{name}");
        let bytes = snapshot::to_bytes(&fitted).unwrap();
        let again: FittedNetwork = snapshot::from_bytes(&bytes).unwrap();
        assert_eq!(again, fitted, "{name}");
    };
    let x = rows(30, 50);
    let config = Autoencoder::new();
    let fitted = config.fit_weights(x.view(), &weights("dense_30")).unwrap();
    same("dense_30", fitted, x.view());
    let x = rows(1, 100);
    let config = LstmAutoencoder::new().units(vec![20, 10]).unwrap();
    let fitted = config.fit_weights(x.view(), &weights("lstm_1")).unwrap();
    same("lstm_1", fitted, x.view());
    let config = config.cell(Cell::Gru);
    let fitted = config.fit_weights(x.view(), &weights("gru_1")).unwrap();
    same("gru_1", fitted, x.view());
    let config = LstmForecaster::new().units(vec![24, 12]).unwrap();
    let config = config.sequence(30).unwrap();
    let fitted = config
        .fit_weights(x.view(), &weights("forecast_1"))
        .unwrap();
    same("forecast_1", fitted, x.view());
}

#[test]
fn what_is_written_is_read_again() {
    for (name, case) in golden().as_object().unwrap() {
        let theirs = weights(name);
        let bytes = theirs.to_safetensors().unwrap();
        assert_eq!(Weights::from_safetensors(&bytes).unwrap(), theirs, "{name}");
        if name.starts_with("vae") {
            continue;
        }
        // The two biases of an LSTM become one, whose sum counts.
        let network = theirs.network(shape(case), &layers(case)).unwrap();
        let bytes = Weights::of(&network).to_safetensors().unwrap();
        let again = Weights::from_safetensors(&bytes).unwrap();
        assert_eq!(again.network(shape(case), &layers(case)).unwrap(), network);
        assert!(again.names().eq(theirs.names()), "{name}");
    }
}

#[test]
fn trained_weights_go_out_and_come_in_again() {
    let x = Array2::from_shape_fn((120, 2), |(i, j)| (i as f64 * 0.3 + j as f64).sin());
    let training = Training::new().epochs(2).unwrap();
    let config = Vae::new().latent(1).unwrap().training(training);
    let (fitted, scores) = config
        .fit_score_with(x.view(), |_| std::ops::ControlFlow::Continue(()))
        .unwrap();
    let bytes = fitted.weights().to_safetensors().unwrap();
    let weights = Weights::from_safetensors(&bytes).unwrap();
    let (again, same) = config.fit_weights(x.view(), &weights).unwrap();
    assert_eq!(scores, same);
    assert_eq!(again.networks(), fitted.networks());
    assert_eq!(config.fit(x.view()).unwrap(), fitted);
}

fn tensors(name: &str) -> Vec<Tensor> {
    let weights = weights(name);
    let one = |name: &str| weights.get(name).unwrap().clone();
    weights.names().map(one).collect()
}

/// What is said of `changed` weights of this network.
fn refusal(name: &str, change: impl FnOnce(&mut Vec<Tensor>)) -> String {
    let case = &golden()[name];
    let mut tensors = tensors(name);
    change(&mut tensors);
    let weights = Weights::new(tensors);
    let network = weights.and_then(|w| w.network(shape(case), &layers(case)));
    network.unwrap_err().to_string()
}

#[test]
fn weights_that_do_not_fit_are_refused_with_the_reason() {
    let position = |tensors: &[Tensor], name: &str| tensors.iter().position(|t| t.name == name);
    let message = refusal("lstm_1", |t| {
        t.remove(position(t, "4.bias_hh_l0").unwrap());
    });
    assert!(
        message.contains("`4.bias_hh_l0` is missing; there are: 0.bias_hh_l0, "),
        "{message}"
    );
    assert!(message.ends_with("..."), "{message}");
    let message = refusal("gru_1", |t| {
        t.remove(position(t, "0.bias_hh_l0").unwrap());
    });
    assert!(message.contains("`0.bias_hh_l0` is missing"), "{message}");
    let message = refusal("dense_3", |t| {
        let mut more = t[0].clone();
        more.name = "19.weight".to_owned();
        t.push(more);
    });
    assert!(
        message.contains("`19.weight` belongs to no layer"),
        "{message}"
    );
    let message = refusal("dense_3", |t| {
        let i = position(t, "0.weight").unwrap();
        t[i].shape.reverse();
    });
    assert!(
        message.contains("`0.weight` has shape [3, 7], but the network needs [7, 3]"),
        "{message}"
    );
    let message = refusal("dense_3", |t| t[0].values.push(1.0));
    assert!(message.contains("8 numbers, but shape [7]"), "{message}");
    let message = refusal("dense_3", |t| t[0].shape = vec![usize::MAX, 2]);
    assert!(message.contains("numbers, but shape"), "{message}");
    let message = refusal("dense_3", |t| t.push(t[0].clone()));
    assert!(message.contains("two tensors `0.bias`"), "{message}");
    let message = refusal("dense_3", |t| t[1].values[0] = f32::NAN);
    assert!(
        message.contains("`0.weight`") && message.contains("NaN"),
        "{message}"
    );
    // A variational autoencoder names which of its networks.
    let x = Array2::from_elem((20, 1), 0.5);
    let config = Vae::new().units(vec![6]).unwrap().latent(1).unwrap();
    let mut part = tensors("vae_1");
    part.retain(|tensor| tensor.name != "decoder.0.weight");
    let error = config.fit_weights(x.view(), &Weights::new(part).unwrap());
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("`decoder.0.weight` is missing"),
        "{message}"
    );
    let error = config.fit_weights(x.view(), &weights("dense_1"));
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("`encoder.0.weight` is missing"),
        "{message}"
    );
}

/// A file with this header and so many zero bytes of data.
fn forged(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(vec![0; data]);
    bytes
}

#[test]
fn other_types_of_numbers() {
    let header = |kind: &str, bytes: usize| {
        format!(r#"{{"a":{{"dtype":"{kind}","shape":[2],"data_offsets":[0,{bytes}]}}}}"#)
    };
    for (kind, bytes) in [("F16", 4), ("BF16", 4), ("I64", 16), ("BOOL", 2)] {
        let error = Weights::from_safetensors(&forged(&header(kind, bytes), bytes));
        let message = error.unwrap_err().to_string();
        assert!(
            message.contains("`a`") && message.contains(kind),
            "{message}"
        );
    }
    let doubles = |x: f64| {
        let mut file = forged(&header("F64", 16), 0);
        file.extend([x, -0.5].iter().flat_map(|x| x.to_le_bytes()));
        Weights::from_safetensors(&file)
    };
    assert_eq!(
        doubles(0.1).unwrap().get("a").unwrap().values,
        [0.1_f32, -0.5]
    );
    for bad in [1e300, f64::NAN, f64::NEG_INFINITY] {
        let message = doubles(bad).unwrap_err().to_string();
        assert!(message.contains("tensor `a`"), "{message}");
    }
}

#[test]
fn hostile_and_truncated_files_are_refused() {
    let whole = file("lstm_2");
    for len in 0..whole.len() {
        assert!(Weights::from_safetensors(&whole[..len]).is_err(), "{len}");
    }
    let huge = r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#;
    let overlap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let backwards = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#;
    let outside = r#"{"a":{"dtype":"F32","shape":[100],"data_offsets":[0,400]}}"#;
    for header in [huge, overlap, backwards, outside, "[]", "{", ""] {
        let message = Weights::from_safetensors(&forged(header, 4))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("not a whole safetensors file"),
            "{message}"
        );
    }
    let endless = u64::MAX.to_le_bytes();
    assert!(Weights::from_safetensors(&endless).is_err());
}

#[test]
fn a_network_from_elsewhere_can_have_its_own_scaler_and_bound() {
    let case = &golden()["dense_3"];
    let network = weights("dense_3")
        .network(shape(case), &layers(case))
        .unwrap();
    let scaler = Scaler::new(vec![1.0, 2.0, 3.0], vec![0.5, 1.0, 2.0]).unwrap();
    let fitted = FittedNetwork::reconstruction(network.clone(), scaler, Loss::Mae, 0.25).unwrap();
    let row = [1.5_f64, 1.0, 7.0];
    let scaled = [1.0_f32, -1.0, 2.0];
    let output = network.predict(&scaled).unwrap();
    let errors = scaled
        .iter()
        .zip(&output)
        .map(|(a, b)| f64::from((a - b).abs()));
    let expected = errors.sum::<f64>() / 3.0 / 0.25;
    let x = ArrayView2::from_shape((1, 3), &row).unwrap();
    let score = fitted.score(x).unwrap()[0];
    assert!((score - expected).abs() < 1e-6, "{score} {expected}");
    let wrong = Scaler::new(vec![0.0], vec![1.0]).unwrap();
    assert!(FittedNetwork::reconstruction(network, wrong, Loss::Mse, 1.0).is_err());
    let narrow = Network::new(
        Shape {
            steps: 1,
            features: 3,
        },
        &[Layer::Dense {
            units: 2,
            activation: Activation::Linear,
        }],
        1,
    );
    let scaler = Scaler::new(vec![0.0; 3], vec![1.0; 3]).unwrap();
    let refused = FittedNetwork::reconstruction(narrow.unwrap(), scaler, Loss::Mse, 1.0);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("do not give back")
    );
}

proptest! {
    /// No byte of a file can be changed so that reading it panics, or gives numbers that are none.
    #[test]
    fn changed_files_never_panic(place in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = file("lstm_2");
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(weights) = Weights::from_safetensors(&bytes) {
            for name in weights.names() {
                let tensor = weights.get(name).unwrap();
                prop_assert!(tensor.values.iter().all(|x| x.is_finite()));
            }
            let case = &golden()["lstm_2"];
            let _ = weights.network(shape(case), &layers(case));
        }
    }
}
