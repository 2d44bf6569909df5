use std::fmt;

use crate::figure::{Area, Look};
use crate::svg::{Anchor, Px, Svg};
use crate::value_axis::{RangeFinder, ValueAxis};
use crate::{Theme, Unit, text, theme};

/// A plot of numbers that are counted from 1 rather than observed in time, such as the losses of a
/// training over its epochs.
///
/// ```
/// use bongsu_report::CurvePlot;
/// let plot = CurvePlot::new("Training", "epoch")
///     .line("training", vec![0.9, 0.5, 0.4])
///     .line("held back", vec![0.95, 0.6, 0.62])
///     .mark(2, "kept");
/// let svg = plot.to_svg();
/// assert!(svg.starts_with("<svg") && svg.contains("held back") && svg.contains("kept"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePlot {
    title: String,
    subtitle: String,
    count_of: String,
    lines: Vec<(String, Vec<f64>)>,
    mark: Option<(usize, String)>,
    theme: Theme,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const FONT: f64 = 16.0;

/// The looks of the lines, in turn.
const CLASSES: [&str; 3] = ["b-line", "b-fc", "b-exp"];

impl CurvePlot {
    /// A plot without lines; `count_of` is what is counted, such as `epoch`.
    #[must_use]
    pub fn new(title: impl Into<String>, count_of: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            subtitle: String::new(),
            count_of: count_of.into(),
            lines: Vec::new(),
            mark: None,
            theme: Theme::Light,
        }
    }

    /// A line below the title.
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// Adds a line through `values`, the first at 1. A value that is not finite leaves a hole.
    #[must_use]
    pub fn line(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        self.lines.push((name.into(), values));
        self
    }

    /// Marks a place, counted from 1.
    #[must_use]
    pub fn mark(mut self, at: usize, label: impl Into<String>) -> Self {
        self.mark = Some((at, label.into()));
        self
    }

    /// The colours. Default: light.
    #[must_use]
    pub const fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// The drawing as a standalone SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let look = Look::new(FONT);
        let mut svg = Svg::default();
        self.open(&mut svg);
        let room = WIDTH - 2.0 * look.pad;
        let title = text::ellipsize(&self.title, room / 1.6, look.title.size);
        svg.text(look.pad, 2.0 * FONT, Anchor::Start, look.title, &title);
        let subtitle = text::ellipsize(&self.subtitle, room / 2.0, FONT);
        svg.text(look.pad, 3.5 * FONT, Anchor::Start, look.muted, &subtitle);
        self.legend(&mut svg, look);

        let top = 4.6 * FONT;
        let height = HEIGHT - top - 3.4 * FONT;
        let axis = self.axis(height);
        let labels = axis.iter().flat_map(|axis| &axis.ticks);
        let margin = labels.map(|(_, label)| text::width(label, FONT));
        let left = look.pad + margin.fold(FONT, f64::max) + 0.6 * FONT;
        let width = WIDTH - left - 1.2 * look.pad;
        let area = Area {
            left,
            top,
            width,
            height,
        };
        match &axis {
            Some(axis) => self.draw(&mut svg, axis, area, look),
            None => svg.text(
                area.left + area.width / 2.0,
                area.top + area.height / 2.0,
                Anchor::Middle,
                look.muted,
                "no data",
            ),
        }
        svg.put(format_args!("</svg>"));
        svg.finish()
    }

    /// The drawing as a PNG file, with a bundled font.
    ///
    /// # Errors
    /// When the drawing cannot be turned into pixels, which would be a defect of this crate.
    #[cfg(feature = "png")]
    pub fn to_png(&self) -> Result<Vec<u8>, crate::Error> {
        crate::png::render(&self.to_svg())
    }

    fn open(&self, svg: &mut Svg) {
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"c-t c-d\" width=\"{w}\" height=\"{h}\" \
             font-family=\"'DejaVu Sans',Verdana,sans-serif\"><title id=\"c-t\">",
            w = Px(WIDTH),
            h = Px(HEIGHT),
        ));
        svg.escaped(&self.title);
        svg.put(format_args!("</title><desc id=\"c-d\">"));
        svg.escaped(&self.to_string());
        svg.put(format_args!(
            "</desc><style>{}</style>",
            theme::css(self.theme)
        ));
        svg.rect("b-bg", 0.0, 0.0, WIDTH, HEIGHT);
    }

    /// The names of the lines, from the right.
    fn legend(&self, svg: &mut Svg, look: Look) {
        let mut right = WIDTH - 1.2 * look.pad;
        let lines: Vec<_> = self.lines.iter().zip(CLASSES.iter().cycle()).collect();
        for ((name, _), class) in lines.into_iter().rev() {
            let name = text::ellipsize(name, 12.0 * FONT, FONT);
            svg.text(right, 3.5 * FONT, Anchor::End, look.muted, &name);
            let from = right - text::width(&name, FONT) - 2.2 * FONT;
            svg.put(format_args!(
                "<path class=\"{class}\" fill=\"none\" stroke-width=\"2.5\" d=\"M{} {y}h{}\"/>",
                Px(from),
                Px(1.6 * FONT),
                y = Px(3.15 * FONT)
            ));
            right = from - 1.2 * FONT;
        }
    }

    fn axis(&self, height: f64) -> Option<ValueAxis> {
        let mut finder = RangeFinder::default();
        for (_, values) in &self.lines {
            finder.values(values.iter().copied());
        }
        let range = finder.range()?;
        Some(ValueAxis::new(range, &Unit::Plain, height / (FONT * 2.9)))
    }

    fn count(&self) -> usize {
        let lengths = self.lines.iter().map(|(_, values)| values.len());
        lengths.max().unwrap_or(0)
    }

    fn draw(&self, svg: &mut Svg, axis: &ValueAxis, area: Area, look: Look) {
        let count = self.count();
        let x = |at: usize| {
            let part = (at as f64 - 1.0) / (count.max(2) - 1) as f64;
            area.left + part * area.width
        };
        for (value, label) in &axis.ticks {
            let y = area.y(axis, *value);
            svg.line("b-grid", (area.left, y), (area.right(), y));
            let left = area.left - 0.6 * FONT;
            svg.text(left, y + 0.36 * FONT, Anchor::End, look.muted, label);
        }
        let bottom = area.bottom();
        svg.line("b-axis", (area.left, bottom), (area.right(), bottom));
        for at in (1..=count).filter(|at| (at - 1) % step(count) == 0) {
            let label = at.to_string();
            svg.text(
                x(at),
                bottom + 1.4 * FONT,
                Anchor::Middle,
                look.muted,
                &label,
            );
        }
        let below = bottom + 2.7 * FONT;
        svg.text(area.right(), below, Anchor::End, look.muted, &self.count_of);
        if let Some((at, label)) = self
            .mark
            .as_ref()
            .filter(|(at, _)| (1..=count).contains(at))
        {
            svg.line("b-day", (x(*at), area.top), (x(*at), bottom));
            let (side, place) = if 2 * at > count {
                (Anchor::End, -0.4)
            } else {
                (Anchor::Start, 0.4)
            };
            svg.text(
                x(*at) + place * FONT,
                area.top + FONT,
                side,
                look.muted,
                label,
            );
        }
        svg.put(format_args!(
            "<clipPath id=\"c-c\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/></clipPath>\
             <g clip-path=\"url(#c-c)\" fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\">",
            x = Px(area.left - 4.0),
            y = Px(area.top),
            w = Px(area.width + 8.0),
            h = Px(area.height + 4.0),
        ));
        for ((_, values), class) in self.lines.iter().zip(CLASSES.iter().cycle()) {
            svg.put(format_args!(
                "<path class=\"{class}\" stroke-width=\"2.5\" d=\""
            ));
            for piece in pieces(values) {
                svg.polyline(piece.map(|(at, value)| (x(at), area.y(axis, value))));
            }
            svg.put(format_args!("\"/>"));
        }
        svg.put(format_args!("</g>"));
    }
}

