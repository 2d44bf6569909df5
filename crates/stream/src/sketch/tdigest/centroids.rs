//! Merging of centroids, and what they tell of quantiles and ranks.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Lighter than this share of all weight a centroid is forgotten at once.
const FORGOTTEN: f64 = 1e-15;

/// Neighbouring values that were merged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Centroid {
    pub(super) mean: f64,
    pub(super) weight: f64,
}

impl Centroid {
    fn absorb(&mut self, other: Self) {
        let weight = self.weight + other.weight;
        let share = other.weight / weight;
        // Between the two, whatever the rounding: the order of centroids depends on it.
        let mean = self.mean * (1.0 - share) + other.mean * share;
        self.mean = mean.clamp(self.mean, other.mean);
        self.weight = weight;
    }
}

/// Sorts the centroids and merges neighbours that together reach no further than 1 on the scale.
pub(super) fn compress(centroids: &mut Vec<Centroid>, compression: f64) {
    // A stable sort, which takes advantage of the part that is in order already.
    centroids.sort_by(|a, b| a.mean.total_cmp(&b.mean));
    let total: f64 = centroids.iter().map(|c| c.weight).sum();
    centroids.retain(|c| c.weight > total * FORGOTTEN);
    let mut before = 0.0;
    let mut limit = total * reach(0.0, compression);
    centroids.dedup_by(|next, last| {
        if before + last.weight + next.weight <= limit {
            last.absorb(*next);
            return true;
        }
        before += last.weight;
        limit = total * reach(before / total, compression);
        false
    });
    if centroids.capacity() > 2 * centroids.len().max(compression as usize) {
        centroids.shrink_to(compression as usize + 1);
    }
}

/// The quantile that is 1 further than `q` on the scale `compression / (2 pi) asin(2q - 1)`.
fn reach(q: f64, compression: f64) -> f64 {
    let angle = (2.0 * q.min(1.0) - 1.0).asin() + 2.0 * PI / compression;
    if angle >= 0.5 * PI {
        1.0
    } else {
        0.5 + 0.5 * angle.sin()
    }
}

/// The value at the quantile `q`. The middle of a centroid's weight lies at its mean, and the ends
/// of the weight at the extremes; between them values are spread evenly.
pub(super) fn quantile(centroids: &[Centroid], min: f64, max: f64, q: f64) -> f64 {
    if q <= 0.0 {
        return min;
    }
    if q >= 1.0 {
        return max;
    }
    let total: f64 = centroids.iter().map(|c| c.weight).sum();
    let target = q * total;
    let mut from = Knot { rank: 0.0, x: min };
    for to in knots(centroids, max, total) {
        if target <= to.rank {
            return from.towards(to, target);
        }
        from = to;
    }
    max
}

/// The share of weight below `x`, with half of that at `x`.
pub(super) fn share_below(centroids: &[Centroid], min: f64, max: f64, x: f64) -> f64 {
    if x < min {
        return 0.0;
    }
    if x > max {
        return 1.0;
    }
    let weigh = |keep: &dyn Fn(f64) -> bool| -> f64 {
        let kept = centroids.iter().filter(|c| keep(c.mean));
        kept.map(|c| c.weight).sum()
    };
    let total = weigh(&|_| true);
    let equal = weigh(&|mean| mean == x);
    if equal > 0.0 {
        return (weigh(&|mean| mean < x) + 0.5 * equal) / total;
    }
    let mut from = Knot { rank: 0.0, x: min };
    for to in knots(centroids, max, total) {
        if x <= to.x {
            let span = 0.5 * to.x - 0.5 * from.x;
            let share = if span > 0.0 {
                (0.5 * x - 0.5 * from.x) / span
            } else {
                0.0
            };
            return (from.rank + share * (to.rank - from.rank)) / total;
        }
        from = to;
    }
    1.0
}

/// A value and the weight below it.
#[derive(Debug, Clone, Copy)]
struct Knot {
    rank: f64,
    x: f64,
}

impl Knot {
    fn towards(self, to: Self, rank: f64) -> f64 {
        let span = to.rank - self.rank;
        let share = if span > 0.0 {
            ((rank - self.rank) / span).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let x = self.x * (1.0 - share) + to.x * share;
        x.clamp(self.x, to.x)
    }
}

/// The middles of the centroids, then the largest value.
fn knots(centroids: &[Centroid], max: f64, total: f64) -> impl Iterator<Item = Knot> {
    let mut before = 0.0;
    let middle = move |centroid: &Centroid| {
        let rank = before + 0.5 * centroid.weight;
        before += centroid.weight;
        Knot {
            rank,
            x: centroid.mean,
        }
    };
    let end = Knot {
        rank: total,
        x: max,
    };
    centroids.iter().map(middle).chain(std::iter::once(end))
}
