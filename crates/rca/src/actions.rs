//! What to do about a cause: a catalogue that its owners edit.

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::pattern::{PatternMatch, names_match};
use crate::rank::CLEARLY_MOVED;
use crate::{Advice, MetricCause, Movement, ServiceCause};

/// Actions and when they apply. The default is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The entries, in the order in which they are advised.
    pub entries: Vec<Entry>,
}

/// Actions, and when they apply: every condition that is given must hold of the cause.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entry {
    /// The pattern that was matched at the service (default: any or none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A part of the name of a metric of the service that moved clearly, in any case (default: any).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<String>,
    /// Which way that metric moved (default: any).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub movement: Option<Movement>,
    /// The least likelihood of the service in percent, in [0, 100] (default: 0).
    pub min_likelihood: f64,
    /// What to do.
    pub actions: Vec<String>,
}

impl Catalogue {
    /// Checks every entry.
    ///
    /// # Errors
    /// When a likelihood is outside its domain or an entry has no actions.
    pub fn validate(&self) -> Result<()> {
        for entry in &self.entries {
            if !(0.0..=100.0).contains(&entry.min_likelihood) {
                return Err(Error::parameter(
                    "min_likelihood",
                    entry.min_likelihood,
                    "in [0, 100]",
                ));
            }
            if entry.actions.is_empty() {
                return Err(Error::input("an entry of the catalogue has no actions"));
            }
        }
        Ok(())
    }
}

/// The advice for the most likely service, each action once.
pub(crate) fn advise(
    catalogue: &Catalogue,
    services: &[ServiceCause],
    metrics: &[MetricCause],
    patterns: &[PatternMatch],
) -> Vec<Advice> {
    let Some(cause) = services.first() else {
        return Vec::new();
    };
    let mut advice: Vec<Advice> = Vec::new();
    for entry in &catalogue.entries {
        let Some(because) = because(entry, cause, metrics, patterns) else {
            continue;
        };
        for action in &entry.actions {
            if advice.iter().all(|known| known.action != *action) {
                advice.push(Advice {
                    service: cause.service.clone(),
                    action: action.clone(),
                    because: because.clone(),
                });
            }
        }
    }
    advice
}

/// Whether a metric did what an entry asks for; what appears, as the first errors do, rises.
fn is_such(did: Movement, asked: Movement) -> bool {
    did == asked || (did, asked) == (Movement::Appeared, Movement::Up)
}

/// Why an entry applies to a cause, if it does.
fn because(
    entry: &Entry,
    cause: &ServiceCause,
    metrics: &[MetricCause],
    patterns: &[PatternMatch],
) -> Option<String> {
    if cause.likelihood < entry.min_likelihood {
        return None;
    }
    let mut reasons = Vec::new();
    if let Some(name) = &entry.pattern {
        let found = patterns
            .iter()
            .find(|p| p.pattern == *name && p.services.contains(&cause.service))?;
        reasons.push(format!("{name}: {}", found.evidence));
    }
    if !entry.metrics.is_empty() || entry.movement.is_some() {
        let found = metrics.iter().find(|m| {
            m.service == cause.service
                && m.deviation >= CLEARLY_MOVED
                && names_match(&entry.metrics, &m.metric)
                && entry
                    .movement
                    .is_none_or(|movement| is_such(m.movement, movement))
        })?;
        reasons.push(format!("{}: {}", found.metric, found.evidence));
    }
    if reasons.is_empty() {
        reasons.push(cause.evidence.clone());
    }
    Some(reasons.join("; "))
}
