//! Streams through the worker: results are the library's, and what is wrong is named.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, TimestampMillisecondType};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, RecordBatch,
    StringArray, TimestampMillisecondArray,
};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_select::concat::concat_batches;
use bongsu_arrow::{Error, Job, run};
use bongsu_engine::{
    CapacityRequest, DetectRequest, ForecastTask, Table, detect, forecast, plan_capacity,
};
use bongsu_ml::WindowFeatures;

const POINTS: usize = 300;

/// A load with a daily shape, holes and an outlier.
fn value(series: usize, point: usize) -> Option<f64> {
    if point % 97 == 13 {
        return None;
    }
    let noise = ((point * 7_919 + series * 104_729) % 1_009) as f64 / 1_009.0;
    let jump = if point == 250 { 40.0 } else { 0.0 };
    Some(10.0 * (series + 1) as f64 + [0.0, 3.0, 9.0, 4.0][point % 4] + noise + jump)
}

fn batch(names: &[String], times: Vec<Option<i64>>, values: Vec<Option<f64>>) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("series", Arc::new(StringArray::from(names.to_vec()))),
        ("ts", Arc::new(TimestampMillisecondArray::from(times))),
        ("value", Arc::new(Float64Array::from(values))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

/// `series` series one after another.
fn rows(series: usize) -> RecordBatch {
    let all = (0..series).flat_map(|s| (0..POINTS).map(move |p| (s, p)));
    let all: Vec<(usize, usize)> = all.collect();
    let names: Vec<String> = all.iter().map(|(s, _)| format!("host-{s}")).collect();
    batch(
        &names,
        all.iter()
            .map(|&(_, p)| Some(3_600_000 * p as i64))
            .collect(),
        all.iter().map(|&(s, p)| value(s, p)).collect(),
    )
}

/// In batches of `size` rows, so that series begin and end within them.
fn stream(rows: &RecordBatch, size: usize) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    for start in (0..rows.num_rows()).step_by(size) {
        let length = size.min(rows.num_rows() - start);
        writer.write(&rows.slice(start, length)).unwrap();
    }
    writer.into_inner().unwrap()
}

fn work(job: &str, input: &[u8]) -> Result<RecordBatch, Error> {
    let mut output = Vec::new();
    run(&Job::parse(job)?, input, &mut output)?;
    let reader = StreamReader::try_new(output.as_slice(), None).unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    Ok(concat_batches(&schema, &batches).unwrap())
}

/// The same series as the command reads it.
fn table(series: usize) -> Table {
    let mut csv = String::from("timestamp,value\n");
    for point in 0..POINTS {
        let text = value(series, point).map_or_else(String::new, |v| v.to_string());
        csv += &format!("{},{text}\n", 3_600 * point);
    }
    Table::read(csv.as_bytes()).unwrap()
}

fn numbers(found: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    let column = found.column_by_name(name).unwrap();
    column.as_primitive::<Float64Type>().iter().collect()
}

fn times(found: &RecordBatch) -> Vec<i64> {
    let column = found.column_by_name("ts").unwrap();
    let times = column.as_primitive::<TimestampMillisecondType>();
    times.values().to_vec()
}

fn names(found: &RecordBatch) -> Vec<String> {
    let column = found.column_by_name("series").unwrap().as_string::<i32>();
    column.iter().map(|name| name.unwrap().to_owned()).collect()
}

#[test]
fn every_row_is_judged_as_by_the_library() {
    let rows = rows(3);
    for detector in [
        "robust-z",
        "zscore",
        "ewma",
        "hst",
        "seasonal-profile",
        "iqr",
        "spectral-residual",
        "matrix-profile",
        "gesd",
        "auto",
    ] {
        for size in [64, 1_000] {
            // It usually begins to judge later than a series here ends.
            let given: &[(&str, &str)] = if detector == "hst" {
                &[("window", "50"), ("calibration", "50")]
            } else {
                &[]
            };
            let yaml: Vec<String> = given.iter().map(|(n, v)| format!("{n}: {v}")).collect();
            let yaml = yaml.join(", ");
            let job = format!("{{task: detect, detector: {detector}, parameters: {{{yaml}}}}}");
            let found = work(&job, &stream(&rows, size)).unwrap();
            assert_eq!(found.num_rows(), 3 * POINTS);
            let request = DetectRequest {
                detector: detector.into(),
                parameters: given
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                    .collect(),
                ..DetectRequest::default()
            };
            let expected: Vec<_> = (0..3)
                .flat_map(|series| detect(&table(series), &request).unwrap())
                .collect();
            let scores: Vec<Option<f64>> = expected.iter().map(|row| row.score).collect();
            assert_eq!(numbers(&found, "score"), scores, "{detector}");
            assert!(scores.iter().flatten().count() > POINTS, "{detector}");
            let upper = expected.iter().map(|row| row.expectation.map(|e| e.upper));
            assert_eq!(numbers(&found, "upper"), upper.collect::<Vec<_>>());
            let flags = found.column_by_name("anomalous").unwrap().as_boolean();
            for (found, expected) in flags.iter().zip(&expected) {
                assert_eq!(found, Some(expected.anomalous), "{detector}");
            }
        }
    }
}

