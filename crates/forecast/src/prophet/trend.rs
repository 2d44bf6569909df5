//! The trend: pieces between changepoints, their values and their derivatives.

use bongsu_core::{Error, Result, Timestamp};

use super::Growth;
use super::config::Settings;

/// The parameters of a trend, in the unit of the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrendOf<'a> {
    pub(super) growth: Growth,
    pub(super) rate: f64,
    pub(super) offset: f64,
    pub(super) changes: &'a [f64],
    pub(super) deltas: &'a [f64],
}

/// A piece of the trend: the line `rate t + intercept`, or for logistic growth
/// `cap / (1 + exp(-(rate t + intercept)))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) rate: f64,
    pub(super) intercept: f64,
}

impl Piece {
    /// The trend at `t`.
    pub(super) fn at(self, growth: Growth, t: f64, cap: f64) -> f64 {
        curve(growth, self.rate * t + self.intercept, cap)
    }
}

/// The trend where its line is at `height`.
pub(super) fn curve(growth: Growth, height: f64, cap: f64) -> f64 {
    match growth {
        Growth::Linear | Growth::Flat => height,
        Growth::Logistic => cap / (1.0 + (-height).exp()),
    }
}

impl TrendOf<'_> {
    /// One piece before the first changepoint, and one after each. They meet there; the offset of
    /// logistic growth, which is `cap / (1 + exp(-rate (t - offset)))` at the start, moves with each
    /// change so that they do.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let (mut rate, mut intercept) = match self.growth {
            Growth::Linear => (self.rate, self.offset),
            Growth::Logistic => (self.rate, -self.rate * self.offset),
            Growth::Flat => (0.0, self.offset),
        };
        let mut pieces = Vec::with_capacity(self.changes.len() + 1);
        pieces.push(Piece { rate, intercept });
        for (&change, &delta) in self.changes.iter().zip(self.deltas) {
            if self.growth != Growth::Flat {
                rate += delta;
                intercept -= change * delta;
            }
            pieces.push(Piece { rate, intercept });
        }
        pieces
    }

    /// The derivatives of `rate t + intercept` of a piece by rate, offset and each delta before it,
    /// in this order, as factors of 1 and `t`; later deltas have none.
    pub(super) fn derivatives(&self) -> Vec<[f64; 2]> {
        let (by_rate, by_offset) = match self.growth {
            Growth::Linear => ([0.0, 1.0], [1.0, 0.0]),
            Growth::Logistic => ([-self.offset, 1.0], [-self.rate, 0.0]),
            Growth::Flat => ([0.0, 0.0], [1.0, 0.0]),
        };
        let by_delta = |&change: &f64| match self.growth {
            Growth::Linear | Growth::Logistic => [-change, 1.0],
            Growth::Flat => [0.0, 0.0],
        };
        let deltas = self.changes.iter().map(by_delta);
        [by_rate, by_offset].into_iter().chain(deltas).collect()
    }
}

/// The changepoints of a history whose present points are at `times`, from its start.
pub(super) fn changepoints(settings: &Settings, times: &[Timestamp]) -> Result<Vec<Timestamp>> {
    if let Some(given) = &settings.changepoints_at {
        let outside = given
            .iter()
            .find(|&at| Some(at) < times.first() || Some(at) > times.last());
        return match outside {
            None => Ok(given.clone()),
            Some(at) => Err(Error::input(format!(
                "the changepoint at {at} is outside the history, which goes from {} to {}",
                times.first().copied().unwrap_or_default(),
                times.last().copied().unwrap_or_default()
            ))),
        };
    }
    let part = (times.len() as f64 * settings.changepoint_range).floor() as usize;
    let last = part.saturating_sub(1);
    let count = settings.changepoints.min(last);
    let step = last as f64 / count as f64;
    let index = |i: usize| {
        if i == count {
            last
        } else {
            (i as f64 * step).round_ties_even() as usize
        }
    };
    let chosen = (1..=count).filter_map(|i| times.get(index(i)).copied());
    Ok(chosen.collect())
}

/// Rate and offset through the first and the last point, where the search starts.
pub(super) fn start(growth: Growth, t: &[f64], y: &[f64], cap: &[f64]) -> (f64, f64) {
    let ends = |x: &[f64]| {
        let first = x.first().copied().unwrap_or(0.0);
        (first, x.last().copied().unwrap_or(first))
    };
    let ((t0, t1), (y0, y1)) = (ends(t), ends(y));
    let span = t1 - t0;
    match growth {
        Growth::Flat => (0.0, y.iter().sum::<f64>() / y.len() as f64),
        Growth::Linear => {
            let rate = (y1 - y0) / span;
            (rate, y0 - rate * t0)
        }
        Growth::Logistic => {
            let (c0, c1) = ends(cap);
            // Values outside the floor and the capacity are drawn in.
            let ratio = |cap: f64, y: f64| cap / y.clamp(0.01 * cap, 0.99 * cap);
            let (mut r0, r1) = (ratio(c0, y0), ratio(c1, y1));
            if (r0 - r1).abs() <= 0.01 {
                r0 *= 1.05;
            }
            let (l0, l1) = ((r0 - 1.0).ln(), (r1 - 1.0).ln());
            ((l0 - l1) / span, l0 * span / (l0 - l1))
        }
    }
}
