//! Title, subtitle and legend.

use std::borrow::Cow;

use super::{Figure, Look};
use crate::plot::Prospect;
use crate::plot::SpanKind;
use crate::svg::{Anchor, Px, Svg};
use crate::text;

#[derive(Clone, Copy, PartialEq)]
enum Swatch {
    Line,
    Expected,
    Band,
    Fitted,
    Forecast,
    /// So many intervals lie above one another there.
    Interval(usize),
    Anomaly,
    Limit,
    Span(SpanKind),
}

/// Draws the header and gives the height that it takes.
pub(super) fn draw(svg: &mut Svg, figure: &Figure<'_>, look: Look, width: f64) -> f64 {
    let left = look.pad;
    let right = width - look.pad * 1.2;
    let items = legend(figure);
    let legend_width: f64 =
        items.iter().map(|item| item_width(item, look)).sum::<f64>() - look.font;
    let mut y = look.pad * 0.9;
    let mut placed = items.is_empty();

    if !figure.title.is_empty() {
        let size = look.title.size;
        y += size;
        let title = text::ellipsize(figure.title, (right - left) / 1.13, size);
        svg.text(left, y, Anchor::Start, look.title, &title);
        let used = text::bold_width(&title, size);
        if !placed && left + used + look.font * 2.0 + legend_width <= right {
            row(svg, &items, look, right - legend_width, y - size * 0.08);
            placed = true;
        }
        y += size * 0.45;
    }
    if !figure.subtitle.is_empty() {
        y += look.font * 1.05;
        let used = text::width(figure.subtitle, look.font);
        let beside = !placed && left + used + look.font * 2.0 + legend_width <= right;
        if beside {
            row(svg, &items, look, right - legend_width, y);
            placed = true;
        }
        let room = right - left;
        let subtitle = text::ellipsize(figure.subtitle, room, look.font);
        svg.text(left, y, Anchor::Start, look.muted, &subtitle);
        y += look.font * 0.55;
    }
    if !placed {
        for line in wrap(&items, look, right - left) {
            y += look.font * 1.25;
            row(svg, line, look, left, y);
            y += look.font * 0.35;
        }
    }
    y + look.font * 0.7
}

fn legend(figure: &Figure<'_>) -> Vec<Item> {
    let any = |test: &dyn Fn(&crate::TimeSeriesPlot) -> bool| figure.panels.iter().any(|p| test(p));
    let has = |values: &[f64]| values.iter().any(|value| !value.is_nan());
    let mut items = Vec::new();
    let band = any(&|plot| plot.band.is_some());
    let spans = |kind| any(&|plot| plot.spans.iter().any(|span| span.kind == kind));
    let marks = any(&|plot| !plot.marks.is_empty());
    let fitted = any(&|plot| has(&plot.fitted));
    let prospects = || {
        figure
            .panels
            .iter()
            .filter_map(|plot| plot.prospect.as_ref())
    };
    let coming = prospects().next().is_some();
    if band || marks || fitted || coming || SpanKind::ALL.into_iter().any(spans) {
        items.push((Swatch::Line, "observed".into()));
    }
    if any(&|plot| plot.band.as_ref().is_some_and(|band| has(&band.expected))) {
        items.push((Swatch::Expected, "expected".into()));
    }
    if any(&|plot| {
        plot.band
            .as_ref()
            .is_some_and(|band| has(&band.lower) || has(&band.upper))
    }) {
        items.push((Swatch::Band, "normal range".into()));
    }
    if fitted {
        items.push((Swatch::Fitted, "fitted".into()));
    }
    if coming {
        items.push((Swatch::Forecast, "forecast".into()));
    }
    let intervals = prospects().max_by_key(|prospect| prospect.intervals.len());
    items.extend(intervals.into_iter().flat_map(interval_items));
    if marks {
        items.push((Swatch::Anomaly, "anomaly".into()));
    }
    let limits = figure.panels.iter().filter_map(|plot| plot.limit.as_ref());
    if let Some((name, _)) = limits.into_iter().next() {
        items.push((Swatch::Limit, Cow::Owned(name.clone())));
    }
    for kind in SpanKind::ALL {
        if spans(kind) {
            items.push((Swatch::Span(kind), kind.name().into()));
        }
    }
    items
}

/// The intervals of a forecast, the narrowest first.
fn interval_items(prospect: &Prospect) -> Vec<Item> {
    let intervals = prospect.intervals.iter().enumerate().rev();
    let item = |(i, interval): (usize, &crate::plot::Interval)| {
        (Swatch::Interval(i + 1), Cow::Owned(interval.name.clone()))
    };
    intervals.map(item).collect()
}

/// A swatch and its name.
type Item = (Swatch, Cow<'static, str>);

const SWATCH: f64 = 1.5;
const SPACE: f64 = 0.45;

fn item_width((_, name): &Item, look: Look) -> f64 {
    text::width(name, look.font) + look.font * (SWATCH + SPACE + 1.0)
}

/// The items cut into rows that fit.
fn wrap(items: &[Item], look: Look, room: f64) -> Vec<&[Item]> {
    let mut used = 0.0;
    items
        .chunk_by(|before, after| {
            used += item_width(before, look);
            let fits = used + item_width(after, look) - look.font <= room;
            if !fits {
                used = 0.0;
            }
            fits
        })
        .collect()
}

fn row(svg: &mut Svg, items: &[Item], look: Look, mut x: f64, baseline: f64) {
    let middle = baseline - look.font * 0.35;
    for item in items {
        let size = look.font * SWATCH;
        swatch(svg, item.0, (x, middle), size, look);
        let at = x + size + look.font * SPACE;
        svg.text(at, baseline, Anchor::Start, look.muted, &item.1);
        x += item_width(item, look);
    }
}

fn swatch(svg: &mut Svg, swatch: Swatch, (x, y): (f64, f64), size: f64, look: Look) {
    let stroke = |svg: &mut Svg, class: &str, width: f64, dash: &str| {
        svg.put(format_args!(
            "<path class=\"{class}\" d=\"M{} {}h{}\" stroke-width=\"{width}\"{dash}/>",
            Px(x),
            Px(y),
            Px(size)
        ));
    };
    match swatch {
        Swatch::Line => stroke(svg, "b-line", 2.6, ""),
        Swatch::Expected => stroke(svg, "b-exp", 1.6, " stroke-dasharray=\"6 4\""),
        Swatch::Fitted => stroke(svg, "b-exp", 1.0, ""),
        Swatch::Forecast => stroke(svg, "b-fc", 2.6, ""),
        Swatch::Interval(layers) => {
            for _ in 0..layers {
                svg.rect("b-int", x, y - look.font * 0.4, size, look.font * 0.8);
            }
        }
        Swatch::Limit => stroke(svg, "b-anom", 2.0, " stroke-dasharray=\"8 4\""),
        Swatch::Band => svg.rect("b-band", x, y - look.font * 0.4, size, look.font * 0.8),
        Swatch::Anomaly => svg.put(format_args!(
            "<path class=\"b-anom\" d=\"M{} {}h0\" stroke-width=\"{}\" stroke-linecap=\"round\"/>",
            Px(x + size / 2.0),
            Px(y),
            Px(look.font * 0.65)
        )),
        Swatch::Span(kind) => {
            svg.rect(kind.class(), x, y - look.font * 0.3, size, look.font * 0.6);
        }
    }
}
