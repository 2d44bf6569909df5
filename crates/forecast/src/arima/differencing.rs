//! How often to difference a series before it is modelled.

use bongsu_core::Result;
use bongsu_stats::decompose::Stl;
use bongsu_stats::hypothesis::{
    Adf, KpssLags, KpssTrend, OcsbLags, PhillipsPerron, canova_hansen, kpss, ocsb,
};
use serde::{Deserialize, Serialize};

/// A seasonal strength above this asks for a seasonal difference.
const STRONG: f64 = 0.64;

/// The most lagged differences that the test of Osborn, Chui, Smith and Birchenhall may choose.
const OCSB_LAGS: usize = 3;

/// By which test [`AutoArima`](super::AutoArima) decides on differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitRootTest {
    /// Of Kwiatkowski, Phillips, Schmidt and Shin, around a constant (the default): a difference
    /// where it finds the series not stationary.
    #[default]
    Kpss,
    /// The augmented one of Dickey and Fuller, with a constant and lags by AIC: a difference unless
    /// it finds that there is no unit root.
    Adf,
    /// Of Phillips and Perron, with a constant: as that of Dickey and Fuller, but robust against
    /// noise whose variance changes.
    PhillipsPerron,
}

/// By what [`AutoArima`](super::AutoArima) decides on a seasonal difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeasonalTest {
    /// The strength of the season (the default): `1 - Var(r) / Var(r + s) > 0.64` with the remainder
    /// `r` and the season `s` of a decomposition by Loess.
    #[default]
    Strength,
    /// The test of Osborn, Chui, Smith and Birchenhall: a difference unless it finds that there is no
    /// seasonal unit root, at 5 %.
    Ocsb,
    /// The test of Canova and Hansen: a difference where it finds that the season changes, at 5 %.
    CanovaHansen,
}

/// How often to difference until what is left is stationary by the test, at most `most` times.
/// `values` may have gaps.
pub(super) fn differences(values: &[f64], test: UnitRootTest, level: f64, most: usize) -> usize {
    let mut current = values.to_vec();
    for count in 0..most {
        let present: Vec<f64> = current.iter().copied().filter(|x| !x.is_nan()).collect();
        // A test refuses what is constant or on a line: nothing is left to difference.
        if !asks_for_difference(&present, test, level).unwrap_or(false) {
            return count;
        }
        // The reference leaves out the first difference too.
        let later = current.iter().skip(2);
        current = later
            .zip(current.iter().skip(1))
            .map(|(b, a)| b - a)
            .collect();
    }
    most
}

fn asks_for_difference(values: &[f64], test: UnitRootTest, level: f64) -> Result<bool> {
    Ok(match test {
        UnitRootTest::Kpss => {
            let lags = (3.0 * (values.len() as f64).sqrt() / 13.0).floor() as usize;
            let test = kpss(values, KpssTrend::Constant, KpssLags::Count(lags))?;
            test.p_value < level
        }
        UnitRootTest::Adf => Adf::new().test(values)?.p_value > level,
        UnitRootTest::PhillipsPerron => PhillipsPerron::new().test(values)?.p_value > level,
    })
}

/// How often to difference seasonally until the test asks for no more, at most `most` times.
/// `values` may have gaps.
pub(super) fn seasonal_differences(
    values: &[f64],
    period: usize,
    test: SeasonalTest,
    most: usize,
) -> Result<usize> {
    let mut filled = values.to_vec();
    crate::gaps::fill(&mut filled);
    let largest = filled.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let unit = super::design::inverse_power(largest);
    let mut current: Vec<f64> = filled.iter().map(|x| x * unit).collect();
    for count in 0..most {
        let first = current.first();
        let constant = current.iter().all(|x| Some(x) == first);
        if current.len() <= 2 * period || constant {
            return Ok(count);
        }
        let wanted = match test {
            SeasonalTest::Strength => strength(&current, period)? > STRONG,
            // A test that cannot be made asks for nothing.
            SeasonalTest::Ocsb => ocsb(&current, period, OcsbLags::Aic(OCSB_LAGS))
                .is_ok_and(|test| test.has_unit_root()),
            SeasonalTest::CanovaHansen => {
                canova_hansen(&current, period).is_ok_and(|test| test.is_unstable())
            }
        };
        if !wanted {
            return Ok(count);
        }
        let later = current.iter().skip(period);
        current = later.zip(&current).map(|(b, a)| b - a).collect();
    }
    Ok(most)
}

/// By how much less the values vary without their season, as a share.
fn strength(values: &[f64], period: usize) -> Result<f64> {
    let parts = Stl::new(period)?
        .seasonal(11)?
        .degrees(0, 1, 1)?
        .decompose(values)?;
    let both: Vec<f64> = parts
        .residual
        .iter()
        .zip(&parts.seasonal)
        .map(|(r, s)| r + s)
        .collect();
    Ok(1.0 - variance(&parts.residual) / variance(&both))
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)
}
