//! How far in the tails of its columns a row lies: what COPOD and ECOD share.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::float::power_of_two;

/// On which side a column has its longer tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Skew {
    Left,
    None,
    Right,
}

/// The negative logarithms of how probable a value as low, and as high, is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    pub(crate) left: f64,
    pub(crate) right: f64,
    /// The one on the side to which the column is skewed; both when it is not skewed.
    pub(crate) skewed: f64,
}

/// What a value adds to the score.
pub(crate) type Combine = fn(Tail) -> f64;

/// The empirical distribution of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tails {
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Column {
    skew: Skew,
    sorted: Vec<f64>,
}

impl Tails {
    /// Learns the columns of `x` and scores its rows.
    pub(crate) fn learn(
        what: &str,
        x: &ArrayView2<'_, f64>,
        combine: Combine,
    ) -> Result<(Self, Vec<f64>)> {
        check::table(what, x, 2)?;
        let n = x.nrows();
        let Ok(last) = u32::try_from(n) else {
            return Err(Error::input(format!("{what} takes at most 2^32 - 1 rows")));
        };
        // Every column has the same probabilities k / n.
        let rarity: Vec<f64> = (0..=n).map(|k| -(k as f64 / n as f64).ln()).collect();
        let columns: Vec<_> = x.columns().into_iter().collect();
        let learned: Vec<(Column, Vec<f64>)> = columns
            .into_par_iter()
            .map(|column| {
                let mut order: Vec<(i64, u32)> =
                    column.iter().map(|x| key(*x)).zip(0..last).collect();
                order.sort_unstable_by_key(|(key, _)| *key);
                let sorted: Vec<(f64, u32)> = order
                    .into_iter()
                    .map(|(key, row)| (value(key), row))
                    .collect();
                Column::learn(&sorted, &rarity, combine)
            })
            .collect();
        let mut scores = vec![0.0; n];
        let mut columns = Vec::with_capacity(learned.len());
        for (column, terms) in learned {
            for (score, term) in scores.iter_mut().zip(terms) {
                *score += term;
            }
            columns.push(column);
        }
        Ok((Self { columns }, scores))
    }

    pub(crate) fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// Writes the scores of new rows.
    pub(crate) fn score(
        &self,
        x: &ArrayView2<'_, f64>,
        out: &mut [f64],
        combine: Combine,
    ) -> Result<()> {
        check::scoring(x, out, self.n_features())?;
        for (slot, row) in out.iter_mut().zip(x.rows()) {
            let terms = row.into_iter().zip(&self.columns);
            *slot = terms.map(|(x, column)| combine(column.tail(*x))).sum();
        }
        Ok(())
    }

    /// What each feature of a new row adds to its score.
    pub(crate) fn contributions(&self, row: &[f64], combine: Combine) -> Result<Vec<f64>> {
        check::row(row, self.n_features())?;
        let terms = row.iter().zip(&self.columns);
        Ok(terms.map(|(x, column)| combine(column.tail(*x))).collect())
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let rows = self.columns.first().map_or(0, |column| column.sorted.len());
        let fits = |column: &Column| {
            let sorted = &column.sorted;
            sorted.len() == rows && sorted.is_sorted() && sorted.iter().all(|x| x.is_finite())
        };
        if rows > 0 && self.columns.iter().all(fits) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the columns of the distributions are not finite, sorted and of one length",
            ))
        }
    }
}