/// What a reader who cannot see the drawing is told.
impl fmt::Display for CurvePlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} {}s.",
            self.subtitle,
            self.count(),
            self.count_of
        )?;
        for (name, values) in &self.lines {
            if let (Some(first), Some(last)) = (values.first(), values.last()) {
                write!(f, " {name}: from {first:.4} to {last:.4}.")?;
            }
        }
        Ok(())
    }
}

/// The runs of finite values, each with its place.
fn pieces(values: &[f64]) -> impl Iterator<Item = impl Iterator<Item = (usize, f64)>> {
    let mut from = 1;
    values
        .split(|value| !value.is_finite())
        .filter_map(move |piece| {
            let start = from;
            from += piece.len() + 1;
            let points = piece.iter().enumerate();
            (!piece.is_empty()).then(|| points.map(move |(i, &value)| (start + i, value)))
        })
}

/// The numbers of places from one label to the next, so that about ten fit.
fn step(count: usize) -> usize {
    let steps = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
    ];
    let fits = |step: &usize| count / step <= 12;
    steps.into_iter().find(fits).unwrap_or(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_marks_and_names_are_drawn_and_escaped() {
        let plot = CurvePlot::new("a < b", "epoch")
            .subtitle("loss")
            .line("first", vec![1.0, 0.5, 0.25])
            .line("second", vec![2.0, f64::NAN, 1.0])
            .mark(3, "kept");
        let svg = plot.to_svg();
        assert!(svg.contains("a &lt; b") && svg.contains(">kept<") && svg.contains(">epoch<"));
        assert_eq!(
            svg.matches("stroke-width=\"2.5\" d=\"M").count(),
            4,
            "{svg}"
        );
        assert!(svg.contains("h0"), "a value between holes is a dot");
        assert!(svg.contains("loss of 3 epochs. first: from 1.0000 to 0.2500."));
        // Lower losses lie lower.
        let path = svg.split("class=\"b-line\" stroke-width").nth(1).unwrap();
        let d = path
            .split("d=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let ys: Vec<f64> = d
            .get(1..)
            .unwrap()
            .split(['L', ' '])
            .skip(1)
            .step_by(2)
            .map(|y| y.parse().unwrap())
            .collect();
        assert!(ys.len() == 3 && ys.is_sorted(), "{ys:?}");
    }

    #[test]
    fn nothing_one_value_and_many_are_fine() {
        assert!(CurvePlot::new("", "epoch").to_svg().contains("no data"));
        let one = CurvePlot::new("", "epoch")
            .line("a", vec![3.0])
            .mark(7, "x");
        assert!(one.to_svg().contains("h0") && !one.to_svg().contains(">x<"));
        let infinite = CurvePlot::new("", "e").line("a", vec![f64::INFINITY; 3]);
        assert!(infinite.to_svg().contains("no data"));
        let many = CurvePlot::new("", "e")
            .line("a", vec![1.0; 100_000])
            .to_svg();
        assert!(many.matches("text-anchor=\"middle\"").count() <= 13);
        assert_eq!((step(5), step(50), step(1_000)), (1, 5, 100));
    }
}
