use std::fmt::Write as _;

use bongsu_core::Error as CoreError;

use crate::svg::{Anchor, Font, Px, Svg};
use crate::{Error, Theme, text, theme};

/// How closely each of many series goes with each other: a square of coloured cells.
///
/// Orange cells go together, blue ones against each other, the deeper the closer; where there is
/// room each has its number. Pairs of which nothing is known are crossed out. At most
/// [`CorrelationMatrix::MOST`] rows are drawn, and the subtitle says how many are not.
///
/// ```
/// use bongsu_report::CorrelationMatrix;
/// let names = vec!["load".to_owned(), "latency".to_owned()];
/// let svg = CorrelationMatrix::new("What moves together", names, vec![vec![1.0, 0.8], vec![0.8, 1.0]])?
///     .to_svg();
/// assert!(svg.contains("latency") && svg.contains("0.80"));
/// # Ok::<(), bongsu_report::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationMatrix {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    names: Vec<String>,
    rows: Vec<Vec<f64>>,
    theme: Theme,
}

const FONT: f64 = 14.0;
const PAD: f64 = 16.0;
/// The sides of a cell, with many and with few.
const CELL: (f64, f64) = (14.0, 52.0);
/// The width that the cells share.
const SPACE: f64 = 720.0;
/// The widest name.
const NAME: f64 = 240.0;
/// From this side on a cell has its number.
const NUMBERED: f64 = 36.0;
/// How deep the colour of 1 is: the number above it stays legible in both themes.
const DEEPEST: f64 = 0.62;
/// The slant of the names above: its cosine and sine, and the same in degrees.
const SLANT: (f64, f64, f64) = (0.5, 0.866_025_4, -60.0);
/// The scale beside the cells.
const SCALE: f64 = 16.0;
/// Steps of the scale, from 1 to -1.
const STEPS: usize = 21;
/// A value this far beyond 1 is a rounding error.
const ROUNDING: f64 = 1e-9;
/// The pairs that readers who do not see the drawing are told.
const TOLD: usize = 5;

impl CorrelationMatrix {
    /// The most rows that are drawn.
    pub const MOST: usize = 48;

    /// A square matrix: a row a name, in the same order, NaN where nothing is known.
    ///
    /// # Errors
    /// When there is not one row a name with as many values, or one is outside [-1, 1].
    pub fn new(
        title: impl Into<String>,
        names: Vec<String>,
        rows: Vec<Vec<f64>>,
    ) -> Result<Self, Error> {
        let n = names.len();
        if rows.len() != n {
            return Err(Error::shape("number of rows", rows.len(), n));
        }
        for row in &rows {
            if row.len() != n {
                return Err(Error::shape("number of correlations", row.len(), n));
            }
            let outside = |r: &&f64| r.abs() > 1.0 + ROUNDING;
            if let Some(&r) = row.iter().find(outside) {
                return Err(CoreError::parameter("correlation", r, "in [-1, 1], or NaN").into());
            }
        }
        Ok(Self {
            title: title.into(),
            subtitle: String::new(),
            names,
            rows,
            theme: Theme::Light,
        })
    }

