use rand_pcg::Pcg64;

use super::dense::Dense;
use super::gru::Gru;
use super::lstm::Lstm;
use crate::Layer;
use crate::kernel::{Buffer, padded};
use crate::network::{Placed, Plan};
use crate::random::unit;
use crate::real::Real;

/// Layers with what their gradients need. Rows are padded, step after step, and in a step one for
/// each input of the batch.
#[derive(Debug)]
pub(crate) struct Stack<T: Real> {
    nodes: Vec<Node<T>>,
}

/// A layer in training.
#[derive(Debug)]
struct Node<T: Real> {
    placed: Placed,
    kind: Kind<T>,
    /// What it gives, and how the loss grows with it. A recurrent layer keeps its output itself.
    out: Buffer<T>,
    slope: Buffer<T>,
}

#[derive(Debug)]
enum Kind<T: Real> {
    Dense(Dense<T>),
    Lstm(Lstm<T>),
    Gru(Gru<T>),
    Dropout(Buffer<T>),
    Repeat,
}

impl<T: Real> Stack<T> {
    pub(crate) fn new(plan: &Plan) -> Self {
        let node = |placed: &Placed| Node {
            kind: match placed.layer {
                Layer::Dense { activation, .. } => Kind::Dense(Dense::new(activation)),
                Layer::Lstm { units, sequences } => Kind::Lstm(Lstm::new(units, sequences)),
                Layer::Gru { units, sequences } => Kind::Gru(Gru::new(units, sequences)),
                Layer::Dropout { .. } => Kind::Dropout(Buffer::default()),
                Layer::Repeat { .. } => Kind::Repeat,
            },
            placed: placed.clone(),
            out: Buffer::default(),
            slope: Buffer::default(),
        };
        Self {
            nodes: plan.layers.iter().map(node).collect(),
        }
    }

    /// Computes the output for `count` inputs; with `noise` as in training.
    pub(crate) fn forward(
        &mut self,
        parameters: &[T],
        input: &[T],
        count: usize,
        mut noise: Option<&mut Pcg64>,
    ) {
        for index in 0..self.nodes.len() {
            let (before, rest) = self.nodes.split_at_mut(index);
            let x = before.last().map_or(input, Node::out);
            if let Some(node) = rest.first_mut() {
                let own = parameters.get(node.placed.range.clone());
                node.forward(own.unwrap_or_default(), x, count, noise.as_deref_mut());
            }
        }
    }

    /// What [`Stack::forward`] gave.
    pub(crate) fn out(&self) -> &[T] {
        self.nodes.last().map_or(&[], Node::out)
    }

    /// The output, and room for how the loss grows with it, for `count` inputs.
    pub(crate) fn out_and_slope(&mut self, count: usize) -> (&[T], &mut [T]) {
        self.nodes.last_mut().map_or((&[], &mut []), |node| {
            node.slope.grow(node.rows(count) * node.width());
            let Node {
                kind, out, slope, ..
            } = node;
            (kind.out(out), slope)
        })
    }

    /// The gradients of all parameters, from the slope of the output; also that of the input, where
    /// it is asked for.
    pub(crate) fn backward(
        &mut self,
        parameters: &[T],
        input: &[T],
        count: usize,
        gradients: &mut [T],
        mut input_slope: Option<&mut Buffer<T>>,
    ) {
        for index in (0..self.nodes.len()).rev() {
            let (before, rest) = self.nodes.split_at_mut(index);
            let Some(node) = rest.first_mut() else {
                continue;
            };
            let size = node.placed.input.steps * count * padded(node.placed.input.features);
            let (x, slope) = match before.last_mut() {
                Some(Node {
                    kind, out, slope, ..
                }) => (kind.out(out), Some(slope)),
                None => (input, input_slope.as_deref_mut()),
            };
            let slope = slope.map(|slope| {
                slope.grow(size);
                &mut **slope
            });
            let range = node.placed.range.clone();
            let own = parameters.get(range.clone()).unwrap_or_default();
            let gradients = gradients.get_mut(range).unwrap_or_default();
            node.backward(own, x, count, gradients, slope);
        }
    }
}

