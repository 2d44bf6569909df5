//! Grid lines and axis labels.

use super::{Area, Figure, Look, TimeScale};
use crate::svg::{Anchor, Font, Svg};
use crate::time_axis::{self, TimeTick};
use crate::value_axis::ValueAxis;
use crate::{TimeSeriesPlot, text};

/// Draws the grid behind the data and gives the ticks of the time axis.
pub(super) fn grid(
    svg: &mut Svg,
    figure: &Figure<'_>,
    plot: &TimeSeriesPlot,
    time: &TimeScale,
    axis: Option<&ValueAxis>,
    area: Area,
    look: Look,
) -> Vec<TimeTick> {
    let width = area.width / look.font;
    let ticks = if plot.turn {
        time_axis::turn_ticks(time.from, time.to, figure.time_zone, width)
    } else if figure.has_time() {
        time_axis::ticks(time.from, time.to, figure.time_zone, width)
    } else {
        Vec::new()
    };
    svg.put(format_args!("<g shape-rendering=\"crispEdges\">"));
    svg.put(format_args!("<g data-part=\"grid\">"));
    for (i, tick) in ticks.iter().enumerate() {
        let x = time.x(tick.at);
        // A new day stands out; the first tick names a day without starting one.
        let class = if i > 0 && tick.context.is_some() {
            "b-day"
        } else {
            "b-grid"
        };
        svg.line(class, (x, area.top), (x, area.bottom()));
    }
    svg.put(format_args!("</g>"));
    for (value, _) in axis.iter().flat_map(|axis| &axis.ticks) {
        let y = axis.map_or(area.bottom(), |axis| area.y(axis, *value));
        let class = if *value == 0.0 { "b-axis" } else { "b-grid" };
        svg.line(class, (area.left, y), (area.right(), y));
    }
    svg.line(
        "b-axis",
        (area.left, area.bottom()),
        (area.right(), area.bottom()),
    );
    svg.put(format_args!("</g>"));
    ticks
}

/// Writes the labels of the value axis.
pub(super) fn values(
    svg: &mut Svg,
    plot: &TimeSeriesPlot,
    axis: Option<&ValueAxis>,
    area: Area,
    look: Look,
) {
    let Some(axis) = axis else { return };
    for (value, label) in &axis.ticks {
        let y = area.y(axis, *value) + look.font * 0.36;
        let x = area.left - look.font * 0.6;
        svg.text(x, y, Anchor::End, look.muted, label);
    }
    if let Some(name) = plot.unit.name() {
        let name = text::ellipsize(name, area.width * 0.4, look.font);
        let font = Font {
            class: "b-m b-cap",
            ..look.muted
        };
        svg.text(
            area.left + look.font * 0.4,
            area.top + look.font * 1.05,
            Anchor::Start,
            font,
            &name,
        );
    }
}

/// Writes the labels of the time axis, and the name of the time zone.
pub(super) fn times(
    svg: &mut Svg,
    figure: &Figure<'_>,
    ticks: &[TimeTick],
    time: &TimeScale,
    area: Area,
    look: Look,
) {
    if ticks.is_empty() {
        return;
    }
    svg.put(format_args!("<g data-part=\"times\">"));
    labels(svg, figure, ticks, time, area, look);
    svg.put(format_args!("</g>"));
}

fn labels(
    svg: &mut Svg,
    figure: &Figure<'_>,
    ticks: &[TimeTick],
    time: &TimeScale,
    area: Area,
    look: Look,
) {
    let right = area.right();
    let first_line = area.bottom() + look.font * 1.4;
    let second_line = first_line + look.font * 1.25;
    let mut free = 0.0;
    for tick in ticks {
        let half = text::width(&tick.label, look.font) / 2.0;
        let x = time.x(tick.at).min(right + look.pad - half);
        if x - half >= free {
            svg.text(x, first_line, Anchor::Middle, look.muted, &tick.label);
            free = x + half + look.font * 0.4;
        }
    }
    if ticks.iter().all(|tick| tick.context.is_none()) {
        return;
    }
    let zone = time_axis::zone_name(figure.time_zone, time.from);
    let zone_left = right - text::width(&zone, look.font);
    svg.text(right, second_line, Anchor::End, look.muted, &zone);

    // Days from the right, so that the first one, which may be a mere fraction, gives way.
    let mut limit = zone_left - look.font;
    for tick in ticks.iter().rev() {
        let Some(context) = &tick.context else {
            continue;
        };
        let half = text::bold_width(context, look.font) / 2.0;
        let x = time.x(tick.at).max(half + look.pad).min(limit - half);
        if x < half || time.x(tick.at) - x > half * 2.0 {
            continue;
        }
        svg.text(x, second_line, Anchor::Middle, look.strong, context);
        limit = x - half - look.font * 0.8;
    }
}
