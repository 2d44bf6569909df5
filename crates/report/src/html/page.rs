//! Filling the template.

use std::cmp::Reverse;
use std::time::Duration;

use askama::Template;
use bongsu_core::{Timestamp, format_duration};

use super::{AlertRow, QualityRow, RunReport, Table, brief, headline, points};
use crate::describe::moment;
use crate::figure::Figure;
use crate::theme::{self, Theme};
use crate::time_axis::zone_name;
use crate::{Error, TimeSeriesPlot};

/// Wide and narrow drawings: width, height, size of text. A phone shows the narrow one, which is
/// legible there without zooming.
const WIDE: (u32, u32, f64) = (1_200, 360, 14.0);
const NARROW: (u32, u32, f64) = (380, 320, 12.5);

const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");

/// What the page's content-security policy allows: exactly our style and our script, by their
/// SHA-256. A test says what to write here when they change.
const STYLE_HASH: &str = "+vKdS6zkvlUY2EWn31lxLRKG6EZoUyRR0beerwXdNck=";
const SCRIPT_HASH: &str = "+yc4DvR8giA9Fp2iYDyGChM+eJZCXLLOqwbqdhft7RM=";

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a RunReport,
    headline: String,
    from: String,
    to: String,
    zone: String,
    style: String,
    script: &'static str,
    style_hash: &'static str,
    script_hash: &'static str,
    alerts: Vec<AlertView<'a>>,
    graphs: Vec<GraphView<'a>>,
    tables: Vec<TableView<'a>>,
    matrices: Vec<GraphView<'a>>,
    open: Vec<Panel<'a>>,
    folded: Vec<Panel<'a>>,
    undrawn: usize,
    quality: Vec<QualityView<'a>>,
}

struct AlertView<'a> {
    row: &'a AlertRow,
    from: String,
    to: String,
    score: String,
    value: String,
    expected: String,
    bounds: String,
    plot: Option<usize>,
}

struct GraphView<'a> {
    caption: &'a str,
    note: &'a str,
    svg: String,
}

struct Panel<'a> {
    index: usize,
    title: &'a str,
    subtitle: &'a str,
    /// The time shown, in milliseconds.
    from: i64,
    to: i64,
    wide: String,
    narrow: String,
    points: String,
}

struct QualityView<'a> {
    row: &'a QualityRow,
    share: String,
    gap: String,
}

struct TableView<'a> {
    table: &'a Table,
    rows: Vec<Vec<Cell<'a>>>,
}

struct Cell<'a> {
    column: &'a str,
    text: &'a str,
}

/// The report as HTML.
pub(super) fn render(report: &RunReport) -> Result<String, Error> {
    let mut alerts: Vec<&AlertRow> = report.alerts.iter().collect();
    alerts.sort_by_key(|row| (Reverse(row.severity), row.from));
    let (open, folded) = choose(report, &alerts);
    let drawn: Vec<usize> = open.iter().chain(&folded).copied().collect();
    let draw = |indices: Vec<usize>| -> Vec<Panel<'_>> {
        let plots = indices.into_iter();
        plots
            .filter_map(|index| Some(panel(report, index, report.panels.get(index)?)))
            .collect()
    };
    let page = Page {
        report,
        headline: headline::sentence(report, &alerts),
        from: moment(report.from, &report.time_zone),
        to: moment(report.to, &report.time_zone),
        zone: zone_name(&report.time_zone, report.from),
        style: format!("{STYLE}{}", theme::css(Theme::Auto)),
        script: SCRIPT,
        style_hash: STYLE_HASH,
        script_hash: SCRIPT_HASH,
        alerts: alerts
            .iter()
            .map(|row| alert(report, row, &drawn))
            .collect(),
        graphs: report
            .graphs
            .iter()
            .enumerate()
            .map(|(i, graph)| GraphView {
                caption: &graph.caption,
                note: "",
                svg: graph.draw(None, &format!("g{i}")),
            })
            .collect(),
        tables: report.tables.iter().map(table).collect(),
        matrices: report
            .matrices
            .iter()
            .enumerate()
            .map(|(i, matrix)| GraphView {
                caption: &matrix.title,
                note: &matrix.subtitle,
                svg: matrix.draw(None, &format!("m{i}")),
            })
            .collect(),
        undrawn: report.panels.len() - drawn.len(),
        open: draw(open),
        folded: draw(folded),
        quality: report.quality.iter().map(quality).collect(),
    };
    Ok(page.render()?)
}

