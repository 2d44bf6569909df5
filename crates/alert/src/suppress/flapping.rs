//! Alerts that change their state too often, as Nagios tells them.

use std::time::Duration;

use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, duration_text};

/// The checks that are looked at.
const CHECKS: u32 = 21;
/// The changes between them.
const CHANGES: u32 = CHECKS - 1;

/// When an alert counts as flapping.
///
/// The last 21 checks of a series are kept, each as firing or not. A change of state between two of
/// them counts with a weight that rises linearly from `w` for the oldest pair to `2 - w` for the
/// newest, so that the weights' mean is 1:
///
/// `percent = 100 / 20 * sum over changes x of (w + 2 (1 - w) x / 19)`, with x from 0 to 19
///
/// Flapping begins when this reaches `high` and ends when it is below `low`.
///
/// Source: the documentation of Nagios Core 4, "Detection and Handling of State Flapping", by which
/// new changes weigh half as much again as old ones; its code takes 0.75 for `w`.
///
/// ```
/// use bongsu_alert::FlappingConfig;
/// let config = FlappingConfig { low: 5.0, high: 20.0, ..FlappingConfig::default() };
/// assert!(config.validate().is_ok());
/// assert!(FlappingConfig { low: 60.0, ..config }.validate().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FlappingConfig {
    /// Flapping ends below this percentage. Domain: above 0 and at most `high`. Default: 20.
    pub low: f64,
    /// Flapping begins at this percentage. Domain: at most 100. Default: 50.
    pub high: f64,
    /// The weight of the oldest change. Domain: in (0, 1]. Default: 0.8.
    pub oldest_weight: f64,
    /// Flapping ends also when the series has not been judged for so long. Domain: above 0.
    /// Default: 1h.
    #[serde(with = "duration_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub lapse: Duration,
}

impl Default for FlappingConfig {
    fn default() -> Self {
        Self {
            low: 20.0,
            high: 50.0,
            oldest_weight: 0.8,
            lapse: Duration::from_secs(3600),
        }
    }
}

impl FlappingConfig {
    /// Checks every field against its domain.
    ///
    /// # Errors
    /// When a field is outside its domain; the message names it.
    pub fn validate(&self) -> Result<(), Error> {
        let Self {
            low,
            high,
            oldest_weight: weight,
            lapse,
        } = *self;
        if !(high > 0.0 && high <= 100.0) {
            return Err(Error::parameter("flapping.high", high, "in (0, 100]"));
        }
        if !(low > 0.0 && low <= high) {
            let domain = format!("above 0 and at most `high`, which is {high}");
            return Err(Error::parameter("flapping.low", low, domain));
        }
        if !(weight > 0.0 && weight <= 1.0) {
            return Err(Error::parameter(
                "flapping.oldest_weight",
                weight,
                "in (0, 1]",
            ));
        }
        if lapse.is_zero() {
            return Err(Error::parameter("flapping.lapse", "0s", "above 0s"));
        }
        Ok(())
    }
}

/// The last checks of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FlapTrack {
    /// One bit a check, the newest lowest; 1 is firing. Before the first check all was quiet.
    bits: u32,
    flapping: bool,
    last: Timestamp,
}

/// What a check changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FlapChange {
    Began(f64),
    Ended(f64),
}

impl FlapTrack {
    /// Of a series that was quiet so far.
    pub(super) const fn new(at: Timestamp) -> Self {
        Self {
            bits: 0,
            flapping: false,
            last: at,
        }
    }

    /// Takes in a check.
    pub(super) fn check(
        &mut self,
        firing: bool,
        at: Timestamp,
        config: &FlappingConfig,
    ) -> Option<FlapChange> {
        self.bits = (self.bits << 1 | u32::from(firing)) & ((1 << CHECKS) - 1);
        self.last = at;
        let percent = self.percent(config);
        if !self.flapping && percent >= config.high {
            self.flapping = true;
            return Some(FlapChange::Began(percent));
        }
        if self.flapping && percent < config.low {
            self.flapping = false;
            return Some(FlapChange::Ended(percent));
        }
        None
    }

