//! What is said of a query that cannot be done.

use std::fmt::Display;

use datafusion::error::DataFusionError;

/// Of a query before it runs.
pub(crate) fn planned(name: &str, reason: impl Display) -> DataFusionError {
    DataFusionError::Plan(format!("{name}: {reason}"))
}

/// Of rows.
pub(crate) fn failed(name: &str, reason: impl Display) -> DataFusionError {
    DataFusionError::Execution(format!("{name}: {reason}"))
}

/// Whether an error is one of the query, rather than of the rows or the machine.
#[must_use]
pub fn is_about_query(error: &DataFusionError) -> bool {
    matches!(
        error.find_root(),
        DataFusionError::Plan(_)
            | DataFusionError::SQL(..)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_)
    )
}
