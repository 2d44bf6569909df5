use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, StringBuilder};
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMillisecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use arrow_select::concat::concat;
use arrow_select::take::take;
use bongsu_engine::{Table, detect, forecast, plan_capacity};
use bongsu_ml::WindowFeatures;

use crate::{Error, Job, Task};

/// What was found of a series, column by column.
pub(crate) struct Found {
    rows: usize,
    times: Option<Vec<i64>>,
    text: Option<String>,
    flags: Option<Vec<bool>>,
    numbers: Vec<Vec<Option<f64>>>,
}

/// Does the job on a series; an error is what is to be told of it.
pub(crate) fn results(job: &Job, table: &Table) -> Result<Found, String> {
    let told = |e: bongsu_engine::Error| e.to_string();
    let asked = |e: Error| e.to_string();
    match job.task {
        Task::Detect => detected(table, &job.detection().map_err(asked)?).map_err(told),
        Task::Forecast => {
            let found = forecast(table, &job.forecast().map_err(asked)?).map_err(told)?;
            let found = found.forecast;
            let rows = found.mean.len();
            let bounds = found.intervals.into_iter().next();
            let (lower, upper) = bounds.map_or_else(
                || (vec![None; rows], vec![None; rows]),
                |band| (some(band.lower), some(band.upper)),
            );
            let times = found.timestamps.iter().map(|time| time.as_millis());
            Ok(Found {
                rows,
                times: Some(times.collect()),
                text: None,
                flags: None,
                numbers: vec![some(found.mean), lower, upper],
            })
        }
        Task::Features => features(table).map_err(|e| e.to_string()),
        Task::Exhaustion => {
            let request = job.exhaustion().map_err(asked)?;
            let found = plan_capacity(table, &request).map_err(told)?;
            let plan = found.report.resources.first();
            let outlook = plan.ok_or("nothing was planned")?.outlook;
            let numbers = [
                outlook.days_left,
                outlook.days_left_lower,
                outlook.days_left_upper,
                Some(outlook.probability),
            ];
            Ok(Found {
                rows: 1,
                times: None,
                text: Some(outlook.status.name().to_owned()),
                flags: None,
                numbers: numbers.map(|number| vec![number]).to_vec(),
            })
        }
    }
}

fn some(values: Vec<f64>) -> Vec<Option<f64>> {
    let finite = |value: f64| Some(value).filter(|value| !value.is_nan());
    values.into_iter().map(finite).collect()
}

fn detected(
    table: &Table,
    request: &bongsu_engine::DetectRequest,
) -> Result<Found, bongsu_engine::Error> {
    let rows = detect(table, request)?;
    let band = |part: fn(&bongsu_core::Expectation) -> f64| {
        let bands = rows.iter().map(|row| row.expectation.as_ref());
        bands.map(|band| band.map(part)).collect()
    };
    Ok(Found {
        rows: rows.len(),
        times: Some(table.timestamps.iter().map(|t| t.as_millis()).collect()),
        text: None,
        flags: Some(rows.iter().map(|row| row.anomalous).collect()),
        numbers: vec![
            rows.iter().map(|row| row.score).collect(),
            band(|band| band.expected),
            band(|band| band.lower),
            band(|band| band.upper),
        ],
    })
}

/// The features of the whole series as one window.
fn features(table: &Table) -> bongsu_core::Result<Found> {
    let values: Vec<f64> = table.values.iter().copied().collect();
    let extractor = WindowFeatures::new().window(values.len())?;
    let extractor = extractor.stride(values.len())?;
    let found = extractor.extract(&values)?;
    Ok(Found {
        rows: found.nrows(),
        times: None,
        text: None,
        flags: None,
        numbers: found
            .columns()
            .into_iter()
            .map(|column| some(column.to_vec()))
            .collect(),
    })
}

/// The results that are not written yet.
pub(crate) struct Rows {
    schema: Arc<Schema>,
    series: Vec<Vec<ArrayRef>>,
    /// How many rows each series has.
    lengths: Vec<usize>,
    times: Option<Vec<Option<i64>>>,
    texts: Option<StringBuilder>,
    flags: Option<BooleanBuilder>,
    numbers: Vec<Float64Builder>,
    errors: StringBuilder,
    count: usize,
}

