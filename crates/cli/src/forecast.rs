use std::collections::BTreeMap;
use std::io::Write;

use bongsu::engine::registry::forecast::{
    ForecastSpec, TRANSFORM_PARAMETERS, forecast_models, markdown,
};
use bongsu::engine::{ForecastTask, Table, TableForecast, forecast as run_model, read_holidays};
use bongsu::report::Panels;
use serde_json::json;

use crate::args::{ForecastArgs, ListFormat};
use crate::parameters::{as_json, write_entry, write_parameters};
use crate::picture::Picture;
use crate::{Failure, output, terminal};

pub(crate) fn forecast(args: &ForecastArgs, quiet: bool) -> Result<(), Failure> {
    if args.list {
        return list(args.format);
    }
    let task = ForecastTask {
        model: args.model.clone().unwrap_or_default(),
        parameters: parameters(args)?,
        channel: args.channel.clone(),
        horizon: args.horizon.unwrap_or_default(),
        levels: args.level.clone(),
        calibrate: args.calibrate,
        future: args.future.as_deref().map(Table::open).transpose()?,
        holidays: match &args.holidays {
            Some(path) => read_holidays(path)?,
            None => Vec::new(),
        },
        parts: args.parts,
    };
    task.validate()?;
    let picture = args.plot.as_deref().map(Picture::of).transpose()?;
    let residuals = args.residuals.as_deref();
    let residuals = residuals.map(|path| Picture::named("--residuals", path));
    let residuals = residuals.transpose()?;
    let progress = terminal::spinner(format!("reading {}", args.input.display()), quiet);
    let table = Table::open(&args.input)?;
    progress.set_message(format!("fitting {}", task.model));
    let forecast = run_model(&table, &task)?;
    progress.finish_and_clear();
    describe(&table, &forecast, args);
    let mut out = output::open(&args.output)?;
    if args.json {
        writeln!(out, "{:#}", forecast.to_json())?;
    } else {
        out.write_all(forecast.to_csv().as_bytes())?;
    }
    out.flush()?;
    if let Some(picture) = picture {
        let (plot, panels) = (forecast.plot()?, forecast.panels()?);
        let panels = panels.as_ref();
        picture.draw(
            || panels.map_or_else(|| plot.to_svg(), Panels::to_svg),
            || panels.map_or_else(|| plot.to_png(), Panels::to_png),
        )?;
    }
    if let Some(picture) = residuals {
        let plot = forecast.residual_plot()?;
        picture.draw(|| plot.to_svg(), || plot.to_png())?;
    }
    Ok(())
}

/// The parameters that were set, those of flags of their own among them.
fn parameters(args: &ForecastArgs) -> Result<BTreeMap<String, String>, Failure> {
    let mut all: BTreeMap<String, String> = args.parameters.iter().cloned().collect();
    for (name, flag, values) in [
        ("regressors", "--regressor", &args.regressors),
        ("seasonalities", "--seasonality", &args.seasonalities),
        ("countries", "--country", &args.countries),
    ] {
        if !values.is_empty() && all.insert(name.to_owned(), values.join(",")).is_some() {
            let message = format!("{flag} and --set {name}=... say the same: use one of them");
            return Err(Failure::Usage(message));
        }
    }
    Ok(all)
}

fn describe(table: &Table, forecast: &TableForecast, args: &ForecastArgs) {
    let missing = forecast.values.iter().filter(|x| x.is_nan()).count();
    tracing::info!(
        rows = table.timestamps.len(),
        steps = forecast.values.len(),
        missing,
        timestamps = %table.unit,
        channel = forecast.channel,
        "read"
    );
    if args.channel.is_none() && table.channels.len() > 1 {
        tracing::info!("the other channels were not looked at; choose one with --channel");
    }
    let summary = &forecast.summary;
    for failure in &summary.failures {
        tracing::warn!("a member could not be fitted: {failure}");
    }
    for note in &forecast.notes {
        tracing::warn!("{note}");
    }
    if !summary.converged {
        tracing::warn!("the fit did not converge: the forecast may be off");
    }
    tracing::info!(
        model = summary.description,
        period = forecast.period,
        "fitted"
    );
}

fn list(format: ListFormat) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match format {
        ListFormat::Markdown => out.write_all(markdown().as_bytes())?,
        ListFormat::Json => {
            let one = |spec: &'static ForecastSpec| {
                json!({
                    "name": spec.name,
                    "summary": spec.summary,
                    "intervals": spec.intervals,
                    "parameters": as_json(spec.all_parameters()),
                })
            };
            let models: Vec<_> = forecast_models().map(one).collect();
            let document = json!({"schema": 1, "models": models});
            writeln!(out, "{document:#}")?;
        }
        ListFormat::Text => {
            for spec in forecast_models() {
                let more = if spec.intervals {
                    "gives intervals"
                } else {
                    "gives no intervals"
                };
                write_entry(&mut out, [spec.name, spec.summary, more], spec.parameters)?;
            }
            writeln!(out, "(every model but mstl, prophet and ensemble)")?;
            write_parameters(&mut out, TRANSFORM_PARAMETERS)?;
        }
    }
    out.flush()?;
    Ok(())
}
