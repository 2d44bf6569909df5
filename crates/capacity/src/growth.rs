//! How a resource grows, apart from its rhythm.

use bongsu_core::Result;
use bongsu_stats::robust::theil_sen;
use serde::{Deserialize, Serialize};

use crate::candidate::Known;
use crate::history::DAY;
use crate::season::smooth;

/// Days of a mean month.
const MONTH: f64 = 30.4375;

/// How a resource grew, and what its changes are made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The robust slope of the past without the rhythm and shifts of the level, in units a day.
    pub per_day: f64,
    /// The same, in units a mean month of 30.4375 days.
    pub per_month: f64,
    /// The mean change a day of the forecast over the horizon.
    pub forecast_per_day: f64,
    /// The share of the variance that the trend explains, in [0, 1].
    pub trend_share: f64,
    /// The share of the variance that the rhythm of the day, the week and the year explains.
    pub season_share: f64,
    /// The share of the variance that neither explains.
    pub rest_share: f64,
    /// The days until the threshold is crossed when the level keeps growing as in the past, whatever the
    /// horizon; `None` when it does not grow.
    pub days_at_this_rate: Option<f64>,
}

impl Growth {
    /// `headroom` is that of the level `since` days ago.
    pub(crate) fn of(
        known: &Known<'_>,
        step: i64,
        scale: f64,
        headroom: f64,
        since: f64,
    ) -> Result<Self> {
        let present = known.values.iter().zip(&known.adjusted).enumerate();
        let (x, y): (Vec<f64>, Vec<f64>) = present
            .filter(|(_, (value, _))| value.is_finite())
            .map(|(i, (_, left))| (i as f64, *left))
            .unzip();
        let line = theil_sen(&x, &y, 0.95)?;
        let per_day = line.slope * DAY as f64 / step as f64 * scale;
        let trend = smooth(&known.adjusted, known.block);
        let mut parts = [Moments::default(), Moments::default(), Moments::default()];
        let rows = known.values.iter().zip(&known.adjusted).zip(&trend);
        for ((value, left), trend) in rows.filter(|((value, _), _)| value.is_finite()) {
            let row = [*trend, value - left, left - trend];
            for (part, value) in parts.iter_mut().zip(row) {
                part.add(value);
            }
        }
        let [trend, season, rest] = parts.map(|part| part.variance());
        let total = trend + season + rest;
        let share = |part: f64| if total > 0.0 { part / total } else { 0.0 };
        Ok(Self {
            per_day,
            per_month: per_day * MONTH,
            forecast_per_day: 0.0,
            trend_share: share(trend),
            season_share: share(season),
            rest_share: share(rest),
            days_at_this_rate: (per_day > 0.0 && headroom > 0.0)
                .then(|| (headroom / per_day - since).max(0.0))
                .filter(|days| *days < 1e5),
        })
    }
}

/// Mean and variance, point by point.
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
    }

    /// The variance; what rounding leaves of a constant is none.
    fn variance(&self) -> f64 {
        let variance = self.squares / self.count.max(1.0);
        if variance > 1e-24 * self.mean * self.mean {
            variance
        } else {
            0.0
        }
    }
}
