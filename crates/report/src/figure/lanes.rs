//! Spans: labelled bars in lanes above the plot, and shades behind it.

use bongsu_core::Timestamp;

use super::{Area, Look, TimeScale};
use crate::plot::{Span, SpanKind};
use crate::svg::{Anchor, Font, Px, Svg};
use crate::{TimeSeriesPlot, text};

/// At most so many bars of one kind lie above each other.
const DEPTH: usize = 3;

/// More spans than this are not told apart by anyone.
const MOST: usize = 400;

/// The spans that are visible, each with its lane.
fn assign(plot: &TimeSeriesPlot, from: Timestamp, to: Timestamp) -> (Vec<(usize, &Span)>, usize) {
    let mut placed = Vec::new();
    let mut base = 0;
    for kind in SpanKind::ALL {
        let mut spans: Vec<&Span> = plot
            .spans
            .iter()
            .filter(|span| span.kind == kind && span.from <= to && span.to >= from)
            .collect();
        spans.sort_by_key(|span| (span.from, span.to));
        let mut ends: Vec<Timestamp> = Vec::new();
        for span in spans.into_iter().take(MOST) {
            let free = ends.iter().position(|&end| end <= span.from);
            let lane = free.unwrap_or(ends.len()).min(DEPTH - 1);
            match ends.get_mut(lane) {
                Some(end) => *end = span.to.max(*end),
                None => ends.push(span.to),
            }
            placed.push((base + lane, span));
        }
        base += ends.len();
    }
    (placed, base)
}

fn lane_height(look: Look) -> f64 {
    (look.font * 1.4).round()
}

/// The height of a plot's lanes.
pub(super) fn height(plot: &TimeSeriesPlot, from: Timestamp, to: Timestamp, look: Look) -> f64 {
    let (_, lanes) = assign(plot, from, to);
    lanes as f64 * lane_height(look)
}

/// Draws the bars above `area` and the shades in it.
pub(super) fn draw(svg: &mut Svg, plot: &TimeSeriesPlot, time: &TimeScale, area: Area, look: Look) {
    let (placed, lanes) = assign(plot, time.from, time.to);
    let lane_height = lane_height(look);
    let top = area.top - lanes as f64 * lane_height;
    if placed.is_empty() {
        return;
    }
    svg.put(format_args!("<g data-part=\"spans\">"));
    for (at, &(lane, span)) in placed.iter().enumerate() {
        let x = time.x(span.from).clamp(area.left, area.right());
        let end = time.x(span.to).clamp(area.left, area.right());
        let width = (end - x).max(2.0).min(area.right() - x).max(0.0);
        let x = if width < 2.0 { area.right() - 2.0 } else { x };
        let width = width.max(2.0);
        let y = top + lane as f64 * lane_height;
        let class = span.kind.class();
        svg.put(format_args!("<g class=\"{class}\"><title>"));
        svg.escaped(&span.label);
        svg.put(format_args!("</title>"));
        svg.rect(
            "b-shade",
            x,
            y + lane_height,
            width,
            area.bottom() - y - lane_height,
        );
        svg.put(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"/>",
            Px(x),
            Px(y),
            Px(width),
            Px(lane_height - 3.0)
        ));
        svg.put(format_args!("</g>"));
        // The label goes into its bar, or behind it when there is room before the next one.
        let size = look.font * 0.94;
        let baseline = y + (lane_height - 3.0) / 2.0 + size * 0.36;
        let pad = look.font * 0.4;
        let font = |class| Font {
            class,
            size,
            bold: false,
        };
        let full = text::width(&span.label, size);
        let next = placed
            .iter()
            .skip(at + 1)
            .find(|&&(other, _)| other == lane)
            .map_or(area.right(), |(_, next)| {
                time.x(next.from).min(area.right())
            });
        if full + pad * 2.0 <= width {
            svg.text(x + pad, baseline, Anchor::Start, font("b-on"), &span.label);
        } else if next - x - width - pad * 2.0 > width - pad * 2.0 {
            let label = text::ellipsize(&span.label, next - x - width - pad * 2.0, size);
            svg.text(
                x + width + pad,
                baseline,
                Anchor::Start,
                font("b-t"),
                &label,
            );
        } else {
            let label = text::ellipsize(&span.label, width - pad * 2.0, size);
            svg.text(x + pad, baseline, Anchor::Start, font("b-on"), &label);
        }
    }
    svg.put(format_args!("</g>"));
}
