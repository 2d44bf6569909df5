//! What can be told of a judgement that no labels are there for.

use std::collections::BTreeMap;

use bongsu_core::ndarray::ArrayView2;
use bongsu_eval::events;

use crate::tune::{later, same_top, weeks};
use crate::{DetectRequest, DetectedRow, Error, Table, detect};

/// The measures of `judged`, which is what `request` finds in `table`:
///
/// - `stability`: the detector runs again without the first tenth of the rows. The share of the rows
///   that are among the highest hundredth (at least ten) of both runs' scores, of those that are among
///   them in either.
/// - `alarms_per_week`: runs of anomalous rows, a week of the series.
/// - `band_coverage`: the share of the values with a band that lie within it.
///
/// One that does not exist, as the coverage of a detector without a band, is left out.
pub(super) fn measures(
    table: &Table,
    judged: &[DetectedRow],
    request: &DetectRequest,
) -> Result<BTreeMap<String, f64>, Error> {
    let part = detect(&later(table), request)?;
    let both: Vec<[f64; 2]> = judged
        .iter()
        .skip(judged.len() - part.len())
        .zip(&part)
        .filter_map(|(whole, part)| Some([whole.score?, part.score?]))
        .collect();
    if both.is_empty() {
        return Err(Error::input("no row has a score"));
    }
    let alarms: Vec<bool> = judged.iter().map(|row| row.anomalous).collect();
    let weeks = weeks(table);
    let rate = (weeks > 0.0).then(|| events(&alarms).len() as f64 / weeks);
    let found = [
        ("stability", Some(same_top(&both))),
        ("alarms_per_week", rate),
        ("band_coverage", coverage(&table.values.view(), judged)),
    ];
    let present = |(name, value): (&str, Option<f64>)| Some((name.to_owned(), value?));
    Ok(found.into_iter().filter_map(present).collect())
}

fn coverage(values: &ArrayView2<'_, f64>, judged: &[DetectedRow]) -> Option<f64> {
    let (mut within, mut all) = (0_u32, 0_u32);
    for (value, row) in values.iter().zip(judged) {
        if let Some(band) = row.expectation {
            all += 1;
            within += u32::from((band.lower..=band.upper).contains(value));
        }
    }
    (all > 0).then(|| f64::from(within) / f64::from(all))
}
