//! A forecast model as a detector.

use std::collections::BTreeMap;

use bongsu_core::{
    Error as CoreError, Expectation, Result as CoreResult, Score, Snapshot, StreamDetector,
    Timestamp,
};
use bongsu_forecast::detector::OnlineForecaster;
use bongsu_forecast::{ForecastStream, Model};
use serde::{Deserialize, Serialize};

use super::forecast::ForecastPlan;
use super::parameter::{Parameters, parameter};
use super::{DetectorSpec, Input, Method, StreamState};

/// How the parameters of the model begin.
const MODEL: &str = "model.";

/// The detector that judges by forecasts.
pub(super) const FORECASTER: &[DetectorSpec] = &[DetectorSpec {
    name: "forecast",
    summary: "Any forecast model: distance of a value from its forecast, in halves of the forecast's band.",
    parameters: &[
        parameter(
            "model",
            "auto-ets",
            "a forecast model",
            "the model, see `bongsu forecast --list`; its own parameters are set as `model.NAME`, such as `model.period=24`",
        ),
        parameter(
            "level",
            "95",
            "(0, 100)",
            "the coverage of the forecast's band in percent",
        ),
        parameter(
            "threshold",
            "2",
            "finite, above 0",
            "half-bands from the forecast at the bound",
        ),
        parameter(
            "calibrate",
            "none",
            "none or in [0, 1]",
            "`none` takes the band from the model; a number makes it hold the latest errors (conformal), and adapts its coverage by so much an error",
        ),
        parameter(
            "patience",
            "5",
            "0 to 10000",
            "anomalous points in a row on one side that make a new level; with 0 the model learns from anomalous points as from any other",
        ),
        parameter(
            "initial",
            "100",
            "2 to 2016",
            "points before the first fit, at most `window`",
        ),
        parameter(
            "refit",
            "200",
            "1 to 16777216",
            "points from one fit to the next, in which the model is updated; early on it is fitted again whenever the points have grown by a quarter",
        ),
        parameter(
            "window",
            "2016",
            "100 to 16777216",
            "the latest points that a fit takes, at least `initial`",
        ),
    ],
    classic: &[],
    input: Input::Column,
    inner: Some(MODEL),
    method: Method::Stream(|p| {
        let detector = ForecasterStream::new(p)?;
        Ok(StreamState::Forecaster(Box::new(detector)))
    }),
}];

/// A forecast model that judges point by point, the season found anew at every fit where it is not
/// given; see [`OnlineForecaster`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForecasterStream {
    model: String,
    parameters: BTreeMap<String, String>,
    stream: ForecastStream,
    /// Whether a failure was said aloud since a fit worked.
    told: bool,
}

impl ForecasterStream {
    fn new(p: &Parameters<'_>) -> CoreResult<Self> {
        let (model, parameters) = (p.text("model").to_owned(), p.inner(MODEL));
        let plan = plan(&model, &parameters)?;
        if !plan.spec().intervals {
            return Err(CoreError::parameter(
                "model",
                format!("`{model}`"),
                "a forecast model that gives intervals",
            ));
        }
        plan.check_alone().map_err(|e| said(&e))?;
        // Any season will do until there are values.
        let any = plan.model(&[2]).map_err(|e| said(&e))?.into_model();
        let level: f64 = p.number("level")?;
        if !(level > 0.0 && level < 100.0) {
            return Err(p.refused("level"));
        }
        let [initial, window] = [p.integer("initial")?, p.integer("window")?];
        if initial > window {
            return Err(CoreError::parameter("initial", initial, "at most `window`"));
        }
        let stream = OnlineForecaster::new(any)
            .window(window)?
            .initial(initial)?
            .refit(p.integer("refit")?)?
            .level(level / 100.0)?
            .threshold(p.number("threshold")?)?
            .adaptive(p.unless("calibrate", "none")?)?
            .patience(p.parse("patience")?)?
            .build()?;
        Ok(Self {
            model,
            parameters,
            stream,
            told: false,
        })
    }
}

impl ForecasterStream {
    /// Fits on the newest of `values` at `times` that fit into the window, and never again by itself.
    pub(super) fn fit_on(&mut self, times: &[Timestamp], values: &[f64]) -> CoreResult<()> {
        self.reset();
        let kept = self.stream.fit_first_after(times.len());
        self.stream.keep_first_fit();
        let from = times.len().saturating_sub(kept);
        for (time, value) in times.iter().zip(values).skip(from) {
            self.set_time(*time);
            self.learn(&[*value])?;
        }
        match self.stream.failure() {
            Some(failure) => Err(CoreError::input(failure)),
            None => Ok(()),
        }
    }
}

fn plan<'a>(model: &str, parameters: &'a BTreeMap<String, String>) -> CoreResult<ForecastPlan<'a>> {
    ForecastPlan::new(model, parameters).map_err(|e| said(&e))
}

fn said(error: &crate::Error) -> CoreError {
    CoreError::input(error.to_string())
}

/// The model for these values.
fn choose(plan: &ForecastPlan<'_>, values: &[f64]) -> CoreResult<Model> {
    let seasons = plan.seasons(values, None).map_err(|e| said(&e))?;
    Ok(plan.model(&seasons).map_err(|e| said(&e))?.into_model())
}

impl StreamDetector for ForecasterStream {
    fn score(&self, x: &[f64]) -> CoreResult<Score> {
        self.stream.score(x)
    }

    fn learn(&mut self, x: &[f64]) -> CoreResult<()> {
        let (name, parameters) = (&self.model, &self.parameters);
        self.stream
            .learn_with(x, &|values| choose(&plan(name, parameters)?, values))?;
        match self.stream.failure() {
            // Said aloud once, and again when a later fit fails after one that worked.
            Some(error) if !self.told => {
                tracing::warn!(model = name, error, "not fitted; tried again later");
                self.told = true;
            }
            Some(_) => {}
            None => self.told = false,
        }
        Ok(())
    }

    fn expectation(&self) -> Option<Expectation> {
        self.stream.expectation()
    }

    fn threshold(&self) -> Option<f64> {
        self.stream.threshold()
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        self.stream.set_time(timestamp);
    }

    fn heap_bytes(&self) -> usize {
        self.stream.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.stream.seen()
    }

    fn reset(&mut self) {
        self.stream.reset();
        self.told = false;
    }
}

impl Snapshot for ForecasterStream {
    const KIND: &'static str = "engine.forecaster";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        plan(&self.model, &self.parameters)?;
        Snapshot::validate(&self.stream)
    }
}
