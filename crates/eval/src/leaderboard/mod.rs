//! Which detector is good at what, and what it costs.

mod page;
mod picture;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use crate::metrics::{Bootstrap, Interval, RankComparison, compare_ranks};

/// The main measure where there are no labels: how alike two judgements are, of which one begins
/// later.
const STABILITY: &str = "stability";

/// How one run of a detector on a series ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It was judged.
    Done,
    /// The detector refused the series.
    Failed,
    /// It would have taken longer than the limit.
    Skipped,
}

/// One run of a detector on a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The detector.
    pub detector: String,
    /// The data set.
    pub set: String,
    /// The kind of series within the set.
    pub family: String,
    /// The series within the set.
    pub series: String,
    /// `univariate`, `multivariate` or `tabular`.
    pub kind: String,
    /// Rows of the series.
    pub rows: usize,
    /// Channels of the series.
    pub channels: usize,
    /// How it ended.
    pub status: RunStatus,
    /// Why it did not end well.
    pub reason: Option<String>,
    /// The seconds of learning and judging all rows, on one thread.
    pub seconds: f64,
    /// The measures that exist, by name.
    pub measures: BTreeMap<String, f64>,
}

/// What a detector does on one set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetScore {
    /// The mean of the main measure over the series, with its interval.
    pub accuracy: Interval,
    /// The mean of each measure over the series that have it.
    pub measures: BTreeMap<String, f64>,
    /// The mean of the main measure in each family.
    pub families: BTreeMap<String, f64>,
    /// Series that were judged.
    pub series: usize,
    /// Series on which the detector failed, which count 0.
    pub failed: usize,
    /// Series that were left out for time, which do not count.
    pub skipped: usize,
    /// The mean microseconds a value (row and channel) of learning and judging.
    pub microseconds_per_value: f64,
    /// The standard score of the Numenta benchmark, for that set when all of its files were judged.
    pub nab: Option<[f64; 3]>,
}

/// A detector over all sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectorScore {
    /// Its name.
    pub name: String,
    /// Its scores by set.
    pub sets: BTreeMap<String, SetScore>,
    /// The bytes of its saved state after the rows of the reference series, as a stream.
    pub state_bytes: Option<u64>,
}

/// Which detector to take for a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The set.
    pub set: String,
    /// The detector.
    pub detector: String,
    /// Why.
    pub reason: String,
}

/// The ranks of the detectors that judged all series of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetRanks {
    /// The set.
    pub set: String,
    /// The detectors, in the order of the ranks.
    pub detectors: Vec<String>,
    /// Their mean ranks, with the tests.
    pub comparison: RankComparison,
}

/// Every detector on every set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leaderboard {
    /// The version of the JSON document.
    pub schema: u32,
    /// The sets with the name of their main measure and the number of their series.
    pub sets: BTreeMap<String, SetSummary>,
    /// The detectors, the best mean accuracy first.
    pub detectors: Vec<DetectorScore>,
    /// Ranks by set.
    pub ranks: Vec<SetRanks>,
    /// What to take.
    pub recommendations: Vec<Recommendation>,
    /// How it was measured, and what to mind.
    pub notes: Vec<String>,
}

/// A set of the leaderboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSummary {
    /// `vus_pr`, `pr_auc` for tables, or `stability` without labels.
    pub measure: String,
    /// `univariate`, `multivariate` or `tabular`.
    pub kind: String,
    /// Series with an anomaly; all that were measured, without labels.
    pub series: usize,
}

impl SetSummary {
    /// The name of the main measure for people.
    #[must_use]
    pub fn shown(&self) -> &'static str {
        match self.measure.as_str() {
            "pr_auc" => "PR-AUC",
            STABILITY => "stability",
            _ => "VUS-PR",
        }
    }

    /// What its series are, for people.
    pub(super) fn counted(&self) -> &'static str {
        if self.measure == STABILITY {
            "series without labels"
        } else {
            "series with anomalies"
        }
    }
}

