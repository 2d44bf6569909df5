use std::time::Duration;

use bongsu_core::Severity;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The longest duration a policy accepts.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// When anomalous verdicts become an alert, and when the alert ends.
///
/// ```
/// use std::time::Duration;
/// use bongsu_alert::Policy;
/// use bongsu_core::Severity;
///
/// let policy = Policy::default()
///     .for_duration(Duration::from_secs(300))
///     .keep_firing_for(Duration::from_secs(120))
///     .severity(Severity::Major);
/// policy.validate()?;
/// assert_eq!(policy.cooldown, Duration::ZERO);
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Policy {
    /// See [`Policy::for_duration`].
    pub for_duration: Duration,
    /// See [`Policy::keep_firing_for`].
    pub keep_firing_for: Duration,
    /// See [`Policy::cooldown`].
    pub cooldown: Duration,
    /// See [`Policy::resolved_retention`].
    pub resolved_retention: Duration,
    /// See [`Policy::severity`].
    pub severity: Severity,
    /// See [`Policy::min_points`].
    pub min_points: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            for_duration: Duration::ZERO,
            keep_firing_for: Duration::ZERO,
            cooldown: Duration::ZERO,
            resolved_retention: Duration::from_secs(15 * 60),
            severity: Severity::Warning,
            min_points: 1,
        }
    }
}

impl Policy {
    /// How long a series must be anomalous before its alert fires, from its first anomalous point.
    /// Domain: at most 365 days. Default: 0, fire at the first anomalous point.
    #[must_use]
    pub fn for_duration(mut self, duration: Duration) -> Self {
        self.for_duration = duration;
        self
    }

    /// How long a series must be normal before its alert is resolved, from its first normal point.
    /// Domain: at most 365 days. Default: 0, resolve at the first normal point.
    #[must_use]
    pub fn keep_firing_for(mut self, duration: Duration) -> Self {
        self.keep_firing_for = duration;
        self
    }

    /// How long after a resolve the same identity is held back. Domain: at most 365 days.
    /// Default: 0.
    #[must_use]
    pub fn cooldown(mut self, duration: Duration) -> Self {
        self.cooldown = duration;
        self
    }

    /// How long a resolved alert is kept, and sent again to sinks that want the whole state.
    /// Domain: at most 365 days. Default: 15 minutes.
    #[must_use]
    pub fn resolved_retention(mut self, duration: Duration) -> Self {
        self.resolved_retention = duration;
        self
    }

    /// How bad it is. An alert keeps the severity it fired with. Default: warning.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// How many anomalous points, one after the other, it takes to fire, beside
    /// [`Policy::for_duration`]: a guard for sparse series. Domain: at least 1. Default: 1.
    #[must_use]
    pub fn min_points(mut self, points: u32) -> Self {
        self.min_points = points;
        self
    }

    /// Checks every field against its domain. [`Lifecycle::observe`](crate::Lifecycle::observe)
    /// does it as well.
    ///
    /// # Errors
    /// When a field is outside its domain; the message names it.
    pub fn validate(&self) -> Result<(), Error> {
        for (name, duration) in [
            ("for", self.for_duration),
            ("keep_firing_for", self.keep_firing_for),
            ("cooldown", self.cooldown),
            ("resolved_retention", self.resolved_retention),
        ] {
            if duration > LONGEST {
                let value = bongsu_core::format_duration(duration);
                return Err(Error::parameter(name, value, "at most 365d"));
            }
        }
        if self.min_points == 0 {
            return Err(Error::parameter("min_points", 0, "at least 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_outside_its_domain_is_named() {
        let policy = Policy::default().cooldown(Duration::from_secs(366 * 24 * 3600));
        assert_eq!(
            policy.validate().unwrap_err().to_string(),
            "parameter `cooldown` is 366d, but must be at most 365d"
        );
        assert!(Policy::default().min_points(0).validate().is_err());
        assert!(Policy::default().validate().is_ok());
    }
}
