//! Affiliation precision and recall: how near alarms are to events, against alarms at random.

use std::ops::Range;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use super::check;
use super::events::events;

/// Affiliation precision, recall and F1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affiliation {
    /// How near the alarms are to their events, in [0, 1]; 0.5 for alarms at random.
    pub precision: f64,
    /// How near the events are to alarms, in [0, 1]; 0 for an event without an alarm in its zone.
    pub recall: f64,
    /// Their harmonic mean; 0 when both are 0.
    pub f1: f64,
}

/// A stretch of time in rows: row `i` is `[i, i + 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    start: f64,
    end: f64,
}

/// Affiliation precision and recall of `alarms` for `labels`, one of each a row.
///
/// Time is split into zones, one an event: the moments nearest to it. In a zone `E` with event `J`,
/// an alarm at distance `d` from `J` is worth the probability that a moment of `E` at random is
/// farther: `1 - (min(d, m) + d + |J|) / |E|`, `m` the smaller room beside `J`; 1 inside `J`.
/// Precision is the mean worth of the alarms of a zone, averaged over zones with alarms. Recall is
/// the same from each moment of `J` to the nearest alarm of the zone, averaged over all zones.
///
/// # Errors
/// When the lengths differ, or there is no labelled row or no alarm.
///
/// Cost: O(n).
///
/// Source: Huet, Navarro & Rossi 2022, <https://doi.org/10.1145/3534678.3539339>; equal to
/// `affiliation-metrics-py` as shipped in `TSB-AD` 1.5.
///
/// ```
/// let labels = [false, false, true, true, false, false, false, false];
/// let late = [false, false, false, false, true, false, false, false];
/// let measures = bongsu_eval::affiliation(&late, &labels)?;
/// assert!(measures.precision > 0.5 && measures.precision < 1.0);
/// assert_eq!(bongsu_eval::affiliation(&labels, &labels)?.f1, 1.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn affiliation(alarms: &[bool], labels: &[bool]) -> Result<Affiliation> {
    check::lengths("number of alarms", alarms.len(), labels.len())?;
    let alerts: Vec<Span> = events(alarms).iter().map(Span::of).collect();
    let labelled: Vec<Span> = events(labels).iter().map(Span::of).collect();
    check::some_anomaly("affiliation", labelled.len())?;
    check::some_alarm("affiliation precision", alerts.len())?;
    let whole = Span::of(&(0..labels.len()));
    let (mut precision, mut zones_with_alarms, mut recall) = (0.0, 0.0, 0.0);
    for (event, zone) in zones(&labelled, whole) {
        let inside = within(&alerts, zone);
        if inside.is_empty() {
            continue;
        }
        let length: f64 = inside.iter().map(Span::length).sum();
        let worth: f64 = inside.iter().map(|alert| alert.worth(event, zone)).sum();
        precision += worth / length;
        zones_with_alarms += 1.0;
        let reached: f64 = zones(&inside, zone)
            .filter_map(|(alert, near)| Some((alert, event.meet(near)?)))
            .map(|(alert, part)| part.nearness(alert, zone))
            .sum();
        recall += reached / event.length();
    }
    let precision = precision / zones_with_alarms;
    let recall = recall / check::float(labelled.len());
    let sum = precision + recall;
    Ok(Affiliation {
        precision,
        recall,
        f1: if sum > 0.0 {
            2.0 * precision * recall / sum
        } else {
            0.0
        },
    })
}

/// The parts of ordered `spans` inside `zone`.
fn within(spans: &[Span], zone: Span) -> Vec<Span> {
    let first = spans.partition_point(|span| span.end <= zone.start);
    let spans = spans.iter().skip(first);
    let spans = spans.take_while(|span| span.start < zone.end);
    spans.filter_map(|span| span.meet(zone)).collect()
}

/// Each of the ordered `spans` with the moments of `whole` that are nearest to it.
fn zones(spans: &[Span], whole: Span) -> impl Iterator<Item = (Span, Span)> + '_ {
    let middles = spans.windows(2).map(move |pair| match pair {
        [left, right] => f64::midpoint(left.end, right.start),
        _ => whole.end,
    });
    let starts = std::iter::once(whole.start).chain(middles.clone());
    let ends = middles.chain(std::iter::once(whole.end));
    let zones = starts.zip(ends).map(|(start, end)| Span { start, end });
    spans.iter().copied().zip(zones)
}

impl Span {
    fn of(rows: &Range<usize>) -> Self {
        Self {
            start: check::float(rows.start),
            end: check::float(rows.end),
        }
    }

    fn length(&self) -> f64 {
        self.end - self.start
    }

    /// What both share, unless that is empty.
    fn meet(&self, other: Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start < end).then_some(Self { start, end })
    }

    /// The parts before, inside and behind `other`.
    fn cut(&self, other: Self) -> [Option<Self>; 3] {
        let everything = |start, end| Self { start, end };
        [
            self.meet(everything(f64::NEG_INFINITY, other.start)),
            self.meet(other),
            self.meet(everything(other.end, f64::INFINITY)),
        ]
    }

    /// The worth of this alert for `event` in `zone`, integrated over its moments.
    fn worth(&self, event: Self, zone: Self) -> f64 {
        let room = (event.start - zone.start).min(zone.end - event.end);
        let outside = |near: f64, far: f64| {
            let short = (far.min(room).powi(2) - near.min(room).powi(2)) / 2.0
                + room * (far.max(room) - near.max(room));
            let long = (far * far - near * near) / 2.0;
            let within = event.length() * (far - near);
            (far - near) - (short + long + within) / zone.length()
        };
        let [before, inside, behind] = self.cut(event);
        inside.map_or(0.0, |part| part.length())
            + before.map_or(0.0, |part| {
                outside(event.start - part.end, event.start - part.start)
            })
            + behind.map_or(0.0, |part| {
                outside(part.start - event.end, part.end - event.end)
            })
    }

    /// How near `alert` is to this part of an event in `zone`, integrated over its moments.
    fn nearness(&self, alert: Self, zone: Self) -> f64 {
        let [before, inside, behind] = self.cut(alert);
        inside.map_or(0.0, |part| part.length())
            + before.map_or(0.0, |part| part.nearness_to(alert.start, zone))
            + behind.map_or(0.0, |part| part.nearness_to(alert.end, zone))
    }

    /// The same for an alarm at moment `alarm` outside this part: the integral over `y` of
    /// `1 - (min(d, m) + d) / |zone|`, `d = |y - alarm|`, `m` the distance of `y` to the zone's edge.
    fn nearness_to(&self, alarm: f64, zone: Self) -> f64 {
        let taken = |moment: f64| {
            let distance = (moment - alarm).abs();
            let edge = (moment - zone.start).min(zone.end - moment);
            distance.min(edge) + distance
        };
        // The integrand is linear between these.
        let mut bends = [
            self.start,
            f64::midpoint(zone.start, alarm).clamp(self.start, self.end),
            f64::midpoint(zone.start, zone.end).clamp(self.start, self.end),
            f64::midpoint(zone.end, alarm).clamp(self.start, self.end),
            self.end,
        ];
        bends.sort_unstable_by(f64::total_cmp);
        let pieces = bends.iter().zip(bends.iter().skip(1));
        let integral: f64 = pieces
            .map(|(&from, &to)| (to - from) * f64::midpoint(taken(from), taken(to)))
            .sum();
        self.length() - integral / zone.length()
    }
}
