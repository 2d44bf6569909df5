//! What was judged lately, to be drawn in messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bongsu_alert::Plotter;
use bongsu_core::{Alert, Labels, Timestamp, Verdict};

use crate::collect::Track;
use crate::config::QueryConfig;
use crate::report;

/// The most points kept of a series.
const MAX_POINTS: usize = 240;
/// The most points kept of all series together.
const MAX_ALL_POINTS: usize = 200_000;
/// The most series kept.
const MAX_SERIES: usize = 5_000;
/// A series without a value for so many steps of its query, and for [`LEAST_GONE`], is forgotten:
/// by then the plot of one that lives begins later than its last value.
const STEPS_GONE: i64 = 240;
/// An hour, in milliseconds.
const LEAST_GONE: i64 = 3_600_000;

type Tracks = BTreeMap<(String, Labels), Track>;

/// The newest verdicts of the series, for plots.
///
/// Memory: at most 240 verdicts of a series and 200,000 (20 MB) of at most 5,000 series. Beyond
/// that, series that were normal lately make room for those that are not. A series that had no value
/// for 240 steps of its query, at least an hour, is forgotten. It is not saved: after a restart plots
/// begin anew.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Tracks>);

impl Recent {
    /// What draws from it.
    pub(crate) fn plotter(recent: Option<&Arc<Self>>) -> Option<Arc<dyn Plotter>> {
        let recent = recent.map(Arc::clone);
        recent.map(|recent| recent as Arc<dyn Plotter>)
    }

    /// Takes note of verdicts.
    pub(crate) fn verdicts(&self, query: &QueryConfig, verdicts: &[Verdict]) {
        let mut tracks = self.tracks();
        for verdict in verdicts {
            let key = (query.name.clone(), verdict.labels.clone());
            if !tracks.contains_key(&key)
                && tracks.len() >= MAX_SERIES
                && !(verdict.anomalous && make_room(&mut tracks))
            {
                continue;
            }
            let most = (MAX_ALL_POINTS / tracks.len().max(1)).min(MAX_POINTS);
            let track = tracks.entry(key).or_default();
            track.unit.clone_from(&query.unit);
            track.push(verdict, most);
        }
        let newest = verdicts.iter().map(|verdict| verdict.timestamp).max();
        if let Some(newest) = newest {
            forget_gone(&mut tracks, query, newest);
        }
    }

    /// Forgets the series of the queries that are not in `names`.
    pub(crate) fn keep_queries(&self, names: &[&str]) {
        self.tracks()
            .retain(|(query, _), _| names.contains(&query.as_str()));
    }

    /// The series of `query` with something since `since`, the oddest first, at most `limit` of them;
    /// and how many there are.
    pub(crate) fn of_query(
        &self,
        query: &str,
        since: Timestamp,
        limit: usize,
    ) -> (Vec<(Labels, Track)>, usize) {
        let tracks = self.tracks();
        let first = (query.to_owned(), Labels::empty());
        let of_query = tracks
            .range(first..)
            .take_while(|((name, _), _)| name == query);
        let mut all: Vec<(f64, &Labels, &Track)> = of_query
            .map(|((_, labels), track)| {
                let scores = track.points.iter().filter_map(|point| point.score);
                (scores.fold(0.0, f64::max), labels, track)
            })
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let count = all.len();
        let newer = |track: &Track| Track {
            unit: track.unit.clone(),
            points: track
                .points
                .iter()
                .filter(|point| point.timestamp > since)
                .copied()
                .collect(),
        };
        let chosen = all.into_iter().take(limit);
        let chosen = chosen.map(|(_, labels, track)| (labels.clone(), newer(track)));
        (chosen.collect(), count)
    }

