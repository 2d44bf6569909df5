use std::ops::{ControlFlow, Range};

use bongsu_core::{Error, Result};

use super::adam::Adam;
use super::{Epoch, History, Model, Progress, Samples, Stop, Training};
use crate::network::Plan;
use crate::random::{below, generator};

/// The generators of a fit, beside those of the layers' weights.
const ORDER: usize = 1 << 20;
const NOISE: usize = ORDER + 1;

/// What to train on.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) samples: Samples<'a>,
    /// The first rows of the windows to learn from, and of those to judge by.
    pub(crate) learned: Vec<usize>,
    pub(crate) held_back: Vec<usize>,
    /// Where the weights are among the parameters, biases left out.
    pub(crate) weights: Vec<Range<usize>>,
}

impl Task<'_> {
    /// The places of the weights of networks whose parameters follow one another.
    pub(crate) fn weights(plans: &[&Plan]) -> Vec<Range<usize>> {
        let (mut weights, mut from) = (Vec::new(), 0);
        for plan in plans {
            for placed in &plan.layers {
                let matrices = placed.parameters().filter(|(p, _)| p.is_matrix);
                weights.extend(matrices.map(|(_, range)| from + range.start..from + range.end));
            }
            from += plan.parameters();
        }
        weights
    }
}

/// Trains `model` from these `parameters`, and gives the best ones seen.
pub(crate) fn train(
    model: &mut dyn Model<f32>,
    mut parameters: Vec<f32>,
    task: &mut Task<'_>,
    training: &Training,
    observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(Vec<f32>, History)> {
    let mut adam = Adam::new(parameters.len());
    let mut gradients = vec![0.0_f32; parameters.len()];
    let mut order = generator(training.seed, ORDER);
    let mut noise = generator(training.seed, NOISE);
    let mut plateau = Plateau::new(training);
    let mut best = parameters.clone();
    let mut history = History {
        epochs: Vec::new(),
        best: None,
        stop: Stop::Finished,
    };
    let batches = task.learned.len().div_ceil(training.batch);
    'epochs: for epoch in 0..training.epochs {
        let rate = plateau.rate;
        if training.shuffle {
            for last in (1..task.learned.len()).rev() {
                task.learned.swap(last, below(&mut order, last + 1));
            }
        }
        let (mut sum, mut done) = (0.0, 0);
        for (batch, starts) in task.learned.chunks(training.batch).enumerate() {
            let loss = model.learn(
                &parameters,
                &task.samples,
                starts,
                &mut gradients,
                &mut noise,
            );
            prepare(&mut gradients, &parameters, &task.weights, training);
            adam.step(
                &mut parameters,
                &gradients,
                rate,
                rate * training.weight_decay,
            );
            sum += loss * starts.len() as f64;
            done += starts.len();
            if !sum.is_finite() {
                return Err(diverged(epoch, loss));
            }
            let mut progress = Progress {
                epoch,
                epochs: training.epochs,
                batch: batch + 1,
                batches,
                loss: sum / done as f64,
                finished: None,
            };
            if batch + 1 == batches {
                let finished = Epoch {
                    loss: progress.loss,
                    validation_loss: validate(model, &parameters, task, training),
                    learning_rate: rate,
                };
                let judged = finished.validation_loss.unwrap_or(finished.loss);
                if !judged.is_finite() {
                    return Err(diverged(epoch, judged));
                }
                history.epochs.push(finished);
                if plateau.is_better(judged) {
                    best.copy_from_slice(&parameters);
                    history.best = Some(epoch);
                }
                progress.finished = Some(finished);
            }
            if observe(&progress).is_break() {
                history.stop = Stop::Cancelled;
                break 'epochs;
            }
        }
        if plateau.is_over() {
            history.stop = Stop::NoImprovement;
            break;
        }
    }
    if history.best.is_none() {
        best = parameters;
    }
    Ok((best, history))
}

fn diverged(epoch: usize, loss: f64) -> Error {
    Error::input(format!(
        "training diverged: the loss became {loss} in epoch {epoch}; \
         lower `learning_rate` or set `clip_norm`"
    ))
}

/// The mean loss of the windows held back.
fn validate(
    model: &mut dyn Model<f32>,
    parameters: &[f32],
    task: &Task<'_>,
    training: &Training,
) -> Option<f64> {
    let batches = task.held_back.chunks(training.batch);
    let of_batch =
        |starts: &[usize]| model.loss(parameters, &task.samples, starts) * starts.len() as f64;
    let sum: f64 = batches.map(of_batch).sum();
    (!task.held_back.is_empty()).then(|| sum / task.held_back.len() as f64)
}

/// Adds the pull of `l2` to the gradients, and shortens them where they are too long.
fn prepare(
    gradients: &mut [f32],
    parameters: &[f32],
    weights: &[Range<usize>],
    training: &Training,
) {
    if training.l2 > 0.0 {
        let l2 = training.l2 as f32;
        for range in weights {
            let weights = parameters.get(range.clone()).unwrap_or_default();
            let gradients = gradients.get_mut(range.clone()).unwrap_or_default();
            for (gradient, weight) in gradients.iter_mut().zip(weights) {
                *gradient += l2 * weight;
            }
        }
    }
    if let Some(most) = training.clip_norm {
        // Sixteen sums side by side, so that they are added as vectors.
        let (lanes, rest) = gradients.as_chunks::<16>();
        let mut sums = [0.0_f32; 16];
        for lane in lanes {
            for (sum, g) in sums.iter_mut().zip(lane) {
                *sum += g * g;
            }
        }
        let rest: f32 = rest.iter().map(|g| g * g).sum();
        let squares = sums.into_iter().chain([rest]).map(f64::from);
        let norm = squares.sum::<f64>().sqrt();
        if norm > most {
            let factor = (most / norm) as f32;
            gradients.iter_mut().for_each(|g| *g *= factor);
        }
    }
}

/// The best loss so far, and what follows when there is none better for long.
struct Plateau<'a> {
    training: &'a Training,
    best: f64,
    rate: f64,
    /// Epochs since the best loss, and since the best loss or the last reduction.
    waited: usize,
    waited_to_reduce: usize,
}

impl<'a> Plateau<'a> {
    const fn new(training: &'a Training) -> Self {
        Self {
            training,
            best: f64::INFINITY,
            rate: training.learning_rate,
            waited: 0,
            waited_to_reduce: 0,
        }
    }

    fn is_better(&mut self, loss: f64) -> bool {
        let training = self.training;
        if loss < self.best - training.min_delta || self.best.is_infinite() {
            (self.best, self.waited, self.waited_to_reduce) = (loss, 0, 0);
            return true;
        }
        self.waited += 1;
        self.waited_to_reduce += 1;
        if training.reduce_after > 0 && self.waited_to_reduce >= training.reduce_after {
            let least = training.min_learning_rate.min(self.rate);
            self.rate = (self.rate * training.reduce_factor).max(least);
            self.waited_to_reduce = 0;
        }
        false
    }

    const fn is_over(&self) -> bool {
        self.training.patience > 0 && self.waited >= self.training.patience
    }
}
