//! Holding back anomalous points that are no rarer than the budget of alerts allows.

use std::collections::VecDeque;

use bongsu_core::{Error as CoreError, Explanation, Result as CoreResult, Timestamp};
use serde::{Deserialize, Serialize};

use super::tail::Episode;
use super::{Finding, SeriesState};

const DAY: f64 = 86_400_000.0;
/// The latest scores are kept in blocks of so long, and so many of these.
const BLOCK: i64 = 6 * 3_600_000;
const BLOCKS: usize = 28;
/// How many times the budget of surprises that passed count as normal points.
const MOST_PASSED: f64 = 2.0;
/// So many surprises are kept of a block, and four times its budget.
const LEAST_KEPT: f64 = 64.0;
const MOST_KEPT: f64 = 4_096.0;
/// The largest surprises that say how their chances fall beyond them.
const TAIL: usize = 16;

/// The latest surprises of the series of a query, which say how rare the next one is.
///
/// A point is tested when its series does not alarm already. Its surprise is minus the logarithm of
/// its chance by the tail of its own series; how often surprises as large came among the tests of
/// the last week is its conformal p-value, extrapolated exponentially where none was as large. Of
/// the points of a moment those pass that the procedure of Benjamini and Hochberg rejects at the
/// level `budget / moments a day`: when nothing is wrong it rejects at most so many on average (the
/// budget, over a day), whatever the law of the scores, and when much is wrong the bound falls with
/// the number of findings. Surprises that passed count as normal ones too, but no more than twice as
/// many as the budget, so that an outbreak does not raise the bound for a week.
///
/// Cost: O(1) a point, and O(k log k) for a moment with anomalous ones. Memory: 8 bytes for each of
/// the k largest surprises, 64 and four times the budget (at most 4,096) of each six hours of a
/// week, and the `Tail` of each series.
///
/// Source: Benjamini, Hochberg 1995, <https://doi.org/10.1111/j.2517-6161.1995.tb02031.x>; that it
/// holds for conformal p-values: Bates et al. 2023, <https://doi.org/10.1214/22-AOS2244>.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// Oldest first.
    blocks: VecDeque<Block>,
    /// Points that it has held back.
    pub(crate) held: u64,
    /// Points that passed.
    pub(crate) passed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Block {
    from: Timestamp,
    /// Points that were tested.
    tests: u64,
    /// The largest surprises of anomalous points, one an episode.
    largest: Vec<f64>,
    /// How many of these passed.
    passed: f64,
}

/// What the budget of a query is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) per_day: f64,
    /// The distance between moments.
    pub(super) step: i64,
}

/// An anomalous point of which is not decided yet.
struct Candidate {
    finding: usize,
    series: usize,
    surprise: f64,
    chance: f64,
}

impl Allowance {
    /// The level of the tests of a moment.
    fn level(self) -> f64 {
        (self.per_day * self.step as f64 / DAY).min(0.5)
    }

    /// How many surprises of a block are kept.
    fn kept(self) -> usize {
        (LEAST_KEPT + 4.0 * self.of_block()).min(MOST_KEPT) as usize
    }

    /// The budget of a block.
    fn of_block(self) -> f64 {
        self.per_day * BLOCK as f64 / DAY
    }
}

impl Budget {
    /// Holds back those of `findings`, in order of time and each with the place of its series, that
    /// are not rare enough; gives how many.
    pub(super) fn hold(
        &mut self,
        allowance: Allowance,
        findings: &mut [(usize, Finding)],
        series: &mut [SeriesState],
    ) -> u64 {
        let before = self.held;
        let moments =
            findings.chunk_by_mut(|(_, a), (_, b)| a.verdict.timestamp == b.verdict.timestamp);
        for of_moment in moments {
            self.hold_at_moment(allowance, of_moment, series);
        }
        self.held - before
    }

    fn hold_at_moment(
        &mut self,
        allowance: Allowance,
        findings: &mut [(usize, Finding)],
        series: &mut [SeriesState],
    ) {
        let Some(moment) = findings.first().map(|(_, f)| f.verdict.timestamp) else {
            return;
        };
        self.roll(moment);
        let mut tests = 0_u64;
        let mut candidates = Vec::new();
        for (place, (of, finding)) in findings.iter().enumerate() {
            let (Some(score), true) = (finding.verdict.score, finding.detected) else {
                continue;
            };
            let Some(state) = series.get_mut(*of) else {
                continue;
            };
            let tail = state.tail.get_or_insert_default();
            if !finding.verdict.anomalous {
                tail.episode = Episode::None;
                tail.learn(score);
                tests += 1;
                continue;
            }
            match tail.episode {
                Episode::Open => {}
                Episode::None | Episode::Held(_) => {
                    tests += 1;
                    candidates.push(Candidate {
                        finding: place,
                        series: *of,
                        surprise: tail.surprise(score),
                        chance: 1.0,
                    });
                    if tail.episode == Episode::None {
                        tail.learn(score);
                    }
                }
            }
        }
        if !candidates.is_empty() {
            let (seen, tops) = self.known();
            for candidate in &mut candidates {
                candidate.chance = chance(&tops, seen, candidate.surprise);
            }
        }
        let most = passing(&mut candidates, allowance.level(), tests);
        for (rank, candidate) in candidates.iter().enumerate() {
            let (Some(state), Some((_, finding))) = (
                series.get_mut(candidate.series),
                findings.get_mut(candidate.finding),
            ) else {
                continue;
            };
            let tail = state.tail.get_or_insert_default();
            let passes = rank < most;
            let before = match tail.episode {
                Episode::Held(before) => Some(before),
                Episode::None | Episode::Open => None,
            };
            self.count(allowance, candidate.surprise, before, passes);
            if passes {
                self.passed += 1;
                tail.episode = Episode::Open;
            } else {
                self.held += 1;
                tail.episode = Episode::Held(candidate.surprise.max(before.unwrap_or(0.0)));
                let a_day = candidate.chance * tests as f64 * DAY / allowance.step as f64;
                finding.hold_back(a_day, allowance.per_day);
            }
        }
        if let Some(block) = self.blocks.back_mut() {
            block.tests += tests;
        }
    }

