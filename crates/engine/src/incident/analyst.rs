//! Looking for what an incident began with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bongsu_core::{Series, Timestamp};
use bongsu_prometheus::{Answer, Range};
use bongsu_rca::{
    Graph, GraphSpec, KubernetesLabels, Observations, Options, Provenance, Ranker, RcaReport,
    RcaVerdict, ServiceSpec, analyse_observations,
};
use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use super::files::{Report, Reports};
use super::gather::gather;
use super::names::ServiceNames;
use super::topology::Topology;
use super::{Analysis, Incident};
use crate::Error;
use crate::config::{CallLabels, Config, RcaConfig, SourceConfig};
use crate::rca::{self, RcaDocument, RcaOutcome};
use crate::source::Source;

/// While fewer moments of an incident than this have passed, a metric that happens to jump looks like
/// a cause: then only a service of which an alert fired is named.
const YOUNG: i64 = 5;
/// The fewest moments before an incident that must remain when others are left out.
const LEAST_NORMAL: usize = 20;
/// When so many moments have passed since the other incidents, only these are normal: an incident may
/// have left a new level behind.
const LEAST_STRETCH: usize = 30;

/// How incidents are analysed: the settings, with the files that they name.
#[derive(Debug, Clone)]
pub(crate) struct Analyst {
    queries: Vec<(String, String)>,
    traffic: Option<String>,
    calls: CallLabels,
    workloads: Option<String>,
    workload_labels: KubernetesLabels,
    /// What is written down of who calls whom.
    pub(crate) graph: Graph,
    names: ServiceNames,
    step: i64,
    before: i64,
    after: i64,
    timeout: Duration,
    concurrency: usize,
    pub(crate) at_once: usize,
    /// How far the true times of an incident may be from those of its alerts, in milliseconds.
    pub(crate) margin: i64,
    max_series: usize,
    min_likelihood: f64,
    options: Options,
}

/// What is to be analysed.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) incident: Incident,
    /// The moment up to which data are looked at.
    pub(crate) now: Timestamp,
    /// Who calls whom, as far as it is known.
    pub(crate) graph: Graph,
    /// Times before it that belong to other incidents, so that they are not normal.
    pub(crate) past: Vec<(Timestamp, Timestamp)>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) analysis: Analysis,
    /// Who was seen to call whom, where that was asked for.
    pub(crate) traffic: Option<Calls>,
    /// Who says to call whom, where that was asked for.
    pub(crate) declared: Option<Calls>,
}

/// Who calls whom.
pub(crate) type Calls = BTreeSet<(String, String)>;

/// How the services of alerts and metrics are told.
pub(super) fn names(config: &Config) -> ServiceNames {
    let in_a_file = matches!(config.source, SourceConfig::Csv { .. });
    ServiceNames::new(config.incidents().service_labels, in_a_file)
}

