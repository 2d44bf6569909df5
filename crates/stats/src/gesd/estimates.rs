//! Centre and scale of what is left of a column, after any number of values were taken from its ends.

use super::ends::{Ends, Place};
use crate::robust::{MAD_TO_STD, MEAN_AD_TO_STD, mad_sorted, median_sorted};

/// Centre and scale of a number of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) center: f64,
    pub(super) scale: f64,
}

/// Estimates of what is left when `low` and `high` values were taken from the ends.
pub(super) trait Estimates {
    fn left(&mut self, low: usize, high: usize) -> Estimate;
}

/// Number, mean and sum of squared deviations.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    n: f64,
    mean: f64,
    m2: f64,
}

impl Group {
    /// Two passes.
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let rest = values.iter().map(|x| x - mean).sum::<f64>();
        let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        Self {
            n,
            mean: mean + rest / n,
            m2: (squares - rest * rest / n).max(0.0),
        }
    }

    /// With one more value; Welford's update.
    fn with(self, x: f64) -> Self {
        let n = self.n + 1.0;
        let mean = self.mean + (x - self.mean) / n;
        let m2 = self.m2 + (x - self.mean) * (x - mean);
        Self { n, mean, m2 }
    }

    /// Of both groups together; Chan's formula.
    fn and(self, other: Self) -> Self {
        let n = self.n + other.n;
        let delta = other.mean - self.mean;
        Self {
            n,
            mean: self.mean + delta * (other.n / n),
            m2: self.m2 + other.m2 + delta * delta * (self.n * other.n / n),
        }
    }
}

/// Mean and standard deviation.
///
/// What is left is the core and the inner values of both ends, so moments are only ever added to,
/// from the core outwards, and a huge value leaves no trace in those of what it was taken from.
#[derive(Debug)]
pub(super) struct Classic {
    /// Element `j`: the core and all lower values but the `j` furthest out.
    low: Vec<Group>,
    /// Element `j`: the higher values but the `j` furthest out.
    high: Vec<Group>,
}

impl Classic {
    pub(super) fn new(ends: &Ends) -> Self {
        Self {
            low: outwards(Group::of(&ends.core), &ends.low),
            high: outwards(Group::default(), &ends.high),
        }
    }
}

fn outwards(inner: Group, end: &[Place]) -> Vec<Group> {
    let mut group = inner;
    let mut groups = vec![inner];
    for &(x, _) in end.iter().rev() {
        group = group.with(x);
        groups.push(group);
    }
    groups.reverse();
    groups
}

impl Estimates for Classic {
    fn left(&mut self, low: usize, high: usize) -> Estimate {
        let at = |groups: &[Group], i: usize| groups.get(i).copied().unwrap_or_default();
        let group = at(&self.low, low).and(at(&self.high, high));
        Estimate {
            center: group.mean,
            scale: (group.m2 / (group.n - 1.0)).sqrt(),
        }
    }
}

/// Median and scaled median absolute deviation.
#[derive(Debug)]
pub(super) struct Robust {
    sorted: Vec<f64>,
    /// Sums of absolute deviations from the value that more than half of all are equal to, from the
    /// middle outwards; filled once there is such a value.
    sums: Option<[Vec<f64>; 2]>,
}

impl Robust {
    pub(super) fn new(sorted: Vec<f64>) -> Self {
        Self { sorted, sums: None }
    }

    /// The sum of `|x - center|` over what is left.
    fn deviations(&mut self, center: f64, low: usize, high: usize) -> f64 {
        let [below, above] = self.sums.get_or_insert_with(|| {
            let middle = self.sorted.len() / 2;
            let (below, above) = self.sorted.split_at_checked(middle).unwrap_or_default();
            let sums = |outwards: &mut dyn Iterator<Item = &f64>| {
                let mut sum = 0.0;
                let mut sums = vec![sum];
                sums.extend(outwards.map(|x| {
                    sum += (x - center).abs();
                    sum
                }));
                sums
            };
            [sums(&mut below.iter().rev()), sums(&mut above.iter())]
        });
        let without = |sums: &[f64], taken: usize| {
            let place = sums.len().checked_sub(taken + 1);
            place.and_then(|i| sums.get(i)).copied().unwrap_or(0.0)
        };
        without(below, low) + without(above, high)
    }
}

impl Estimates for Robust {
    fn left(&mut self, low: usize, high: usize) -> Estimate {
        let end = self.sorted.len() - high;
        let left = self.sorted.get(low..end).unwrap_or_default();
        let (center, n) = (median_sorted(left), left.len() as f64);
        let mad = mad_sorted(left, center);
        let scale = if mad > 0.0 {
            MAD_TO_STD * mad
        } else {
            MEAN_AD_TO_STD * (self.deviations(center, low, high) / n)
        };
        Estimate { center, scale }
    }
}
