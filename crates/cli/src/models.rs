use std::io::Write as _;
use std::path::Path;

use bongsu::core::snapshot;
use bongsu::engine::{Error, TrainedModel};
use serde_json::{Value, json};

use crate::Failure;
use crate::args::ModelsCommand;

pub(crate) fn models(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
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
    }
    Ok(())
}

/// # Errors
/// When the file cannot be read or is not what `bongsu train` saves.
pub(crate) fn load(path: &Path) -> Result<TrainedModel, Failure> {
    Ok(snapshot::load(path).map_err(Error::from)?)
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
        "window": network.window(),
        "channels": channels.collect::<Vec<_>>(),
        "networks": layers.collect::<Vec<_>>(),
        "loss": network.loss(),
        "error_threshold": network.error_threshold(),
        "heap_bytes": network.heap_bytes(),
        "history": network.history(),
    }))
}
