use std::collections::BTreeMap;

use bongsu_engine::{CapacityRequest, DetectRequest, ForecastTask};
use serde::Deserialize;

use crate::Error;

/// What the worker does with every series of a stream.
///
/// ```
/// use bongsu_arrow::Job;
/// let job = Job::parse("task: detect\ndetector: robust-z\nparameters: {threshold: 4}")?;
/// assert_eq!((job.series[0].as_str(), job.time.as_str()), ("series", "ts"));
/// assert!(Job::parse("task: detect\ndetector: robust-y").is_err());
/// # Ok::<(), bongsu_arrow::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What is done.
    pub task: Task,
    /// The columns that tell the series apart: text or integers. Rows of a series must be
    /// neighbours. Default: `[series]`.
    #[serde(default = "series")]
    pub series: Vec<String>,
    /// The column of the time: a timestamp of any unit without regard to its zone, or an integer of
    /// milliseconds. Default: `ts`.
    #[serde(default = "time")]
    pub time: String,
    /// The columns of the values: any numbers; null and NaN are missing. Default: `[value]`.
    #[serde(default = "values")]
    pub values: Vec<String>,
    /// The detector of `detect`.
    pub detector: Option<String>,
    /// The model of `forecast`.
    pub model: Option<String>,
    /// The parameters of the detector or of the model.
    #[serde(default)]
    pub parameters: BTreeMap<String, Scalar>,
    /// The rows of each series that `detect` learns from; without it all.
    pub train_rows: Option<usize>,
    /// Whether `detect` gives raw scores.
    #[serde(default)]
    pub raw: bool,
    /// The steps of `forecast`. Domain: 1 to 1048576.
    pub horizon: Option<usize>,
    /// The level of the interval of `forecast`, in percent.
    pub level: Option<f64>,
    /// The bound of `exhaustion`.
    pub threshold: Option<f64>,
    /// What becomes of a series that cannot be done. Default: `stop`.
    #[serde(default)]
    pub errors: OnError,
    /// The most rows of one series; it bounds the memory. Default: 4194304.
    #[serde(default = "most_rows")]
    pub most_rows: usize,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Judges every row.
    Detect,
    /// Continues every series.
    Forecast,
    /// Describes every series in numbers.
    Features,
    /// Says when every series reaches a threshold.
    Exhaustion,
}

/// What becomes of a series that cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The worker ends with an error that names the series.
    #[default]
    Stop,
    /// It has one row with the message in the column `error`, and the next series follows.
    Rows,
}

/// A value of a parameter, as YAML writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A text.
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

fn series() -> Vec<String> {
    vec!["series".into()]
}

fn time() -> String {
    "ts".into()
}

fn values() -> Vec<String> {
    vec!["value".into()]
}

const fn most_rows() -> usize {
    1 << 22
}

impl Job {
    /// Reads a job in YAML and checks it.
    ///
    /// # Errors
    /// When a key is unknown or missing, and as [`Job::validate`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let job: Self = serde_saphyr::from_str(text).map_err(|e| Error::job(e.to_string()))?;
        job.validate()?;
        Ok(job)
    }

    /// Checks what can be checked before rows are read.
    ///
    /// # Errors
    /// When a detector, a model or a parameter is unknown or outside its domain, a key of another
    /// task is given, or a column is named twice.
    pub fn validate(&self) -> Result<(), Error> {
        let task = self.task;
        for (key, given, owner) in [
            ("detector", self.detector.is_some(), Task::Detect),
            ("train_rows", self.train_rows.is_some(), Task::Detect),
            ("raw", self.raw, Task::Detect),
            ("model", self.model.is_some(), Task::Forecast),
            ("horizon", self.horizon.is_some(), Task::Forecast),
            ("level", self.level.is_some(), Task::Forecast),
            ("threshold", self.threshold.is_some(), Task::Exhaustion),
        ] {
            if given && task != owner {
                return Err(Error::job(format!(
                    "`{key}` belongs to the task {owner:?}, but the task is {task:?}"
                )));
            }
        }
        let takes_parameters = matches!(task, Task::Detect | Task::Forecast);
        if !(takes_parameters || self.parameters.is_empty()) {
            return Err(Error::job(format!("the task {task:?} takes no parameters")));
        }
        let mut columns = self.columns();
        columns.sort_unstable();
        if let Some([name, _]) = columns.array_windows().find(|[a, b]| a == b) {
            return Err(Error::job(format!("column `{name}` is named twice")));
        }
        if self.values.is_empty() {
            return Err(Error::job("`values` names no column".into()));
        }
        if task != Task::Detect && self.values.len() > 1 {
            return Err(Error::job(format!(
                "the task {task:?} takes one column of values"
            )));
        }
        if self.most_rows == 0 {
            return Err(Error::job(
                "`most_rows` is 0, but must be at least 1".into(),
            ));
        }
        match task {
            Task::Detect => self.detection()?.validate()?,
            Task::Forecast => self.forecast()?.validate()?,
            Task::Features => {}
            Task::Exhaustion => {
                if !self.threshold.is_some_and(f64::is_finite) {
                    return Err(Error::job(
                        "the task Exhaustion needs a finite `threshold`".into(),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The columns that it reads: those of the series, the time, the values.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        let series = self.series.iter().chain([&self.time]).chain(&self.values);
        series.map(String::as_str).collect()
    }

    fn texts(&self) -> BTreeMap<String, String> {
        let pairs = self.parameters.iter();
        pairs
            .map(|(name, v)| (name.clone(), v.to_string()))
            .collect()
    }

    pub(crate) fn detection(&self) -> Result<DetectRequest, Error> {
        let missing = || Error::job("the task Detect needs `detector`".into());
        Ok(DetectRequest {
            detector: self.detector.clone().ok_or_else(missing)?,
            parameters: self.texts(),
            train_rows: self.train_rows,
            raw: self.raw,
            explain: false,
        })
    }

    pub(crate) fn forecast(&self) -> Result<ForecastTask, Error> {
        let missing = |key| Error::job(format!("the task Forecast needs `{key}`"));
        Ok(ForecastTask {
            model: self.model.clone().ok_or_else(|| missing("model"))?,
            parameters: self.texts(),
            horizon: self.horizon.ok_or_else(|| missing("horizon"))?,
            levels: Some(self.level.into_iter().collect()),
            ..ForecastTask::default()
        })
    }

    pub(crate) fn exhaustion(&self) -> Result<CapacityRequest, Error> {
        let mut request = CapacityRequest::new()?;
        request.threshold = self.threshold;
        Ok(request)
    }
}
