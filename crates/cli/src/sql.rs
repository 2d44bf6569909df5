//! `bongsu sql`: queries over a folder of Parquet and CSV files.

use std::fs::File;
use std::io::{BufWriter, Write};

use bongsu_datafusion::{Format, Query, is_about_query, run};

use crate::Failure;
use crate::args::{SqlArgs, SqlFormat};

pub(crate) fn sql(args: &SqlArgs) -> Result<(), Failure> {
    let query = Query {
        sql: args.query.clone(),
        data: args.data.clone(),
        format: match args.format {
            SqlFormat::Table => Format::Table,
            SqlFormat::Csv => Format::Csv,
            SqlFormat::Json => Format::Json,
            SqlFormat::Parquet => Format::Parquet,
        },
        memory: args.memory.map(|mebibytes| (mebibytes as usize) << 20),
        threads: args.threads.map(usize::from),
    };
    let out: Box<dyn Write + Send> = if args.output.as_os_str() == "-" {
        Box::new(BufWriter::new(std::io::stdout()))
    } else {
        let named = |e: std::io::Error| {
            std::io::Error::new(e.kind(), format!("{}: {e}", args.output.display()))
        };
        Box::new(BufWriter::new(File::create(&args.output).map_err(named)?))
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = args.threads {
        runtime.worker_threads(usize::from(threads));
    }
    let runtime = runtime.enable_all().build()?;
    let done = runtime.block_on(run(&query, out)).map_err(|e| {
        let message = e.strip_backtrace();
        if is_about_query(&e) {
            Failure::Usage(message)
        } else {
            Failure::Incomplete(message)
        }
    })?;
    if done.shown < done.rows {
        tracing::warn!(
            rows = done.rows,
            shown = done.shown,
            "the table is cut short; other formats have all rows"
        );
    }
    Ok(())
}
