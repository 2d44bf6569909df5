//! The report of a root-cause analysis as a page.

mod relations;

use bongsu_core::Timestamp;
use bongsu_rca::{MetricCause, RcaReport, RcaVerdict};
use bongsu_report::{Fact, RunReport, ServiceGraph, Span, SpanKind, Table, TimeSeriesPlot};

use super::RcaOutcome;
use super::frames::EVIDENCE;
use super::matrix::rca_correlations;
use crate::Error;
use crate::incident::{Incident, Member};

/// The most rows of a table.
const ROWS: usize = 12;
/// The most dependencies that are listed.
const DEPENDENCIES: usize = 100;
/// The most alerts of an incident that its page lists.
const ALERTS: usize = 100;

/// The report as one HTML file: the answer, the services with their likelihoods, the dependency graph
/// with blame, what to do, who moved when, what moves together, and plots of the evidence.
///
/// # Errors
/// When a plot or the page cannot be made.
pub fn rca_page(found: &RcaOutcome) -> Result<String, Error> {
    analysis(found)?.to_html().map_err(Error::report)
}

/// An incident as one HTML file: its alerts, and the analysis where there is one.
pub(crate) fn incident_page(
    incident: &Incident,
    found: Option<&RcaOutcome>,
) -> Result<String, Error> {
    let mut page = if let Some(found) = found {
        analysis(found)?
    } else {
        let mut page = RunReport::new("Incident", incident.onset, incident.updated_at);
        page.headline = Some(incident.problem.as_ref().map_or_else(
            || "It has not been analysed.".to_owned(),
            |problem| format!("The analysis failed: {problem}"),
        ));
        page
    };
    page.title = format!("Incident {}", incident.id);
    let alerts = Fact::new("Alerts", incident.members.len());
    page.summary
        .push(alerts.note(format!("{} firing", incident.firing())));
    page.tables.push(members(incident));
    page.to_html().map_err(Error::report)
}

fn members(incident: &Incident) -> Table {
    let mut all: Vec<&Member> = incident.members.values().collect();
    all.sort_by_key(|member| (member.fired_at, &member.labels));
    let rows = all.iter().take(ALERTS).map(|member| {
        vec![
            moment(member.fired_at),
            member.resolved_at.map_or_else(String::new, moment),
            member.service.clone().unwrap_or_default(),
            member.severity.to_string(),
            member.summary.clone(),
        ]
    });
    let note = match all.len() {
        n if n > ALERTS => format!("The first {ALERTS} of {n}."),
        _ => String::new(),
    };
    let columns = ["Fired", "Ended", "Service", "Severity", "What"];
    table("Alerts", &note, &columns, rows.collect())
}

fn analysis(found: &RcaOutcome) -> Result<RunReport, Error> {
    let report = &found.report;
    let mut page = RunReport::new("Root-cause analysis", report.from, report.to);
    page.headline = Some(report.summary.clone());
    page.summary = facts(report);
    page.graphs.extend(graph(report));
    page.tables = vec![services(report)];
    page.tables.extend(actions(report));
    page.tables.push(timeline(report));
    page.tables.extend(patterns(report));
    page.tables.push(metrics(report));
    page.matrices.extend(rca_correlations(found)?);
    page.tables.extend(relations::tables(report));
    page.tables.extend(dependencies(report));
    page.panels = report
        .metrics
        .iter()
        .take(EVIDENCE)
        .filter_map(|metric| plot(found, metric).transpose())
        .collect::<Result<_, _>>()?;
    page.settings = vec![("Ranker".to_owned(), report.ranker.name().to_owned())];
    let notes = report
        .notes
        .iter()
        .map(|note| ("Note".to_owned(), note.clone()));
    page.settings.extend(notes);
    Ok(page)
}

fn facts(report: &RcaReport) -> Vec<Fact> {
    let verdict = match report.verdict {
        RcaVerdict::Ranked => "cause ranked",
        RcaVerdict::NotProven => "not proven",
    };
    let onset = Fact::new("Onset", moment(report.onset));
    let sure = format!("{:.0} % sure", report.onset_confidence);
    vec![
        Fact::new("Verdict", verdict).note(format!(
            "{:.0} % for none of the services",
            report.none_likelihood
        )),
        onset.note(sure),
        Fact::new("Services", report.services.len()),
        Fact::new("Metrics", report.metrics.len())
            .note(format!("{} moved clearly", report.timeline.len())),
    ]
}

