use super::{Network, Weighted};
use crate::kernel::{
    Buffer, GruStep, Left, LstmStep, Start, activate, gate_stride, gru_factors, lstm_factors,
    multiply, padded,
};
use crate::{Layer, Shape};

/// The inputs that go through a network together: as many rows as keep one layer's numbers in the
/// fastest memory.
const BLOCK_ROWS: usize = 64;
const BLOCK_SEQUENCES: usize = 32;

/// The rows whose part of the gates is computed together, ahead of the recurrence.
const PROJECTED: usize = 32;

/// Memory that computing needs beside the weights, to be used again and again. It grows to what
/// the largest layer takes for at most 64 inputs, and never shrinks.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    from: Buffer<f32>,
    to: Buffer<f32>,
    gates: Buffer<f32>,
    /// The gates of a constant input, or what the hidden state adds to those of a GRU.
    other: Buffer<f32>,
    cells: Buffer<f32>,
    squashed: Buffer<f32>,
    hidden: Buffer<f32>,
    factors: Vec<f32>,
    /// What the second network takes.
    pub(crate) codes: Vec<f32>,
    /// That of a second network, which takes what the first gives.
    pub(crate) inner: Option<Box<Self>>,
}

impl Scratch {
    fn prepare(&mut self, gates: usize, other: usize, state: usize) {
        self.gates.grow(gates);
        self.other.grow(other);
        self.cells.grow(state);
        self.squashed.grow(state);
        self.hidden.grow(state);
    }

    /// The bytes that it holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let buffers = [&self.from, &self.to, &self.gates, &self.other, &self.cells];
        let buffers = buffers.into_iter().chain([&self.squashed, &self.hidden]);
        let inner = self.inner.as_ref().map_or(0, |inner| inner.heap_bytes());
        let factors = (self.factors.capacity() + self.codes.capacity()) * size_of::<f32>();
        buffers.map(Buffer::heap_bytes).sum::<usize>() + factors + inner
    }
}

/// Inputs in one slice: input `i` starts at `i * hop`, so that they may overlap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) hop: usize,
    pub(crate) count: usize,
}

/// The outputs of a block of inputs: step by step, a padded row for each input.
pub(crate) struct Block<'a> {
    values: &'a [f32],
    pub(crate) count: usize,
    pub(crate) shape: Shape,
    /// Whether one step stands for all.
    constant: bool,
}

impl Block<'_> {
    /// The output of input `index` of the block at `step`.
    pub(crate) fn row(&self, index: usize, step: usize) -> &[f32] {
        let stride = padded(self.shape.features);
        let step = if self.constant { 0 } else { step };
        let from = (step * self.count + index) * stride;
        self.values
            .get(from..from + self.shape.features)
            .unwrap_or_default()
    }

    /// Copies the outputs to their places, the block's first input being number `first` of all.
    pub(super) fn copy_to(&self, first: usize, outputs: &mut [f32]) {
        let features = self.shape.features;
        let outputs = outputs.chunks_exact_mut(self.shape.len()).skip(first);
        let rows = self.values.chunks_exact(padded(features));
        for (index, output) in outputs.take(self.count).enumerate() {
            let apart = if self.constant { 0 } else { self.count };
            let mut rows = rows.clone().skip(index);
            let mut row = rows.next().unwrap_or_default();
            for place in output.chunks_exact_mut(features) {
                let (row_now, _) = row.split_at(features.min(row.len()));
                place.copy_from_slice(row_now);
                if apart > 0 {
                    row = rows.nth(apart - 1).unwrap_or_default();
                }
            }
        }
    }
}

/// What flows between layers: the numbers are in `from` of the scratch.
#[derive(Clone, Copy)]
struct Flow {
    shape: Shape,
    constant: bool,
}

impl Flow {
    const fn rows(self, count: usize) -> usize {
        if self.constant {
            count
        } else {
            self.shape.steps * count
        }
    }
}

