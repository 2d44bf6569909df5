//! What the aggregates make of the rows of a group.

use std::sync::Arc;

use bongsu_engine::{CapacityRequest, ForecastTask, forecast, plan_capacity};
use bongsu_eval::Confusion;
use bongsu_ml::WindowFeatures;
use bongsu_rca::correlation::strongest_lag;
use bongsu_stats::Changepoints;
use bongsu_stats::period::PeriodSearch;
use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, StringArray, StructArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;

use crate::aggregate::{Constant, Order, Parameters, Said, Spec, Written};
use crate::arguments::MILLIS;
use crate::collected::Rows;
use crate::scores::table;

type Outcome = Result<ScalarValue, String>;

const fn constant(name: &'static str, kind: Written) -> Constant {
    Constant {
        name,
        kind,
        required: true,
    }
}

const fn optional(name: &'static str, kind: Written) -> Constant {
    Constant {
        required: false,
        ..constant(name, kind)
    }
}

const NONE: Parameters = Parameters::These(&[]);

/// Every aggregate.
pub(crate) static ALL: &[Spec] = &[
    Spec {
        name: "period",
        usage: "period(ts, value)",
        order: Order::Time,
        columns: &["value"],
        constants: &[],
        parameters: NONE,
        kind: || DataType::Struct(period_fields()),
        compute: period,
    },
    Spec {
        name: "features",
        usage: "features(ts, value) or features(value ORDER BY ts)",
        order: Order::TimeOrOrderBy,
        columns: &["value"],
        constants: &[],
        parameters: NONE,
        kind: || DataType::Struct(feature_fields()),
        compute: features,
    },
    Spec {
        name: "changepoints",
        usage: "changepoints(ts, value)",
        order: Order::Time,
        columns: &["value"],
        constants: &[],
        parameters: NONE,
        kind: || list_type(change_fields()),
        compute: changepoints,
    },
    Spec {
        name: "forecast",
        usage: "forecast(ts, value, 'model', horizon [, level] [, 'parameter=value, ...'])",
        order: Order::Time,
        columns: &["value"],
        constants: &[
            constant("model", Written::Text),
            constant("horizon", Written::Count),
            optional("level", Written::Number),
        ],
        parameters: Parameters::Own,
        kind: || list_type(forecast_fields()),
        compute: forecasts,
    },
    Spec {
        name: "exhaustion",
        usage: "exhaustion(ts, value, threshold [, 'horizon=30d'])",
        order: Order::Time,
        columns: &["value"],
        constants: &[constant("threshold", Written::Number)],
        parameters: Parameters::These(&["horizon"]),
        kind: || DataType::Struct(exhaustion_fields()),
        compute: exhaustion,
    },
    Spec {
        name: "correlation_lag",
        usage: "correlation_lag(ts, a, b, max_lag) or correlation_lag(a, b, max_lag ORDER BY ts)",
        order: Order::TimeOrOrderBy,
        columns: &["a", "b"],
        constants: &[constant("max_lag", Written::Count)],
        parameters: NONE,
        kind: || DataType::Struct(lag_fields()),
        compute: correlation_lag,
    },
    measure(
        "precision",
        "precision(label, score [, bound])",
        |rows, said| measured(confusion(rows, said)?.precision()),
    ),
    measure("recall", "recall(label, score [, bound])", |rows, said| {
        measured(confusion(rows, said)?.recall())
    }),
    measure("f1", "f1(label, score [, bound])", |rows, said| {
        measured(confusion(rows, said)?.f1())
    }),
    Spec {
        name: "vus_pr",
        usage: "vus_pr(ts, label, score, window) or vus_pr(label, score, window ORDER BY ts)",
        order: Order::TimeOrOrderBy,
        columns: &["label", "score"],
        constants: &[constant("window", Written::Count)],
        parameters: NONE,
        kind: || DataType::Float64,
        compute: vus_pr,
    },
];

