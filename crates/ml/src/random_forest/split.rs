use super::table::Entry;
use super::targets::Targets;

/// What a split is judged by.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    /// How often the row was drawn.
    pub(super) weight: f64,
    /// The target without its mean, times the weight.
    pub(super) weighted: f64,
}

/// The rows of a node, at the same places of every list.
pub(super) struct Node {
    pub(super) start: usize,
    /// The number of different rows.
    pub(super) len: usize,
    /// The number of rows drawn.
    pub(super) weight: f64,
    /// The mean target, scaled.
    pub(super) value: f64,
    /// The mean of the targets without the mean of all.
    mean: f64,
    /// Whether all targets are equal.
    pub(super) pure: bool,
}

impl Node {
    pub(super) fn of(
        rows: impl Iterator<Item = usize>,
        samples: &[Sample],
        targets: &Targets,
        start: usize,
    ) -> Self {
        let (mut len, mut weight, mut sum) = (0, 0.0, 0.0);
        let mut first = None;
        let mut pure = true;
        for row in rows {
            if let (Some(sample), Some(&target)) = (samples.get(row), targets.scaled.get(row)) {
                len += 1;
                weight += sample.weight;
                sum += sample.weighted;
                pure &= *first.get_or_insert(target) == target;
            }
        }
        let mean = sum / weight;
        Self {
            start,
            len,
            weight,
            // A pure node gives its target to the last digit.
            value: match first {
                Some(target) if pure => target,
                _ => targets.mean + mean,
            },
            mean,
            pure,
        }
    }

    /// By how much the sum of squares falls when `row` alone is on the left.
    pub(super) fn gain_of(&self, row: usize, samples: &[Sample]) -> f64 {
        let Some(sample) = samples.get(row) else {
            return 0.0;
        };
        let difference = sample.weighted - sample.weight * self.mean;
        let product = sample.weight * (self.weight - sample.weight);
        difference * difference * self.weight / product
    }
}

/// The best split found so far. With `d` the left targets' sum of differences from the node's
/// mean, `l` and `r` the weights of both sides, a split lowers the sum of squares by
/// `d^2 (l + r) / (l r)`.
pub(super) struct Best {
    pub(super) column: usize,
    /// The number of different rows on the left; 0 when there is none yet.
    pub(super) len: usize,
    /// Whether any column visited varies.
    pub(super) varies: bool,
    /// `d^2` and `l r`: compared crosswise, without dividing.
    squared: f64,
    product: f64,
}

impl Best {
    /// Worse than a split that lowers nothing.
    pub(super) const fn none() -> Self {
        Self {
            column: 0,
            len: 0,
            varies: false,
            squared: -1.0,
            product: 1.0,
        }
    }

    /// By how much the sum of squares falls, for a unit of the node's weight.
    pub(super) fn gain(&self) -> f64 {
        self.squared / self.product
    }
}

/// Looks for a better split of `node` in the order of one column, between every two different
/// values that leave at least `least` rows on both sides.
#[allow(
    clippy::indexing_slicing,
    reason = "there is a sample for each row, and `least` is at most half of the list"
)]
pub(super) fn scan(
    list: &[Entry],
    samples: &[Sample],
    node: &Node,
    least: usize,
    column: usize,
    best: &mut Best,
) {
    let (Some(first), Some(last)) = (list.first(), list.last()) else {
        return;
    };
    if first.ties(*last) {
        return;
    }
    best.varies = true;
    let (mut weight, mut sum) = (0.0, 0.0);
    let (start, rest) = list.split_at(least - 1);
    for entry in start {
        let sample = samples[entry.row()];
        weight += sample.weight;
        sum += sample.weighted;
    }
    let tried = &rest[..=rest.len() - least];
    for (at, pair) in tried.windows(2).enumerate() {
        let sample = samples[pair[0].row()];
        weight += sample.weight;
        sum += sample.weighted;
        if pair[0].ties(pair[1]) {
            continue;
        }
        let difference = sum - weight * node.mean;
        let squared = difference * difference;
        let product = weight * (node.weight - weight);
        if squared * best.product > best.squared * product {
            best.squared = squared;
            best.product = product;
            best.len = least + at;
            best.column = column;
        }
    }
}
