use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use bongsu::core::snapshot;
use bongsu::engine::{Error, Table, TrainRequest, TrainedModel, loss_plot, train as run_training};
use bongsu::neural::{History, Progress, Stop, Weights};
use indicatif::ProgressBar;
use serde_json::json;

use crate::args::{HistoryFormat, TrainArgs};
use crate::picture::Picture;
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
    let table = Table::open(&args.input)?;
    detect::describe(&table);
    let bar = terminal::bar(1, quiet);
    let model = run_training(&table, &request, |progress| {
        show(&bar, progress);
        ControlFlow::Continue(())
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
        Stop::Cancelled => "training was ended",
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
