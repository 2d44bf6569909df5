//! The page of a report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_core::{Timestamp, format_duration};
use bongsu_report::{
    AlertRow, Fact, Mark, QualityRow, RunReport, Span, SpanKind, Table, TimeSeriesPlot, Unit,
};

use super::PeriodicRequest;
use super::incidents;
use super::period::zoned;
use super::replay::{Found, FoundAlert};
use super::tracks::{Track, Tracks};
use crate::collect::Point;
use crate::config::QueryConfig;
use crate::incident::Incident;
use crate::{Error, SavedState};

/// The most rows of a table; the CSV beside the page has all.
pub(super) const MAX_ROWS: usize = 300;
/// The most alerts marked above a plot.
const MAX_SPANS: usize = 60;
/// The longest text from outside, in characters.
const MAX_TEXT: usize = 240;
/// Alerts that end within so many steps are called brief.
const BRIEF_STEPS: i64 = 3;
/// A series that alarms so often in a period is noisy.
const NOISY: usize = 3;

/// What a page is made of.
pub(super) struct Facts<'a> {
    pub(super) request: &'a PeriodicRequest,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) tracks: &'a Tracks,
    pub(super) found: &'a Found,
    pub(super) saved: Option<&'a SavedState>,
    /// Where the state knows of some, or that there were none.
    pub(super) incidents: Option<&'a [Incident]>,
    /// Days that were not read.
    pub(super) skipped: usize,
}

/// What is told of a query.
#[derive(Default)]
struct OfQuery {
    series: u64,
    points: u64,
    anomalies: u64,
    alerts: usize,
    brief: usize,
    noisy: BTreeSet<String>,
    alerting_ms: i64,
}

pub(super) fn render(facts: &Facts<'_>) -> Result<String, Error> {
    let period = facts.request.period;
    let title = format!("Bongsu, {} report", period.word());
    let mut report = RunReport::new(title, facts.from, facts.to);
    report.time_zone = facts.request.zone.clone();
    report.open_panels = 6;
    let queries = by_query(facts);
    summary(&mut report, facts, &queries);
    let mut panel_of = BTreeMap::new();
    for (place, track) in facts.tracks.drawn() {
        panel_of.insert(place, report.panels.len());
        report.panels.push(plot(facts, track)?);
    }
    let alerts = facts.found.alerts.iter();
    // The most severe first, then the oddest, where there are too many.
    let mut alerts: Vec<&FoundAlert> = alerts.collect();
    alerts.sort_by(|a, b| {
        let score = |found: &FoundAlert| found.alert.verdict.score.unwrap_or_default();
        let by_severity = b.alert.severity.cmp(&a.alert.severity);
        by_severity.then(score(b).total_cmp(&score(a)))
    });
    for found in alerts.iter().take(MAX_ROWS) {
        let mut row = AlertRow::from(&found.alert);
        row.summary = brief(&found.query);
        row.series = brief(&found.series);
        row.explanation = brief(&row.explanation);
        row.unit = unit_of(facts, &found.query);
        let place = facts.tracks.place(&found.query, &found.series);
        row.panel = place.and_then(|place| panel_of.get(&place).copied());
        report.alerts.push(row);
    }
    if let Some(all) = facts.incidents {
        let place = 1.min(report.summary.len());
        report.summary.insert(place, incidents::fact(all));
        report
            .tables
            .extend(incidents::table(all, &facts.request.zone));
    }
    report.tables.push(query_table(&queries));
    report.tables.extend(day_table(facts));
    report.tables.extend(noise_table(facts));
    report.tables.extend(model_table(facts));
    quality(&mut report, facts);
    report.to_html().map_err(Error::report)
}

fn by_query(facts: &Facts<'_>) -> BTreeMap<String, OfQuery> {
    let mut all: BTreeMap<String, OfQuery> = BTreeMap::new();
    for query in configured(facts) {
        all.entry(query.name.clone()).or_default();
    }
    for track in facts.tracks.all() {
        let of = all.entry(track.query.clone()).or_default();
        of.series += 1;
        of.points += track.points;
        of.anomalies += track.anomalies;
    }
    for found in &facts.found.alerts {
        let of = all.entry(found.query.clone()).or_default();
        of.alerts += 1;
        let lasted = lasted(facts, found);
        of.alerting_ms += lasted;
        let step = config_of(facts, &found.query).map_or(60_000, |query| query.step.millis());
        if found.alert.resolved_at.is_some() && lasted <= BRIEF_STEPS * step {
            of.brief += 1;
        }
        if facts.found.count(&found.query, &found.series) >= NOISY {
            of.noisy.insert(found.series.clone());
        }
    }
    all
}

/// How long an alert lasted within the period, in milliseconds.
fn lasted(facts: &Facts<'_>, found: &FoundAlert) -> i64 {
    let from = found.alert.starts_at.max(facts.from);
    let to = found.alert.resolved_at.unwrap_or(facts.to).min(facts.to);
    to.millis_since(from).max(0)
}

