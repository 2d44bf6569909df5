//! Intervals of forecasts: from standard deviations of a normal, or from given bounds.

use bongsu_core::{Forecast, PredictionInterval, Result};
use bongsu_stats::special::normal_isf;

use crate::check;
use crate::timeline::Targets;

/// How many standard deviations a normal interval of coverage `level` reaches to each side.
pub(crate) fn normal_reach(level: f64) -> Result<f64> {
    Ok(normal_isf(0.5 * (1.0 - check::level(level)?)))
}

/// The forecast at `targets` of a normal with these means and standard deviations, one a step ahead.
pub(crate) fn normal(
    targets: Targets,
    means: &[f64],
    deviations: &[f64],
    levels: &[f64],
) -> Result<Forecast> {
    let mean = targets.pick(means);
    let deviation = targets.pick(deviations);
    let interval = |&level: &f64| {
        let reach = normal_reach(level)?;
        let bound = |reach: f64| {
            let pairs = mean.iter().zip(&deviation);
            pairs.map(|(m, d)| m + reach * d).collect()
        };
        Ok(PredictionInterval {
            level,
            lower: bound(-reach),
            upper: bound(reach),
        })
    };
    Ok(Forecast {
        intervals: levels.iter().map(interval).collect::<Result<_>>()?,
        timestamps: targets.timestamps,
        mean,
    })
}

/// The forecast at `targets` with bounds from elsewhere, such as quantiles of simulated paths:
/// `bounds(level)` gives the lower and the upper path, one value a step ahead.
pub(crate) fn bounded(
    targets: Targets,
    means: &[f64],
    levels: &[f64],
    mut bounds: impl FnMut(f64) -> Result<(Vec<f64>, Vec<f64>)>,
) -> Result<Forecast> {
    let interval = |&level: &f64| {
        let (lower, upper) = bounds(check::level(level)?)?;
        Ok(PredictionInterval {
            level,
            lower: targets.pick(&lower),
            upper: targets.pick(&upper),
        })
    };
    Ok(Forecast {
        intervals: levels.iter().map(interval).collect::<Result<_>>()?,
        mean: targets.pick(means),
        timestamps: targets.timestamps,
    })
}
