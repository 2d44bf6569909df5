use super::dense::add_rows;
use super::lstm::{add, part, zero};
use crate::Shape;
use crate::kernel::{
    Buffer, GruStep, Left, Packed, Start, gate_stride, gru_factors, multiply, padded,
};
use crate::real::Real;

/// A GRU in training.
#[derive(Debug)]
pub(super) struct Gru<T: Real> {
    units: usize,
    sequences: bool,
    factors: Vec<T>,
    input: Packed<T>,
    recurrent: Packed<T>,
    transposed: Packed<T>,
    transposed_input: Packed<T>,
    packed_slope: Packed<T>,
    bias: Buffer<T>,
    recurrent_bias: Buffer<T>,
    /// Step after step: the gates, and what the hidden state adds to their weighted sums.
    gates: Buffer<T>,
    added: Buffer<T>,
    /// The gate `n` of the latest step.
    new: Buffer<T>,
    /// The state before the first step, and after each.
    hidden: Buffer<T>,
    hidden_slope: Buffer<T>,
    /// Where the output begins and ends in `hidden`.
    out: (usize, usize),
}

impl<T: Real> Gru<T> {
    pub(super) fn new(units: usize, sequences: bool) -> Self {
        Self {
            units,
            sequences,
            factors: gru_factors(units).collect(),
            input: Packed::default(),
            recurrent: Packed::default(),
            transposed: Packed::default(),
            transposed_input: Packed::default(),
            packed_slope: Packed::default(),
            bias: Buffer::default(),
            recurrent_bias: Buffer::default(),
            gates: Buffer::default(),
            added: Buffer::default(),
            new: Buffer::default(),
            hidden: Buffer::default(),
            hidden_slope: Buffer::default(),
            out: (0, 0),
        }
    }

    pub(super) fn out(&self) -> &[T] {
        self.hidden.get(self.out.0..self.out.1).unwrap_or_default()
    }