    /// A line below the title (default: none).
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// The colours (default: light).
    #[must_use]
    pub const fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The drawing as a standalone SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        self.draw(Some(self.theme), "m")
    }

    /// The drawing as a PNG file, with a bundled font.
    ///
    /// # Errors
    /// When the drawing cannot be turned into pixels, which would be a defect of this crate.
    #[cfg(feature = "png")]
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        crate::png::render(&self.to_svg())
    }

    /// Without a theme the colours, and the title, are left to the page around it.
    pub(crate) fn draw(&self, theme: Option<Theme>, id: &str) -> String {
        let n = self.names.len().min(Self::MOST);
        let side = (SPACE / n.max(1) as f64).clamp(CELL.0, CELL.1).floor();
        let size = FONT.min(side);
        let names: Vec<_> = self.names.iter().take(n).collect();
        let names: Vec<_> = names
            .iter()
            .map(|name| text::ellipsize(name, NAME, size))
            .collect();
        let widest = names.iter().map(|name| text::width(name, size));
        let widest = widest.fold(0.0, f64::max);
        let head = if theme.is_some() { 3.9 * FONT } else { FONT };
        let left = PAD + widest + 0.6 * FONT;
        let top = PAD + head + widest * SLANT.1 + 0.6 * FONT;
        let square = side * n as f64;
        // The last name leans out over the cells.
        let scale_at = left + square + PAD.max(widest * SLANT.0 - 0.5 * side);
        let width = (scale_at + SCALE + 4.0 * FONT).max(420.0);
        let height = top + square.max(4.0 * FONT) + PAD;
        let mut svg = Svg::default();
        self.open(&mut svg, theme, id, (width, height));
        let muted = font("b-m", FONT, false);
        if theme.is_some() {
            let room = width - 2.0 * PAD;
            let title = text::ellipsize(&self.title, room / 1.13, 1.4 * FONT);
            let y = PAD + 1.3 * FONT;
            svg.text(PAD, y, Anchor::Start, font("b-t", 1.4 * FONT, true), &title);
            let words = self.words(n);
            let words = text::ellipsize(&words, room, FONT);
            svg.text(PAD, y + 1.6 * FONT, Anchor::Start, muted, &words);
        }
        if n == 0 {
            svg.text(0.5 * width, top, Anchor::Middle, muted, "no data");
        } else {
            for (i, name) in names.iter().enumerate() {
                let middle = (i as f64 + 0.5) * side;
                let label = font("b-t", size, false);
                let y = top + middle + 0.36 * size;
                svg.text(left - 0.6 * FONT, y, Anchor::End, label, name);
                let (x, y) = (left + middle + 0.2 * size, top - 0.4 * FONT);
                svg.put(format_args!(
                    "<g transform=\"translate({} {}) rotate({})\">",
                    Px(x),
                    Px(y),
                    SLANT.2
                ));
                svg.text(0.0, 0.0, Anchor::Start, label, name);
                svg.put(format_args!("</g>"));
            }
            self.cells(&mut svg, n, side, (left, top));
            scale(&mut svg, (scale_at, top), square);
        }
        svg.put(format_args!("</svg>"));
        svg.finish()
    }

    fn open(&self, svg: &mut Svg, theme: Option<Theme>, id: &str, (width, height): (f64, f64)) {
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\" width=\"{w}\"",
            w = Px(width),
            h = Px(height)
        ));
        if theme.is_some() {
            svg.put(format_args!(
                " height=\"{}\" font-family=\"'DejaVu Sans',Verdana,sans-serif\"",
                Px(height)
            ));
        }
        svg.put(format_args!("><title id=\"{id}-t\">"));
        svg.escaped(&self.title);
        svg.put(format_args!("</title><desc id=\"{id}-d\">"));
        svg.escaped(&self.description());
        svg.put(format_args!("</desc>"));
        if let Some(theme) = theme {
            svg.put(format_args!("<style>{}</style>", theme::css(theme)));
            svg.rect("b-bg", 0.0, 0.0, width, height);
        }
    }

    fn cells(&self, svg: &mut Svg, n: usize, side: f64, (left, top): (f64, f64)) {
        for (i, row) in self.rows.iter().take(n).enumerate() {
            for (j, r) in row.iter().take(n).enumerate() {
                let (x, y) = (left + j as f64 * side, top + i as f64 * side);
                let gap = if side > 20.0 { 1.0 } else { 0.5 };
                cell(svg, *r, (x + gap, y + gap), side - 2.0 * gap);
                if side >= NUMBERED && r.is_finite() {
                    svg.text(
                        x + 0.5 * side,
                        y + 0.5 * side + 0.36 * 13.0,
                        Anchor::Middle,
                        font("b-t", 13.0, false),
                        &number(*r),
                    );
                }
            }
        }
    }

    fn words(&self, drawn: usize) -> String {
        match (self.names.len() - drawn, self.subtitle.as_str()) {
            (0, subtitle) => subtitle.to_owned(),
            (more, "") => format!("{more} more not shown"),
            (more, subtitle) => format!("{more} more not shown; {subtitle}"),
        }
    }

    /// The strongest pairs, for those who do not see the drawing.
    fn description(&self) -> String {
        let mut pairs = Vec::new();
        for (i, (row, a)) in self.rows.iter().zip(&self.names).enumerate() {
            for (r, b) in row.iter().zip(&self.names).take(i) {
                if r.is_finite() {
                    pairs.push((*r, a, b));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let mut text = format!("Correlations of {} series.", self.names.len());
        for (r, a, b) in pairs.iter().take(TOLD) {
            let (a, b) = (
                text::ellipsize(a, NAME, FONT),
                text::ellipsize(b, NAME, FONT),
            );
            let _infallible = write!(text, " {b} and {a}: {}.", number(*r));
        }
        text
    }
}

fn font(class: &'static str, size: f64, bold: bool) -> Font {
    Font { class, size, bold }
}

/// Two digits, with a true minus; never minus zero.
fn number(r: f64) -> String {
    let hundredths = (r * 100.0).round() / 100.0;
    let sign = if hundredths < 0.0 { "\u{2212}" } else { "" };
    format!("{sign}{:.2}", hundredths.abs())
}

fn cell(svg: &mut Svg, r: f64, (x, y): (f64, f64), side: f64) {
    if r.is_finite() {
        let class = if r < 0.0 { "b-neg" } else { "b-pos" };
        svg.put(format_args!(
            "<rect class=\"{class}\" fill-opacity=\"{:.2}\" x=\"{}\" y=\"{}\" width=\"{s}\" \
             height=\"{s}\"/>",
            DEEPEST * r.abs().min(1.0),
            Px(x),
            Px(y),
            s = Px(side)
        ));
    } else {
        svg.line("b-grid", (x, y), (x + side, y + side));
        svg.line("b-grid", (x, y + side), (x + side, y));
    }
}

/// What the colours mean.
fn scale(svg: &mut Svg, (left, top): (f64, f64), square: f64) {
    let height = square.clamp(4.0 * FONT, 320.0);
    let step = height / STEPS as f64;
    for i in 0..STEPS {
        let r = 1.0 - 2.0 * i as f64 / (STEPS - 1) as f64;
        let class = if r < 0.0 { "b-neg" } else { "b-pos" };
        svg.put(format_args!(
            "<rect class=\"{class}\" fill-opacity=\"{:.2}\" x=\"{}\" y=\"{}\" width=\"{}\" \
             height=\"{}\"/>",
            DEEPEST * r.abs(),
            Px(left),
            Px(top + i as f64 * step),
            Px(SCALE),
            Px(step + 0.1)
        ));
    }
    for (share, label) in [(0.0, "1"), (0.5, "0"), (1.0, "\u{2212}1")] {
        let y = top + share * height + (0.72 - 0.72 * share) * FONT;
        let x = left + SCALE + 0.4 * FONT;
        svg.text(x, y, Anchor::Start, font("b-m", FONT, false), label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("metric {i}")).collect()
    }

    #[test]
    fn colours_and_numbers_follow_the_signs() {
        let rows = vec![
            vec![1.0, -0.5, f64::NAN],
            vec![-0.5, 1.0, -0.001],
            vec![f64::NAN, -0.001, 1.0],
        ];
        let names = vec!["a".to_owned(), "<b>".to_owned(), "c".to_owned()];
        let matrix = CorrelationMatrix::new("t & u", names, rows).unwrap();
        let svg = matrix.to_svg();
        assert!(svg.contains("t &amp; u") && svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
        assert_eq!(svg.matches(">\u{2212}0.50<").count(), 2);
        assert_eq!(svg.matches(">0.00<").count(), 2, "no minus zero");
        // Two crossed cells, and nothing that is not a number.
        assert_eq!(svg.matches("class=\"b-grid\"").count(), 4);
        assert!(!svg.contains("NaN"));
        assert!(svg.contains("Correlations of 3 series. a and &lt;b&gt;: \u{2212}0.50."));
    }

    #[test]
    fn what_is_no_matrix_of_correlations_is_refused() {
        let new = |n, rows| CorrelationMatrix::new("t", names(n), rows);
        assert!(new(2, vec![vec![1.0, 0.0]]).is_err());
        assert!(new(2, vec![vec![1.0], vec![0.0, 1.0]]).is_err());
        let error = new(1, vec![vec![1.5]]).unwrap_err().to_string();
        assert!(
            error.contains("1.5") && error.contains("[-1, 1]"),
            "{error}"
        );
        assert!(new(1, vec![vec![f64::INFINITY]]).is_err());
        assert!(new(1, vec![vec![1.0 + 1e-12]]).is_ok());
        assert!(new(0, Vec::new()).unwrap().to_svg().contains("no data"));
    }

    #[test]
    fn size_is_bounded_whatever_comes() {
        let n = 500;
        let long: Vec<String> = (0..n).map(|_| "<label>".repeat(1_500)).collect();
        let matrix = CorrelationMatrix::new("t", long, vec![vec![0.3; n]; n]).unwrap();
        let svg = matrix.to_svg();
        assert!(svg.len() < 400_000, "{}", svg.len());
        assert!(svg.contains("452 more not shown"));
    }
}
