//! `bongsu export`: the samples of a Prometheus as Parquet.

use bongsu::engine::{ExportBy, ExportRequest, config, export as run};

use crate::args::ExportArgs;
use crate::{Failure, terminal};

pub(crate) fn export(args: &ExportArgs, quiet: bool) -> Result<(), Failure> {
    let source = match (&args.config, &args.prometheus) {
        (Some(path), _) => config::load(path, None)?.source,
        (None, Some(url)) => config::SourceConfig::prometheus(url.clone()),
        (None, None) => return Err(Failure::Usage("give --prometheus or --config".to_owned())),
    };
    let name = args.table.as_str();
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '=']) {
        return Err(Failure::Usage(format!(
            "--table is `{name}`, but must be the name of a folder, without `=` and a dot at its begin"
        )));
    }
    let request = ExportRequest {
        source,
        selectors: args.select.clone(),
        start: args.start,
        end: args.end.unwrap_or_else(crate::now),
        folder: args.output.join(name),
        by: if args.hourly {
            ExportBy::Hour
        } else {
            ExportBy::Day
        },
        parts: args.parts,
    };
    let progress = terminal::bar(0, quiet);
    let told = |done, total| {
        progress.set_length(total);
        progress.set_position(done);
    };
    let done = tokio::runtime::Runtime::new()?.block_on(run(&request, &told))?;
    progress.finish_and_clear();
    tracing::info!(
        folders = done.folders,
        files = done.files,
        samples = done.samples,
        table = %request.folder.display(),
        "exported"
    );
    if done.samples == 0 {
        return Err(Failure::Incomplete(format!(
            "no series had samples between {} and {}",
            request.start, request.end
        )));
    }
    Ok(())
}
