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

/// An alarm that lasts: the points that follow it are judged by the bar from before it, too, until one
/// is not as rare or they are too many.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Event {
    before: f64,
    left: u32,
}

impl Event {
    /// Whether a point of this rarity still belongs to it.
    pub(super) fn has(self, rarity: f64, threshold: f64) -> bool {
        self.left > 0 && Bar(self.before).above(rarity) > threshold
    }

    /// Passes a point of this rarity, before `bar` does. An alarm while it lasts prolongs it.
    pub(super) fn pass(&mut self, bar: Bar, rarity: f64, threshold: f64, hold: u32) {
        if bar.above(rarity) > threshold {
            if self.left == 0 {
                self.before = bar.0;
            }
            self.left = hold;
        } else if self.has(rarity, threshold) {
            self.left -= 1;
        } else {
            self.left = 0;
        }
    }

    pub(super) const fn is_valid(self) -> bool {
        Bar(self.before).is_valid()
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

    #[test]
    fn an_event_lasts_as_long_as_it_is_rare_and_no_longer_than_it_is_held() {
        let (mut bar, mut event) = (Bar::default(), Event::default());
        let mut pass = |rarity: f64| {
            let is_in = event.has(rarity, 3.0);
            event.pass(bar, rarity, 3.0, 3);
            bar.pass(rarity, 0.99);
            is_in
        };
        assert!(!pass(2.0) && !pass(5.0), "nothing lasts yet");
        assert!(pass(4.0) && pass(4.0) && pass(4.0));
        assert!(!pass(4.0), "it was held for three points");
        assert!(!pass(40.0) && pass(9.0), "a rarer one begins anew");
        assert!(!pass(1.0) && !pass(9.0), "it was over for a point");
    }
}
