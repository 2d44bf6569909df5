//! Window functions that judge the rows of a partition.

use std::sync::Arc;

use bongsu_core::Timestamp;
use bongsu_core::ndarray::Array2;
use bongsu_engine::stream::{Skipped, StreamRequest, StreamSession};
use bongsu_engine::{DetectRequest, DetectedRow, Table, TimeUnit, detect};
use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{PartitionEvaluator, Signature, Volatility, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;

use crate::arguments::{self, number_at, numbers, time_at, times};
use crate::error::{failed, planned};

/// What a function gives for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Gives {
    Score,
    /// The value less what is expected.
    Residual,
    /// Score, flag and band.
    All,
}

/// A window function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// Its name in the registry; without it the query says which.
    detector: Option<&'static str>,
    gives: Gives,
    /// Whether the time of day counts.
    needs_time: bool,
}

const fn score(name: &'static str, detector: &'static str) -> Spec {
    Spec {
        name,
        detector: Some(detector),
        gives: Gives::Score,
        needs_time: false,
    }
}

static SPECS: [Spec; 10] = [
    score("zscore", "zscore"),
    score("robust_z", "robust-z"),
    score("ewma_score", "ewma"),
    Spec {
        needs_time: true,
        ..score("seasonal_score", "seasonal-profile")
    },
    score("hst_score", "hst"),
    score("spectral_residual", "spectral-residual"),
    score("matrix_profile", "matrix-profile"),
    score("auto_score", "auto"),
    Spec {
        gives: Gives::Residual,
        ..score("stl_resid", "stl")
    },
    Spec {
        name: "detect",
        detector: None,
        gives: Gives::All,
        needs_time: true,
    },
];

impl Spec {
    fn usage(&self) -> String {
        let name = self.name;
        match self.detector {
            None => format!("{name}(ts, value, 'detector' [, 'parameter=value, ...'])"),
            Some(_) if self.needs_time => format!("{name}(ts, value [, 'parameter=value, ...'])"),
            Some(_) => format!("{name}([ts,] value [, 'parameter=value, ...'])"),
        }
    }

    /// The fewest and the most texts at the end of its arguments.
    const fn texts(&self) -> (usize, usize) {
        match self.detector {
            None => (1, 2),
            Some(_) => (0, 1),
        }
    }
}

/// How arguments of a window function are taken: perhaps a time, a value, and texts.
///
/// # Errors
/// When they are others.
pub(crate) fn coerced(
    name: &str,
    usage: &str,
    needs_time: bool,
    texts: (usize, usize),
    given: &[DataType],
) -> Result<Vec<DataType>> {
    let split = given.iter().position(DataType::is_string);
    let (columns, written) = given.split_at(split.unwrap_or(given.len()));
    let wrong = || {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let given = given.join(", ");
        planned(name, format!("write {usage}; it was given ({given})"))
    };
    // A text where the value should be is no list of parameters.
    let value_is_text = match columns {
        [] => true,
        [only] => needs_time || arguments::value_type(name, only).is_err(),
        _ => false,
    };
    if let Some(kind) = written.first().filter(|_| value_is_text) {
        return Err(planned(
            name,
            format!("the value is {kind}, but must be a number: write {usage}"),
        ));
    }
    if !(texts.0..=texts.1).contains(&written.len()) || !written.iter().all(DataType::is_string) {
        return Err(wrong());
    }
    let mut kinds = match columns {
        [value] if !needs_time => vec![arguments::value_type(name, value)?],
        [time, value] => vec![
            arguments::time_type(name, time)?,
            arguments::value_type(name, value)?,
        ],
        _ => return Err(wrong()),
    };
    kinds.extend(written.iter().map(|_| DataType::Utf8));
    Ok(kinds)
}

/// The columns among the arguments: what is not text.
pub(crate) fn columns(given: &ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>> {
    let pairs = given.input_exprs().iter().zip(given.input_fields());
    let columns = pairs.filter(|(_, field)| !field.data_type().is_string());
    columns.map(|(column, _)| Arc::clone(column)).collect()
}

/// The texts among the arguments.
///
/// # Errors
/// When one is not written out in the query.
pub(crate) fn texts(name: &str, given: &PartitionEvaluatorArgs<'_>) -> Result<Vec<String>> {
    let fields = given.input_fields().iter().enumerate();
    let places = fields.filter(|(_, field)| field.data_type().is_string());
    places
        .map(|(place, _)| {
            let found = arguments::literal(name, "the text", given.input_exprs(), place)?;
            let text = found.as_ref().and_then(ScalarValue::try_as_str).flatten();
            Ok(text.unwrap_or_default().to_owned())
        })
        .collect()
}

/// A window function over a detector of the registry.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scores {
    spec: &'static Spec,
    signature: Signature,
}

