//! A capacity report as a page and as plots.

use bongsu_capacity::{CapacityReport, Outlook, Projection, ResourcePlan, Status};
use bongsu_core::Timestamp;
use bongsu_report::{Fact, RunReport, Span, SpanKind, Table, TimeSeriesPlot};

use super::CapacityOutcome;
use crate::Error;

const DAY: f64 = 86_400_000.0;

/// The most plots of a page.
const PLOTS: usize = 60;

/// The report as one HTML file: what runs out first, every resource, what to do, how the models were chosen,
/// and each resource's past and future with its threshold.
///
/// # Errors
/// When a plot or the page cannot be made.
pub fn capacity_page(found: &CapacityOutcome) -> Result<String, Error> {
    let report = &found.report;
    let ends = found.projections.iter().filter_map(|p| p.times.last());
    let starts = found
        .projections
        .iter()
        .filter_map(|p| p.past_times.first());
    let from = starts.min().copied().unwrap_or(Timestamp::MIN);
    let to = ends.max().copied().unwrap_or(from);
    let mut page = RunReport::new("Capacity", from, to);
    page.headline = Some(headline(report));
    page.summary = facts(report);
    page.tables = vec![resources(report)];
    page.tables.extend(changes(report));
    page.tables.extend(recommendations(report));
    page.tables.push(growth(report));
    page.tables.push(models(report));
    page.open_panels = PLOTS;
    page.panels = report
        .resources
        .iter()
        .zip(&found.projections)
        .take(PLOTS)
        .map(|(plan, curves)| capacity_plot(plan, curves, report.level))
        .collect::<Result<_, _>>()?;
    page.settings = settings(report);
    page.to_html().map_err(Error::report)
}

/// The past of a resource, its forecast with the interval, its threshold, and when that is
/// crossed.
///
/// # Errors
/// When the plot cannot be made, which would be a defect of this crate.
pub fn capacity_plot(
    plan: &ResourcePlan,
    curves: &Projection,
    level: f64,
) -> Result<TimeSeriesPlot, Error> {
    let plot = TimeSeriesPlot::new(
        &plan.resource,
        curves.past_times.clone(),
        curves.past.clone(),
    );
    let interval = (curves.lower.clone(), curves.upper.clone());
    let plot = plot
        .and_then(|plot| plot.forecast(curves.times.clone(), curves.mean.clone()))
        .and_then(|plot| plot.interval(percent(level), interval.0, interval.1))
        .map_err(Error::report)?
        .subtitle(plan.summary())
        .limit("threshold", plan.threshold);
    let outlook = &plan.outlook;
    let end = curves.times.last().copied().unwrap_or(plan.at);
    let after = |days: f64| plan.at.add_millis((days * DAY) as i64);
    Ok(match (outlook.status, outlook.days_left_lower) {
        (Status::Exhausts | Status::Never | Status::Shrinking, Some(lower)) => plot.span(Span {
            from: after(lower),
            to: outlook.days_left_upper.map_or(end, after),
            label: format!("crossing, interval of {}", percent(level)),
            kind: SpanKind::Crossing,
        }),
        _ => plot,
    })
}

fn percent(level: f64) -> String {
    format!("{:.0} %", 100.0 * level)
}

fn headline(report: &CapacityReport) -> String {
    let first = report.resources.first();
    let first = first.map_or_else(String::new, ResourcePlan::summary);
    match report.alerts.len() {
        0 | 1 => first,
        more => format!("{more} resources are about to run out. {first}"),
    }
}

fn facts(report: &CapacityReport) -> Vec<Fact> {
    let count = |status: Status| {
        let plans = report.resources.iter();
        plans.filter(|plan| plan.outlook.status == status).count()
    };
    vec![
        Fact::new("Resources", report.resources.len()),
        Fact::new("Exceeded", count(Status::Exceeded)),
        Fact::new("Run out", count(Status::Exhausts))
            .note(format!("within {:.0} days", report.horizon_days)),
        Fact::new("Alerts", report.alerts.len()),
    ]
}

fn table(caption: &str, note: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table {
        caption: caption.to_owned(),
        note: note.to_owned(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        rows,
    }
}

/// Days left, with their bounds.
fn days(outlook: &Outlook) -> String {
    let bound = |days: Option<f64>| days.map_or_else(|| "beyond".to_owned(), |d| format!("{d:.1}"));
    match (outlook.status, outlook.days_left) {
        (Status::Exceeded, _) => "exceeded".to_owned(),
        (_, Some(left)) => format!(
            "{left:.1} ({} to {})",
            bound(outlook.days_left_lower),
            bound(outlook.days_left_upper)
        ),
        (status, None) => status.name().to_owned(),
    }
}

fn share(part: f64) -> String {
    format!("{:.0} %", 100.0 * part)
}

/// A value in the unit of a resource, to four digits.
fn value(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        let digits = (3.0 - value.abs().max(1e-9).log10().floor()).clamp(0.0, 6.0);
        format!("{value:.*}", digits as usize)
    } else {
        format!("{value:.3e}")
    }
}

