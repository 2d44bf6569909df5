use serde::{Deserialize, Serialize};

use super::quiet::Quiet;
use super::{BudgetConfig, EscalationStep, FlappingConfig, MaintenanceConfig, MuteConfig};
use crate::Error;

/// What is told and what is not, beside the routing tree.
///
/// ```
/// use bongsu_alert::{RoutingTree, SuppressConfig, Suppressor};
/// let config: SuppressConfig = serde_json::from_str(r#"{
///     "flapping": {"high": 40.0},
///     "budget": {"rate": {"burst": 5, "every": "1m"}},
///     "escalation": [{"after": "1h", "severity": "major"}]
/// }"#)?;
/// let suppressor = Suppressor::new(&config, RoutingTree::single("chat"))?;
/// assert_eq!(suppressor.next_due(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SuppressConfig {
    /// When alerts count as flapping; `null` for never. Default: 20 % and 50 %.
    pub flapping: Option<FlappingConfig>,
    /// Alerts that are not told at certain times. Default: none.
    pub mutes: Vec<MuteConfig>,
    /// Planned work. Default: none.
    pub maintenance: Vec<MaintenanceConfig>,
    /// How many messages may be sent. Default: as many as there are.
    pub budget: Option<BudgetConfig>,
    /// How severity rises. Default: it does not.
    pub escalation: Vec<EscalationStep>,
    /// How much is remembered.
    pub limits: Limits,
}

/// How much a [`Suppressor`](crate::Suppressor) remembers. What is beyond a limit is forgotten,
/// oldest first, and counted where it was an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The alerts that fire or whose end is not told yet; the same number of alerts that ended
    /// within a day, and of series that fired within their last 21 checks. Domain: at least 1.
    /// Default: 100,000.
    pub alerts: usize,
    /// The alerts whose path can be explained. Domain: at least 1. Default: 10,000.
    pub explained: usize,
    /// The latest steps of each of them. Domain: at least 1. Default: 32.
    pub steps: usize,
    /// The silences read from Alertmanager. Domain: at least 1. Default: 10,000.
    pub silences: usize,
}

impl Default for SuppressConfig {
    fn default() -> Self {
        Self {
            flapping: Some(FlappingConfig::default()),
            mutes: Vec::new(),
            maintenance: Vec::new(),
            budget: None,
            escalation: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            alerts: 100_000,
            explained: 10_000,
            steps: 32,
            silences: 10_000,
        }
    }
}

/// The configuration, checked and ready for use.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) flapping: Option<FlappingConfig>,
    pub(super) mutes: Vec<Quiet>,
    pub(super) maintenance: Vec<Quiet>,
    pub(super) budget: Option<BudgetConfig>,
    pub(super) escalation: Vec<EscalationStep>,
    pub(super) limits: Limits,
}

impl Rules {
    pub(super) fn new(config: &SuppressConfig) -> Result<Self, Error> {
        if let Some(flapping) = &config.flapping {
            flapping.validate()?;
        }
        if let Some(budget) = &config.budget {
            budget.validate()?;
        }
        config
            .escalation
            .iter()
            .try_for_each(EscalationStep::validate)?;
        let Limits {
            alerts,
            explained,
            steps,
            silences,
        } = config.limits;
        for (name, limit) in [
            ("limits.alerts", alerts),
            ("limits.explained", explained),
            ("limits.steps", steps),
            ("limits.silences", silences),
        ] {
            if limit == 0 {
                return Err(Error::parameter(name, limit, "at least 1"));
            }
        }
        let mutes = config.mutes.iter().enumerate();
        let windows = config.maintenance.iter().enumerate();
        Ok(Self {
            flapping: config.flapping,
            mutes: mutes
                .map(|(i, mute)| Quiet::mute(mute, &format!("mutes[{i}]")))
                .collect::<Result<_, _>>()?,
            maintenance: windows
                .map(|(i, window)| Quiet::maintenance(window, &format!("maintenance[{i}]")))
                .collect::<Result<_, _>>()?,
            budget: config.budget,
            escalation: config.escalation.clone(),
            limits: config.limits,
        })
    }
}
