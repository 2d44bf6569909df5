use std::ops::ControlFlow;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Calibration, Error, Result, Rows};
use rand_distr::{Distribution as _, StandardNormal};

use super::errors::{Errors, Model};
use super::{Combine, FittedNetwork};
use crate::check;
use crate::network::{Network, Plan, initial};
use crate::random::generator;
use crate::scaler::{Scaler, Scaling};
use crate::train::{Model as Trainable, Samples, Sequential, Task, Variational, train};
use crate::{History, Loss, Progress, Scratch, Training, Weights};

/// The fewest windows to learn from.
const LEAST_WINDOWS: usize = 16;

/// Errors below this count as this large: no score is divided by zero.
const LEAST_ERROR: f64 = 1e-9;

/// The generator of the draws that a variational autoencoder is judged with.
const DRAWS: usize = 1 << 21;

/// What the detectors differ in.
pub(super) enum Kind {
    Reconstruction(Plan),
    Forecast(Plan),
    Variational {
        encoder: Plan,
        decoder: Plan,
        beta: f64,
        samples: usize,
    },
}

impl Kind {
    /// Its networks, and what stands before the names of their tensors.
    fn parts(&self) -> Vec<(&'static str, &Plan)> {
        match self {
            Self::Reconstruction(plan) | Self::Forecast(plan) => vec![("", plan)],
            Self::Variational {
                encoder, decoder, ..
            } => vec![("encoder.", encoder), ("decoder.", decoder)],
        }
    }
}

/// What they share.
pub(crate) struct Recipe<'a> {
    pub(crate) what: &'static str,
    pub(crate) training: &'a Training,
    pub(crate) scaling: Scaling,
    pub(crate) threshold: &'a Calibration,
    pub(crate) stride: usize,
    pub(crate) combine: Combine,
}

/// What is told of each batch, and may end the training.
pub(super) type Observe<'a> = &'a mut dyn FnMut(&Progress) -> ControlFlow<()>;

