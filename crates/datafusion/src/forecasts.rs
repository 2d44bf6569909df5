//! A table function: the forecasts of a table, one row a step.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::functions::core::expr_ext::FieldAccessor as _;
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlanBuilder, col};
use futures::executor::block_on;

use crate::error::planned;

/// `forecasts('table', 'model', horizon [, level] [, 'parameter=value, ...'])`.
#[derive(Debug)]
pub(crate) struct Forecasts {
    forecast: Arc<AggregateUDF>,
}

const USAGE: &str = "forecasts('table', 'model', horizon [, level] [, 'parameter=value, ...'])";

/// The columns that the table must have: what names its series, the time and the value.
const COLUMNS: [&str; 3] = ["series", "ts", "value"];

impl Forecasts {
    pub(crate) const NAME: &'static str = "forecasts";

    /// Over the aggregate `forecast`.
    pub(crate) const fn new(forecast: Arc<AggregateUDF>) -> Self {
        Self { forecast }
    }
}

impl TableFunctionImpl for Forecasts {
    fn call_with_args(&self, given: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let refused = |reason: String| planned(Self::NAME, reason);
        let Some((table, constants)) = given.exprs().split_first() else {
            return Err(refused(format!("write {USAGE}")));
        };
        let Expr::Literal(name, _) = table else {
            return Err(refused(format!(
                "the table is `{table}`, but must be the text of its name: write {USAGE}"
            )));
        };
        let Some(name) = name.try_as_str().flatten() else {
            return Err(refused(format!(
                "the table is {name}, but must be the text of its name: write {USAGE}"
            )));
        };
        let state = given.session().as_any().downcast_ref::<SessionState>();
        let state = state.ok_or_else(|| refused("the session knows no tables".into()))?;
        let reference = TableReference::parse_str(name);
        let schema = state.schema_for_ref(reference.clone())?;
        let found = block_on(schema.table(reference.table()))?;
        let found = found.ok_or_else(|| refused(format!("there is no table `{name}`")))?;
        let columns = found.schema();
        if let Some(missing) = COLUMNS.iter().find(|name| columns.index_of(name).is_err()) {
            let there = columns.fields().iter().map(|field| field.name().as_str());
            let there: Vec<&str> = there.collect();
            return Err(refused(format!(
                "the table `{name}` has no column `{missing}`, but {}: name them series, ts and value in a view",
                there.join(", ")
            )));
        }
        let [series, time, value] = COLUMNS.map(col);
        let mut arguments = vec![time, value];
        arguments.extend(constants.iter().cloned());
        let call = self.forecast.call(arguments).alias("forecast");
        let part = |name: &str| col("forecast").field(name).alias(name);
        let plan = LogicalPlanBuilder::scan(reference, provider_as_source(found), None)?
            .aggregate(vec![series.clone()], vec![call])?
            .unnest_column("forecast")?
            .project(vec![
                series,
                part("ts"),
                part("mean"),
                part("lower"),
                part("upper"),
            ])?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}
