//! Which metrics move together, which first, and which only because of a third.
//!
//! | function | asks | reference |
//! |---|---|---|
//! | [`pearson`], [`spearman`] | do two metrics move together, in proportion or in order | SciPy |
//! | [`benjamini_hochberg`] | which of many p-values are still surprising | SciPy |
//! | [`cross_correlation`], [`lag_matrix`] | by how much does one follow the other | statsmodels |
//! | [`partial_correlation`] | do they still when others are held fixed | causal-learn |
//! | [`mutual_information`] | does one tell anything of the other, in any way | scikit-learn |
//! | [`granger`] | does the past of one help to foretell the other | statsmodels |
//! | [`pc`] | which dependencies do conditional independences leave, and in which direction | causal-learn |
//! | [`change`] | when did the level change | least squares |

mod change;
mod cross;
mod discovery;
mod false_discovery;
mod granger;
mod lag_matrix;
mod linear;
mod mutual_information;
mod partial;
mod pearson;
mod spearman;

pub use change::{Change, change};
pub use cross::{Lag, cross_correlation, strongest_lag};
pub use discovery::{CausalGraph, Mark, pc};
pub use false_discovery::benjamini_hochberg;
pub use granger::{GrangerTest, granger};
pub use lag_matrix::{LagMatrix, Pair, lag_matrix};
pub use mutual_information::mutual_information;
pub use partial::partial_correlation;
pub(crate) use pearson::p_value;
pub use pearson::{Correlation, pearson};
pub use spearman::spearman;

/// The fewest aligned points from which a correlation is told.
pub const MIN_POINTS: usize = 10;

/// The pairs of which both values are there.
fn aligned(x: &[f64], y: &[f64]) -> bongsu_core::Result<(Vec<f64>, Vec<f64>)> {
    if x.len() != y.len() {
        return Err(bongsu_core::Error::shape(
            "length of the second series",
            y.len(),
            x.len(),
        ));
    }
    let pairs = x
        .iter()
        .zip(y)
        .filter(|(a, b)| a.is_finite() && b.is_finite());
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
    if a.len() < MIN_POINTS {
        return Err(bongsu_core::Error::not_enough_data(
            "a correlation",
            MIN_POINTS,
            a.len(),
        ));
    }
    Ok((a, b))
}

/// The values less their mean, scaled so that the largest is about 1 and neither huge nor tiny values
/// overflow; `None` when they are all equal.
fn centered(values: &[f64]) -> Option<Vec<f64>> {
    let scale = values.iter().fold(0.0_f64, |top, x| top.max(x.abs()));
    if scale == 0.0 {
        return None;
    }
    let first = *values.first()?;
    if values.iter().all(|x| *x == first) {
        return None;
    }
    let scaled: Vec<f64> = values.iter().map(|x| x / scale).collect();
    let n = scaled.len() as f64;
    let mean = scaled.iter().sum::<f64>() / n;
    let mut rest: Vec<f64> = scaled.iter().map(|x| x - mean).collect();
    // A second pass takes away what the first mean lost to rounding.
    let left = rest.iter().sum::<f64>() / n;
    for x in &mut rest {
        *x -= left;
    }
    let top = rest.iter().fold(0.0_f64, |top, x| top.max(x.abs()));
    // What differs by less than the mean can resolve is noise of the arithmetic.
    if top <= 4.0 * f64::EPSILON {
        return None;
    }
    for x in &mut rest {
        *x /= top;
    }
    Some(rest)
}
