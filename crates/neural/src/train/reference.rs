//! Losses of whole trainings against those of `PyTorch` from the same first weights; see
//! `tests/golden/generate_training.py`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::Value;

use super::{Samples, Sequential, Task, Training, train};
use crate::network::Plan;
use crate::{Activation, Layer, Loss, Shape, Weights};

const ROWS: usize = 150;
const HELD_BACK: usize = 30;

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    std::fs::read(folder.join(name)).unwrap()
}

fn table(features: usize) -> Vec<f32> {
    let value = |i: usize, j: usize| {
        let noise = ((i * 7_919 + j * 104_729) % 1_000) as f64 / 1_000.0 - 0.5;
        ((0.4 * i as f64 + j as f64).sin() + 0.3 * noise) as f32
    };
    let cells = (0..ROWS).flat_map(|i| (0..features).map(move |j| (i, j)));
    cells.map(|(i, j)| value(i, j)).collect()
}

/// What the generator calls the settings.
fn setting(name: &str) -> Training {
    let base = Training::new().epochs(6).unwrap().shuffle(false);
    let base = base.patience(0).unwrap();
    let base = base.reduce_on_plateau(0, 0.5, 1e-9).unwrap();
    let fast = || base.clone().learning_rate(3e-3).unwrap();
    match name {
        "plain" => base.clip_norm(None),
        "clipped" => base.clip_norm(Some(0.05)),
        "decayed" => fast().weight_decay(0.1),
        "l2" => fast().l2(0.01),
        "huber" => fast().loss(Loss::Huber { delta: 0.5 }),
        "mae" => fast().loss(Loss::Mae),
        other => panic!("no setting {other}"),
    }
    .unwrap()
}

fn layer(given: &Value) -> Layer {
    let size = || given[1].as_u64().unwrap() as usize;
    let sequences = || given[2].as_bool().unwrap();
    match given[0].as_str().unwrap() {
        "dense" => Layer::Dense {
            units: size(),
            activation: match given[2].as_str().unwrap() {
                "relu" => Activation::Relu,
                _ => Activation::Linear,
            },
        },
        // The generator trains without it.
        "dropout" => Layer::Dropout { rate: 0.0 },
        "repeat" => Layer::Repeat { times: size() },
        "lstm" => Layer::Lstm {
            units: size(),
            sequences: sequences(),
        },
        "gru" => Layer::Gru {
            units: size(),
            sequences: sequences(),
        },
        other => panic!("no layer {other}"),
    }
}

#[test]
fn losses_are_those_of_pytorch_epoch_by_epoch() {
    let cases: Value = serde_json::from_slice(&golden("training.json")).unwrap();
    for (name, case) in cases.as_object().unwrap() {
        let size = |key: &str| case[key].as_u64().unwrap() as usize;
        let (features, steps) = (size("features"), size("steps"));
        let layers: Vec<Layer> = case["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(layer)
            .collect();
        let input = Shape { steps, features };
        let plan = Plan::new(input, &layers).unwrap();
        let weights = golden(&format!("training_{name}.safetensors"));
        let weights = Weights::from_safetensors(&weights).unwrap();
        let fresh = weights.parameters(&[("", &plan)]).unwrap();
        let foretells = name == "forecast";
        let whole = steps + usize::from(foretells);
        let table = table(features);
        for (key, expected) in case["losses"].as_object().unwrap() {
            let training = setting(key);
            let mut task = Task {
                samples: Samples {
                    values: &table,
                    input,
                },
                learned: (0..=ROWS - HELD_BACK - whole).collect(),
                held_back: (ROWS - HELD_BACK..=ROWS - whole).collect(),
                weights: Task::weights(&[&plan]),
            };
            let mut model = Sequential::new(&plan, foretells, training.loss);
            let mut go = |_: &_| ControlFlow::Continue(());
            let fresh = fresh.clone();
            let (_, history) = train(&mut model, fresh, &mut task, &training, &mut go).unwrap();
            let expected = expected.as_array().unwrap();
            assert_eq!(history.epochs.len(), expected.len());
            for (epoch, pair) in history.epochs.iter().zip(expected) {
                for (found, pinned) in [epoch.loss, epoch.validation_loss.unwrap()]
                    .iter()
                    .zip(pair.as_array().unwrap())
                {
                    let difference = (found - pinned.as_f64().unwrap()).abs();
                    assert!(
                        difference < 1e-5,
                        "{name}, {key}: {difference:.1e}, {history:?}, {expected:?}"
                    );
                }
            }
        }
    }
}
