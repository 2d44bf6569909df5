//! Severity that rises with duration and score.

use std::time::Duration;

use bongsu_core::{Alert, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Error, duration_text};

/// A step of the ladder on which an alert becomes more severe: it is reached when the alert has
/// lasted for `after` and its worst score is at least `score`.
///
/// The severity of an alert is the highest of the one that it fired with and of all steps reached.
/// It never falls while the alert lasts. A receiver that heard of it before hears of each rise, once.
///
/// ```
/// let step: bongsu_alert::EscalationStep =
///     serde_json::from_str(r#"{"after": "30m", "score": 5.0, "severity": "major"}"#)?;
/// assert!(step.validate().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// How long it must have lasted, from its first anomalous point. Default: 0.
    #[serde(default, with = "duration_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub after: Duration,
    /// How high its worst score must be. Domain: finite. Default: 0.
    #[serde(default)]
    pub score: f64,
    /// How severe it is then.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub severity: Severity,
}

impl EscalationStep {
    /// Checks every field against its domain.
    ///
    /// # Errors
    /// When a field is outside its domain, or the step would be reached by every alert at once.
    pub fn validate(&self) -> Result<(), Error> {
        if !self.score.is_finite() {
            return Err(Error::parameter("escalation.score", self.score, "finite"));
        }
        if self.after.is_zero() && self.score <= 0.0 {
            return Err(Error::parameter(
                "escalation.after",
                "0s",
                "above 0s where score is not above 0",
            ));
        }
        Ok(())
    }
}

/// The severity of a firing alert at the moment `now`.
pub(super) fn severity(ladder: &[EscalationStep], alert: &Alert, now: Timestamp) -> Severity {
    let score = alert.verdict.score.unwrap_or(0.0);
    ladder
        .iter()
        .filter(|step| now >= alert.starts_at + step.after && score >= step.score)
        .map(|step| step.severity)
        .fold(alert.severity, Severity::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    #[test]
    fn steps_need_both_duration_and_score() {
        let step = |after, score, severity| EscalationStep {
            after: Duration::from_secs(after),
            score,
            severity,
        };
        let ladder = [
            step(600, 0.0, Severity::Minor),
            step(600, 4.0, Severity::Major),
            step(0, 9.0, Severity::Critical),
        ];
        let mut alert = alert("up", 0);
        alert.verdict.score = Some(2.0);
        let at = |alert: &Alert, second| severity(&ladder, alert, Timestamp::from_secs(second));
        assert_eq!(at(&alert, 599), Severity::Warning);
        assert_eq!(at(&alert, 600), Severity::Minor);
        alert.verdict.score = Some(4.0);
        assert_eq!(at(&alert, 599), Severity::Warning);
        assert_eq!(at(&alert, 600), Severity::Major);
        alert.verdict.score = Some(9.0);
        assert_eq!(at(&alert, 0), Severity::Critical);
        alert.severity = Severity::Critical;
        alert.verdict.score = None;
        assert_eq!(at(&alert, 600), Severity::Critical);
        assert!(step(0, 0.0, Severity::Major).validate().is_err());
        assert!(step(0, f64::NAN, Severity::Major).validate().is_err());
    }
}