impl Analyst {
    /// Reads the files that `config` names.
    ///
    /// # Errors
    /// When one cannot be read or is not what it should be, or the dependencies contradict
    /// themselves.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let rca = config.incidents();
        let at = |key: &str, e: &dyn std::fmt::Display| Error::config(format!("rca.{key}: {e}"));
        let mut queries = rca.own_queries();
        if queries.is_empty() {
            queries = watched(config);
        }
        let mut options = Options::default();
        options.ranker = Ranker::from_name(&rca.ranker).map_err(|e| at("ranker", &e))?;
        options.onset_uncertainty = rca.onset_uncertainty.duration();
        options.onset_is_latest = true;
        options.relations = rca.relations;
        options.relations_around = rca.relations_around.duration();
        options.actions = match &rca.actions {
            None => rca::bundled_actions()?,
            Some(path) => rca::read_text(path)
                .and_then(|text| rca::parse_actions(&text))
                .map_err(|e| at("actions", &e))?,
        };
        options.actions.validate().map_err(|e| at("actions", &e))?;
        if let Some(path) = &rca.patterns {
            options.patterns = rca::read_text(path)
                .and_then(|text| rca::parse_patterns(&text))
                .map_err(|e| at("patterns", &e))?;
        }
        options.validate()?;
        Ok(Self {
            queries,
            graph: graph(&rca)?,
            traffic: rca.service_graph_query.clone(),
            calls: rca.service_graph_labels.clone(),
            workloads: rca.workload_query.clone(),
            workload_labels: KubernetesLabels {
                name: rca.workload_labels.name.clone(),
                depends_on: rca.workload_labels.depends_on.clone(),
            },
            names: names(config),
            step: rca.step.millis(),
            before: rca.before.millis(),
            after: rca.after.millis(),
            timeout: rca.timeout.duration(),
            concurrency: rca.max_concurrency,
            at_once: rca.max_analyses,
            margin: rca.onset_uncertainty.millis(),
            max_series: rca.max_series,
            min_likelihood: rca.min_likelihood,
            options,
        })
    }

    /// Analyses an incident and files the report. Fetching waits, and the rest is done aside.
    ///
    /// # Errors
    /// A sentence that says why there is no answer.
    pub(crate) async fn analyse(
        self: Arc<Self>,
        source: Arc<Source>,
        subject: Subject,
        reports: Reports,
    ) -> Result<Finding, String> {
        let onset = subject.incident.onset;
        // What follows its end is normal again.
        let over = match subject.incident.firing() {
            0 => subject.incident.updated_at,
            _ => Timestamp::MAX,
        };
        let end = subject.now.min(onset.add_millis(self.after));
        let end = end.min(over.max(onset.align_up(self.step)));
        let range = Range {
            start: onset.add_millis(-self.before).align_down(self.step),
            end: end.align_down(self.step),
            step_ms: self.step,
        };
        let mut problems = Vec::new();
        let traffic = self.traffic(&source, &range, &mut problems).await;
        let declared = self.declared(&source, &range, &mut problems).await;
        let answers = self.fetch(&source, &range, &mut problems).await;
        drop(source);
        if answers.is_empty() {
            return Err(problems.join("; "));
        }
        let aside = tokio::task::spawn_blocking(move || {
            let mut subject = subject;
            for (calls, provenance) in [
                (&traffic, Provenance::Traffic),
                (&declared, Provenance::Labels),
            ] {
                for (caller, callee) in calls.iter().flatten() {
                    subject.graph.add(caller, callee, provenance);
                }
            }
            let (analysis, report) = self.look(subject.clone(), &answers, &range, problems)?;
            reports
                .put(&subject.incident.id, &report)
                .map_err(|e| format!("the report cannot be written: {e}"))?;
            Ok(Finding {
                analysis,
                traffic,
                declared,
            })
        });
        aside
            .await
            .unwrap_or_else(|e| Err(format!("the analysis was broken off: {e}")))
    }

    /// Who calls whom by the traffic in `range`; `None` where that is not known.
    async fn traffic(
        &self,
        source: &Source,
        range: &Range,
        problems: &mut Vec<String>,
    ) -> Option<Calls> {
        let expr = self.traffic.as_ref()?;
        let answer = match ask(source, expr, range, self.timeout).await {
            Ok(answer) => answer,
            Err(problem) => {
                problems.push(format!("the service graph is not known: {problem}"));
                return None;
            }
        };
        let mut calls = Calls::new();
        for series in answer.series {
            let labels = series.labels();
            let (client, server) = (
                labels.get(&self.calls.client),
                labels.get(&self.calls.server),
            );
            if let (Some(client), Some(server)) = (client, server)
                && client != server
                && series.values().iter().any(|x| *x > 0.0)
            {
                calls.insert((client.to_owned(), server.to_owned()));
            }
        }
        Some(calls)
    }

    /// Who says to call whom by the labels of workloads in `range`; `None` where that is not known.
    async fn declared(
        &self,
        source: &Source,
        range: &Range,
        problems: &mut Vec<String>,
    ) -> Option<Calls> {
        let expr = self.workloads.as_ref()?;
        match ask(source, expr, range, self.timeout).await {
            Ok(answer) => {
                let mut graph = Graph::new();
                let labels = answer.series.iter().map(Series::labels);
                graph.add_workloads(labels, &self.workload_labels);
                let edges = graph.dependencies().into_iter();
                Some(edges.map(|edge| (edge.caller, edge.callee)).collect())
            }
            Err(problem) => {
                problems.push(format!("the labels of workloads are not known: {problem}"));
                None
            }
        }
    }

    /// What each query answered; why one did not is a problem.
    async fn fetch(
        &self,
        source: &Arc<Source>,
        range: &Range,
        problems: &mut Vec<String>,
    ) -> Vec<(String, Vec<Series>)> {
        let jobs: Vec<_> = self
            .queries
            .iter()
            .cloned()
            .map(|(name, expr)| {
                let (source, range, limit) = (Arc::clone(source), *range, self.timeout);
                async move {
                    let answer = ask(&source, &expr, &range, limit).await;
                    (name, answer)
                }
            })
            .collect();
        let outcomes: Vec<_> = stream::iter(jobs)
            .buffered(self.concurrency)
            .collect()
            .await;
        let mut answers = Vec::new();
        for (name, outcome) in outcomes {
            match outcome {
                Ok(answer) => {
                    if answer.quality.partial {
                        problems.push(format!("query `{name}`: the answer is partial"));
                    }
                    answers.push((name, answer.series));
                }
                Err(problem) => problems.push(format!("query `{name}`: {problem}")),
            }
        }
        answers
    }

    /// The part that computes.
    fn look(
        &self,
        subject: Subject,
        answers: &[(String, Vec<Series>)],
        range: &Range,
        problems: Vec<String>,
    ) -> Result<(Analysis, Report), String> {
        let graph = subject.graph;
        let incident = subject.incident;
        let topology = Topology::new(&graph);
        let concerned = |service: &str| {
            let mut members = incident.services.iter();
            incident.services.is_empty() || members.any(|other| topology.related(service, other))
        };
        let gathered = gather(answers, &self.names, range, self.max_series, concerned)?;
        let observations = without(gathered.observations, &subject.past, incident.onset)?;
        let onset = Some(incident.onset);
        let report = analyse_observations(&observations, None, onset, &graph, &self.options);
        let mut report: RcaReport = report.map_err(|e| e.to_string())?;
        report.notes.extend(problems);
        let passed = range.end.millis_since(incident.onset) / self.step + 1;
        if passed < YOUNG {
            doubt(&mut report, &incident);
        }
        if gathered.nameless > 0 {
            report.notes.push(format!(
                "{} series name no service and were passed over",
                gathered.nameless
            ));
        }
        let analysis = Analysis::new(&report, self.min_likelihood);
        let found = RcaOutcome {
            report,
            observations,
            graph,
            passed_over: Vec::new(),
            relations_around: self.options.relations_around,
        };
        let document = RcaDocument::new(&found);
        let json = serde_json::to_string(&document).map_err(|e| e.to_string())?;
        let html = rca::incident_page(&incident, Some(&found)).map_err(|e| e.to_string())?;
        Ok((analysis, Report::new(json, html)))
    }
}

