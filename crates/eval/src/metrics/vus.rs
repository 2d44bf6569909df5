//! The volume under the surface: areas under the curves, averaged over tolerances around events.

use std::ops::Range;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::check;
use super::events::events;

/// How many thresholds the reference takes from the sorted scores.
const THRESHOLDS: usize = 250;
/// A window longer than this is refused: the work grows with its square.
const MAX_WINDOW: usize = 100_000;

/// The volumes under the surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Vus {
    /// Of the receiver operating characteristics; 0.5 for random scores.
    pub roc: f64,
    /// Of the precision-recall curves.
    pub pr: f64,
}

/// The volume under the surface of ROC and of precision-recall.
///
/// For each tolerance `w` from 0 to `window`, every event is extended by `w / 2` rows on both sides,
/// a row `d` outside being labelled `sqrt(1 - d / w)` (sums are cut at 1). At each of 250 thresholds,
/// taken evenly from the sorted scores, with `L` the labels of the flagged rows summed and `P` the
/// labelled rows of the events:
/// `recall = min(L / (P + E / 2), 1) * share of extended events with an alarm`, `E` the part of `L`
/// outside the events; `precision = L / flagged`. The areas under both curves are averaged over `w`.
///
/// - `scores`: higher is more anomalous; no NaN.
/// - `labels`: one a score.
/// - `window`: the largest tolerance in rows; domain [0, 100000], 100 in the references.
///
/// # Errors
/// When the lengths differ, a score is NaN, all rows are labelled alike, or the window is outside
/// its domain.
///
/// Cost: O(n log n + window * (250 + rows within half a window of an event)) time; O(n) memory.
///
/// Source: Paparrizos et al. 2022, <https://doi.org/10.14778/3551793.3551830>; equal to
/// `RangeAUC_volume_opt` of `TSB-AD` 1.5 and of `vus` 0.0.6, which agree.
///
/// ```
/// let labels: Vec<bool> = (0..500).map(|row| (200..220).contains(&row)).collect();
/// let scores: Vec<f64> = labels.iter().map(|&on| f64::from(u8::from(on))).collect();
/// let vus = bongsu_eval::vus(&scores, &labels, 0)?;
/// assert!(vus.roc > 0.999);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn vus(scores: &[f64], labels: &[bool], window: usize) -> Result<Vus> {
    check::pairs(scores, labels)?;
    if window > MAX_WINDOW {
        return Err(Error::parameter("window", window, "in [0, 100000]"));
    }
    let positives = labels.iter().filter(|&&label| label).count();
    check::both_classes("VUS", positives, labels.len())?;
    let surface = Surface::new(scores, labels);
    let (mut roc, mut pr) = (0.0, 0.0);
    for tolerance in 0..=window {
        let areas = surface.areas(tolerance);
        roc += areas.roc;
        pr += areas.pr;
    }
    let windows = check::float(window + 1);
    Ok(Vus {
        roc: roc / windows,
        pr: pr / windows,
    })
}

/// What does not depend on the tolerance.
struct Surface {
    /// The first threshold that each row reaches.
    reached: Vec<u8>,
    events: Vec<Range<usize>>,
    /// The first threshold that a row of each event reaches.
    event_reached: Vec<u8>,
    /// Flagged rows at each threshold.
    flagged: Vec<f64>,
    /// Flagged rows of events at each threshold.
    hits: Vec<f64>,
    positives: f64,
    rows: f64,
}

impl Surface {
    fn new(scores: &[f64], labels: &[bool]) -> Self {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let thresholds = thresholds(&sorted);
        // Counted, so that 0 and -0 tie.
        let reached: Vec<u8> = scores
            .iter()
            .map(|score| thresholds.partition_point(|threshold| threshold > score))
            .map(|index| u8::try_from(index).unwrap_or(u8::MAX))
            .collect();
        let (mut flagged, mut hits) = (vec![0.0; THRESHOLDS], vec![0.0; THRESHOLDS]);
        for (&index, &label) in reached.iter().zip(labels) {
            add(&mut flagged, index, 1.0);
            add(&mut hits, index, f64::from(u8::from(label)));
        }
        accumulate(&mut flagged);
        accumulate(&mut hits);
        let events = events(labels);
        let event_reached = events
            .iter()
            .map(|event| first_reached(&reached, event.clone()))
            .collect();
        Self {
            reached,
            event_reached,
            positives: events.iter().map(|event| check::float(event.len())).sum(),
            events,
            flagged,
            hits,
            rows: check::float(labels.len()),
        }
    }

    /// The areas with events extended by `tolerance / 2` rows.
    fn areas(&self, tolerance: usize) -> Vus {
        let (soft, found, zones) = self.extended(tolerance);
        let mut areas = Vus { roc: 0.0, pr: 0.0 };
        let mut before = [0.0, 0.0];
        let counts = soft
            .iter()
            .zip(&found)
            .zip(self.flagged.iter().zip(&self.hits));
        for ((&soft, &found), (&flagged, &hits)) in counts {
            let caught = hits + soft;
            let positives = self.positives + soft / 2.0;
            let recall = (caught / positives).min(1.0) * (found / zones);
            let false_rate = (flagged - caught) / (self.rows - positives);
            areas.roc += (false_rate - before[0]) * f64::midpoint(recall, before[1]);
            areas.pr += (recall - before[1]) * caught / flagged;
            before = [false_rate, recall];
        }
        areas.roc += (1.0 - before[0]) * f64::midpoint(1.0, before[1]);
        areas
    }