impl Scores {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        SPECS.iter().map(|spec| Self {
            spec,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }

    pub(crate) const fn spec(&self) -> &'static Spec {
        self.spec
    }
}

impl WindowUDFImpl for Scores {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Spec {
            name, needs_time, ..
        } = *self.spec;
        coerced(
            name,
            &self.spec.usage(),
            needs_time,
            self.spec.texts(),
            given,
        )
    }

    fn expressions(&self, given: ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>> {
        columns(&given)
    }

    fn field(&self, given: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(given.name(), self.spec.kind(), true)))
    }

    fn partition_evaluator(
        &self,
        given: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Judge::new(self.spec, &given)?))
    }
}

/// The columns of a row that is told whole.
fn row_fields() -> Fields {
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    Fields::from(vec![
        number("score"),
        Field::new("anomalous", DataType::Boolean, true),
        number("expected"),
        number("lower"),
        number("upper"),
    ])
}

impl Spec {
    fn kind(&self) -> DataType {
        match self.gives {
            Gives::Score | Gives::Residual => DataType::Float64,
            Gives::All => DataType::Struct(row_fields()),
        }
    }

    /// What it gives of rows with these values.
    fn column(&self, rows: &[DetectedRow], values: &[f64]) -> Result<ArrayRef> {
        let band = |part: fn(&bongsu_core::Expectation) -> f64| -> ArrayRef {
            let bands = rows.iter().map(|row| row.expectation.as_ref().map(part));
            Arc::new(bands.collect::<Float64Array>())
        };
        let scores = || -> ArrayRef {
            let scores = rows.iter().map(|row| row.score);
            Arc::new(scores.collect::<Float64Array>())
        };
        Ok(match self.gives {
            Gives::Score => scores(),
            Gives::Residual => {
                let rows = rows.iter().zip(values);
                let rest = rows.map(|(row, value)| {
                    let band = row.expectation.as_ref();
                    let rest = band.map(|band| value - band.expected);
                    rest.filter(|rest| rest.is_finite())
                });
                Arc::new(rest.collect::<Float64Array>())
            }
            Gives::All => {
                let flags = rows.iter().map(|row| Some(row.anomalous));
                let columns: Vec<ArrayRef> = vec![
                    scores(),
                    Arc::new(flags.collect::<BooleanArray>()),
                    band(|band| band.expected),
                    band(|band| band.lower),
                    band(|band| band.upper),
                ];
                Arc::new(StructArray::try_new(row_fields(), columns, None)?)
            }
        })
    }
}

/// How a partition is judged.
#[derive(Debug)]
enum By {
    /// Row by row.
    Rows(Box<StreamSession>),
    /// All at once.
    All,
}

/// Judges the rows of one partition.
#[derive(Debug)]
struct Judge {
    spec: &'static Spec,
    request: DetectRequest,
    by: By,
    has_time: bool,
    null_on_error: bool,
    /// The rows that were judged.
    rows: i64,
}

impl Judge {
    fn new(spec: &'static Spec, given: &PartitionEvaluatorArgs<'_>) -> Result<Self> {
        let name = spec.name;
        let mut texts = texts(name, given)?.into_iter();
        let detector = match spec.detector {
            Some(detector) => detector.to_owned(),
            None => texts.next().unwrap_or_default(),
        };
        let mut parameters = arguments::parameters(name, &texts.next().unwrap_or_default())?;
        let null_on_error = arguments::null_on_error(name, &mut parameters)?;
        let refused = |e: bongsu_engine::Error| planned(name, e);
        let request = DetectRequest {
            detector: detector.clone(),
            parameters: parameters.clone(),
            ..DetectRequest::default()
        };
        let by = if request.is_point_by_point().map_err(refused)? {
            let stream = StreamRequest {
                detector,
                parameters,
                ..StreamRequest::default()
            };
            let session = StreamSession::new(&stream, vec!["value".into()]);
            By::Rows(Box::new(session.map_err(refused)?))
        } else {
            By::All
        };
        let fields = given.input_fields().iter();
        let columns = fields.filter(|field| !field.data_type().is_string());
        Ok(Self {
            spec,
            request,
            by,
            has_time: columns.count() > 1,
            null_on_error,
            rows: 0,
        })
    }

