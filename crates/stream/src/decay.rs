//! Exponential forgetting.

/// What a weight loses a point, as a share of it, so that it halves every `half_life` points.
pub(crate) fn lost_a_point(half_life: usize) -> f64 {
    -(-std::f64::consts::LN_2 / half_life.max(1) as f64).exp_m1()
}
