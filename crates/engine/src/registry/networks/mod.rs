//! Networks: trained once, on the rows of a file or on the first points of a stream.

mod config;
mod parameters;

use bongsu_core::{Calibration, Error as CoreError, Result as CoreResult};
use bongsu_neural::{
    Activation, Autoencoder, Cell, Combine, Loss, LstmAutoencoder, LstmForecaster, Scaling,
    Training, Vae,
};

pub(crate) use self::config::NetworkConfig;
use self::parameters::{
    ACTIVATION, BATCH, CAUSAL, CELL, DROPOUT, EPOCHS, FIVE_PERCENT, HISTORY, L2, LEARNING_RATE,
    LOSS, MAX_ALARM_SHARE, MIN_MAX, OUTPUT, PATIENCE, REDUCE_AFTER, SEQUENCE, SIZES, STRIDE,
    THRESHOLD, UNITS, VALIDATION, WEIGHT_DECAY, contamination, scaling,
};
use super::parameter::{ParameterSpec, Parameters, SEED, parameter};
use super::{DetectorSpec, Input, Method};

/// The parameters of a network, and those of every training: with the usual defaults, and this share
/// of contamination.
macro_rules! trained {
    ($($own:expr),+; $contamination:expr) => {
        &[
            $($own,)+
            EPOCHS,
            BATCH,
            LEARNING_RATE,
            WEIGHT_DECAY,
            L2,
            LOSS,
            VALIDATION,
            PATIENCE,
            REDUCE_AFTER,
            THRESHOLD,
            $contamination,
            HISTORY,
            MAX_ALARM_SHARE,
            SEED,
        ]
    };
}

