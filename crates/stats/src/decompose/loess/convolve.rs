use bongsu_core::Result;
use realfft::num_complex::Complex;

use crate::fourier::{Fourier, fast_length};

/// The widest kernel, on either side of its middle, that is summed rather than transformed.
const DIRECT_REACH: usize = 24;

/// Outputs that are summed together: with their inputs they stay in the nearest cache.
const BLOCK: usize = 512;

/// The longest series that is transformed as a whole.
const WHOLE: usize = 1 << 14;

/// A kernel that mirrors, or mirrors and changes sign, about its middle.
#[derive(Debug)]
pub(super) struct Kernel {
    /// From the middle outwards.
    taps: Vec<f64>,
    /// Whether the left half has the other sign.
    odd: bool,
    /// The real part of its transform when even, the imaginary one when odd, over the length.
    spectrum: Vec<f64>,
}

/// Convolves series of one length with kernels of one width.
#[derive(Debug)]
pub(super) struct Convolver {
    n: usize,
    reach: usize,
    transform: Option<Transform>,
}

#[derive(Debug)]
struct Transform {
    fourier: Fourier,
    values: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    product: Vec<Complex<f64>>,
}

impl Convolver {
    /// For series of `n` points and kernels with `reach` taps on either side of the middle.
    pub(super) fn new(n: usize, reach: usize) -> Self {
        let transform = (reach > DIRECT_REACH).then(|| {
            let block = if n <= WHOLE {
                n
            } else {
                n.min((16 * reach).max(WHOLE))
            };
            let fourier = Fourier::new(fast_length(block.max(2 * reach + 1)));
            Transform {
                values: vec![0.0; fourier.len()],
                spectrum: fourier.spectrum(),
                product: fourier.spectrum(),
                fourier,
            }
        });
        Self {
            n,
            reach,
            transform,
        }
    }

    /// A kernel of this width from its taps, from the middle outwards.
    pub(super) fn kernel(&mut self, taps: Vec<f64>, odd: bool) -> Result<Kernel> {
        let mut spectrum = Vec::new();
        if let Some(transform) = &mut self.transform {
            let length = transform.fourier.len();
            transform.values.fill(0.0);
            for (d, &tap) in taps.iter().enumerate() {
                // The value at distance `d` is fetched by a tap at `-d`.
                for (place, tap) in [
                    ((length - d) % length, tap),
                    (d, if odd { -tap } else { tap }),
                ] {
                    if let Some(value) = transform.values.get_mut(place) {
                        *value = tap / length as f64;
                    }
                }
            }
            transform
                .fourier
                .forward(&mut transform.values, &mut transform.spectrum)?;
            let part = |c: &Complex<f64>| if odd { c.im } else { c.re };
            spectrum = transform.spectrum.iter().map(part).collect();
        }
        Ok(Kernel {
            taps,
            odd,
            spectrum,
        })
    }

    /// Writes the convolutions of `x` with each kernel to its output, at those points alone that
    /// are at least the reach away from both ends.
    pub(super) fn apply(
        &mut self,
        x: &[f64],
        kernels: &[&Kernel],
        outputs: &mut [&mut [f64]],
    ) -> Result<()> {
        let reach = self.reach;
        if self.n <= 2 * reach {
            return Ok(());
        }
        let Some(transform) = &mut self.transform else {
            for (kernel, output) in kernels.iter().zip(outputs) {
                sum_directly(x, kernel, output);
            }
            return Ok(());
        };
        let length = transform.fourier.len();
        let mut start = 0;
        while start + 2 * reach < self.n {
            let end = (start + length).min(self.n);
            let (block, rest) = transform.values.split_at_mut(end - start);
            block.copy_from_slice(x.get(start..end).unwrap_or_default());
            rest.fill(0.0);
            transform
                .fourier
                .forward(&mut transform.values, &mut transform.spectrum)?;
            for (kernel, output) in kernels.iter().zip(outputs.iter_mut()) {
                let parts = transform.spectrum.iter().zip(&kernel.spectrum);
                for (product, (&c, &s)) in transform.product.iter_mut().zip(parts) {
                    *product = if kernel.odd {
                        Complex::new(-c.im * s, c.re * s)
                    } else {
                        Complex::new(c.re * s, c.im * s)
                    };
                }
                transform
                    .fourier
                    .inverse(&mut transform.product, &mut transform.values)?;
                let valid = start + reach..end - reach;
                let from = transform.values.get(reach..reach + valid.len());
                if let (Some(to), Some(from)) = (output.get_mut(valid), from) {
                    to.copy_from_slice(from);
                }
            }
            start += length - 2 * reach;
        }
        Ok(())
    }
}

fn sum_directly(x: &[f64], kernel: &Kernel, output: &mut [f64]) {
    let reach = kernel.taps.len().saturating_sub(1);
    let sign = if kernel.odd { -1.0 } else { 1.0 };
    let inner = reach..output.len().saturating_sub(reach);
    let outputs = output.get_mut(inner).unwrap_or_default();
    for (b, block) in outputs.chunks_mut(BLOCK).enumerate() {
        let middle = reach + b * BLOCK;
        let width = block.len();
        let from = |start: usize| x.get(start..start + width).unwrap_or_default();
        let first = kernel.taps.first().copied().unwrap_or(0.0);
        for (out, x) in block.iter_mut().zip(from(middle)) {
            *out = first * x;
        }
        for (d, &tap) in kernel.taps.iter().enumerate().skip(1) {
            let sides = from(middle + d).iter().zip(from(middle - d));
            for (out, (after, before)) in block.iter_mut().zip(sides) {
                *out += tap * (after + sign * before);
            }
        }
    }
}
