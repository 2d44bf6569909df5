use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use bongsu::core::snapshot::{self, Header};
use bongsu::core::{Error as CoreError, ErrorKind, Snapshot as _, Timestamp};
use bongsu::engine::{Error, SavedVersions, TimeFormat, TrainedModel};
use serde_json::{Value, json};

use crate::Failure;
use crate::args::{ModelsCommand, ModelsFormat};
use crate::state::service;

pub(crate) fn models(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::List { folder, format } => list(folder, *format)?,
        ModelsCommand::Inspect { model } => {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{:#}", described(&load(model)?)?)?;
            out.flush()?;
        }
        ModelsCommand::Export { model, output } => {
            let weights = load(model)?.network().weights().to_safetensors();
            let named = |e: std::io::Error| {
                std::io::Error::new(e.kind(), format!("{}: {e}", output.display()))
            };
            std::fs::write(output, weights.map_err(Error::from)?).map_err(named)?;
        }
        ModelsCommand::Versions {
            state,
            query,
            format,
        } => versions(state, query.as_deref(), *format)?,
        ModelsCommand::RollBack { query, number, at } => {
            let service = service(at)?;
            let told = service.roll_back(query, *number);
            let series = tokio::runtime::Runtime::new()?.block_on(told)?;
            let mut out = std::io::stdout().lock();
            writeln!(
                out,
                "{query}: version {number} is at work, on {series} series"
            )?;
        }
        ModelsCommand::Retrain { query, at } => {
            let service = service(at)?;
            let asked = service.train(query.as_deref());
            let queries = tokio::runtime::Runtime::new()?.block_on(asked)?;
            let mut out = std::io::stdout().lock();
            for query in queries {
                writeln!(out, "{query}: will be trained")?;
            }
        }
    }
    Ok(())
}

fn versions(state: &Path, query: Option<&str>, format: ModelsFormat) -> Result<(), Failure> {
    let mut all = SavedVersions::read(state)?;
    let asked = |of: &str| query.is_none_or(|query| query == of);
    all.versions.retain(|version| asked(&version.query));
    all.unreadable.retain(|version| asked(&version.query));
    let mut out = std::io::stdout().lock();
    match format {
        ModelsFormat::Text => {
            for one in &all.versions {
                writeln!(
                    out,
                    "{} {}: {}, {}, {} to {}, {} series, {} points, {:.2} % anomalous where it was tried{}",
                    one.query,
                    one.version,
                    one.detector,
                    one.reason,
                    written(one.from),
                    written(one.to),
                    one.series,
                    one.points,
                    100.0 * one.alarm_rate,
                    work(one.at_work)
                )?;
            }
            for one in &all.unreadable {
                let (query, version) = (&one.query, one.version);
                let work = work(one.at_work);
                writeln!(
                    out,
                    "{query} {version}: cannot be read{work}: {}",
                    one.problem
                )?;
            }
        }
        ModelsFormat::Json => {
            let all = json!({
                "schema": 1,
                "versions": all.versions,
                "unreadable": all.unreadable,
                "state_problem": all.state_problem,
            });
            writeln!(out, "{all:#}")?;
        }
    }
    out.flush()?;
    if let Some(problem) = &all.state_problem {
        tracing::warn!(%problem, "it is not known which versions are at work");
    }
    if all.versions.is_empty() && all.unreadable.is_empty() {
        tracing::info!(state = %state.display(), "there are no trained detectors");
    }
    Ok(())
}

/// Whether a version is at work, to stand at the end of what is said of it.
const fn work(at_work: Option<bool>) -> &'static str {
    match at_work {
        Some(true) => ", at work",
        Some(false) => "",
        None => ", not known whether at work",
    }
}

/// # Errors
/// When the file cannot be read or is not what `bongsu train` saves.
pub(crate) fn load(path: &Path) -> Result<TrainedModel, Failure> {
    let named = |e: CoreError| match e.kind() {
        // It names the file already.
        ErrorKind::Io => Error::from(e),
        _ => CoreError::input(format!("{}: {e}", path.display())).into(),
    };
    Ok(snapshot::load(path).map_err(named)?)
}

