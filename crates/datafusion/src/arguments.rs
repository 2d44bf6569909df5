//! The arguments of functions: columns first, then what must be written out in the query.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray as _;
use datafusion::arrow::array::{Array as _, ArrayRef, PrimitiveArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampMillisecondType,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;

use crate::error::{failed, planned};

/// A moment in milliseconds, in whatever zone it was written.
pub(crate) const MILLIS: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

const NULL_TIME: &str = "a time is NULL, but every row must have one: filter with `ts IS NOT NULL`";

/// The type that a column of times is taken as.
///
/// # Errors
/// When it holds no times.
pub(crate) fn time_type(name: &str, kind: &DataType) -> Result<DataType> {
    match kind {
        DataType::Timestamp(_, zone) => {
            Ok(DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))
        }
        DataType::Date32 | DataType::Date64 => Ok(MILLIS),
        kind if kind.is_integer() => Ok(DataType::Int64),
        other => Err(planned(
            name,
            format!("the time is {other}, but must be a timestamp or integers of milliseconds"),
        )),
    }
}

/// The type that a column of values is taken as.
///
/// # Errors
/// When it holds no numbers.
pub(crate) fn value_type(name: &str, kind: &DataType) -> Result<DataType> {
    if kind.is_numeric() || matches!(kind, DataType::Null | DataType::Boolean) {
        Ok(DataType::Float64)
    } else {
        Err(planned(
            name,
            format!("the value is {kind}, but must be a number"),
        ))
    }
}

/// The milliseconds of a column of times.
///
/// # Errors
/// When one is null or beyond the range.
pub(crate) fn times(name: &str, column: &ArrayRef) -> Result<Vec<i64>> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let column = match column.data_type() {
        kind if kind.is_integer() => cast_with_options(column, &DataType::Int64, &options)?,
        DataType::Timestamp(_, zone) => {
            let kind = DataType::Timestamp(TimeUnit::Millisecond, zone.clone());
            cast_with_options(column, &kind, &options)?
        }
        _ => cast_with_options(column, &MILLIS, &options)?,
    };
    if column.null_count() > 0 {
        return Err(failed(name, NULL_TIME));
    }
    Ok(match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().values().to_vec(),
        _ => column
            .as_primitive::<TimestampMillisecondType>()
            .values()
            .to_vec(),
    })
}

/// The time in one row of a column that [`time_type`] made.
///
/// # Errors
/// When it is null.
pub(crate) fn time_at(name: &str, column: &ArrayRef, row: usize) -> Result<i64> {
    let moments = column.as_primitive_opt::<TimestampMillisecondType>();
    let numbers = column.as_primitive_opt::<Int64Type>();
    let values = moments.map(PrimitiveArray::values);
    let values = values.or(numbers.map(PrimitiveArray::values));
    match values.and_then(|values| values.get(row)) {
        Some(&time) if column.is_valid(row) => Ok(time),
        _ => Err(failed(name, NULL_TIME)),
    }
}

/// The numbers of a column, NaN where one is missing.
pub(crate) fn numbers(column: &ArrayRef) -> Result<Vec<f64>> {
    let column = cast_with_options(column, &DataType::Float64, &CastOptions::default())?;
    let values = column.as_primitive::<Float64Type>().iter();
    Ok(values.map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// The number in one row of a column that [`value_type`] made.
pub(crate) fn number_at(column: &ArrayRef, row: usize) -> f64 {
    match column.as_primitive_opt::<Float64Type>() {
        Some(values) if row < values.len() && values.is_valid(row) => values.value(row),
        _ => f64::NAN,
    }
}

/// What is written out in the query as the argument at `place`.
///
/// # Errors
/// When it is not the same for all rows.
pub(crate) fn literal(
    name: &str,
    what: &str,
    arguments: &[Arc<dyn PhysicalExpr>],
    place: usize,
) -> Result<Option<ScalarValue>> {
    let Some(argument) = arguments.get(place) else {
        return Ok(None);
    };
    let found = argument.downcast_ref::<Literal>().ok_or_else(|| {
        planned(
            name,
            format!("{what} is `{argument}`, but must be written out in the query"),
        )
    })?;
    Ok(Some(found.value().clone()))
}

/// The parameters in a text like `window=60, periods=24,168`: a piece without `=` belongs to the one
/// before it.
///
/// # Errors
/// When a parameter has no name or is given twice.
pub(crate) fn parameters(name: &str, text: &str) -> Result<BTreeMap<String, String>> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    for piece in text.split(',').map(str::trim) {
        if let Some((key, value)) = piece.split_once('=') {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            if key.is_empty() {
                return Err(planned(
                    name,
                    format!("the parameter `{piece}` has no name: write `name=value`"),
                ));
            }
            if found.insert(key.clone(), value).is_some() {
                return Err(planned(name, format!("`{key}` is given twice")));
            }
            last = Some(key);
        } else if let Some(value) = last.as_ref().and_then(|key| found.get_mut(key)) {
            *value = format!("{value},{piece}");
        } else if !piece.is_empty() {
            return Err(planned(
                name,
                format!(
                    "the parameters begin with `{piece}`, but are written as `name=value, name=value`"
                ),
            ));
        }
    }
    Ok(found)
}

/// Takes `errors` out of the parameters: whether what cannot be done is NULL.
///
/// # Errors
/// When it is neither `null` nor `stop`.
pub(crate) fn null_on_error(name: &str, given: &mut BTreeMap<String, String>) -> Result<bool> {
    match given.remove("errors").as_deref() {
        None | Some("stop") => Ok(false),
        Some("null") => Ok(true),
        Some(other) => Err(planned(
            name,
            format!("`errors` is `{other}`, but must be `null` or `stop`"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_may_have_commas() {
        let found = parameters("f", "window = 60,periods=24, 168 , x=a=b").unwrap_or_default();
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            found,
            [("periods", "24,168"), ("window", "60"), ("x", "a=b")]
        );
        assert!(parameters("f", "").is_ok_and(|found| found.is_empty()));
        for wrong in ["60", "=60", "window=1, window=2"] {
            assert!(parameters("f", wrong).is_err(), "{wrong}");
        }
    }
}
