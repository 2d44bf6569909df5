use std::io::Write;

use bongsu::core::Drift;
use bongsu::engine::registry::drift::{DRIFT_DETECTORS, markdown};
use bongsu::engine::{DriftRequest, Table, find_drift};
use serde_json::json;

use crate::args::{DriftArgs, ListFormat};
use crate::parameters::{as_json, write_entry};
use crate::{Failure, output, terminal};

pub(crate) fn drift(args: &DriftArgs, quiet: bool) -> Result<(), Failure> {
    if args.list {
        return list(args.format);
    }
    let request = DriftRequest {
        detector: args.detector.clone().unwrap_or_default(),
        parameters: args.parameters.iter().cloned().collect(),
        channel: args.channel.clone(),
        watch: args
            .watch
            .clone()
            .map(|name| (name, args.watch_parameters.iter().cloned().collect())),
        confirm: args.confirm,
        cool_down: args.cool_down,
    };
    request.validate()?;
    let progress = terminal::spinner(format!("reading {}", args.input.display()), quiet);
    let table = Table::open(&args.input)?;
    let states = find_drift(&table, &request)?;
    progress.finish_and_clear();
    describe(&table, &request, &states);
    write_states(output::open(&args.output)?, &table, &states)?;
    Ok(())
}

fn describe(table: &Table, request: &DriftRequest, states: &[Option<Drift>]) {
    let watched = match (&request.watch, &request.channel) {
        (Some((name, _)), _) => format!("scores of {name}"),
        (None, Some(channel)) => channel.clone(),
        (None, None) => table.channels.first().cloned().unwrap_or_default(),
    };
    tracing::info!(
        rows = states.len(),
        timestamps = %table.unit,
        watched,
        "read"
    );
    if request.watch.is_none() && request.channel.is_none() && table.channels.len() > 1 {
        tracing::info!("the other channels were not looked at; choose one with --channel");
    }
    let count = |state| states.iter().filter(|&&s| s == state).count();
    let passed_over = count(None);
    if passed_over > 0 {
        tracing::warn!(
            rows = passed_over,
            late = table.late_rows.len(),
            "rows without a value or a score, or that do not move on in time, were passed over"
        );
    }
    tracing::info!(
        drifts = count(Some(Drift::Drift)),
        warnings = count(Some(Drift::Warning)),
        "done"
    );
}

fn write_states(
    mut out: impl Write,
    table: &Table,
    states: &[Option<Drift>],
) -> std::io::Result<()> {
    out.write_all(b"timestamp,state\n")?;
    for (time, state) in table.timestamp_texts.iter().zip(states) {
        let word = match state {
            None => "",
            Some(Drift::Stable) => "stable",
            Some(Drift::Warning) => "warning",
            Some(Drift::Drift) => "drift",
        };
        writeln!(out, "{time},{word}")?;
    }
    out.flush()
}

fn list(format: ListFormat) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match format {
        ListFormat::Markdown => out.write_all(markdown().as_bytes())?,
        ListFormat::Json => {
            let one = |spec: &'static bongsu::engine::registry::drift::DriftSpec| {
                json!({
                    "name": spec.name,
                    "summary": spec.summary,
                    "values": spec.values.to_string(),
                    "warns": spec.warns,
                    "parameters": as_json(spec.parameters.iter()),
                })
            };
            let detectors: Vec<_> = DRIFT_DETECTORS.iter().map(one).collect();
            let document = json!({"schema": 1, "detectors": detectors});
            writeln!(out, "{document:#}")?;
        }
        ListFormat::Text => {
            for spec in DRIFT_DETECTORS {
                let warns = if spec.warns { ", warns" } else { "" };
                let more = format!("takes {}{warns}", spec.values);
                write_entry(&mut out, [spec.name, spec.summary, &more], spec.parameters)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}
