use bongsu_core::{Error, Result};

use super::join::{Profile, compare, exclusion};
use super::subsequences::Subsequences;
use super::sweep::{Best, Sweep};

/// Subsequences that are judged at a time.
const STEP: usize = 512;

/// The subsequence that is least like anything before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discord {
    /// Where it starts.
    pub start: usize,
    /// Its z-normalised euclidean distance to the most similar earlier subsequence.
    pub distance: f64,
}

/// The search for the left discord of a series: the subsequence that is farthest from every
/// earlier one. It can be stopped at any time.
///
/// Subsequences are judged in order, 512 at a time. Each is compared with what came shortly before
/// it, then with twice as much, and so on back to the beginning. As soon as all 512 have something
/// more similar before them than the discord found so far has, none of them can be the discord, and
/// they are left there: their distances are then upper bounds. The discord itself is exact.
///
/// Memory: about 80 bytes a point.
///
/// Source: DAMP of Lu et al. 2022, <https://doi.org/10.1145/3534678.3539271>; there one subsequence
/// at a time by Fourier transforms, here many along diagonals, as in
/// [`self_join`](super::self_join).
///
/// ```
/// use bongsu_ml::matrix_profile::DiscordSearch;
/// let wave = |i: usize| (i as f64 / 4.0).sin() + if i == 1300 { 1.0 } else { 0.0 };
/// let series: Vec<f64> = (0..3000).map(wave).collect();
/// let mut search = DiscordSearch::new(&series, 25, 200)?;
/// while search.advance(100_000)? {}
/// let found = search.discord().unwrap();
/// assert!((1276..=1300).contains(&found.start));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DiscordSearch {
    all: Subsequences,
    /// The first subsequence that is judged.
    start: usize,
    /// The first one that is not judged yet.
    next: usize,
    left: Best,
    discord: Option<usize>,
    comparisons: u64,
}

impl DiscordSearch {
    /// A search that has judged nothing yet.
    ///
    /// - `series`: any unit and scale; NaN and infinities mark missing values.
    /// - `m`: the length of subsequences in points, domain [3, a third of the series].
    /// - `start`: the first subsequence that is judged, domain [2 m, n - m]; what is before it is
    ///   taken as normal.
    ///
    /// # Errors
    /// When `m` or `start` is outside its domain.
    pub fn new(series: &[f64], m: usize, start: usize) -> Result<Self> {
        let all = Subsequences::new(series, m)?;
        let (least, most) = (2 * m, series.len() - m);
        if !(least..=most).contains(&start) {
            return Err(Error::parameter(
                "start",
                start,
                format!("in [{least}, {most}], twice the window to the last subsequence"),
            ));
        }
        Ok(Self {
            left: Best::none(all.len()),
            all,
            start,
            next: start,
            discord: None,
            comparisons: 0,
        })
    }

    /// Judges further subsequences until `comparisons` more pairs have been compared, or a step
    /// beyond that; gives whether there are more to judge.
    ///
    /// # Errors
    /// Never with what [`Self::new`] has checked.
    ///
    /// Cost: a billion comparisons take about half a second on one core; on series that repeat
    /// themselves a point takes some thousands.
    pub fn advance(&mut self, comparisons: u64) -> Result<bool> {
        let until = self.comparisons.saturating_add(comparisons);
        while self.next < self.all.len() && self.comparisons < until {
            self.step()?;
        }
        Ok(self.next < self.all.len())
    }

    /// The discord among the subsequences judged so far.
    #[must_use]
    pub fn discord(&self) -> Option<Discord> {
        let start = self.discord?;
        let distance = self.profile().distances.get(start).copied()?;
        Some(Discord { start, distance })
    }

    /// The first subsequence that is not judged yet; the number of subsequences at the end.
    #[must_use]
    pub const fn judged(&self) -> usize {
        self.next
    }

    /// The pairs that have been compared.
    #[must_use]
    pub const fn comparisons(&self) -> u64 {
        self.comparisons
    }

    /// The left profile as far as it is known: upper bounds, infinite where nothing was judged.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile::of(&self.left, self.all.m)
    }

    fn step(&mut self) -> Result<()> {
        let end = self.all.len().min(self.next + STEP);
        let near = exclusion(self.all.m);
        // Among themselves and with those just before, which are too near for some of them.
        let from = self.next.saturating_sub(near);
        let close = self.all.slice(from, end);
        let sweep = Sweep {
            rows: &close,
            columns: &close,
        };
        let (mut by_row, mut by_column) = (Best::none(close.len()), Best::none(close.len()));
        sweep.run(
            0..close.len(),
            near + 1..close.len(),
            &mut by_row,
            &mut by_column,
        );
        self.comparisons += sweep.comparisons(0..close.len(), near + 1..close.len());
        self.learn(from, self.next - from, &by_column, from);

        let judged = self.all.slice(self.next, end);
        let (mut history, mut reach) = (from, STEP);
        while history > 0 && self.may_hold_discord(end) {
            let begin = history.saturating_sub(reach);
            let earlier = self.all.slice(begin, history);
            let best = compare(&judged, &earlier)?;
            self.comparisons += (judged.len() * earlier.len()) as u64;
            self.learn(self.next, 0, &best, begin);
            history = begin;
            reach = reach.saturating_mul(2);
        }
        if history == 0 {
            self.discord = self.least_similar(self.start, end);
        }
        self.next = end;
        Ok(())
    }

    /// Takes over what was found for subsequences from `first` on, but for the first `skip`; places
    /// were counted from `origin`.
    fn learn(&mut self, first: usize, skip: usize, found: &Best, origin: usize) {
        let found = found.correlations.iter().zip(&found.places);
        for (at, (&correlation, &place)) in (first..).zip(found).skip(skip) {
            if place != Best::NOWHERE {
                self.left.offer(at, correlation, origin + place as usize);
            }
        }
    }

    /// Whether one of those being judged has nothing more similar yet than the discord has.
    fn may_hold_discord(&self, end: usize) -> bool {
        let known = |at: usize| self.left.correlations.get(at).copied();
        let Some(bar) = self.discord.and_then(known) else {
            return true;
        };
        let judged = self.left.correlations.get(self.next..end);
        let mut judged = judged.into_iter().flatten().zip(self.next..);
        judged.any(|(&correlation, at)| correlation < bar && !self.all.is_missing(at))
    }

    /// Of the subsequences in a range the one whose best match is worst.
    fn least_similar(&self, from: usize, end: usize) -> Option<usize> {
        let of = |at: &usize| self.left.correlations.get(*at).copied().unwrap_or(1.0);
        (from..end)
            .filter(|&at| !self.all.is_missing(at) && of(&at) > f64::NEG_INFINITY)
            .min_by(|a, b| of(a).total_cmp(&of(b)))
    }
}
