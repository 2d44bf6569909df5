//! Metrics straight from an exporter's `/metrics`, without a Prometheus server between.
//!
//! [`Scraper`] fetches, [`parse`] reads: Prometheus' text format (0.0.4, and 1.0.0 with its quoted
//! names) and OpenMetrics 1.0. [`Pool`] scrapes targets again and again, keeps the newest samples in
//! memory and answers range queries from them, rates of counters included.
//!
//! ```
//! use bongsu_core::Timestamp;
//! use bongsu_prometheus::scrape::{Format, parse};
//!
//! let text = "# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\"} 1027\n";
//! let exposition = parse(text, Format::Prometheus, Timestamp::from_secs(1_700_000_000))?;
//! assert_eq!(exposition.samples[0].value, 1027.0);
//! assert_eq!(exposition.metadata["http_requests_total"].kind, "counter");
//! # Ok::<(), bongsu_prometheus::Error>(())
//! ```

mod buffer;
mod expression;
mod line;
mod pool;
mod rate;
mod target;
mod text;

pub use expression::Expression;
pub use pool::{Pool, PoolOptions, TargetHealth};
pub use target::Scraper;
pub use text::{Exposition, Format, parse};
