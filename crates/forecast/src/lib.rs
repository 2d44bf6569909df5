//! Forecasting models for a single metric, with intervals.
//!
//! Use it when the future of a series is wanted, or a band that says where its next values should
//! lie. Do not use it to judge single points of a live metric at a small cost (the streaming
//! detectors of `bongsu-stats` do that), nor as a whole service: the facade crate `bongsu` holds
//! that.
//!
//! | model | what it assumes | intervals | for |
//! |---|---|---|---|
//! | [`Ets`] | a level, a slope and a season that move slowly | closed form, or simulated | trends and one season, automatically |
//!
//! Every model implements [`Forecaster`](bongsu_core::Forecaster); its fitted type implements
//! [`FittedForecaster`](bongsu_core::FittedForecaster), can be saved, and tells its
//! [`Information`] criteria where it has a likelihood. A series lies on a [`Timeline`], which finds
//! its step and the moments that follow.

mod check;
pub mod ets;
mod gaps;
mod information;
mod interval;
mod line;
mod nelder_mead;
mod timeline;

pub use ets::{Ets, FittedEts};
pub use information::{Criterion, Information};
pub use timeline::{Step, Timeline};