#[test]
fn rows_come_back_in_their_order() {
    let rows = rows(4);
    let found = work("{task: detect, detector: zscore}", &stream(&rows, 100)).unwrap();
    assert_eq!(times(&found), times(&rows));
    assert_eq!(names(&found), names(&rows));
}

#[test]
fn forecasts_are_those_of_the_library() {
    let job = "{task: forecast, model: seasonal-naive, horizon: 5, level: 90}";
    let found = work(job, &stream(&rows(2), 128)).unwrap();
    let task = ForecastTask {
        model: "seasonal-naive".into(),
        horizon: 5,
        levels: Some(vec![90.0]),
        ..ForecastTask::default()
    };
    for series in 0..2 {
        let expected = forecast(&table(series), &task).unwrap().forecast;
        let part = found.slice(5 * series, 5);
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(numbers(&part, "mean"), some(&expected.mean));
        assert_eq!(numbers(&part, "lower"), some(&expected.intervals[0].lower));
        assert_eq!(times(&part)[0], 3_600_000 * POINTS as i64);
    }
}

#[test]
fn features_and_capacity_plans_are_those_of_the_library() {
    let input = stream(&rows(2), 77);
    let found = work("task: features", &input).unwrap();
    let extractor = WindowFeatures::new().window(POINTS).unwrap();
    let extractor = extractor.stride(POINTS).unwrap();
    for series in 0..2 {
        let values: Vec<f64> = table(series).values.iter().copied().collect();
        let expected = extractor.extract(&values).unwrap();
        for (name, expected) in WindowFeatures::NAMES.iter().zip(expected.row(0)) {
            assert_eq!(numbers(&found, name)[series], Some(*expected), "{name}");
        }
    }
    let found = work("{task: exhaustion, threshold: 60}", &input).unwrap();
    assert_eq!(found.num_rows(), 2);
    let mut request = CapacityRequest::new().unwrap();
    request.threshold = Some(60.0);
    for series in 0..2 {
        let plan = plan_capacity(&table(series), &request).unwrap();
        let outlook = plan.report.resources[0].outlook;
        assert_eq!(
            numbers(&found, "probability")[series],
            Some(outlook.probability)
        );
        assert_eq!(numbers(&found, "days_left")[series], outlook.days_left);
    }
}

#[test]
fn a_series_that_cannot_be_done_is_an_error_or_a_row() {
    let long = rows(2);
    let short = batch(&["short".into()], vec![Some(0)], vec![Some(1.0)]);
    let all = concat_batches(&long.schema(), &[short, long]).unwrap();
    let job = "{task: detect, detector: stl";
    let error = work(&format!("{job}}}"), &stream(&all, 50)).unwrap_err();
    assert!(error.to_string().starts_with("series `short`: "), "{error}");
    let found = work(&format!("{job}, errors: rows}}"), &stream(&all, 50)).unwrap();
    assert_eq!(found.num_rows(), 1 + 2 * POINTS);
    let errors = found.column_by_name("error").unwrap().as_string::<i32>();
    assert_eq!(
        (errors.null_count(), errors.is_null(0)),
        (2 * POINTS, false)
    );
    assert_eq!(names(&found)[0], "short");
}

#[test]
fn wrong_rows_are_named() {
    let job = "{task: detect, detector: zscore";
    let said = |rows: &RecordBatch, more: &str| {
        let job = format!("{job}{more}}}");
        work(&job, &stream(rows, 10)).unwrap_err().to_string()
    };
    let a = || vec!["a".to_owned(); 2];
    let late = batch(&a(), vec![Some(5), Some(5)], vec![Some(1.0); 2]);
    assert!(said(&late, "").contains("series `a`: the time 5 ms comes after 5 ms"));
    let null = batch(&a(), vec![Some(5), None], vec![Some(1.0); 2]);
    assert!(said(&null, "").contains("column `ts` is null in row 1"));
    let back = ["a", "b", "a"].map(str::to_owned);
    let back = batch(&back, vec![Some(1); 3], vec![None; 3]);
    assert!(said(&back, "").contains("series `a`: comes back"));
    assert!(said(&rows(1), ", most_rows: 299").contains("more than 299 rows"));
    assert!(
        said(&rows(1), ", values: [load]")
            .contains("there is no column `load`; there are: series, ts, value")
    );
    assert!(
        said(&rows(1), ", values: [series], series: []")
            .contains("column `series` is Utf8, but must be numbers")
    );
    assert!(said(&rows(1), ", time: value, values: [ts]").contains("column `value` is Float64"));
}

