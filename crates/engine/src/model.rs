//! Networks trained ahead of their use: the library side of `bongsu train`, `bongsu detect --model`
//! and `bongsu models`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bongsu_core::ndarray::Axis;
use bongsu_core::{
    Calibrator, Error as CoreError, Result as CoreResult, Rows, Snapshot, Timestamp,
};
use bongsu_neural::{FittedNetwork, History, Progress, Weights};
use bongsu_report::CurvePlot;
use serde::{Deserialize, Serialize};

use crate::detect::Channels;
use crate::fitted::Fitted;
use crate::registry::{self, Input};
use crate::{DetectRequest, DetectedRow, Error, Table};

/// What to train, and on what.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainRequest {
    /// The network's name among the detectors.
    pub model: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Learn only from the first rows.
    pub train_rows: Option<usize>,
    /// Take these weights in place of training; scaler and threshold are still fitted on the rows.
    pub weights: Option<Weights>,
}

impl TrainRequest {
    /// Checks the name and the parameters, before a table is read.
    ///
    /// # Errors
    /// When one is unknown or outside its domain, or the detector is no network.
    pub fn validate(&self) -> Result<(), Error> {
        registry::network(&self.model, &self.parameters).map(drop)
    }
}

/// A trained network in a file: what it judges, and how its scores are read.
///
/// Memory: that of the [`FittedNetwork`] and the names of the channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedModel {
    detector: String,
    /// The parameters that were given.
    parameters: BTreeMap<String, String>,
    channels: Vec<String>,
    /// The rows that it was trained on, holes filled.
    rows: usize,
    /// The first and the last moment of these.
    span: [Timestamp; 2],
    network: FittedNetwork,
    calibrator: Calibrator,
}

impl TrainedModel {
    /// The network's name among the detectors.
    #[must_use]
    pub fn detector(&self) -> &str {
        &self.detector
    }

    /// The parameters that were given; the others had their defaults.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<String, String> {
        &self.parameters
    }

    /// The channels that it judges, in its order.
    #[must_use]
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// How many rows it was fitted on.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The first and the last moment of what it was fitted on.
    #[must_use]
    pub const fn span(&self) -> [Timestamp; 2] {
        self.span
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> &FittedNetwork {
        &self.network
    }

    /// Judges every row of `table`, as [`crate::detect()`] does with the same detector when it is
    /// fitted on the rows that this one was trained on (but for the last of these, which windows
    /// with rows after them may cover here). Of `request` only its parameters common to
    /// all detectors, `raw` and `explain` count.
    ///
    /// # Errors
    /// When a channel that the network judges is not in the table, there are fewer rows than it
    /// looks at together, or a parameter is not common to all detectors.
    pub fn detect(
        &self,
        table: &Table,
        request: &DetectRequest,
    ) -> Result<Vec<DetectedRow>, Error> {
        let mut parameters = request.parameters.clone();
        let filter = registry::take_filter(&mut parameters)?;
        if let Some(name) = parameters.keys().next() {
            return Err(Error::config(format!(
                "`{name}` cannot be set: the model was trained with its parameters"
            )));
        }
        let columns = self.columns(table)?;
        let input = self.input()?;
        let channels = Channels::new(table, &columns, input, request, &filter);
        let fitted = Fitted {
            detector: Box::new(self.network.clone()),
            calibrator: self.calibrator.clone(),
        };
        let mut judged = vec![DetectedRow::default(); table.timestamps.len()];
        for (row, found) in channels.judge_by(&fitted)? {
            if let Some(best) = judged.get_mut(row) {
                best.keep_highest(found, request.raw);
            }
        }
        Ok(judged)
    }

    /// The columns of `table` that hold its channels.
    fn columns(&self, table: &Table) -> Result<Vec<usize>, Error> {
        let place = |name: &String| {
            let place = table.channels.iter().position(|channel| channel == name);
            place.ok_or_else(|| {
                Error::input(format!(
                    "the model judges channel `{name}`, but the input has: {}",
                    table.channels.join(", ")
                ))
            })
        };
        self.channels.iter().map(place).collect()
    }

    fn input(&self) -> Result<Input, Error> {
        Ok(registry::find(&self.detector)?.input)
    }
}

