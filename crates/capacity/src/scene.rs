//! What the simulated futures and the past say together.

use bongsu_core::Result;
use bongsu_stats::robust::median;

use crate::Resource;
use crate::candidate::Known;
use crate::crossing::{Outlook, first_above, level_above};
use crate::growth::Growth;
use crate::history::{DAY, History};
use crate::paths::{Fast, Paths};
use crate::validate::Origins;

/// Fewer values than this are worth a warning.
const FEW: usize = 100;

/// The probability from which on use is said to fall, and by which share of it at least.
const SURE: f64 = 0.8;
const CLEAR: f64 = 0.01;

/// What outlooks are made of.
pub(crate) struct Scene<'a> {
    pub(crate) history: &'a History,
    pub(crate) known: &'a Known<'a>,
    pub(crate) paths: &'a Paths,
    pub(crate) level: f64,
}

/// The outlook of the steps, of the peaks and of the lasting level.
pub(crate) struct Outlooks {
    pub(crate) step: Outlook,
    pub(crate) peak: Outlook,
    pub(crate) sustained: Outlook,
}

/// Steps, and days, whose median says whether the threshold is exceeded: one spike does not.
const LAST: usize = 3;

impl Scene<'_> {
    fn days(&self) -> f64 {
        self.history.step as f64 / DAY as f64
    }

    fn last_block(&self) -> &[f64] {
        let values = &self.known.adjusted;
        values
            .get(values.len().saturating_sub(self.known.block)..)
            .unwrap_or_default()
    }

    /// The median of the last day without the rhythm.
    pub(crate) fn level_now(&self) -> f64 {
        median(self.last_block())
    }

    /// The last values that are there, with the holes between them left out.
    fn last(&self, count: usize) -> Vec<f64> {
        let present = self.history.means.iter().rev().filter(|v| v.is_finite());
        present.take(count).copied().collect()
    }

    pub(crate) fn outlooks(&self, threshold: f64) -> Outlooks {
        let block = self.known.block;
        let shrinks = self.shrinks();
        let of = |now: bool, crossings: Vec<Option<usize>>| {
            if now {
                Outlook::exceeded()
            } else {
                Outlook::of(&crossings, self.days(), self.level, shrinks)
            }
        };
        let paths = &self.paths.values;
        let step = of(
            median(&self.last(LAST)) > threshold,
            paths.iter().map(|p| first_above(p, threshold)).collect(),
        );
        let tops: Vec<f64> = self
            .history
            .peaks
            .rchunks(block)
            .map(|day| day.iter().copied().fold(f64::NAN, f64::max))
            .filter(|top| top.is_finite())
            .take(LAST)
            .collect();
        let peaks = self.paths.peaks.iter();
        let peak = of(
            median(&tops) > threshold,
            peaks.map(|p| first_above(p, threshold)).collect(),
        );
        let past: Vec<f64> = self.last(block).into_iter().rev().collect();
        let mean = past.iter().sum::<f64>() / past.len().max(1) as f64;
        let sustained = of(
            mean > threshold,
            paths
                .iter()
                .map(|p| level_above(&past, p, block, threshold))
                .collect(),
        );
        Outlooks {
            step,
            peak,
            sustained,
        }
    }

    /// Whether the level is surely and clearly lower at the horizon than now.
    fn shrinks(&self) -> bool {
        let now = self.level_now();
        let season: f64 = {
            let coming: Vec<f64> = self.known.coming(self.steps()).collect();
            let last = coming.get(coming.len().saturating_sub(self.known.block)..);
            let last = last.unwrap_or_default();
            last.iter().sum::<f64>() / last.len().max(1) as f64
        };
        let block = self.known.block;
        let falls = |path: &&Vec<f64>| {
            let end = path
                .get(path.len().saturating_sub(block)..)
                .unwrap_or_default();
            let level = end.iter().sum::<f64>() / end.len().max(1) as f64 - season;
            level < now - CLEAR * now.abs()
        };
        let fallen = self.paths.values.iter().filter(falls).count();
        fallen as f64 > SURE * self.paths.values.len() as f64
    }

    fn steps(&self) -> usize {
        self.paths.values.first().map_or(0, Vec::len)
    }

    pub(crate) fn growth(&self, mean: &[f64], resource: &Resource) -> Result<Growth> {
        let scale = self.history.scale;
        let headroom = resource.threshold() - self.level_now() * scale;
        // The level is that of the middle of the last block.
        let since = (self.last_block().len().saturating_sub(1)) as f64 / 2.0 * self.days();
        let mut growth = Growth::of(self.known, self.history.step, scale, headroom, since)?;
        let season: Vec<f64> = self.known.coming(mean.len()).collect();
        let block = self.known.block.min(mean.len()).max(1);
        let level = |from: usize| {
            let values = mean.iter().zip(&season).skip(from).take(block);
            values.map(|(mean, season)| mean - season).sum::<f64>() / block as f64
        };
        let apart = mean.len() - block;
        // From the middle of the last block known where the horizon is one block.
        let change = if apart > 0 {
            (level(apart) - level(0)) / apart as f64
        } else {
            (level(0) - self.level_now()) / block as f64
        };
        growth.forecast_per_day = change / self.days() * scale;
        Ok(growth)
    }

    /// What a reader must know of the history and its validation.
    pub(crate) fn notes(&self, origins: &Origins, ahead: usize, fast: &Fast) -> Vec<String> {
        let history = self.history;
        let days = |steps: usize| steps as f64 * history.step as f64 / DAY as f64;
        let mut notes = Vec::new();
        if history.present < FEW {
            notes.push(format!(
                "there are only {} values: below {FEW} the answer is rough",
                history.present
            ));
        }
        if origins.ahead < ahead {
            notes.push(format!(
            "the history of {:.1} days validates forecasts of {:.1} days; beyond that, the error is \
             continued to {:.1} days",
            days(history.len()),
            days(origins.ahead),
            days(ahead)
        ));
        }
        if history.holes * 10 > history.len() {
            notes.push(format!(
                "{:.0} % of the steps have no value",
                100.0 * history.holes as f64 / history.len() as f64
            ));
        }
        if history.gathered {
            notes.push(format!(
                "points were gathered to means over {} min; `peak` looks at the greatest of each",
                history.step / 60_000
            ));
        }
        let spikes = fast.spikes;
        if spikes > 0 {
            let (many, were) = if spikes == 1 {
                ("", "was")
            } else {
                ("s", "were")
            };
            notes.push(format!(
                "{spikes} lone spike{many} {were} not taken to come back"
            ));
        }
        match self.known.shifts.len() {
            0 => {}
            1 => notes.push("the level shifted once, which is not taken for growth: futures have shifts at the rate that was \
                 seen"
                    .to_owned()),
            count => notes.push(format!(
                "the level shifted {count} times, which is not taken for growth: futures have shifts at the rate \
                 and of the sizes that were seen"
            )),
        }
        notes
    }
}
