//! Few, explained, trustworthy alarms from Prometheus metrics.
//!
//! This crate is the front door: it holds no logic, and re-exports one crate a feature. Use it when
//! you embed Bongsu in a service. Use the crates behind it one by one when you want a single
//! detector and the smallest dependency tree; use the command `bongsu` (crate `bongsu-cli`) when
//! you want to run it as a service of its own.
//!
//! | feature | gives | default |
//! | --- | --- | --- |
//! | `stats` | statistical detectors and robust statistics: `stats` | yes |
//! | `ml` | classical machine learning: detectors for tables and subsequences, regressors: `ml` | |
//! | `stream` | online detectors, drift detectors, a fleet of very many series: `stream` | |
//! | `forecast` | forecasting models with intervals: `forecast` | |
//! | `neural` | autoencoders and recurrent networks as detectors: `neural` | |
//! | `onnx` | any network of an ONNX file as a detector; takes minutes to build | |
//! | `prometheus` | the Prometheus client and the replay server: `prometheus` | |
//! | `alert` | the alert lifecycle and its sinks: `alert` | |
//! | `rca` | root-cause analysis: dependency graphs, ranked causes, correlation: `rca` | |
//! | `capacity` | when a resource runs out: `capacity` | |
//! | `eval` | metrics, labelled data sets and the leaderboard of detectors: `eval` | |
//! | `report` | plots as SVG and HTML reports: `report` | |
//! | `png` | plots as PNG too | |
//! | `engine` | the whole pipeline: configuration, sources, loop, demo: `engine` | |
//!
//! ```
//! use bongsu::prelude::*;
//! use bongsu::stats::Ewma;
//!
//! let mut detector = Ewma::new().build()?;
//! for i in 0..200 {
//!     let load = 0.3 + 0.01 * f64::from(i % 7);
//!     detector.score_then_learn(&[load])?;
//! }
//! let score = detector.score(&[0.9])?.ready().unwrap();
//! assert!(score > detector.threshold().unwrap(), "0.9 is far outside the band");
//! # Ok::<(), bongsu::core::Error>(())
//! ```

#[cfg(feature = "alert")]
pub use bongsu_alert as alert;
#[cfg(feature = "capacity")]
pub use bongsu_capacity as capacity;
pub use bongsu_core as core;
#[cfg(feature = "engine")]
pub use bongsu_engine as engine;
#[cfg(feature = "eval")]
pub use bongsu_eval as eval;
#[cfg(feature = "forecast")]
pub use bongsu_forecast as forecast;
#[cfg(feature = "ml")]
pub use bongsu_ml as ml;
#[cfg(feature = "neural")]
pub use bongsu_neural as neural;
#[cfg(feature = "prometheus")]
pub use bongsu_prometheus as prometheus;
#[cfg(feature = "rca")]
pub use bongsu_rca as rca;
#[cfg(feature = "report")]
pub use bongsu_report as report;
#[cfg(feature = "stats")]
pub use bongsu_stats as stats;
#[cfg(feature = "stream")]
pub use bongsu_stream as stream;

/// The types and traits that most programs need.
pub mod prelude {
    pub use bongsu_core::{
        Alert, AlertState, Calibration, Calibrator, Contribution, Detector, DeviationFilter,
        Direction, DriftDetector, Expectation, Explanation, Fill, FitDetector, FittedForecaster,
        Forecast, ForecastRequest, Forecaster, Frame, Labels, Rows, Score, Series, SeriesView,
        Severity, Snapshot, StreamDetector, Timestamp, Verdict,
    };
}

/// The README's Rust code, compiled and run.
#[cfg(all(doctest, feature = "engine"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
