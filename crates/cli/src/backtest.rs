use std::io::Write as _;

use bongsu::engine::{BacktestTask, Table, backtest as run};

use crate::args::{BacktestArgs, TableFormat};
use crate::{Failure, output, terminal};

pub(crate) fn backtest(args: &BacktestArgs, quiet: bool) -> Result<(), Failure> {
    let task = BacktestTask {
        models: args.model.clone(),
        parameters: args.parameters.iter().cloned().collect(),
        channel: args.channel.clone(),
        horizon: args.horizon,
        initial: args.initial,
        step: args.step,
        window: args.window,
        refit: args.refit,
        levels: args.level.clone(),
        season: args.season,
    };
    task.validate()?;
    let progress = terminal::spinner(format!("reading {}", args.input.display()), quiet);
    let table = Table::open(&args.input)?;
    progress.set_message("fitting at every cutoff");
    let found = run(&table, &task)?;
    progress.finish_and_clear();
    if args.channel.is_none() && table.channels.len() > 1 {
        tracing::info!("the other channels were not looked at; choose one with --channel");
    }
    let text = match args.format {
        TableFormat::Text => found.to_text(args.by_step),
        TableFormat::Csv => found.to_csv(args.by_step),
        TableFormat::Markdown => found.to_markdown(args.by_step),
        TableFormat::Json => format!("{:#}\n", found.to_json()),
    };
    if args.format != TableFormat::Text {
        for failure in found.failures() {
            tracing::warn!("{failure}");
        }
    }
    let mut out = output::open(&args.output)?;
    out.write_all(text.as_bytes())?;
    out.flush()?;
    // A table without a single error tells nothing.
    if found.models.iter().all(|model| model.scores.is_none()) {
        let reasons: Vec<String> = found.failures().collect();
        return Err(Failure::Incomplete(format!(
            "no model has a forecast: {}",
            reasons.join("; ")
        )));
    }
    Ok(())
}
