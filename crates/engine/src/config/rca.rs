use std::collections::BTreeMap;
use std::path::PathBuf;

use bongsu_rca::{KubernetesLabels, Options, Ranker};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, SourceConfig, Span, check_label};
use crate::Error;
use crate::incident::Analyst;

/// The most moments of a metric that an analysis looks at.
const MOST_ROWS: i64 = 10_000;
/// The fewest moments before an incident from which normal times can be told.
const LEAST_ROWS: i64 = 10;

/// The metrics that `defaults` asks for, as PromQL.
pub(crate) const DEFAULT_QUERIES: [(&str, &str); 6] = [
    (
        "cpu",
        "avg(rate(container_cpu_usage_seconds_total[5m])) by (pod)",
    ),
    ("memory", "avg(container_memory_usage_bytes) by (pod)"),
    ("errors", r#"rate(http_requests_total{status=~"5.."}[5m])"#),
    (
        "latency",
        "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m]))",
    ),
    (
        "network_errors",
        "rate(container_network_receive_errors_total[5m])",
    ),
    (
        "disk_io",
        "rate(container_fs_reads_total[5m]) + rate(container_fs_writes_total[5m])",
    ),
];

/// How alerts are grouped into incidents, and how the cause of an incident is looked for.
///
/// Without this section alerts are grouped all the same, by time and labels, and nothing is analysed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RcaConfig {
    /// Whether incidents are analysed.
    pub enabled: bool,
    /// Which service calls which others. Every dependency must be a service of the list.
    pub services: Vec<ServiceConfig>,
    /// A YAML file with `services` as above, in place of them.
    pub graph: Option<PathBuf>,
    /// The labels that name the service of an alert or of a metric; the first that it has counts.
    /// The value of `pod` is cut to the name of the workload that owns the pod:
    /// `orders-7d4b9c6f5-x2x9z` is `orders`.
    pub service_labels: Vec<String>,
    /// A query whose series tell who calls whom by the labels `client` and `server`, for example
    /// `traces_service_graph_request_total`: what is above 0 is a call.
    pub service_graph_query: Option<String>,
    /// The labels of that query's series that name the one who calls and the one who is called.
    pub service_graph_labels: CallLabels,
    /// A query whose series have the labels of workloads, for example `kube_deployment_labels` of
    /// kube-state-metrics, by which they say what they depend on.
    pub workload_query: Option<String>,
    /// The labels of that query's series.
    pub workload_labels: WorkloadLabels,
    /// Look at CPU, memory, errors, latency, network errors and disk I/O under the names that
    /// Kubernetes and common HTTP libraries give them, beside `queries`.
    pub defaults: bool,
    /// The metrics that are looked at, each with its PromQL. Without any, and without `defaults`, the
    /// watched queries.
    pub queries: BTreeMap<String, String>,
    /// The distance between the moments that are looked at.
    pub step: Span,
    /// So much before an incident shows what is normal; at least ten steps.
    pub before: Span,
    /// So much of an incident is looked at. What begins later belongs to another incident.
    pub after: Span,
    /// How long after the first alert the first analysis begins, so that others can join. It should
    /// be shorter than the `group_wait` of the routes, or the cause comes after the message. Further
    /// analyses follow at growing distances, until `after` has passed, and at the end.
    pub settle: Span,
    /// Alerts that begin within so long of the latest event of an incident belong to it, where the
    /// services allow it; it is closed when nothing of it has fired for so long.
    pub group_window: Span,
    /// Alerts that have one of these labels with different values belong to different incidents.
    pub group_labels: Vec<String>,
    /// How far the beginning of the first alert may be from that of the fault.
    pub onset_uncertainty: Span,
    /// The longest that one query may take.
    pub timeout: Span,
    /// Queries under way at once in an analysis.
    pub max_concurrency: usize,
    /// Analyses under way at once.
    pub max_analyses: usize,
    /// An analysis of more series than this is refused.
    pub max_series: usize,
    /// So many incidents are remembered; of more, those that ended first go.
    pub max_incidents: usize,
    /// How long an incident is remembered after its end.
    pub keep: Span,
    /// How causes are ranked: `default`, `robust`, `baro`, `n-sigma`, `epsilon`, `walk` or `classic`.
    pub ranker: String,
    /// A cause is told from this likelihood on, in percent: from 50 on it is more likely than all else
    /// together. Domain: 0 to 100.
    pub min_likelihood: f64,
    /// Of so many of the most suspicious metrics the report tells how they go together: correlations, who
    /// moves first, chains of causes and effects. 0 for none, at most 32.
    pub relations: usize,
    /// They are compared from so long before the onset to so long after it.
    pub relations_around: Span,
    /// A catalogue of actions in YAML, in place of the bundled one.
    pub actions: Option<PathBuf>,
    /// Patterns of incidents in YAML, in place of the bundled ones.
    pub patterns: Option<PathBuf>,
}

