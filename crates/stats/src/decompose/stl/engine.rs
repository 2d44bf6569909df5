//! The loops of STL over series of one length.

use bongsu_core::Result;

use super::Smoothing;
use super::cycles::CycleSmoother;
use crate::decompose::Decomposition;
use crate::decompose::loess::{Smoother, Weighting};
use crate::robust::select_quantile;

/// STL made ready for series of one length; it can run on many.
#[derive(Debug)]
pub(in crate::decompose) struct Engine {
    period: usize,
    inner: usize,
    outer: usize,
    cycles: CycleSmoother,
    low_pass: Smoother,
    trend: Smoother,
}

/// What the passes write.
struct State {
    seasonal: Vec<f64>,
    trend: Vec<f64>,
    /// The smooth of the cycle-subseries, one period longer on either side.
    cycles: Vec<f64>,
    work: [Vec<f64>; 2],
}

impl Engine {
    pub(in crate::decompose) fn new(
        n: usize,
        period: usize,
        smoothing: &Smoothing,
    ) -> Result<Self> {
        smoothing.validate(period)?;
        let (low_pass, trend) = (smoothing.low_pass, smoothing.trend);
        Ok(Self {
            period,
            inner: smoothing.inner(),
            outer: smoothing.outer(),
            cycles: CycleSmoother {
                period,
                window: smoothing.seasonal_window(),
                degree: smoothing.seasonal.degree,
                jump: smoothing.seasonal.jump,
            },
            low_pass: Smoother::new(
                n,
                smoothing.low_pass_window(period),
                low_pass.degree,
                low_pass.jump,
            )?,
            trend: Smoother::new(n, smoothing.trend_window(period), trend.degree, trend.jump)?,
        })
    }

    /// Takes finite values apart, at least two periods of them.
    pub(in crate::decompose) fn run(&mut self, y: &[f64]) -> Result<Decomposition> {
        let n = y.len();
        let mut state = State {
            seasonal: vec![0.0; n],
            trend: vec![0.0; n],
            cycles: vec![0.0; n + 2 * self.period],
            work: [
                vec![0.0; n + 2 * self.period],
                vec![0.0; n + 2 * self.period],
            ],
        };
        let mut weights = vec![1.0; n];
        let mut weighting = None;
        for pass in 0..=self.outer {
            if pass > 0 {
                robustness(y, &state, &mut weights);
                let weighting = weighting.get_or_insert_with(Weighting::default);
                self.trend.weigh(&weights, weighting)?;
            }
            for _ in 0..self.inner {
                let robust = weighting
                    .as_mut()
                    .map(|weighting| (weights.as_slice(), weighting));
                self.inner_pass(y, &mut state, robust)?;
            }
        }
        let State {
            seasonal, trend, ..
        } = state;
        let parts = seasonal.iter().zip(&trend);
        let residual = y.iter().zip(parts).map(|(y, (s, t))| y - s - t).collect();
        Ok(Decomposition {
            seasonal,
            trend,
            residual,
            weights,
        })
    }

    fn inner_pass(
        &mut self,
        y: &[f64],
        state: &mut State,
        robust: Option<(&[f64], &mut Weighting)>,
    ) -> Result<()> {
        let (n, period) = (y.len(), self.period);
        let [a, b] = &mut state.work;
        for ((slot, y), trend) in a.iter_mut().zip(y).zip(&state.trend) {
            *slot = y - trend;
        }
        let weights = robust.as_ref().map(|&(weights, _)| weights);
        self.cycles
            .smooth(a.get(..n).unwrap_or_default(), weights, &mut state.cycles);
        // Each average is shorter than its input: by a period less one, twice, and by two.
        moving_average(&state.cycles, period, a);
        moving_average(a.get(..=n + period).unwrap_or_default(), period, b);
        moving_average(b.get(..n + 2).unwrap_or_default(), 3, a);
        let filtered = b.get_mut(..n).unwrap_or_default();
        self.low_pass
            .smooth(a.get(..n).unwrap_or_default(), filtered)?;
        let inner_cycles = state.cycles.get(period..period + n).unwrap_or_default();
        let parts = inner_cycles.iter().zip(&*b).zip(y);
        for ((season, rest), ((cycle, low), y)) in
            state.seasonal.iter_mut().zip(a.iter_mut()).zip(parts)
        {
            *season = cycle - low;
            *rest = y - *season;
        }
        let rest = a.get(..n).unwrap_or_default();
        match robust {
            Some((_, weighting)) => self
                .trend
                .smooth_weighted(rest, weighting, &mut state.trend),
            None => self.trend.smooth(rest, &mut state.trend),
        }
    }
}

/// Writes the means of every `window` consecutive points of `x` to the front of `out`.
fn moving_average(x: &[f64], window: usize, out: &mut [f64]) {
    let (head, entering) = x.split_at_checked(window).unwrap_or_default();
    let mut sum: f64 = head.iter().sum();
    let divisor = window as f64;
    let mut slots = out.iter_mut();
    if let Some(slot) = slots.next() {
        *slot = sum / divisor;
    }
    for ((entering, leaving), slot) in entering.iter().zip(x).zip(slots) {
        sum += entering - leaving;
        *slot = sum / divisor;
    }
}

/// Weighs each row by the bisquare of its residual over 6 times the median absolute residual.
fn robustness(y: &[f64], state: &State, weights: &mut [f64]) {
    let parts = state.trend.iter().zip(&state.seasonal);
    for ((weight, y), (trend, season)) in weights.iter_mut().zip(y).zip(parts) {
        *weight = (y - (trend + season)).abs();
    }
    let bound = 6.0 * select_quantile(&mut weights.to_vec(), 0.5);
    for weight in weights {
        *weight = if bound == 0.0 || *weight <= 0.001 * bound {
            1.0
        } else if *weight <= 0.999 * bound {
            let ratio = *weight / bound;
            let rest = 1.0 - ratio * ratio;
            rest * rest
        } else {
            0.0
        };
    }
}
