use std::fmt::Write as _;

use crate::figure::Look;
use crate::svg::{Anchor, Px, Svg};
use crate::{Error, Theme, text, theme};

/// A critical-difference diagram: methods on a line by their mean ranks, and bars that join those
/// whose difference could be chance (Demšar, Journal of Machine Learning Research 7, 2006).
///
/// The best method, of the lowest rank, is at the left. It draws what a test found; it does not
/// test.
///
/// ```
/// use bongsu_report::CriticalDifference;
/// let svg = CriticalDifference::new("Detectors", vec![
///     ("ewma".to_owned(), 1.4),
///     ("iqr".to_owned(), 2.1),
///     ("lof".to_owned(), 2.5),
/// ])?
/// .joined(&["ewma", "iqr"])?
/// .note("Nemenyi test at 0.05 on 12 data sets")
/// .to_svg();
/// assert!(svg.starts_with("<svg") && svg.contains("ewma"));
/// # Ok::<(), bongsu_report::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CriticalDifference {
    title: String,
    note: String,
    /// In order of their ranks.
    methods: Vec<(String, f64)>,
    /// The first and the last method of each clique.
    joined: Vec<(usize, usize)>,
    theme: Theme,
}

const WIDTH: f64 = 960.0;
const FONT: f64 = 16.0;
/// From one label to the next.
const LINE: f64 = 26.0;
/// The longest name, in pixels.
const NAME: f64 = 250.0;

impl CriticalDifference {
    /// A diagram of methods with their mean ranks, where 1 is the best.
    ///
    /// # Errors
    /// When there are fewer than two, when a name is there twice, or when a rank is not finite or
    /// below 1.
    pub fn new(title: impl Into<String>, mut methods: Vec<(String, f64)>) -> Result<Self, Error> {
        let wrong = |message: String| Err(bongsu_core::Error::input(message).into());
        if methods.len() < 2 {
            return wrong(format!(
                "a comparison needs 2 methods, but there are {}",
                methods.len()
            ));
        }
        for (name, rank) in &methods {
            if !(rank.is_finite() && *rank >= 1.0) {
                return wrong(format!(
                    "the mean rank of `{name}` is {rank}, but must be 1 or more"
                ));
            }
            if methods.iter().filter(|(other, _)| other == name).count() > 1 {
                return wrong(format!("the method `{name}` is there twice"));
            }
        }
        methods.sort_by(|a, b| a.1.total_cmp(&b.1));
        let title = title.into();
        Ok(Self {
            title,
            note: String::new(),
            methods,
            joined: Vec::new(),
            theme: Theme::Light,
        })
    }

    /// Joins methods whose difference could be chance; those that lie between are joined with them.
    /// A clique within another is left out.
    ///
    /// # Errors
    /// When one of them is not in the diagram.
    pub fn joined(mut self, names: &[&str]) -> Result<Self, Error> {
        let mut places = Vec::new();
        for name in names {
            let place = self.methods.iter().position(|(known, _)| known == name);
            let place = place.ok_or_else(|| {
                let message = format!("the method `{name}` is not in the diagram");
                bongsu_core::Error::input(message)
            })?;
            places.push(place);
        }
        if let (Some(&first), Some(&last)) = (places.iter().min(), places.iter().max())
            && first < last
        {
            let within = |a: (usize, usize), b: (usize, usize)| a.0 >= b.0 && a.1 <= b.1;
            if !self
                .joined
                .iter()
                .any(|&known| within((first, last), known))
            {
                self.joined.retain(|&known| !within(known, (first, last)));
                self.joined.push((first, last));
                self.joined.sort_unstable();
            }
        }
        Ok(self)
    }

    /// Joins every two methods whose ranks differ by at most `difference`, the critical one of a
    /// Nemenyi test.
    #[must_use]
    pub fn critical(mut self, difference: f64) -> Self {
        let ranks: Vec<f64> = self.methods.iter().map(|(_, rank)| *rank).collect();
        let mut reached = 0;
        for (first, rank) in ranks.iter().enumerate() {
            let last = ranks
                .partition_point(|other| other - rank <= difference)
                .saturating_sub(1);
            if last > first && last > reached {
                self.joined.push((first, last));
                reached = last;
            }
        }
        self
    }

    /// A line below the title, such as the test and its level.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
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
        let half = self.methods.len().div_ceil(2);
        let lanes = self.lanes();
        let depth = lanes.iter().map(|(_, _, lane)| lane + 1).max().unwrap_or(0);
        let axis_y = 7.2 * FONT;
        let first_label = axis_y + 2.2 * FONT + depth as f64 * 12.0;
        let height = first_label + half as f64 * LINE + FONT;
        let mut svg = Svg::default();
        self.open(&mut svg, height);
        let room = WIDTH - 2.0 * look.pad;
        let title = text::ellipsize(&self.title, room / 1.6, look.title.size);
        svg.text(look.pad, 2.0 * FONT, Anchor::Start, look.title, &title);
        let note = text::ellipsize(&self.note, room, FONT);
        svg.text(look.pad, 3.5 * FONT, Anchor::Start, look.muted, &note);

