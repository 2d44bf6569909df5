//! Every gradient against central differences, in `f64`.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{prop_assert, proptest};
use rand_pcg::Pcg64;

use super::{Model, Samples, Sequential, Variational};
use crate::network::{Plan, initial};
use crate::random::{generator, unit};
use crate::{Activation, Layer, Loss, Shape};

/// What a case is made of: windows of noise, and weights that are not small.
struct Case {
    table: Vec<f32>,
    input: Shape,
    starts: Vec<usize>,
    parameters: Vec<f64>,
    seed: u64,
}

impl Case {
    fn new(input: Shape, windows: usize, plans: &[&Plan], seed: u64) -> Self {
        let mut rng = generator(seed, 99);
        let rows = input.steps + windows;
        let mut draw = |size: f64| (unit(&mut rng) * 2.0 - 1.0) * size;
        let table = (0..rows * input.features).map(|_| draw(1.5) as f32);
        let table = table.collect();
        let fresh = plans.iter().flat_map(|plan| initial(plan, seed));
        let parameters = fresh.map(|weight| weight + draw(0.3)).collect();
        Self {
            table,
            input,
            starts: (0..windows).collect(),
            parameters,
            seed,
        }
    }

    /// The largest difference between a gradient and the slope of the loss, relative to one plus
    /// its size, over all parameters; infinite where fewer than four in five could be compared. Every
    /// evaluation draws the same noise.
    fn largest_difference(&self, model: &mut dyn Model<f64>) -> f64 {
        let samples = Samples {
            values: &self.table,
            input: self.input,
        };
        let noise = || -> Pcg64 { generator(self.seed, 5) };
        let mut gradients = vec![f64::NAN; self.parameters.len()];
        let (starts, parameters) = (&self.starts, &self.parameters);
        model.learn(parameters, &samples, starts, &mut gradients, &mut noise());
        let mut ignored = gradients.clone();
        let mut loss = |parameters: &[f64]| {
            model.learn(parameters, &samples, starts, &mut ignored, &mut noise())
        };
        let (mut largest, mut compared) = (0.0_f64, 0);
        for (index, gradient) in gradients.iter().enumerate() {
            let mut moved = parameters.clone();
            let mut slope_with = |step: f64| {
                moved[index] = parameters[index] + step;
                let above = loss(&moved);
                moved[index] = parameters[index] - step;
                (above - loss(&moved)) / (2.0 * step)
            };
            // Where two steps disagree a kink (of relu or of the absolute error) is near.
            let (near, far) = (slope_with(1e-6), slope_with(1e-5));
            if (near - far).abs() < 1e-6 {
                compared += 1;
                let difference = (gradient - near).abs() / (1.0 + near.abs());
                largest = if difference.is_nan() {
                    f64::INFINITY
                } else {
                    largest.max(difference)
                };
            }
        }
        if 5 * compared >= 4 * gradients.len() {
            largest
        } else {
            f64::INFINITY
        }
    }
}

fn activations() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Linear),
        Just(Activation::Relu),
        Just(Activation::Sigmoid),
        Just(Activation::Tanh),
    ]
}

fn losses() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::Mse),
        Just(Loss::Mae),
        (0.1..2.0).prop_map(|delta| Loss::Huber { delta }),
    ]
}

fn sequential(input: Shape, layers: &[Layer], foretells: bool, loss: Loss, seed: u64) -> f64 {
    let plan = Plan::new(input, layers).unwrap();
    let case = Case::new(input, 3, &[&plan], seed);
    case.largest_difference(&mut Sequential::new(&plan, foretells, loss))
}

const CLOSE: f64 = 2e-8;

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(12))]

    #[test]
    fn of_dense_layers(
        features in 1_usize..4, units in 1_usize..19, steps in 1_usize..4,
        activation in activations(), output in activations(), loss in losses(), seed in any::<u64>(),
    ) {
        let layers = [
            Layer::Dense { units, activation },
            Layer::Dropout { rate: 0.3 },
            Layer::Dense { units: features, activation: output },
        ];
        let difference = sequential(Shape { steps, features }, &layers, false, loss, seed);
        prop_assert!(difference < CLOSE, "{difference}");
    }

    #[test]
    fn of_lstm_layers(
        features in 1_usize..4, outer in 1_usize..19, code in 1_usize..5, steps in 2_usize..6,
        loss in losses(), seed in any::<u64>(),
    ) {
        let lstm = |units, sequences| Layer::Lstm { units, sequences };
        let layers = [
            lstm(outer, true),
            Layer::Dropout { rate: 0.2 },
            lstm(code, false),
            Layer::Repeat { times: steps },
            lstm(code, true),
            Layer::Dense { units: features, activation: Activation::Linear },
        ];
        let difference = sequential(Shape { steps, features }, &layers, false, loss, seed);
        prop_assert!(difference < CLOSE, "{difference}");
    }

    #[test]
    fn of_gru_layers(
        features in 1_usize..4, outer in 1_usize..19, code in 1_usize..5, steps in 2_usize..6,
        loss in losses(), seed in any::<u64>(),
    ) {
        let gru = |units, sequences| Layer::Gru { units, sequences };
        let layers = [
            gru(outer, true),
            gru(code, false),
            Layer::Repeat { times: steps },
            gru(code, true),
            Layer::Dense { units: features, activation: Activation::Linear },
        ];
        let difference = sequential(Shape { steps, features }, &layers, false, loss, seed);
        prop_assert!(difference < CLOSE, "{difference}");
    }

    #[test]
    fn of_forecasts(
        features in 1_usize..4, units in 1_usize..7, steps in 1_usize..5, loss in losses(),
        seed in any::<u64>(),
    ) {
        let layers = [
            Layer::Lstm { units, sequences: false },
            Layer::Dense { units: features, activation: Activation::Linear },
        ];
        let difference = sequential(Shape { steps, features }, &layers, true, loss, seed);
        prop_assert!(difference < CLOSE, "{difference}");
    }

    #[test]
    fn of_variational_autoencoders(
        features in 1_usize..5, hidden in 1_usize..9, latent in 1_usize..4, beta in 0.0..3.0,
        activation in activations(), loss in losses(), seed in any::<u64>(),
    ) {
        let dense = |units, activation| Layer::Dense { units, activation };
        let shape = |features| Shape { steps: 1, features };
        let first = [dense(hidden, activation), dense(2 * latent, Activation::Linear)];
        let second = [dense(hidden, activation), dense(features, Activation::Linear)];
        let encoder = Plan::new(shape(features), &first).unwrap();
        let decoder = Plan::new(shape(latent), &second).unwrap();
        let case = Case::new(shape(features), 4, &[&encoder, &decoder], seed);
        let mut model = Variational::new(&encoder, &decoder, beta, loss);
        let difference = case.largest_difference(&mut model);
        prop_assert!(difference < CLOSE, "{difference}");
    }
}