/// A whole number that is ordered as `x` is: cheaper to compare.
const fn key(x: f64) -> i64 {
    let bits = x.to_bits().cast_signed();
    // Negative numbers have their magnitude's bits in reverse order.
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The number of which `key` is the [`key`].
const fn value(key: i64) -> f64 {
    let bits = key ^ ((key >> 63).cast_unsigned() >> 1).cast_signed();
    f64::from_bits(bits.cast_unsigned())
}

impl Column {
    /// The column, and what each of its rows adds to the score. `sorted` has the values with their
    /// rows, `rarity[k]` is `-ln(k / n)`.
    fn learn(sorted: &[(f64, u32)], rarity: &[f64], combine: Combine) -> (Self, Vec<f64>) {
        let column = Self {
            skew: Skew::of(sorted),
            sorted: sorted.iter().map(|(x, _)| *x).collect(),
        };
        let n = sorted.len();
        let rarity = |count: usize| rarity.get(count).copied().unwrap_or(0.0);
        let mut terms = vec![0.0; n];
        let mut below = 0;
        for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
            let up_to = below + equal.len();
            let term = combine(column.skew.of_tails(rarity(up_to), rarity(n - below)));
            for (_, row) in equal {
                if let Some(slot) = terms.get_mut(*row as usize) {
                    *slot = term;
                }
            }
            below = up_to;
        }
        (column, terms)
    }

    /// The tails at a new value, which counts as one more observation.
    fn tail(&self, x: f64) -> Tail {
        let below = self.sorted.partition_point(|v| *v < x);
        let rest = self.sorted.get(below..).unwrap_or_default();
        // Ties are few where they are not everything.
        let equal = match rest.first() {
            Some(v) if *v == x => rest.partition_point(|v| *v <= x),
            _ => 0,
        };
        let n = self.sorted.len();
        let share = |count: usize| -((count + 1) as f64 / (n + 1) as f64).ln();
        self.skew.of_tails(share(below + equal), share(n - below))
    }
}

impl Skew {
    /// The sign of the third central moment; none where the variance is rounding error.
    fn of(values: &[(f64, u32)]) -> Self {
        let n = values.len() as f64;
        let largest = values.iter().fold(0.0_f64, |m, (x, _)| m.max(x.abs()));
        // Exact divisions, after which neither sums nor cubes overflow or vanish. Nothing else is
        // rounded than in SciPy, so that a symmetric column of whole numbers has no skewness.
        let unit = power_of_two(largest);
        let mean = values.iter().map(|(x, _)| x / unit).sum::<f64>() / n;
        let deviation = |(x, _): &(f64, u32)| x / unit - mean;
        let widest = values
            .iter()
            .fold(0.0_f64, |m, pair| m.max(deviation(pair).abs()));
        let fine = power_of_two(widest);
        let moment = |power: i32| {
            let terms = values
                .iter()
                .map(|pair| (deviation(pair) / fine).powi(power));
            terms.sum::<f64>() / n
        };
        if widest == 0.0 || moment(2) <= (f64::EPSILON * mean / fine).powi(2) {
            return Self::None;
        }
        let third = moment(3);
        if third < 0.0 {
            Self::Left
        } else if third > 0.0 {
            Self::Right
        } else {
            Self::None
        }
    }

    const fn of_tails(self, left: f64, right: f64) -> Tail {
        let skewed = match self {
            Self::Left => left,
            Self::None => left + right,
            Self::Right => right,
        };
        Tail {
            left,
            right,
            skewed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewness_has_the_sign_of_the_third_moment() {
        let skew = |values: &[f64]| {
            let pairs: Vec<(f64, u32)> = values.iter().copied().zip(0..).collect();
            Skew::of(&pairs)
        };
        assert_eq!(skew(&[1.0, 2.0, 3.0]), Skew::None);
        assert_eq!(skew(&[0.0, 7.0, 14.0, 3.0, 11.0]), Skew::None);
        assert_eq!(skew(&[3.7; 9]), Skew::None);
        assert_eq!(skew(&[0.0, 0.0, 0.0]), Skew::None);
        assert_eq!(skew(&[1.0, 2.0, 9.0]), Skew::Right);
        assert_eq!(skew(&[1e308, -1e308, -9e307]), Skew::Right);
        assert_eq!(skew(&[1e-300, 8e-300, 9e-300]), Skew::Left);
    }
}
