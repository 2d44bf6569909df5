//! Recordings of metrics, served as if a Prometheus server held them.
//!
//! A [`Recording`] holds real series. A [`ReplayServer`] answers Prometheus' HTTP API from it while
//! a [`ReplayClock`] moves through it, faster than real time or by hand: whatever reads metrics
//! over HTTP can be demonstrated and tested on the same data again and again. Nothing after the
//! clock's time is ever served.
//!
//! It is not a Prometheus server: queries are plain selectors such as
//! `http_requests_total{code=~"5.."}`, with `[5m]` and `offset`, but without functions, operators
//! and aggregations. Record the results of rules when a replay needs more.
//!
//! ```
//! use std::sync::Arc;
//! use bongsu_prometheus::{Client, ClientConfig};
//! use bongsu_prometheus::replay::{Recording, ReplayClock, ReplayServer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), bongsu_prometheus::Error> {
//! let lines = br#"{"metric":{"__name__":"up"},"values":[1,1,0],"timestamps":[5000,10000,15000]}"#;
//! let recording = Arc::new(Recording::from_bytes(lines)?);
//! let clock = ReplayClock::manual(recording.start());
//! let server = ReplayServer::start(recording, clock.clone(), ([127, 0, 0, 1], 0).into())?;
//! let client = Client::new(ClientConfig::new(&server.url())?)?;
//! assert_eq!(client.query("up", None).await?.series[0].values(), [1.0]);
//! clock.set(server.recording().end());
//! assert_eq!(client.query("up", None).await?.series[0].values(), [0.0]);
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod catalog;
mod clock;
mod evaluate;
mod json;
mod lines;
mod recording;
mod server;

pub use clock::ReplayClock;
pub use recording::Recording;
pub use server::{ReplayOptions, ReplayServer};
