//! Whether a series has a season, and the season itself.

use bongsu_core::Result;
use bongsu_stats::decompose::{Classical, Model};
use serde::{Deserialize, Serialize};

/// How a season is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decomposition {
    /// It is subtracted.
    Additive,
    /// It is divided by, where all values are above 0 and no factor is below 0.01 (the default).
    #[default]
    Multiplicative,
}

/// The 95 % quantile of the standard normal.
const CRITICAL: f64 = 1.644_853_626_951_472_2;
/// The least seasonal factor.
const LEAST_FACTOR: f64 = 0.01;

/// A season of the values, one number a step; empty where there is none.
#[derive(Debug, Clone)]
pub(super) struct Season {
    pub(super) kind: Decomposition,
    pub(super) values: Vec<f64>,
    pub(super) period: usize,
}

impl Season {
    /// The season of `values`, where the test finds one.
    pub(super) fn find(values: &[f64], period: usize, kind: Decomposition) -> Result<Self> {
        let mut season = Self {
            kind,
            values: Vec::new(),
            period,
        };
        if period < 4 || values.len() / 2 < period || !is_seasonal(values, period) {
            return Ok(season);
        }
        let classical = Classical::new(period)?;
        if kind == Decomposition::Multiplicative && values.iter().all(|&value| value > 0.0) {
            let factors = classical.clone().model(Model::Multiplicative);
            season.values = factors.decompose(values)?.seasonal;
            if season.values.iter().all(|&factor| factor >= LEAST_FACTOR) {
                return Ok(season);
            }
        }
        season.kind = Decomposition::Additive;
        season.values = classical.decompose(values)?.seasonal;
        Ok(season)
    }

    /// The values without it.
    pub(super) fn remove_from(&self, values: &[f64]) -> Vec<f64> {
        if self.values.is_empty() {
            return values.to_vec();
        }
        let pairs = values.iter().zip(&self.values);
        match self.kind {
            Decomposition::Additive => pairs.map(|(y, s)| y - s).collect(),
            Decomposition::Multiplicative => pairs.map(|(y, s)| y / s).collect(),
        }
    }
}

/// Whether the autocorrelation at the period is above its standard error, given those before it.
fn is_seasonal(values: &[f64], period: usize) -> bool {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let product = |lag: usize| {
        let later = centred.iter().skip(lag);
        centred.iter().zip(later).map(|(a, b)| a * b).sum::<f64>()
    };
    let variance = product(0);
    let mut before = 0.0;
    for lag in 1..period {
        let correlation = product(lag) / variance;
        before += correlation * correlation;
    }
    let error = ((1.0 + 2.0 * before) / n).sqrt();
    (product(period) / variance).abs() / error > CRITICAL
}
