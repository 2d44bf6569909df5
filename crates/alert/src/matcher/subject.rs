use bongsu_core::{Alert, METRIC_NAME};

/// The name of an alert whose labels have no `alertname`.
pub(crate) const ALERTNAME: &str = "BongsuAnomaly";

/// An alert as matchers, `group_by` and `equal` see it: its labels, and
///
/// - `severity`: the alert's own degree, whatever its labels say;
/// - `alertname`: `BongsuAnomaly` where its labels have none;
/// - `metric`: the metric's name, where its labels have no `metric`.
///
/// These are the labels that Alertmanager sees of it. Every other label that is missing is empty.
///
/// ```
/// # use bongsu_alert::{Lifecycle, Policy, Subject};
/// # use bongsu_core::{Labels, Timestamp, Verdict};
/// # let labels = Labels::from_pairs([("__name__", "up")])?;
/// # let mut verdict = Verdict::unjudged(Timestamp::from_secs(0), labels.clone());
/// # (verdict.score, verdict.anomalous) = (Some(2.0), true);
/// # let transition = Lifecycle::new().observe(&labels, &Policy::default(), &verdict)?;
/// # let transition = transition.unwrap();
/// let alert = transition.alert();
/// let subject = Subject::new(alert);
/// assert_eq!(subject.get("severity"), "warning");
/// assert_eq!(subject.get("metric"), "up");
/// assert_eq!(subject.get("instance"), "");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a>(&'a Alert);

impl<'a> Subject<'a> {
    /// This alert.
    #[must_use]
    pub const fn new(alert: &'a Alert) -> Self {
        Self(alert)
    }

    /// The value of label `name`; empty when there is none.
    #[must_use]
    pub fn get(self, name: &str) -> &'a str {
        let labels = &self.0.labels;
        match name {
            "severity" => self.0.severity.as_str(),
            "alertname" => labels.get(name).unwrap_or(ALERTNAME),
            "metric" => labels
                .get(name)
                .or_else(|| labels.get(METRIC_NAME))
                .unwrap_or_default(),
            _ => labels.get(name).unwrap_or_default(),
        }
    }

    /// The alert itself.
    #[must_use]
    pub const fn alert(self) -> &'a Alert {
        self.0
    }
}
