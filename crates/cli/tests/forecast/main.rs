//! `bongsu forecast` from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod models;
mod output;
mod refusals;
mod run;
mod time;
