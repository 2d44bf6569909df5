//! A small SVG writer.

use std::fmt::{self, Write as _};

use crate::text::{TOLD, beginning, escape_into};

/// Where a text is fixed.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG document that grows.
#[derive(Default)]
pub(crate) struct Svg {
    out: String,
}

/// A text's look.
#[derive(Clone, Copy)]
pub(crate) struct Font {
    pub(crate) class: &'static str,
    pub(crate) size: f64,
    pub(crate) bold: bool,
}

impl Svg {
    /// Appends markup as it stands: nothing from outside may be in it.
    pub(crate) fn put(&mut self, markup: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _infallible = self.out.write_fmt(markup);
    }

    /// Appends a number of pixels with at most one decimal.
    pub(crate) fn num(&mut self, x: f64) {
        push_px(&mut self.out, x);
    }

    /// Appends `text`, escaped; of a long one, such as a label of 10 kB, the beginning.
    pub(crate) fn escaped(&mut self, text: &str) {
        escape_into(&mut self.out, &beginning(text, TOLD));
    }

    /// `text` with its baseline at `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
        self.put(format_args!(
            "<text class=\"{}\" font-size=\"{}\"",
            font.class,
            Px(font.size)
        ));
        if font.bold {
            self.out.push_str(" font-weight=\"bold\"");
        }
        self.out.push_str(match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        });
        self.put(format_args!(" x=\"{}\" y=\"{}\">", Px(x), Px(y)));
        self.escaped(text);
        self.out.push_str("</text>");
    }

    /// A rectangle of class `class`.
    pub(crate) fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            Px(x),
            Px(y),
            Px(width.max(0.0)),
            Px(height.max(0.0))
        ));
    }

    /// A straight line of class `class`, one pixel wide.
    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.put(format_args!(
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            Px(from.0),
            Px(from.1),
            Px(to.0),
            Px(to.1)
        ));
    }

    /// Appends path commands through `points`: a move, then lines. A single point becomes a dot
    /// under round line caps.
    pub(crate) fn polyline(&mut self, points: impl Iterator<Item = (f64, f64)>) {
        let mut drawn = 0_usize;
        for (x, y) in points {
            self.out.push(match drawn {
                0 => 'M',
                1 => 'L',
                _ => ' ',
            });
            self.num(x);
            self.out.push(' ');
            self.num(y);
            drawn += 1;
        }
        if drawn == 1 {
            self.out.push_str("h0");
        }
    }

    /// The document.
    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// A number of pixels, shown with at most one decimal.
pub(crate) struct Px(pub(crate) f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        push_px(&mut text, self.0);
        f.write_str(&text)
    }
}

fn push_px(out: &mut String, x: f64) {
    // Whatever came in, what goes out is a number that fits a drawing.
    let tenths = (x * 10.0).round().clamp(-1e7, 1e7) as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    let (whole, tenth) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    let _infallible = if tenth == 0 {
        write!(out, "{sign}{whole}")
    } else {
        write!(out, "{sign}{whole}.{tenth}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_does_not_make_a_long_picture() {
        let mut svg = Svg::default();
        svg.escaped(&"<é".repeat(10_240));
        let out = svg.finish();
        assert!(out.len() < 10 * TOLD && out.ends_with('…'), "{}", out.len());
    }

    #[test]
    fn pixels_are_short_and_always_numbers() {
        for (x, text) in [
            (1.0, "1"),
            (-0.04, "0"),
            (-0.26, "-0.3"),
            (12.34, "12.3"),
            (f64::NAN, "0"),
            (f64::INFINITY, "1000000"),
        ] {
            assert_eq!(Px(x).to_string(), text);
        }
    }

    #[test]
    fn one_point_is_a_dot() {
        let mut svg = Svg::default();
        svg.polyline([(1.0, 2.0)].into_iter());
        assert_eq!(svg.finish(), "M1 2h0");
    }
}
