use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bongsu::core::snapshot;
use bongsu::engine::{Error, Table, TrainRequest, TrainedModel, loss_plot, train as run_training};
use bongsu::neural::{History, Progress, Stop, Weights};
use indicatif::ProgressBar;
use serde_json::json;

use crate::args::{HistoryFormat, TrainArgs};
use crate::picture::Picture;
use crate::signals::Signals;
use crate::{Failure, detect, terminal};

pub(crate) fn train(args: &TrainArgs, quiet: bool) -> Result<(), Failure> {
    let request = TrainRequest {
        model: full_name(&args.model).to_owned(),
        parameters: args.parameters.iter().cloned().collect(),
        train_rows: args.train_rows,
        weights: args.weights.as_deref().map(weights).transpose()?,
    };
    request.validate()?;
    let picture = args.plot.as_deref().map(Picture::of).transpose()?;
    for path in [Some(&args.save), args.plot.as_ref()].into_iter().flatten() {
        can_be_written(path)?;
    }
    let table = Table::open(&args.input)?;
    detect::describe(&table);
    let bar = terminal::bar(1, quiet);
    // Without an epoch there is nothing to keep: the weights of others are taken or not.
    let asked = match request.weights {
        Some(_) => Arc::default(),
        None => end_when_asked()?,
    };
    let model = run_training(&table, &request, |progress| {
        show(&bar, progress);
        if asked.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    bar.finish_and_clear();
    tell(&model);
    snapshot::save(&model, &args.save).map_err(Error::from)?;
    let Some(history) = model.network().history() else {
        return Ok(());
    };
    if let Some(picture) = picture {
        let plot = loss_plot(model.detector(), history)?;
        picture.draw(|| plot.to_svg(), || plot.to_png())?;
    }
    match args.history {
        Some(format) => write_history(history, format),
        None => Ok(()),
    }
}

/// Fails before hours of training do so in vain.
fn can_be_written(path: &Path) -> Result<(), Failure> {
    let named = |e: std::io::Error| {
        std::io::Error::new(
            e.kind(),
            format!("{} cannot be written: {e}", path.display()),
        )
    };
    if path.is_dir() {
        return Err(named(std::io::ErrorKind::IsADirectory.into()).into());
    }
    if path.exists() && !path.is_file() {
        // A pipe or a terminal is only opened when there is something for it.
        return Ok(());
    }
    let mut probe = path.as_os_str().to_owned();
    probe.push(format!(".{}.tmp", std::process::id()));
    std::fs::File::create_new(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(named)?;
    Ok(())
}

/// What becomes true on the first signal to end; the second ends the process.
#[allow(
    clippy::exit,
    reason = "who asks twice does not want to wait for the fit of the threshold"
)]
fn end_when_asked() -> Result<Arc<AtomicBool>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::install()?
    };
    let asked = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&asked);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                signals.wait().await;
                told.store(true, Ordering::Relaxed);
                tracing::warn!(
                    "interrupted: the best weights so far are saved; once more ends at once"
                );
                signals.wait().await;
            });
            // As a shell says of a process that SIGINT ended.
            std::process::exit(130);
        })?;
    Ok(asked)
}

/// The name among the detectors of what may be called by a shorter one.
fn full_name(name: &str) -> &str {
    match name {
        "ae" => "autoencoder",
        "lstm-ae" => "lstm-autoencoder",
        "gru-ae" => "gru-autoencoder",
        other => other,
    }
}

fn weights(path: &Path) -> Result<Weights, Failure> {
    let named =
        |e: std::io::Error| std::io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let bytes = std::fs::read(path).map_err(named)?;
    Ok(Weights::from_safetensors(&bytes).map_err(Error::from)?)
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length((progress.epochs * progress.batches) as u64);
    bar.set_position((progress.epoch * progress.batches + progress.batch) as u64);
    if progress.batch == 1 || progress.finished.is_some() {
        let epoch = progress.epoch + 1;
        bar.set_message(format!("epoch {epoch}, loss {:.4}", progress.loss));
    }
}

fn tell(model: &TrainedModel) {
    let network = model.network();
    let parameters: usize = network.networks().iter().map(|(_, n)| n.parameters()).sum();
    let threshold = network.error_threshold();
    let rows = model.rows();
    let Some(history) = network.history() else {
        tracing::info!(rows, parameters, threshold, "the weights were taken");
        return;
    };
    let best = history.best.and_then(|best| history.epochs.get(best));
    let loss = best.map(|epoch| epoch.validation_loss.unwrap_or(epoch.loss));
    tracing::info!(
        rows,
        parameters,
        epochs = history.epochs.len(),
        kept = history.best.map(|best| best + 1),
        loss,
        threshold,
        "{}",
        ended(history.stop)
    );
}

const fn ended(stop: Stop) -> &'static str {
    match stop {
        Stop::Finished => "trained for all epochs",
        Stop::NoImprovement => "trained until the loss no longer improved",
        Stop::Cancelled => "training was interrupted; the best weights until then are kept",
    }
}

fn write_history(history: &History, format: HistoryFormat) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match format {
        HistoryFormat::Csv => {
            writeln!(out, "epoch,loss,validation_loss,learning_rate,kept")?;
            for (i, epoch) in history.epochs.iter().enumerate() {
                let held_back = epoch.validation_loss.map(|loss| loss.to_string());
                writeln!(
                    out,
                    "{},{},{},{},{}",
                    i + 1,
                    epoch.loss,
                    held_back.unwrap_or_default(),
                    epoch.learning_rate,
                    u8::from(history.best == Some(i))
                )?;
            }
        }
        HistoryFormat::Json => writeln!(out, "{:#}", json!({"schema": 1, "history": history}))?,
    }
    out.flush()?;
    Ok(())
}
