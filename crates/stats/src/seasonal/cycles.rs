use bongsu_core::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::decompose::Model;

/// Season and trend of the rows it learned from, and how they go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cycles {
    pub(super) model: Model,
    pub(super) grid: Option<Grid>,
    /// What season and trend expect at each step it learned from.
    pub(super) known: Vec<f64>,
    /// The trend at the first step and at the last.
    pub(super) levels: [f64; 2],
    /// The last cycle of each season, by the place of a step modulo its length.
    pub(super) seasons: Vec<Vec<f64>>,
}

/// The regular steps to which timestamps belong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grid {
    pub(super) start: Timestamp,
    /// Milliseconds, at least 1.
    pub(super) step: i64,
}

impl Grid {
    /// The grid of strictly increasing timestamps: from the first one in steps of the median
    /// distance.
    pub(super) fn of(times: &[Timestamp]) -> Option<Self> {
        let mut steps: Vec<i64> = times
            .iter()
            .zip(times.iter().skip(1))
            .map(|(a, b)| b.millis_since(*a))
            .collect();
        let middle = steps.len() / 2;
        if steps.is_empty() {
            return None;
        }
        let (_, &mut step, _) = steps.select_nth_unstable(middle);
        Some(Self {
            start: *times.first()?,
            step: step.max(1),
        })
    }

    /// The step nearest to a moment; negative before the start.
    pub(crate) fn place(&self, at: Timestamp) -> i64 {
        let since = at.millis_since(self.start);
        since.saturating_add(self.step / 2).div_euclid(self.step)
    }
}

impl Grid {
    pub(crate) fn is_valid(&self) -> bool {
        self.step >= 1
    }
}

impl Cycles {
    /// What is expected at a step.
    pub(super) fn expected(&self, place: i64) -> f64 {
        let known = usize::try_from(place).ok().and_then(|i| self.known.get(i));
        if let Some(&known) = known {
            return known;
        }
        let [first, last] = self.levels;
        let level = if place < 0 { first } else { last };
        let season = |season: &Vec<f64>| {
            let length = season.len() as i64;
            let phase = usize::try_from(place.rem_euclid(length)).unwrap_or(0);
            season.get(phase).copied().unwrap_or(0.0)
        };
        match self.model {
            Model::Additive => level + self.seasons.iter().map(season).sum::<f64>(),
            Model::Multiplicative => level * self.seasons.iter().map(season).product::<f64>(),
        }
    }

    /// The residual of a value.
    pub(super) fn residual(&self, x: f64, expected: f64) -> f64 {
        match self.model {
            Model::Additive => x - expected,
            Model::Multiplicative => x / expected,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        let finite = |values: &[f64]| values.iter().all(|x| x.is_finite());
        let seasons = !self.seasons.is_empty()
            && self.seasons.len() <= 16
            && self.seasons.iter().all(|s| s.len() >= 2 && finite(s));
        let steps = self.grid.is_none_or(|grid| grid.is_valid());
        let positive = self.model == Model::Additive
            || (self.known.iter().chain(&self.levels).all(|x| *x > 0.0)
                && self.seasons.iter().flatten().all(|x| *x > 0.0));
        if seasons && steps && positive && finite(&self.known) && finite(&self.levels) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the seasons are empty, not finite, or not in the domain of their model",
            ))
        }
    }
}