/// The observations without the times of other incidents before `onset`, where enough remains. What
/// remains keeps its moments, by which rhythms are told.
fn without(
    observations: Observations,
    past: &[(Timestamp, Timestamp)],
    onset: Timestamp,
) -> Result<Observations, String> {
    let times = observations.times();
    let before = observations.row_at(onset);
    let last = past.iter().map(|(_, end)| *end).max();
    let first_after = |end: &Timestamp| observations.row_at(end.add_millis(1));
    let rested = last.filter(|end| first_after(end) + LEAST_STRETCH <= before);
    let normal = |at: &Timestamp| match rested {
        _ if *at >= onset => true,
        Some(end) => *at > end,
        None => !past.iter().any(|(a, b)| at >= a && at <= b),
    };
    let kept: Vec<bool> = times.iter().map(normal).collect();
    let remaining = kept.iter().take(before).filter(|kept| **kept).count();
    if remaining == before || remaining < LEAST_NORMAL {
        return Ok(observations);
    }
    fn choose<T: Copy>(values: &[T], kept: &[bool]) -> Vec<T> {
        let chosen = values.iter().zip(kept).filter(|(_, kept)| **kept);
        chosen.map(|(value, _)| *value).collect()
    }
    let columns = observations.columns().iter();
    let columns = columns.map(|column| choose(column, &kept)).collect();
    let metrics = observations.metrics().to_vec();
    Observations::new(choose(times, &kept), metrics, columns).map_err(|e| e.to_string())
}

