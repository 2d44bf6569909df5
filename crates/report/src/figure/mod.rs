//! Laying out and drawing plots.

mod axes;
mod data;
mod header;
mod lanes;
mod marks;

use bongsu_core::Timestamp;
use jiff::tz::TimeZone;

use crate::svg::{Anchor, Font, Px, Svg};
use crate::text;
use crate::theme::{self, Theme};
use crate::value_axis::ValueAxis;
use crate::{TimeSeriesPlot, describe};

/// The longest side of a drawing in pixels, so that a PNG fits into memory.
pub(crate) const MAX_SIDE: u32 = 8_000;

/// Plots to be drawn on one sheet.
pub(crate) struct Figure<'a> {
    pub(crate) title: &'a str,
    pub(crate) subtitle: &'a str,
    pub(crate) panels: &'a [&'a TimeSeriesPlot],
    /// Whether each panel has its own title line.
    pub(crate) titled_panels: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The size of ordinary text.
    pub(crate) font: f64,
    /// The colours; `None` leaves them to the page that the drawing is part of.
    pub(crate) theme: Option<Theme>,
    pub(crate) time_zone: &'a TimeZone,
    /// Unique among the drawings of a page.
    pub(crate) id: &'a str,
}

/// The shared horizontal axis.
#[derive(Clone, Copy)]
pub(crate) struct TimeScale {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    left: f64,
    width: f64,
}

impl TimeScale {
    pub(crate) fn x(&self, at: Timestamp) -> f64 {
        let span = self.to.as_millis() as f64 - self.from.as_millis() as f64;
        let share = (at.as_millis() as f64 - self.from.as_millis() as f64) / span;
        // Far outside is as good as very far outside.
        self.left + share.clamp(-8.0, 9.0) * self.width
    }
}

/// Where the data of one panel go.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Area {
    pub(crate) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub(crate) fn y(&self, axis: &ValueAxis, value: f64) -> f64 {
        self.bottom() - axis.position(value) * self.height
    }
}

/// Sizes that follow from the size of ordinary text.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) font: f64,
    pub(crate) muted: Font,
    pub(crate) strong: Font,
    pub(crate) title: Font,
    pub(crate) pad: f64,
}

impl Look {
    pub(crate) fn new(font: f64) -> Self {
        let text = |class, size, bold| Font { class, size, bold };
        Self {
            font,
            muted: text("b-m", font, false),
            strong: text("b-t", font, true),
            title: text("b-t", font * 1.4, true),
            pad: font,
        }
    }
}