/// The labels of a count of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallLabels {
    /// Names the service that calls.
    pub client: String,
    /// Names the service that is called.
    pub server: String,
}

impl Default for CallLabels {
    fn default() -> Self {
        Self {
            client: "client".to_owned(),
            server: "server".to_owned(),
        }
    }
}

/// How the labels of workloads name services and what they depend on. Kubernetes has no label of its own
/// for that, so a prefix is agreed on: a workload with the labels `app.kubernetes.io/name: shop` and
/// `depends-on.bongsu.dev/cart: "true"` is the service `shop`, which calls `cart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkloadLabels {
    /// The label that names the service.
    pub name: String,
    /// What labels begin with whose names end with that of a service that is called. The value `false`
    /// says that it is not.
    pub depends_on: String,
}

impl Default for WorkloadLabels {
    fn default() -> Self {
        let KubernetesLabels { name, depends_on } = KubernetesLabels::exported();
        Self { name, depends_on }
    }
}

/// A service and what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Its name, as the labels have it.
    pub name: String,
    /// The services that it calls.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// Anything else worth knowing, such as a team.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Default for RcaConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            services: Vec::new(),
            graph: None,
            service_labels: ["service", "app_kubernetes_io_name", "app", "pod", "job"]
                .map(str::to_owned)
                .to_vec(),
            service_graph_query: None,
            service_graph_labels: CallLabels::default(),
            workload_query: None,
            workload_labels: WorkloadLabels::default(),
            defaults: false,
            queries: BTreeMap::new(),
            step: Span::from_secs(60),
            before: Span::from_secs(3_600),
            after: Span::from_secs(3_600),
            settle: Span::from_secs(10),
            group_window: Span::from_secs(5 * 60),
            group_labels: vec!["cluster".to_owned()],
            onset_uncertainty: Span::from_secs(120),
            timeout: Span::from_secs(30),
            max_concurrency: 4,
            max_analyses: 2,
            max_series: 5_000,
            max_incidents: 200,
            keep: Span::from_secs(14 * 24 * 3_600),
            ranker: Ranker::Default.name().to_owned(),
            min_likelihood: 50.0,
            relations: Options::default().relations,
            relations_around: Span::from(Options::default().relations_around),
            actions: None,
            patterns: None,
        }
    }
}

impl RcaConfig {
    /// The metrics that an analysis asks for; empty where the watched queries are meant.
    pub(crate) fn own_queries(&self) -> Vec<(String, String)> {
        let shipped = DEFAULT_QUERIES.iter().filter(|_| self.defaults);
        let shipped = shipped.map(|(name, expr)| ((*name).to_owned(), (*expr).to_owned()));
        let mut all: BTreeMap<String, String> = shipped.collect();
        all.extend(self.queries.clone());
        all.into_iter().collect()
    }

    /// Checks the section on its own.
    fn validate(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::config(format!("rca.{message}")));
        let spans = [
            ("step", self.step),
            ("before", self.before),
            ("after", self.after),
            ("group_window", self.group_window),
            ("timeout", self.timeout),
            ("keep", self.keep),
            ("relations_around", self.relations_around),
        ];
        if let Some((key, _)) = spans.iter().find(|(_, span)| span.millis() < 1) {
            return wrong(format!("{key} is 0s, but must be above 0"));
        }
        let counts = [
            ("max_concurrency", self.max_concurrency),
            ("max_analyses", self.max_analyses),
            ("max_series", self.max_series),
            ("max_incidents", self.max_incidents),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return wrong(format!("{key} is 0, but must be at least 1"));
        }
        if self.before.millis() / self.step.millis() < LEAST_ROWS {
            return wrong(format!(
                "before is {}, but must be at least ten steps of {}",
                self.before, self.step
            ));
        }
        let rows = self.before.millis().saturating_add(self.after.millis()) / self.step.millis();
        if rows > MOST_ROWS {
            return wrong(format!(
                "step is {}, but must be so long that before and after, {} and {}, have at most \
                 {MOST_ROWS} moments",
                self.step, self.before, self.after
            ));
        }
        for (key, labels) in [
            ("rca.service_labels", &self.service_labels),
            ("rca.group_labels", &self.group_labels),
        ] {
            labels.iter().try_for_each(|name| check_label(key, name))?;
        }
        if self.service_labels.is_empty() {
            return wrong("service_labels: there must be at least one".to_owned());
        }
        if let Some((name, _)) = self.queries.iter().find(|(_, expr)| expr.trim().is_empty()) {
            return wrong(format!("queries.{name}: is empty"));
        }
        let queries = [
            ("service_graph_query", &self.service_graph_query),
            ("workload_query", &self.workload_query),
        ];
        for (key, query) in queries {
            if query.as_ref().is_some_and(|query| query.trim().is_empty()) {
                return wrong(format!("{key}: is empty"));
            }
        }
        let labels = [
            (
                "service_graph_labels.client",
                &self.service_graph_labels.client,
            ),
            (
                "service_graph_labels.server",
                &self.service_graph_labels.server,
            ),
            ("workload_labels.name", &self.workload_labels.name),
            (
                "workload_labels.depends_on",
                &self.workload_labels.depends_on,
            ),
        ];
        for (key, label) in labels {
            check_label(&format!("rca.{key}"), label)?;
        }
        if !(0.0..=100.0).contains(&self.min_likelihood) {
            return wrong(format!(
                "min_likelihood is {}, but must be 0 to 100",
                self.min_likelihood
            ));
        }
        if self.relations > Options::MOST_RELATED {
            return wrong(format!(
                "relations is {}, but must be 0 to {}",
                self.relations,
                Options::MOST_RELATED
            ));
        }
        if self.graph.is_some() && !self.services.is_empty() {
            return wrong("graph stands beside `services`; give one of them".to_owned());
        }
        Ok(())
    }
}