fn graph(report: &RcaReport) -> Option<ServiceGraph> {
    if report.dependencies.is_empty() {
        return None;
    }
    let mut graph = ServiceGraph::new("Dependencies and blame");
    for edge in &report.dependencies {
        for name in [&edge.caller, &edge.callee] {
            graph.service(name, 0.0, "no metrics");
        }
        graph.calls(&edge.caller, &edge.callee);
    }
    for service in &report.services {
        let note = format!("{:.0} %", service.likelihood);
        graph.service(&service.service, service.likelihood / 100.0, note);
    }
    Some(graph)
}

/// Who calls whom, and how that is known.
fn dependencies(report: &RcaReport) -> Option<Table> {
    let rows = report.dependencies.iter().take(DEPENDENCIES).map(|edge| {
        let known: Vec<&str> = edge.provenance.iter().map(|p| p.name()).collect();
        vec![edge.caller.clone(), edge.callee.clone(), known.join(", ")]
    });
    let note = match report.dependencies.len() {
        0 => return None,
        n if n > DEPENDENCIES => format!("The first {DEPENDENCIES} of {n}."),
        _ => String::new(),
    };
    let columns = ["Caller", "Callee", "Known from"];
    Some(table("Dependencies", &note, &columns, rows.collect()))
}

pub(super) fn table(caption: &str, note: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table {
        caption: caption.to_owned(),
        note: note.to_owned(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        rows,
    }
}

fn services(report: &RcaReport) -> Table {
    let rows = report.services.iter().take(ROWS).map(|s| {
        vec![
            s.service.clone(),
            format!("{:.0} %", s.likelihood),
            format!("{:.2}", s.score),
            s.evidence.clone(),
        ]
    });
    let note = "The likelihoods of all services and of none of them sum to 100 %.";
    let columns = ["Service", "Likelihood", "Score", "Evidence"];
    table("Ranked causes", note, &columns, rows.collect())
}

fn actions(report: &RcaReport) -> Option<Table> {
    if report.actions.is_empty() {
        return None;
    }
    let rows = report
        .actions
        .iter()
        .map(|a| vec![a.service.clone(), a.action.clone(), a.because.clone()]);
    let columns = ["Service", "Action", "Because"];
    Some(table("Recommended actions", "", &columns, rows.collect()))
}

fn timeline(report: &RcaReport) -> Table {
    let rows = report.timeline.iter().take(2 * ROWS).map(|m| {
        vec![
            format!("{:+.0} s", m.lag_seconds),
            m.service.clone(),
            m.metric.clone(),
            format!("{:.1}", m.deviation),
        ]
    });
    let note = "Times are after the onset, at half of the way to the new level; deviations are in robust \
                standard deviations of normal times.";
    let columns = ["When", "Service", "Metric", "Deviation"];
    table("Who moved when", note, &columns, rows.collect())
}

fn patterns(report: &RcaReport) -> Option<Table> {
    if report.patterns.is_empty() {
        return None;
    }
    let rows = report.patterns.iter().take(ROWS).map(|p| {
        vec![
            p.pattern.replace('_', " "),
            p.services.join(", "),
            format!("{:.0} %", p.confidence),
            p.evidence.clone(),
        ]
    });
    let columns = ["Pattern", "Services", "Fit", "Evidence"];
    Some(table("What it looks like", "", &columns, rows.collect()))
}

fn metrics(report: &RcaReport) -> Table {
    let rows = report.metrics.iter().take(2 * ROWS).map(|m| {
        vec![
            m.service.clone(),
            m.metric.clone(),
            format!("{:.2}", m.score),
            m.lag_seconds
                .map_or_else(String::new, |lag| format!("{lag:+.0} s")),
            m.evidence.clone(),
        ]
    });
    let columns = ["Service", "Metric", "Score", "Moved", "Evidence"];
    table("Metrics", "", &columns, rows.collect())
}

/// The metric over all the time, with its normal level and the incident.
fn plot(found: &RcaOutcome, metric: &MetricCause) -> Result<Option<TimeSeriesPlot>, Error> {
    let data = &found.observations;
    let is_it = |m: &bongsu_rca::Metric| m.service == metric.service && m.name == metric.metric;
    let place = data.metrics().iter().position(is_it);
    let Some(values) = place.and_then(|i| data.columns().get(i)) else {
        return Ok(None);
    };
    let title = format!("{} of {}", metric.metric, metric.service);
    let plot = TimeSeriesPlot::new(title, data.times().to_vec(), values.clone());
    let plot = plot.map_err(Error::report)?.subtitle(&metric.evidence);
    let incident = Span {
        from: found.report.onset,
        to: found.report.to.max(found.report.onset),
        label: "incident".to_owned(),
        kind: SpanKind::Alert,
    };
    Ok(Some(plot.span(incident)))
}

/// A moment in UTC, to the second.
fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map_or_else(
        |_| format!("{at} s"),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
