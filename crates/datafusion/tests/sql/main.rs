//! Functions give what the library gives, row by row, and say what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failure in a test is a panic"
)]

mod aggregates;
mod windows;
mod wrong;

use std::sync::Arc;

use bongsu_core::Timestamp;
use bongsu_core::ndarray::Array2;
use bongsu_datafusion::register_all;
use bongsu_engine::{DetectRequest, DetectedRow, Table, TimeUnit, detect};
use datafusion::arrow::array::cast::AsArray as _;
use datafusion::arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

const SERIES: usize = 5;
const POINTS: usize = 400;
const STEP: i64 = 3_600_000;

/// A load with a daily shape, holes, outliers, and a level that moves in the third series.
fn value(series: usize, point: usize) -> f64 {
    if point % 97 == 13 {
        return f64::NAN;
    }
    let noise = ((point * 7_919 + series * 104_729) % 1_009) as f64 / 1_009.0;
    let day = [0.0, 3.0, 9.0, 4.0, 2.0, 1.0][point / 4 % 6];
    let outlier = if point == 350 { 40.0 } else { 0.0 };
    let level = if series == 2 && point >= 200 {
        25.0
    } else {
        0.0
    };
    10.0 * (series + 1) as f64 + day + noise + outlier + level
}

fn time(point: usize) -> i64 {
    STEP * point as i64
}

/// The rows of all series in an order of no meaning, in two partitions of several batches.
fn rows() -> MemTable {
    let mut all: Vec<(usize, usize)> = (0..SERIES)
        .flat_map(|series| (0..POINTS).map(move |point| (series, point)))
        .collect();
    all.sort_by_key(|(series, point)| (point * 7_919 + series * 31) % 1_013);
    let names = all.iter().map(|(series, _)| format!("host-{series}"));
    let names: Vec<String> = names.collect();
    let times = all.iter().map(|&(_, point)| time(point));
    let values = all.iter().map(|&(series, point)| value(series, point));
    let values = values.map(|value| Some(value).filter(|value| !value.is_nan()));
    let columns: [(&str, ArrayRef); 3] = [
        ("series", Arc::new(StringArray::from(names))),
        (
            "ts",
            Arc::new(TimestampMillisecondArray::from_iter_values(times)),
        ),
        ("value", Arc::new(values.collect::<Float64Array>())),
    ];
    let whole = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true)));
    let whole = whole.unwrap();
    let piece = |from: usize| whole.slice(from, 300.min(whole.num_rows() - from));
    let pieces: Vec<RecordBatch> = (0..whole.num_rows()).step_by(300).map(piece).collect();
    let (left, right) = pieces.split_at(3);
    MemTable::try_new(whole.schema(), vec![left.to_vec(), right.to_vec()]).unwrap()
}

fn context() -> SessionContext {
    let config = SessionConfig::new()
        .with_batch_size(128)
        .with_target_partitions(3);
    let context = SessionContext::new_with_config(config);
    register_all(&context).unwrap();
    context.register_table("metrics", Arc::new(rows())).unwrap();
    context
}

async fn query(context: &SessionContext, sql: &str) -> Result<RecordBatch, String> {
    let frame = context.sql(sql).await.map_err(|e| e.to_string())?;
    let schema = Arc::clone(frame.schema().inner());
    let batches = frame.collect().await.map_err(|e| e.to_string())?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    Ok(concat_batches(&schema, &batches).unwrap())
}

/// A series as the library takes it.
fn table(series: usize) -> Table {
    let values: Vec<f64> = (0..POINTS).map(|point| value(series, point)).collect();
    Table {
        timestamp_texts: Vec::new(),
        timestamps: (0..POINTS)
            .map(|point| Timestamp::from_millis(time(point)))
            .collect(),
        unit: TimeUnit::Milliseconds,
        channels: vec!["value".into()],
        values: Array2::from_shape_vec((POINTS, 1), values).unwrap(),
        late_rows: Vec::new(),
    }
}

fn library(detector: &str, parameters: &[(&str, &str)]) -> Vec<DetectedRow> {
    let request = DetectRequest {
        detector: detector.into(),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..DetectRequest::default()
    };
    (0..SERIES)
        .flat_map(|series| detect(&table(series), &request).unwrap())
        .collect()
}

fn numbers(found: &RecordBatch, column: usize) -> Vec<Option<f64>> {
    let column = found.column(column).as_primitive::<Float64Type>();
    column.iter().collect()
}
