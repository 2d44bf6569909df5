//! Why the automatic detector of a series takes the methods that it does.

use bongsu_core::DeviationFilter;
use bongsu_ml::auto::Look;

use super::{Channels, DetectRequest};
use crate::registry::Input;
use crate::{Error, Table};

/// For each channel of `table` what the detector `auto` takes for it and why; nothing for any other
/// detector. Channels that cannot be looked at are left out, as [`detect`](crate::detect) tells of
/// them.
///
/// Cost: the search for the period, without fitting anything.
#[must_use]
pub fn explain_choice(table: &Table, request: &DetectRequest) -> Vec<(String, String)> {
    if request.detector != "auto" {
        return Vec::new();
    }
    let filter = DeviationFilter::default();
    let look = |column: usize| -> Result<Look, Error> {
        let rows = Channels::new(table, &[column], Input::Series, request, &filter).learned()?;
        let values: Vec<f64> = rows.iter().copied().collect();
        Ok(Look::at(&values)?)
    };
    let channels = table.channels.iter().enumerate();
    channels
        .filter_map(|(column, name)| Some((name.clone(), look(column).ok()?.explanation())))
        .collect()
}
