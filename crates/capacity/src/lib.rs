//! Capacity planning: when a resource runs out, with an interval and an honest validation.
//!
//! Use it for a resource with a bound, such as a disk, memory, a pool of connections or a share of
//! CPU, whose use drifts over days and weeks. Do not use it to judge single values (that is what
//! detectors are for), nor for a resource that breaks all at once.
//!
//! # Method
//!
//! 1. The past is put on a grid of at most 1500 equal steps that end at the last value. Missing values
//!    stay missing.
//! 2. The rhythm of the day, on working days and at weekends, of the weekday and of the year is taken
//!    off as far as the past shows it at least twice. Lone spikes are cut, and clear shifts of the level
//!    are taken out of what the models see: neither is growth.
//! 3. Every [`Candidate`] forecasts from up to 12 moments of the past, over the horizon or a third of
//!    the history, knowing nothing of what came later. The forecast is the mean of those
//!    that cannot be told apart from the one with the least mean absolute error.
//! 4. Its errors are taken apart into a slow part, whose spread grows as a power of the lead, and a fast
//!    one within a day. The spread is calibrated so that the bounds hold the stated share of the
//!    errors that were seen.
//! 5. Futures are simulated: the forecast, plus slow errors as a fractional Brownian motion with that
//!    growth and Student's tails, plus whole days of fast errors of the past. When each future first
//!    crosses the threshold gives the distribution of the days left.
//!
//! Assumptions: what the errors were, they will be; beyond the lead that the history could validate
//! their growth goes on. A lone spike neither exceeds a threshold nor comes back: use is above the
//! threshold now when the median of the last three steps is, and isolated values beyond five robust deviations
//! are cut in the simulation unless more than 2 % of the steps are such.
//!
//! | type | what it is |
//! |---|---|
//! | [`Planner`] | the plan's settings; plans a series |
//! | [`Resource`] | a name and a threshold |
//! | [`Candidate`] | a model that validation may choose |
//! | [`Outlook`] | days left with bounds, and the probability to run out |
//! | [`WhatIf`] | a change of demand or capacity whose effect is asked for |
//! | [`Growth`] | trend against rhythm |
//! | [`CapacityReport`] | several resources with alerts and recommendations |
//! | [`Catalogue`] | what to do about which resource |

mod candidate;
mod catalogue;
mod crossing;
mod error_model;
mod features;
mod growth;
mod history;
mod paths;
mod planner;
mod report;
mod resource;
mod scene;
mod season;
mod shifts;
mod spikes;
mod validate;
mod what_if;

pub use candidate::Candidate;
pub use catalogue::{Catalogue, Entry};
pub use crossing::{Outlook, Status};
pub use growth::Growth;
pub use planner::{Planned, Planner, Projection};
pub use report::{
    CandidateScore, CapacityAlert, CapacityReport, Limits, Recommendation, ResourcePlan, SCHEMA,
    Trend, Validation,
};
pub use resource::Resource;
pub use what_if::{ChangedOutlook, WhatIf};
