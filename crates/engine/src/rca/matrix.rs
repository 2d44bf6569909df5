//! What moves together in an incident.

use bongsu_core::format_duration;
use bongsu_rca::correlation::spearman;
use bongsu_report::CorrelationMatrix;

use super::RcaOutcome;
use crate::Error;

/// The most metrics.
const MOST: usize = 16;

/// How closely the highest ranked metrics go together around the onset, as long before and after it as in
/// the relations of the report: their correlations by rank, of which a spike is not more than its place. `None` where there are fewer than
/// two.
///
/// # Errors
/// When the parts do not fit together, which would be a defect of this crate.
pub fn rca_correlations(found: &RcaOutcome) -> Result<Option<CorrelationMatrix>, Error> {
    let data = &found.observations;
    let (onset, around) = (found.report.onset, found.relations_around);
    let millis = i64::try_from(around.as_millis()).unwrap_or(i64::MAX);
    let from = data.row_at(onset.add_millis(-millis));
    let to = data.row_at(onset.add_millis(millis.saturating_add(1)));
    let mut names = Vec::new();
    let mut columns: Vec<&[f64]> = Vec::new();
    for metric in found.report.metrics.iter().take(MOST) {
        let is_it = |m: &bongsu_rca::Metric| m.service == metric.service && m.name == metric.metric;
        let place = data.metrics().iter().position(is_it);
        if let Some(values) = place.and_then(|i| data.columns().get(i)) {
            names.push(format!("{} of {}", metric.metric, metric.service));
            columns.push(values.get(from..to).unwrap_or_default());
        }
    }
    if columns.len() < 2 {
        return Ok(None);
    }
    let row = |(i, a): (usize, &&[f64])| -> Vec<f64> {
        let others = columns.iter().enumerate();
        others
            .map(|(j, b)| match spearman(a, b) {
                // A metric that does not move goes with none, but is itself.
                Ok(_) if i == j => 1.0,
                Ok(found) => found.r,
                // There are too few moments at which both are known.
                Err(_) => f64::NAN,
            })
            .collect()
    };
    let rows = columns.iter().enumerate().map(row).collect();
    let matrix = CorrelationMatrix::new("What moves together", names, rows);
    let matrix = matrix.map_err(Error::report)?;
    let all = found.report.metrics.len();
    let words = format!(
        "By rank, from {length} before the onset to {length} after it, of {} of {all} metrics, those with \
         the highest scores.",
        columns.len(),
        length = format_duration(around)
    );
    Ok(Some(matrix.subtitle(words)))
}
