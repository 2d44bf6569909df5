//! Point-adjusted F1, for comparison with papers only.

use bongsu_core::Result;

use super::check;
use super::confusion::Confusion;
use super::events::events;

/// Why a point-adjusted F1 must not be used to choose a detector.
pub const POINT_ADJUST_WARNING: &str = "one alarm anywhere in an event counts as all of its rows, so \
     random scores reach high values on long events: do not choose a detector by it";

/// Rows counted after every event with an alarm in it counts as flagged throughout.
///
/// **Warning.** Random scores reach a high point-adjusted F1 where events are long: one alarm
/// anywhere in an event counts as all of its rows. It is here to compare with papers that report it;
/// read [`vus`](crate::vus) beside it.
///
/// # Errors
/// When the lengths differ.
///
/// Cost: O(n).
///
/// Source: Xu et al. 2018, <https://doi.org/10.1145/3178876.3185996>; the warning: Kim et al. 2022,
/// <https://doi.org/10.1609/aaai.v36i7.20680>.
///
/// ```
/// let labels = [false, true, true, true, true];
/// let alarms = [false, false, false, false, true];
/// assert_eq!(bongsu_eval::point_adjusted(&alarms, &labels)?.f1()?, 1.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn point_adjusted(alarms: &[bool], labels: &[bool]) -> Result<Confusion> {
    check::lengths("number of alarms", alarms.len(), labels.len())?;
    let mut adjusted = alarms.to_vec();
    for event in events(labels) {
        if let Some(rows) = adjusted.get_mut(event) {
            let found = rows.iter().any(|&alarm| alarm);
            rows.fill(found);
        }
    }
    Confusion::of(&adjusted, labels)
}