fn summary(report: &mut RunReport, facts: &Facts<'_>, queries: &BTreeMap<String, OfQuery>) {
    let total = |pick: &dyn Fn(&OfQuery) -> u64| queries.values().map(pick).sum::<u64>();
    let alerts = facts.found.alerts.len() + facts.found.more;
    let days = (facts.to.millis_since(facts.from) as f64 / 86_400_000.0).max(1.0);
    let brief = queries.values().map(|of| of.brief).sum::<usize>();
    let noisy = queries.values().map(|of| of.noisy.len()).sum::<usize>();
    let points = total(&|of| of.points);
    let share = if points == 0 {
        String::new()
    } else {
        format!(
            "{:.2} % of the points",
            total(&|of| of.anomalies) as f64 * 100.0 / points as f64
        )
    };
    report.summary = vec![
        Fact::new("Alerts", alerts).note(format!("{:.1} a day", alerts as f64 / days)),
        match facts.found.pages {
            Some(pages) => Fact::new("Messages", pages).note("by the rules of `alerting`"),
            None => Fact::new("Messages", "–").note("no receiver is configured"),
        },
        Fact::new("Brief alerts", brief).note(format!("ended within {BRIEF_STEPS} steps")),
        Fact::new("Noisy series", noisy).note(format!("alarmed {NOISY} times or more")),
        Fact::new("Series", total(&|of| of.series)),
        Fact::new("Points judged", points),
        Fact::new("Anomalous points", total(&|of| of.anomalies)).note(share),
    ];
    if alerts > MAX_ROWS {
        let note = "the others are in the CSV beside this page";
        report
            .summary
            .push(Fact::new("Alerts shown", MAX_ROWS).note(note));
    }
    if facts.skipped > 0 {
        let note = "they are archived as Parquet, which reports do not read";
        report
            .summary
            .push(Fact::new("Days left out", facts.skipped).note(note));
    }
}

fn query_table(queries: &BTreeMap<String, OfQuery>) -> Table {
    let mut rows: Vec<(&String, &OfQuery)> = queries.iter().collect();
    rows.sort_by_key(|(_, of)| std::cmp::Reverse(of.alerts));
    let columns = [
        "Query",
        "Series",
        "Points",
        "Anomalous",
        "Alerts",
        "Brief",
        "Noisy series",
        "Time in alert",
    ];
    Table {
        caption: "Queries".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows
            .into_iter()
            .take(MAX_ROWS)
            .map(|(name, of)| {
                vec![
                    brief(name),
                    of.series.to_string(),
                    of.points.to_string(),
                    of.anomalies.to_string(),
                    of.alerts.to_string(),
                    of.brief.to_string(),
                    of.noisy.len().to_string(),
                    duration(of.alerting_ms),
                ]
            })
            .collect(),
        ..Table::default()
    }
}

