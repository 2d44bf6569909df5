//! The vocabulary of Bongsu: time series, scores, verdicts, and the traits that detectors and
//! forecasters implement.
//!
//! Depend on this crate alone when you write a detector, a forecaster or a sink of your own.
//! If you want ready-made detectors or the whole service, use the facade crate `bongsu` instead.
//!
//! The crate does no I/O beyond saving snapshots to a path, spawns nothing, reads no clock and
//! never logs: time comes in with the data.
//!
//! ```
//! use bongsu_core::{Fill, Frame, Labels, Series, Timestamp};
//!
//! let series = Series::new(
//!     Labels::from_pairs([("__name__", "up"), ("job", "node")])?,
//!     vec![Timestamp::from_secs(60), Timestamp::from_secs(120), Timestamp::from_secs(240)],
//!     vec![1.0, 1.0, 0.0],
//! )?;
//! let frame = Frame::align(&[series], 60_000, Fill::None)?;
//! assert_eq!(frame.n_rows(), 4);
//! assert!(frame.values()[[2, 0]].is_nan(), "the hole at 180 s stays a hole");
//! # Ok::<(), bongsu_core::Error>(())
//! ```

mod alert;
mod calibrate;
mod detector;
mod drift;
mod duration;
mod error;
mod forecast;
mod frame;
mod labels;
mod nearest;
mod pareto;
mod peaks;
mod prior;
mod rows;
mod score;
mod secret;
mod series;
pub mod snapshot;
mod time;
mod verdict;

pub use alert::{Alert, AlertState, Severity};
pub use calibrate::{Calibration, Calibrator};
pub use detector::{Detector, FitDetector, FitDetectorDyn, FittedWithScores, StreamDetector};
pub use drift::{Drift, DriftDetector};
pub use duration::{format_duration, parse_duration};
pub use error::{Error, ErrorKind};
pub use forecast::{
    Cycle, FittedForecaster, Forecast, ForecastPart, ForecastRequest, Forecaster, Horizon,
    PartKind, PredictionInterval,
};
pub use frame::{Fill, Frame};
pub use labels::{Labels, METRIC_NAME};
pub use ndarray;
pub use nearest::nearest;
pub use prior::ScalePrior;
pub use rows::Rows;
pub use score::{DeviationFilter, Direction, Expectation, Score};
pub use secret::Secret;
pub use series::{Series, SeriesView};
pub use snapshot::Snapshot;
pub use time::Timestamp;
pub use verdict::{Contribution, Explanation, Verdict};

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
