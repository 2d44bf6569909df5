use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Expectation, Result, Rows, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::{Profile, no_timestamps};
use crate::check;
use crate::robust::{MAD_TO_STD, mad, median};

/// What is usual in each bin of the calendar; see [`Profile`].
///
/// Cost: O(log transitions) a row; 16 bytes a bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedProfile {
    config: Profile,
    centers: Vec<f64>,
    scales: Vec<f64>,
}

impl FittedProfile {
    pub(crate) fn learn(config: Profile, rows: &Rows<'_>) -> Result<Self> {
        config.validate()?;
        let times = rows.timestamps().ok_or_else(no_timestamps)?;
        let values = check::column(&rows.values())?;
        if values.len() < 2 {
            return Err(Error::not_enough_data("a profile", 2, values.len()));
        }
        let clock = Clock::new(&config.timezone)?;
        let mut bins = vec![Vec::new(); config.bins.count()];
        let mut places = Vec::with_capacity(values.len());
        for (&time, &value) in times.iter().zip(&values) {
            let place = config.bins.of(clock.local_seconds(time)?);
            places.push(place);
            if let Some(bin) = bins.get_mut(place) {
                bin.push(value);
            }
        }
        let centers = centers(&bins, config.min_points, median(&values));
        let of = |place: &usize| centers.get(*place).copied().unwrap_or(0.0);
        let residuals: Vec<f64> = values.iter().zip(&places).map(|(x, p)| x - of(p)).collect();
        let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let all = check::floored(MAD_TO_STD * mad(&residuals), largest);
        let prior = config.min_points as f64;
        let scale = |(bin, center): (&Vec<f64>, &f64)| {
            let count = bin.len() as f64;
            let deviations: Vec<f64> = bin.iter().map(|x| (x - center).abs()).collect();
            let own = if bin.is_empty() {
                0.0
            } else {
                MAD_TO_STD * median(&deviations)
            };
            // As a hypotenuse, which does not overflow.
            let (own_share, all_share) = (count / (count + prior), prior / (count + prior));
            (own * own_share.sqrt()).hypot(all * all_share.sqrt())
        };
        let scales: Vec<f64> = bins.iter().zip(&centers).map(scale).collect();
        if scales.iter().any(|scale| !scale.is_finite()) {
            return Err(Error::input(
                "the values span more than the largest float; scale them down first",
            ));
        }
        Ok(Self {
            config,
            centers,
            scales,
        })
    }

    /// The centre of each bin.
    #[must_use]
    pub fn centers(&self) -> &[f64] {
        &self.centers
    }

    /// The scale of each bin, in standard deviations of normal data.
    #[must_use]
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    fn usual(&self, clock: &Clock, at: Timestamp) -> Result<(f64, f64)> {
        let bin = self.config.bins.of(clock.local_seconds(at)?);
        match (self.centers.get(bin), self.scales.get(bin)) {
            (Some(&center), Some(&scale)) => Ok((center, scale)),
            _ => Err(Error::input(format!("the profile has no bin {bin}"))),
        }
    }
}

/// Medians of the bins, thin ones drawn to their neighbours.
fn centers(bins: &[Vec<f64>], min_points: usize, whole: f64) -> Vec<f64> {
    let medians: Vec<f64> = bins.iter().map(|bin| median(bin)).collect();
    let count = bins.len();
    let neighbour = |place: usize| {
        let median = medians.get(place % count).copied()?;
        (!median.is_nan()).then_some(median)
    };
    let center = |(place, (bin, &own)): (usize, (&Vec<f64>, &f64))| {
        let share = (bin.len() as f64 / min_points as f64).min(1.0);
        if share >= 1.0 {
            return own;
        }
        let prior = match (neighbour(place + count - 1), neighbour(place + 1)) {
            (Some(before), Some(after)) => f64::midpoint(before, after),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => whole,
        };
        if share == 0.0 {
            prior
        } else {
            own * share + prior * (1.0 - share)
        }
    };
    bins.iter().zip(&medians).enumerate().map(center).collect()
}

impl Detector for FittedProfile {
    fn n_features(&self) -> usize {
        1
    }

    /// Always an error: without timestamps there is no calendar.
    fn score_into(&self, _: ArrayView2<'_, f64>, _: &mut [f64]) -> Result<()> {
        Err(no_timestamps())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn score_rows_into(&self, rows: &Rows<'_>, out: &mut [f64]) -> Result<()> {
        let times = rows.timestamps().ok_or_else(no_timestamps)?;
        let clock = Clock::new(&self.config.timezone)?;
        check::score_rows(&rows.values(), out, |x| x)?;
        for (slot, &time) in out.iter_mut().zip(times) {
            let (center, scale) = self.usual(&clock, time)?;
            *slot = check::ratio((*slot - center).abs(), scale);
        }
        Ok(())
    }

    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        let times = rows.timestamps().ok_or_else(no_timestamps)?;
        let clock = Clock::new(&self.config.timezone)?;
        let band = |&time: &Timestamp| {
            let (center, scale) = self.usual(&clock, time)?;
            Ok(Expectation::symmetric(
                center,
                self.config.threshold * scale,
            ))
        };
        times.iter().map(band).collect::<Result<_>>().map(Some)
    }
}

impl Snapshot for FittedProfile {
    const KIND: &'static str = "stats.profile.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let count = self.config.bins.count();
        let fits = self.centers.len() == count && self.scales.len() == count;
        let good = self.centers.iter().all(|x| x.is_finite())
            && self.scales.iter().all(|x| x.is_finite() && *x >= 0.0);
        if fits && good {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the bins of the profile are not complete, or not finite",
            ))
        }
    }
}
