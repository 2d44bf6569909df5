//! Window functions.

use bongsu_engine::{DriftRequest, find_drift};
use datafusion::arrow::array::cast::AsArray as _;

use crate::{POINTS, SERIES, context, library, numbers, query, table, value};

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