impl Rows {
    pub(crate) fn new(job: &Job, series: Vec<Field>) -> Self {
        let number = |name: &str| Field::new(name, DataType::Float64, true);
        let kind = DataType::Timestamp(TimeUnit::Millisecond, None);
        let time = Field::new("ts", kind, true);
        let flag = Field::new("anomalous", DataType::Boolean, true);
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let (before, numbers): (Vec<Field>, Vec<&str>) = match job.task {
            Task::Detect => (
                vec![time, flag],
                vec!["score", "expected", "lower", "upper"],
            ),
            Task::Forecast => (vec![time], vec!["mean", "lower", "upper"]),
            Task::Features => (Vec::new(), WindowFeatures::NAMES.to_vec()),
            Task::Exhaustion => (
                vec![text("status")],
                vec![
                    "days_left",
                    "days_left_lower",
                    "days_left_upper",
                    "probability",
                ],
            ),
        };
        let has = |name: &str| before.iter().any(|field| field.name() == name);
        let (times, texts, flags) = (has("ts"), has("status"), has("anomalous"));
        let keys = series.len();
        let count = numbers.len();
        let fields = series.into_iter().chain(before);
        let fields = fields.chain(numbers.into_iter().map(number));
        let fields: Vec<Field> = fields.chain([text("error")]).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            series: vec![Vec::new(); keys],
            lengths: Vec::new(),
            times: times.then(Vec::new),
            texts: texts.then(StringBuilder::new),
            flags: flags.then(BooleanBuilder::new),
            numbers: (0..count).map(|_| Float64Builder::new()).collect(),
            errors: StringBuilder::new(),
            count: 0,
        }
    }

    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    fn begin(&mut self, key: &[ArrayRef], rows: usize) {
        for (column, key) in self.series.iter_mut().zip(key) {
            column.push(Arc::clone(key));
        }
        self.lengths.push(rows);
        self.count += rows;
    }

    pub(crate) fn push(&mut self, key: &[ArrayRef], found: Found) {
        self.begin(key, found.rows);
        if let (Some(all), Some(times)) = (&mut self.times, found.times) {
            all.extend(times.into_iter().map(Some));
        }
        if let (Some(all), Some(text)) = (&mut self.texts, found.text) {
            all.append_value(text);
        }
        if let (Some(all), Some(flags)) = (&mut self.flags, found.flags) {
            all.append_slice(&flags);
        }
        for (all, numbers) in self.numbers.iter_mut().zip(found.numbers) {
            all.extend(numbers);
        }
        self.errors.append_nulls(found.rows);
    }

    pub(crate) fn push_error(&mut self, key: &[ArrayRef], reason: String) {
        self.begin(key, 1);
        if let Some(all) = &mut self.times {
            all.push(None);
        }
        if let Some(all) = &mut self.texts {
            all.append_null();
        }
        if let Some(all) = &mut self.flags {
            all.append_null();
        }
        for all in &mut self.numbers {
            all.append_null();
        }
        self.errors.append_value(reason);
    }

    /// What there is, as a batch.
    pub(crate) fn take(&mut self) -> Result<RecordBatch, Error> {
        let lengths = std::mem::take(&mut self.lengths);
        let places = lengths.iter().zip(0_u64..);
        let places = places.flat_map(|(&rows, place)| std::iter::repeat_n(place, rows));
        let places = UInt64Array::from_iter_values(places);
        let mut columns: Vec<ArrayRef> = Vec::new();
        for keys in &mut self.series {
            let keys = std::mem::take(keys);
            let keys: Vec<&dyn Array> = keys.iter().map(AsRef::as_ref).collect();
            let keys = concat(&keys).and_then(|keys| take(&keys, &places, None));
            columns.push(keys.map_err(Error::input)?);
        }
        if let Some(times) = &mut self.times {
            let times = TimestampMillisecondArray::from(std::mem::take(times));
            columns.push(Arc::new(times));
        }
        if let Some(texts) = &mut self.texts {
            columns.push(Arc::new(texts.finish()));
        }
        if let Some(flags) = &mut self.flags {
            columns.push(Arc::new(flags.finish()));
        }
        for numbers in &mut self.numbers {
            columns.push(Arc::new(numbers.finish()));
        }
        columns.push(Arc::new(self.errors.finish()));
        self.count = 0;
        RecordBatch::try_new(self.schema(), columns).map_err(Error::input)
    }
}