    fn failed(&self, reason: impl std::fmt::Display) -> DataFusionError {
        failed(self.spec.name, reason)
    }

    /// The time of a row of a partition without times: a minute after the one before.
    fn invented(&mut self) -> i64 {
        self.rows += 1;
        60_000 * self.rows
    }

    fn push(&mut self, time: i64, value: f64) -> Result<DetectedRow> {
        let name = self.spec.name;
        let By::Rows(session) = &mut self.by else {
            return Ok(DetectedRow::default());
        };
        match session.push(Timestamp::from_millis(time), &[value]) {
            Ok(row) => Ok(row),
            Err(Skipped::Missing) => Ok(DetectedRow::default()),
            Err(Skipped::Late) => Err(failed(name, unordered(time))),
            Err(_) if self.null_on_error => Ok(DetectedRow::default()),
            Err(Skipped::Refused(e)) => Err(self.failed(format!("at {time} ms: {e}"))),
            Err(other) => Err(self.failed(format!("at {time} ms: {other:?}"))),
        }
    }

    fn judge_all(&self, times: Vec<i64>, values: Vec<f64>) -> Result<Vec<DetectedRow>> {
        if let Some([_, late]) = times.array_windows().find(|[a, b]| a >= b) {
            return Err(self.failed(unordered(*late)));
        }
        let rows = values.len();
        let begin = times.first().copied();
        let table = table(times, values).map_err(|e| self.failed(e))?;
        match detect(&table, &self.request) {
            Ok(found) => Ok(found),
            Err(_) if self.null_on_error => Ok(vec![DetectedRow::default(); rows]),
            Err(e) if self.has_time => Err(self.failed(format!(
                "the partition of {rows} rows that begins at {} ms: {e}; with 'errors=null' its rows are NULL",
                begin.unwrap_or_default()
            ))),
            Err(e) => Err(self.failed(format!(
                "a partition of {rows} rows: {e}; with 'errors=null' its rows are NULL"
            ))),
        }
    }
}

/// A table of one channel.
pub(crate) fn table(times: Vec<i64>, values: Vec<f64>) -> bongsu_core::Result<Table> {
    let rows = values.len();
    let values = Array2::from_shape_vec((rows, 1), values)
        .map_err(|_| bongsu_core::Error::shape("values", rows, times.len()))?;
    Ok(Table {
        timestamp_texts: Vec::new(),
        timestamps: times.into_iter().map(Timestamp::from_millis).collect(),
        unit: TimeUnit::Milliseconds,
        channels: vec!["value".into()],
        values,
        late_rows: Vec::new(),
    })
}

pub(crate) fn unordered(time: i64) -> String {
    format!(
        "the time {time} ms is not after that of the row before: order rows by time and keep one of \
         each, as in OVER (PARTITION BY series ORDER BY ts)"
    )
}

impl PartitionEvaluator for Judge {
    fn evaluate_all(&mut self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let Some(value) = columns.last() else {
            return Err(self.failed("there is no column"));
        };
        let values = numbers(value)?;
        let moments = match columns {
            [time, _] => times(self.spec.name, time)?,
            _ => (0..rows).map(|_| self.invented()).collect(),
        };
        let found = if matches!(self.by, By::Rows(_)) {
            let pairs = moments.iter().zip(&values);
            pairs
                .map(|(&time, &value)| self.push(time, value))
                .collect::<Result<Vec<_>>>()?
        } else {
            self.judge_all(moments, values.clone())?
        };
        self.spec.column(&found, &values)
    }

    fn evaluate(
        &mut self,
        columns: &[ArrayRef],
        range: &std::ops::Range<usize>,
    ) -> Result<ScalarValue> {
        let time = match columns {
            [time, _] => time_at(self.spec.name, time, range.start)?,
            _ => self.invented(),
        };
        let value = columns
            .last()
            .map_or(f64::NAN, |column| number_at(column, range.start));
        let row = self.push(time, value)?;
        match self.spec.gives {
            Gives::Score => Ok(ScalarValue::Float64(row.score)),
            Gives::Residual | Gives::All => {
                ScalarValue::try_from_array(&self.spec.column(&[row], &[value])?, 0)
            }
        }
    }

    fn is_causal(&self) -> bool {
        matches!(self.by, By::Rows(_))
    }

    fn supports_bounded_execution(&self) -> bool {
        matches!(self.by, By::Rows(_))
    }
}
