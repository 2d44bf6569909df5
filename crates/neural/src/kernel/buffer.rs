use std::ops::{Deref, DerefMut};

use crate::real::Real;

/// The size of a cache line, at whose borders buffers start.
const LINE: usize = 64;

/// Numbers that start at the border of a cache line: a vector load that crosses one costs twice.
#[derive(Debug)]
pub(crate) struct Buffer<T: Real> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Real> Buffer<T> {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let storage = vec![T::ZERO; len.saturating_add(spare)];
        // At most `spare`, or a promise of nothing: the numbers are right wherever they start.
        let start = storage.as_ptr().align_offset(LINE).min(spare);
        Self {
            storage,
            start,
            len,
        }
    }

    /// Makes room for `len` numbers; those that it holds are lost when it grows.
    pub(crate) fn grow(&mut self, len: usize) {
        if len > self.len {
            *self = Self::zeros(len);
        }
    }

    /// `values`, and zeros behind them up to `len`.
    pub(crate) fn fill_from(&mut self, values: &[T], len: usize) {
        self.grow(len);
        let padding = std::iter::repeat_n(T::ZERO, len.saturating_sub(values.len()));
        for (slot, value) in self.iter_mut().zip(values.iter().copied().chain(padding)) {
            *slot = value;
        }
    }

    pub(crate) const fn heap_bytes(&self) -> usize {
        self.storage.capacity() * size_of::<T>()
    }
}

impl<T: Real> Default for Buffer<T> {
    fn default() -> Self {
        Self {
            storage: Vec::new(),
            start: 0,
            len: 0,
        }
    }
}

impl<T: Real> From<&[T]> for Buffer<T> {
    fn from(values: &[T]) -> Self {
        let mut buffer = Self::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl<T: Real> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl<T: Real> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Real> Deref for Buffer<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        self.storage
            .get(self.start..self.start + self.len)
            .unwrap_or_default()
    }
}

impl<T: Real> DerefMut for Buffer<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        self.storage
            .get_mut(self.start..self.start + self.len)
            .unwrap_or_default()
    }
}