fn resources(report: &CapacityReport) -> Table {
    let rows = report.resources.iter().map(|plan| {
        vec![
            plan.resource.clone(),
            value(plan.current),
            value(plan.threshold),
            days(&plan.outlook),
            days(&plan.sustained),
            days(&plan.peak),
            share(plan.outlook.probability),
            plan.trend.name().to_owned(),
        ]
    });
    let note = format!(
        "Days left are medians, with the bounds that hold {} of the futures. A single step, the mean of a \
         day, and the greatest value of a day are looked at.",
        percent(report.level)
    );
    let columns = [
        "Resource",
        "Now",
        "Threshold",
        "Days left",
        "For a day",
        "At peak",
        "Likely",
        "Trend",
    ];
    table("Resources", &note, &columns, rows.collect())
}

fn changes(report: &CapacityReport) -> Option<Table> {
    let rows: Vec<Vec<String>> = report
        .resources
        .iter()
        .flat_map(|plan| {
            plan.what_if.iter().map(|changed| {
                vec![
                    plan.resource.clone(),
                    changed.change.clone(),
                    format!("x{:.3}", changed.factor),
                    days(&changed.outlook),
                    days(&plan.outlook),
                ]
            })
        })
        .collect();
    let columns = [
        "Resource",
        "Change",
        "Use",
        "Days left then",
        "Days left now",
    ];
    (!rows.is_empty()).then(|| table("What if", "", &columns, rows))
}

fn recommendations(report: &CapacityReport) -> Option<Table> {
    let rows = report.recommendations.iter();
    let rows: Vec<Vec<String>> = rows
        .map(|advice| {
            vec![
                advice.resource.clone(),
                advice.action.clone(),
                advice.because.clone(),
            ]
        })
        .collect();
    let columns = ["Resource", "Action", "Because"];
    (!rows.is_empty()).then(|| table("Recommendations", "", &columns, rows))
}

fn growth(report: &CapacityReport) -> Table {
    let rows = report.resources.iter().map(|plan| {
        let growth = &plan.growth;
        vec![
            plan.resource.clone(),
            value(plan.headroom),
            value(growth.per_day),
            value(growth.per_month),
            value(growth.forecast_per_day),
            share(growth.trend_share),
            share(growth.season_share),
            growth
                .days_at_this_rate
                .map_or_else(String::new, |days| format!("{days:.0}")),
        ]
    });
    let columns = [
        "Resource",
        "Head-room",
        "Growth a day",
        "A month",
        "Forecast a day",
        "Trend",
        "Rhythm",
        "Days at this rate",
    ];
    let note = "Trend and rhythm are shares of the variance; the rest is noise.";
    table("Growth", note, &columns, rows.collect())
}

fn models(report: &CapacityReport) -> Table {
    let rows = report.resources.iter().flat_map(|plan| {
        plan.validation.candidates.iter().map(|score| {
            let chosen = score.model == plan.model;
            let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.2}"));
            vec![
                plan.resource.clone(),
                format!(
                    "{}{}",
                    score.model.name(),
                    if chosen { " (chosen)" } else { "" }
                ),
                value(score.mae),
                number(score.r2),
                score.coverage.map_or_else(String::new, share),
                score.pinball.map_or_else(String::new, value),
            ]
        })
    });
    let note = "Forecasts from moments of the past, over the horizon or a third of the history; those \
                whose errors cannot be told apart from the least are taken together, weighted by their errors.";
    let columns = [
        "Resource",
        "Model",
        "Mean abs. error",
        "R²",
        "Coverage",
        "Pinball",
    ];
    table("Models", note, &columns, rows.collect())
}

fn settings(report: &CapacityReport) -> Vec<(String, String)> {
    let mut settings = vec![
        (
            "Horizon".to_owned(),
            format!("{:.1} days", report.horizon_days),
        ),
        ("Interval".to_owned(), percent(report.level)),
    ];
    for plan in &report.resources {
        for note in &plan.notes {
            settings.push((format!("Note on {}", plan.resource), note.clone()));
        }
    }
    let failures = report.failures.iter();
    settings.extend(failures.map(|failure| ("Not planned".to_owned(), failure.clone())));
    settings
}
