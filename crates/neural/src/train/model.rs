//! What is trained: a stack of layers, or the two stacks of a variational autoencoder.

use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;

use super::samples::Samples;
use super::stack::Stack;
use crate::Loss;
use crate::kernel::{Buffer, padded};
use crate::network::Plan;
use crate::real::Real;

/// Something with parameters and a loss.
pub(crate) trait Model<T: Real> {
    /// The mean loss over these windows and its gradient, with the noise of training.
    fn learn(
        &mut self,
        parameters: &[T],
        samples: &Samples<'_>,
        starts: &[usize],
        gradients: &mut [T],
        noise: &mut Pcg64,
    ) -> f64;

    /// The mean loss over these windows, without noise.
    fn loss(&mut self, parameters: &[T], samples: &Samples<'_>, starts: &[usize]) -> f64;
}

/// A stack that gives its input again, or foretells the row after it.
#[derive(Debug)]
pub(crate) struct Sequential<T: Real> {
    stack: Stack<T>,
    foretells: bool,
    loss: Loss,
    input: Buffer<T>,
    target: Buffer<T>,
}

impl<T: Real> Sequential<T> {
    pub(crate) fn new(plan: &Plan, foretells: bool, loss: Loss) -> Self {
        Self {
            stack: Stack::new(plan),
            foretells,
            loss,
            input: Buffer::default(),
            target: Buffer::default(),
        }
    }

    fn forward(
        &mut self,
        parameters: &[T],
        samples: &Samples<'_>,
        starts: &[usize],
        noise: Option<&mut Pcg64>,
    ) -> f64 {
        samples.load(starts, &mut self.input);
        if self.foretells {
            samples.load_next(starts, &mut self.target);
        }
        self.stack
            .forward(parameters, &self.input, starts.len(), noise);
        let target = if self.foretells {
            &self.target
        } else {
            &self.input
        };
        let steps = if self.foretells {
            1
        } else {
            samples.input.steps
        };
        let rows = steps * starts.len();
        let (out, slope) = self.stack.out_and_slope(starts.len());
        compare(
            self.loss,
            out,
            target,
            slope,
            (rows, samples.input.features),
        )
    }
}

impl<T: Real> Model<T> for Sequential<T> {
    fn learn(
        &mut self,
        parameters: &[T],
        samples: &Samples<'_>,
        starts: &[usize],
        gradients: &mut [T],
        noise: &mut Pcg64,
    ) -> f64 {
        let loss = self.forward(parameters, samples, starts, Some(noise));
        let (input, count) = (&self.input, starts.len());
        self.stack
            .backward(parameters, input, count, gradients, None);
        loss
    }

    fn loss(&mut self, parameters: &[T], samples: &Samples<'_>, starts: &[usize]) -> f64 {
        self.forward(parameters, samples, starts, None)
    }
}

/// The mean loss over rows of so many features, and how it grows with each output.
fn compare<T: Real>(
    loss: Loss,
    out: &[T],
    target: &[T],
    slope: &mut [T],
    (rows, features): (usize, usize),
) -> f64 {
    let (stride, share) = (padded(features), 1.0 / (rows * features) as f64);
    let mut sum = 0.0;
    let pairs = out.chunks_exact(stride).zip(target.chunks_exact(stride));
    for (slope, (out, target)) in slope.chunks_exact_mut(stride).zip(pairs).take(rows) {
        let row = out.iter().zip(target).take(features);
        for (slope, (&y, &x)) in slope.iter_mut().zip(row) {
            sum += loss.of(y - x).wide();
            *slope = loss.slope(y - x) * T::of(share);
        }
    }
    sum * share
}

/// The stacks of a variational autoencoder: the first gives mean and logarithm of the variance of
/// the code, the second rebuilds the input from a draw of it.
///
/// The loss of a row of `F` features is the mean loss over them, plus `beta / F` times the
/// divergence `-1/2 sum_k (1 + log v_k - m_k^2 - v_k)` of the code from the standard normal.
#[derive(Debug)]
pub(crate) struct Variational<T: Real> {
    encoder: Stack<T>,
    decoder: Stack<T>,
    /// How many of the parameters are the encoder's.
    split: usize,
    latent: usize,
    beta: f64,
    loss: Loss,
    input: Buffer<T>,
    draws: Buffer<T>,
    code: Buffer<T>,
    code_slope: Buffer<T>,
}

impl<T: Real> Variational<T> {
    pub(crate) fn new(encoder: &Plan, decoder: &Plan, beta: f64, loss: Loss) -> Self {
        Self {
            encoder: Stack::new(encoder),
            decoder: Stack::new(decoder),
            split: encoder.parameters(),
            latent: decoder.input.features,
            beta,
            loss,
            input: Buffer::default(),
            draws: Buffer::default(),
            code: Buffer::default(),
            code_slope: Buffer::default(),
        }
    }