impl Leaderboard {
    /// Sums up runs.
    ///
    /// The main measure of a set is VUS-PR, for tables PR-AUC, and without labels `stability`. Series without an anomaly count for
    /// cost only. A detector that failed on a series counts 0 there; series left out for time do not
    /// count, and a detector with such is not ranked on that set. Intervals are bootstrapped over the
    /// series. The recommendation of a set is the cheapest of the detectors whose mean rank is within
    /// the critical difference of the best.
    ///
    /// - `runs`: one a detector and series.
    /// - `state_bytes`: the saved state of each detector as a stream.
    /// - `nab`: the three NAB scores of detectors that judged all files, by set and detector.
    /// - `notes`: how it was measured.
    ///
    /// Cost: O(runs * 1000).
    #[must_use]
    pub fn of(
        runs: &[RunResult],
        state_bytes: &BTreeMap<String, u64>,
        nab: &BTreeMap<(String, String), [f64; 3]>,
        notes: Vec<String>,
    ) -> Self {
        let sets = summaries(runs);
        let names: BTreeSet<&str> = runs.iter().map(|run| run.detector.as_str()).collect();
        let mut detectors: Vec<DetectorScore> = names
            .into_iter()
            .map(|name| DetectorScore {
                name: name.to_owned(),
                sets: sets
                    .iter()
                    .filter_map(|(set, summary)| {
                        let nab = nab.get(&(set.clone(), name.to_owned())).copied();
                        let score = set_score(runs, name, set, &summary.measure, nab)?;
                        Some((set.clone(), score))
                    })
                    .collect(),
                state_bytes: state_bytes.get(name).copied(),
            })
            .collect();
        let mean = |one: &DetectorScore| {
            let sum: f64 = one.sets.values().map(|score| score.accuracy.estimate).sum();
            sum / one.sets.len().max(1) as f64
        };
        detectors.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
        let ranks: Vec<SetRanks> = sets
            .iter()
            .filter_map(|(set, summary)| set_ranks(runs, set, &summary.measure).ok().flatten())
            .collect();
        let recommendations = sets
            .keys()
            .filter_map(|set| recommend(set, &detectors, &ranks))
            .collect();
        Self {
            schema: 1,
            sets,
            detectors,
            ranks,
            recommendations,
            notes,
        }
    }

    /// The detectors of one set, the best first.
    #[must_use]
    pub fn of_set(&self, set: &str) -> Vec<(&DetectorScore, &SetScore)> {
        let scored = self.detectors.iter();
        let mut scored: Vec<_> = scored
            .filter_map(|one| Some((one, one.sets.get(set)?)))
            .collect();
        scored.sort_by(|a, b| b.1.accuracy.estimate.total_cmp(&a.1.accuracy.estimate));
        scored
    }
}

/// The value that a run counts, where it counts: 0 for one that failed.
fn value(run: &RunResult, measure: &str) -> Option<f64> {
    match run.status {
        RunStatus::Done => run.measures.get(measure).copied(),
        RunStatus::Failed => Some(0.0),
        RunStatus::Skipped => None,
    }
}

fn summaries(runs: &[RunResult]) -> BTreeMap<String, SetSummary> {
    let mut sets: BTreeMap<String, (String, bool, BTreeSet<&str>)> = BTreeMap::new();
    for run in runs {
        let set = sets.entry(run.set.clone()).or_default();
        set.0.clone_from(&run.kind);
        // Whether a series has an anomaly is known from any run that measured it.
        let steady = run.measures.contains_key(STABILITY);
        set.1 |= steady;
        if steady || run.measures.contains_key("pr_auc") {
            set.2.insert(&run.series);
        }
    }
    let summary = |(set, (kind, unlabelled, series)): (String, (String, bool, BTreeSet<&str>))| {
        let measure = if unlabelled {
            STABILITY
        } else if kind == "tabular" {
            "pr_auc"
        } else {
            "vus_pr"
        };
        let summary = SetSummary {
            measure: measure.to_owned(),
            kind,
            series: series.len(),
        };
        (set, summary)
    };
    sets.into_iter().map(summary).collect()
}

/// The series of a set that have the measure in some run.
fn measured<'a>(runs: &'a [RunResult], set: &str, measure: &str) -> BTreeSet<&'a str> {
    runs.iter()
        .filter(|run| run.set == set && run.measures.contains_key(measure))
        .map(|run| run.series.as_str())
        .collect()
}

fn set_score(
    runs: &[RunResult],
    detector: &str,
    set: &str,
    measure: &str,
    nab: Option<[f64; 3]>,
) -> Option<SetScore> {
    let with_anomaly = measured(runs, set, measure);
    let mine: Vec<&RunResult> = runs
        .iter()
        .filter(|run| run.detector == detector && run.set == set)
        .collect();
    let counted = |run: &&&RunResult| with_anomaly.contains(run.series.as_str());
    let values: Vec<f64> = mine
        .iter()
        .filter(counted)
        .filter_map(|run| value(run, measure))
        .collect();
    let accuracy = Bootstrap::default().mean(&values).ok()?;
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let mut families: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for run in &mine {
        for (name, value) in &run.measures {
            add(&mut sums, name, *value);
        }
    }
    for run in mine.iter().filter(counted) {
        if let Some(value) = value(run, measure) {
            add(&mut families, &run.family, value);
        }
    }
    let count = |status: RunStatus| mine.iter().filter(|run| run.status == status).count();
    // A refusal costs time too.
    let ran = mine.iter().filter(|run| run.status != RunStatus::Skipped);
    let (seconds, cells) = ran.fold((0.0, 0.0), |(seconds, cells), run| {
        (
            seconds + run.seconds,
            cells + (run.rows * run.channels) as f64,
        )
    });
    Some(SetScore {
        accuracy,
        measures: means(sums),
        families: means(families),
        series: count(RunStatus::Done),
        failed: count(RunStatus::Failed),
        skipped: count(RunStatus::Skipped),
        microseconds_per_value: 1e6 * seconds / cells,
        nab,
    })
}

