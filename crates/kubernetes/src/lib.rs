//! Bongsu as objects of Kubernetes: rendered, compared with a cluster and applied to it.
//!
//! Take the Helm chart instead for a service that always runs, shards, probes or network policies:
//! this crate makes one [`CronJob`](Settings) that judges what came since its last run, with its
//! configuration, secrets and state.
//!
//! ```
//! use bongsu_kubernetes::{Settings, objects};
//!
//! # fn main() -> Result<(), bongsu_kubernetes::Error> {
//! let mut settings = Settings::new("source: {type: prometheus, url: 'http://prometheus:9090'}\n");
//! settings.namespace = "monitoring".into();
//! for object in objects(&settings)? {
//!     println!("---\n{}", object.yaml());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Cluster`] applies them on the server's side, under the name `bongsu`: fields that others set
//! stay theirs, and a field that both set is an error that names it.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "tests say what went wrong by panicking"
    )
)]

mod cluster;
mod compare;
mod error;
mod objects;
mod settings;

pub use cluster::{Applied, ApplyOptions, Cluster, Outcome};
pub use error::Error;
pub use objects::{Object, objects};
pub use settings::{Asks, Settings, Variables};
