use super::dense::add_rows;
use crate::Shape;
use crate::kernel::{
    Buffer, Left, LstmStep, Packed, Start, gate_stride, lstm_factors, multiply, padded,
};
use crate::real::Real;

/// An LSTM in training.
#[derive(Debug)]
pub(super) struct Lstm<T: Real> {
    units: usize,
    sequences: bool,
    factors: Vec<T>,
    input: Packed<T>,
    recurrent: Packed<T>,
    transposed: Packed<T>,
    transposed_input: Packed<T>,
    packed_slope: Packed<T>,
    bias: Buffer<T>,
    /// Step after step.
    gates: Buffer<T>,
    squashed: Buffer<T>,
    /// The state before the first step, and after each.
    cells: Buffer<T>,
    hidden: Buffer<T>,
    cell_slope: Buffer<T>,
    hidden_slope: Buffer<T>,
    /// Where the output begins and ends in `hidden`.
    out: (usize, usize),
}

impl<T: Real> Lstm<T> {
    pub(super) fn new(units: usize, sequences: bool) -> Self {
        Self {
            units,
            sequences,
            factors: lstm_factors(units).collect(),
            input: Packed::default(),
            recurrent: Packed::default(),
            transposed: Packed::default(),
            transposed_input: Packed::default(),
            packed_slope: Packed::default(),
            bias: Buffer::default(),
            gates: Buffer::default(),
            squashed: Buffer::default(),
            cells: Buffer::default(),
            hidden: Buffer::default(),
            cell_slope: Buffer::default(),
            hidden_slope: Buffer::default(),
            out: (0, 0),
        }
    }

    pub(super) fn out(&self) -> &[T] {
        self.hidden.get(self.out.0..self.out.1).unwrap_or_default()
    }

    pub(super) fn forward(&mut self, parameters: &[T], x: &[T], count: usize, shape: Shape) {
        let (units, columns) = (self.units, 4 * self.units);
        let (kernel, rest) = parameters.split_at(shape.features * columns);
        let (recurrent, bias) = rest.split_at(units * columns);
        self.input.pack(shape.features, columns, kernel, columns);
        self.recurrent.pack(units, columns, recurrent, columns);
        let (stride, width) = (gate_stride(4, units), padded(units));
        self.bias.fill_from(bias, stride);
        let (of_step, of_state) = (count * stride, count * width);
        self.gates.grow(shape.steps * of_step);
        self.squashed.grow(of_state * shape.steps);
        self.cells.grow(of_state * (shape.steps + 1));
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
        zero(&mut self.cells, of_state);
        zero(&mut self.hidden, of_state);
        let (rows, left) = (shape.steps * count, Left::Rows(x, padded(shape.features)));
        let start = Start::Row(&self.bias);
        multiply(left, rows, &self.input, start, &mut self.gates, stride);
        for step in 0..shape.steps {
            let (before, after) = (step * of_state, (step + 1) * of_state);
            let gates = part(&mut self.gates, step * of_step, of_step);
            let (past, hidden) = self.hidden.split_at_mut(after);
            let past = past.get(before..).unwrap_or_default();
            let left = Left::Rows(past, width);
            multiply(left, count, &self.recurrent, Start::Output, gates, stride);
            self.cells.copy_within(before..after, after);
            let step = LstmStep {
                units,
                factors: &self.factors,
                gates,
                cells: part(&mut self.cells, after, of_state),
                squashed: part(&mut self.squashed, before, of_state),
                hidden: part(hidden, 0, of_state),
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
        let (units, columns) = (self.units, 4 * self.units);
        let (kernel, rest) = parameters.split_at(shape.features * columns);
        let (recurrent, _) = rest.split_at(units * columns);
        let (stride, width) = (gate_stride(4, units), padded(units));
        let (of_step, of_state) = (count * stride, count * width);
        self.transposed
            .pack_transposed(columns, units, recurrent, columns);
        self.cell_slope.grow(of_state);
        self.hidden_slope.grow(of_state);
        zero(&mut self.cell_slope, of_state);
        zero(&mut self.hidden_slope, of_state);
        for step in (0..shape.steps).rev() {
            let before = step * of_state;
            let gates = part(&mut self.gates, step * of_step, of_step);
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
            step_back(
                units,
                gates,
                self.cells.get(before..).unwrap_or_default(),
                self.squashed.get(before..).unwrap_or_default(),
                &self.hidden_slope,
                &mut self.cell_slope,
            );
            let left = Left::Rows(gates, stride);
            let to = &mut self.hidden_slope;
            multiply(left, count, &self.transposed, Start::Zero, to, width);
        }
        let rows = shape.steps * count;
        let gates = part(&mut self.gates, 0, rows * stride);
        self.packed_slope.pack(rows, columns, gates, stride);
        let (of_kernel, rest) = gradients.split_at_mut(shape.features * columns);
        let (of_recurrent, of_bias) = rest.split_at_mut(units * columns);
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
        let left = Left::Transposed(&self.hidden, width);
        multiply(left, units, slopes, Start::Zero, of_recurrent, columns);
        add_rows(gates, stride, of_bias);
        if let Some(x_slope) = x_slope {
            let transposed = &mut self.transposed_input;
            transposed.pack_transposed(columns, shape.features, kernel, columns);
            let (left, stride) = (Left::Rows(gates, stride), padded(shape.features));
            multiply(left, rows, transposed, Start::Zero, x_slope, stride);
        }
    }
}

/// Overwrites the gates of one step by how the loss grows with their weighted sums, and the slope
/// of the cell state after the step by that before it.
#[allow(clippy::many_single_char_names, reason = "the names of the formula")]
fn step_back<T: Real>(
    units: usize,
    gates: &mut [T],
    cells_before: &[T],
    squashed: &[T],
    hidden_slope: &[T],
    cell_slope: &mut [T],
) {
    let (stride, width) = (gate_stride(4, units), padded(units));
    let states = cells_before
        .chunks_exact(width)
        .zip(squashed.chunks_exact(width))
        .zip(hidden_slope.chunks_exact(width));
    let rows = gates.chunks_exact_mut(stride);
    let rows = rows.zip(cell_slope.chunks_exact_mut(width)).zip(states);
    for ((gates, dc), ((before, squashed), dh)) in rows {
        let (input, rest) = gates.split_at_mut(units);
        let (forget, rest) = rest.split_at_mut(units);
        let (new, output) = rest.split_at_mut(units);
        let gates = input.iter_mut().zip(forget).zip(new).zip(output);
        let states = before.iter().zip(squashed).zip(dh).zip(dc);
        for ((((i, f), g), o), (((&before, &s), &dh), dc)) in gates.zip(states) {
            let d = *dc + dh * *o * (T::ONE - s * s);
            *dc = d * *f;
            let di = d * *g * *i * (T::ONE - *i);
            *g = d * *i * (T::ONE - *g * *g);
            *i = di;
            *f = d * before * *f * (T::ONE - *f);
            *o = dh * s * *o * (T::ONE - *o);
        }
    }
}

pub(super) fn add<T: Real>(to: &mut [T], terms: &[T]) {
    for (to, &term) in to.iter_mut().zip(terms) {
        *to += term;
    }
}

pub(super) fn zero<T: Real>(values: &mut [T], len: usize) {
    part(values, 0, len).fill(T::ZERO);
}

pub(super) fn part<T: Real>(values: &mut [T], from: usize, len: usize) -> &mut [T] {
    values.get_mut(from..from + len).unwrap_or_default()
}
