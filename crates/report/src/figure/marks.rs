//! Anomalous points, and values beyond the edges.

use std::collections::BTreeMap;

use super::{Area, TimeScale};
use crate::TimeSeriesPlot;
use crate::plot::Mark;
use crate::svg::{Anchor, Font, Px, Svg};
use crate::text;
use crate::value_axis::ValueAxis;

/// The anomalous points of a few pixels: where, from which height to which, and the worst of them.
#[derive(Clone, Copy)]
struct Cell {
    x: f64,
    top: f64,
    bottom: f64,
    peak: (f64, f64),
    score: f64,
}

/// The width of a column of cells in pixels; below that of a trail.
const COLUMN: f64 = 3.0;

/// The width of a trail in pixels.
const TRAIL: f64 = 5.0;

/// Cells whose distance is not above this many pixels are one run.
const RUN: f64 = 7.0;

/// How large the dot of a single point, or of the worst point of a run, is.
fn diameter(score: f64) -> f64 {
    match score {
        4.0.. => 12.0,
        2.0.. => 10.0,
        _ => 8.0,
    }
}

/// The cells in order, those that touch in one column as one.
fn merge(cells: BTreeMap<(i64, i64), Cell>) -> Vec<Cell> {
    let mut merged: Vec<Cell> = Vec::with_capacity(cells.len());
    let mut column = None;
    for ((here, _), cell) in cells {
        match merged.last_mut() {
            Some(above) if column == Some(here) && cell.top - above.bottom <= TRAIL => {
                above.bottom = cell.bottom;
                if cell.score > above.score {
                    above.score = cell.score;
                    above.peak = cell.peak;
                }
            }
            _ => merged.push(cell),
        }
        column = Some(here);
    }
    merged
}

/// Draws the marks: dots that are larger for higher scores. A run of many becomes a trail of
/// small dots with a large one at its worst point, so that the line stays visible.
pub(super) fn anomalies(
    svg: &mut Svg,
    plot: &TimeSeriesPlot,
    time: &TimeScale,
    axis: &ValueAxis,
    area: Area,
) {
    let mut cells: BTreeMap<(i64, i64), Cell> = BTreeMap::new();
    let visible = |mark: &&Mark| mark.at >= time.from && mark.at <= time.to && !mark.value.is_nan();
    for mark in plot.marks.iter().filter(visible) {
        let x = time.x(mark.at);
        let y = area.y(axis, mark.value).clamp(area.top, area.bottom());
        let score = if mark.score.is_nan() { 0.0 } else { mark.score };
        let cell = cells
            .entry(((x / COLUMN) as i64, (y / 12.0) as i64))
            .or_insert(Cell {
                x,
                top: y,
                bottom: y,
                peak: (x, y),
                score,
            });
        cell.top = cell.top.min(y);
        cell.bottom = cell.bottom.max(y);
        if score > cell.score {
            cell.score = score;
            cell.peak = (x, y);
        }
    }
    if cells.is_empty() {
        return;
    }
    let cells = merge(cells);
    let mut trail: Vec<&Cell> = Vec::new();
    let mut dots: Vec<&Cell> = Vec::new();
    for run in cells.chunk_by(|a, b| b.x - a.x <= RUN) {
        if run.len() <= 2 {
            dots.extend(run);
        } else {
            trail.extend(run);
            dots.extend(run.iter().max_by(|a, b| a.score.total_cmp(&b.score)));
        }
    }
    svg.put(format_args!("<g fill=\"none\" stroke-linecap=\"round\">"));
    if !trail.is_empty() {
        svg.put(format_args!(
            "<path class=\"b-anom\" stroke-width=\"{TRAIL}\" d=\""
        ));
        for cell in trail {
            let height = cell.bottom - cell.top;
            if height < 0.5 {
                svg.put(format_args!("M{} {}h0", Px(cell.x), Px(cell.top)));
            } else {
                svg.put(format_args!(
                    "M{} {}v{}",
                    Px(cell.x),
                    Px(cell.top),
                    Px(height)
                ));
            }
        }
        svg.put(format_args!("\"/>"));
    }
    for size in [8.0, 10.0, 12.0] {
        let of_size = || dots.iter().filter(|cell| diameter(cell.score) == size);
        if of_size().next().is_none() {
            continue;
        }
        for (class, extra) in [("b-halo", 3.0), ("b-anom", 0.0)] {
            let width = size + extra;
            svg.put(format_args!(
                "<path class=\"{class}\" stroke-width=\"{width}\" d=\""
            ));
            for cell in of_size() {
                svg.polyline(std::iter::once(cell.peak));
            }
            svg.put(format_args!("\"/>"));
        }
    }
    svg.put(format_args!("</g>"));
}

/// Arrows at the edges for values that lie beyond them; the farthest has its value written.
pub(super) fn beyond(
    svg: &mut Svg,
    plot: &TimeSeriesPlot,
    time: &TimeScale,
    axis: &ValueAxis,
    area: Area,
) {
    for up in [true, false] {
        let outside = |value: f64| if up { value > axis.hi } else { value < axis.lo };
        let mut columns: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for (&at, &value) in plot.timestamps.iter().zip(&plot.values) {
            if outside(value) && at >= time.from && at <= time.to {
                let x = time.x(at);
                let farthest = columns.entry((x / 14.0) as i64).or_insert((x, value));
                if value.abs() > farthest.1.abs() {
                    *farthest = (x, value);
                }
            }
        }
        let (edge, sign) = if up {
            (area.top, 1.0)
        } else {
            (area.bottom(), -1.0)
        };
        for (x, _) in columns.values() {
            svg.put(format_args!(
                "<path class=\"b-tri\" d=\"M{} {}l7 {}h-14Z\"/>",
                Px(*x),
                Px(edge),
                Px(sign * 11.0)
            ));
        }
        let farthest = columns
            .values()
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        if let Some(&(x, value)) = farthest {
            label(svg, plot, (x, edge + sign * 10.0), value, area);
        }
    }
}

fn label(svg: &mut Svg, plot: &TimeSeriesPlot, (x, y): (f64, f64), value: f64, area: Area) {
    let font = Font {
        class: "b-t",
        size: 15.0,
        bold: true,
    };
    let text = plot.unit.format(value);
    let y = y.clamp(area.top + 14.0, area.bottom() - 4.0);
    if x + 12.0 + text::bold_width(&text, font.size) < area.right() {
        svg.text(x + 12.0, y, Anchor::Start, font, &text);
    } else {
        svg.text(x - 12.0, y, Anchor::End, font, &text);
    }
}
