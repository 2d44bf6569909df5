use std::ops::Range;

use crate::Shape;
use crate::kernel::{Buffer, padded};
use crate::real::Real;

/// Windows of a scaled table, each known by its first row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Samples<'a> {
    /// The table, row after row.
    pub(crate) values: &'a [f32],
    pub(crate) input: Shape,
}

impl Samples<'_> {
    /// Copies the windows that start at these rows, step by step, a padded row for each.
    pub(crate) fn load<T: Real>(&self, starts: &[usize], to: &mut Buffer<T>) {
        self.load_steps(starts, 0..self.input.steps, to);
    }

    /// Copies the row after each window.
    pub(crate) fn load_next<T: Real>(&self, starts: &[usize], to: &mut Buffer<T>) {
        self.load_steps(starts, self.input.steps..self.input.steps + 1, to);
    }

    fn load_steps<T: Real>(&self, starts: &[usize], steps: Range<usize>, to: &mut Buffer<T>) {
        let features = self.input.features;
        let stride = padded(features);
        to.grow(steps.len() * starts.len() * stride);
        let places = to.chunks_exact_mut(stride);
        let rows = steps.flat_map(|step| starts.iter().map(move |start| start + step));
        for (place, row) in places.zip(rows) {
            let row = self.values.get(row * features..(row + 1) * features);
            for (slot, &value) in place.iter_mut().zip(row.unwrap_or_default()) {
                *slot = T::of(f64::from(value));
            }
        }
    }
}