/// Day by day, for what covers more than one.
fn day_table(facts: &Facts<'_>) -> Option<Table> {
    let zone = &facts.request.zone;
    if facts.to.millis_since(facts.from) <= 26 * 3_600_000 {
        return None;
    }
    let mut days: BTreeMap<String, (usize, BTreeSet<&str>)> = BTreeMap::new();
    let mut at = facts.from;
    while at < facts.to {
        // Half a day on, no change of the clock matters.
        if let Ok(day) = zoned(at.add_millis(43_200_000), zone) {
            days.entry(day.strftime("%Y-%m-%d %a").to_string())
                .or_default();
        }
        at = at.add_millis(86_400_000);
    }
    for found in &facts.found.alerts {
        if let Ok(day) = zoned(found.alert.starts_at.max(facts.from), zone) {
            let day = day.strftime("%Y-%m-%d %a").to_string();
            let of = days.entry(day).or_default();
            of.0 += 1;
            of.1.insert(&found.query);
        }
    }
    let rows = days.into_iter().map(|(day, (alerts, queries))| {
        let named: Vec<String> = queries.iter().take(5).map(|name| brief(name)).collect();
        vec![day, alerts.to_string(), named.join(", ")]
    });
    Some(Table {
        caption: "Days".to_owned(),
        columns: ["Day", "Alerts", "Queries"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        ..Table::default()
    })
}

/// The series that alarmed most often.
fn noise_table(facts: &Facts<'_>) -> Option<Table> {
    let tracks = facts.tracks.all().iter();
    let mut noisy: Vec<(usize, &Track)> = tracks
        .map(|track| (facts.found.count(&track.query, &track.series), track))
        .filter(|(count, _)| *count >= NOISY)
        .collect();
    noisy.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    (!noisy.is_empty()).then(|| Table {
        caption: "Noisy series".to_owned(),
        note: "They alarmed most often. A longer `alert.for`, a `min_abs_dev` or a `budget` makes \
               them quieter."
            .to_owned(),
        columns: ["Query", "Series", "Alerts", "Anomalous points"]
            .map(str::to_owned)
            .to_vec(),
        rows: noisy
            .into_iter()
            .take(20)
            .map(|(count, track)| {
                vec![
                    brief(&track.query),
                    brief(&track.series),
                    count.to_string(),
                    track.anomalies.to_string(),
                ]
            })
            .collect(),
    })
}

/// The models of queries, as of now.
fn model_table(facts: &Facts<'_>) -> Option<Table> {
    let saved = facts.saved?;
    let zone = &facts.request.zone;
    let moment = |at: Option<Timestamp>| {
        let at = at.and_then(|at| zoned(at, zone).ok());
        at.map_or("–".to_owned(), |at| {
            at.strftime("%Y-%m-%d %H:%M").to_string()
        })
    };
    let rows = saved.queries().map(|query| {
        let detector =
            config_of(facts, &query.name).map_or("–".to_owned(), |q| q.detector.clone());
        let trained = query
            .trained
            .filter(|at| *at >= facts.from && *at < facts.to);
        vec![
            brief(&query.name),
            detector,
            match query.model_version {
                0 => "learns as it judges".to_owned(),
                version => format!("version {version}"),
            },
            moment(query.trained),
            if trained.is_some() { "yes" } else { "no" }.to_owned(),
            query.series.to_string(),
            moment(query.judged_until),
        ]
    });
    let columns = [
        "Query",
        "Detector",
        "Model",
        "Trained",
        "In this period",
        "Series",
        "Judged until",
    ];
    Some(Table {
        caption: "Models".to_owned(),
        note: "As the state has them now.".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    })
}

fn quality(report: &mut RunReport, facts: &Facts<'_>) {
    let mut worst: Vec<&Track> = facts
        .tracks
        .all()
        .iter()
        .filter(|track| track.missing > 0)
        .collect();
    worst.sort_by_key(|track| std::cmp::Reverse(track.missing));
    report.quality = worst
        .into_iter()
        .take(MAX_ROWS)
        .map(|track| QualityRow {
            series: brief(&track.series),
            expected: track.points,
            missing: track.missing,
            longest_gap: u64::try_from(track.longest_gap_ms)
                .ok()
                .filter(|ms| *ms > 0)
                .map(Duration::from_millis),
            note: brief(&track.query),
        })
        .collect();
}

fn plot(facts: &Facts<'_>, track: &Track) -> Result<TimeSeriesPlot, Error> {
    let points = track.to_draw();
    let column = |pick: fn(&Point) -> Option<f64>| -> Vec<f64> {
        points
            .iter()
            .map(|point| pick(point).unwrap_or(f64::NAN))
            .collect()
    };
    let marks = points
        .iter()
        .filter(|point| point.anomalous)
        .filter_map(|point| {
            Some(Mark {
                at: point.timestamp,
                value: point.value?,
                score: point.score?,
            })
        });
    let alerts = facts.found.alerts.iter();
    let alerts = alerts.filter(|found| found.query == track.query && found.series == track.series);
    let spans = alerts.take(MAX_SPANS).map(|found| Span {
        from: found.alert.starts_at.max(facts.from),
        to: found
            .alert
            .resolved_at
            .unwrap_or(facts.to)
            .min(facts.to)
            .max(facts.from),
        label: found.alert.severity.to_string(),
        kind: SpanKind::Alert,
    });
    let times = points.iter().map(|point| point.timestamp).collect();
    TimeSeriesPlot::new(brief(&track.query), times, column(|point| point.value))
        .and_then(|plot| {
            plot.band(
                column(|point| point.expected),
                column(|point| point.lower),
                column(|point| point.upper),
            )
        })
        .map(|plot| {
            plot.subtitle(brief(&track.series))
                .unit(unit_of(facts, &track.query))
                .marks(marks)
                .spans(spans)
                .range(facts.from, facts.to)
        })
        .map_err(Error::report)
}

fn configured<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'a QueryConfig> {
    facts
        .request
        .config
        .iter()
        .flat_map(|config| &config.queries)
}

fn config_of<'a>(facts: &'a Facts<'_>, query: &str) -> Option<&'a QueryConfig> {
    configured(facts).find(|config| config.name == query)
}

fn unit_of(facts: &Facts<'_>, query: &str) -> Unit {
    let unit = config_of(facts, query).and_then(|config| config.unit.as_deref());
    unit.map(Unit::from).unwrap_or_default()
}

fn duration(millis: i64) -> String {
    let seconds = millis.max(0).unsigned_abs() / 1_000;
    format_duration(Duration::from_secs(seconds))
}

/// A text from outside, of a length that a page can bear.
pub(crate) fn brief(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