/// The plots to show open, those of the worst alerts first, and those to fold.
fn choose(report: &RunReport, alerts: &[&AlertRow]) -> (Vec<usize>, Vec<usize>) {
    let mut open: Vec<usize> = Vec::new();
    let named = alerts.iter().filter_map(|row| row.panel);
    for index in named.filter(|&index| index < report.panels.len()) {
        if !open.contains(&index) {
            open.push(index);
        }
    }
    if open.is_empty() {
        open.extend(0..report.panels.len());
    }
    let limit = report.open_panels.min(report.max_panels);
    let late = open.split_off(limit.min(open.len()));
    let mut folded = late;
    for index in 0..report.panels.len() {
        if !open.contains(&index) && !folded.contains(&index) {
            folded.push(index);
        }
    }
    folded.truncate(report.max_panels - open.len());
    (open, folded)
}

fn panel<'a>(report: &'a RunReport, index: usize, plot: &'a TimeSeriesPlot) -> Panel<'a> {
    let mut shown = plot.clone();
    if shown.range.is_none() && report.to > report.from {
        shown.range = Some((report.from, report.to));
    }
    let (from, to) = shown.time_range().unwrap_or_default();
    let draw = |(width, height, font): (u32, u32, f64), prefix: &str| {
        Figure {
            title: "",
            subtitle: "",
            panels: &[&shown],
            titled_panels: false,
            width,
            height,
            font,
            theme: None,
            time_zone: &report.time_zone,
            id: &format!("{prefix}{index}"),
        }
        .draw()
    };
    Panel {
        index,
        title: &plot.title,
        subtitle: &plot.subtitle,
        from: from.as_millis(),
        to: to.as_millis(),
        wide: draw(WIDE, "w"),
        narrow: draw(NARROW, "n"),
        points: points::json(&shown, &report.time_zone),
    }
}

fn alert<'a>(report: &RunReport, row: &'a AlertRow, drawn: &[usize]) -> AlertView<'a> {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| row.unit.format(v));
    let bounds = match (row.lower, row.upper) {
        (None, None) => String::new(),
        (Some(lower), None) => format!("at least {}", number(Some(lower))),
        (None, Some(upper)) => format!("at most {}", number(Some(upper))),
        (lower, upper) => format!("{} to {}", number(lower), number(upper)),
    };
    AlertView {
        row,
        from: moment(row.from, &report.time_zone),
        to: row.to.map_or_else(
            || "still firing".to_owned(),
            |to| format!("for {}", lasting(row.from, to)),
        ),
        score: row
            .peak_score
            .map_or_else(|| "–".to_owned(), |score| format!("{score:.1}")),
        value: number(row.value),
        expected: number(row.expected),
        bounds,
        plot: row.panel.filter(|index| drawn.contains(index)),
    }
}

/// The time between two moments, to the second.
fn lasting(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.millis_since(from).max(0).unsigned_abs() / 1_000;
    format_duration(Duration::from_secs(seconds))
}

fn quality(row: &QualityRow) -> QualityView<'_> {
    let share = if row.expected == 0 {
        "–".to_owned()
    } else {
        let share = row.missing as f64 / row.expected as f64;
        match share * 100.0 {
            0.0 => "none".to_owned(),
            percent if percent < 0.1 => "< 0.1%".to_owned(),
            percent => format!("{percent:.1}%"),
        }
    };
    QualityView {
        row,
        share,
        gap: row
            .longest_gap
            .map_or_else(|| "–".to_owned(), format_duration),
    }
}

fn table(table: &Table) -> TableView<'_> {
    let rows = table.rows.iter().map(|row| {
        let texts = row.iter().map(String::as_str).chain(std::iter::repeat(""));
        let columns = table.columns.iter().map(String::as_str);
        columns
            .zip(texts)
            .map(|(column, text)| Cell { column, text })
            .collect()
    });
    TableView {
        table,
        rows: rows.collect(),
    }
}
