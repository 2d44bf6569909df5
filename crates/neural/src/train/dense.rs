use crate::Activation;
use crate::kernel::{Buffer, Left, Packed, Start, activate, multiply, padded};
use crate::real::Real;

/// A dense layer in training.
#[derive(Debug)]
pub(super) struct Dense<T: Real> {
    activation: Activation,
    kernel: Packed<T>,
    transposed: Packed<T>,
    slope: Packed<T>,
    bias: Buffer<T>,
}

impl<T: Real> Dense<T> {
    pub(super) fn new(activation: Activation) -> Self {
        Self {
            activation,
            kernel: Packed::default(),
            transposed: Packed::default(),
            slope: Packed::default(),
            bias: Buffer::default(),
        }
    }

    /// For `sizes`: rows, numbers taken, numbers given.
    pub(super) fn forward(
        &mut self,
        parameters: &[T],
        x: &[T],
        sizes: (usize, usize, usize),
        out: &mut [T],
    ) {
        let (rows, inputs, units) = sizes;
        let (kernel, bias) = parameters.split_at(inputs * units);
        self.kernel.pack(inputs, units, kernel, units);
        self.bias.fill_from(bias, padded(units));
        let (left, stride) = (Left::Rows(x, padded(inputs)), padded(units));
        multiply(
            left,
            rows,
            &self.kernel,
            Start::Row(&self.bias),
            out,
            stride,
        );
        activate(
            self.activation,
            out.get_mut(..rows * stride).unwrap_or_default(),
        );
    }

    /// Overwrites `slope` of the output by that of the weighted sums.
    #[allow(
        clippy::too_many_arguments,
        reason = "all that a layer's gradient is made of"
    )]
    pub(super) fn backward(
        &mut self,
        parameters: &[T],
        x: &[T],
        out: &[T],
        slope: &mut [T],
        sizes: (usize, usize, usize),
        gradients: &mut [T],
        x_slope: Option<&mut [T]>,
    ) {
        let (rows, inputs, units) = sizes;
        let (kernel, _) = parameters.split_at(inputs * units);
        for (slope, &y) in slope.iter_mut().zip(out) {
            *slope = match self.activation {
                Activation::Linear => *slope,
                Activation::Relu if y > T::ZERO => *slope,
                Activation::Relu => T::ZERO,
                Activation::Sigmoid => *slope * y * (T::ONE - y),
                Activation::Tanh => *slope * (T::ONE - y * y),
            };
        }
        let (of_kernel, of_bias) = gradients.split_at_mut(inputs * units);
        self.slope.pack(rows, units, slope, padded(units));
        let left = Left::Transposed(x, padded(inputs));
        multiply(left, inputs, &self.slope, Start::Zero, of_kernel, units);
        add_rows(slope, padded(units), of_bias);
        if let Some(x_slope) = x_slope {
            self.transposed
                .pack_transposed(units, inputs, kernel, units);
            let left = Left::Rows(slope, padded(units));
            let stride = padded(inputs);
            multiply(left, rows, &self.transposed, Start::Zero, x_slope, stride);
        }
    }
}

/// The sum of rows that start at multiples of `stride`.
pub(super) fn add_rows<T: Real>(rows: &[T], stride: usize, sums: &mut [T]) {
    sums.fill(T::ZERO);
    for row in rows.chunks_exact(stride) {
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum += x;
        }
    }
}
