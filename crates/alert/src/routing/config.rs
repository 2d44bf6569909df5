use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{TimeIntervalConfig, duration_text};

/// The parts of Alertmanager's configuration file that say who hears of what and when. Users of
/// Alertmanager can carry theirs over.
///
/// Unknown keys are errors, except for what belongs to single receivers (see [`ReceiverConfig`]) and
/// for the section `global`, which is kept for them, and `templates`, which is accepted and not read.
///
/// ```
/// use bongsu_alert::{RoutingConfig, RoutingTree};
/// let config: RoutingConfig = serde_json::from_str(r#"{
///     "route": {
///         "receiver": "chat",
///         "group_by": ["job"],
///         "routes": [{"receiver": "pager", "matchers": ["severity=\"critical\""]}]
///     },
///     "receivers": [{"name": "chat"}, {"name": "pagr"}]
/// }"#)?;
/// let error = RoutingTree::new(&config).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "route.routes[0].receiver: there is no receiver `pager`; there are `chat`, `pagr`"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoutingConfig {
    /// The root of the tree.
    pub route: RouteConfig,
    /// Who can be told.
    #[serde(default)]
    pub receivers: Vec<ReceiverConfig>,
    /// Which alerts make others needless.
    #[serde(default)]
    pub inhibit_rules: Vec<InhibitRuleConfig>,
    /// Times that routes refer to by name.
    #[serde(default)]
    pub time_intervals: Vec<NamedIntervalConfig>,
    /// The older name of `time_intervals`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mute_time_intervals: Vec<NamedIntervalConfig>,
    /// What holds for all receivers; left to whoever builds the sinks, as the sections of
    /// [`ReceiverConfig`] are.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub global: GlobalConfig,
    /// Not read: files with Alertmanager's own templates.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub templates: Opaque,
}

/// A node of the routing tree.
///
/// What is not set comes from the parent; the root has `group_wait` 30s, `group_interval` 5m and
/// `repeat_interval` 4h, and no `group_by`, which puts all alerts into one group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// Who is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
    /// The labels that alerts of one message have in common; `...` alone stands for all labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<String>>,
    /// Whether the siblings after it are tried as well. Default: no.
    #[serde(rename = "continue")]
    pub continues: bool,
    /// The older spelling of matchers: labels and their values.
    #[serde(rename = "match", skip_serializing_if = "BTreeMap::is_empty")]
    pub equal: BTreeMap<String, String>,
    /// The older spelling of matchers: labels and regular expressions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_re: BTreeMap<String, String>,
    /// What an alert must meet, such as `severity="critical"`; all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<String>,
    /// How long the first message of a group waits for more alerts.
    #[serde(
        with = "duration_text::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub group_wait: Option<Duration>,
    /// The least time between two messages of a group.
    #[serde(
        with = "duration_text::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub group_interval: Option<Duration>,
    /// After what time a message is repeated when nothing changed; rounded up to a multiple of
    /// `group_interval`.
    #[serde(
        with = "duration_text::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub repeat_interval: Option<Duration>,
    /// The names of times in which nothing is told; not at the root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mute_time_intervals: Vec<String>,
    /// The names of the only times in which something is told; not at the root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub active_time_intervals: Vec<String>,
    /// The nodes below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Self>,
}

/// What holds for all receivers, by key. It may hold secrets: `Debug` shows the keys only.
#[derive(Clone, PartialEq, Default)]
pub struct GlobalConfig(BTreeMap<String, serde_json::Value>);

impl GlobalConfig {
    /// The value of this key; `None` also where it is `null`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&serde_json::Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }
}

impl<'de> Deserialize<'de> for GlobalConfig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Option::<BTreeMap<String, serde_json::Value>>::deserialize(deserializer)?;
        Ok(Self(values.unwrap_or_default()))
    }
}

impl std::fmt::Debug for GlobalConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Somebody who can be told.
///
/// Everything beside the name, such as `slack_configs`, is left to whoever builds the sinks. It may
/// hold secrets: `Debug` shows the names of these sections only, and they are not serialised.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiverConfig {
    /// The name that routes refer to.
    pub name: String,
    /// The sections of the sinks, by key.
    #[serde(flatten, skip_serializing)]
    pub sections: BTreeMap<String, serde_json::Value>,
}

impl std::fmt::Debug for ReceiverConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiverConfig")
            .field("name", &self.name)
            .field("sections", &self.sections.keys())
            .finish()
    }
}

/// While an alert that meets the source matchers fires, those that meet the target matchers and
/// have the same values of the `equal` labels are not told.
///
/// A label that is missing counts as empty. An alert that meets both sides is not inhibited by
/// others that do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct InhibitRuleConfig {
    /// What to call the rule in explanations. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the alert that makes others needless meets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_matchers: Vec<String>,
    /// What the needless alerts meet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target_matchers: Vec<String>,
    /// The labels whose values must be the same on both sides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equal: Vec<String>,
    /// The older spelling of source matchers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub source_match: BTreeMap<String, String>,
    /// The older spelling of source matchers with regular expressions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub source_match_re: BTreeMap<String, String>,
    /// The older spelling of target matchers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub target_match: BTreeMap<String, String>,
    /// The older spelling of target matchers with regular expressions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub target_match_re: BTreeMap<String, String>,
}

/// Times under a name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedIntervalConfig {
    /// The name that routes refer to.
    pub name: String,
    /// The times; a moment belongs to them when it belongs to one.
    #[serde(default)]
    pub time_intervals: Vec<TimeIntervalConfig>,
}

/// A part of the configuration that is accepted and forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opaque;

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
