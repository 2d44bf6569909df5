//! The series itself: band, expected values, line and marks.

use bongsu_core::Timestamp;

use super::{Area, TimeScale, marks};
use crate::TimeSeriesPlot;
use crate::downsample::{self, Point};
use crate::plot::{Prospect, max_step};
use crate::svg::{Px, Svg};
use crate::value_axis::{RangeFinder, ValueAxis};

/// The range of values to show between two moments; `None` when there is nothing to show.
pub(super) fn value_range(
    plot: &TimeSeriesPlot,
    from: Timestamp,
    to: Timestamp,
) -> Option<(f64, f64)> {
    let start = plot.timestamps.partition_point(|&at| at < from);
    let count = plot
        .timestamps
        .partition_point(|&at| at <= to)
        .saturating_sub(start);
    let window =
        |values: &[f64]| -> Vec<f64> { values.iter().skip(start).take(count).copied().collect() };
    let mut finder = RangeFinder::default();
    finder.values(window(&plot.values).into_iter());
    let marks = plot
        .marks
        .iter()
        .filter(|mark| mark.at >= from && mark.at <= to);
    finder.values(marks.map(|mark| mark.value));
    if let Some(band) = &plot.band {
        finder.band(
            window(&band.lower)
                .into_iter()
                .chain(window(&band.expected)),
            window(&band.upper)
                .into_iter()
                .chain(window(&band.expected)),
        );
    }
    if let Some(prospect) = &plot.prospect {
        // A forecast that starts after what is shown says nothing about it.
        let coming = prospect.timestamps.first().is_some_and(|&at| at <= to);
        for interval in prospect.intervals.iter().filter(|_| coming) {
            finder.prospect(&interval.lower, &interval.upper);
        }
        finder.values(prospect.mean.iter().copied().filter(|_| coming));
    }
    if let Some((_, limit)) = &plot.limit {
        finder.values([*limit].into_iter());
    }
    finder.range()
}

/// Draws the data of `plot`, clipped to `area`. `id` and `index` name the clip.
pub(super) fn draw(
    svg: &mut Svg,
    plot: &TimeSeriesPlot,
    time: &TimeScale,
    axis: &ValueAxis,
    area: Area,
    (id, index): (&str, usize),
) {
    svg.put(format_args!(
        "<clipPath id=\"{id}-c{index}\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/></clipPath>\
         <g clip-path=\"url(#{id}-c{index})\" data-area=\"{x} {y} {w} {h}\" fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\">",
        x = Px(area.left),
        y = Px(area.top),
        w = Px(area.width),
        h = Px(area.height),
    ));
    let frame = Frame { time, axis, area };
    let times = &plot.timestamps;
    if let Some(band) = &plot.band {
        frame.between(svg, "b-band", times, &band.lower, &band.upper);
    }
    if let Some(prospect) = &plot.prospect {
        frame.before_and_after(svg, plot, prospect);
    }
    let pieces = frame.polyline(times, &plot.values);
    path(svg, "b-line", "stroke-width=\"2\"", &pieces);
    if !plot.fitted.is_empty() {
        let pieces = frame.polyline(times, &plot.fitted);
        path(svg, "b-exp", "stroke-width=\"1\"", &pieces);
    }
    if let Some(prospect) = &plot.prospect {
        let pieces = frame.polyline(&prospect.timestamps, &prospect.mean);
        path(svg, "b-fc", "stroke-width=\"2.2\"", &pieces);
    }
    if let Some(band) = &plot.band {
        let pieces = frame.polyline(times, &band.expected);
        path(
            svg,
            "b-exp",
            "stroke-width=\"1.6\" stroke-dasharray=\"6 5\"",
            &pieces,
        );
    }
    if let Some((_, limit)) = &plot.limit {
        svg.put(format_args!(
            "<path class=\"b-anom\" d=\"M{} {}h{}\" stroke-width=\"2\" stroke-dasharray=\"12 6\"/>",
            Px(area.left),
            Px(area.y(axis, *limit)),
            Px(area.width)
        ));
    }
    svg.put(format_args!("</g>"));
    svg.put(format_args!("<g data-part=\"marks\">"));
    marks::anomalies(svg, plot, time, axis, area);
    marks::beyond(svg, plot, time, axis, area);
    svg.put(format_args!("</g>"));
}