impl Network {
    /// Computes block by block and hands each to `take`, with the number of its first input.
    pub(crate) fn forward(
        &self,
        windows: &Windows<'_>,
        scratch: &mut Scratch,
        take: &mut dyn FnMut(usize, &Block<'_>),
    ) {
        let most = if self.input.steps == 1 && self.output.steps == 1 {
            BLOCK_ROWS
        } else {
            BLOCK_SEQUENCES
        };
        for first in (0..windows.count).step_by(most) {
            let count = most.min(windows.count - first);
            load(windows, first, count, self.input, &mut scratch.from);
            let mut flow = Flow {
                shape: self.input,
                constant: false,
            };
            for layer in &self.layers {
                flow = layer.forward(flow, count, scratch);
            }
            let block = Block {
                values: &scratch.from,
                count,
                shape: flow.shape,
                constant: flow.constant,
            };
            take(first, &block);
        }
    }
}

/// Copies inputs step by step, a padded row for each.
fn load(windows: &Windows<'_>, first: usize, count: usize, shape: Shape, to: &mut Buffer<f32>) {
    let stride = padded(shape.features);
    to.grow(shape.steps * count * stride);
    for index in 0..count {
        let from = (first + index) * windows.hop;
        let window = windows.values.get(from..from + shape.len());
        let rows = window.unwrap_or_default().chunks_exact(shape.features);
        let places = to.chunks_exact_mut(stride).skip(index).step_by(count);
        for (place, row) in places.zip(rows) {
            place.split_at_mut(row.len()).0.copy_from_slice(row);
        }
    }
}

impl Weighted {
    fn forward(&self, flow: Flow, count: usize, scratch: &mut Scratch) -> Flow {
        match self.layer {
            Layer::Dropout { .. } => flow,
            Layer::Repeat { .. } => Flow {
                shape: self.output,
                constant: true,
            },
            Layer::Dense { activation, .. } => {
                let ([kernel], [bias]) = (&self.matrices[..], &self.biases[..]) else {
                    return flow;
                };
                let (rows, stride) = (flow.rows(count), padded(self.output.features));
                scratch.to.grow(rows * stride);
                let left = Left::Rows(&scratch.from, padded(self.input.features));
                multiply(
                    left,
                    rows,
                    kernel,
                    Start::Row(bias),
                    &mut scratch.to,
                    stride,
                );
                let out = scratch.to.get_mut(..rows * stride).unwrap_or_default();
                activate(activation, out);
                std::mem::swap(&mut scratch.from, &mut scratch.to);
                Flow {
                    shape: self.output,
                    constant: flow.constant,
                }
            }
            Layer::Lstm { units, sequences } | Layer::Gru { units, sequences } => {
                self.recur(flow, count, units, sequences, scratch);
                std::mem::swap(&mut scratch.from, &mut scratch.to);
                Flow {
                    shape: self.output,
                    constant: false,
                }
            }
        }
    }

    /// The steps of a recurrent layer, from `from` to `to` of the scratch.
    fn recur(
        &self,
        flow: Flow,
        count: usize,
        units: usize,
        sequences: bool,
        scratch: &mut Scratch,
    ) {
        let ([input, recurrent], [bias, more @ ..]) = (&self.matrices[..], &self.biases[..]) else {
            return;
        };
        let is_lstm = matches!(self.layer, Layer::Lstm { .. });
        let stride = gate_stride(if is_lstm { 4 } else { 3 }, units);
        let (steps, width) = (flow.shape.steps, padded(units));
        let (of_step, of_state) = (count * stride, count * width);
        // With few inputs several steps at once fill the registers; a constant input needs one.
        let chunk = if flow.constant {
            1
        } else {
            (PROJECTED / count).clamp(1, steps)
        };
        scratch.prepare(chunk * of_step, of_step, of_state);
        let outputs = if sequences { steps } else { 1 };
        scratch.to.grow(outputs * of_state);
        scratch.factors.clear();
        if is_lstm {
            scratch.factors.extend(lstm_factors::<f32>(units));
        } else {
            scratch.factors.extend(gru_factors::<f32>(units));
        }
        let Scratch {
            from,
            to,
            gates,
            other,
            cells,
            squashed,
            hidden,
            factors,
            ..
        } = scratch;
        let (cells, hidden) = (first(cells, of_state), first(hidden, of_state));
        cells.fill(0.0);
        hidden.fill(0.0);
        let inputs = padded(self.input.features);
        let project = |step: usize, now: usize, gates: &mut [f32]| {
            let rows = from.get(step * count * inputs..).unwrap_or_default();
            let left = Left::Rows(rows, inputs);
            multiply(left, now * count, input, Start::Row(bias), gates, stride);
        };
        if flow.constant {
            project(0, 1, other);
        }
        for step in 0..steps {
            let ahead = step % chunk;
            if flow.constant && is_lstm {
                first(gates, of_step).copy_from_slice(first(other, of_step));
            } else if ahead == 0 {
                let at = if flow.constant { 0 } else { step };
                project(at, chunk.min(steps - step), gates);
            }
            let gates = gates.get_mut(ahead * of_step..).unwrap_or_default();
            let gates = first(gates, of_step);
            let left = Left::Rows(hidden, width);
            if is_lstm {
                multiply(left, count, recurrent, Start::Output, gates, stride);
                let step = LstmStep {
                    units,
                    factors,
                    gates,
                    cells,
                    squashed,
                    hidden,
                };
                step.take();
            } else {
                let start = more.first().map_or(Start::Zero, |bias| Start::Row(bias));
                multiply(left, count, recurrent, start, other, stride);
                let step = GruStep {
                    units,
                    factors,
                    gates,
                    recurrent: first(other, of_step),
                    new: squashed,
                    hidden,
                };
                step.take();
            }
            let place = if sequences { step * of_state } else { 0 };
            if sequences || step + 1 == steps {
                let place = to.get_mut(place..).unwrap_or_default();
                first(place, of_state).copy_from_slice(hidden);
            }
        }
    }
}

/// The first `len` numbers.
fn first(values: &mut [f32], len: usize) -> &mut [f32] {
    let len = len.min(values.len());
    values.split_at_mut(len).0
}
