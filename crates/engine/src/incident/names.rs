//! Which service a series or an alert is about, from its labels.

use bongsu_core::{Alert, Labels, METRIC_NAME};

/// The characters of the generated parts of names in Kubernetes: without vowels, and without digits
/// that look like letters.
const GENERATED: &str = "bcdfghjklmnpqrstvwxz2456789";
/// Those of the hash of a pod template.
const HASH: &str = "bcdf456789";

/// How services are told from labels.
#[derive(Debug, Clone)]
pub(crate) struct ServiceNames {
    labels: Vec<String>,
    /// Whether a metric may be named `service:metric`, as the columns of files are.
    by_name: bool,
}

/// What the labels of a series say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) service: String,
    /// What is measured, where its name says it.
    pub(crate) metric: Option<String>,
    /// What tells it apart from other series of the service.
    pub(crate) rest: Labels,
}

impl ServiceNames {
    pub(crate) const fn new(labels: Vec<String>, by_name: bool) -> Self {
        Self { labels, by_name }
    }

    /// The service of an alert: a label of its series names it, or one that was added to the alert.
    pub(crate) fn of_alert(&self, alert: &Alert) -> Option<String> {
        let series = &alert.verdict.labels;
        let named = self.named(&[series, &alert.labels]);
        let by_name = || Some(self.by_name(series)?.0);
        named.map(|(_, service)| service).or_else(by_name)
    }

    /// The service of a series, and what else is known of it.
    pub(crate) fn of_series(&self, labels: &Labels) -> Option<Named> {
        if let Some((label, service)) = self.named(&[labels]) {
            let whole = labels.get(label) == Some(&service);
            let rest = if whole {
                labels.without(&[label, METRIC_NAME])
            } else {
                labels.without(&[METRIC_NAME])
            };
            return Some(Named {
                service,
                metric: None,
                rest,
            });
        }
        let (service, metric) = self.by_name(labels)?;
        Some(Named {
            service,
            metric: Some(metric),
            rest: labels.without(&[METRIC_NAME]),
        })
    }

    fn named(&self, all: &[&Labels]) -> Option<(&str, String)> {
        self.labels.iter().find_map(|label| {
            let value = all.iter().find_map(|labels| labels.get(label))?;
            let service = if label == "pod" { owner(value) } else { value };
            Some((label.as_str(), service.to_owned()))
        })
    }

    fn by_name(&self, labels: &Labels) -> Option<(String, String)> {
        let metric = bongsu_rca::Metric::parse(labels.metric_name()?, ":");
        let metric = metric.filter(|_| self.by_name)?;
        Some((metric.service, metric.name))
    }
}

/// The workload that owns a pod, by the way in which Kubernetes makes the names of pods: of a
/// deployment `orders-7d4b9c6f5-x2x9z`, of a daemon set `logs-x2x9z`, of a stateful set `db-0`, of a
/// scheduled job `report-29012345-x2x9z`.
fn owner(pod: &str) -> &str {
    let Some((rest, last)) = pod.rsplit_once('-') else {
        return pod;
    };
    if !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) {
        return rest;
    }
    if last.len() != 5 || !last.chars().all(|c| GENERATED.contains(c)) {
        return pod;
    }
    let Some((owner, middle)) = rest.rsplit_once('-') else {
        return rest;
    };
    let hash = (6..=10).contains(&middle.len()) && middle.chars().all(|c| HASH.contains(c));
    let minute = middle.len() == 8 && middle.bytes().all(|b| b.is_ascii_digit());
    if hash || minute { owner } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_named_after_their_owners() {
        for (pod, expected) in [
            ("orders-7d4b9c6f5-x2x9z", "orders"),
            ("web-shop-5d4f6b7c8d-bcdfg", "web-shop"),
            ("logs-x2x9z", "logs"),
            ("db-0", "db"),
            ("db-primary-12", "db-primary"),
            ("report-29012345-x2x9z", "report"),
            ("api-gateway", "api-gateway"),
            ("cache-redis", "cache-redis"),
            ("single", "single"),
            ("trailing-", "trailing-"),
        ] {
            assert_eq!(owner(pod), expected, "{pod}");
        }
    }

    #[test]
    fn the_first_label_of_the_list_counts_and_the_rest_tells_series_apart() {
        let names = ServiceNames::new(vec!["service".into(), "pod".into()], true);
        let of = |pairs: &[(&str, &str)]| {
            let labels = Labels::from_pairs(pairs.iter().copied()).unwrap();
            let named = names.of_series(&labels)?;
            let metric = named.metric.unwrap_or_default();
            Some(format!("{} {metric}{}", named.service, named.rest))
        };
        assert_eq!(
            of(&[("__name__", "x"), ("service", "a"), ("pod", "b-0")]).unwrap(),
            r#"a {pod="b-0"}"#
        );
        assert_eq!(of(&[("pod", "b-0")]).unwrap(), r#"b {pod="b-0"}"#);
        assert_eq!(
            of(&[("__name__", "cart:latency")]).unwrap(),
            "cart latency{}"
        );
        assert_eq!(of(&[("__name__", "latency")]), None);
    }
}
