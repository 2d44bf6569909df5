//! Products of matrices and gate functions, with the widest vector instructions that the processor
//! has.
//!
//! Every buffer of activations has rows padded to whole lanes of 16 numbers, so that no loop has a
//! remainder; what the padding holds is never read as data.

mod buffer;
mod gates;
mod multiply;
mod packed;

use pulp::{Arch, Simd, WithSimd};

pub(crate) use buffer::Buffer;
pub(crate) use gates::{GruStep, LstmStep, activate, gate_stride, gru_factors, lstm_factors};
pub(crate) use multiply::{Left, Start, multiply};
pub(crate) use packed::Packed;

/// The numbers that are handled together.
pub(crate) const LANE: usize = 16;

/// `columns` rounded up to whole lanes.
pub(crate) const fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANE)
}

/// Work compiled once for each set of vector instructions. All that it calls has to be inlined.
pub(crate) trait Work {
    type Output;

    /// `FUSED`: the processor multiplies and adds in one step. `WIDTH`: how many `f32` fit one
    /// vector.
    fn run<const FUSED: bool, const WIDTH: usize>(self) -> Self::Output;
}

/// Runs `work` with the widest instructions of this processor.
#[inline(always)]
pub(crate) fn widest<W: Work>(work: W) -> W::Output {
    Arch::new().dispatch(OfWidth(work))
}

struct OfWidth<W>(W);

impl<W: Work> WithSimd for OfWidth<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> W::Output {
        match S::F32_LANES {
            16 => self.0.run::<true, 16>(),
            1 => self.0.run::<false, 4>(),
            _ => self.0.run::<true, 8>(),
        }
    }
}