impl Config {
    /// The settings of incidents: those of the section, or the defaults.
    pub(crate) fn incidents(&self) -> RcaConfig {
        self.rca.clone().unwrap_or_default()
    }

    /// Checks the section `rca` and the files that it names.
    pub(super) fn validate_rca(&self) -> Result<(), Error> {
        let Some(rca) = &self.rca else {
            return Ok(());
        };
        rca.validate()?;
        let promql = matches!(self.source, SourceConfig::Prometheus { .. });
        if rca.defaults && !promql {
            return Err(Error::config(
                "rca.defaults is true, but only a source of type `prometheus` understands the shipped \
                 queries; give queries of your own",
            ));
        }
        Analyst::new(self).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use crate::config;

    fn refused(rca: &str) -> String {
        let yaml = format!(
            "{{source: {{type: prometheus, url: 'http://localhost:9090'}},
              queries: [{{name: a, expr: a}}], rca: {{{rca}}}}}"
        );
        config::parse(&yaml, None)
            .map(|_| ())
            .map_err(|e| e.to_string())
            .unwrap_err()
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_place() {
        for (rca, expected) in [
            ("stepp: 1m", "did you mean `step`?"),
            ("step: 0s", "rca.step is 0s"),
            (
                "before: 5m",
                "rca.before is 5m, but must be at least ten steps",
            ),
            ("step: 100ms", "at most 10000 moments"),
            ("max_incidents: 0", "rca.max_incidents is 0"),
            ("min_likelihood: 101", "rca.min_likelihood is 101"),
            ("relations: 33", "rca.relations is 33, but must be 0 to 32"),
            ("relations_around: 0s", "rca.relations_around is 0s"),
            ("workload_query: ' '", "rca.workload_query: is empty"),
            ("workload_labels: {name: ''}", "rca.workload_labels.name"),
            (
                "service_graph_labels: {client: a-b}",
                "rca.service_graph_labels.client",
            ),
            ("service_labels: []", "rca.service_labels"),
            ("service_labels: ['a-b']", "rca.service_labels.a-b"),
            ("queries: {cpu: ''}", "rca.queries.cpu"),
            ("ranker: best", "one of default, robust"),
            ("graph: /nowhere/graph.yaml", "/nowhere/graph.yaml"),
            ("graph: g.yaml, services: [{name: a}]", "give one of them"),
            (
                "services: [{name: shop, dependencies: [cart]}, {name: card}]",
                "depends on `cart`, which is no known service; did you mean `card`?",
            ),
            (
                "services: [{name: shop}, {name: shop}]",
                "`shop` is written down twice",
            ),
            ("services: [{name: ''}]", "empty name"),
            ("patterns: /nowhere.yaml", "/nowhere.yaml"),
        ] {
            let message = refused(rca);
            assert!(message.contains(expected), "{rca}: {message}");
        }
    }

    #[test]
    fn the_shipped_queries_stand_beside_ones_own_and_give_way_to_them() {
        let yaml = "{source: {type: prometheus, url: 'http://localhost:9090'},
            queries: [{name: a, expr: a}], rca: {defaults: true, queries: {cpu: mine, more: x}}}";
        let config = config::parse(yaml, None).unwrap();
        let queries = config.incidents().own_queries();
        let names: Vec<&str> = queries.iter().map(|(name, _)| name.as_str()).collect();
        let all = "cpu disk_io errors latency memory more network_errors";
        assert_eq!(names.join(" "), all);
        assert_eq!(queries[0].1, "mine");
        let csv = yaml.replace(
            "{type: prometheus, url: 'http://localhost:9090'}",
            "{type: csv, path: a.csv}",
        );
        let message = config::parse(&csv, None).unwrap_err().to_string();
        assert!(message.contains("rca.defaults is true"), "{message}");
    }
}
