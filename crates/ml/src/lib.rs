//! Classical machine-learning detectors for rows of several features and for subsequences of a
//! series, and the regressors that capacity planning needs.
//!
//! Use it when features matter jointly, or when the shape of a stretch of a series matters more
//! than a single value. For one metric at a time the detectors of `bongsu-stats` are simpler, say
//! what they expect and need less data.

mod check;
