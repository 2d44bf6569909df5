//! The floats that networks compute in: `f32`, and `f64` to prove gradients.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// A float that kernels and layers are written for.
pub(crate) trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + MulAssign
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    const ZERO: Self;
    const ONE: Self;

    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
    fn fused(self, factor: Self, term: Self) -> Self;
    fn exp<const FUSED: bool>(self) -> Self;
    fn abs(self) -> Self;
    /// The larger one; not a number where `self` is none, as what overflowed has to show.
    fn largest(self, other: Self) -> Self;

    /// `self * factor + term`, rounded once where the processor can.
    #[inline(always)]
    fn times_plus<const FUSED: bool>(self, factor: Self, term: Self) -> Self {
        if FUSED {
            self.fused(factor, term)
        } else {
            self * factor + term
        }
    }

    /// `1 / (1 + exp(-x))`.
    #[inline(always)]
    fn sigmoid<const FUSED: bool>(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp::<FUSED>())
    }

    /// `2 sigmoid(2x) - 1`.
    #[inline(always)]
    fn tanh<const FUSED: bool>(self) -> Self {
        let s = (self + self).sigmoid::<FUSED>();
        s + s - Self::ONE
    }
}

macro_rules! shared {
    () => {
        const ZERO: Self = 0.0;
        const ONE: Self = 1.0;

        #[inline(always)]
        fn fused(self, factor: Self, term: Self) -> Self {
            self.mul_add(factor, term)
        }

        #[inline(always)]
        fn abs(self) -> Self {
            self.abs()
        }

        #[inline(always)]
        fn largest(self, other: Self) -> Self {
            if self < other { other } else { self }
        }
    };
}

impl Real for f32 {
    shared!();

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    /// `2^n p(r)` with `x = n ln 2 + r` and `p` the polynomial of degree 7; written so that the
    /// compiler makes vector instructions of it. Relative error below 2e-7; arguments beyond
    /// [-87, 87] count as these, and what is not a number stays so.
    #[inline(always)]
    fn exp<const FUSED: bool>(self) -> Self {
        // Adding and taking away 1.5 2^23 rounds to whole numbers and leaves them in the low bits.
        const ROUND: f32 = 12_582_912.0;
        const HIGH: f32 = 0.693_359_4;
        const LOW: f32 = -2.121_944_4e-4;
        let x = if self < -87.0 { -87.0 } else { self };
        let x = if x > 87.0 { 87.0 } else { x };
        let shifted = x.times_plus::<FUSED>(std::f32::consts::LOG2_E, ROUND);
        let n = shifted - ROUND;
        let r = (-n).times_plus::<FUSED>(LOW, (-n).times_plus::<FUSED>(HIGH, x));
        let p = 1.0 / 5_040.0;
        let p = r.times_plus::<FUSED>(p, 1.0 / 720.0);
        let p = r.times_plus::<FUSED>(p, 1.0 / 120.0);
        let p = r.times_plus::<FUSED>(p, 1.0 / 24.0);
        let p = r.times_plus::<FUSED>(p, 1.0 / 6.0);
        let p = r.times_plus::<FUSED>(p, 0.5);
        let p = r.times_plus::<FUSED>(p, 1.0);
        let p = r.times_plus::<FUSED>(p, 1.0);
        p * Self::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
    }
}

impl Real for f64 {
    shared!();

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn exp<const FUSED: bool>(self) -> Self {
        Self::exp(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_and_gates_are_close_to_the_library_s() {
        for i in -8_000..=8_000 {
            let x = i as f32 * 0.01;
            let wide = f64::from(x);
            let exp = f64::from(Real::exp::<false>(x));
            assert!((exp / wide.exp() - 1.0).abs() < 2e-7, "exp({x}) = {exp}");
            let sigmoid = 1.0 / (1.0 + (-wide).exp());
            assert!(
                (f64::from(x.sigmoid::<false>()) - sigmoid).abs() < 2e-7,
                "{x}"
            );
            assert!(
                (f64::from(Real::tanh::<false>(x)) - wide.tanh()).abs() < 3e-7,
                "{x}"
            );
        }
    }

    #[test]
    fn extremes_stay_finite() {
        for x in [
            f32::MAX,
            f32::MIN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
            -0.0,
        ] {
            assert!((0.0..=1.0).contains(&x.sigmoid::<false>()), "{x}");
            assert!((-1.0..=1.0).contains(&Real::tanh::<false>(x)), "{x}");
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let x = f32::NAN;
        assert!(Real::exp::<false>(x).is_nan());
        assert!(Real::exp::<false>(-x).is_nan());
        assert!(x.sigmoid::<false>().is_nan());
        assert!(Real::tanh::<false>(x).is_nan());
        assert!(x.largest(0.0).is_nan());
    }
}
