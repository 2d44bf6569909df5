use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{QueryConfig, Span, Watched};
use crate::judge::CHANNEL;
use crate::registry::DetectorSpec;
use crate::{Error, registry};

/// Series that are judged together: one model, and one verdict at a time, for each group.
///
/// The series of a group are the channels of its rows. A row is judged when at least one channel has
/// a number in it; a channel without one is carried forward for `max_gap`, then taken at the median
/// of what was learned and named as missing. Rows with a missing channel teach nothing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Series with the same values of these labels are a group; without any, all series are one.
    #[serde(default)]
    pub by: Vec<String>,
    /// What tells the channels apart: a label, whose values name them, or an expression for each
    /// channel in place of the query's `expr`.
    #[serde(default)]
    pub channels: ChannelsConfig,
    /// For so long a channel without a number keeps its last one.
    #[serde(default = "default_max_gap")]
    pub max_gap: Span,
    /// A row of which a larger share of the channels is missing is not judged. Domain: [0, 1).
    #[serde(default = "default_max_missing")]
    pub max_missing: f64,
    /// What becomes of channels that a group did not have at first.
    #[serde(default)]
    pub new_channels: NewChannels,
}

/// What tells the channels of a group apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChannelsConfig {
    /// The label whose values name the channels.
    Label(String),
    /// An expression for each channel, by its name.
    Exprs(BTreeMap<String, String>),
}

impl Default for ChannelsConfig {
    fn default() -> Self {
        Self::Label(bongsu_core::METRIC_NAME.to_owned())
    }
}

/// What becomes of channels that a group did not have at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewChannels {
    /// With a `training` section the query is trained anew when the channel has had
    /// `training.min_points` numbers; without one the group starts afresh when it has had numbers
    /// for `max_gap`, and warms up again.
    #[default]
    Retrain,
    /// They wait until the group is trained or forgotten for another reason.
    Ignore,
}

fn default_max_gap() -> Span {
    Span::from_secs(5 * 60)
}

fn default_max_missing() -> f64 {
    0.5
}

impl GroupConfig {
    /// The expressions by channel, where each channel has its own.
    #[must_use]
    pub const fn exprs(&self) -> Option<&BTreeMap<String, String>> {
        match &self.channels {
            ChannelsConfig::Exprs(exprs) => Some(exprs),
            ChannelsConfig::Label(_) => None,
        }
    }

    /// The label that holds a channel's name.
    #[must_use]
    pub fn label(&self) -> &str {
        match &self.channels {
            ChannelsConfig::Label(label) => label,
            ChannelsConfig::Exprs(_) => CHANNEL,
        }
    }

    /// Checks it as a part of `query`; the message begins with the key.
    pub(super) fn validate(&self, query: &QueryConfig) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::config(message));
        for (i, name) in self.by.iter().enumerate() {
            super::validate::check_label("group.by", name)?;
            if self.by.iter().take(i).any(|other| other == name) {
                return wrong(format!("group.by: `{name}` is there twice"));
            }
        }
        match &self.channels {
            ChannelsConfig::Label(label) => {
                super::validate::check_label("group.channels", label)?;
                if self.by.contains(label) {
                    return wrong(format!(
                        "group.channels is `{label}`, but must not be one of group.by: every \
                         group would have a single channel"
                    ));
                }
            }
            ChannelsConfig::Exprs(exprs) => {
                if exprs.len() < 2 {
                    return wrong(format!(
                        "group.channels has {} expressions, but must have at least 2",
                        exprs.len()
                    ));
                }
                if let Some((name, _)) = exprs
                    .iter()
                    .find(|(name, expr)| name.trim().is_empty() || expr.trim().is_empty())
                {
                    return wrong(format!(
                        "group.channels.{}: neither the name nor the expression may be empty",
                        name.escape_debug()
                    ));
                }
                registry::build(&query.detector, &query.parameter_texts())
                    .and_then(|mut detector| Ok(detector.fix_features(exprs.len())?))
                    .map_err(|e| Error::config(format!("parameters: {e}")))?;
            }
        }
        if self.max_gap.millis() < 0 {
            return wrong(format!(
                "group.max_gap is {}, but must be at least 0s",
                self.max_gap
            ));
        }
        if !(0.0..1.0).contains(&self.max_missing) {
            return wrong(format!(
                "group.max_missing is {}, but must be in [0, 1)",
                self.max_missing
            ));
        }
        let spec = registry::find(&query.detector)?;
        if !spec.input.is_together() {
            let of_rows = registry::detectors().filter(|spec| spec.input.is_together());
            let names: Vec<&str> = of_rows.map(|spec: &DetectorSpec| spec.name).collect();
            return wrong(format!(
                "detector is `{}`, which judges a metric by itself, but a query with `group` needs \
                 one of: {}",
                query.detector,
                names.join(", ")
            ));
        }
        if query.min_abs_dev > 0.0
            || query.min_rel_dev > 0.0
            || query.direction != bongsu_core::Direction::Both
        {
            return wrong(
                "direction, min_abs_dev and min_rel_dev: a row of several channels has no expected \
                 value; leave them out with `group`"
                    .to_owned(),
            );
        }
        let watched = query.training.as_ref().and_then(|t| t.on_drift.as_ref());
        if watched.is_some_and(|trigger| trigger.watch != Watched::Score) {
            return wrong(
                "training.on_drift.watch must be `score` with `group`: a row has no single value"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
