//! Tests of hypotheses: whether two samples differ, and whether a series is stationary, its
//! residuals independent, normal or of one variance.
//!
//! Every test gives a small struct of named fields; a p-value is the probability of a statistic at
//! least as extreme where the null hypothesis holds.

mod adf;
mod break_variance;
mod canova_hansen;
mod energy;
mod jarque_bera;
mod kolmogorov;
mod kpss;
mod ks;
mod ljung_box;
mod mann_whitney;
mod ocsb;
mod phillips_perron;
mod regression;
mod welch;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use adf::{Adf, AdfTest, LagChoice, Trend};
pub use break_variance::{BreakVariance, break_variance};
pub use canova_hansen::{CanovaHansenTest, canova_hansen};
pub use energy::{EnergyTest, energy_distance, energy_test};
pub use jarque_bera::{JarqueBera, jarque_bera};
pub use kpss::{KpssLags, KpssTest, KpssTrend, kpss};
pub use ks::{KsTest, ks_2samp};
pub use ljung_box::{LjungBox, ljung_box};
pub use mann_whitney::{MannWhitney, mann_whitney};
pub use ocsb::{OcsbLags, OcsbTest, ocsb};
pub use phillips_perron::{PhillipsPerron, PhillipsPerronTest};
pub use welch::{WelchTest, welch};

pub(crate) use energy::energy_of_sorted;
pub(crate) use ks::ks_of_sorted;
pub(crate) use mann_whitney::mann_whitney_of_sorted;

/// What holds where the null hypothesis does not, about a first and a second sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// They differ, in either direction (the default).
    #[default]
    TwoSided,
    /// The first tends to smaller values; of Kolmogorov and Smirnov's test: its distribution
    /// function is below the other's somewhere, which means larger values.
    Less,
    /// The first tends to larger values; of Kolmogorov and Smirnov's test: its distribution
    /// function is above the other's somewhere, which means smaller values.
    Greater,
}

/// How a p-value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PValue {
    /// Exact for small samples, asymptotic for large ones (the default).
    #[default]
    Auto,
    /// From the distribution of the statistic over all arrangements of distinct values.
    Exact,
    /// From the distribution that it approaches with many values.
    Asymptotic,
}

/// A finite sample of at least `least` values.
fn sample(name: &str, values: &[f64], least: usize) -> Result<()> {
    if values.len() < least {
        return Err(Error::not_enough_data(name, least, values.len()));
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(row) => {
            let value = values.get(row).copied().unwrap_or(f64::NAN);
            Err(Error::non_finite(format!("{name}: value {row}"), value))
        }
        None => Ok(()),
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    // One zero only, so that equal values are neighbours in every order.
    let mut sorted: Vec<f64> = values.iter().map(|x| x + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// A series of at least `least` finite values that are not all equal.
fn series(name: &str, values: &[f64], least: usize) -> Result<()> {
    if values.len() < least {
        return Err(Error::not_enough_data(name, least, values.len()));
    }
    check::finite_rows(values)?;
    let first = values.first();
    if values.iter().all(|x| Some(x) == first) {
        return Err(Error::input(format!(
            "{name} needs values that are not all equal"
        )));
    }
    Ok(())
}

/// The values times a power of two that brings the largest near 1, and that; none of them overflows
/// when squared, and statistics of ratios do not change.
fn scaled(values: &[f64]) -> (Vec<f64>, f64) {
    let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let unit = crate::moments::inverse_power(largest);
    (values.iter().map(|x| x * unit).collect(), unit)
}

/// Deviations of [`scaled`] values from their mean, which an offset costs no digits.
fn centered(values: &[f64]) -> Vec<f64> {
    let (mut deviations, _) = scaled(values);
    let first = deviations.first().copied().unwrap_or(0.0);
    for x in &mut deviations {
        *x -= first;
    }
    let n = deviations.len() as f64;
    for _ in 0..2 {
        let mean = deviations.iter().sum::<f64>() / n;
        for x in &mut deviations {
            *x -= mean;
        }
    }
    // The deviations may be far smaller than the values.
    scaled(&deviations).0
}