    /// Goes on to the block of `moment`, and forgets what is too old.
    fn roll(&mut self, moment: Timestamp) {
        let is_new = self
            .blocks
            .back()
            .is_none_or(|block| moment.millis_since(block.from) >= BLOCK);
        if is_new {
            self.blocks.push_back(Block {
                from: moment.align_down(BLOCK),
                tests: 0,
                largest: Vec::new(),
                passed: 0.0,
            });
        }
        let week = BLOCK * BLOCKS as i64;
        let is_old = |block: &Block| moment.millis_since(block.from) >= week;
        while self.blocks.len() > BLOCKS || self.blocks.front().is_some_and(is_old) {
            self.blocks.pop_front();
        }
    }

    /// The number of tests, and the surprises that are known, largest first.
    fn known(&self) -> (f64, Vec<f64>) {
        let seen = self.blocks.iter().map(|block| block.tests as f64).sum();
        let all = self.blocks.iter().flat_map(|block| &block.largest);
        let mut tops: Vec<f64> = all.copied().collect();
        tops.sort_unstable_by(|a, b| b.total_cmp(a));
        (seen, tops)
    }

    /// Takes note of a surprise; `before` is what stands for its episode already.
    fn count(&mut self, allowance: Allowance, surprise: f64, before: Option<f64>, passes: bool) {
        if let Some(before) = before {
            if surprise <= before {
                return;
            }
            let same = |block: &mut Block| {
                let place = block.largest.iter().position(|known| *known == before);
                place.is_some_and(|place| {
                    block.largest.swap_remove(place);
                    true
                })
            };
            // The block of the episode's beginning may be gone.
            let _ = self.blocks.iter_mut().rev().any(same);
        }
        let Some(block) = self.blocks.back_mut() else {
            return;
        };
        if passes {
            if block.passed >= (MOST_PASSED * allowance.of_block()).max(1.0) {
                return;
            }
            block.passed += 1.0;
        }
        if block.largest.len() < allowance.kept() {
            block.largest.push(surprise);
            return;
        }
        let least = block.largest.iter_mut().min_by(|a, b| a.total_cmp(b));
        if let Some(least) = least.filter(|least| **least < surprise) {
            *least = surprise;
        }
    }

    pub(crate) fn validate(&self) -> CoreResult<()> {
        let fits = |block: &Block| {
            block.largest.len() <= MOST_KEPT as usize
                && block.largest.iter().all(|surprise| surprise.is_finite())
                && block.passed >= 0.0
        };
        if self.blocks.len() <= BLOCKS && self.blocks.iter().all(fits) {
            Ok(())
        } else {
            Err(CoreError::snapshot(
                "the scores behind the budget of alerts are outside their domain",
            ))
        }
    }
}

/// The chance that a normal point is as surprising, by the `tops` of `seen` points, largest first.
fn chance(tops: &[f64], seen: f64, surprise: f64) -> f64 {
    let as_large = tops.partition_point(|top| *top >= surprise);
    let rank = (as_large as f64 + 1.0) / (seen + 1.0);
    if as_large > 0 {
        return rank.min(1.0);
    }
    // Beyond all that was seen chances fall as they did up to there, and at least as slowly as the
    // tails of the series themselves say.
    let beyond = tops.iter().take(TAIL);
    let (count, last) = (beyond.len(), tops.get(TAIL).copied());
    let start = tops
        .first()
        .map_or((seen + 1.0).ln(), |top| top.max((seen + 1.0).ln()));
    let slope = match last {
        Some(last) if count > 0 => beyond.map(|top| top - last).sum::<f64>() / count as f64,
        _ => 1.0,
    };
    rank.min(1.0) * (-(surprise - start).max(0.0) / slope.max(1.0)).exp()
}

/// Sorts `candidates` by their chances and gives how many of them pass at `level` among `tests`.
fn passing(candidates: &mut [Candidate], level: f64, tests: u64) -> usize {
    candidates.sort_by(|a, b| a.chance.total_cmp(&b.chance).then(a.series.cmp(&b.series)));
    let share = level / tests.max(1) as f64;
    let within = candidates
        .iter()
        .enumerate()
        .filter(|(i, candidate)| candidate.chance <= share * (i + 1) as f64);
    within.map(|(i, _)| i + 1).max().unwrap_or(0)
}

impl Finding {
    fn hold_back(&mut self, a_day: f64, budget: f64) {
        let score = self.verdict.score.unwrap_or(0.0);
        let held = format!(
            "held back by the alert budget: a score of {score:.2} or the like comes {} times a day, \
             the budget is {budget}",
            rounded(a_day)
        );
        let explanation = self
            .verdict
            .explanation
            .get_or_insert_with(Explanation::default);
        explanation.summary = if explanation.summary.is_empty() {
            held
        } else {
            format!("{held}; {}", explanation.summary)
        };
        // At the bound: what is anomalous lies above it, wherever scores are read.
        self.verdict.score = Some(1.0);
        self.verdict.anomalous = false;
    }
}

/// With two significant digits.
fn rounded(x: f64) -> String {
    if x >= 10.0 {
        format!("{x:.0}")
    } else if x >= 1.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}
