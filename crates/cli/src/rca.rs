use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bongsu::engine::{
    RcaDocument, RcaInput, RcaOutcome, RcaRequest, TimeUnit, parse_actions, parse_patterns,
    rca_correlations, rca_page, read_text, root_cause_of,
};

use crate::args::RcaArgs;
use crate::picture::Picture;
use crate::{Failure, output, terminal};

/// The most chains of causes and effects that the terminal tells.
const CHAINS: usize = 3;

pub(crate) fn rca(args: &RcaArgs, quiet: bool) -> Result<(), Failure> {
    let picture = args.plot.as_deref().map(Picture::of).transpose()?;
    let request = request(args)?;
    let progress = terminal::spinner(format!("reading {}", args.input.display()), quiet);
    let read = |path: &Path| RcaInput::open(path, &request.separator);
    let input = read(&args.input)?;
    let normal = args.normal.as_deref().map(read).transpose()?;
    let (unit, late_rows) = (input.unit, input.late_rows);
    let found = root_cause_of(input, normal.as_ref(), &request)?;
    progress.finish_and_clear();
    describe(unit, late_rows, &found);
    if let Some(path) = &args.export_graph {
        export_graph(path, &found)?;
    }
    if let Some(path) = &args.html {
        let page = rca_page(&found)?;
        let mut out = output::open(path)?;
        out.write_all(page.as_bytes())?;
        out.flush()?;
    }
    if let Some(picture) = picture {
        if let Some(matrix) = rca_correlations(&found)? {
            picture.draw(|| matrix.to_svg(), || matrix.to_png())?;
        } else {
            tracing::warn!("there are fewer than two metrics: nothing is drawn");
        }
    }
    if args.json || args.html.is_none() {
        let mut out = output::open(&args.output)?;
        let document = RcaDocument::new(&found);
        serde_json::to_writer_pretty(&mut out, &document).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

fn request(args: &RcaArgs) -> Result<RcaRequest, Failure> {
    let mut request = RcaRequest::new()?;
    request.separator.clone_from(&args.separator);
    request.onset = args.onset;
    request.graph = args.graph.as_deref().map(read_text).transpose()?;
    request.calls = args.calls.as_deref().map(read_text).transpose()?;
    request.options.ranker = args.ranker;
    request.options.onset_uncertainty = Duration::from_secs(args.uncertainty);
    request.options.relations = args.relations;
    request.options.relations_around = Duration::from_secs(args.relations_around);
    if let Some(path) = &args.actions {
        request.options.actions = parse_actions(&read_text(path)?)?;
    }
    if let Some(path) = &args.patterns {
        request.options.patterns = parse_patterns(&read_text(path)?)?;
    }
    Ok(request)
}

fn describe(unit: TimeUnit, late_rows: usize, found: &RcaOutcome) {
    tracing::info!(
        rows = found.observations.n_rows(),
        metrics = found.observations.metrics().len(),
        services = found.report.services.len(),
        timestamps = %unit,
        "read"
    );
    if late_rows > 0 {
        tracing::warn!(
            rows = late_rows,
            "rows that do not move on in time were passed over"
        );
    }
    if !found.passed_over.is_empty() {
        tracing::warn!(
            columns = found.passed_over.join(", "),
            "columns without the separator name no service and were passed over"
        );
    }
    for note in &found.report.notes {
        tracing::info!("{note}");
    }
    let relations = found.report.relations.iter();
    for chain in relations.flat_map(|found| &found.chains).take(CHAINS) {
        tracing::info!("what followed from what: {chain}");
    }
    tracing::info!("{}", found.report.summary);
}

fn export_graph(path: &Path, found: &RcaOutcome) -> Result<(), Failure> {
    let kind = path.extension().and_then(|kind| kind.to_str());
    let text = match kind {
        Some("dot" | "gv") => found.graph.to_dot(),
        Some("mmd" | "mermaid") => found.graph.to_mermaid(),
        Some("json") => serde_json::to_string_pretty(&found.graph).map_err(std::io::Error::from)?,
        _ => {
            return Err(Failure::Usage(format!(
                "{}: the name must end in .dot, .mmd or .json",
                path.display()
            )));
        }
    };
    let mut out = output::open(path)?;
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
