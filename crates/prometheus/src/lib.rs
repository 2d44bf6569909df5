//! Reads metrics from Prometheus and everything that speaks its query API, and replays recordings
//! of metrics as if a Prometheus server held them.
//!
//! Use [`Client`] when a program needs time series as [`bongsu_core::Series`], with retries, long
//! ranges split below the server's limit, and an account of what was wrong with an answer
//! ([`Quality`]). If you only want detectors, `bongsu-core` and the algorithm crates do without
//! this crate; if you scrape targets yourself, this is the wrong crate.
//!
//! ```no_run
//! use bongsu_core::Timestamp;
//! use bongsu_prometheus::{Client, ClientConfig, Range};
//!
//! # async fn example() -> Result<(), bongsu_prometheus::Error> {
//! let client = Client::new(ClientConfig::new("http://localhost:9090")?)?;
//! let hour = Range {
//!     start: Timestamp::from_secs(1_700_000_000),
//!     end: Timestamp::from_secs(1_700_003_600),
//!     step_ms: 15_000,
//! };
//! let answer = client.query_range("rate(node_cpu_seconds_total[5m])", &hour).await?;
//! if answer.quality.is_clean() {
//!     println!("{} series", answer.series.len());
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod auth;
mod client;
mod config;
pub mod decode;
mod error;
mod remote;
pub mod replay;
mod sample;
pub mod scrape;
mod selector;
mod tls;

pub use answer::{Answer, Quality, Range};
pub use auth::{Auth, ClientAuth, OAuth2, SigV4};
pub use client::{Client, Metadata, Target};
pub use config::ClientConfig;
pub use error::{Error, ErrorKind};
pub use remote::{RemoteWriter, WriteOptions, WriteProtocol, WriteStatus};
pub use sample::Sample;
pub use selector::{MatchOp, Matcher, Selector};
pub use tls::Tls;
