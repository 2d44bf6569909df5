use bongsu_core::Fill;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{QueryConfig, Span};
use crate::Error;

/// What becomes of holes, for detectors to which neighbours in time matter. A point that is filled
/// in is learned when the hole is over; it is never judged, and alarms nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GapsConfig {
    /// What they are filled with.
    pub fill: FillConfig,
    /// The longest hole that is filled; of a longer one nothing is.
    pub max_gap: Span,
}

impl Default for GapsConfig {
    fn default() -> Self {
        Self {
            fill: FillConfig::default(),
            max_gap: Span::from_secs(5 * 60),
        }
    }
}

/// What holes are filled with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FillConfig {
    /// Nothing: the detector learns the points that there are.
    #[default]
    None,
    /// The last value before the hole.
    Previous,
    /// A straight line from the last value before the hole to the first after it.
    Linear,
    /// The last value before the hole; at the beginning of a training window the first value after.
    Both,
}

impl GapsConfig {
    /// As the policy of a frame.
    #[must_use]
    pub fn fill(&self) -> Fill {
        let max_gap = self.max_gap.duration();
        match self.fill {
            FillConfig::None => Fill::None,
            FillConfig::Previous => Fill::Previous { max_gap },
            FillConfig::Linear => Fill::Linear { max_gap },
            FillConfig::Both => Fill::Both { max_gap },
        }
    }

    /// Checks it as a part of `query`; the message begins with the key.
    pub(super) fn validate(&self, query: &QueryConfig) -> Result<(), Error> {
        if self.fill == FillConfig::None {
            return Ok(());
        }
        if query.group.is_some() {
            return Err(Error::config(
                "gaps.fill must be `none` with `group`: group.max_gap says how long a channel is \
                 carried forward",
            ));
        }
        if self.max_gap < query.step {
            return Err(Error::config(format!(
                "gaps.max_gap is {}, but must be at least the step, {}, or nothing is filled",
                self.max_gap, query.step
            )));
        }
        Ok(())
    }
}
