//! The comparison of all subsequences, diagonal by diagonal.
//!
//! Along a diagonal, where both subsequences move on by one point, their covariance changes by a
//! difference of two products. Sixteen neighbouring diagonals are followed at once. A correlation
//! that is no improvement to either subsequence, as nearly all are, is only looked at.

use std::ops::Range;

use super::subsequences::Subsequences;
use crate::vector::widest;

/// Diagonals that are followed at once.
const LANES: usize = 16;

/// The most similar subsequence of each found so far.
#[derive(Debug, Clone)]
pub(super) struct Best {
    pub(super) correlations: Vec<f64>,
    pub(super) places: Vec<u32>,
}

impl Best {
    pub(super) const NOWHERE: u32 = u32::MAX;

    /// Of `count` subsequences nothing is known.
    pub(super) fn none(count: usize) -> Self {
        Self {
            correlations: vec![f64::NEG_INFINITY; count],
            places: vec![Self::NOWHERE; count],
        }
    }

    #[inline(always)]
    fn correlation(&self, at: usize) -> f64 {
        self.correlations.get(at).copied().unwrap_or(f64::INFINITY)
    }

    #[inline(always)]
    pub(super) fn offer(&mut self, at: usize, correlation: f64, place: usize) {
        if let (Some(best), Some(slot)) = (self.correlations.get_mut(at), self.places.get_mut(at))
            && correlation > *best
        {
            (*best, *slot) = (correlation, place as u32);
        }
    }

    /// Takes what is better in `later`; at equal correlation what is there stays.
    pub(super) fn merge(&mut self, later: &Self) {
        let ours = self.correlations.iter_mut().zip(&mut self.places);
        let theirs = later.correlations.iter().zip(&later.places);
        for ((best, place), (&correlation, &other)) in ours.zip(theirs) {
            if correlation > *best {
                (*best, *place) = (correlation, other);
            }
        }
    }
}

/// Rows (subsequences of one series) and columns (of another, or the same) being compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweep<'a> {
    pub(super) rows: &'a Subsequences,
    pub(super) columns: &'a Subsequences,
}

