//! Reports and plots of what a run found.

use bongsu_core::{Alert, Timestamp};
use bongsu_report::{
    AlertRow, Fact, Mark, Panels, QualityRow, RunReport, Span, Table, TimeSeriesPlot, Unit,
};

use crate::Error;
use crate::collect::{Collector, Track};
use crate::demo::{Found, Outcome, finding, seconds, stopped, subject};

/// The time shown on either side of an incident.
const MARGIN_MS: i64 = 4 * 60_000;
/// The most panels in the overview.
const OVERVIEW_PANELS: usize = 5;

/// The report of a run: its alerts with a plot of each series that alarmed, the state of the data,
/// and every other series folded away.
///
/// # Errors
/// When a plot or the page cannot be made.
pub fn run_report(title: &str, collected: &Collector) -> Result<RunReport, Error> {
    build(title, collected, &[])
}

pub(crate) fn demo_report(
    collected: &Collector,
    outcome: &Outcome,
    spans: &[Span],
) -> Result<String, Error> {
    let mut report = build("Bongsu demo", collected, spans)?;
    report.headline = Some(format!(
        "{} of {} injected faults were found, with {} false alarms.",
        outcome.faults_found(),
        outcome.faults().count(),
        outcome.false_alarms.len()
    ));
    if let (Some(headline), Some(not_come)) = (&mut report.headline, outcome.not_come) {
        *headline = format!("{} {headline}", stopped(not_come));
    }
    report.tables.push(outcome_table(outcome, collected));
    report.to_html().map_err(Error::report)
}

/// The overview and one picture an incident that was noticed, by file name.
pub(crate) fn demo_plots(
    collected: &Collector,
    outcome: &Outcome,
    spans: &[Span],
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut files = vec![picture("overview", &overview(collected, outcome, spans)?)?];
    for (i, found) in outcome.found.iter().enumerate() {
        let Some(alert) = found.first() else {
            continue;
        };
        let Some(track) = collected.track_of(alert) else {
            continue;
        };
        let from = found.incident.from.add_millis(-MARGIN_MS);
        let to = found.incident.to.add_millis(MARGIN_MS);
        let plot = plot(
            alert.labels.get("query").unwrap_or_default(),
            &alert.verdict.labels.selector(),
            track,
            spans,
        )?
        .range(from, to.min(from.add_millis(6 * MARGIN_MS)));
        let name = format!(
            "incident-{}-{}",
            i + 1,
            found.incident.kind.replace('_', "-")
        );
        files.push(picture(&name, &Picture::One(Box::new(plot)))?);
    }
    Ok(files)
}

/// The plot of one series, for messages; `None` where none can be drawn.
#[cfg(feature = "png")]
pub(crate) fn png(query: &str, selector: &str, track: &Track) -> Option<Vec<u8>> {
    plot(query, selector, track, &[]).ok()?.to_png().ok()
}

#[cfg(not(feature = "png"))]
pub(crate) fn png(_query: &str, _selector: &str, _track: &Track) -> Option<Vec<u8>> {
    None
}

enum Picture {
    One(Box<TimeSeriesPlot>),
    Many(Panels),
}

#[cfg(feature = "png")]
fn picture(name: &str, picture: &Picture) -> Result<(String, Vec<u8>), Error> {
    let png = match picture {
        Picture::One(plot) => plot.to_png(),
        Picture::Many(panels) => panels.to_png(),
    };
    Ok((format!("{name}.png"), png.map_err(Error::report)?))
}

#[cfg(not(feature = "png"))]
fn picture(name: &str, picture: &Picture) -> Result<(String, Vec<u8>), Error> {
    let svg = match picture {
        Picture::One(plot) => plot.to_svg(),
        Picture::Many(panels) => panels.to_svg(),
    };
    Ok((format!("{name}.svg"), svg.into_bytes()))
}

/// The series behind the strongest alert of each query, one above the other.
fn overview(collected: &Collector, outcome: &Outcome, spans: &[Span]) -> Result<Picture, Error> {
    let mut chosen: Vec<&Alert> = Vec::new();
    let alerts = outcome.found.iter().filter_map(|found| found.first());
    for alert in alerts {
        let taken = chosen
            .iter()
            .any(|other| other.labels.get("query") == alert.labels.get("query"));
        if !taken && chosen.len() < OVERVIEW_PANELS {
            chosen.push(alert);
        }
    }
    let mut plots = Vec::new();
    for alert in chosen {
        if let Some(track) = collected.track_of(alert) {
            let query = alert.labels.get("query").unwrap_or_default();
            plots.push(plot(query, &alert.verdict.labels.selector(), track, spans)?);
        }
    }
    Ok(Picture::Many(Panels::new(plots).title(
        "Real metrics, injected faults, and what was found",
    )))
}