    pub(super) fn forward(&mut self, parameters: &[T], x: &[T], count: usize, shape: Shape) {
        let (units, columns) = (self.units, 3 * self.units);
        let (kernel, rest) = parameters.split_at(shape.features * columns);
        let (recurrent, rest) = rest.split_at(units * columns);
        let (bias, recurrent_bias) = rest.split_at(columns);
        self.input.pack(shape.features, columns, kernel, columns);
        self.recurrent.pack(units, columns, recurrent, columns);
        let (stride, width) = (gate_stride(3, units), padded(units));
        self.bias.fill_from(bias, stride);
        self.recurrent_bias.fill_from(recurrent_bias, stride);
        let (of_step, of_state) = (count * stride, count * width);
        self.gates.grow(shape.steps * of_step);
        self.added.grow(shape.steps * of_step);
        self.new.grow(of_state);
        self.hidden.grow(of_state * (shape.steps + 1));
        let end = (shape.steps + 1) * of_state;
        self.out = (
            if self.sequences {
                of_state
            } else {
                end - of_state
            },
            end,
        );
        zero(&mut self.hidden, of_state);
        let (rows, left) = (shape.steps * count, Left::Rows(x, padded(shape.features)));
        let start = Start::Row(&self.bias);
        multiply(left, rows, &self.input, start, &mut self.gates, stride);
        for step in 0..shape.steps {
            let (before, after) = (step * of_state, (step + 1) * of_state);
            self.hidden.copy_within(before..after, after);
            let hidden = part(&mut self.hidden, after, of_state);
            let added = part(&mut self.added, step * of_step, of_step);
            let (left, start) = (Left::Rows(hidden, width), Start::Row(&self.recurrent_bias));
            multiply(left, count, &self.recurrent, start, added, stride);
            let step = GruStep {
                units,
                factors: &self.factors,
                gates: part(&mut self.gates, step * of_step, of_step),
                recurrent: added,
                new: &mut self.new,
                hidden,
            };
            step.take();
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "all that a layer's gradient is made of"
    )]
    pub(super) fn backward(
        &mut self,
        parameters: &[T],
        x: &[T],
        count: usize,
        shape: Shape,
        slope: &[T],
        gradients: &mut [T],
        x_slope: Option<&mut [T]>,
    ) {
        let (units, columns) = (self.units, 3 * self.units);
        let (kernel, rest) = parameters.split_at(shape.features * columns);
        let (recurrent, _) = rest.split_at(units * columns);
        let (stride, width) = (gate_stride(3, units), padded(units));
        let (of_step, of_state) = (count * stride, count * width);
        self.transposed
            .pack_transposed(columns, units, recurrent, columns);
        self.hidden_slope.grow(of_state);
        zero(&mut self.hidden_slope, of_state);
        for step in (0..shape.steps).rev() {
            let before = step * of_state;
            let given = if self.sequences {
                slope.get(before..before + of_state)
            } else if step + 1 == shape.steps {
                slope.get(..of_state)
            } else {
                None
            };
            if let Some(given) = given {
                add(&mut self.hidden_slope, given);
            }
            let added = part(&mut self.added, step * of_step, of_step);
            step_back(
                units,
                part(&mut self.gates, step * of_step, of_step),
                added,
                self.hidden.get(before..).unwrap_or_default(),
                &mut self.hidden_slope,
            );
            let (left, to) = (Left::Rows(added, stride), &mut self.hidden_slope);
            multiply(left, count, &self.transposed, Start::Output, to, width);
        }
        let rows = shape.steps * count;
        let (of_kernel, rest) = gradients.split_at_mut(shape.features * columns);
        let (of_recurrent, rest) = rest.split_at_mut(units * columns);
        let (of_bias, of_recurrent_bias) = rest.split_at_mut(columns);
        let added = part(&mut self.added, 0, rows * stride);
        self.packed_slope.pack(rows, columns, added, stride);
        let (left, slopes) = (Left::Transposed(&self.hidden, width), &self.packed_slope);
        multiply(left, units, slopes, Start::Zero, of_recurrent, columns);
        add_rows(added, stride, of_recurrent_bias);
        let gates = part(&mut self.gates, 0, rows * stride);
        self.packed_slope.pack(rows, columns, gates, stride);
        let left = Left::Transposed(x, padded(shape.features));
        let slopes = &self.packed_slope;
        multiply(
            left,
            shape.features,
            slopes,
            Start::Zero,
            of_kernel,
            columns,
        );
        add_rows(gates, stride, of_bias);
        if let Some(x_slope) = x_slope {
            let transposed = &mut self.transposed_input;
            transposed.pack_transposed(columns, shape.features, kernel, columns);
            let (left, stride) = (Left::Rows(gates, stride), padded(shape.features));
            multiply(left, rows, transposed, Start::Zero, x_slope, stride);
        }
    }
}

/// Overwrites the gates of one step by how the loss grows with the weighted sums of the input,
/// `added` by how it grows with those of the hidden state, and the slope of the hidden state after
/// the step by the part of that before it which does not go through the weights.
#[allow(clippy::many_single_char_names, reason = "the names of the formula")]
fn step_back<T: Real>(
    units: usize,
    gates: &mut [T],
    added: &mut [T],
    before: &[T],
    hidden_slope: &mut [T],
) {
    let (stride, width) = (gate_stride(3, units), padded(units));
    let rows = gates
        .chunks_exact_mut(stride)
        .zip(added.chunks_exact_mut(stride));
    let states = before
        .chunks_exact(width)
        .zip(hidden_slope.chunks_exact_mut(width));
    for ((gates, added), (before, slope)) in rows.zip(states) {
        let (reset, rest) = gates.split_at_mut(units);
        let (update, new) = rest.split_at_mut(units);
        let (added_reset, rest) = added.split_at_mut(units);
        let (added_update, added_new) = rest.split_at_mut(units);
        let gates = reset.iter_mut().zip(update).zip(new);
        let sums = added_reset.iter_mut().zip(added_update).zip(added_new);
        let states = before.iter().zip(slope);
        for ((((r, z), n), ((ur, uz), un)), (&h, dh)) in gates.zip(sums).zip(states) {
            let dn = *dh * (T::ONE - *z) * (T::ONE - *n * *n);
            let dz = *dh * (h - *n) * *z * (T::ONE - *z);
            let dr = dn * *un * *r * (T::ONE - *r);
            *un = dn * *r;
            *dh *= *z;
            (*r, *z, *n) = (dr, dz, dn);
            (*ur, *uz) = (dr, dz);
        }
    }
}
