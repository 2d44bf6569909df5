//! Aggregates, and the table function.

use bongsu_engine::{
    CapacityRequest, DetectRequest, ForecastTask, detect, forecast, plan_capacity,
};
use bongsu_ml::WindowFeatures;
use bongsu_stats::Changepoints;
use bongsu_stats::period::PeriodSearch;
use datafusion::arrow::array::Array as _;
use datafusion::arrow::array::cast::AsArray as _;
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};

use crate::{POINTS, SERIES, context, numbers, query, table, time, value};

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
