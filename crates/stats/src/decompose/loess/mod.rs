//! Locally weighted regression on a regular grid, with tricube weights.
//!
//! The weights of a point depend on its place in its window alone. Away from the ends that place
//! is the middle, and the smooth is a convolution with one kernel; near an end each place has a
//! vector of weights of its own, which is computed once and serves both ends, mirrored. Weights
//! for robustness multiply the kernel, so the five sums of the regression are five convolutions.

mod convolve;
mod kernel;
mod smoother;

pub(super) use kernel::{Span, Sums, stops};
pub(super) use smoother::{Smoother, Weighting};