    fn tracks(&self) -> MutexGuard<'_, Tracks> {
        // A track is only added to, so a poisoned lock holds good values too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the series of `query` that had no value for long at `newest`.
fn forget_gone(tracks: &mut Tracks, query: &QueryConfig, newest: Timestamp) {
    let most = query.step.millis().saturating_mul(STEPS_GONE);
    let most = most.max(LEAST_GONE);
    let first = (query.name.clone(), Labels::empty());
    let of_query = tracks.range(first..);
    let of_query = of_query.take_while(|((name, _), _)| *name == query.name);
    let gone = of_query.filter(|(_, track)| {
        let points = &track.points;
        let last = points.iter().rfind(|point| point.value.is_some());
        let last = last.or_else(|| points.front());
        last.is_none_or(|last| newest.millis_since(last.timestamp) > most)
    });
    let gone: Vec<_> = gone.map(|(key, _)| key.clone()).collect();
    for key in &gone {
        tracks.remove(key);
    }
}

/// Forgets a series that was normal lately; whether there was one.
fn make_room(tracks: &mut Tracks) -> bool {
    let normal = |track: &Track| !track.points.iter().any(|point| point.anomalous);
    let found = tracks.iter().find(|(_, track)| normal(track));
    let key = found.map(|(key, _)| key.clone());
    key.is_some_and(|key| tracks.remove(&key).is_some())
}

impl Plotter for Recent {
    fn png(&self, alert: &Alert) -> Option<Vec<u8>> {
        let query = alert.labels.get("query")?.to_owned();
        let key = (query, alert.verdict.labels.clone());
        // Drawing takes a while, and judging must not wait for it.
        let track = self.tracks().get(&key)?.clone();
        report::png(&key.0, &key.1.selector(), &track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str, second: i64, value: f64) -> Verdict {
        let labels = Labels::from_pairs([("__name__", name)]).unwrap();
        Verdict {
            value: Some(value),
            score: Some(value),
            expected: Some(0.5),
            lower: Some(0.0),
            upper: Some(1.0),
            anomalous: value > 1.0,
            ..Verdict::unjudged(Timestamp::from_secs(second), labels)
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_odd_stays() {
        let recent = Recent::default();
        let query = QueryConfig::new("q", "x");
        for i in 0..MAX_SERIES {
            recent.verdicts(&query, &[verdict(&format!("s{i}"), 0, 0.5)]);
        }
        recent.verdicts(&query, &[verdict("late", 0, 0.5)]);
        assert!(
            !recent
                .tracks()
                .keys()
                .any(|(_, l)| l.metric_name() == Some("late"))
        );
        recent.verdicts(&query, &[verdict("late", 1, 5.0)]);
        assert!(
            recent
                .tracks()
                .keys()
                .any(|(_, l)| l.metric_name() == Some("late"))
        );
        assert_eq!(recent.tracks().len(), MAX_SERIES);
        for second in 2..1_000 {
            recent.verdicts(&query, &[verdict("late", second, 0.5)]);
        }
        let all: usize = recent.tracks().values().map(|t| t.points.len()).sum();
        assert_eq!(all, MAX_SERIES - 1 + MAX_ALL_POINTS / MAX_SERIES);
    }

    #[test]
    fn a_series_without_values_for_long_is_forgotten_and_so_are_queries_that_go() {
        let recent = Recent::default();
        let (query, other) = (QueryConfig::new("q", "x"), QueryConfig::new("r", "x"));
        let count = |of: &str| recent.of_query(of, Timestamp::MIN, usize::MAX).1;
        let most = (STEPS_GONE * query.step.millis()).max(LEAST_GONE) / 1_000;
        recent.verdicts(&other, &[verdict("far", 0, 0.5)]);
        recent.verdicts(&query, &[verdict("gone", 0, 0.5), verdict("stays", 0, 0.5)]);
        // It is told to be absent, which is no value.
        let absent = Verdict {
            value: None,
            ..verdict("gone", most, 0.5)
        };
        recent.verdicts(&query, &[absent, verdict("stays", most, 0.5)]);
        assert_eq!(count("q"), 2);
        recent.verdicts(&query, &[verdict("stays", most + 1, 0.5)]);
        assert_eq!((count("q"), count("r")), (1, 1));
        recent.keep_queries(&["q"]);
        assert_eq!((count("q"), count("r")), (1, 0));
    }

    #[cfg(feature = "png")]
    #[test]
    fn an_alert_gets_a_plot_of_its_series() {
        let recent = Recent::default();
        let query = QueryConfig::new("q", "x");
        for second in 0..100 {
            let value = if second > 90 { 9.0 } else { 0.5 };
            recent.verdicts(&query, &[verdict("up", second, value)]);
        }
        let worst = verdict("up", 91, 9.0);
        let labels = Labels::from_pairs([("metric", "up"), ("query", "q")]).unwrap();
        let mut lifecycle = bongsu_alert::Lifecycle::new();
        let policy = bongsu_alert::Policy::default();
        lifecycle.observe(&labels, &policy, &worst).unwrap();
        let alert = lifecycle.active().next().unwrap().clone();
        let png = recent.png(&alert).unwrap();
        assert!(
            png.starts_with(b"\x89PNG") && png.len() < 200_000,
            "{}",
            png.len()
        );
        let mut other = alert;
        other.verdict.labels = Labels::empty();
        assert_eq!(recent.png(&other), None);
    }
}