/// Where values over time are drawn.
struct Frame<'a> {
    time: &'a TimeScale,
    axis: &'a ValueAxis,
    area: Area,
}

impl Frame<'_> {
    /// Draws the area between two lines.
    fn between(
        &self,
        svg: &mut Svg,
        class: &str,
        times: &[Timestamp],
        lower: &[f64],
        upper: &[f64],
    ) {
        let edges = lower.iter().zip(upper).map(|(&lower, &upper)| {
            if lower.is_nan() && upper.is_nan() {
                return None;
            }
            // A missing edge is no bound on that side.
            let lower = if lower.is_nan() {
                f64::NEG_INFINITY
            } else {
                lower
            };
            let upper = if upper.is_nan() { f64::INFINITY } else { upper };
            Some((self.area.y(self.axis, upper), self.area.y(self.axis, lower)))
        });
        let edges = self.placed(times, edges);
        let pieces = downsample::area(edges.map(|edge| edge.map(|(x, (a, b))| (x, a, b))));
        if pieces.is_empty() {
            return;
        }
        svg.put(format_args!("<path class=\"{class}\" stroke=\"none\" d=\""));
        for mut piece in pieces {
            if let &[(x, a, b)] = piece.as_slice() {
                piece = vec![(x - 1.0, a, b), (x + 1.0, a, b)];
            }
            let upper = piece.iter().map(|&(x, a, _)| (x, a));
            let lower = piece.iter().rev().map(|&(x, _, b)| (x, b));
            svg.polyline(upper.chain(lower));
            svg.put(format_args!("Z"));
        }
        svg.put(format_args!("\"/>"));
    }

    /// Draws the intervals of a forecast, the wide ones below the narrow ones, and a line between
    /// what was and what is to come.
    fn before_and_after(&self, svg: &mut Svg, plot: &TimeSeriesPlot, prospect: &Prospect) {
        for interval in &prospect.intervals {
            let (lower, upper) = (&interval.lower, &interval.upper);
            self.between(svg, "b-int", &prospect.timestamps, lower, upper);
        }
        if let Some(&last) = plot.timestamps.last() {
            let x = self.time.x(last);
            let (top, bottom) = (self.area.top, self.area.bottom());
            svg.put(format_args!(
                "<path class=\"b-axis\" stroke-dasharray=\"3 4\" d=\"M{} {}V{}\"/>",
                Px(x),
                Px(top),
                Px(bottom)
            ));
        }
    }

    /// Points with their horizontal place; `None` for gaps, also where time has a hole.
    fn placed<'a, T: 'a>(
        &'a self,
        times: &'a [Timestamp],
        values: impl Iterator<Item = Option<T>> + 'a,
    ) -> impl Iterator<Item = Option<(f64, T)>> + 'a {
        let max_step = max_step(times);
        let time = self.time;
        // One point beyond each end leads the line to the edge.
        let start = times
            .partition_point(|&at| at < time.from)
            .saturating_sub(1);
        let end = times.partition_point(|&at| at <= time.to).saturating_add(1);
        let mut previous: Option<Timestamp> = None;
        times
            .iter()
            .copied()
            .zip(values)
            .skip(start)
            .take(end - start)
            .flat_map(move |(at, value)| {
                let hole = previous.is_some_and(|before| at.millis_since(before) > max_step);
                previous = Some(at);
                let point = value.map(|value| (time.x(at), value));
                [hole.then_some(None), Some(point)].into_iter().flatten()
            })
    }

    fn polyline(&self, times: &[Timestamp], values: &[f64]) -> Vec<Vec<Point>> {
        let heights = values
            .iter()
            .map(|&value| (!value.is_nan()).then(|| self.area.y(self.axis, value)));
        downsample::line(self.placed(times, heights))
    }
}

fn path(svg: &mut Svg, class: &str, style: &str, pieces: &[Vec<Point>]) {
    let (dots, lines): (Vec<_>, Vec<_>) = pieces.iter().partition(|piece| piece.len() == 1);
    // A point without neighbours would be lost as a dot of the line's width.
    for (pieces, style) in [(lines, style), (dots, "stroke-width=\"4.5\"")] {
        if pieces.is_empty() {
            continue;
        }
        svg.put(format_args!("<path class=\"{class}\" {style} d=\""));
        for piece in pieces {
            svg.polyline(piece.iter().copied());
        }
        svg.put(format_args!("\"/>"));
    }
}
