//! Aggregates over the rows of a group.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray as _;
use datafusion::arrow::array::{Array as _, ArrayRef, ListArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use crate::arguments::{self, numbers, times};
use crate::collected::Rows;
use crate::error::{failed, planned};

/// Whether the order of rows counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The first argument is the time.
    Time,
    /// The first argument is the time, or the call has `ORDER BY`.
    TimeOrOrderBy,
    /// It does not.
    Any,
}

/// What is written out in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Text,
    Number,
    Count,
}

/// An argument that is written out.
#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: &'static str,
    pub(crate) kind: Written,
    pub(crate) required: bool,
}

/// What a call says beside its columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    constants: Vec<ScalarValue>,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Said {
    pub(crate) fn text(&self, place: usize) -> &str {
        let found = self.constants.get(place);
        found
            .and_then(|value| value.try_as_str().flatten())
            .unwrap_or_default()
    }

    pub(crate) fn number(&self, place: usize) -> Option<f64> {
        match self.constants.get(place) {
            Some(ScalarValue::Float64(number)) => *number,
            _ => None,
        }
    }

    /// # Errors
    /// When it is missing or negative.
    pub(crate) fn count(&self, place: usize, name: &str) -> std::result::Result<usize, String> {
        match self.constants.get(place) {
            Some(ScalarValue::Int64(Some(number))) => usize::try_from(*number)
                .map_err(|_| format!("`{name}` is {number}, but must be at least 0")),
            _ => Err(format!("`{name}` is NULL, but must be a whole number")),
        }
    }
}

/// What a function makes of the rows of a group.
type Compute = fn(&Rows, &Said) -> std::result::Result<ScalarValue, String>;

/// An aggregate.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) usage: &'static str,
    pub(crate) order: Order,
    /// The names of its columns of values.
    pub(crate) columns: &'static [&'static str],
    pub(crate) constants: &'static [Constant],
    /// The parameters that the text at the end may have.
    pub(crate) parameters: Parameters,
    pub(crate) kind: fn() -> DataType,
    pub(crate) compute: Compute,
}

/// Which parameters a function takes, beside `errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// These.
    These(&'static [&'static str]),
    /// What it is made of knows them.
    Own,
}

/// Where the parts of a call are among its arguments.
#[derive(Debug, Clone, Copy)]
struct Places {
    has_time: bool,
    /// Of the constants.
    constants: usize,
    /// Of the text of parameters.
    parameters: Option<usize>,
}

impl Spec {
    fn places(&self, given: &[DataType]) -> Result<Places> {
        let wrong = || {
            let given: Vec<String> = given.iter().map(ToString::to_string).collect();
            let given = given.join(", ");
            planned(
                self.name,
                format!("write {}; it was given ({given})", self.usage),
            )
        };
        let required = self.constants.iter().filter(|c| c.required).count();
        let bare = self.columns.len() + required;
        let mut count = given.len();
        // A text at the end that no constant asks for has the parameters.
        let last_is_text = given.last().is_some_and(DataType::is_string);
        let least = bare + usize::from(self.order == Order::Time);
        let parameters = (last_is_text && count > least).then(|| count - 1);
        if parameters.is_some() {
            count -= 1;
        }
        let has_time = match self.order {
            Order::Time => true,
            Order::TimeOrOrderBy => count > bare,
            Order::Any => false,
        };
        let constants = usize::from(has_time) + self.columns.len();
        let least = constants + required;
        if !(least..=constants + self.constants.len()).contains(&count) {
            return Err(wrong());
        }
        Ok(Places {
            has_time,
            constants,
            parameters,
        })
    }

    fn coerced(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let places = self.places(given)?;
        let mut kinds = Vec::with_capacity(given.len());
        for (place, kind) in given.iter().enumerate() {
            kinds.push(if place < places.constants {
                if places.has_time && place == 0 {
                    arguments::time_type(self.name, kind)?
                } else {
                    arguments::value_type(self.name, kind)?
                }
            } else if places.parameters == Some(place) {
                DataType::Utf8
            } else {
                let constant = self.constants.get(place - places.constants);
                let refused = |must: &str| {
                    let name = constant.map_or("an argument", |c| c.name);
                    planned(
                        self.name,
                        format!(
                            "`{name}` is {kind}, but must be {must}: write {}",
                            self.usage
                        ),
                    )
                };
                match constant.map(|constant| constant.kind) {
                    Some(Written::Text) if kind.is_string() => DataType::Utf8,
                    Some(Written::Text) => return Err(refused("a text")),
                    Some(Written::Count) if kind.is_integer() => DataType::Int64,
                    Some(Written::Count) => return Err(refused("a whole number")),
                    Some(Written::Number) if kind.is_numeric() => DataType::Float64,
                    _ => return Err(refused("a number")),
                }
            });
        }
        Ok(kinds)
    }
}

/// A function over [`Spec`].
#[derive(Debug)]
pub(crate) struct Aggregate {
    spec: &'static Spec,
    signature: Signature,
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name == other.spec.name
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.name.hash(state);
    }
}

