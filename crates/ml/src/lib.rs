//! Classical machine-learning detectors for rows of several features and for subsequences of a
//! series, and the regressors that capacity planning needs.
//!
//! Use it when features matter jointly, or when the shape of a stretch of a series matters more
//! than a single value. For one metric at a time the detectors of `bongsu-stats` are simpler, say
//! what they expect and need less data.
//!
//! | method | what it does | for |
//! |---|---|---|
//! | [`Scaler`], [`Scaled`] | brings columns to a common scale, as part of the fitted model | features of different units |

mod check;
pub mod scaler;

pub use scaler::{FittedScaled, FittedScaler, Scaled, Scaler};
