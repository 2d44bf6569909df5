use serde::{Deserialize, Serialize};

/// A running mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Mean {
    n: u64,
    mean: f64,
}

impl Mean {
    pub(super) fn update(&mut self, x: f64) {
        self.n = self.n.saturating_add(1);
        self.mean += 1.0 / self.n as f64 * (x - self.mean);
    }

    /// The number of values.
    pub(super) const fn n(&self) -> u64 {
        self.n
    }

    pub(super) const fn get(&self) -> f64 {
        self.mean
    }

    /// Whether it can be the mean of values in [`least`, `most`].
    pub(super) fn is_within(&self, least: f64, most: f64) -> bool {
        if self.n == 0 {
            self.mean == 0.0
        } else {
            (least..=most).contains(&self.mean)
        }
    }
}