    fn forward(
        &mut self,
        parameters: &[T],
        samples: &Samples<'_>,
        starts: &[usize],
        mut noise: Option<&mut Pcg64>,
    ) -> f64 {
        let (of_encoder, of_decoder) = parameters.split_at(self.split);
        let (count, latent) = (starts.len(), self.latent);
        samples.load(starts, &mut self.input);
        self.encoder
            .forward(of_encoder, &self.input, count, noise.as_deref_mut());
        let (width, stride) = (padded(latent), padded(2 * latent));
        self.draws.grow(count * width);
        self.code.grow(count * width);
        let rows = self.encoder.out().chunks_exact(stride);
        let codes = self.code.chunks_exact_mut(width);
        let draws = self.draws.chunks_exact_mut(width);
        let mut divergence = 0.0;
        for (row, (code, draws)) in rows.zip(codes.zip(draws)).take(count) {
            let (mean, log_variance) = row.split_at(latent);
            let code = code.iter_mut().zip(draws);
            for ((&m, &l), (z, draw)) in mean.iter().zip(log_variance).zip(code) {
                *draw = noise
                    .as_mut()
                    .map_or(T::ZERO, |noise| T::of(StandardNormal.sample(&mut **noise)));
                *z = m + (T::of(0.5) * l).exp::<false>() * *draw;
                divergence += (m * m + l.exp::<false>() - T::ONE - l).wide();
            }
        }
        self.decoder.forward(of_decoder, &self.code, count, noise);
        let features = samples.input.features;
        let (out, slope) = self.decoder.out_and_slope(count);
        let rebuilt = compare(self.loss, out, &self.input, slope, (count, features));
        rebuilt + self.beta * 0.5 * divergence / (count * features) as f64
    }
}

impl<T: Real> Model<T> for Variational<T> {
    fn learn(
        &mut self,
        parameters: &[T],
        samples: &Samples<'_>,
        starts: &[usize],
        gradients: &mut [T],
        noise: &mut Pcg64,
    ) -> f64 {
        let loss = self.forward(parameters, samples, starts, Some(noise));
        let (of_encoder, of_decoder) = parameters.split_at(self.split);
        let (encoder, decoder) = gradients.split_at_mut(self.split);
        let (count, latent) = (starts.len(), self.latent);
        let slope = Some(&mut self.code_slope);
        self.decoder
            .backward(of_decoder, &self.code, count, decoder, slope);
        let (width, stride) = (padded(latent), padded(2 * latent));
        let weight = T::of(self.beta / (count * samples.input.features) as f64);
        let (out, slope) = self.encoder.out_and_slope(count);
        let rows = out.chunks_exact(stride).zip(slope.chunks_exact_mut(stride));
        let draws = self.draws.chunks_exact(width);
        let codes = self.code_slope.chunks_exact(width).zip(draws);
        for ((out, slope), (dz, draws)) in rows.zip(codes).take(count) {
            let (mean, log_variance) = out.split_at(latent);
            let (of_mean, of_log_variance) = slope.split_at_mut(latent);
            let out = mean.iter().zip(log_variance);
            let slope = of_mean.iter_mut().zip(of_log_variance);
            for (((&m, &l), (dm, dl)), (&dz, &draw)) in out.zip(slope).zip(dz.iter().zip(draws)) {
                let half = T::of(0.5);
                *dm = dz + weight * m;
                *dl = dz * half * (half * l).exp::<false>() * draw
                    + weight * half * (l.exp::<false>() - T::ONE);
            }
        }
        self.encoder
            .backward(of_encoder, &self.input, count, encoder, None);
        loss
    }

    fn loss(&mut self, parameters: &[T], samples: &Samples<'_>, starts: &[usize]) -> f64 {
        self.forward(parameters, samples, starts, None)
    }
}