impl<T: Real> Kind<T> {
    /// The output, which is in `out` unless the layer keeps it.
    fn out<'a>(&'a self, out: &'a Buffer<T>) -> &'a [T] {
        match self {
            Self::Lstm(lstm) => lstm.out(),
            Self::Gru(gru) => gru.out(),
            Self::Dense(_) | Self::Dropout(_) | Self::Repeat => out,
        }
    }
}

impl<T: Real> Node<T> {
    fn out(&self) -> &[T] {
        self.kind.out(&self.out)
    }

    fn rows(&self, count: usize) -> usize {
        self.placed.output.steps * count
    }

    fn width(&self) -> usize {
        padded(self.placed.output.features)
    }

    fn forward(&mut self, parameters: &[T], x: &[T], count: usize, noise: Option<&mut Pcg64>) {
        let (rows, width) = (self.rows(count), self.width());
        let input = self.placed.input;
        match &mut self.kind {
            Kind::Dense(dense) => {
                self.out.grow(rows * width);
                let inputs = input.features;
                let units = self.placed.output.features;
                dense.forward(parameters, x, (rows, inputs, units), &mut self.out);
            }
            Kind::Lstm(lstm) => lstm.forward(parameters, x, count, input),
            Kind::Gru(gru) => gru.forward(parameters, x, count, input),
            Kind::Dropout(mask) => {
                self.out.grow(rows * width);
                mask.grow(rows * width);
                let mask = mask.get_mut(..rows * width).unwrap_or_default();
                match (noise, self.placed.layer) {
                    (Some(noise), Layer::Dropout { rate }) => {
                        let kept = T::of(1.0 / (1.0 - rate));
                        let draw = |_| if unit(noise) < rate { T::ZERO } else { kept };
                        let draws = std::iter::repeat_n((), mask.len()).map(draw);
                        mask.iter_mut().zip(draws).for_each(|(m, d)| *m = d);
                    }
                    _ => mask.fill(T::ONE),
                }
                for ((out, &x), &m) in self.out.iter_mut().zip(x).zip(&*mask) {
                    *out = x * m;
                }
            }
            Kind::Repeat => {
                self.out.grow(rows * width);
                let step = x.get(..count * width).unwrap_or_default();
                for out in self.out.chunks_exact_mut((count * width).max(1)) {
                    out.copy_from_slice(step);
                }
            }
        }
    }

    fn backward(
        &mut self,
        parameters: &[T],
        x: &[T],
        count: usize,
        gradients: &mut [T],
        x_slope: Option<&mut [T]>,
    ) {
        let (rows, width, input) = (self.rows(count), self.width(), self.placed.input);
        let units = self.placed.output.features;
        let Self { out, slope, .. } = self;
        let slope = slope.get_mut(..rows * width).unwrap_or_default();
        match &mut self.kind {
            Kind::Dense(dense) => {
                let sizes = (rows, input.features, units);
                dense.backward(parameters, x, out, slope, sizes, gradients, x_slope);
            }
            Kind::Lstm(lstm) => {
                lstm.backward(parameters, x, count, input, slope, gradients, x_slope);
            }
            Kind::Gru(gru) => gru.backward(parameters, x, count, input, slope, gradients, x_slope),
            Kind::Dropout(mask) => {
                let pairs = slope.iter().zip(mask.iter());
                for (to, (&s, &m)) in x_slope.into_iter().flatten().zip(pairs) {
                    *to = s * m;
                }
            }
            Kind::Repeat => {
                let Some(to) = x_slope else { return };
                to.fill(T::ZERO);
                for step in slope.chunks_exact((count * width).max(1)) {
                    for (to, &s) in to.iter_mut().zip(step) {
                        *to += s;
                    }
                }
            }
        }
    }
}
