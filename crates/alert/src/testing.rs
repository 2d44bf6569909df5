//! What the unit tests of several modules build on.

use bongsu_core::{Alert, AlertState, Labels, Severity, Timestamp, Verdict};

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// A firing alert of the metric `name` whose first point is at `second`.
pub(crate) fn alert(name: &str, second: i64) -> Alert {
    let labels = labels(&[("__name__", name)]);
    let at = Timestamp::from_secs(second);
    Alert {
        labels: labels.clone(),
        state: AlertState::Firing,
        severity: Severity::Warning,
        starts_at: at,
        fired_at: Some(at),
        resolved_at: None,
        summary: format!("{name} is odd"),
        cause: None,
        verdict: Verdict {
            timestamp: at,
            labels,
            value: Some(0.93),
            score: Some(4.1),
            expected: Some(0.21),
            lower: Some(0.1),
            upper: Some(0.33),
            direction: None,
            anomalous: true,
            explanation: None,
        },
    }
}

/// `alert` after its resolution at `second`.
pub(crate) fn resolved(mut alert: Alert, second: i64) -> Alert {
    alert.state = AlertState::Resolved;
    alert.resolved_at = Some(Timestamp::from_secs(second));
    alert
}
