//! Forecasting models for a single metric, with intervals.
//!
//! Use it when the future of a series is wanted, or a band that says where its next values should
//! lie. Do not use it to judge single points of a live metric at a small cost (the streaming
//! detectors of `bongsu-stats` do that), nor as a whole service: the facade crate `bongsu` holds
//! that.
//!
//! | model | what it assumes | intervals | for |
//! |---|---|---|---|
//! | [`Arima`] | differences, lags of values and of errors, regressors, one season | normal, exact | levels and drifts with short memory |
//! | [`AutoArima`] | the same, orders chosen by tests and a criterion | normal, exact | many series without an analyst |
//! | [`Naive`] | the last value, season, drift or mean goes on | closed form | the measure of every other model |
//! | [`Ets`] | a level, a slope and a season that move slowly | closed form, or simulated | trends and one season, automatically |
//! | [`Ces`] | a level and its information potential, and a season | closed form | trends and seasons of many kinds |
//! | [`Theta`] | a line and a smoothed level, dynamic and optimised | closed form | short and noisy series |
//! | [`Croston`] | sizes and intervals of sparse demand | none | counts that are mostly 0 |
//! | [`Prophet`] | a bending trend, seasons of the calendar, holidays, regressors | simulated trends | daily and weekly rhythms, gaps, known events |
//! | [`Ensemble`] | the median of several models, or a mean weighted by past errors | the same of their bounds | the safest choice |
//! | [`Mstl`] | several seasons that repeat, and any plain model for the rest | of the plain model | days and weeks together |
//! | [`Transformed`] | any model of logarithms or powers | exact quantiles | spread that grows with the level |
//!
//! | about forecasts | what it does |
//! |---|---|
//! | [`accuracy`] | measures of error of means, quantiles and intervals |
//! | [`Backtest`] | forecasts from moments of the past, against what came |
//! | [`Conformal`] | intervals of any model, calibrated so that they hold what they state |
//! | [`ForecastDetector`] | any model as a detector: a band that moves, every value judged by a forecast |
//! | [`OnlineForecaster`] | the same point by point, for live metrics |
//! | [`batch`] | many series on all threads |
//!
//! Every model implements [`Forecaster`](bongsu_core::Forecaster); its fitted type implements
//! [`FittedForecaster`](bongsu_core::FittedForecaster), can be saved, and tells its
//! [`Information`] criteria where it has a likelihood. A series lies on a [`Timeline`], which finds
//! its step and the moments that follow.
//!
//! Every model takes values of at most [`LARGEST`] in magnitude, whose squares floats can sum, and says
//! which value is beyond that. Where the values of a series differ by less than about 1e-150 their
//! squares vanish: a model then sees a constant, or says that it cannot be fitted.

pub mod accuracy;
pub mod arima;
pub mod backtest;
pub mod batch;
pub mod ces;
mod check;
pub mod conformal;
mod cross_validation;
pub mod croston;
pub mod detector;
pub mod ensemble;
pub mod ets;
mod gaps;
mod history;
mod information;
mod interval;
mod least_squares;
mod line;
mod member;
mod model;
pub mod mstl;
pub mod naive;
mod nelder_mead;
mod parts;
pub mod prophet;
pub mod theta;
mod timeline;
pub mod transform;

pub use arima::{Arima, AutoArima, FittedArima};
pub use backtest::{Backtest, Backtested, Refit};
pub use ces::{Ces, FittedCes};
pub use check::LARGEST;
pub use conformal::{Conformal, FittedConformal};
pub use cross_validation::{CrossValidation, Validated};
pub use croston::{Croston, FittedCroston};
pub use detector::{FittedForecastDetector, ForecastDetector, ForecastStream, OnlineForecaster};
pub use ensemble::{Combination, Ensemble, FittedEnsemble};
pub use ets::{Ets, FittedEts};
pub use information::{Criterion, Information};
pub use member::{FittedMember, Member};
pub use model::{FittedModel, Model};
pub use mstl::{FittedMstl, Mstl};
pub use naive::{FittedNaive, Naive};
pub use prophet::{FittedProphet, Prophet};
pub use theta::{FittedTheta, Theta};
pub use timeline::{Step, Timeline};
pub use transform::{FittedTransformed, Transformed};
