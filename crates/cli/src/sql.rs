//! `bongsu sql`: queries over a folder of Parquet and CSV files.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

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
    let beside = beside(&args.output);
    let named = |e: std::io::Error| {
        std::io::Error::new(e.kind(), format!("{}: {e}", args.output.display()))
    };
    let out: Box<dyn Write + Send> = if args.output.as_os_str() == "-" {
        Box::new(BufWriter::new(std::io::stdout()))
    } else {
        let file = File::create(beside.as_ref().unwrap_or(&args.output));
        Box::new(BufWriter::new(file.map_err(named)?))
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = args.threads {
        runtime.worker_threads(usize::from(threads));
    }
    let runtime = runtime.enable_all().build()?;
    let done = runtime.block_on(run(&query, out)).map_err(|e| {
        if let Some(beside) = &beside {
            // What went wrong is said; that this fails too would only hide it.
            let _ = std::fs::remove_file(beside);
        }
        let message = e.strip_backtrace();
        if is_about_query(&e) {
            Failure::Usage(message)
        } else {
            Failure::Incomplete(message)
        }
    })?;
    if let Some(beside) = &beside {
        std::fs::rename(beside, &args.output).map_err(named)?;
    }
    if done.shown < done.rows {
        tracing::warn!(
            rows = done.rows,
            shown = done.shown,
            "the table is cut short; other formats have all rows"
        );
    }
    Ok(())
}

/// Where results are written until the query has ended: results of before are not lost to a query that
/// fails, and one may read what it replaces. `None` for standard output, and for a pipe or a device.
fn beside(output: &Path) -> Option<PathBuf> {
    let is_special = std::fs::metadata(output).is_ok_and(|found| !found.is_file());
    if output.as_os_str() == "-" || is_special {
        return None;
    }
    let mut name = OsString::from(".");
    name.push(output.file_name()?);
    name.push(".partial");
    Some(output.with_file_name(name))
}