    /// The soft labels of flagged rows outside the events, summed, and the extended events found, at
    /// each threshold; and the number of extended events.
    fn extended(&self, tolerance: usize) -> (Vec<f64>, Vec<f64>, f64) {
        let half = tolerance / 2;
        let (mut soft, mut found) = (vec![0.0; THRESHOLDS], vec![0.0; THRESHOLDS]);
        let mut zones = 1.0;
        // The first threshold that a row of the current extended event reaches.
        let mut zone = u8::MAX;
        for index in 0..=self.events.len() {
            let gap = self.gap(index, half);
            let after = self.soften(gap.after(), &gap, tolerance, &mut soft);
            zone = zone.min(after);
            if gap.splits() {
                add(&mut found, zone, 1.0);
                zones += 1.0;
                zone = u8::MAX;
            }
            let before = self.soften(gap.before(), &gap, tolerance, &mut soft);
            zone = zone.min(before);
            let event = self.event_reached.get(index).copied();
            zone = zone.min(event.unwrap_or(u8::MAX));
        }
        add(&mut found, zone, 1.0);
        accumulate(&mut soft);
        accumulate(&mut found);
        (soft, found, zones)
    }

    /// The rows between event `index - 1` and event `index`.
    fn gap(&self, index: usize, half: usize) -> Gap {
        let end = |back: usize| {
            let at = index.checked_sub(back);
            at.and_then(|at| self.events.get(at)).map(|event| event.end)
        };
        let start = |ahead: usize| self.events.get(index + ahead).map(|event| event.start);
        Gap {
            half,
            rows: end(1).unwrap_or(0)..start(0).unwrap_or(self.reached.len()),
            ends: [end(1), end(2)],
            starts: [start(0), start(1)],
        }
    }

    /// Adds the soft labels of `rows` of `gap`, and gives the first threshold that one reaches.
    fn soften(&self, rows: Range<usize>, gap: &Gap, tolerance: usize, soft: &mut [f64]) -> u8 {
        let mut first = u8::MAX;
        let reached = self.reached.get(rows.clone()).unwrap_or_default();
        for (row, &reached) in rows.zip(reached) {
            add(soft, reached, gap.label(row, tolerance));
            first = first.min(reached);
        }
        first
    }
}

/// The rows between two events, with the two nearest events on both sides.
struct Gap {
    half: usize,
    rows: Range<usize>,
    ends: [Option<usize>; 2],
    starts: [Option<usize>; 2],
}

impl Gap {
    /// The rows that the event before reaches.
    fn after(&self) -> Range<usize> {
        let Some(end) = self.ends[0] else {
            return self.rows.start..self.rows.start;
        };
        self.rows.start..(end + self.half).min(self.rows.end)
    }

    /// The rows that only the event behind reaches.
    fn before(&self) -> Range<usize> {
        let Some(start) = self.starts[0] else {
            return self.rows.end..self.rows.end;
        };
        start.saturating_sub(self.half).max(self.after().end)..self.rows.end
    }

    /// Whether the extended events on both sides share no row.
    fn splits(&self) -> bool {
        match (self.ends[0], self.starts[0]) {
            (Some(end), Some(start)) => end + self.half + self.half <= start,
            _ => false,
        }
    }

    /// The label of a row: that of the one event in reach; two sum to more than 1, as each gives at
    /// least the root of a half.
    fn label(&self, row: usize, tolerance: usize) -> f64 {
        let behind = self.ends.iter().flatten().map(|end| row + 1 - end);
        let ahead = self.starts.iter().flatten().map(|start| start - row);
        let mut near = behind
            .chain(ahead)
            .filter(|distance| *distance <= self.half);
        match (near.next(), near.next()) {
            (Some(distance), None) => weight(distance, tolerance),
            (Some(_), Some(_)) => 1.0,
            (None, _) => 0.0,
        }
    }
}

fn weight(distance: usize, tolerance: usize) -> f64 {
    (1.0 - check::float(distance) / check::float(tolerance)).sqrt()
}

fn add(sums: &mut [f64], at: u8, value: f64) {
    if let Some(sum) = sums.get_mut(usize::from(at)) {
        *sum += value;
    }
}

fn accumulate(sums: &mut [f64]) {
    let mut total = 0.0;
    for sum in sums {
        total += *sum;
        *sum = total;
    }
}

fn first_reached(reached: &[u8], rows: Range<usize>) -> u8 {
    let rows = reached.get(rows).unwrap_or_default();
    rows.iter().copied().min().unwrap_or(u8::MAX)
}

/// 250 scores evenly by rank, from the highest to the lowest.
fn thresholds(sorted: &[f64]) -> Vec<f64> {
    let last = sorted.len().saturating_sub(1);
    let step = check::float(last) / check::float(THRESHOLDS - 1);
    let at = |index: usize| {
        if index + 1 == THRESHOLDS {
            return last;
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the reference truncates; the product is in [0, last]"
        )]
        let rank = (check::float(index) * step) as usize;
        rank.min(last)
    };
    (0..THRESHOLDS)
        .filter_map(|index| sorted.get(at(index)).copied())
        .collect()
}
