//! Detectors, forecasts and capacity plans of Bongsu as functions of SQL, on `DataFusion`.
//!
//! Use this crate for months of metrics in Parquet on one machine. Do not use it for live metrics
//! (that is `bongsu run`), nor beyond one machine: Spark, Polars and pandas take the same detectors
//! through `bongsu arrow`.
//!
//! ```
//! use bongsu_datafusion::register_all;
//! use datafusion::prelude::SessionContext;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! register_all(&context)?;
//! let found = context
//!     .sql(
//!         "SELECT ts, v FROM (
//!            SELECT ts, v, robust_z(ts, v, 'threshold=5') OVER (ORDER BY ts) AS score
//!            FROM (SELECT value AS ts, CASE value WHEN 30 THEN 99.0 ELSE value % 4 END AS v
//!                  FROM generate_series(0, 59)))
//!          WHERE score > 1",
//!     )
//!     .await?;
//! assert_eq!(found.count().await?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Window functions
//!
//! `name(ts, value [, 'parameter=value, ...']) OVER (PARTITION BY series ORDER BY ts)`: one score a row,
//! at most 1 as expected and above 1 anomalous, as in the library. NULL and NaN are missing values,
//! and so is the score of one; it is NULL while a detector warms up, too. The frame means nothing: a
//! detector has its own window. `ts` may be left out, except where the time of day counts.
//!
//! | function | detector | rows |
//! |---|---|---|
//! | `zscore` | `zscore` | one by one |
//! | `robust_z` | `robust-z` | all of a partition; with `window=100` one by one |
//! | `ewma_score` | `ewma` | one by one |
//! | `seasonal_score` | `seasonal-profile` (needs `ts`) | one by one |
//! | `hst_score` | `hst` | one by one |
//! | `spectral_residual` | `spectral-residual` | all of a partition; with `window=100` one by one |
//! | `matrix_profile` | `matrix-profile` | all of a partition |
//! | `auto_score` | `auto` | all of a partition |
//! | `stl_resid` | `stl`: the value less what trend and season expect, in its unit | all of a partition |
//! | `adwin_drift` | `adwin`: true where the mean is found to have changed | one by one |
//!
//! `detect(ts, value, 'detector' [, 'parameters'])` runs any detector for single series and gives
//! `{score, anomalous, expected, lower, upper}`.
//!
//! Parameters are those of the registry (`bongsu detect --list`), and `errors=null`, which gives NULL for
//! all rows of a partition that cannot be judged (too short, say) instead of ending the query.
//! Where rows are judged one by one the function keeps no more rows than a batch; otherwise DataFusion
//! holds all rows of the query in memory, which no limit bounds. Rows that are not sorted yet are sorted before, which holds them all, or goes to
//! disk under a limit of memory.
//!
//! # Aggregates
//!
//! | function | gives |
//! |---|---|
//! | `period(ts, value)` | `{points, seconds, strength}` of the strongest period, NULL where there is none |
//! | `features(ts, value)` or `features(value ORDER BY ts)` | the features of [`bongsu_ml::WindowFeatures`] |
//! | `changepoints(ts, value)` | a list of `{ts, before, after, strength}` |
//! | `forecast(ts, value, 'model', horizon [, level])` | a list of `{ts, mean, lower, upper}` |
//! | `exhaustion(ts, value, threshold)` | `{status, days_left, days_left_lower, days_left_upper, probability}` |
//! | `correlation_lag(ts, a, b, max_lag)` or `correlation_lag(a, b, max_lag ORDER BY ts)` | `{points, r}`: by how many rows `b` follows `a` |
//! | `precision(label, score)`, `recall`, `f1` | of scores above 1 against labels; a third argument is another bound |
//! | `vus_pr(ts, label, score, window)` or `vus_pr(label, score, window ORDER BY ts)` | the volume under the precision-recall surface |
//!
//! Order: rows are sorted by time within a group, so that they may arrive in any order; a time that is
//! there twice is an error. Memory: 8 bytes for each value of the groups that are open.
//!
//! `SELECT * FROM forecasts('table', 'model', horizon [, level])` is the table of the forecasts of
//! `table`, whose columns are `series`, `ts` and `value`.

mod aggregate;
mod arguments;
mod collected;
mod drift;
mod error;
mod forecasts;
mod functions;
mod query;
mod scores;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::{AggregateUDF, WindowUDF};
use datafusion::prelude::SessionContext;

pub use error::is_about_query;
pub use query::{Format, Query, Written, open, run};

use crate::aggregate::Aggregate;
use crate::drift::Drifts;
use crate::forecasts::Forecasts;
use crate::scores::Scores;

/// Registers every function on `context`.
///
/// Functions that are registered before a context is rebuilt can be lost: call this last.
///
/// # Errors
/// When a function cannot be found afterwards.
pub fn register_all(context: &SessionContext) -> Result<()> {
    let mut names = vec![Drifts::NAME];
    context.register_udwf(WindowUDF::from(Drifts::new()));
    for scores in Scores::all() {
        names.push(scores.spec().name);
        context.register_udwf(WindowUDF::from(scores));
    }
    for name in names {
        context.udwf(name)?;
    }
    for spec in functions::ALL {
        context.register_udaf(AggregateUDF::from(Aggregate::new(spec)));
        context.udaf(spec.name)?;
    }
    let forecasts = Forecasts::new(context.udaf("forecast")?);
    context.register_udtf(Forecasts::NAME, Arc::new(forecasts));
    context.table_function(Forecasts::NAME)?;
    Ok(())
}