/// Networks that are trained once and then only judge.
pub(super) const NETWORKS: &[DetectorSpec] = &[
    DetectorSpec {
        name: "autoencoder",
        summary: "Autoencoder: rows that a network cannot give back through a narrow code.",
        parameters: &[
            parameter(
                "units",
                "64,32",
                SIZES,
                "the sizes of the layers from the input to the code; those to the output mirror them",
            ),
            DROPOUT,
            ACTIVATION,
            OUTPUT,
            scaling("standard"),
            parameter("epochs", "100", EPOCHS.domain, EPOCHS.about),
            BATCH,
            LEARNING_RATE,
            WEIGHT_DECAY,
            L2,
            LOSS,
            parameter("validation", "0.2", VALIDATION.domain, VALIDATION.about),
            parameter("patience", "10", PATIENCE.domain, PATIENCE.about),
            parameter("reduce_after", "5", REDUCE_AFTER.domain, REDUCE_AFTER.about),
            THRESHOLD,
            contamination("0.1"),
            HISTORY,
            MAX_ALARM_SHARE,
            SEED,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Network(|p| {
            let config = Autoencoder::new()
                .units(units(p)?)?
                .dropout(p.number("dropout")?)?
                .activation(activation(p, "activation")?)
                .output(activation(p, "output")?)
                .scaling(scaling_of(p)?)
                .training(training(p, 1e-7)?)
                .threshold(threshold(p)?);
            Ok(NetworkConfig::Dense(config))
        }),
    },
    DetectorSpec {
        name: "vae",
        summary: "Variational autoencoder: rows that do not follow from draws of their code.",
        parameters: trained![
            parameter(
                "units",
                "64",
                SIZES,
                "the sizes of the layers from the input to the code; those to the output mirror them",
            ),
            parameter("latent", "8", "1 to 4096", "the numbers of the code"),
            parameter(
                "beta",
                "1",
                "finite, at least 0",
                "the weight of how far codes are from the standard normal",
            ),
            parameter(
                "samples",
                "10",
                "0 to 1000",
                "draws of the code that a row is judged by; 0 judges by the mean code",
            ),
            parameter("dropout", "0", DROPOUT.domain, DROPOUT.about),
            ACTIVATION,
            OUTPUT,
            scaling("standard");
            contamination("0.1")
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Network(|p| {
            let config = Vae::new()
                .units(units(p)?)?
                .latent(p.integer("latent")?)?
                .beta(p.number("beta")?)?
                .samples(p.integer("samples")?)?
                .dropout(p.number("dropout")?)?
                .activation(activation(p, "activation")?)
                .output(activation(p, "output")?)
                .scaling(scaling_of(p)?)
                .training(training(p, 1e-5)?)
                .threshold(threshold(p)?);
            Ok(NetworkConfig::Variational(config))
        }),
    },
    recurrent_autoencoder(
        "lstm-autoencoder",
        "LSTM autoencoder: stretches that a recurrent network cannot give back.",
        trained![
            SEQUENCE,
            UNITS,
            CELL,
            DROPOUT,
            STRIDE,
            CAUSAL,
            OUTPUT,
            MIN_MAX;
            FIVE_PERCENT
        ],
    ),
    recurrent_autoencoder(
        "gru-autoencoder",
        "GRU autoencoder: as lstm-autoencoder, with three quarters of its weights.",
        trained![
            SEQUENCE,
            UNITS,
            DROPOUT,
            STRIDE,
            CAUSAL,
            OUTPUT,
            MIN_MAX;
            FIVE_PERCENT
        ],
    ),
    DetectorSpec {
        name: "lstm-forecast",
        summary: "Forecasting LSTM: rows that those before them did not let a network expect.",
        parameters: trained![
            parameter(
                "sequence",
                "60",
                "1 to 4096",
                "rows that a forecast is made from",
            ),
            parameter("units", "50,25", SIZES, "the sizes of the recurrent layers"),
            CELL,
            DROPOUT,
            scaling("standard");
            FIVE_PERCENT
        ],
        classic: &[],
        input: Input::TableSeries,
        inner: None,
        method: Method::Network(|p| {
            let config = LstmForecaster::new()
                .sequence(p.integer("sequence")?)?
                .units(units(p)?)?
                .cell(cell(p)?)
                .dropout(p.number("dropout")?)?
                .scaling(scaling_of(p)?)
                .training(training(p, 1e-5)?)
                .threshold(threshold(p)?);
            Ok(NetworkConfig::Forecast(config))
        }),
    },
];

const fn recurrent_autoencoder(
    name: &'static str,
    summary: &'static str,
    parameters: &'static [ParameterSpec],
) -> DetectorSpec {
    DetectorSpec {
        name,
        summary,
        parameters,
        classic: &[],
        input: Input::TableSeries,
        inner: None,
        method: Method::Network(|p| {
            let (sequence, stride) = (p.integer("sequence")?, p.integer("stride")?);
            if !(1..=sequence).contains(&stride) {
                return Err(p.refused("stride"));
            }
            let combine = if p.flag("causal")? {
                Combine::Causal
            } else {
                Combine::Mean
            };
            let config = LstmAutoencoder::new()
                .sequence(sequence)?
                .units(units(p)?)?
                .cell(cell(p)?)
                .dropout(p.number("dropout")?)?
                .stride(stride)?
                .combine(combine)
                .output(activation(p, "output")?)
                .scaling(scaling_of(p)?)
                .training(training(p, 1e-5)?)
                .threshold(threshold(p)?);
            Ok(NetworkConfig::Recurrent(config))
        }),
    }
}

fn units(p: &Parameters<'_>) -> CoreResult<Vec<usize>> {
    let units: Vec<usize> = p.list("units")?;
    let fits = (1..=16).contains(&units.len()) && units.iter().all(|u| (1..=4096).contains(u));
    if fits {
        Ok(units)
    } else {
        Err(p.refused("units"))
    }
}

fn cell(p: &Parameters<'_>) -> CoreResult<Cell> {
    // A detector without the parameter is named after its cell.
    match p.text("cell") {
        "" => Ok(Cell::Gru),
        _ => p.choice("cell", &[("lstm", Cell::Lstm), ("gru", Cell::Gru)]),
    }
}

fn activation(p: &Parameters<'_>, name: &str) -> CoreResult<Activation> {
    let choices = [
        ("linear", Activation::Linear),
        ("relu", Activation::Relu),
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
    ];
    p.choice(name, &choices)
}

fn scaling_of(p: &Parameters<'_>) -> CoreResult<Scaling> {
    let choices = [
        ("standard", Scaling::Standard),
        ("min-max", Scaling::MinMax),
        ("none", Scaling::None),
    ];
    p.choice("scaling", &choices)
}

fn training(p: &Parameters<'_>, least_rate: f64) -> CoreResult<Training> {
    let losses = [
        ("mse", Loss::Mse),
        ("mae", Loss::Mae),
        ("huber", Loss::Huber { delta: 1.0 }),
    ];
    Ok(Training::new()
        .epochs(p.integer("epochs")?)?
        .batch(p.integer("batch_size")?)?
        .learning_rate(p.number("learning_rate")?)?
        .weight_decay(p.number("weight_decay")?)?
        .l2(p.number("l2")?)?
        .loss(p.choice("loss", &losses)?)?
        .validation(p.number("validation")?)?
        .patience(p.integer("patience")?)?
        .reduce_on_plateau(p.integer("reduce_after")?, 0.5, least_rate)?
        .seed(p.parse("seed")?))
}

fn threshold(p: &Parameters<'_>) -> CoreResult<Calibration> {
    let share: f64 = p.number("contamination")?;
    if !(share > 0.0 && share <= 0.5) {
        return Err(p.refused("contamination"));
    }
    let choices = [
        ("contamination", Calibration::Contamination(share)),
        ("spot", Calibration::peaks_over_threshold()),
        ("conformal", Calibration::FalseAlarmRate(share)),
    ];
    let text = p.text("threshold");
    let found = choices.into_iter().find(|(word, _)| *word == text);
    found
        .map(|(_, threshold)| threshold)
        .ok_or_else(|| p.refused("threshold"))
}

/// The points to train on and the share beyond the bound, of a detector that takes points one by
/// one.
pub(super) fn live_parameters(p: &Parameters<'_>) -> CoreResult<(usize, Option<f64>)> {
    let history = p.integer("history")?;
    if !(16..=1 << 20).contains(&history) {
        return Err(p.refused("history"));
    }
    let share: Option<f64> = p.unless("max_alarm_share", "none")?;
    match share {
        Some(share) if !(share > 0.0 && share <= 0.5) => Err(p.refused("max_alarm_share")),
        _ => Ok((history, share)),
    }
}

/// The fewest points that a network with these parameters can be trained on.
pub(super) fn least_history(p: &Parameters<'_>) -> CoreResult<usize> {
    let number = |name: &str, otherwise| match p.text(name) {
        "" => Ok(otherwise),
        _ => p.integer(name),
    };
    let window = number("sequence", 1)? + usize::from(p.name() == "lstm-forecast");
    Ok(window + 15 * number("stride", 1)?)
}

/// What the history is refused for.
pub(super) fn too_short(history: usize, least: usize) -> CoreError {
    CoreError::parameter("history", history, format!("at least {least} here"))
}
