//! Floating-point helpers.

/// The power of two at or below `x`, which is finite and above 0: dividing by it is exact.
pub(crate) fn power_of_two(x: f64) -> f64 {
    let normal = x.max(f64::MIN_POSITIVE);
    f64::from_bits(normal.to_bits() & (0x7ff << 52))
}
