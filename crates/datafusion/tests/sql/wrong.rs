//! What is wrong, what is missing, and other types than the usual.

use datafusion::arrow::array::Array as _;

use crate::{context, numbers, query};

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
        (
            "CAST(ts AS TIMESTAMP(9))",
            "CAST(CAST(value AS BIGINT) AS FLOAT)",
        ),
        (
            "arrow_cast(ts, 'Timestamp(Second, Some(\"+02:00\"))')",
            rounded,
        ),
        ("ts", "CAST(CAST(value AS BIGINT) AS DECIMAL(20, 3))"),
    ] {
        let found = query(&context, &cast(time, value)).await;
        let found = found.unwrap_or_else(|e| panic!("{time}, {value}: {e}"));
        assert_eq!(numbers(&found, 0), numbers(&plain, 0), "{time}, {value}");
    }
}
