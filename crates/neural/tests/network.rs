//! Outputs of networks against plain formulas in `f64`, and weights by name.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Error, Result, snapshot};
use bongsu_neural::{Activation, Layer, Network, Scratch, Shape, Tensor};
use proptest::prelude::*;

/// Row by row and number by number, from the tensors alone.
fn plain(network: &Network, input: &[f32]) -> Vec<f64> {
    let tensors = network.tensors();
    let mut rows: Vec<Vec<f64>> = input
        .chunks(network.input().features)
        .map(|row| row.iter().map(|&x| f64::from(x)).collect())
        .collect();
    for (index, layer) in network.layers().iter().enumerate() {
        let get = |name: &str| find(&tensors, &format!("{index}.{name}")).unwrap();
        rows = match *layer {
            Layer::Dropout { .. } => rows,
            Layer::Repeat { times } => vec![rows[0].clone(); times],
            Layer::Dense { activation, .. } => {
                let (weight, bias) = (get("weight"), get("bias"));
                let sums = rows.iter().map(|row| affine(&weight, &bias, row));
                let function = |x: f64| match activation {
                    Activation::Linear => x,
                    Activation::Relu => x.max(0.0),
                    Activation::Sigmoid => logistic(x),
                    Activation::Tanh => x.tanh(),
                };
                sums.map(|sums| sums.into_iter().map(function).collect())
                    .collect()
            }
            Layer::Lstm { units, sequences } | Layer::Gru { units, sequences } => {
                let weights = [get("weight_ih_l0"), get("bias_ih_l0")];
                let recurrent = [get("weight_hh_l0"), get("bias_hh_l0")];
                let is_lstm = matches!(layer, Layer::Lstm { .. });
                let (mut h, mut c) = (vec![0.0; units], vec![0.0; units]);
                let mut states = Vec::new();
                for row in &rows {
                    let x = affine(&weights[0], &weights[1], row);
                    let u = affine(&recurrent[0], &recurrent[1], &h);
                    for k in 0..units {
                        let gate =
                            |gate: usize| logistic(x[gate * units + k] + u[gate * units + k]);
                        if is_lstm {
                            let g = (x[2 * units + k] + u[2 * units + k]).tanh();
                            c[k] = gate(1) * c[k] + gate(0) * g;
                            h[k] = gate(3) * c[k].tanh();
                        } else {
                            let n = (x[2 * units + k] + gate(0) * u[2 * units + k]).tanh();
                            h[k] = (1.0 - gate(1)) * n + gate(1) * h[k];
                        }
                    }
                    states.push(h.clone());
                }
                if sequences { states } else { vec![h] }
            }
        };
    }
    rows.concat()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn affine(weight: &Tensor, bias: &Tensor, row: &[f64]) -> Vec<f64> {
    let lines = weight.values.chunks(weight.shape[1]).zip(&bias.values);
    let dot = |(line, bias): (&[f32], &f32)| {
        let products = line.iter().zip(row).map(|(w, x)| f64::from(*w) * x);
        products.sum::<f64>() + f64::from(*bias)
    };
    lines.map(dot).collect()
}

fn find(tensors: &[Tensor], name: &str) -> Result<Tensor> {
    let found = tensors.iter().find(|tensor| tensor.name == name);
    found
        .cloned()
        .ok_or_else(|| Error::input(format!("no tensor `{name}`")))
}

/// A network whose biases are not zero either, the two of an LSTM not the same.
fn noisy(input: Shape, layers: &[Layer], seed: u64) -> Network {
    let mut tensors = Network::new(input, layers, seed).unwrap().tensors();
    for (t, tensor) in tensors.iter_mut().enumerate() {
        for (i, value) in tensor.values.iter_mut().enumerate() {
            *value += ((t * 31 + i * 17) % 13) as f32 * 0.05 - 0.3;
        }
    }
    Network::from_tensors(input, layers, |name| find(&tensors, name)).unwrap()
}

fn check(network: &Network, count: usize, seed: u64) {
    let size = network.input().len();
    let number = |i: usize| ((i as u64 * 7_919 + seed % 1_000) % 997) as f32 / 300.0 - 1.6;
    let inputs: Vec<f32> = (0..count * size).map(number).collect();
    let outputs = network.predict(&inputs).unwrap();
    let expected = inputs.chunks(size).flat_map(|input| plain(network, input));
    for (i, (y, e)) in outputs.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(*y) - e).abs() < 2e-5 * (1.0 + e.abs()),
            "output {i}: {y}, not {e}"
        );
    }
    let given = network.output().len() * count;
    assert_eq!(outputs.len(), given);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn dense_networks_follow_the_formula(
        features in 1_usize..40, units in 1_usize..140, count in 1_usize..70, seed: u64,
    ) {
        let layers = [
            Layer::Dense { units, activation: Activation::Relu },
            Layer::Dropout { rate: 0.2 },
            Layer::Dense { units: 5, activation: Activation::Tanh },
            Layer::Dense { units: 33, activation: Activation::Sigmoid },
            Layer::Dense { units: features, activation: Activation::Linear },
        ];
        check(&noisy(Shape { steps: 1, features }, &layers, seed), count, seed);
    }

    #[test]
    fn recurrent_networks_follow_the_formula(
        features in 1_usize..4, outer in 1_usize..40, code in 1_usize..20, steps in 1_usize..40,
        count in 1_usize..40, gru: bool, seed: u64,
    ) {
        let cell = |units, sequences| if gru {
            Layer::Gru { units, sequences }
        } else {
            Layer::Lstm { units, sequences }
        };
        let layers = [
            cell(outer, true),
            Layer::Dropout { rate: 0.2 },
            cell(code, false),
            Layer::Repeat { times: steps },
            cell(code, true),
            cell(outer, true),
            Layer::Dense { units: features, activation: Activation::Linear },
        ];
        check(&noisy(Shape { steps, features }, &layers, seed), count, seed);
    }

    #[test]
    fn a_dense_layer_or_none_after_a_repetition_is_the_same_at_each_step(
        features in 1_usize..20, times in 1_usize..5, dense: bool, count in 1_usize..5, seed: u64,
    ) {
        let mut layers = vec![Layer::Repeat { times }];
        if dense {
            layers.push(Layer::Dense { units: 3, activation: Activation::Tanh });
        }
        check(&noisy(Shape { steps: 1, features }, &layers, seed), count, seed);
    }

    #[test]
    fn weights_survive_names_and_snapshots(
        features in 1_usize..20, units in 1_usize..40, gru: bool, seed: u64,
    ) {
        let recurrent = if gru {
            Layer::Gru { units, sequences: false }
        } else {
            Layer::Lstm { units, sequences: false }
        };
        let layers = [recurrent, Layer::Dense { units: features, activation: Activation::Relu }];
        let input = Shape { steps: 3, features };
        let network = Network::new(input, &layers, seed).unwrap();
        let tensors = network.tensors();
        let again = Network::from_tensors(input, &layers, |name| find(&tensors, name)).unwrap();
        prop_assert_eq!(&again, &network);
        let bytes = snapshot::to_bytes(&network).unwrap();
        prop_assert_eq!(&snapshot::from_bytes::<Network>(&bytes).unwrap(), &network);
    }
}