const fn measure(
    name: &'static str,
    usage: &'static str,
    compute: fn(&Rows, &Said) -> Outcome,
) -> Spec {
    Spec {
        name,
        usage,
        order: Order::Any,
        columns: &["label", "score"],
        constants: const { &[optional("bound", Written::Number)] },
        parameters: NONE,
        kind: || DataType::Float64,
        compute,
    }
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Float64, true)
}

fn list_type(fields: Fields) -> DataType {
    let item = Field::new_list_field(DataType::Struct(fields), true);
    DataType::List(Arc::new(item))
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// One struct of columns of one value each.
fn one(fields: Fields, columns: Vec<ArrayRef>) -> Outcome {
    let found = StructArray::try_new(fields, columns, None).map_err(told)?;
    Ok(ScalarValue::Struct(Arc::new(found)))
}

/// A list of structs.
fn list(fields: Fields, columns: Vec<ArrayRef>) -> Outcome {
    let found = StructArray::try_new(fields, columns, None).map_err(told)?;
    let list = SingleRowListArrayBuilder::new(Arc::new(found));
    Ok(list.with_nullable(true).build_list_scalar())
}

fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    let present = |value: f64| Some(value).filter(|value| !value.is_nan());
    let values = values.into_iter().map(present);
    Arc::new(values.collect::<Float64Array>())
}

fn moments(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_iter_values(values))
}

fn period_fields() -> Fields {
    let points = Field::new("points", DataType::Int64, true);
    Fields::from(vec![points, number("seconds"), number("strength")])
}

fn period(rows: &Rows, _: &Said) -> Outcome {
    let (values, step) = rows.in_steps();
    let found = PeriodSearch::new().find(&values).map_err(told)?;
    let Some(period) = found.first() else {
        return ScalarValue::try_from(DataType::Struct(period_fields())).map_err(told);
    };
    let seconds = period.points as f64 * step as f64 / 1e3;
    let points = Int64Array::from_iter_values(i64::try_from(period.points));
    one(
        period_fields(),
        vec![
            Arc::new(points),
            numbers([seconds]),
            numbers([period.strength]),
        ],
    )
}

fn feature_fields() -> Fields {
    WindowFeatures::NAMES
        .iter()
        .map(|name| number(name))
        .collect()
}

/// Of the whole group as one window.
fn features(rows: &Rows, _: &Said) -> Outcome {
    let values = rows.column(0);
    let extractor = WindowFeatures::new().window(values.len());
    let extractor = extractor.and_then(|found| found.stride(values.len()));
    let found = extractor
        .and_then(|found| found.extract(values))
        .map_err(told)?;
    let columns = found.columns().into_iter();
    let columns = columns.map(|column| numbers(column.first().copied()));
    one(feature_fields(), columns.collect())
}

fn change_fields() -> Fields {
    Fields::from(vec![
        Field::new("ts", MILLIS, true),
        number("before"),
        number("after"),
        number("strength"),
    ])
}

/// Of the values that are there.
fn changepoints(rows: &Rows, _: &Said) -> Outcome {
    let pairs = rows.times.iter().zip(rows.column(0));
    let pairs = pairs.filter(|(_, value)| !value.is_nan());
    let (times, values): (Vec<i64>, Vec<f64>) = pairs.unzip();
    let found = Changepoints::new().segment(&values).map_err(told)?.shifts();
    let time = |at: usize| times.get(at).copied();
    list(
        change_fields(),
        vec![
            moments(found.iter().filter_map(|shift| time(shift.at))),
            numbers(found.iter().map(|shift| shift.before)),
            numbers(found.iter().map(|shift| shift.after)),
            numbers(found.iter().map(|shift| shift.strength)),
        ],
    )
}

fn forecast_fields() -> Fields {
    let time = Field::new("ts", MILLIS, true);
    Fields::from(vec![time, number("mean"), number("lower"), number("upper")])
}