impl Aggregate {
    pub(crate) fn new(spec: &'static Spec) -> Self {
        Self {
            spec,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.spec.coerced(given)
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok((self.spec.kind)())
    }

    fn state_fields(&self, given: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let list = |what: &str, kind: DataType| {
            let name = format!("{}[{what}]", given.name);
            Arc::new(Field::new_list(
                name,
                Field::new_list_field(kind, true),
                true,
            ))
        };
        let values = self.spec.columns.iter();
        let values = values.map(|name| list(name, DataType::Float64));
        Ok(std::iter::once(list("time", DataType::Int64))
            .chain(values)
            .collect())
    }

    fn accumulator(&self, given: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let spec = self.spec;
        let kinds = given.expr_fields.iter().map(|field| field.data_type());
        let kinds: Vec<DataType> = kinds.cloned().collect();
        let places = spec.places(&kinds)?;
        if spec.order == Order::TimeOrOrderBy && !places.has_time && given.order_bys.is_empty() {
            return Err(planned(
                spec.name,
                format!("the order of the rows counts: write {}", spec.usage),
            ));
        }
        let end = places.parameters.unwrap_or(kinds.len());
        let constants = (places.constants..end).map(|place| {
            let constant = spec.constants.get(place - places.constants);
            let name = constant.map_or("an argument", |constant| constant.name);
            let found = arguments::literal(spec.name, name, given.exprs, place)?;
            Ok(found.unwrap_or(ScalarValue::Null))
        });
        let constants = constants.collect::<Result<Vec<_>>>()?;
        let text = match places.parameters {
            Some(place) => arguments::literal(spec.name, "the text", given.exprs, place)?,
            None => None,
        };
        let text = text.as_ref().and_then(|text| text.try_as_str().flatten());
        let mut parameters = arguments::parameters(spec.name, text.unwrap_or_default())?;
        let null_on_error = arguments::null_on_error(spec.name, &mut parameters)?;
        if let Parameters::These(known) = spec.parameters
            && let Some(unknown) = parameters.keys().find(|key| !known.contains(&key.as_str()))
        {
            let known = known.iter().chain(&["errors"]).copied();
            let known: Vec<&str> = known.collect();
            return Err(planned(
                spec.name,
                format!(
                    "parameter `{unknown}` is unknown; there are: {}",
                    known.join(", ")
                ),
            ));
        }
        Ok(Box::new(Group {
            spec,
            places,
            ordered: !given.order_bys.is_empty(),
            arguments: kinds.len(),
            said: Said {
                constants,
                parameters,
            },
            null_on_error,
            rows: Rows::new(spec.columns.len()),
        }))
    }
}

/// Gathers the rows of one group.
#[derive(Debug)]
struct Group {
    spec: &'static Spec,
    places: Places,
    /// Whether the call has `ORDER BY`, whose columns follow the arguments.
    ordered: bool,
    arguments: usize,
    said: Said,
    null_on_error: bool,
    rows: Rows,
}

impl Group {
    fn counts_time(&self) -> bool {
        self.places.has_time || self.ordered && self.spec.order == Order::TimeOrOrderBy
    }

    fn missing(&self) -> DataFusionError {
        failed(self.spec.name, "a column is missing")
    }
}

impl Accumulator for Group {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        if self.counts_time() {
            let place = if self.places.has_time {
                0
            } else {
                self.arguments
            };
            let time = columns.get(place).ok_or_else(|| self.missing())?;
            arguments::time_type(self.spec.name, time.data_type())?;
            self.rows.times.extend(times(self.spec.name, time)?);
        }
        let values = columns.iter().skip(usize::from(self.places.has_time));
        for (all, column) in self.rows.columns.iter_mut().zip(values) {
            all.extend(numbers(column)?);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some((times, values)) = states.split_first() else {
            return Ok(());
        };
        for list in lists(times) {
            let list = list.as_primitive::<Int64Type>().values().to_vec();
            self.rows.times.extend(list);
        }
        for (all, column) in self.rows.columns.iter_mut().zip(values) {
            for list in lists(column) {
                all.extend_from_slice(list.as_primitive::<Float64Type>().values());
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let times = std::mem::take(&mut self.rows.times);
        let times: ArrayRef = Arc::new(datafusion::arrow::array::Int64Array::from(times));
        let values = self.rows.columns.iter_mut().map(|column| {
            let column = std::mem::take(column);
            Arc::new(datafusion::arrow::array::Float64Array::from(column)) as ArrayRef
        });
        let columns = std::iter::once(times).chain(values);
        Ok(columns.map(list_of).collect())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.rows.len() == 0 {
            return ScalarValue::try_from((self.spec.kind)());
        }
        let rows = if self.counts_time() {
            self.rows.sorted()
        } else {
            Ok(self.rows.clone())
        };
        let rows = rows.map_err(|reason| failed(self.spec.name, reason))?;
        match (self.spec.compute)(&rows, &self.said) {
            Ok(found) => Ok(found),
            Err(_) if self.null_on_error => ScalarValue::try_from((self.spec.kind)()),
            Err(reason) => {
                let (count, begin) = (rows.len(), rows.times.first());
                let begin = begin.map_or_else(String::new, |ms| format!(" that begins at {ms} ms"));
                Err(failed(
                    self.spec.name,
                    format!(
                        "a group of {count} rows{begin}: {reason}; with 'errors=null' at the end it is NULL"
                    ),
                ))
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.rows.bytes()
    }
}

fn list_of(values: ArrayRef) -> ScalarValue {
    SingleRowListArrayBuilder::new(values)
        .with_nullable(true)
        .build_list_scalar()
}

fn lists(column: &ArrayRef) -> Vec<ArrayRef> {
    let lists: &ListArray = column.as_list();
    lists.iter().flatten().collect()
}
