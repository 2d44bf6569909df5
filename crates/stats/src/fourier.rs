//! Real Fourier transforms of a fixed length, and the lengths at which they are fast.

use std::sync::Arc;

use bongsu_core::{Error, Result};
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// The least even number of at least `n` whose prime factors are 2, 3 and 5.
pub(crate) fn fast_length(n: usize) -> usize {
    let mut length = n.max(2).next_multiple_of(2);
    loop {
        let mut rest = length;
        for factor in [2, 3, 5] {
            while rest.is_multiple_of(factor) {
                rest /= factor;
            }
        }
        if rest == 1 {
            return length;
        }
        length += 2;
    }
}

/// Transforms of one length with the room that they need.
pub(crate) struct Fourier {
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl std::fmt::Debug for Fourier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fourier({})", self.forward.len())
    }
}

impl Fourier {
    pub(crate) fn new(length: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (
            planner.plan_fft_forward(length),
            planner.plan_fft_inverse(length),
        );
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            forward,
            inverse,
            scratch: vec![Complex::default(); scratch],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.forward.len()
    }

    /// A buffer for spectra.
    pub(crate) fn spectrum(&self) -> Vec<Complex<f64>> {
        self.forward.make_output_vec()
    }

    /// The spectrum of `values`, which it overwrites.
    pub(crate) fn forward(
        &mut self,
        values: &mut [f64],
        spectrum: &mut [Complex<f64>],
    ) -> Result<()> {
        self.forward
            .process_with_scratch(values, spectrum, &mut self.scratch)
            .map_err(|e| Error::input(format!("a Fourier transform failed: {e}")))
    }

    /// The values of `spectrum`, which it overwrites, times the length.
    pub(crate) fn inverse(
        &mut self,
        spectrum: &mut [Complex<f64>],
        values: &mut [f64],
    ) -> Result<()> {
        // The ends of the spectrum of real values are real; rounding must not say otherwise.
        let length = self.forward.len();
        if let Some(first) = spectrum.first_mut() {
            first.im = 0.0;
        }
        if let (0, Some(last)) = (length % 2, spectrum.last_mut()) {
            last.im = 0.0;
        }
        self.inverse
            .process_with_scratch(spectrum, values, &mut self.scratch)
            .map_err(|e| Error::input(format!("a Fourier transform failed: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_small_factors() {
        assert_eq!(fast_length(0), 2);
        assert_eq!(fast_length(8_640), 8_640);
        assert_eq!(fast_length(8_641), 8_748);
        assert_eq!(fast_length(7), 8);
    }
}
