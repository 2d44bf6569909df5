//! Parquet: tables read from it, and days of verdicts archived as it.

mod archive;
mod table;

pub(crate) use archive::archive;
pub(crate) use table::as_csv;