/// Takes back a cause of which no alert fired.
fn doubt(report: &mut RcaReport, incident: &Incident) {
    let Some(first) = report.cause() else {
        return;
    };
    if incident.services.is_empty() || incident.services.contains(&first.service) {
        return;
    }
    report.summary = format!(
        "No root cause is proven yet: the incident is young, and no alert of {} fired, the first to \
         look at: {}.",
        first.service, first.evidence
    );
    report.verdict = RcaVerdict::NotProven;
    report.actions.clear();
}

async fn ask(
    source: &Source,
    expr: &str,
    range: &Range,
    limit: Duration,
) -> Result<Answer, String> {
    match timeout(limit, source.fetch(expr, range)).await {
        Ok(answer) => answer.map_err(|e| e.to_string()),
        Err(_) => Err(format!(
            "no answer within {}",
            bongsu_core::format_duration(limit)
        )),
    }
}

/// What the service watches, as metrics of an analysis.
fn watched(config: &Config) -> Vec<(String, String)> {
    let queries = config.queries.iter();
    let exprs = queries.flat_map(|query| {
        query.exprs().into_iter().map(|(channel, expr)| {
            let name = channel.map_or_else(
                || query.name.clone(),
                |channel| format!("{}.{channel}", query.name),
            );
            (name, expr.to_owned())
        })
    });
    exprs.collect()
}

/// What the configuration or its file says of who calls whom.
fn graph(rca: &RcaConfig) -> Result<Graph, Error> {
    let (key, spec) = if let Some(path) = &rca.graph {
        let key = format!("graph: {}", path.display());
        let wrong = |e: &dyn std::fmt::Display| Error::config(format!("rca.{key}: {e}"));
        let text = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
        let spec = rca::parse_graph(&text).map_err(|e| wrong(&e))?;
        (key, spec)
    } else {
        let services = rca.services.iter().map(|service| ServiceSpec {
            name: service.name.clone(),
            dependencies: service.dependencies.clone(),
            metadata: service.metadata.clone(),
        });
        let services = services.collect();
        ("services".to_owned(), GraphSpec { services })
    };
    Graph::from_spec(&spec, &[]).map_err(|e| Error::config(format!("rca.{key}: {e}")))
}

#[cfg(test)]
mod tests {
    use bongsu_rca::Metric;

    use super::*;

    /// A metric of a hundred minutes; the incident begins in the eightieth.
    fn kept(past: &[(i64, i64)]) -> Vec<i64> {
        let minute = |i: i64| Timestamp::from_secs(60 * i);
        let times: Vec<Timestamp> = (0..100).map(minute).collect();
        let values = vec![(0..100).map(f64::from).collect()];
        let metric = Metric::new("shop", "load");
        let observations = Observations::new(times, vec![metric], values).unwrap();
        let past: Vec<_> = past.iter().map(|(a, b)| (minute(*a), minute(*b))).collect();
        let left = without(observations, &past, minute(80)).unwrap();
        let times = left.times().iter();
        let minutes: Vec<i64> = times.map(|at| at.as_millis() / 60_000).collect();
        let values: Vec<i64> = left.columns()[0].iter().map(|x| *x as i64).collect();
        assert_eq!(values, minutes, "values stay with their moments");
        minutes
    }

    #[test]
    fn times_of_other_incidents_are_not_normal_where_enough_remains() {
        let all: Vec<i64> = (0..100).collect();
        assert_eq!(kept(&[]), all);
        // Rested for 29 moments: both stretches around the other incident count.
        let around: Vec<i64> = (0..40).chain(51..100).collect();
        assert_eq!(kept(&[(40, 50)]), around);
        // Rested for longer: only what follows it.
        assert_eq!(kept(&[(10, 40)]), (41..100).collect::<Vec<_>>());
        // Hardly anything remains: then all counts.
        assert_eq!(kept(&[(15, 79)]), all);
        assert_eq!(kept(&[(0, i64::MAX / 60_000)]), all);
    }
}
