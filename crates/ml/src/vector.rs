//! Inner loops with the widest vector instructions that the processor has.

use pulp::{Arch, Simd, WithSimd};

/// Runs `work`, compiled for the widest vector instructions that the processor has. All that
/// `work` calls has to be inlined into it: mark it, and the closure, `#[inline(always)]`.
///
/// A closure given to [`Arch::dispatch`] itself is called through a function of its own, which is
/// compiled for the oldest processor and not inlined; called as `FnMut` it is inlined.
#[inline(always)]
pub(crate) fn widest<T>(work: impl FnMut() -> T) -> T {
    Arch::new().dispatch(Work(work))
}

struct Work<F>(F);

impl<T, F: FnMut() -> T> WithSimd for Work<F> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) -> T {
        (self.0)()
    }
}
