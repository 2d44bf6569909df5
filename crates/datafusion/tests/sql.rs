//! Functions give what the library gives, row by row, and say what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failure in a test is a panic"
)]

use std::sync::Arc;

use bongsu_core::Timestamp;
use bongsu_core::ndarray::Array2;
use bongsu_datafusion::register_all;
use bongsu_engine::{
    CapacityRequest, DetectRequest, DetectedRow, DriftRequest, ForecastTask, Table, TimeUnit,
    detect, find_drift, forecast, plan_capacity,
};
use bongsu_ml::WindowFeatures;
use bongsu_stats::Changepoints;
use bongsu_stats::period::PeriodSearch;
use datafusion::arrow::array::cast::AsArray as _;
use datafusion::arrow::array::{
    Array as _, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};
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

/// A function, its arguments, the detector and its parameters.
type Call<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)]);

/// What may be called for the scores of a detector.
const CALLS: &[Call<'_>] = &[
    ("zscore", "ts, value", "zscore", &[]),
    (
        "zscore",
        "value, 'window=50'",
        "zscore",
        &[("window", "50")],
    ),
    ("robust_z", "ts, value", "robust-z", &[]),
    ("robust_z", "value", "robust-z", &[]),
    (
        "robust_z",
        "ts, value, 'window=60, threshold=4'",
        "robust-z",
        &[("window", "60"), ("threshold", "4")],
    ),
    ("ewma_score", "ts, value", "ewma", &[]),
    ("seasonal_score", "ts, value", "seasonal-profile", &[]),
    (
        "hst_score",
        "ts, value, 'window=50, calibration=50'",
        "hst",
        &[("window", "50"), ("calibration", "50")],
    ),
    ("spectral_residual", "ts, value", "spectral-residual", &[]),
    (
        "spectral_residual",
        "ts, value, 'window=100'",
        "spectral-residual",
        &[("window", "100")],
    ),
    ("matrix_profile", "ts, value", "matrix-profile", &[]),
    ("auto_score", "ts, value", "auto", &[]),
];

#[tokio::test]
async fn scores_are_those_of_the_library() {
    let context = context();
    for (function, arguments, detector, parameters) in CALLS {
        let call = format!("{function}({arguments})");
        let sql = format!(
            "SELECT series, ts, {call} OVER (PARTITION BY series ORDER BY ts) FROM metrics
             ORDER BY series, ts"
        );
        let found = query(&context, &sql).await.unwrap();
        assert_eq!(found.num_rows(), SERIES * POINTS);
        let expected = library(detector, parameters);
        let expected: Vec<Option<f64>> = expected.iter().map(|row| row.score).collect();
        assert!(expected.iter().flatten().count() > POINTS, "{call}");
        assert_eq!(numbers(&found, 2), expected, "{call}");
    }
}

#[tokio::test]
async fn what_is_judged_row_by_row_streams() {
    let context = context();
    for (call, streams) in [
        ("zscore(ts, value)", true),
        ("robust_z(ts, value, 'window=60')", true),
        ("ewma_score(value)", true),
        ("seasonal_score(ts, value)", true),
        ("hst_score(ts, value)", true),
        ("adwin_drift(ts, value)", true),
        ("detect(ts, value, 'ewma')", true),
        ("robust_z(ts, value)", false),
        ("auto_score(ts, value)", false),
    ] {
        let sql =
            format!("EXPLAIN SELECT {call} OVER (PARTITION BY series ORDER BY ts) FROM metrics");
        let plan = query(&context, &sql).await.unwrap();
        let plan = plan.column(1).as_string::<i32>();
        let plan: Vec<&str> = plan.iter().flatten().collect();
        let found = plan.join("\n").contains("BoundedWindowAggExec");
        assert_eq!(found, streams, "{call}: {plan:?}");
    }
}

