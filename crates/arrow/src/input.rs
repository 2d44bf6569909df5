use std::iter;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::{CastOptions, cast, cast_with_options};
use arrow_ord::partition::partition;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use crate::{Error, Job};

/// Where the columns of a job lie in a stream.
pub(crate) struct Columns {
    series: Vec<usize>,
    time: usize,
    values: Vec<usize>,
}

/// The columns of a job in one batch.
pub(crate) struct Part {
    pub(crate) series: Vec<ArrayRef>,
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<Vec<f64>>,
}

impl Part {
    /// The runs of rows that are of one series.
    ///
    /// # Errors
    /// When columns cannot be compared.
    pub(crate) fn ranges(&self) -> Result<Vec<Range<usize>>, Error> {
        if self.times.is_empty() {
            return Ok(Vec::new());
        }
        if self.series.is_empty() {
            return Ok(iter::once(0..self.times.len()).collect());
        }
        let found = partition(&self.series).map_err(Error::input)?;
        Ok(found.ranges())
    }
}

impl Columns {
    /// # Errors
    /// When a column is not there, is there twice, or is of a type that it cannot have.
    pub(crate) fn new(job: &Job, schema: &Schema) -> Result<Self, Error> {
        let find = |name: &String, good: fn(&DataType) -> bool, must: &str| {
            let found = schema.fields().iter().enumerate();
            let mut found = found.filter(|(_, field)| field.name() == name);
            let Some((place, field)) = found.next() else {
                let names = schema.fields().iter().map(|field| field.name().as_str());
                let names: Vec<&str> = names.collect();
                let names = names.join(", ");
                return Err(Error::input(format!(
                    "there is no column `{name}`; there are: {names}"
                )));
            };
            if found.next().is_some() {
                return Err(Error::input(format!("column `{name}` is there twice")));
            }
            if !good(field.data_type()) {
                let found = field.data_type();
                return Err(Error::input(format!(
                    "column `{name}` is {found}, but must be {must}"
                )));
            }
            Ok(place)
        };
        let names = job.series.iter();
        let values = job.values.iter();
        Ok(Self {
            series: names
                .map(|name| find(name, names_series, "text or integers"))
                .collect::<Result<_, _>>()?,
            time: find(
                &job.time,
                is_time,
                "a timestamp, a date or integers of milliseconds",
            )?,
            values: values
                .map(|name| find(name, is_value, "numbers or true and false"))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The types of the columns that name the series, with their names.
    pub(crate) fn series_of(&self, schema: &Schema) -> Vec<Field> {
        let fields = self.series.iter().map(|&place| schema.field(place));
        fields
            .map(|field| Field::new(field.name(), plain(field.data_type()).clone(), true))
            .collect()
    }

    /// # Errors
    /// When a time is null, or a number cannot be one of the type that it is taken for.
    pub(crate) fn read(&self, job: &Job, batch: &RecordBatch) -> Result<Part, Error> {
        let time = self.millis(job, batch)?;
        if let Some(row) = (0..time.len()).find(|&row| time.is_null(row)) {
            return Err(Error::input(format!(
                "column `{}` is null in row {row} of a batch, but every row must have a time",
                job.time
            )));
        }
        let values = self.values.iter().zip(&job.values);
        Ok(Part {
            series: self
                .series
                .iter()
                .map(|&place| unpacked(batch.column(place)))
                .collect::<Result<_, _>>()?,
            times: time
                .as_primitive::<TimestampMillisecondType>()
                .values()
                .to_vec(),
            values: values
                .map(|(&place, name)| numbers(batch.column(place), name))
                .collect::<Result<_, _>>()?,
        })
    }

    fn millis(&self, job: &Job, batch: &RecordBatch) -> Result<ArrayRef, Error> {
        let column = batch.column(self.time);
        // Integers go through 64 bits: narrower ones cannot be cast to a time.
        let column = if column.data_type().is_integer() {
            strict(column, &DataType::Int64, &job.time)?
        } else {
            Arc::clone(column)
        };
        let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
        strict(&column, &millis, &job.time)
    }
}

fn names_series(kind: &DataType) -> bool {
    let kind = plain(kind);
    kind.is_integer() || kind.is_string()
}

fn is_time(kind: &DataType) -> bool {
    use DataType::{Date32, Date64, Timestamp};
    kind.is_integer() || matches!(kind, Timestamp(..) | Date32 | Date64)
}

fn is_value(kind: &DataType) -> bool {
    kind.is_numeric() || *kind == DataType::Boolean
}

/// The type of the values of a dictionary, as those of pandas' categories are, and any other itself.
fn plain(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

/// The values of a dictionary one by one: equal ones of two batches may have other places in theirs.
fn unpacked(column: &ArrayRef) -> Result<ArrayRef, Error> {
    match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values).map_err(Error::input),
        _ => Ok(Arc::clone(column)),
    }
}

fn numbers(column: &ArrayRef, name: &str) -> Result<Vec<f64>, Error> {
    let column = strict(column, &DataType::Float64, name)?;
    let values = column.as_primitive::<Float64Type>().iter();
    Ok(values.map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// A cast that refuses what does not fit rather than make it null.
fn strict(column: &ArrayRef, kind: &DataType, name: &str) -> Result<ArrayRef, Error> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, kind, &options)
        .map_err(|e| Error::input(format!("column `{name}`: {e}")))
}