    /// The weighted rate of changes, in percent.
    pub(super) fn percent(&self, config: &FlappingConfig) -> f64 {
        let changes = self.bits ^ (self.bits >> 1);
        let slope = 2.0 * (1.0 - config.oldest_weight) / f64::from(CHANGES - 1);
        let weights: f64 = (0..CHANGES)
            .filter(|age| changes >> age & 1 == 1)
            .map(|age| config.oldest_weight + slope * f64::from(CHANGES - 1 - age))
            .sum();
        weights * 100.0 / f64::from(CHANGES)
    }

    /// Whether it flaps, at the moment `now`.
    pub(super) fn is_flapping(&self, now: Timestamp, config: &FlappingConfig) -> bool {
        self.flapping && !self.lapsed(now, config)
    }

    /// Whether the series has not been judged for long.
    pub(super) fn lapsed(&self, now: Timestamp, config: &FlappingConfig) -> bool {
        now >= self.last + config.lapse
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_idle(&self) -> bool {
        self.bits == 0 && !self.flapping
    }

    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) fn is_valid(&self) -> bool {
        self.bits < 1 << CHECKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(states: &str, config: &FlappingConfig) -> (FlapTrack, Vec<(usize, FlapChange)>) {
        let mut track = FlapTrack::new(Timestamp::from_secs(0));
        let mut changes = Vec::new();
        for (i, state) in states.chars().enumerate() {
            let at = Timestamp::from_secs(i64::try_from(i).unwrap() * 60);
            changes.extend(track.check(state == '1', at, config).map(|c| (i, c)));
        }
        (track, changes)
    }

    #[test]
    fn weights_rise_from_the_oldest_to_the_newest_change() {
        let config = FlappingConfig::default();
        // One change, 20 checks ago and just now.
        let (oldest, _) = run("011111111111111111111", &config);
        assert!((oldest.percent(&config) - 0.8 * 5.0).abs() < 1e-12);
        let (newest, _) = run("000000000000000000001", &config);
        assert!((newest.percent(&config) - 1.2 * 5.0).abs() < 1e-12);
        // All twenty: the mean weight is 1.
        let (all, _) = run("010101010101010101010", &config);
        assert!((all.percent(&config) - 100.0).abs() < 1e-9);
        // With the weights of the code of Nagios Core.
        let code = FlappingConfig {
            oldest_weight: 0.75,
            ..config
        };
        assert!((oldest.percent(&code) - 0.75 * 5.0).abs() < 1e-12);
        assert!((newest.percent(&code) - 1.25 * 5.0).abs() < 1e-12);
    }

    /// The documentation's example: seven changes, 35 % without weights; these sit such that the
    /// weights lower it.
    #[test]
    fn older_changes_count_less() {
        let config = FlappingConfig::default();
        let (track, _) = run("010101011111111111111", &config);
        let percent = track.percent(&config);
        let by_hand: f64 = (0..7).map(|x| 0.8 + 0.4 * f64::from(x) / 19.0).sum::<f64>() * 5.0;
        assert!(
            (percent - by_hand).abs() < 1e-12 && percent < 35.0,
            "{percent}"
        );
    }

    #[test]
    fn flapping_has_two_thresholds() {
        let config = FlappingConfig::default();
        let (track, changes) = run("0101010101010000000000000000000000", &config);
        // Nine changes in a row bring the sum of the weights from 9.01 to 10.04 of 20.
        let (began, ended) = (changes[0], changes[1]);
        assert!(
            matches!(began, (9, FlapChange::Began(p)) if p >= 50.0),
            "{began:?}"
        );
        assert!(
            matches!(ended, (_, FlapChange::Ended(p)) if p < 20.0),
            "{ended:?}"
        );
        assert_eq!(changes.len(), 2);
        assert!(track.is_idle());
    }

    #[test]
    fn flapping_lapses_with_the_series() {
        let config = FlappingConfig::default();
        let (track, _) = run("010101010101", &config);
        let last = Timestamp::from_secs(11 * 60);
        assert!(track.is_flapping(last, &config));
        assert!(!track.is_flapping(last + config.lapse, &config));
    }
}
