//! Gathers what a run found, for its report.

use std::collections::{BTreeMap, VecDeque};

use bongsu_alert::Transition;
use bongsu_core::{Alert, Labels, Timestamp, Verdict};

use crate::Observer;
use crate::config::QueryConfig;

/// The most points kept of a series; older ones are dropped.
const MAX_POINTS: usize = 20_000;
/// The most points kept of all series together.
const MAX_ALL_POINTS: usize = 1_000_000;
/// The most series kept; further ones are judged but not drawn.
const MAX_SERIES: usize = 2_000;
/// The most alerts kept; older ones are dropped.
const MAX_ALERTS: usize = 10_000;
/// The most problems kept; older ones are dropped.
const MAX_PROBLEMS: usize = 1_000;

/// What a run found: the verdicts of each series, the alerts, and what was wrong with the data.
///
/// Memory: the newest verdicts, at most 20,000 of a series and about a million (100 MB) of all of
/// at most 2,000 series.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    tracks: BTreeMap<(String, Labels), Track>,
    alerts: VecDeque<Alert>,
    problems: VecDeque<(String, String)>,
}

/// The verdicts of one series.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// The unit of the values, when the query names one.
    pub unit: Option<String>,
    /// In order of time.
    pub points: VecDeque<Point>,
}

/// What a plot needs of a verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub timestamp: Timestamp,
    /// The value; `None` when absent.
    pub value: Option<f64>,
    /// What was expected.
    pub expected: Option<f64>,
    /// The lower bound.
    pub lower: Option<f64>,
    /// The upper bound.
    pub upper: Option<f64>,
    /// The calibrated score.
    pub score: Option<f64>,
    /// Whether the point is anomalous.
    pub anomalous: bool,
}

impl Track {
    /// Adds a verdict, and drops the oldest points beyond `most`.
    pub(crate) fn push(&mut self, verdict: &Verdict, most: usize) {
        self.points.push_back(Point {
            timestamp: verdict.timestamp,
            value: verdict.value,
            expected: verdict.expected,
            lower: verdict.lower,
            upper: verdict.upper,
            score: verdict.score,
            anomalous: verdict.anomalous,
        });
        let excess = self.points.len().saturating_sub(most);
        self.points.drain(..excess);
    }
}

impl Collector {
    /// The series by query and labels.
    pub fn tracks(&self) -> impl Iterator<Item = (&str, &Labels, &Track)> {
        self.tracks
            .iter()
            .map(|((query, labels), track)| (query.as_str(), labels, track))
    }

    /// The verdicts of the series behind `alert`.
    #[must_use]
    pub fn track_of(&self, alert: &Alert) -> Option<&Track> {
        let query = alert.labels.get("query")?;
        self.tracks
            .get(&(query.to_owned(), alert.verdict.labels.clone()))
    }

    /// The alerts in the order in which they fired, each as it was when it was last heard of.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = &Alert> {
        self.alerts.iter()
    }

    /// What was wrong: query and message, in order.
    pub fn problems(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.problems
            .iter()
            .map(|(query, message)| (query.as_str(), message.as_str()))
    }

    /// The first and the last moment judged.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let ends = |track: &Track| {
            Some((
                track.points.front()?.timestamp,
                track.points.back()?.timestamp,
            ))
        };
        self.tracks
            .values()
            .filter_map(ends)
            .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
    }
}

impl Observer for Collector {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        let most = (MAX_ALL_POINTS / self.tracks.len().max(1)).min(MAX_POINTS);
        for verdict in verdicts {
            let key = (query.name.clone(), verdict.labels.clone());
            if self.tracks.len() >= MAX_SERIES && !self.tracks.contains_key(&key) {
                continue;
            }
            let track = self.tracks.entry(key).or_default();
            track.unit.clone_from(&query.unit);
            track.push(verdict, most);
        }
    }

    fn transition(&mut self, transition: &Transition) {
        match transition {
            Transition::Fired(alert) => push_bounded(&mut self.alerts, alert.clone(), MAX_ALERTS),
            Transition::Resolved(alert) => {
                let same =
                    |a: &&mut Alert| a.labels == alert.labels && a.starts_at == alert.starts_at;
                match self.alerts.iter_mut().rev().find(same) {
                    Some(known) => *known = alert.clone(),
                    None => push_bounded(&mut self.alerts, alert.clone(), MAX_ALERTS),
                }
            }
            _ => {}
        }
    }

    fn problem(&mut self, query: &str, message: &str) {
        push_bounded(
            &mut self.problems,
            (query.to_owned(), message.to_owned()),
            MAX_PROBLEMS,
        );
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}