#[tokio::test]
async fn whole_rows_and_residuals_are_those_of_the_library() {
    let context = context();
    let over = "OVER (PARTITION BY series ORDER BY ts)";
    for detector in ["ewma", "stl", "iqr"] {
        let sql = format!(
            "SELECT d['score'], d['expected'], d['lower'], d['upper'], d['anomalous'], r FROM (
               SELECT series, ts, detect(ts, value, '{detector}') {over} AS d,
                      stl_resid(ts, value) {over} AS r FROM metrics)
             ORDER BY series, ts"
        );
        let found = query(&context, &sql).await.unwrap();
        let rows = library(detector, &[]);
        let band = |part: fn(&bongsu_core::Expectation) -> f64| -> Vec<Option<f64>> {
            rows.iter()
                .map(|row| row.expectation.as_ref().map(part))
                .collect()
        };
        let scores: Vec<Option<f64>> = rows.iter().map(|row| row.score).collect();
        assert_eq!(numbers(&found, 0), scores, "{detector}");
        assert_eq!(numbers(&found, 1), band(|band| band.expected), "{detector}");
        assert_eq!(numbers(&found, 2), band(|band| band.lower), "{detector}");
        assert_eq!(numbers(&found, 3), band(|band| band.upper), "{detector}");
        let flags: Vec<bool> = found.column(4).as_boolean().iter().flatten().collect();
        let expected: Vec<bool> = rows.iter().map(|row| row.anomalous).collect();
        assert!(expected.iter().any(|flag| *flag), "{detector}");
        assert_eq!(flags, expected, "{detector}");
        if detector == "stl" {
            let values = (0..SERIES).flat_map(|s| (0..POINTS).map(move |p| value(s, p)));
            let rest = values.zip(&rows).map(|(value, row)| {
                let band = row.expectation.as_ref()?;
                Some(value - band.expected).filter(|rest| rest.is_finite())
            });
            assert_eq!(numbers(&found, 5), rest.collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn drift_is_that_of_the_library() {
    let context = context();
    let over = "OVER (PARTITION BY series ORDER BY ts)";
    let sql = format!(
        "SELECT adwin_drift(ts, value / 50, 'delta=0.01') {over} FROM metrics ORDER BY series, ts"
    );
    let found = query(&context, &sql).await.unwrap();
    let found: Vec<Option<bool>> = found.column(0).as_boolean().iter().collect();
    let request = DriftRequest {
        detector: "adwin".into(),
        parameters: [("delta".to_owned(), "0.01".to_owned())].into(),
        ..DriftRequest::default()
    };
    let expected: Vec<Option<bool>> = (0..SERIES)
        .flat_map(|series| {
            let mut table = table(series);
            table.values.mapv_inplace(|value| value / 50.0);
            find_drift(&table, &request).unwrap()
        })
        .map(|state| state.map(|state| state == bongsu_core::Drift::Drift))
        .collect();
    assert!(expected.contains(&Some(true)));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn aggregates_are_those_of_the_library() {
    let context = context();
    let sql = "SELECT series, period(ts, value) AS p, features(ts, value) AS f,
                      features(value ORDER BY ts) AS g, changepoints(ts, value) AS c,
                      exhaustion(ts, value, 90, 'horizon=5d') AS e,
                      forecast(ts, value, 'seasonal-naive', 12, 80, 'period=24') AS n
               FROM metrics GROUP BY series ORDER BY series";
    let found = query(&context, sql).await.unwrap();
    assert_eq!(found.num_rows(), SERIES);
    let column = |name: &str| found.column_by_name(name).unwrap();
    for series in 0..SERIES {
        let values: Vec<f64> = (0..POINTS).map(|point| value(series, point)).collect();
        let field = |name: &str, part: usize| {
            let parts = column(name).as_struct().column(part);
            let parts = parts.as_primitive::<Float64Type>();
            parts.is_valid(series).then(|| parts.value(series))
        };

        let expected = PeriodSearch::new().find(&values).unwrap()[0];
        assert_eq!(expected.points, 24);
        assert_eq!(field("p", 1), Some(86_400.0));
        assert_eq!(field("p", 2), Some(expected.strength));

        let window = WindowFeatures::new().window(POINTS).unwrap();
        let expected = window.stride(POINTS).unwrap().extract(&values).unwrap();
        for (place, &expected) in expected.row(0).iter().enumerate() {
            let expected = Some(expected).filter(|value| !value.is_nan());
            assert_eq!(field("f", place), expected);
            assert_eq!(field("g", place), expected);
        }

        let present: Vec<usize> = (0..POINTS).filter(|&p| !values[p].is_nan()).collect();
        let there: Vec<f64> = present.iter().map(|&point| values[point]).collect();
        let shifts = Changepoints::new().segment(&there).unwrap().shifts();
        let list = column("c").as_list::<i32>().value(series);
        let times = list.as_struct().column(0);
        let times = times
            .as_primitive::<TimestampMillisecondType>()
            .values()
            .to_vec();
        let expected: Vec<i64> = shifts.iter().map(|shift| time(present[shift.at])).collect();
        assert_eq!(times, expected);
        assert!(series != 2 || expected.contains(&time(200)), "{expected:?}");

        let task = ForecastTask {
            model: "seasonal-naive".into(),
            parameters: [("period".to_owned(), "24".to_owned())].into(),
            horizon: 12,
            levels: Some(vec![80.0]),
            ..ForecastTask::default()
        };
        let expected = forecast(&table(series), &task).unwrap().forecast;
        let list = column("n").as_list::<i32>().value(series);
        let part = |place: usize| {
            let part = list.as_struct().column(place).as_primitive::<Float64Type>();
            part.values().to_vec()
        };
        assert_eq!(part(1), expected.mean);
        assert_eq!(part(2), expected.intervals[0].lower);
        assert_eq!(part(3), expected.intervals[0].upper);

        let mut request = CapacityRequest::new().unwrap();
        request.threshold = Some(90.0);
        request.planner = request.planner.horizon(5 * 86_400_000).unwrap();
        let expected = plan_capacity(&table(series), &request).unwrap();
        let expected = expected.report.resources[0].outlook;
        let status = column("e").as_struct().column(0).as_string::<i32>();
        assert_eq!(status.value(series), expected.status.name());
        assert_eq!(field("e", 1), expected.days_left);
        assert_eq!(field("e", 4), Some(expected.probability));
    }
}

#[tokio::test]
async fn pairs_of_columns_are_compared_as_by_the_library() {
    let context = context();
    let sql = "SELECT correlation_lag(a.ts, a.value, b.value, 6) AS x,
                      correlation_lag(a.value, b.value, 6 ORDER BY a.ts) AS y
               FROM metrics a JOIN metrics b
               ON a.ts = b.ts + INTERVAL '2 hours' AND a.series = 'host-0' AND b.series = 'host-0'";
    let found = query(&context, sql).await.unwrap();
    let a: Vec<f64> = (2..POINTS).map(|point| value(0, point)).collect();
    let b: Vec<f64> = (0..POINTS - 2).map(|point| value(0, point)).collect();
    let expected = bongsu_rca::correlation::strongest_lag(&a, &b, 6).unwrap();
    assert_eq!(expected.points, 2);
    for column in found.columns() {
        let parts = column.as_struct();
        assert_eq!(parts.column(0).as_primitive::<Int64Type>().value(0), 2);
        assert_eq!(
            parts.column(1).as_primitive::<Float64Type>().value(0),
            expected.r
        );
    }

    let sql = "WITH judged AS (
                 SELECT ts, value > 45 AND value < 80 AS label,
                        robust_z(ts, value) OVER (ORDER BY ts) AS score
                 FROM metrics WHERE series = 'host-0')
               SELECT precision(label, score), recall(label, score), f1(label, score),
                      vus_pr(ts, label, score, 10), vus_pr(label, score, 10 ORDER BY ts),
                      recall(label, score, 1e9)
               FROM judged";
    let found = query(&context, sql).await.unwrap();
    let rows = detect(
        &table(0),
        &DetectRequest {
            detector: "robust-z".into(),
            ..DetectRequest::default()
        },
    )
    .unwrap();
    // A value that is missing has no label.
    let rows = rows.iter().zip((0..POINTS).map(|point| value(0, point)));
    let rows = rows.filter(|(_, value)| !value.is_nan());
    let (scores, labels): (Vec<f64>, Vec<bool>) = rows
        .map(|(row, value)| (row.score.unwrap(), value > 45.0 && value < 80.0))
        .unzip();
    let alarms: Vec<bool> = scores.iter().map(|score| *score > 1.0).collect();
    let counts = bongsu_eval::Confusion::of(&alarms, &labels).unwrap();
    let vus = bongsu_eval::vus(&scores, &labels, 10).unwrap().pr;
    let expected = [
        counts.precision().unwrap(),
        counts.recall().unwrap(),
        counts.f1().unwrap(),
        vus,
        vus,
        0.0,
    ];
    assert_eq!(expected[1], 1.0);
    for (place, expected) in expected.into_iter().enumerate() {
        assert_eq!(numbers(&found, place), [Some(expected)], "{place}");
    }
}

#[tokio::test]
async fn forecasts_are_a_table() {
    let context = context();
    let sql = "SELECT series, ts, mean, lower, upper
               FROM forecasts('metrics', 'seasonal-naive', 3, 90, 'period=24')
               ORDER BY series, ts";
    let found = query(&context, sql).await.unwrap();
    assert_eq!(found.num_rows(), 3 * SERIES);
    let task = ForecastTask {
        model: "seasonal-naive".into(),
        parameters: [("period".to_owned(), "24".to_owned())].into(),
        horizon: 3,
        levels: Some(vec![90.0]),
        ..ForecastTask::default()
    };
    let expected = (0..SERIES).map(|series| forecast(&table(series), &task).unwrap().forecast);
    let expected: Vec<Option<f64>> = expected.flat_map(|f| f.mean).map(Some).collect();
    assert_eq!(numbers(&found, 2), expected);
    let times = found.column(1).as_primitive::<TimestampMillisecondType>();
    assert_eq!(times.value(0), time(POINTS));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let context = context();
    let over = "OVER (PARTITION BY series ORDER BY ts)";
    for (sql, parts) in [
        (
            format!("SELECT zscore(ts, series) {over} FROM metrics"),
            &["zscore", "Utf8", "must be a number"][..],
        ),
        (
            format!("SELECT zscore(value, value) {over} FROM metrics"),
            &["zscore", "the time is Float64"],
        ),
        (
            format!("SELECT zscore(ts, value, 'windw=3') {over} FROM metrics"),
            &["zscore", "windw", "window"],
        ),
        (
            format!("SELECT zscore(ts, value, 'window=1') {over} FROM metrics"),
            &["zscore", "`window` is 1", "[2,"],
        ),
        (
            format!("SELECT zscore(ts, value, 'window') {over} FROM metrics"),
            &["zscore", "`window`", "name=value"],
        ),
        (
            format!("SELECT zscore(ts, value, series) {over} FROM metrics"),
            &["zscore", "written out"],
        ),
        (format!("SELECT zscore() {over} FROM metrics"), &["zscore"]),
        (
            format!("SELECT seasonal_score(value) {over} FROM metrics"),
            &["seasonal_score(ts, value"],
        ),
        (
            format!("SELECT detect(ts, value, 'robst-z') {over} FROM metrics"),
            &["robst-z", "robust-z"],
        ),
        (
            "SELECT zscore(ts, value) OVER (PARTITION BY series ORDER BY value) FROM metrics"
                .into(),
            &[
                "zscore",
                "is not after that of the row before",
                "ORDER BY ts",
            ],
        ),
        (
            "SELECT robust_z(ts, value) OVER (PARTITION BY series ORDER BY ts DESC) FROM metrics"
                .into(),
            &["robust_z", "is not after that of the row before"],
        ),
        (
            "SELECT adwin_drift(ts, value) OVER (ORDER BY series) FROM metrics".into(),
            &["adwin_drift", "is not after that of the row before"],
        ),
        (
            format!(
                "SELECT zscore(CASE WHEN value > 50 THEN NULL ELSE ts END, value) {over} FROM metrics"
            ),
            &["zscore", "a time is NULL"],
        ),
        (
            format!("SELECT robust_z(NULLIF(ts, ts), value) {over} FROM metrics"),
            &["robust_z", "a time is NULL"],
        ),
        (
            format!(
                "SELECT auto_score(ts, value) {over} FROM metrics WHERE ts < to_timestamp(7200)"
            ),
            &["auto_score", "2 rows", "errors=null"],
        ),
        (
            format!("SELECT auto_score(ts, value, 'errors=maybe') {over} FROM metrics"),
            &["`errors` is `maybe`"],
        ),
        (
            "SELECT period(ts, series) FROM metrics".into(),
            &["period", "Utf8", "must be a number"],
        ),
        (
            "SELECT period(value) FROM metrics".into(),
            &["period(ts, value)"],
        ),
        (
            "SELECT period(ts, value) FROM metrics".into(),
            &["period", "is there twice", "group by the series"],
        ),
        (
            "SELECT features(value) FROM metrics".into(),
            &["features", "ORDER BY ts"],
        ),
        (
            "SELECT forecast(ts, value, 'arma', 3) FROM metrics GROUP BY series".into(),
            &["forecast", "arma", "arima"],
        ),
        (
            "SELECT forecast(ts, value, 'naive', 0) FROM metrics GROUP BY series".into(),
            &["forecast", "horizon", "0"],
        ),
        (
            "SELECT forecast(ts, value, 'naive', -1) FROM metrics GROUP BY series".into(),
            &["forecast", "horizon", "-1"],
        ),
        (
            "SELECT forecast(ts, value, 'naive', 'soon') FROM metrics GROUP BY series".into(),
            &["forecast", "`horizon` is Utf8", "a whole number"],
        ),
        (
            "SELECT forecast(ts, value, 'naive', 3, 180) FROM metrics GROUP BY series".into(),
            &["forecast", "level", "180"],
        ),
        (
            "SELECT exhaustion(ts, value, 90, 'horizn=3d') FROM metrics GROUP BY series".into(),
            &["exhaustion", "horizn", "horizon"],
        ),
        (
            "SELECT correlation_lag(value, value, 3) FROM metrics".into(),
            &["correlation_lag", "ORDER BY ts"],
        ),
        (
            "SELECT precision(series, value) FROM metrics".into(),
            &["precision", "Utf8"],
        ),
        (
            "SELECT * FROM forecasts('metric', 'naive', 3)".into(),
            &["forecasts", "`metric`"],
        ),
        (
            "SELECT * FROM forecasts(metrics, 'naive', 3)".into(),
            &["forecasts", "the text of its name"],
        ),
    ] {
        let error = query(&context, &sql).await.err();
        let error = error.unwrap_or_else(|| panic!("nothing is said of {sql}"));
        for part in parts {
            assert!(error.contains(part), "{sql}: {error}: {part}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_judged_is_null_where_that_is_asked_for() {
    let context = context();
    let sql = "SELECT auto_score(ts, value, 'errors=null') OVER (PARTITION BY series ORDER BY ts)
               FROM metrics WHERE ts < to_timestamp(7200)";
    let found = query(&context, sql).await.unwrap();
    assert_eq!((found.num_rows(), found.column(0).null_count()), (10, 10));
    let sql = "SELECT forecast(ts, value, 'auto-ets', 3, 'errors=null') FROM metrics
               WHERE ts < to_timestamp(7200) GROUP BY series";
    let found = query(&context, sql).await.unwrap();
    assert_eq!((found.num_rows(), found.column(0).null_count()), (5, 5));
    // Of nothing there is nothing.
    let sql = "SELECT period(ts, value), f1(value, value), changepoints(ts, value) FROM metrics WHERE false";
    let found = query(&context, sql).await.unwrap();
    assert!(
        found
            .columns()
            .iter()
            .all(|column| column.null_count() == 1)
    );
    let sql = "SELECT zscore(ts, value) OVER (ORDER BY ts) FROM metrics WHERE false";
    assert_eq!(query(&context, sql).await.unwrap().num_rows(), 0);
}

#[tokio::test]
async fn other_types_of_times_and_numbers_are_the_same() {
    let context = context();
    let over = "OVER (PARTITION BY series ORDER BY ts)";
    let cast = |time: &str, value: &str| {
        format!("SELECT zscore({time}, {value}) {over} FROM metrics ORDER BY series, ts")
    };
    let rounded = "CAST(value AS BIGINT)";
    let plain = query(&context, &cast("ts", rounded)).await.unwrap();
    assert!(plain.column(0).null_count() < plain.num_rows() / 2);
    for (time, value) in [
        ("CAST(ts AS BIGINT)", rounded),
        ("CAST(ts AS TIMESTAMP(9))", "CAST(round(value) AS FLOAT)"),
        (
            "arrow_cast(ts, 'Timestamp(Second, Some(\"+02:00\"))')",
            rounded,
        ),
        ("ts", "CAST(CAST(value AS BIGINT) AS DECIMAL(20, 3))"),
    ] {
        let found = query(&context, &cast(time, value)).await;
        let found = found.unwrap_or_else(|e| panic!("{time}, {value}: {e}"));
        if !value.contains("round") {
            assert_eq!(numbers(&found, 0), numbers(&plain, 0), "{time}, {value}");
        }
    }
}