fn forecasts(rows: &Rows, said: &Said) -> Outcome {
    let task = ForecastTask {
        model: said.text(0).to_owned(),
        parameters: said.parameters.clone(),
        horizon: said.count(1, "horizon")?,
        levels: Some(said.number(2).into_iter().collect()),
        ..ForecastTask::default()
    };
    task.validate().map_err(told)?;
    let table = table(rows.times.clone(), rows.column(0).to_vec()).map_err(told)?;
    let found = forecast(&table, &task).map_err(told)?.forecast;
    let steps = found.mean.len();
    let band = found.intervals.into_iter().next();
    let (lower, upper) = band.map_or_else(
        || (vec![f64::NAN; steps], vec![f64::NAN; steps]),
        |band| (band.lower, band.upper),
    );
    list(
        forecast_fields(),
        vec![
            moments(found.timestamps.iter().map(|time| time.as_millis())),
            numbers(found.mean),
            numbers(lower),
            numbers(upper),
        ],
    )
}

fn exhaustion_fields() -> Fields {
    Fields::from(vec![
        Field::new("status", DataType::Utf8, true),
        number("days_left"),
        number("days_left_lower"),
        number("days_left_upper"),
        number("probability"),
    ])
}

fn exhaustion(rows: &Rows, said: &Said) -> Outcome {
    let mut request = CapacityRequest::new().map_err(told)?;
    request.threshold = said.number(0);
    if !request.threshold.is_some_and(f64::is_finite) {
        return Err("`threshold` must be a finite number".into());
    }
    if let Some(text) = said.parameters.get("horizon") {
        let horizon = bongsu_core::parse_duration(text).map_err(told)?;
        let millis = i64::try_from(horizon.as_millis()).unwrap_or(i64::MAX);
        request.planner = request.planner.horizon(millis).map_err(told)?;
    }
    let table = table(rows.times.clone(), rows.column(0).to_vec()).map_err(told)?;
    let found = plan_capacity(&table, &request).map_err(told)?;
    let plan = found.report.resources.first();
    let outlook = plan.ok_or("nothing was planned")?.outlook;
    let status = StringArray::from_iter_values([outlook.status.name()]);
    let maybe = |value: Option<f64>| numbers(value.or(Some(f64::NAN)));
    one(
        exhaustion_fields(),
        vec![
            Arc::new(status),
            maybe(outlook.days_left),
            maybe(outlook.days_left_lower),
            maybe(outlook.days_left_upper),
            numbers([outlook.probability]),
        ],
    )
}

fn lag_fields() -> Fields {
    Fields::from(vec![
        Field::new("points", DataType::Int64, true),
        number("r"),
    ])
}

fn correlation_lag(rows: &Rows, said: &Said) -> Outcome {
    let max_lag = said.count(0, "max_lag")?;
    let found = strongest_lag(rows.column(0), rows.column(1), max_lag).map_err(told)?;
    let points: ArrayRef = Arc::new(Int64Array::from_iter_values([found.points]));
    one(lag_fields(), vec![points, numbers([found.r])])
}

fn measured(found: bongsu_core::Result<f64>) -> Outcome {
    found
        .map(|value| ScalarValue::Float64(Some(value)))
        .map_err(told)
}

/// Rows without a label are left out; those without a score are not flagged.
fn confusion(rows: &Rows, said: &Said) -> Result<Confusion, String> {
    let bound = said.number(0).unwrap_or(1.0);
    let pairs = rows.column(0).iter().zip(rows.column(1));
    let pairs = pairs.filter(|(label, _)| !label.is_nan());
    let (labels, alarms): (Vec<bool>, Vec<bool>) = pairs
        .map(|(&label, &score)| (label != 0.0, score > bound))
        .unzip();
    Confusion::of(&alarms, &labels).map_err(told)
}

/// Of the rows that have a label and a score.
fn vus_pr(rows: &Rows, said: &Said) -> Outcome {
    let pairs = rows.column(0).iter().zip(rows.column(1));
    let pairs = pairs.filter(|(label, score)| !label.is_nan() && !score.is_nan());
    let (labels, scores): (Vec<bool>, Vec<f64>) =
        pairs.map(|(&label, &score)| (label != 0.0, score)).unzip();
    let found = bongsu_eval::vus(&scores, &labels, said.count(0, "window")?);
    measured(found.map(|found| found.pr))
}