impl Sweep<'_> {
    /// Rows after which covariances are computed anew: far enough for that to cost little, near
    /// enough for errors not to add up and for what is needed to stay in the cache.
    fn tile(&self) -> usize {
        (32 * self.rows.m).max(4096)
    }

    /// Compares each row `i` of `rows` with the columns `i + g` for `g` in `gaps`; `by_row` and
    /// `by_column` are of all rows and columns.
    pub(super) fn run(
        &self,
        rows: Range<usize>,
        gaps: Range<usize>,
        by_row: &mut Best,
        by_column: &mut Best,
    ) {
        let special = self.rows.special || self.columns.special;
        for start in rows.clone().step_by(self.tile()) {
            let tile = start..rows.end.min(start + self.tile());
            let last = gaps.end.min(self.columns.len().saturating_sub(start));
            for gap in (gaps.start..last).step_by(LANES) {
                let lanes = gap..last.min(gap + LANES);
                widest(
                    #[inline(always)]
                    || {
                        if special {
                            self.diagonals::<true>(tile.clone(), lanes.clone(), by_row, by_column);
                        } else {
                            self.diagonals::<false>(tile.clone(), lanes.clone(), by_row, by_column);
                        }
                    },
                );
            }
        }
    }

    /// How many comparisons [`Self::run`] makes.
    pub(super) fn comparisons(&self, rows: Range<usize>, gaps: Range<usize>) -> u64 {
        let columns = self.columns.len();
        let of_row = |row: usize| {
            gaps.end
                .min(columns.saturating_sub(row))
                .saturating_sub(gaps.start)
        };
        rows.map(|row| of_row(row) as u64).sum()
    }

    #[inline(always)]
    fn diagonals<const SPECIAL: bool>(
        &self,
        rows: Range<usize>,
        gaps: Range<usize>,
        by_row: &mut Best,
        by_column: &mut Best,
    ) {
        // Rows in which all lanes have a column.
        let together = rows
            .end
            .min((self.columns.len() + 1).saturating_sub(gaps.end));
        let mut from = rows.start;
        let mut covariances = [0.0; LANES];
        if gaps.len() == LANES && together > from {
            covariances = self.covariances(from, from + gaps.start);
            let part = from..together;
            self.follow::<SPECIAL>(part, gaps.start, &mut covariances, by_row, by_column);
            from = together;
        } else {
            for (covariance, gap) in covariances.iter_mut().zip(gaps.clone()) {
                *covariance = self.covariance(from, from + gap);
                let correlation = self.correlation(*covariance, from, from + gap);
                by_row.offer(from, correlation, from + gap);
                by_column.offer(from + gap, correlation, from);
            }
            from += 1;
        }
        for (mut covariance, gap) in covariances.into_iter().zip(gaps) {
            let end = rows.end.min(self.columns.len() - gap);
            for row in from..end {
                covariance += self.change(row, row + gap);
                let correlation = self.correlation(covariance, row, row + gap);
                by_row.offer(row, correlation, row + gap);
                by_column.offer(row + gap, correlation, row);
            }
        }
    }

    /// Follows sixteen diagonals from their covariances in the first row to those in the last.
    #[inline(always)]
    fn follow<const SPECIAL: bool>(
        &self,
        rows: Range<usize>,
        gap: usize,
        covariances: &mut [f64; LANES],
        by_row: &mut Best,
        by_column: &mut Best,
    ) {
        let columns = rows.start + gap..rows.end + gap + LANES - 1;
        let (above, left) = (self.rows, self.columns);
        let (Some(gains), Some(losses), Some(inverses), Some(offsets)) = (
            left.gains.get(columns.clone()),
            left.losses.get(columns.clone()),
            left.inverses.get(columns.clone()),
            left.offsets.get(columns),
        ) else {
            return;
        };
        let (Some(row_gains), Some(row_losses), Some(row_inverses), Some(row_offsets)) = (
            above.gains.get(rows.clone()),
            above.losses.get(rows.clone()),
            above.inverses.get(rows.clone()),
            above.offsets.get(rows.clone()),
        ) else {
            return;
        };
        let weight = above.weight();
        let mut sums = *covariances;
        let of_rows = row_gains
            .iter()
            .zip(row_losses)
            .zip(row_inverses)
            .zip(row_offsets);
        let of_columns = gains
            .array_windows::<LANES>()
            .zip(losses.array_windows::<LANES>())
            .zip(inverses.array_windows::<LANES>())
            .zip(offsets.array_windows::<LANES>());
        for ((row, of_row), of_column) in rows.clone().zip(of_rows).zip(of_columns) {
            let (((gain, loss), inverse), offset) = of_row;
            let (((gains, losses), inverses), offsets) = of_column;
            if row > rows.start {
                let (gain, loss) = (gain * weight, loss * weight);
                for ((sum, a), b) in sums.iter_mut().zip(gains).zip(losses) {
                    *sum += gain * a - loss * b;
                }
            }
            let mut correlations = [0.0; LANES];
            for ((correlation, sum), other) in correlations.iter_mut().zip(&sums).zip(inverses) {
                *correlation = sum * other * inverse;
            }
            if SPECIAL {
                for (correlation, other) in correlations.iter_mut().zip(offsets) {
                    *correlation += offset + other;
                }
            }
            let best = by_row.correlation(row);
            let known = by_column.correlations.get(row + gap..);
            let Some(known) = known.and_then(|known| known.first_chunk::<LANES>()) else {
                return;
            };
            let mut better = false;
            for (&correlation, &known) in correlations.iter().zip(known) {
                better |= (correlation > known) | (correlation > best);
            }
            if better {
                for (column, correlation) in (row + gap..).zip(correlations) {
                    by_row.offer(row, correlation, column);
                    by_column.offer(column, correlation, row);
                }
            }
        }
        *covariances = sums;
    }

    /// The change of the covariance from the row and column before to these.
    #[inline(always)]
    fn change(&self, row: usize, column: usize) -> f64 {
        let at = |values: &[f64], place: usize| values.get(place).copied().unwrap_or_default();
        let gain = at(&self.rows.gains, row) * self.rows.weight();
        let loss = at(&self.rows.losses, row) * self.rows.weight();
        gain * at(&self.columns.gains, column) - loss * at(&self.columns.losses, column)
    }

    #[inline(always)]
    fn correlation(&self, covariance: f64, row: usize, column: usize) -> f64 {
        let at = |values: &[f64], place: usize| values.get(place).copied().unwrap_or_default();
        covariance * at(&self.columns.inverses, column) * at(&self.rows.inverses, row)
            + (at(&self.rows.offsets, row) + at(&self.columns.offsets, column))
    }

    /// The covariance of two subsequences from their values.
    fn covariance(&self, row: usize, column: usize) -> f64 {
        let centred = |side: &'_ Subsequences, place: usize| {
            let mean = side.means.get(place).copied().unwrap_or_default();
            let values = side.values.get(place..place + side.m).unwrap_or_default();
            values.iter().map(|x| x - mean).collect::<Vec<_>>()
        };
        let (ours, theirs) = (centred(self.rows, row), centred(self.columns, column));
        let products = ours.iter().zip(&theirs).map(|(a, b)| a * b);
        products.sum::<f64>() / self.rows.m as f64
    }

    /// [`Self::covariance`] with sixteen neighbouring columns.
    #[inline(always)]
    fn covariances(&self, row: usize, column: usize) -> [f64; LANES] {
        let m = self.rows.m;
        let mut sums = [0.0; LANES];
        let ours = self.rows.values.get(row..row + m);
        let theirs = self.columns.values.get(column..column + m + LANES - 1);
        let means = self.columns.means.get(column..);
        let (Some(ours), Some(theirs), Some(means), Some(mean)) = (
            ours,
            theirs,
            means.and_then(|means| means.first_chunk::<LANES>()),
            self.rows.means.get(row),
        ) else {
            return sums;
        };
        for (x, window) in ours.iter().zip(theirs.array_windows::<LANES>()) {
            let centred = x - mean;
            for ((sum, y), mean) in sums.iter_mut().zip(window).zip(means) {
                *sum += centred * (y - mean);
            }
        }
        sums.map(|sum| sum / m as f64)
    }
}

impl Subsequences {
    /// The weight of a change of the sum of products in a covariance.
    fn weight(&self) -> f64 {
        let m = self.m as f64;
        (m - 1.0) / (m * m)
    }
}