/// Where the weights come from.
pub(super) enum Source<'a> {
    /// They are trained.
    Training(Observe<'a>),
    /// They were trained elsewhere.
    Given(&'a Weights),
}

impl Recipe<'_> {
    /// Trains on the rows of `x`, or takes the weights that are given, and gives the scores of the
    /// rows too.
    pub(super) fn fit(
        &self,
        kind: &Kind,
        x: &ArrayView2<'_, f64>,
        source: Source<'_>,
    ) -> Result<(FittedNetwork, Vec<f64>)> {
        self.training.validate()?;
        let input = match kind {
            Kind::Reconstruction(plan) | Kind::Forecast(plan) => plan.input,
            Kind::Variational { encoder, .. } => encoder.input,
        };
        let window = input.steps + usize::from(matches!(kind, Kind::Forecast(_)));
        let rows = self.learned_rows(x, window)?;
        let scaler = Scaler::fit(self.scaling, &Rows::untimed(*x).first(rows).values());
        let table = scaler.table(x);
        let starts = |from: usize, to: usize| {
            let last = (to + 1).saturating_sub(window);
            (from..last).step_by(self.stride).collect::<Vec<_>>()
        };
        let (best, history) = match source {
            Source::Given(weights) => (weights.parameters(&kind.parts())?, None),
            Source::Training(observe) => {
                let samples = Samples {
                    values: &table,
                    input,
                };
                let (learned, held_back) = (starts(0, rows), starts(rows, x.nrows()));
                let (best, history) = self.trained(kind, samples, learned, held_back, observe)?;
                (best, Some(history))
            }
        };
        let model = self.built(kind, &best)?;
        self.judged(model, scaler, &table, rows, history)
    }

    /// A network as it is: fits the scaler, unless it is given, and the threshold.
    #[cfg(feature = "onnx")]
    pub(crate) fn fit_onnx(
        &self,
        network: &crate::OnnxNetwork,
        scaler: Option<&Scaler>,
        x: &ArrayView2<'_, f64>,
    ) -> Result<(FittedNetwork, Vec<f64>)> {
        let crate::Shape { steps, features } = network.input();
        let columns = scaler.map_or(features, Scaler::features);
        for (what, found) in [("features", x.ncols()), ("columns of the scaler", columns)] {
            if found != features {
                return Err(Error::shape(format!("number of {what}"), found, features));
            }
        }
        let rows = self.learned_rows(x, steps)?;
        let fresh = || Scaler::fit(self.scaling, &Rows::untimed(*x).first(rows).values());
        let scaler = scaler.cloned().unwrap_or_else(fresh);
        let table = scaler.table(x);
        let model = Model::Onnx(network.clone());
        self.judged(model, scaler, &table, rows, None)
    }

    /// The detector around `model`, with its threshold from the errors of all rows of the scaled
    /// `table`, of which the first `rows` are those learned from, and the scores of these.
    fn judged(
        &self,
        model: Model,
        scaler: Scaler,
        table: &[f32],
        rows: usize,
        history: Option<History>,
    ) -> Result<(FittedNetwork, Vec<f64>)> {
        let loss = self.training.loss;
        let errors = Errors::of(&model, loss, table, self.stride, &mut Scratch::default())?;
        // The mean holds the causal error too.
        let overflow = |&error: &f64| Loss::is_overflow(error);
        if let Some(row) = errors.mean.iter().position(overflow) {
            return Err(Error::input(format!(
                "the network gives numbers that are not finite, first for row {row}"
            )));
        }
        let (given, window) = (errors.mean.len(), model.rows());
        let bound = |errors: &[f64]| match *self.threshold {
            Calibration::FalseAlarmRate(rate) => {
                let held_back = errors.get(rows..).unwrap_or_default();
                conformal(rate, held_back, || self.held_back(given, window))
            }
            ref other => calibrated(other, errors),
        };
        let (mean_bound, causal_bound) = match self.combine {
            // Where points are judged as they come only the past is known.
            Combine::Mean => (bound(&errors.mean)?, bound(&errors.causal)?),
            Combine::Causal => {
                let bound = bound(&errors.causal)?;
                (bound, bound)
            }
        };
        let errors = errors.combined(self.combine);
        let neutral = Calibration::Contamination(0.5).fit(&known(&errors))?;
        let fitted = FittedNetwork {
            model,
            scaler,
            loss,
            stride: self.stride,
            combine: self.combine,
            bound: mean_bound,
            causal_bound,
            neutral: neutral.center().unwrap_or(0.0),
            history,
        };
        let scores = errors.iter().map(|&error| fitted.score_of(error));
        let scores = scores.collect();
        Ok((fitted, scores))
    }

    /// The best weights of a training on the windows that start at `learned`.
    fn trained(
        &self,
        kind: &Kind,
        samples: Samples<'_>,
        learned: Vec<usize>,
        held_back: Vec<usize>,
        observe: Observe<'_>,
    ) -> Result<(Vec<f32>, History)> {
        let plans: Vec<&Plan> = kind.parts().into_iter().map(|(_, plan)| plan).collect();
        let mut task = Task {
            samples,
            learned,
            held_back,
            weights: Task::weights(&plans),
        };
        let loss = self.training.loss;
        let mut model: Box<dyn Trainable<f32>> = match kind {
            Kind::Reconstruction(plan) => Box::new(Sequential::new(plan, false, loss)),
            Kind::Forecast(plan) => Box::new(Sequential::new(plan, true, loss)),
            Kind::Variational {
                encoder,
                decoder,
                beta,
                ..
            } => Box::new(Variational::new(encoder, decoder, *beta, loss)),
        };
        let seeds = (0_u64..).map(|i| self.training.seed.wrapping_add(i << 32));
        let fresh = plans.iter().zip(seeds);
        let fresh = fresh.flat_map(|(plan, seed)| initial(plan, seed));
        let fresh = fresh.map(|weight| weight as f32).collect();
        train(&mut *model, fresh, &mut task, self.training, observe)
    }

    /// The rows of `x` to learn from: all where what is held back would not hold a window.
    ///
    /// # Errors
    /// When there are too few rows, or one has a value that is not finite.
    fn learned_rows(&self, x: &ArrayView2<'_, f64>, window: usize) -> Result<usize> {
        let rows = x.nrows();
        let least = window + (LEAST_WINDOWS - 1) * self.stride;
        if rows < least {
            return Err(Error::not_enough_data(self.what, least, rows));
        }
        check::finite(x)?;
        let held_back = (rows as f64 * self.training.validation) as usize;
        Ok(if held_back < window || rows - held_back < least {
            rows
        } else {
            rows - held_back
        })
    }

    fn built(&self, kind: &Kind, values: &[f32]) -> Result<Model> {
        Ok(match kind {
            Kind::Reconstruction(plan) => Model::Reconstruction(Network::of(plan, values)?),
            Kind::Forecast(plan) => Model::Forecast(Network::of(plan, values)?),
            Kind::Variational {
                encoder,
                decoder,
                samples,
                ..
            } => {
                let (first, second) = values.split_at(encoder.parameters());
                let mut rng = generator(self.training.seed, DRAWS);
                let draws = samples * decoder.input.features;
                Model::Variational {
                    encoder: Network::of(encoder, first)?,
                    decoder: Network::of(decoder, second)?,
                    draws: (0..draws)
                        .map(|_| StandardNormal.sample(&mut rng))
                        .collect(),
                }
            }
        })
    }

    /// What `validation` would hold back of so many rows, in words.
    fn held_back(&self, rows: usize, window: usize) -> String {
        let rows = (rows as f64 * self.training.validation) as usize;
        let windows = (rows + 1).saturating_sub(window).div_ceil(self.stride);
        format!("{rows} rows, which hold {windows} windows of {window}")
    }
}

/// The error that scores 1.
fn calibrated(threshold: &Calibration, errors: &[f64]) -> Result<f64> {
    let bound = threshold.fit(&known(errors))?.bound();
    let bound = bound.ok_or_else(|| Error::unsupported("this threshold has no single bound"))?;
    Ok(bound.max(LEAST_ERROR))
}

fn known(errors: &[f64]) -> Vec<f64> {
    let known = errors.iter().copied().filter(|error| !error.is_nan());
    known.collect()
}

/// The smallest error held back that at most the share `rate` of new normal ones exceeds: with `n`
/// of them the one of rank `ceil((1 - rate) (n + 1))`. `describe` says what is held back, for where
/// that is too little.
fn conformal(rate: f64, errors: &[f64], describe: impl FnOnce() -> String) -> Result<f64> {
    if !(rate > 0.0 && rate <= 0.5) {
        return Err(Error::parameter("false_alarm_rate", rate, "in (0, 0.5]"));
    }
    let mut held_back = known(errors);
    held_back.sort_by(f64::total_cmp);
    let rank = ((1.0 - rate) * (held_back.len() + 1) as f64).ceil() as usize;
    let bound = held_back.get(rank.max(1) - 1);
    let bound = bound.ok_or_else(|| {
        let what = format!(
            "a conformal false-alarm rate of {rate}, of the rows held back by `validation` ({}),",
            describe()
        );
        Error::not_enough_data(what, (1.0 / rate).ceil() as usize, held_back.len())
    })?;
    Ok(bound.max(LEAST_ERROR))
}
