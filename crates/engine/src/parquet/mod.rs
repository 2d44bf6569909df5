//! Parquet: tables read from it, days of verdicts archived as it, samples exported to it.

mod archive;
mod export;
mod table;

pub(crate) use archive::archive;
pub use export::{ExportBy, ExportRequest, Exported, export};
pub(crate) use table::as_csv;