fn add(sums: &mut BTreeMap<String, (f64, f64)>, name: &str, value: f64) {
    let sum = sums.entry(name.to_owned()).or_default();
    sum.0 += value;
    sum.1 += 1.0;
}

fn means(sums: BTreeMap<String, (f64, f64)>) -> BTreeMap<String, f64> {
    let mean = |(name, (sum, count))| (name, sum / count);
    sums.into_iter().map(mean).collect()
}

/// The ranks of the detectors that have a value for every series of the set.
fn set_ranks(runs: &[RunResult], set: &str, measure: &str) -> Result<Option<SetRanks>> {
    let series: Vec<&str> = measured(runs, set, measure).into_iter().collect();
    let mut values: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.set == set) {
        if let Some(value) = value(run, measure) {
            values
                .entry(&run.detector)
                .or_default()
                .insert(&run.series, value);
        }
    }
    values.retain(|_, of| series.iter().all(|one| of.contains_key(one)));
    if values.len() < 2 || series.len() < 2 {
        return Ok(None);
    }
    let row = |one: &&str| {
        values
            .values()
            .filter_map(|of| of.get(one).copied())
            .collect()
    };
    let table: Vec<Vec<f64>> = series.iter().map(row).collect();
    let mut comparison = compare_ranks(&table, 0.05)?;
    let mut ranked: Vec<(f64, &str)> = comparison
        .ranks
        .iter()
        .copied()
        .zip(values.keys().copied())
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    comparison.ranks = ranked.iter().map(|(rank, _)| *rank).collect();
    Ok(Some(SetRanks {
        set: set.to_owned(),
        detectors: ranked.iter().map(|(_, name)| (*name).to_owned()).collect(),
        comparison,
    }))
}

fn recommend(set: &str, detectors: &[DetectorScore], ranks: &[SetRanks]) -> Option<Recommendation> {
    let score = |name: &str| detectors.iter().find(|one| one.name == name)?.sets.get(set);
    let mut all: Vec<(&str, &SetScore)> = detectors
        .iter()
        .filter_map(|one| Some((one.name.as_str(), one.sets.get(set)?)))
        // A mean over some of the series is not one over all.
        .filter(|(_, score)| score.skipped == 0)
        .collect();
    all.sort_by(|a, b| b.1.accuracy.estimate.total_cmp(&a.1.accuracy.estimate));
    let (best_name, best) = *all.first()?;
    let Some(ranks) = ranks.iter().find(|ranks| ranks.set == set) else {
        return Some(Recommendation {
            set: set.to_owned(),
            detector: best_name.to_owned(),
            reason: format!(
                "highest mean ({:.3}); too few series or detectors to rank",
                best.accuracy.estimate
            ),
        });
    };
    let first = *ranks.comparison.ranks.first()?;
    let reach = first + ranks.comparison.critical_difference;
    let near = ranks.detectors.iter().zip(&ranks.comparison.ranks);
    let near: Vec<(&str, f64)> = near
        .filter(|(_, rank)| **rank <= reach)
        .map(|(name, rank)| (name.as_str(), *rank))
        .collect();
    let cost = |name: &str| score(name).map_or(f64::INFINITY, |score| score.microseconds_per_value);
    // Not told apart by rank is not enough where the mean is far below.
    let worth = |name: &str| {
        score(name).is_some_and(|one| one.accuracy.estimate >= 0.9 * best.accuracy.estimate)
    };
    let cheapest = near
        .iter()
        .filter(|(name, _)| worth(name))
        .min_by(|a, b| cost(a.0).total_cmp(&cost(b.0)));
    let (name, rank) = cheapest.copied().or_else(|| near.first().copied())?;
    let found = score(name)?;
    let alike = near.iter().filter(|(name, _)| worth(name)).count();
    let (mean, cost) = (found.accuracy.estimate, found.microseconds_per_value);
    let difference = ranks.comparison.critical_difference;
    let reason = if alike < 2 {
        format!(
            "mean {mean:.3}, mean rank {rank:.1}, {cost:.2} microseconds a value: no other of the detectors \
             whose rank is within the critical difference ({difference:.1}) of the best ({first:.1}) reaches \
             90 % of the highest mean"
        )
    } else {
        format!(
            "mean {mean:.3} (the highest is {best_name} with {:.3}), mean rank {rank:.1}, {cost:.2} \
             microseconds a value: the cheapest of {alike} detectors that reach 90 % of the highest mean and \
             whose rank is within the critical difference ({difference:.1}) of the best ({first:.1})",
            best.accuracy.estimate
        )
    };
    Some(Recommendation {
        set: set.to_owned(),
        detector: name.to_owned(),
        reason,
    })
}