fn described(model: &TrainedModel) -> Result<Value, Failure> {
    let network = model.network();
    let layers = network.networks().into_iter().map(|(name, network)| {
        json!({
            "name": name,
            "takes": network.input(),
            "gives": network.output(),
            "layers": network.layers(),
            "parameters": network.parameters(),
        })
    });
    let scaler = network.scaler();
    let channels = model
        .channels()
        .iter()
        .zip(scaler.center())
        .zip(scaler.scale());
    let channels = channels
        .map(|((name, center), scale)| json!({"name": name, "center": center, "scale": scale}));
    Ok(json!({
        "schema": 1,
        "model": model.detector(),
        "set": model.parameters(),
        "rows": model.rows(),
        "span": model.span().map(written),
        "window": network.window(),
        "channels": channels.collect::<Vec<_>>(),
        "networks": layers.collect::<Vec<_>>(),
        "loss": network.loss(),
        "error_threshold": network.error_threshold(),
        "heap_bytes": network.heap_bytes(),
        "history": network.history(),
    }))
}

/// A saved state in a folder.
struct Listed {
    name: String,
    /// In bytes.
    size: u64,
    saved: Option<Timestamp>,
    header: Header,
    /// Where it is a trained network; why not, where it is a damaged one.
    model: Option<Result<TrainedModel, String>>,
}

/// A header is at most this long.
const HEAD: u64 = 512;

fn list(folder: &Path, format: ModelsFormat) -> Result<(), Failure> {
    let named =
        |e: std::io::Error| std::io::Error::new(e.kind(), format!("{}: {e}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(named)?;
    let paths = entries.map(|entry| Ok(entry.map_err(named)?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, std::io::Error>>()?;
    paths.sort();
    let listed: Vec<Listed> = paths.iter().filter_map(|path| looked_at(path)).collect();
    let mut out = std::io::stdout().lock();
    match format {
        ModelsFormat::Text => listed
            .iter()
            .try_for_each(|one| write_listed(&mut out, one))?,
        ModelsFormat::Json => {
            let models: Vec<Value> = listed.iter().map(as_json).collect();
            writeln!(out, "{:#}", json!({"schema": 1, "models": models}))?;
        }
    }
    out.flush()?;
    if listed.is_empty() {
        tracing::info!(folder = %folder.display(), "there are no saved networks or states");
    }
    Ok(())
}

/// `None` for what is no saved state, or cannot be read.
fn looked_at(path: &Path) -> Option<Listed> {
    let file = File::open(path).ok()?;
    let about = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).ok()?;
    let header = snapshot::inspect(&head).ok()?;
    let saved = about.modified().ok()?;
    let since = saved.duration_since(std::time::UNIX_EPOCH).ok();
    let is_model = header.kind == TrainedModel::KIND;
    Some(Listed {
        name: path.file_name()?.to_string_lossy().into_owned(),
        size: about.len(),
        saved: since.and_then(|since| Timestamp::from_secs_f64(since.as_secs() as f64)),
        header,
        model: is_model.then(|| snapshot::load(path).map_err(|e| e.to_string())),
    })
}

fn write_listed(out: &mut impl Write, one: &Listed) -> std::io::Result<()> {
    writeln!(out, "{}", one.name)?;
    match &one.model {
        Some(Ok(model)) => {
            let network = model.network();
            let [first, last] = model.span().map(written);
            let window = match network.window() {
                1 => "row by row".to_owned(),
                rows => format!("in windows of {rows} rows"),
            };
            let channels = first_names(model.channels());
            writeln!(out, "    {}: {channels}, {window}", model.detector())?;
            writeln!(
                out,
                "    fitted on {} rows from {first} to {last}, error threshold {:.4e}",
                model.rows(),
                network.error_threshold()
            )?;
        }
        Some(Err(error)) => writeln!(out, "    cannot be used: {error}")?,
        None => {}
    }
    let saved = one.saved.map(|saved| format!(", saved {}", written(saved)));
    writeln!(
        out,
        "    {} version {}, {} bytes{}",
        one.header.kind,
        one.header.version,
        one.size,
        saved.unwrap_or_default()
    )
}

/// The first few, and how many more there are.
fn first_names(names: &[String]) -> String {
    const MOST: usize = 6;
    let first: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    match names.len().saturating_sub(MOST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn as_json(one: &Listed) -> Value {
    let mut value = json!({
        "file": one.name,
        "kind": one.header.kind,
        "version": one.header.version,
        "bytes": one.size,
        "saved": one.saved.map(written),
    });
    let more = match &one.model {
        Some(Ok(model)) => json!({
            "model": model.detector(),
            "set": model.parameters(),
            "channels": model.channels(),
            "window": model.network().window(),
            "rows": model.rows(),
            "span": model.span().map(written),
            "error_threshold": model.network().error_threshold(),
        }),
        Some(Err(error)) => json!({"error": error}),
        None => json!({}),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn written(moment: Timestamp) -> String {
    TimeFormat::of("1970-01-01T00:00:00Z").write(moment)
}