#[test]
fn wrong_jobs_are_named() {
    for (job, message) in [
        ("task: detect", "needs `detector`"),
        ("{task: detect, detector: zscor}", "did you mean `zscore`"),
        (
            "{task: detect, detector: zscore, parameters: {windo: 3}}",
            "windo",
        ),
        (
            "{task: detect, detector: zscore, parameters: {window: 1}}",
            "window",
        ),
        (
            "{task: detect, detector: zscore, horizon: 3}",
            "`horizon` belongs to the task Forecast",
        ),
        ("{task: detect, detectr: zscore}", "detectr"),
        ("{task: forecast, model: naive}", "needs `horizon`"),
        (
            "{task: features, parameters: {a: 1}}",
            "takes no parameters",
        ),
        ("{task: exhaustion}", "threshold"),
        ("{task: features, time: value}", "`value` is named twice"),
    ] {
        let error = Job::parse(job).unwrap_err().to_string();
        assert!(error.contains(message), "{job} gave {error}");
    }
}

#[test]
fn streams_that_are_cut_short_or_damaged_are_told() {
    let job = Job::parse("{task: detect, detector: zscore}").unwrap();
    let whole = stream(&rows(1), 50);
    assert!(run(&job, whole.as_slice(), Vec::new()).is_ok());
    for length in (0..whole.len())
        .step_by(13)
        .chain([whole.len() - 1, whole.len() - 8])
    {
        let error = run(&job, &whole[..length], Vec::new()).unwrap_err();
        assert!(
            error.to_string().starts_with("input: "),
            "{length}: {error}"
        );
    }
    // A byte that is another gives an error or other numbers, and no panic.
    for place in (0..whole.len().min(4_096)).step_by(3) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        let _ = run(&job, damaged.as_slice(), Vec::new());
    }
    assert!(run(&job, &b"timestamp,value\n1,2\n"[..], Vec::new()).is_err());
}

#[test]
fn a_stream_without_rows_gives_one_without_rows() {
    let found = work(
        "{task: detect, detector: zscore}",
        &stream(&rows(1).slice(0, 0), 1),
    )
    .unwrap();
    assert_eq!((found.num_rows(), found.num_columns()), (0, 8));
}

/// One row a series: what it is called, a time, a value.
fn frame(columns: [(&str, ArrayRef); 3]) -> Vec<u8> {
    let columns = columns.map(|(name, column)| (name, column, true));
    stream(
        &RecordBatch::try_from_iter_with_nullable(columns).unwrap(),
        2,
    )
}

#[test]
fn categories_dates_and_truth_values_are_taken() {
    let hosts: DictionaryArray<Int8Type> = ["a", "a", "b", "b"].into_iter().collect();
    let input = frame([
        ("series", Arc::new(hosts)),
        ("ts", Arc::new(Date32Array::from(vec![1, 2, 1, 2]))),
        (
            "value",
            Arc::new(BooleanArray::from(vec![true, false, true, true])),
        ),
    ]);
    let found = work("{task: features}", &input).unwrap();
    assert_eq!(names(&found), ["a", "b"]);
    assert_eq!(numbers(&found, "mean"), [Some(0.5), Some(1.0)]);
}

#[test]
fn a_series_without_a_name_is_not_the_one_called_null() {
    let named = |names: Vec<Option<&str>>| {
        let rows = names.len();
        frame([
            ("series", Arc::new(StringArray::from(names))),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from(vec![1_000; rows])),
            ),
            ("value", Arc::new(Float64Array::from(vec![1.0; rows]))),
        ])
    };
    let found = work(
        "{task: features, errors: rows}",
        &named(vec![None, Some("null")]),
    )
    .unwrap();
    assert_eq!(found.num_rows(), 2);
    let back = work(
        "{task: features, errors: rows}",
        &named(vec![None, Some("a"), None]),
    )
    .unwrap_err();
    assert!(back.to_string().contains("comes back"), "{back}");
}

#[test]
fn a_series_column_cannot_have_the_name_of_a_result() {
    let input = frame([
        ("lower", Arc::new(StringArray::from(vec!["a"]))),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![1_000]))),
        ("value", Arc::new(Float64Array::from(vec![1.0]))),
    ]);
    let job = "{task: detect, detector: zscore, series: [lower]}";
    let error = work(job, &input).unwrap_err().to_string();
    assert!(error.contains("column `lower` names a series"), "{error}");
    assert!(work("{task: features, errors: rows, series: [lower]}", &input).is_ok());
}
