//! What a detector made of the latest moments, in numbers: what another one is compared with.

use std::collections::VecDeque;

use bongsu_core::{Error, Result, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use crate::config::{Span, TrainingConfig};

/// Stretches of the same length that are kept apart before the two oldest of them become one.
///
/// The oldest stretch is then at most about a third of all that is remembered.
const APART: usize = 3;

/// Outcomes are remembered for so many steps more than a holdout has.
const STEPS_OF_TRAINING: i64 = 20;

/// Verdicts in numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Points with a score.
    pub(crate) judged: u64,
    /// Anomalous ones.
    pub(crate) anomalous: u64,
    /// Points of which something was expected, and the sum of the distances from it.
    expected: u64,
    error: f64,
}

impl Tally {
    fn of(verdict: &Verdict) -> Self {
        if verdict.score.is_none() {
            return Self::default();
        }
        let error = match (verdict.value, verdict.expected) {
            (Some(value), Some(expected)) => Some((value - expected).abs()),
            _ => None,
        };
        Self {
            judged: 1,
            anomalous: u64::from(verdict.anomalous),
            expected: u64::from(error.is_some()),
            error: error.unwrap_or(0.0),
        }
    }

    pub(crate) fn join(mut self, other: &Self) -> Self {
        self.judged += other.judged;
        self.anomalous += other.anomalous;
        self.expected += other.expected;
        self.error += other.error;
        self
    }

    /// The share of anomalous points.
    pub(crate) fn alarm_rate(&self) -> Option<f64> {
        (self.judged > 0).then(|| self.anomalous as f64 / self.judged as f64)
    }

    /// The mean distance of values from what was expected of them.
    pub(crate) fn mean_error(&self) -> Option<f64> {
        (self.expected > 0).then(|| self.error / self.expected as f64)
    }
}

/// Moments that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    moments: u64,
    tally: Tally,
}

/// The latest moments of a series: the newest one by one, older ones in stretches that double in
/// length, so that any of the last so many moments are counted nearly exactly in a few numbers.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcomes(VecDeque<Stretch>);

impl Outcomes {
    /// Takes note of a verdict of the detector, and forgets what is more than `span` older.
    pub(super) fn note(&mut self, verdict: &Verdict, span: i64) {
        let at = verdict.timestamp;
        let tally = Tally::of(verdict);
        match self.0.back_mut() {
            // What comes late, or a second time after a restart.
            Some(last) if at <= last.to => last.tally = last.tally.join(&tally),
            _ => self.0.push_back(Stretch {
                from: at,
                to: at,
                moments: 1,
                tally,
            }),
        }
        while (self.0.front()).is_some_and(|first| at.millis_since(first.to) > span) {
            self.0.pop_front();
        }
        self.compact();
    }

    /// Lets no more than `APART` stretches be of one length.
    fn compact(&mut self) {
        let mut end = self.0.len();
        while let Some(newest) = end.checked_sub(1).and_then(|last| self.0.get(last)) {
            let length = newest.moments;
            let of_it = self.0.iter().take(end).rev();
            let count = of_it.take_while(|one| one.moments == length).count();
            if count <= APART {
                return;
            }
            let first = end - count;
            if let (Some(old), Some(next)) = (self.0.get(first).copied(), self.0.get_mut(first + 1))
            {
                next.from = old.from;
                next.moments += old.moments;
                next.tally = old.tally.join(&next.tally);
            }
            self.0.remove(first);
            end = first + 1;
        }
    }

    /// What was made of the moments from `from` to `to`: of the stretches whose middle is within.
    pub(crate) fn within(&self, from: Timestamp, to: Timestamp) -> Tally {
        let middle = |one: &Stretch| one.from.add_millis(one.to.millis_since(one.from) / 2);
        let within = |one: &&Stretch| (from..=to).contains(&middle(one));
        let stretches = self.0.iter().filter(within);
        stretches.fold(Tally::default(), |sum, one| sum.join(&one.tally))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Stretch>()
    }

    pub(super) fn validate(&self) -> Result<()> {
        let in_order = self.0.iter().zip(self.0.iter().skip(1));
        if self.0.iter().all(|one| one.from <= one.to)
            && in_order.into_iter().all(|(a, b)| a.to < b.from)
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the outcomes of a series are not in order of time",
            ))
        }
    }
}

/// For how long outcomes are remembered: as long as a holdout is, and until a training has ended.
pub(super) fn remembered(training: &TrainingConfig, step: Span) -> i64 {
    let holdout = training.window.millis() as f64 * training.holdout;
    (holdout as i64).saturating_add(step.millis().saturating_mul(STEPS_OF_TRAINING))
}

#[cfg(test)]
mod tests {
    use bongsu_core::Labels;

    use super::*;

    fn verdict(at: i64, expected: f64) -> Verdict {
        Verdict {
            value: Some(10.0),
            score: Some(0.5),
            expected: Some(expected),
            ..Verdict::unjudged(Timestamp::from_secs(at), Labels::empty())
        }
    }

    #[test]
    fn thousands_of_moments_are_counted_in_a_few_stretches() {
        let mut outcomes = Outcomes::default();
        for at in 1..=5_000 {
            outcomes.note(&verdict(at, if at > 4_900 { 7.0 } else { 9.0 }), 2_000_000);
            outcomes.validate().unwrap();
        }
        assert!(outcomes.0.len() <= (APART + 1) * 11, "{}", outcomes.0.len());
        let within =
            |from, to| outcomes.within(Timestamp::from_secs(from), Timestamp::from_secs(to));
        let all = within(0, 9_999);
        assert!((2_000..2_900).contains(&all.judged), "{}", all.judged);
        // The newest are exact; of a hundred at most a sixth is counted too much or too little.
        assert_eq!(within(4_999, 5_000).judged, 2);
        assert_eq!(within(5_001, 9_999).judged, 0);
        let latest = within(4_901, 5_000);
        assert!((84..=117).contains(&latest.judged), "{}", latest.judged);
        assert!(latest.mean_error().unwrap() > 2.8);
        let before = within(3_901, 4_900);
        assert!((830..=1_170).contains(&before.judged), "{}", before.judged);
        assert!(before.mean_error().unwrap() < 1.2);
    }

    #[test]
    fn what_comes_late_counts_where_it_is_known_to_have_come() {
        let mut outcomes = Outcomes::default();
        for at in [10, 20, 5, 20] {
            outcomes.note(&verdict(at, 9.0), 1_000_000);
        }
        outcomes.validate().unwrap();
        let all = outcomes.within(Timestamp::MIN, Timestamp::MAX);
        assert_eq!((all.judged, all.mean_error()), (4, Some(1.0)));
        assert_eq!(
            outcomes
                .within(Timestamp::MIN, Timestamp::from_secs(15))
                .judged,
            1
        );
    }

    #[test]
    fn a_score_without_an_expectation_is_counted_without_an_error() {
        let mut outcomes = Outcomes::default();
        let without = Verdict {
            expected: None,
            anomalous: true,
            ..verdict(1, 0.0)
        };
        outcomes.note(&without, 1_000);
        outcomes.note(
            &Verdict::unjudged(Timestamp::from_secs(2), Labels::empty()),
            1_000,
        );
        let all = outcomes.within(Timestamp::MIN, Timestamp::MAX);
        assert_eq!(
            (all.judged, all.alarm_rate(), all.mean_error()),
            (1, Some(1.0), None)
        );
    }
}
