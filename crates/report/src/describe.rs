//! Words for those who do not see a drawing.

use bongsu_core::Timestamp;
use jiff::tz::TimeZone;

use crate::TimeSeriesPlot;
use crate::figure::Figure;
use crate::text::{TOLD, beginning};
use crate::time_axis::{zone_name, zoned};

/// What the drawing is called.
pub(crate) fn name(figure: &Figure<'_>) -> String {
    let name = match (figure.title, figure.subtitle) {
        ("", "") => figure
            .panels
            .iter()
            .map(|plot| plot.title.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        ("", text) | (text, "") => text.to_owned(),
        (title, subtitle) => format!("{title}: {subtitle}"),
    };
    beginning(&name, TOLD).into_owned()
}

/// What it shows.
pub(crate) fn figure(figure: &Figure<'_>) -> String {
    let (from, to) = figure.time_range();
    let mut text = format!(
        "From {} to {} ({}).",
        moment(from, figure.time_zone),
        moment(to, figure.time_zone),
        zone_name(figure.time_zone, from)
    );
    for plot in figure.panels {
        text.push(' ');
        if figure.titled_panels {
            text.push_str(&beginning(&plot.title, TOLD));
            text.push_str(": ");
        }
        text.push_str(&plot_text(plot));
    }
    text
}

fn plot_text(plot: &TimeSeriesPlot) -> String {
    let finite = || {
        plot.values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
    };
    let count = finite().count();
    if count == 0 {
        return "No data.".to_owned();
    }
    let (lo, hi) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), value| {
        (lo.min(value), hi.max(value))
    });
    let mut text = format!(
        "{count} {} between {} and {}",
        if count == 1 { "value" } else { "values" },
        plot.unit.format(lo),
        plot.unit.format(hi),
    );
    match plot.marks.len() {
        0 => {}
        1 => text.push_str(", 1 of them anomalous"),
        n => text.push_str(&format!(", {n} of them anomalous")),
    }
    text.push('.');
    if let Some(prospect) = &plot.prospect
        && let (Some(first), Some(last)) = (prospect.mean.first(), prospect.mean.last())
    {
        text.push_str(&format!(
            " A forecast of {} more goes from {} to {}.",
            prospect.mean.len(),
            plot.unit.format(*first),
            plot.unit.format(*last)
        ));
    }
    for span in plot.spans.iter().take(12) {
        text.push_str(&format!(" {}: {}.", span.kind.name(), span.label));
    }
    text
}

/// A moment as people write it, to the second.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(
        || format!("{at} s"),
        |at| {
            let format = if at.second() == 0 {
                "%Y-%m-%d %H:%M"
            } else {
                "%Y-%m-%d %H:%M:%S"
            };
            at.strftime(format).to_string()
        },
    )
}
