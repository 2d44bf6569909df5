use std::borrow::Cow;
use std::io::Write as _;

use bongsu::capacity::{CapacityReport, Planner};
use bongsu::engine::config::load;
use bongsu::engine::{
    CapacityOutcome, CapacityRequest, Error, Table, capacity_page, capacity_plot,
    parse_recommendations, plan_capacity, plan_configured, read_text,
};

use crate::args::CapacityArgs;
use crate::picture::Picture;
use crate::{Failure, output, terminal};

pub(crate) fn capacity(args: &CapacityArgs, quiet: bool) -> Result<(), Failure> {
    let picture = args.plot.as_deref().map(Picture::of).transpose()?;
    let found = match &args.config {
        Some(path) => {
            let config = load(path, args.profile.as_deref())?;
            let progress = terminal::spinner("asking the source".to_owned(), quiet);
            let found = tokio::runtime::Runtime::new()?.block_on(plan_configured(&config))?;
            progress.finish_and_clear();
            found
        }
        None => of_table(args, quiet)?,
    };
    describe(&found.report);
    if let Some(path) = &args.html {
        let page = capacity_page(&found)?;
        let mut out = output::open(path)?;
        out.write_all(page.as_bytes())?;
        out.flush()?;
    }
    if let (Some(picture), Some(plan), Some(curves)) = (
        picture,
        found.report.resources.first(),
        found.projections.first(),
    ) {
        let plot = capacity_plot(plan, curves, found.report.level)?;
        picture.draw(|| plot.to_svg(), || plot.to_png())?;
    }
    if args.csv || args.json || args.html.is_none() {
        let mut out = output::open(&args.output)?;
        if args.csv {
            out.write_all(found.report.to_csv().as_bytes())?;
        } else {
            writeln!(out, "{:#}", found.to_json())?;
        }
        out.flush()?;
    }
    Ok(())
}

fn of_table(args: &CapacityArgs, quiet: bool) -> Result<CapacityOutcome, Failure> {
    let request = request(args)?;
    let progress = terminal::spinner(format!("reading {}", args.input.display()), quiet);
    let table = Table::open(&args.input)?;
    for (name, _) in &request.thresholds {
        if !table.channels.contains(name) {
            return Err(Failure::Usage(format!(
                "--threshold {name}=...: the input has no column `{name}`; it has: {}",
                table.channels.join(", ")
            )));
        }
    }
    // What is said of the input comes first: it may be why the plan fails.
    tracing::info!(rows = table.timestamps.len(), timestamps = %table.unit, "read");
    let table = table.sorted();
    if let Cow::Owned(_) = &table {
        tracing::warn!("the rows were not in the order of their times and were sorted");
    }
    if !table.late_rows.is_empty() {
        tracing::warn!(
            rows = table.late_rows.len(),
            "rows with the time of one before them were passed over"
        );
    }
    progress.set_message("planning");
    let found = plan_capacity(&table, &request)?;
    progress.finish_and_clear();
    Ok(found)
}

fn request(args: &CapacityArgs) -> Result<CapacityRequest, Failure> {
    let wrong = |e: bongsu::core::Error| Failure::Usage(e.to_string());
    let mut request = CapacityRequest::new()?;
    let horizon = i64::try_from(args.horizon.as_millis()).unwrap_or(i64::MAX);
    let planner = Planner::new()
        .seed(args.seed)
        .horizon(horizon)
        .and_then(|planner| planner.level(args.level / 100.0))
        .and_then(|planner| planner.timezone(&args.timezone));
    request.planner = planner.map_err(wrong)?;
    if !args.model.is_empty() {
        request.planner = request.planner.candidates(&args.model).map_err(wrong)?;
    }
    for (name, value) in &args.threshold {
        match name {
            Some(name) => request.thresholds.push((name.clone(), *value)),
            None if request.threshold.is_some() => {
                let message = "--threshold is given twice for every resource".to_owned();
                return Err(Failure::Usage(message));
            }
            None => request.threshold = Some(*value),
        }
    }
    request.changes.clone_from(&args.what_if);
    if let Some(path) = &args.recommendations {
        request.catalogue = parse_recommendations(&read_text(path)?)?;
        request.catalogue.validate().map_err(Error::from)?;
    }
    Ok(request)
}

fn describe(report: &CapacityReport) {
    for plan in &report.resources {
        let model = plan.model.name();
        tracing::info!(model, "{}", plan.summary());
        for note in &plan.notes {
            tracing::info!(resource = %plan.short_name(), "{note}");
        }
    }
    for failure in &report.failures {
        tracing::warn!("not planned: {failure}");
    }
}
