//! Statistics of a stream in constant memory: moments, extremes, quantiles, samples and counts.
//!
//! Use them where a stream is too long to keep: each takes a value in constant time, is plain data
//! that can be saved and continued bit for bit, and refuses NaN and infinity with its state
//! unchanged.
//!
//! | sketch | tells | memory | merges |
//! |---|---|---|---|
//! | [`Moments`] | mean and variance of everything | 32 bytes | yes |
//! | [`ExponentialMoments`] | mean and variance of what is recent | 32 bytes | no |
//! | [`MinMax`] | the extremes | 24 bytes | yes |
//! | [`P2`] | one quantile | 104 bytes | no |
//! | [`TDigest`] | every quantile and rank | about 3 kB | yes |
//! | [`Reservoir`] | a fair sample | 8 bytes a value | no |
//! | [`CountMin`] | how often a key came | 8 bytes a cell | yes |

mod count_min;
mod exponential_moments;
mod min_max;
mod moments;
mod p2;
mod reservoir;
mod tdigest;

pub use count_min::CountMin;
pub use exponential_moments::ExponentialMoments;
pub use min_max::MinMax;
pub use moments::Moments;
pub use p2::P2;
pub use reservoir::Reservoir;
pub use tdigest::TDigest;
