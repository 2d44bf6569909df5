//! `bongsu arrow`: a worker for Spark, Polars and pandas.

use std::io::{BufReader, BufWriter};

use bongsu_arrow::{Error, Job, run};

use crate::Failure;
use crate::args::ArrowArgs;

pub(crate) fn arrow(args: &ArrowArgs) -> Result<(), Failure> {
    let path = args.job.display();
    let named = |e: &dyn std::fmt::Display| Failure::Usage(format!("{path}: {e}"));
    let text = std::fs::read_to_string(&args.job).map_err(|e| named(&e))?;
    let job = Job::parse(&text).map_err(|e| named(&e))?;
    let input = BufReader::new(std::io::stdin().lock());
    let output = BufWriter::new(std::io::stdout().lock());
    // A reader that has gone is a failure too: what it has is no whole stream.
    let done = run(&job, input, output).map_err(|error| match error {
        Error::Job(reason) => Failure::Usage(reason),
        other => Failure::Incomplete(other.to_string()),
    })?;
    tracing::info!(
        series = done.series,
        rows = done.rows,
        failed = done.failed,
        "done"
    );
    Ok(())
}
