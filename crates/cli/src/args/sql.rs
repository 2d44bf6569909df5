use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `bongsu sql` takes.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The query; several statements with `;` between them, of which the last one gives the results.
    #[arg(value_name = "SQL")]
    pub(crate) query: String,
    /// The folder of the tables: NAME.parquet, NAME.csv, and folders NAME of Parquet files, as
    /// `bongsu export` writes them.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How results are written. A table has at most 1000 rows.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: SqlFormat,
    /// Where results go; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// The most mebibytes for sorting, joining and grouping, beyond which it goes to disk; without it
    /// what there is.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    pub(crate) memory: Option<u32>,
    /// The threads; without it one a processor.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SqlFormat {
    Table,
    Csv,
    Json,
    Parquet,
}
