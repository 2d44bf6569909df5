//! Detectors, forecasts, features and capacity plans of Bongsu over Arrow streams.
//!
//! Use this crate where an engine distributes the work: Spark, Polars or pandas cut a data set into
//! series, and a worker does with each what the [`Job`] says. Do not use it for a single table in a
//! file (that is `bongsu detect`), nor for live metrics (that is `bongsu run`).
//!
//! [`run`] reads an Arrow IPC stream and writes one:
//!
//! | task | columns beside those that name the series | rows |
//! |---|---|---|
//! | `detect` | `ts`, `anomalous`, `score`, `expected`, `lower`, `upper`, `error` | one for each row that is read |
//! | `forecast` | `ts`, `mean`, `lower`, `upper`, `error` | one for each step |
//! | `features` | those of [`bongsu_ml::WindowFeatures`], `error` | one for each series |
//! | `exhaustion` | `status`, `days_left`, `days_left_lower`, `days_left_upper`, `probability`, `error` | one for each series |
//!
//! Order: series as they arrive, their rows as they arrive. Rows of one series must be neighbours,
//! in ascending time; a series that comes back is an error, because it would otherwise be judged
//! as two.
//!
//! Memory: one batch of the input and one series at a time, at most [`Job::most_rows`] rows of it,
//! and 16 bytes for each series that is done. What is read is no more than what is written: when the
//! reader of the results is slow, no input is taken.

mod batches;
mod error;
mod input;
mod job;
mod output;
mod worker;

pub use error::Error;
pub use job::{Job, OnError, Scalar, Task};
pub use worker::{Done, run};
