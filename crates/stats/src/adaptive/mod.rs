//! The parts of detectors that adapt to a metric point by point and are not fooled by what they
//! flag: [`crate::EwmaStream`] is made of them, and so are the online detectors of `bongsu-stream`.
//!
//! | part | what it knows |
//! |---|---|
//! | [`First`] | the first points, until a level and a scale are taken from them by medians |
//! | [`DampedTrend`] | a level and a slope that fades |
//! | [`Tail`] | how heavy the tails of the residuals are |
//! | [`Run`] | whether values beyond the threshold are a new level, or a fault that came and went |
//! | [`RobustScale`] | the scale of residuals, made of the two before, which says what to learn |
//!
//! All take constant memory and are plain data that can be saved.

mod few;
mod first;
mod run;
mod scale;
mod tail;
mod trend;

pub use first::{First, Start};
pub use run::{Run, Step};
pub use scale::{Lesson, RobustScale, Terms};
pub use tail::Tail;
pub use trend::DampedTrend;

/// The least scale as a share of the expected magnitude: some 50 times the spacing of floats.
pub const RESOLUTION: f64 = 1e-14;

/// The weight of the newest value for a half-life in points: `1 - 2^(-1/half_life)`.
#[must_use]
pub fn weight(half_life: f64) -> f64 {
    -(-std::f64::consts::LN_2 / half_life).exp_m1()
}

/// `x - from`, at most the largest float in magnitude.
#[must_use]
pub fn deviation(x: f64, from: f64) -> f64 {
    bounded(x - from)
}

/// `x` within the range of finite floats.
#[must_use]
pub fn bounded(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

/// `|d| / scale`, where nothing over nothing is as expected and anything over nothing is infinite.
#[must_use]
pub fn score(d: f64, scale: f64) -> f64 {
    crate::check::ratio(d.abs(), scale)
}
