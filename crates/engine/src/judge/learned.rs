//! What points teach, and what is said of them.

use bongsu_core::{
    Drift, DriftDetector, Explanation, Fill, Labels, Result as CoreResult, StreamDetector,
    Timestamp, Verdict,
};
use bongsu_stream::DriftMonitor;
use serde::{Deserialize, Serialize};

use super::gaps;
use super::group::Channels;
use super::pieces::Grouping;
use super::shift::Shift;
use super::{Judge, normal, span};
use crate::registry::StreamState;

/// What the points of a series or group have taught: it follows from them and their times alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learned {
    pub(crate) detector: StreamState,
    /// The channels of a group; `None` for a series by itself.
    pub(crate) channels: Option<Box<Channels>>,
    /// The latest number, from which holes are filled; of a group the latest judged moment.
    pub(super) last: Option<(Timestamp, f64)>,
    /// What watches it for drift, where something does.
    pub(super) drift: Option<Box<DriftMonitor>>,
    /// When it first drifted since its detector was trained, by a drift that has not passed.
    pub(super) drifted: Option<Timestamp>,
    /// What tells whether it has passed.
    pub(super) shift: Option<Box<Shift>>,
}

/// A verdict, and whether it counts as the detector's: neither one on what is not there, nor one in
/// maintenance.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) verdict: Verdict,
    pub(super) detected: bool,
}

impl Learned {
    /// The bytes that it holds on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let channels = self.channels.as_ref();
        self.detector.heap_bytes()
            + channels.map_or(0, |channels| size_of::<Channels>() + channels.heap_bytes())
    }

    /// The channels of a group; none for a series by itself.
    pub(crate) fn channel_names(&self) -> Vec<&str> {
        let channels = self.channels.iter();
        channels.flat_map(|channels| channels.names()).collect()
    }

    /// When it drifted, unless that has passed by `now`, `patience` milliseconds later at least.
    pub(crate) fn drift_that_lasts(&mut self, now: Timestamp, patience: i64) -> Option<Timestamp> {
        if let (Some(since), Some(shift)) = (self.drifted, &mut self.shift) {
            self.drifted = shift.lasting(since, now, patience);
        }
        self.drifted
    }

    pub(crate) fn validate(&self) -> CoreResult<()> {
        self.detector.validate()?;
        self.channels
            .as_ref()
            .map_or(Ok(()), |channels| channels.validate())
    }
}

impl Judge {
    /// Judges the numbers of a moment and learns them, where the `setting` lets them teach.
    pub(super) fn step(
        &self,
        learned: &mut Learned,
        labels: &Labels,
        moment: Timestamp,
        row: &[f64],
        setting: Setting<'_>,
    ) -> Option<Said> {
        let said = match (&self.grouping, row) {
            (Some(grouping), _) => {
                self.step_of_group(grouping, learned, labels, moment, row, setting)
            }
            (None, &[value]) => {
                let verdict = self.step_of_series(learned, labels, moment, value, setting);
                verdict.map(|verdict| Said {
                    verdict,
                    detected: true,
                })
            }
            (None, _) => None,
        }?;
        if !setting.teaches() || !said.detected {
            return Some(Said {
                detected: false,
                ..said
            });
        }
        if let (Some(watch), Some(monitor)) = (&self.watch, &mut learned.drift)
            && let Some(x) = watch.look(&said.verdict)
        {
            let shift = learned.shift.get_or_insert_default();
            shift.update(x, learned.drifted.is_some());
            // Values that the method does not take, errors beyond 1 say, tell it nothing.
            if matches!(monitor.update(x), Ok(Drift::Drift)) {
                learned.drifted.get_or_insert(moment);
            }
        }
        Some(said)
    }

    fn step_of_series(
        &self,
        learned: &mut Learned,
        labels: &Labels,
        moment: Timestamp,
        value: f64,
        setting: Setting<'_>,
    ) -> Option<Verdict> {
        let teaches = setting.teaches();
        if teaches {
            self.fill_hole(learned, moment, value);
        }
        learned.last = (self.fill != Fill::None && teaches).then_some((moment, value));
        learned.detector.set_time(moment);
        let expectation = learned.detector.expectation();
        // The value is finite and alone, which is all that a detector of one metric asks for.
        let raw = if teaches {
            learned.detector.score_then_learn(&[value])
        } else {
            learned.detector.score(&[value])
        };
        let verdict = Verdict::judge(
            moment,
            labels.clone(),
            value,
            raw.ok()?,
            expectation,
            &self.calibrator,
            &self.filter,
        );
        Some(setting.applied_to(verdict))
    }