fn build(title: &str, collected: &Collector, spans: &[Span]) -> Result<RunReport, Error> {
    let (from, to) = collected
        .span()
        .unwrap_or((Timestamp::default(), Timestamp::default()));
    let mut report = RunReport::new(title, from, to);
    let mut points = 0;
    let mut panel_of = Vec::new();
    for (query, labels, track) in collected.tracks() {
        points += track.points.len();
        panel_of.push((query.to_owned(), labels.clone()));
        report
            .panels
            .push(plot(query, &labels.selector(), track, spans)?);
        if let Some(row) = quality(&labels.selector(), track) {
            report.quality.push(row);
        }
    }
    for alert in collected.alerts() {
        let key = (
            alert.labels.get("query").unwrap_or_default(),
            &alert.verdict.labels,
        );
        let mut row = AlertRow::from(alert);
        // The numbers have columns of their own.
        row.summary = alert.labels.get("query").unwrap_or_default().to_owned();
        row.series = alert.verdict.labels.selector();
        row.panel = panel_of
            .iter()
            .position(|(query, labels)| (query.as_str(), labels) == key);
        row.unit = collected.track_of(alert).map(unit_of).unwrap_or_default();
        report.alerts.push(row);
    }
    report.summary = vec![
        Fact::new("Series watched", panel_of.len()),
        Fact::new("Points judged", points),
        Fact::new("Alerts", collected.alerts().len()),
    ];
    if collected.problems().len() > 0 {
        report.tables.push(Table {
            caption: "Problems with the data".to_owned(),
            columns: vec!["Query".to_owned(), "Problem".to_owned()],
            rows: collected
                .problems()
                .map(|(query, text)| vec![query.to_owned(), text.to_owned()])
                .collect(),
            ..Table::default()
        });
    }
    Ok(report)
}

fn unit_of(track: &Track) -> Unit {
    track.unit.as_deref().map(Unit::from).unwrap_or_default()
}

fn plot(
    query: &str,
    selector: &str,
    track: &Track,
    spans: &[Span],
) -> Result<TimeSeriesPlot, Error> {
    let column = |pick: &dyn Fn(&crate::Point) -> Option<f64>| -> Vec<f64> {
        track
            .points
            .iter()
            .map(|point| pick(point).unwrap_or(f64::NAN))
            .collect()
    };
    let times = track.points.iter().map(|point| point.timestamp).collect();
    let marks = track
        .points
        .iter()
        .filter(|point| point.anomalous)
        .filter_map(|point| {
            Some(Mark {
                at: point.timestamp,
                value: point.value?,
                score: point.score?,
            })
        });
    TimeSeriesPlot::new(query, times, column(&|point| point.value))
        .and_then(|plot| {
            plot.band(
                column(&|p| p.expected),
                column(&|p| p.lower),
                column(&|p| p.upper),
            )
        })
        .map(|plot| {
            plot.subtitle(selector)
                .unit(unit_of(track))
                .marks(marks)
                .spans(spans.iter().cloned())
        })
        .map_err(Error::report)
}

/// The missing points of a series, when there are any.
fn quality(selector: &str, track: &Track) -> Option<QualityRow> {
    let missing = track
        .points
        .iter()
        .filter(|point| point.value.is_none())
        .count();
    (missing > 0).then(|| QualityRow {
        series: selector.to_owned(),
        expected: track.points.len() as u64,
        missing: missing as u64,
        longest_gap: None,
        note: "moments at which the series was absent".to_owned(),
    })
}

fn outcome_table(outcome: &Outcome, collected: &Collector) -> Table {
    let brief = |alert: &Alert| {
        let unit = collected.track_of(alert).map(unit_of).unwrap_or_default();
        format!("{}: {}", subject(alert), finding(alert, &unit))
    };
    let mut rows: Vec<Vec<String>> = outcome
        .found
        .iter()
        .map(|found| outcome_row(found, &brief))
        .collect();
    rows.extend(outcome.false_alarms.iter().map(|alert| {
        vec![
            "nothing".to_owned(),
            "-".to_owned(),
            "false alarm".to_owned(),
            "-".to_owned(),
            "-".to_owned(),
            "-".to_owned(),
            brief(alert),
        ]
    }));
    let columns = [
        "Injected",
        "Where",
        "Found",
        "After",
        "All quiet after",
        "Likely cause",
        "First alert",
    ];
    Table {
        caption: "Injected against found".to_owned(),
        note: "An alert belongs to an incident when it began during it or in the minute after it. \
               A fault is found when such an alert is at its place or on a symptom of it. \
               A change of load that is no fault may be noticed, but must settle. The likely cause is \
               that of the incident of the first alert, as the last analysis of it has it."
            .to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    }
}

fn outcome_row(found: &Found, brief: &dyn Fn(&Alert) -> String) -> Vec<String> {
    let first = found.first();
    vec![
        found.incident.title(),
        found.incident.place.service.clone(),
        found.in_words(),
        seconds(found.delay()),
        seconds(found.settled()),
        found.cause_in_words(),
        first.map_or_else(|| "-".to_owned(), brief),
    ]
}