#[test]
fn a_scratch_serves_networks_of_any_size_in_turn() {
    let dense = |units| Layer::Dense {
        units,
        activation: Activation::Relu,
    };
    let large = Network::new(
        Shape {
            steps: 1,
            features: 50,
        },
        &[dense(80), dense(50)],
        1,
    )
    .unwrap();
    let lstm = [
        Layer::Lstm {
            units: 9,
            sequences: true,
        },
        dense(2),
    ];
    let small = Network::new(
        Shape {
            steps: 4,
            features: 2,
        },
        &lstm,
        1,
    )
    .unwrap();
    let mut scratch = Scratch::default();
    for (network, count) in [(&large, 70), (&small, 3), (&large, 1), (&small, 40)] {
        let inputs: Vec<f32> = (0..count * network.input().len())
            .map(|i| (i % 17) as f32 * 0.1)
            .collect();
        let mut outputs = vec![0.0; count * network.output().len()];
        network
            .predict_into(&inputs, &mut outputs, &mut scratch)
            .unwrap();
        assert_eq!(outputs, network.predict(&inputs).unwrap());
    }
}

#[test]
fn many_inputs_give_what_each_gives_alone() {
    let lstm = |units, sequences| Layer::Lstm { units, sequences };
    let dense = Layer::Dense {
        units: 2,
        activation: Activation::Linear,
    };
    let input = Shape {
        steps: 7,
        features: 2,
    };
    let network = Network::new(input, &[lstm(20, true), lstm(6, true), dense], 3).unwrap();
    let inputs: Vec<f32> = (0..75 * 14).map(|i| (i % 23) as f32 * 0.1 - 1.0).collect();
    let together = network.predict(&inputs).unwrap();
    let apart: Vec<f32> = inputs
        .chunks(14)
        .flat_map(|input| network.predict(input).unwrap())
        .collect();
    for (a, b) in together.iter().zip(&apart) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let shape = Shape {
        steps: 1,
        features: 2,
    };
    let dense = Layer::Dense {
        units: 3,
        activation: Activation::Linear,
    };
    let network = Network::new(shape, &[dense], 0).unwrap();
    let fails = |result: Result<Network>, words: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let with = |change: fn(&mut Tensor)| {
        let mut tensors = network.tensors();
        change(&mut tensors[0]);
        Network::from_tensors(shape, &[dense], |name| find(&tensors, name))
    };
    fails(
        with(|t| t.shape = vec![2, 3]),
        "tensor `0.weight` has shape [2, 3], but the network needs [3, 2]",
    );
    fails(with(|t| t.values.truncate(5)), "0.weight");
    fails(with(|t| t.values[4] = f32::NAN), "0.weight");
    fails(with(|t| t.name = "weight".into()), "no tensor `0.weight`");
    let long = Shape {
        steps: 3,
        features: 2,
    };
    fails(
        Network::new(long, &[Layer::Repeat { times: 2 }], 0),
        "layer 0",
    );
    fails(Network::new(shape, &[], 0), "number of layers");
    let none = Shape {
        steps: 0,
        features: 2,
    };
    fails(Network::new(none, &[dense], 0), "steps");
    let huge = Layer::Lstm {
        units: usize::MAX,
        sequences: true,
    };
    fails(Network::new(shape, &[huge], 0), "units");
    let wide = |units| Layer::Dense {
        units,
        activation: Activation::Relu,
    };
    fails(
        Network::new(shape, &[wide(65_536), wide(65_536)], 0),
        "number of parameters",
    );
    fails(
        Network::new(shape, &[Layer::Dropout { rate: 1.0 }], 0),
        "dropout",
    );
    assert!(network.predict(&[1.0, f32::INFINITY]).is_err());
    assert!(network.predict(&[1.0, 2.0, 3.0]).is_err());
    let mut outputs = [0.0; 5];
    let mut scratch = Scratch::default();
    assert!(
        network
            .predict_into(&[1.0, 2.0], &mut outputs, &mut scratch)
            .is_err()
    );
}

#[test]
fn a_network_takes_the_memory_of_its_weights() {
    let lstm = |units, sequences| Layer::Lstm { units, sequences };
    let dense = |units| Layer::Dense {
        units,
        activation: Activation::Relu,
    };
    let table = Shape {
        steps: 1,
        features: 30,
    };
    let series = Shape {
        steps: 60,
        features: 1,
    };
    let sequence = [
        lstm(50, true),
        lstm(25, false),
        Layer::Repeat { times: 60 },
        lstm(25, true),
        lstm(50, true),
        dense(1),
    ];
    let cases = [
        (table, vec![dense(64), dense(32), dense(64), dense(30)]),
        (series, sequence.to_vec()),
    ];
    for (input, layers) in cases {
        let network = Network::new(input, &layers, 0).unwrap();
        let weights = 4.0 * network.parameters() as f64;
        assert!(
            network.heap_bytes() as f64 <= 1.1 * weights,
            "{}",
            network.heap_bytes() as f64 / weights
        );
        let saved = snapshot::to_bytes(&network).unwrap().len() as f64;
        assert!(saved <= 1.01 * weights + 100.0, "{}", saved / weights);
    }
}