    /// Learns what lies between the latest point and the one at `moment`.
    fn fill_hole(&self, learned: &mut Learned, moment: Timestamp, value: f64) {
        let Some(before) = learned.last else {
            return;
        };
        for (time, value) in gaps::between(self.fill, self.step, before, (moment, value)) {
            learned.detector.set_time(time);
            // A value that the method refuses is a hole after all.
            let _ = learned.detector.learn(&[value]);
        }
    }

    fn step_of_group(
        &self,
        grouping: &Grouping,
        learned: &mut Learned,
        labels: &Labels,
        moment: Timestamp,
        row: &[f64],
        setting: Setting<'_>,
    ) -> Option<Said> {
        let channels = learned.channels.as_mut()?;
        channels.see(moment, row);
        let complete = channels.complete(moment, row, grouping.max_gap);
        let (missing, all) = (complete.missing.len(), channels.names().len());
        let missing_names = channels.list(&complete.missing);
        if complete.unknown || missing as f64 > grouping.max_missing * all as f64 {
            let why =
                format!("not judged: {missing} of {all} channels are missing: {missing_names}");
            return Some(self.not_judged(learned, labels, moment, why));
        }
        learned.detector.set_time(moment);
        let raw = learned.detector.score(&complete.values).ok()?;
        let score = raw.ready().map(|raw| self.calibrator.calibrate(raw));
        let mut verdict = Verdict {
            score,
            anomalous: score.is_some_and(|score| score > 1.0),
            ..Verdict::unjudged(moment, labels.clone())
        };
        if verdict.anomalous {
            let parts = learned
                .detector
                .contributions(&complete.values)
                .ok()
                .flatten();
            let parts = parts.unwrap_or_else(|| channels.distances(&complete.values));
            let contributions = channels.contributions(&parts);
            let made_up = complete
                .missing
                .iter()
                .filter_map(|&place| contributions.get(place));
            let made_up: f64 = made_up.map(|one| one.share).sum();
            verdict.explanation = Some(Explanation::from_contributions(contributions));
            if made_up > 0.5 {
                // What is not there cannot be anomalous.
                verdict.anomalous = false;
            }
        }
        if missing > 0 {
            let explanation = verdict.explanation.get_or_insert_default();
            let separator = if explanation.summary.is_empty() {
                ""
            } else {
                "; "
            };
            explanation.summary += &format!("{separator}missing: {missing_names}");
        }
        if setting.teaches() && missing == 0 && learned.detector.learn(&complete.values).is_ok() {
            channels.learn(row);
        }
        learned.last = Some((moment, 0.0));
        Some(Said {
            verdict: setting.applied_to(verdict),
            detected: true,
        })
    }

    /// Nothing is known of the row; after a while that counts as normal, or an alert would fire for
    /// as long as channels are missing.
    fn not_judged(
        &self,
        learned: &Learned,
        labels: &Labels,
        moment: Timestamp,
        why: String,
    ) -> Said {
        let since = learned
            .last
            .map_or(0, |(last, _)| moment.millis_since(last));
        let mut verdict = normal(labels, moment, why);
        if since <= self.quiet_after {
            verdict.score = None;
        } else if let Some(explanation) = &mut verdict.explanation {
            explanation.summary += &format!(" (for {})", span(since));
        }
        Said {
            verdict,
            detected: false,
        }
    }
}

/// What the numbers of a moment stand in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    /// The maintenance window around it: it neither alarms nor teaches.
    pub(super) window: Option<&'a str>,
    /// Whether its answer was whole. Of a partial one a value may be a sum over what is left of its
    /// parts: it is judged, and does not teach.
    pub(super) complete: bool,
}

impl Setting<'_> {
    const fn teaches(&self) -> bool {
        self.complete && self.window.is_none()
    }

    fn applied_to(&self, verdict: Verdict) -> Verdict {
        match self.window {
            None => verdict,
            Some(window) => in_maintenance(verdict, window),
        }
    }
}

/// A point that neither alarms nor teaches; its score is told.
fn in_maintenance(verdict: Verdict, window: &str) -> Verdict {
    Verdict {
        anomalous: false,
        explanation: Some(Explanation {
            summary: format!("maintenance: {window}"),
            contributions: Vec::new(),
        }),
        ..verdict
    }
}
