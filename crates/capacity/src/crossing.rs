//! When a threshold is first crossed, over simulated futures.

use serde::{Deserialize, Serialize};

/// What is to come of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// It is above the threshold now.
    Exceeded,
    /// It is more likely than not to cross the threshold within the horizon.
    Exhausts,
    /// It is not likely to cross the threshold within the horizon.
    Never,
    /// The same, and its use falls.
    Shrinking,
}

impl Status {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exceeded => "exceeded",
            Self::Exhausts => "exhausts",
            Self::Never => "never",
            Self::Shrinking => "shrinking",
        }
    }
}

/// When the threshold is first crossed.
///
/// `days_left` is the median over simulated futures, and the bounds hold the crossing with the
/// probability of the plan's level. One that lies beyond the horizon is `None`; so is the median of
/// a resource that is not likely to cross at all. A resource above its threshold has 0 days left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// What is to come.
    pub status: Status,
    /// Days until the crossing.
    pub days_left: Option<f64>,
    /// The crossing is earlier with half of the probability beyond the level.
    pub days_left_lower: Option<f64>,
    /// The crossing is later with half of the probability beyond the level.
    pub days_left_upper: Option<f64>,
    /// The probability that the threshold is crossed within the horizon, in [0, 1].
    pub probability: f64,
}

impl Outlook {
    /// Of a resource that is above its threshold.
    pub(crate) const fn exceeded() -> Self {
        Self {
            status: Status::Exceeded,
            days_left: Some(0.0),
            days_left_lower: Some(0.0),
            days_left_upper: Some(0.0),
            probability: 1.0,
        }
    }

    /// From the step of the first crossing of each path, counted from 1; `None` where there is none.
    pub(crate) fn of(crossings: &[Option<usize>], days: f64, level: f64, shrinks: bool) -> Self {
        let total = crossings.len().max(1) as f64;
        let mut steps: Vec<usize> = crossings.iter().flatten().copied().collect();
        steps.sort_unstable();
        let probability = steps.len() as f64 / total;
        let at = |share: f64| {
            // A hair more, so that 0.1 of 10 is 1.
            let place = share.mul_add(total, 1e-9).floor() as usize;
            steps.get(place).map(|&step| step as f64 * days)
        };
        let tail = (1.0 - level) / 2.0;
        let likely = probability > 0.5;
        Self {
            status: match (likely, shrinks) {
                (true, _) => Status::Exhausts,
                (false, true) => Status::Shrinking,
                (false, false) => Status::Never,
            },
            days_left: at(0.5).filter(|_| likely),
            days_left_lower: at(tail),
            days_left_upper: at(1.0 - tail),
            probability,
        }
    }

    /// The number that orders resources by urgency: days left, with those that are not likely to
    /// cross after all others.
    #[must_use]
    pub fn urgency(&self) -> f64 {
        let unlikely = || 1e9 * (2.0 - self.probability);
        self.days_left.unwrap_or_else(unlikely)
    }
}

/// The first step above `threshold`, counted from 1.
pub(crate) fn first_above(path: &[f64], threshold: f64) -> Option<usize> {
    path.iter()
        .position(|&value| value > threshold)
        .map(|i| i + 1)
}

/// The first step at which the mean of the last `window` values, those of the past among them, is
/// above `threshold`.
pub(crate) fn level_above(
    past: &[f64],
    path: &[f64],
    window: usize,
    threshold: f64,
) -> Option<usize> {
    let kept = past.len().min(window.saturating_sub(1));
    let past = past.get(past.len() - kept..).unwrap_or_default();
    let mut sum: f64 = past.iter().sum();
    let mut count = past.len();
    let leaving = past.iter().chain(path);
    let mut leaving = leaving.copied();
    for (i, value) in path.iter().enumerate() {
        sum += value;
        count += 1;
        if count > window
            && let Some(left) = leaving.next()
        {
            sum -= left;
            count -= 1;
        }
        if sum / count as f64 > threshold {
            return Some(i + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_all_paths() {
        // 10 paths: crossings at 1..=6, four never.
        let crossings: Vec<Option<usize>> = (1..=10).map(|i| (i <= 6).then_some(i)).collect();
        let found = Outlook::of(&crossings, 2.0, 0.8, false);
        assert_eq!(found.status, Status::Exhausts);
        assert_eq!(found.days_left, Some(12.0));
        assert_eq!(found.days_left_lower, Some(4.0));
        assert_eq!(found.days_left_upper, None);
        let rare = Outlook::of(&[None, Some(3), None, None, None], 1.0, 0.8, true);
        assert_eq!((rare.status, rare.days_left), (Status::Shrinking, None));
        assert_eq!(Outlook::of(&[], 1.0, 0.8, false).status, Status::Never);
    }

    #[test]
    fn the_level_ignores_one_spike() {
        let path = [1.0, 9.0, 1.0, 1.0, 4.0, 4.0, 4.0];
        assert_eq!(first_above(&path, 3.5), Some(2));
        assert_eq!(level_above(&[1.0; 9], &path, 3, 3.8), Some(7));
        assert_eq!(level_above(&[], &[5.0], 3, 3.8), Some(1));
        assert_eq!(level_above(&[1.0; 2], &[], 3, 3.8), None);
    }
}
