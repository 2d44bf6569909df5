use std::ops::Range;

use bongsu_core::{Error, Result};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use super::subsequences::Subsequences;
use super::sweep::{Best, Sweep};

/// Squared distances below this are taken as 0.
const NOTHING: f64 = 1e-14;

/// The distance of each subsequence to the most similar of others, and where that one starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The z-normalised euclidean distance: `sqrt(2 m (1 - r))` of the correlation r, from 0 to
    /// `2 sqrt(m)`. A constant subsequence is at 0 from another constant one and at `sqrt(m)` from
    /// any other. Infinite where there is nothing to compare with, or a value is missing.
    pub distances: Vec<f64>,
    /// The start of the most similar subsequence.
    pub neighbours: Vec<Option<u32>>,
}

impl Profile {
    pub(super) fn of(best: &Best, m: usize) -> Self {
        let distance = |&r: &f64| {
            let squared = 2.0 * m as f64 * (1.0 - r.min(1.0));
            if squared < NOTHING {
                0.0
            } else {
                squared.sqrt()
            }
        };
        let place = |&place: &u32| (place != Best::NOWHERE).then_some(place);
        Self {
            distances: best.correlations.iter().map(distance).collect(),
            neighbours: best.places.iter().map(place).collect(),
        }
    }
}

/// The matrix profiles of a series with itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfJoin {
    /// Compared with earlier subsequences only: what was known when each one ended.
    pub left: Profile,
    /// Compared with later subsequences only.
    pub right: Profile,
}

impl SelfJoin {
    /// Compared with all subsequences.
    #[must_use]
    pub fn both(&self) -> Profile {
        let left = self.left.distances.iter().zip(&self.left.neighbours);
        let right = self.right.distances.iter().zip(&self.right.neighbours);
        let nearer = left.zip(right).map(|(l, r)| if r.0 < l.0 { r } else { l });
        let (distances, neighbours) = nearer.map(|(d, n)| (*d, *n)).unzip();
        Profile {
            distances,
            neighbours,
        }
    }
}

/// The points around a subsequence in which another one is the same match: a quarter of its length.
pub(super) const fn exclusion(m: usize) -> usize {
    m.div_ceil(4)
}

/// Compares each subsequence of `m` points with every other of the same series that does not start
/// within a quarter of its length.
///
/// - `series`: any unit and scale; NaN and infinities mark missing values.
/// - `m`: points, domain [3, length of the series].
///
/// # Errors
/// When `m` is outside its domain.
///
/// Cost: O(n^2) time whatever the window, shared out among threads; about 70 bytes a point and 12
/// more a point and thread. The result does not depend on the number of threads.
///
/// Source: Yeh et al. 2016, <https://doi.org/10.1109/ICDM.2016.0179>; the order of computation of
/// Zimmerman et al. 2019, <https://doi.org/10.1145/3357223.3362721>; equal to `stumpy` 1.14 `stump`.
///
/// ```
/// use bongsu_ml::matrix_profile::self_join;
/// let series = [584.0, -11.0, 23.0, 79.0, 1001.0, 0.0, -19.0];
/// let profile = self_join(&series, 3)?.both();
/// assert!((profile.distances[0] - 0.11633857113691416).abs() < 1e-9);
/// assert_eq!(profile.neighbours[0], Some(4));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn self_join(series: &[f64], m: usize) -> Result<SelfJoin> {
    let all = Subsequences::new(series, m)?;
    let sweep = Sweep {
        rows: &all,
        columns: &all,
    };
    let (right, left) = sweep.in_parallel(exclusion(m) + 1);
    Ok(SelfJoin {
        left: Profile::of(&left, m),
        right: Profile::of(&right, m),
    })
}

/// Compares each subsequence of `m` points of `a` with every one of `b`; the profile is that of
/// `a`.
///
/// - `a`, `b`: the same unit; NaN and infinities mark missing values.
/// - `m`: points, domain [3, length of the shorter series].
///
/// # Errors
/// When `m` is outside its domain.
///
/// Cost: O(|a| |b|) time whatever the window, shared out among threads; memory as [`self_join`].
///
/// Source: as [`self_join`].
///
/// ```
/// use bongsu_ml::matrix_profile::join;
/// let profile = join(&[5.0, 1.0, 2.0, 4.0], &[0.0, 10.0, 20.0, 40.0], 3)?;
/// assert_eq!((profile.distances[1], profile.neighbours[1]), (0.0, Some(1)));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn join(a: &[f64], b: &[f64], m: usize) -> Result<Profile> {
    let (a, b) = (Subsequences::new(a, m)?, Subsequences::new(b, m)?);
    Ok(Profile::of(&compare(&a, &b)?, m))
}

/// The most similar subsequence of `b` to each of `a`.
pub(super) fn compare(a: &Subsequences, b: &Subsequences) -> Result<Best> {
    if a.m != b.m {
        return Err(Error::shape("length of the subsequences", a.m, b.m));
    }
    let (mut best, _) = Sweep {
        rows: a,
        columns: b,
    }
    .in_parallel(0);
    let (_, below) = Sweep {
        rows: b,
        columns: a,
    }
    .in_parallel(1);
    best.merge(&below);
    Ok(best)
}

impl Sweep<'_> {
    /// Compares each row `i` with the columns from `i + gap` on; gives the best of the rows and of
    /// the columns.
    fn in_parallel(&self, gap: usize) -> (Best, Best) {
        let parts = self.parts(gap);
        let none = || (Best::none(self.rows.len()), Best::none(self.columns.len()));
        parts
            .into_par_iter()
            .map(|rows| {
                let (mut by_row, mut by_column) = none();
                self.run(rows, gap..usize::MAX, &mut by_row, &mut by_column);
                (by_row, by_column)
            })
            // In order: of equal correlations that of the earlier row stays.
            .reduce_with(|mut a, b| {
                a.0.merge(&b.0);
                a.1.merge(&b.1);
                a
            })
            .unwrap_or_else(none)
    }

    /// Ranges of rows with about the same number of comparisons. They do not depend on the number
    /// of threads, since covariances are computed anew at the start of each.
    fn parts(&self, gap: usize) -> Vec<Range<usize>> {
        let rows = self.rows.len().min(self.columns.len().saturating_sub(gap));
        let count = (rows / (8 * self.rows.m).max(1024)).clamp(1, 32);
        // Row i has this many comparisons less i.
        let most = self.columns.len().saturating_sub(gap) as f64;
        let all = rows as f64 * (most - rows as f64 / 2.0);
        let start = |part: usize| {
            let share = all * part as f64 / count as f64;
            let start = most - (most * most - 2.0 * share).max(0.0).sqrt();
            if part == count {
                rows
            } else {
                rows.min(start as usize)
            }
        };
        let parts = (0..count).map(|part| start(part)..start(part + 1));
        parts.filter(|part| !part.is_empty()).collect()
    }
}