impl Snapshot for TrainedModel {
    const KIND: &'static str = "engine.trained_model";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        registry::network(&self.detector, &self.parameters)
            .map_err(|e| CoreError::snapshot(e.to_string()))?;
        self.network.validate()?;
        self.calibrator.validate()?;
        let features = self.network.scaler().features();
        if self.channels.len() != features {
            let (found, expected) = (self.channels.len(), features);
            return Err(CoreError::shape("number of channels", found, expected));
        }
        Ok(())
    }
}

/// Trains a network on the rows of `table`, or takes the weights that are given, telling `observe` of
/// each batch; when it breaks, training ends and the best weights so far are kept.
///
/// Rows with a missing value, and those that do not move on in time, are left out; to a network of
/// sequences the holes are straight lines.
///
/// # Errors
/// As [`TrainRequest::validate`]; when there are too few rows, training diverges, or the weights are
/// not those of the network.
///
/// ```
/// use std::ops::ControlFlow;
/// use bongsu_engine::{DetectRequest, Table, TrainRequest, train};
/// let mut csv = String::from("timestamp,load,power\n");
/// for i in 0..200 {
///     let load = f64::from(i % 20) / 20.0;
///     csv += &format!("{},{load},{}\n", 60 * i, if i == 150 { 0.0 } else { 2.0 + load });
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let set = [("epochs", "30"), ("units", "8,1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
/// let request = TrainRequest {
///     model: "autoencoder".into(),
///     parameters: set.into(),
///     train_rows: Some(100),
///     ..TrainRequest::default()
/// };
/// let model = train(&table, &request, |_| ControlFlow::Continue(()))?;
/// let rows = model.detect(&table, &DetectRequest::default())?;
/// assert!((0..200).all(|i| i == 150 || rows[i].score < rows[150].score));
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn train(
    table: &Table,
    request: &TrainRequest,
    mut observe: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Result<TrainedModel, Error> {
    let config = registry::network(&request.model, &request.parameters)?;
    let rows = table.timestamps.len();
    if let Some(train) = request.train_rows.filter(|&train| train > rows) {
        return Err(Error::config(format!(
            "--train-rows is {train}, but the input has {rows} rows"
        )));
    }
    let input = registry::find(&request.model)?.input;
    let columns: Vec<usize> = (0..table.channels.len()).collect();
    let detect = DetectRequest {
        train_rows: request.train_rows,
        ..DetectRequest::default()
    };
    let filter = bongsu_core::DeviationFilter::new();
    let channels = Channels::new(table, &columns, input, &detect, &filter);
    let values = channels.learned()?;
    let (network, scores) = match &request.weights {
        Some(weights) => config.with_weights(&values.view(), weights)?,
        None => config.train(&values.view(), &mut observe)?,
    };
    let times = table.timestamps.iter();
    let times = times.take(request.train_rows.unwrap_or(rows)).copied();
    let (first, last) = times.clone().min().zip(times.max()).unwrap_or_default();
    let learned = Rows::untimed(values.view());
    let fitted = Fitted::of(Box::new(network.clone()), &scores, &learned, None)?;
    Ok(TrainedModel {
        detector: request.model.clone(),
        parameters: request.parameters.clone(),
        channels: table.channels.clone(),
        rows: values.len_of(Axis(0)),
        span: [first, last],
        calibrator: fitted.calibrator,
        network,
    })
}

/// The losses of a training over its epochs, with the epoch whose weights were kept.
///
/// # Errors
/// When the parts do not fit together, which would be a defect of this crate.
pub fn loss_plot(model: &str, history: &History) -> Result<CurvePlot, Error> {
    let losses = history.epochs.iter().map(|epoch| epoch.loss).collect();
    let held_back: Option<Vec<f64>> = history.epochs.iter().map(|e| e.validation_loss).collect();
    let mut plot = CurvePlot::new(format!("Training of {model}"), "epoch").line("training", losses);
    if let Some(held_back) = held_back.filter(|losses| !losses.is_empty()) {
        plot = plot.line("held back", held_back);
    }
    if let Some(best) = history.best {
        plot = plot.mark(best + 1, "kept");
    }
    Ok(plot.subtitle("mean loss of the windows"))
}
