//! What is known of a series between ticks.

use bongsu_core::{Labels, StreamDetector, Timestamp};
use serde::{Deserialize, Serialize};

use super::Finding;
use super::late::Late;
use super::learned::Learned;
use super::outcomes::{Outcomes, Tally};
use super::tail::Tail;

/// What is known of one series between ticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesState {
    pub(crate) labels: Labels,
    pub(crate) learned: Learned,
    /// The newest judged moment.
    pub(crate) judged: Timestamp,
    /// The newest moment at which the series had a sample.
    pub(crate) last_seen: Timestamp,
    /// The newest moment at which that sample was a number.
    pub(crate) last_value: Timestamp,
    /// From where late points are learned, where they are waited for.
    pub(crate) late: Option<Box<Late>>,
    /// How surprising its scores are, where there is a budget of alerts.
    pub(crate) tail: Option<Box<Tail>>,
    /// What came of the latest moments, where detectors are trained: with it new ones are compared.
    pub(crate) outcomes: Option<Box<Outcomes>>,
    /// The labels of its alerts; rebuilt after loading.
    #[serde(skip)]
    pub(crate) identity: Labels,
}

impl SeriesState {
    /// The number of series that it is about.
    pub(crate) fn width(&self) -> usize {
        let channels = self.learned.channels.as_ref();
        channels.map_or(1, |channels| channels.names().len())
    }

    /// The bytes that it holds on the heap, without its labels.
    pub(crate) fn heap_bytes(&self) -> usize {
        let late = self.late.as_ref();
        let tail = self.tail.as_ref().map_or(0, |_| size_of::<Tail>());
        let outcomes = self.outcomes.as_ref();
        self.learned.heap_bytes()
            + late.map_or(0, |late| size_of::<Late>() + late.heap_bytes())
            + tail
            + outcomes.map_or(0, |all| size_of::<Outcomes>() + all.heap_bytes())
    }

    /// Whether one of `rows` would be anomalous; `None` where it says nothing of them.
    pub(crate) fn alarms_on_one_of(&self, rows: &[Vec<f64>]) -> Option<bool> {
        let detector = &self.learned.detector;
        let bound = detector.threshold().unwrap_or(1.0);
        let scores = rows
            .iter()
            .filter_map(|row| detector.score(row).ok()?.ready());
        scores.map(|score| score > bound).reduce(|a, b| a || b)
    }

    pub(crate) fn validate(&self) -> bongsu_core::Result<()> {
        self.learned.validate()?;
        self.late.as_ref().map_or(Ok(()), |late| late.validate())?;
        self.tail.as_ref().map_or(Ok(()), |tail| tail.validate())?;
        (self.outcomes.as_ref()).map_or(Ok(()), |outcomes| outcomes.validate())
    }

    /// What its detectors made of the moments from `from` to `to`.
    pub(crate) fn tally_within(&self, from: Timestamp, to: Timestamp) -> Tally {
        let outcomes = self.outcomes.as_ref();
        outcomes.map_or_else(Tally::default, |outcomes| outcomes.within(from, to))
    }
}

/// Lets each of `states` take note of those of `found` that are of its detector.
pub(super) fn note_outcomes(states: &mut [SeriesState], found: &[(usize, Finding)], span: i64) {
    // Absence and the like are not the detector's finding.
    for (place, finding) in found.iter().filter(|(_, finding)| finding.detected) {
        if let Some(state) = states.get_mut(*place) {
            let outcomes = state.outcomes.get_or_insert_default();
            outcomes.note(&finding.verdict, span);
        }
    }
}
