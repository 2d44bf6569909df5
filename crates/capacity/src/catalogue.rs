//! What to do about a resource that runs out: a catalogue that its owners edit.

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::report::{Recommendation, ResourcePlan};

/// Recommendations and when they apply. The default is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The entries, in the order in which they are recommended.
    pub entries: Vec<Entry>,
}

/// Actions, and when they apply: every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Parts of the name of the resource, in any case, of which one must be in it (default: any).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The least share of the variance that the rhythm explains, in [0, 1] (default: 0).
    #[serde(default)]
    pub min_season_share: f64,
    /// The least share of the variance that the trend explains, in [0, 1] (default: 0).
    #[serde(default)]
    pub min_trend_share: f64,
    /// What to do.
    pub actions: Vec<String>,
}

impl Catalogue {
    /// Checks every entry.
    ///
    /// # Errors
    /// When a share is outside [0, 1] or an entry has no actions.
    pub fn validate(&self) -> Result<()> {
        for entry in &self.entries {
            for (name, share) in [
                ("min_season_share", entry.min_season_share),
                ("min_trend_share", entry.min_trend_share),
            ] {
                if !(0.0..=1.0).contains(&share) {
                    return Err(Error::parameter(name, share, "in [0, 1]"));
                }
            }
            if entry.actions.is_empty() {
                return Err(Error::input("an entry of the catalogue has no actions"));
            }
        }
        Ok(())
    }

    /// What to do about a resource, each action once.
    pub(crate) fn advise(&self, plan: &ResourcePlan) -> Vec<Recommendation> {
        let name = plan.resource.to_lowercase();
        let applies = |entry: &&Entry| {
            let named = entry.resources.is_empty()
                || entry
                    .resources
                    .iter()
                    .any(|r| name.contains(&r.to_lowercase()));
            named
                && plan.growth.season_share >= entry.min_season_share
                && plan.growth.trend_share >= entry.min_trend_share
        };
        let mut advice: Vec<Recommendation> = Vec::new();
        let entries = self.entries.iter().filter(applies);
        for action in entries.flat_map(|entry| &entry.actions) {
            if advice.iter().all(|known| known.action != *action) {
                advice.push(Recommendation {
                    resource: plan.resource.clone(),
                    action: action.clone(),
                    because: plan.summary(),
                });
            }
        }
        advice
    }
}