impl Figure<'_> {
    /// The drawing as an SVG element.
    pub(crate) fn draw(&self) -> String {
        let width = f64::from(self.width.clamp(240, MAX_SIDE));
        let height = f64::from(self.height.clamp(160, MAX_SIDE));
        let mut svg = Svg::default();
        self.open(&mut svg, width, height, &describe::figure(self));
        self.content(&mut svg, width, height);
        svg.put(format_args!("</svg>"));
        svg.finish()
    }

    /// Everything within the element, from its top on.
    pub(crate) fn content(&self, svg: &mut Svg, width: f64, height: f64) {
        let look = Look::new(self.font.min(width / 15.0));
        let shared = self.time_range();
        let mut y = header::draw(svg, self, look, width);

        // Heights first: what is left after titles and lanes is shared evenly.
        let ranges: Vec<(Timestamp, Timestamp)> = self
            .panels
            .iter()
            .map(|plot| own_range(plot, shared))
            .collect();
        let heads: Vec<f64> = self
            .panels
            .iter()
            .zip(&ranges)
            .map(|(plot, &(from, to))| {
                let title = if self.titled_panels {
                    look.font * 1.75
                } else {
                    0.0
                };
                title + lanes::height(plot, from, to, look)
            })
            .collect();
        let feet: Vec<f64> = (0..heads.len()).map(|i| self.foot(i, look)).collect();
        let around = heads.iter().chain(&feet).sum::<f64>();
        let gap = look.font * 1.1;
        let gaps = gap * heads.len().saturating_sub(1) as f64;
        let spare = height - y - around - gaps;
        let shares: f64 = self.panels.iter().map(|plot| plot.share).sum();
        let heights: Vec<f64> = self
            .panels
            .iter()
            .map(|plot| (spare * plot.share / shares).max(look.font * 2.0))
            .collect();

        let axes: Vec<Option<ValueAxis>> = self
            .panels
            .iter()
            .zip(ranges.iter().zip(&heights))
            .map(|(plot, (&(from, to), height))| {
                let range = data::value_range(plot, from, to)?;
                let ticks = height / (look.font * 2.9);
                Some(ValueAxis::new(range, &plot.unit, ticks))
            })
            .collect();
        let margin = axes
            .iter()
            .flatten()
            .flat_map(|axis| &axis.ticks)
            .map(|(_, label)| text::width(label, look.font))
            .fold(look.font, f64::max);
        let left = (look.pad + margin + look.font * 0.6).min(width * 0.4);
        let rows = self.panels.iter().zip(&axes).zip(ranges);
        let sizes = heads.iter().zip(&feet).zip(heights);
        for (i, (((plot, axis), (from, to)), ((head, foot), height))) in rows.zip(sizes).enumerate()
        {
            let time = TimeScale {
                from,
                to,
                left,
                width: width - left - look.pad * 1.2,
            };
            let area = Area {
                left,
                top: y + head,
                width: time.width,
                height,
            };
            if self.titled_panels {
                let room = area.width;
                let title = text::ellipsize(&plot.title, room / 1.13, look.font);
                svg.text(left, y + look.font, Anchor::Start, look.strong, &title);
                panel_subtitle(svg, plot, look, (left, y + look.font, room));
            }
            let ticks = axes::grid(svg, self, plot, &time, axis.as_ref(), area, look);
            lanes::draw(svg, plot, &time, area, look);
            match axis {
                Some(axis) => data::draw(svg, plot, &time, axis, area, (self.id, i)),
                None => svg.text(
                    area.left + area.width / 2.0,
                    area.top + area.height / 2.0 + look.font * 0.35,
                    Anchor::Middle,
                    look.muted,
                    "no data",
                ),
            }
            axes::values(svg, plot, axis.as_ref(), area, look);
            if *foot > 0.0 {
                axes::times(svg, self, &ticks, &time, area, look);
            }
            y = area.bottom() + foot + gap;
        }
    }

    /// Begins an element of this size; `words` tell what it shows.
    pub(crate) fn open(&self, svg: &mut Svg, width: f64, height: f64, words: &str) {
        let id = self.id;
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\"",
            w = Px(width),
            h = Px(height),
        ));
        if self.theme.is_some() {
            svg.put(format_args!(
                " width=\"{}\" height=\"{}\" font-family=\"'DejaVu Sans',Verdana,sans-serif\"",
                Px(width),
                Px(height)
            ));
        }
        svg.put(format_args!("><title id=\"{id}-t\">"));
        svg.escaped(&describe::name(self));
        svg.put(format_args!("</title><desc id=\"{id}-d\">"));
        svg.escaped(words);
        svg.put(format_args!("</desc>"));
        if let Some(theme) = self.theme {
            svg.put(format_args!("<style>{}</style>", theme::css(theme)));
            svg.rect("b-bg", 0.0, 0.0, width, height);
        }
    }

    /// The room for a time axis below the panel `i`: below the last of those that share one, and
    /// below each that has its own.
    fn foot(&self, i: usize, look: Look) -> f64 {
        let turns = |i: usize| self.panels.get(i).map(|plot| plot.turn);
        match (turns(i), turns(i + 1)) {
            (Some(true), _) => look.font * 2.0,
            (_, Some(false)) => 0.0,
            _ if self.has_time() => look.font * 3.3,
            _ => look.font,
        }
    }

    fn has_time(&self) -> bool {
        self.panels.iter().any(|plot| plot.time_range().is_some())
    }

    /// The time shown: all that the panels cover, and never nothing.
    pub(crate) fn time_range(&self) -> (Timestamp, Timestamp) {
        let turns = self.panels.iter().all(|plot| plot.turn);
        let shared = self.panels.iter().filter(move |plot| turns || !plot.turn);
        let ranges = || shared.clone().filter_map(|plot| plot.time_range());
        let from = ranges().map(|(from, _)| from).min().unwrap_or_default();
        let to = ranges().map(|(_, to)| to).max().unwrap_or_default();
        if to > from {
            (from, to)
        } else {
            (from.add_millis(-60_000), from.add_millis(60_000))
        }
    }
}

/// The time that a panel shows: its own, or the `shared` one.
fn own_range(plot: &TimeSeriesPlot, shared: (Timestamp, Timestamp)) -> (Timestamp, Timestamp) {
    let own = plot
        .time_range()
        .filter(|(from, to)| plot.turn && from < to);
    own.unwrap_or(shared)
}

/// Writes a panel's subtitle behind its title.
fn panel_subtitle(
    svg: &mut Svg,
    plot: &TimeSeriesPlot,
    look: Look,
    (left, baseline, room): (f64, f64, f64),
) {
    let used = text::bold_width(&plot.title, look.font) + look.font;
    let subtitle = text::ellipsize(&plot.subtitle, room - used, look.font);
    if !subtitle.is_empty() {
        svg.text(left + used, baseline, Anchor::Start, look.muted, &subtitle);
    }
}
