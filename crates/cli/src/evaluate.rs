use std::io::Write as _;

use bongsu::engine::{Table, evaluate as run};
use bongsu::eval::{Bootstrap, Evaluate};
use serde_json::json;

use crate::args::EvaluateArgs;
use crate::{Failure, output, terminal};

pub(crate) fn evaluate(args: &EvaluateArgs, quiet: bool) -> Result<(), Failure> {
    let how = how(args).map_err(|e| Failure::Usage(e.to_string()))?;
    let progress = terminal::spinner(format!("reading {}", args.scores.display()), quiet);
    let scores = Table::open(&args.scores)?;
    let labels = Table::open(&args.labels)?;
    progress.set_message(format!("measuring {} rows", scores.timestamps.len()));
    let found = run(&scores, &labels, &how)?;
    progress.finish_and_clear();
    if found.scores_without_label + found.labels_without_score > 0 {
        tracing::warn!(
            scores = found.scores_without_label,
            labels = found.labels_without_score,
            "rows whose time is not in both files were left out"
        );
    }
    if found.sorted {
        tracing::warn!("rows were put in order of time");
    }
    let mut document = found.evaluation.to_json();
    if let Some(document) = document.as_object_mut() {
        let left_out = [
            ("scores_without_label", found.scores_without_label),
            ("labels_without_score", found.labels_without_score),
        ];
        document.extend(left_out.map(|(name, rows)| (name.to_owned(), json!(rows))));
    }
    let mut out = output::open(&args.output)?;
    writeln!(out, "{document:#}")?;
    out.flush()?;
    Ok(())
}

fn how(args: &EvaluateArgs) -> bongsu::core::Result<Evaluate> {
    let bootstrap = args
        .bootstrap
        .map(|samples| Bootstrap::default().samples(samples)?.block(args.block));
    Ok(Evaluate::default()
        .vus_window(args.vus_window)?
        .threshold(args.threshold)?
        .bootstrap(bootstrap.transpose()?))
}
