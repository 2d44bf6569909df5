//! Average ranks over many data sets, and which differences are more than chance.

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{check, special};

/// Methods ranked over data sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankComparison {
    /// The mean rank of each method; 1 is best. Equal values share their mean rank.
    pub ranks: Vec<f64>,
    /// Friedman's statistic, corrected for ties.
    pub chi_squared: f64,
    /// The probability of such a statistic when all methods are equal.
    pub p_value: f64,
    /// Nemenyi's critical difference: mean ranks that differ by less are not told apart.
    pub critical_difference: f64,
    /// The data sets that were compared.
    pub sets: usize,
}

/// Ranks methods by their values on data sets, with Friedman's test and Nemenyi's critical
/// difference, `CD = q sqrt(k (k + 1) / (6 n))`, `q` the quantile of the range of `k` standard normal
/// variables over the root of 2.
///
/// - `table`: one row a data set, one value a method, higher is better; finite.
/// - `alpha`: the level of the critical difference; domain (0, 0.5]; 0.05 as a rule.
///
/// # Errors
/// When there are fewer than two methods or data sets, rows differ in length, a value is not finite,
/// or `alpha` is outside its domain.
///
/// Cost: O(n k log k).
///
/// Source: Demsar 2006, <https://jmlr.org/papers/v7/demsar06a.html>; equal to SciPy 1.17's
/// `friedmanchisquare` and `studentized_range`.
///
/// ```
/// let table = vec![vec![0.9, 0.8, 0.1], vec![0.7, 0.6, 0.2], vec![0.8, 0.9, 0.3]];
/// let compared = bongsu_eval::compare_ranks(&table, 0.05)?;
/// assert!((compared.ranks[0] - 4.0 / 3.0).abs() < 1e-12);
/// assert!((compared.critical_difference - 1.9136).abs() < 1e-3);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn compare_ranks(table: &[Vec<f64>], alpha: f64) -> Result<RankComparison> {
    let methods = table.first().map_or(0, Vec::len);
    if methods < 2 {
        return Err(Error::not_enough_data("ranks (in methods)", 2, methods));
    }
    if table.len() < 2 {
        return Err(Error::not_enough_data(
            "ranks (in data sets)",
            2,
            table.len(),
        ));
    }
    if !(alpha > 0.0 && alpha <= 0.5) {
        return Err(Error::parameter("alpha", alpha, "in (0, 0.5]"));
    }
    let (mut sums, mut ties) = (vec![0.0; methods], 0.0);
    for (row, values) in table.iter().enumerate() {
        check::lengths("number of values of a data set", values.len(), methods)?;
        if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::non_finite(
                format!("a value of data set {row}"),
                value,
            ));
        }
        ties += add_ranks(values, &mut sums);
    }
    let (n, k) = (check::float(table.len()), check::float(methods));
    let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
    let statistic = 12.0 / (n * k * (k + 1.0)) * squares - 3.0 * n * (k + 1.0);
    let correction = 1.0 - ties / (n * k * (k * k - 1.0));
    // Where every set ties all methods there is nothing to tell apart.
    let chi_squared = if correction > 0.0 {
        (statistic / correction).max(0.0)
    } else {
        0.0
    };
    let width = special::normal_range_quantile(1.0 - alpha, methods);
    Ok(RankComparison {
        ranks: sums.iter().map(|sum| sum / n).collect(),
        chi_squared,
        p_value: special::chi_squared_tail(chi_squared, methods - 1),
        critical_difference: width / 2.0_f64.sqrt() * (k * (k + 1.0) / (6.0 * n)).sqrt(),
        sets: table.len(),
    })
}

/// Adds each value's rank from the highest down; gives the sum of `t^3 - t` over ties of `t`.
fn add_ranks(values: &[f64], sums: &mut [f64]) -> f64 {
    let mut ties = 0.0;
    for (value, sum) in values.iter().zip(sums.iter_mut()) {
        let above = values.iter().filter(|other| *other > value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        *sum += check::float(above) + check::float(equal + 1) / 2.0;
        // Each of the t tied values adds its share.
        ties += check::float(equal * equal) - 1.0;
    }
    ties
}
