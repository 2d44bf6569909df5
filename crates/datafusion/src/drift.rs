//! Where the distribution of a metric has changed.

use std::sync::Arc;

use bongsu_core::{Drift, DriftDetector as _};
use bongsu_engine::registry;
use bongsu_stream::DriftState;
use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{PartitionEvaluator, Signature, Volatility, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;

use crate::arguments::{self, number_at, numbers, time_at, times};
use crate::error::{failed, planned};
use crate::scores::{coerced, columns, texts, unordered};

/// The window function `adwin_drift`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Drifts {
    signature: Signature,
}

impl Drifts {
    pub(crate) const NAME: &'static str = "adwin_drift";

    pub(crate) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl WindowUDFImpl for Drifts {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let usage = "adwin_drift([ts,] value [, 'parameter=value, ...'])";
        coerced(Self::NAME, usage, false, (0, 1), given)
    }

    fn expressions(&self, given: ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>> {
        columns(&given)
    }

    fn field(&self, given: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(given.name(), DataType::Boolean, true)))
    }

    fn partition_evaluator(
        &self,
        given: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let text = texts(Self::NAME, &given)?.into_iter().next();
        let parameters = arguments::parameters(Self::NAME, &text.unwrap_or_default())?;
        let method = registry::drift::method("adwin", &parameters);
        let method = method.map_err(|e| planned(Self::NAME, e))?;
        let state = method.build().map_err(|e| planned(Self::NAME, e))?;
        Ok(Box::new(Watch { state, last: None }))
    }
}

/// Watches one partition.
#[derive(Debug)]
struct Watch {
    state: DriftState,
    last: Option<i64>,
}

impl Watch {
    /// Whether there is drift at a value; unknown where it is missing.
    fn push(&mut self, time: Option<i64>, value: f64) -> Result<Option<bool>> {
        if let Some(time) = time
            && self.last.replace(time).is_some_and(|last| time <= last)
        {
            return Err(failed(Drifts::NAME, unordered(time)));
        }
        if !value.is_finite() {
            return Ok(None);
        }
        let found = self.state.update(value);
        let found = found.map_err(|e| failed(Drifts::NAME, e))?;
        Ok(Some(found == Drift::Drift))
    }
}

impl PartitionEvaluator for Watch {
    fn evaluate_all(&mut self, columns: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let Some(value) = columns.last() else {
            return Err(failed(Drifts::NAME, "there is no column"));
        };
        let moments = match columns {
            [time, _] => Some(times(Drifts::NAME, time)?),
            _ => None,
        };
        let values = numbers(value)?.into_iter().enumerate();
        let found = values.map(|(row, value)| {
            let time = moments.as_ref().and_then(|times| times.get(row)).copied();
            self.push(time, value)
        });
        Ok(Arc::new(found.collect::<Result<BooleanArray>>()?))
    }

    fn evaluate(
        &mut self,
        columns: &[ArrayRef],
        range: &std::ops::Range<usize>,
    ) -> Result<ScalarValue> {
        let time = match columns {
            [time, _] => Some(time_at(Drifts::NAME, time, range.start)?),
            _ => None,
        };
        let value = columns
            .last()
            .map_or(f64::NAN, |column| number_at(column, range.start));
        Ok(ScalarValue::Boolean(self.push(time, value)?))
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn supports_bounded_execution(&self) -> bool {
        true
    }
}
