//! The bar that an alarm leaves behind.

use serde::{Deserialize, Serialize};

/// What share of an alarm's height the bar is, right after it.
const SHARE: f64 = 0.5;

/// What stands less high above the bar does not raise it.
const LEAST: f64 = 2.5;

/// Above this rarities are drawn together: ten times the height is 3.3 times the bar.
const KNEE: f64 = 5.0;

/// What is left of past alarms: the next one has to be rarer by it, the less the longer ago.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Bar(f64);

impl Bar {
    /// The height of `rarity` above the bar.
    pub(super) fn above(self, rarity: f64) -> f64 {
        drawn(rarity) - SHARE * self.0
    }

    /// Passes a point of this rarity; `keep` is what is left of the bar after a point.
    pub(super) fn pass(&mut self, rarity: f64, keep: f64) {
        let stands_out = self.above(rarity) >= LEAST;
        let raised = if stands_out { drawn(rarity) } else { 0.0 };
        self.0 = (keep * self.0).max(raised);
    }

    pub(super) const fn is_valid(self) -> bool {
        self.0.is_finite() && self.0 >= 0.0
    }
}

fn drawn(rarity: f64) -> f64 {
    let rarity = rarity.max(0.0);
    if rarity > KNEE {
        KNEE * (1.0 + (rarity / KNEE).ln())
    } else {
        rarity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_raises_the_bar_for_a_while() {
        let mut bar = Bar::default();
        assert_eq!(bar.above(4.0), 4.0);
        bar.pass(4.0, 0.5);
        assert_eq!(bar.above(4.0), 2.0);
        bar.pass(0.0, 0.5);
        bar.pass(0.0, 0.5);
        assert_eq!(bar.above(4.0), 3.5);
        // A far greater one is not lost behind a great one.
        bar.pass(20.0, 0.5);
        assert!(bar.above(20.0) > 5.0 && bar.above(4.0) < 0.0);
    }
}