        let worst = self.methods.last().map_or(2.0, |(_, rank)| *rank);
        let high = worst.ceil().max(2.0);
        let (left, right) = (look.pad + NAME, WIDTH - look.pad - NAME);
        let x = |rank: f64| left + (rank - 1.0) / (high - 1.0) * (right - left);
        svg.line("b-axis", (left, axis_y), (right, axis_y));
        let step = ((high - 1.0) / 10.0).ceil().max(1.0);
        let mut tick = 1.0;
        while tick <= high {
            svg.line("b-axis", (x(tick), axis_y - 6.0), (x(tick), axis_y));
            svg.text(
                x(tick),
                axis_y - 0.8 * FONT,
                Anchor::Middle,
                look.muted,
                &tick.to_string(),
            );
            tick += step;
        }
        for (i, (name, rank)) in self.methods.iter().enumerate() {
            // The better half leads to the left, the others to the right, the outermost at the top.
            let at_left = i < half;
            let line = if at_left {
                i
            } else {
                self.methods.len() - 1 - i
            };
            let y = first_label + line as f64 * LINE;
            let (edge, anchor) = if at_left {
                (left - 8.0, Anchor::End)
            } else {
                (right + 8.0, Anchor::Start)
            };
            svg.put(format_args!(
                "<path class=\"b-exp\" fill=\"none\" d=\"M{} {}V{}H{}\"/>",
                Px(x(*rank)),
                Px(axis_y),
                Px(y),
                Px(edge)
            ));
            let label = format!(
                "{} ({rank:.2})",
                text::ellipsize(name, NAME - 5.0 * FONT, FONT)
            );
            let out = if at_left { -6.0 } else { 6.0 };
            svg.text(edge + out, y + 0.35 * FONT, anchor, look.strong, &label);
        }
        for (first, last, lane) in lanes {
            let rank = |place: usize| self.methods.get(place).map_or(1.0, |(_, rank)| *rank);
            let y = axis_y + 14.0 + lane as f64 * 12.0;
            svg.put(format_args!(
                "<path class=\"b-line\" stroke-width=\"5\" stroke-linecap=\"round\" d=\"M{} {y}H{}\"/>",
                Px(x(rank(first)) - 3.0),
                Px(x(rank(last)) + 3.0),
                y = Px(y),
            ));
        }
        svg.put(format_args!("</svg>"));
        svg.finish()
    }

    /// The drawing as a PNG file, with a bundled font.
    ///
    /// # Errors
    /// When the drawing cannot be turned into pixels, which would be a defect of this crate.
    #[cfg(feature = "png")]
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        crate::png::render(&self.to_svg())
    }

    /// The bars, each in the first lane where none overlaps.
    fn lanes(&self) -> Vec<(usize, usize, usize)> {
        let mut ends: Vec<usize> = Vec::new();
        let mut all = Vec::new();
        for &(first, last) in &self.joined {
            let lane = ends
                .iter()
                .position(|&end| end < first)
                .unwrap_or(ends.len());
            match ends.get_mut(lane) {
                Some(end) => *end = last,
                None => ends.push(last),
            }
            all.push((first, last, lane));
        }
        all
    }

    fn open(&self, svg: &mut Svg, height: f64) {
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"d-t d-d\" width=\"{w}\" height=\"{h}\" \
             font-family=\"'DejaVu Sans',Verdana,sans-serif\"><title id=\"d-t\">",
            w = Px(WIDTH),
            h = Px(height),
        ));
        svg.escaped(&self.title);
        svg.put(format_args!("</title><desc id=\"d-d\">"));
        let mut words = String::from("Mean ranks, the best first: ");
        for (i, (name, rank)) in self.methods.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            let _infallible = write!(words, "{comma}{name} {rank:.2}");
        }
        svg.escaped(&words);
        svg.put(format_args!(
            "</desc><style>{}</style>",
            theme::css(self.theme)
        ));
        svg.rect("b-bg", 0.0, 0.0, WIDTH, height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(ranks: &[f64]) -> Vec<(String, f64)> {
        ranks
            .iter()
            .enumerate()
            .map(|(i, rank)| (format!("m{i}"), *rank))
            .collect()
    }

    #[test]
    fn cliques_are_the_longest_ones() {
        let diagram = CriticalDifference::new("t", methods(&[1.0, 1.5, 2.0, 3.2, 3.4])).unwrap();
        assert_eq!(diagram.clone().critical(1.0).joined, [(0, 2), (3, 4)]);
        assert_eq!(
            diagram.clone().critical(1.75).joined,
            [(0, 2), (1, 3), (2, 4)]
        );
        assert_eq!(diagram.clone().critical(0.0).joined, []);
        let one = diagram
            .joined(&["m1", "m0"])
            .unwrap()
            .joined(&["m2", "m0"])
            .unwrap();
        assert_eq!(one.joined, [(0, 2)]);
        assert!(one.joined(&["other"]).is_err());
    }

    #[test]
    fn bars_that_overlap_have_lanes_of_their_own() {
        let diagram = CriticalDifference::new("t", methods(&[1.0, 1.5, 2.0, 3.2, 3.4])).unwrap();
        assert_eq!(
            diagram.critical(1.75).lanes(),
            [(0, 2, 0), (1, 3, 1), (2, 4, 2)]
        );
    }

    #[test]
    fn odd_input_is_refused_and_odd_names_are_inert() {
        for ranks in [&[1.0][..], &[], &[0.5, 2.0], &[1.0, f64::NAN]] {
            assert!(
                CriticalDifference::new("t", methods(ranks)).is_err(),
                "{ranks:?}"
            );
        }
        let twice = vec![("a".to_owned(), 1.0), ("a".to_owned(), 2.0)];
        assert!(CriticalDifference::new("t", twice).is_err());
        let name = "<script>".repeat(2_000);
        let svg = CriticalDifference::new("t", vec![(name, 1.0), ("b".to_owned(), 1.0)]);
        assert!(!svg.unwrap().to_svg().contains("<script>"));
    }
}
