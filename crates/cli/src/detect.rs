use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use bongsu::engine::registry::{COMMON_PARAMETERS, REFIT_PARAMETERS, detectors, markdown};
use bongsu::engine::{
    DetectRequest, DetectedRow, Table, detect as run_detector, detect_plot, explain_choice,
    score_plot,
};
use serde_json::json;

use crate::args::{DetectArgs, ListFormat};
use crate::output::{self, write_row};
use crate::parameters::{as_json, write_entry, write_parameters};
use crate::picture::Picture;
use crate::{Failure, models, terminal};

pub(crate) fn detect(args: &DetectArgs, quiet: bool) -> Result<(), Failure> {
    if args.list {
        return list(args.format);
    }
    let drawn = Drawn::of(args)?;
    if let Some(model) = &args.model {
        return detect_by(model, args, &drawn, quiet);
    }
    let request = DetectRequest {
        detector: args.detector.clone().unwrap_or_default(),
        parameters: args.parameters.iter().cloned().collect(),
        train_rows: args.train_rows,
        raw: args.raw,
        explain: args.explain,
    };
    request.validate()?;
    let progress = terminal::spinner(format!("reading {}", args.input.display()), quiet);
    let table = Table::open(&args.input)?;
    progress.set_message(format!("judging {} rows", table.timestamps.len()));
    let rows = run_detector(&table, &request)?;
    progress.finish_and_clear();
    for (channel, why) in explain_choice(&table, &request) {
        tracing::info!(channel, "{why}");
    }
    tell(&table, &rows, args, &drawn)
}

/// What is drawn.
struct Drawn<'a> {
    plot: Option<Picture<'a>>,
    scores: Option<Picture<'a>>,
}

impl<'a> Drawn<'a> {
    fn of(args: &'a DetectArgs) -> Result<Self, Failure> {
        let scores = args.scores.as_deref();
        let scores = scores.map(|path| Picture::named("--scores", path));
        Ok(Self {
            plot: args.plot.as_deref().map(Picture::of).transpose()?,
            scores: scores.transpose()?,
        })
    }
}

/// Judges by a network that was trained before.
fn detect_by(
    model: &Path,
    args: &DetectArgs,
    drawn: &Drawn<'_>,
    quiet: bool,
) -> Result<(), Failure> {
    let request = DetectRequest {
        parameters: args.parameters.iter().cloned().collect(),
        raw: args.raw,
        explain: args.explain,
        ..DetectRequest::default()
    };
    let model = models::load(model)?;
    let progress = terminal::spinner(format!("reading {}", args.input.display()), quiet);
    let table = Table::open(&args.input)?;
    progress.set_message(format!("judging {} rows", table.timestamps.len()));
    let rows = model.detect(&table, &request)?;
    progress.finish_and_clear();
    tell(&table, &rows, args, drawn)
}

fn tell(
    table: &Table,
    rows: &[DetectedRow],
    args: &DetectArgs,
    drawn: &Drawn<'_>,
) -> Result<(), Failure> {
    describe(table);
    write_rows(output::open(&args.output)?, table, rows, args.explain)?;
    if let Some(picture) = &drawn.plot {
        let panels = detect_plot(table, rows, args.raw)?;
        picture.draw(|| panels.to_svg(), || panels.to_png())?;
    }
    if let Some(picture) = &drawn.scores {
        let histogram = score_plot(rows, args.raw);
        picture.draw(|| histogram.to_svg(), || histogram.to_png())?;
    }
    let anomalous = rows.iter().filter(|row| row.anomalous).count();
    tracing::info!(rows = rows.len(), anomalous, "done");
    if args.fail_on_anomaly && anomalous > 0 {
        return Err(Failure::Anomaly);
    }
    Ok(())
}

pub(crate) fn describe(table: &Table) {
    tracing::info!(
        rows = table.timestamps.len(),
        channels = table.channels.len(),
        timestamps = %table.unit,
        "read"
    );
    if let Some(first) = table.late_rows.first() {
        tracing::warn!(
            rows = table.late_rows.len(),
            first_at_row = first + 1,
            "rows that do not move on in time were not judged"
        );
    }
    let infinite = table
        .values
        .iter()
        .filter(|value| value.is_infinite())
        .count();
    if infinite > 0 {
        tracing::warn!(values = infinite, "infinite values were taken as missing");
    }
}

fn write_rows(
    mut out: impl Write,
    table: &Table,
    rows: &[DetectedRow],
    explain: bool,
) -> std::io::Result<()> {
    let with_band = rows.iter().any(|row| row.expectation.is_some());
    output::write_header(&mut out, with_band, explain)?;
    for (time, row) in table.timestamp_texts.iter().zip(rows) {
        write_row(&mut out, time, row, with_band, explain)?;
    }
    out.flush()
}

fn list(format: ListFormat) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match format {
        ListFormat::Markdown => out.write_all(markdown().as_bytes())?,
        ListFormat::Json => {
            let detectors: Vec<_> = detectors()
                .map(|spec| {
                    json!({
                        "name": spec.name,
                        "summary": spec.summary,
                        "judges": spec.input.to_string(),
                        "learns": spec.learns().to_string(),
                        "parameters": as_json(spec.all_parameters()),
                        "classic": spec.classic.iter().copied().collect::<BTreeMap<_, _>>(),
                    })
                })
                .collect();
            let common = as_json(COMMON_PARAMETERS.iter());
            let document = json!({"schema": 1, "detectors": detectors, "common": common});
            writeln!(out, "{document:#}")?;
        }
        ListFormat::Text => {
            for spec in detectors() {
                let more = format!("judges {}, learns {}", spec.input, spec.learns());
                write_entry(&mut out, [spec.name, spec.summary, &more], spec.parameters)?;
            }
            writeln!(out, "(detectors fitted on many rows, in a running service)")?;
            write_parameters(&mut out, REFIT_PARAMETERS)?;
            writeln!(out, "(every detector)")?;
            write_parameters(&mut out, COMMON_PARAMETERS)?;
        }
    }
    Ok(())
}
