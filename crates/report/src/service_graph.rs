//! A picture of services and who calls whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::svg::{Anchor, Font, Px, Svg};
use crate::text;
use crate::theme::{self, Theme};

/// The size of text, of a box, and of the gaps between boxes in pixels.
const FONT: f64 = 14.0;
const BOX: (f64, f64) = (150.0, 44.0);
const GAP: (f64, f64) = (18.0, 56.0);
const PAD: f64 = 8.0;

/// At most so many boxes stand side by side; further ones go below.
const ACROSS: usize = 7;

/// Services, callers above callees, and how much each is to blame.
///
/// More services than 60 are not drawn; those with the least blame are left out.
///
/// ```
/// use bongsu_report::ServiceGraph;
/// let mut graph = ServiceGraph::new("Services");
/// graph.service("shop", 0.1, "10 %");
/// graph.service("cart", 0.9, "90 %");
/// graph.calls("shop", "cart");
/// assert!(graph.to_svg().contains("cart"));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceGraph {
    /// What it shows.
    pub caption: String,
    services: BTreeMap<String, (f64, String)>,
    calls: BTreeSet<(String, String)>,
}

impl ServiceGraph {
    /// The most services that are drawn.
    const MOST: usize = 60;

    /// No services yet.
    pub fn new(caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            ..Self::default()
        }
    }

    /// Adds a service; `blame` in [0, 1] colours its box, `note` stands below its name.
    pub fn service(&mut self, name: impl Into<String>, blame: f64, note: impl Into<String>) {
        let blame = if blame.is_nan() { 0.0 } else { blame };
        let note = note.into();
        self.services
            .insert(name.into(), (blame.clamp(0.0, 1.0), note));
    }

    /// Adds an arrow from a caller to its callee; both have to be added as services to be drawn.
    pub fn calls(&mut self, caller: impl Into<String>, callee: impl Into<String>) {
        self.calls.insert((caller.into(), callee.into()));
    }

    /// The picture as a standalone SVG document, light.
    #[must_use]
    pub fn to_svg(&self) -> String {
        self.draw(Some(Theme::Light), "g")
    }

    /// Without a theme the colours are left to the page around it.
    pub(crate) fn draw(&self, theme: Option<Theme>, id: &str) -> String {
        let drawn = self.drawn();
        let rows = self.rows(&drawn);
        let widest = rows.iter().map(Vec::len).max().unwrap_or_default().max(1) as f64;
        let width = 2.0 * PAD + widest * BOX.0 + (widest - 1.0) * GAP.0;
        let height = 2.0 * PAD + rows.len() as f64 * (BOX.1 + GAP.1) - GAP.1;
        let mut places: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for (r, row) in rows.iter().enumerate() {
            let used = row.len() as f64 * (BOX.0 + GAP.0) - GAP.0;
            let y = PAD + r as f64 * (BOX.1 + GAP.1);
            for (i, name) in row.iter().enumerate() {
                let x = 0.5 * (width - used) + i as f64 * (BOX.0 + GAP.0);
                places.insert(name, (x, y));
            }
        }
        let mut svg = Svg::default();
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"{id}-t\" fill=\"none\" stroke-width=\"1.3\"",
            w = Px(width),
            h = Px(height.max(2.0 * PAD))
        ));
        if theme.is_some() {
            svg.put(format_args!(
                " width=\"{}\" height=\"{}\" font-family=\"'DejaVu Sans',Verdana,sans-serif\"",
                Px(width),
                Px(height.max(2.0 * PAD))
            ));
        } else {
            // The page makes it smaller to fit, but never larger than drawn.
            svg.put(format_args!(" width=\"{}\"", Px(width)));
        }
        svg.put(format_args!("><title id=\"{id}-t\">"));
        svg.escaped(&self.caption);
        svg.put(format_args!("</title>"));
        if let Some(theme) = theme {
            svg.put(format_args!("<style>{}</style>", theme::css(theme)));
            svg.rect("b-bg", 0.0, 0.0, width, height);
        }
        for (caller, callee) in &self.calls {
            if let (Some(from), Some(to)) =
                (places.get(caller.as_str()), places.get(callee.as_str()))
            {
                arrow(&mut svg, *from, *to);
            }
        }
        for (name, place) in &places {
            self.service_box(&mut svg, name, *place);
        }
        svg.put(format_args!("</svg>"));
        svg.finish()
    }

    fn service_box(&self, svg: &mut Svg, name: &str, (x, y): (f64, f64)) {
        let Some((blame, note)) = self.services.get(name) else {
            return;
        };
        svg.rect("b-bg", x, y, BOX.0, BOX.1);
        svg.put(format_args!(
            "<rect class=\"b-alert b-axis\" fill-opacity=\"{:.2}\" x=\"{}\" y=\"{}\" width=\"{}\" \
             height=\"{}\" rx=\"5\"/>",
            0.75 * blame,
            Px(x),
            Px(y),
            Px(BOX.0),
            Px(BOX.1)
        ));
        let font = |class, size, bold| Font { class, size, bold };
        let room = BOX.0 - 12.0;
        let middle = x + 0.5 * BOX.0;
        let shown = text::ellipsize(name, room / 1.13, FONT);
        svg.text(
            middle,
            y + 18.0,
            Anchor::Middle,
            font("b-t", FONT, true),
            &shown,
        );
        let shown = text::ellipsize(note, room, 12.0);
        svg.text(
            middle,
            y + 35.0,
            Anchor::Middle,
            font("b-t", 12.0, false),
            &shown,
        );
    }

    /// The services with the most blame.
    fn drawn(&self) -> BTreeSet<&str> {
        let mut order: Vec<(&String, f64)> = self.services.iter().map(|(k, v)| (k, v.0)).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        let most = order.iter().take(Self::MOST);
        most.map(|(name, _)| name.as_str()).collect()
    }

    /// The services from top to bottom: each below its callers, where there is no circle.
    fn rows<'a>(&'a self, drawn: &BTreeSet<&'a str>) -> Vec<Vec<&'a str>> {
        let mut depth: BTreeMap<&str, usize> = drawn.iter().map(|name| (*name, 0)).collect();
        // A circle would go down for ever: no path is longer than there are services.
        for _ in 0..drawn.len() {
            let mut changed = false;
            for (caller, callee) in &self.calls {
                let (Some(&above), Some(&below)) =
                    (depth.get(caller.as_str()), depth.get(callee.as_str()))
                else {
                    continue;
                };
                if below <= above && above + 1 < drawn.len() {
                    depth.insert(callee, above + 1);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let mut levels: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (name, level) in depth {
            levels.entry(level).or_default().push(name);
        }
        let levels = levels.into_values();
        levels
            .flat_map(|level| {
                level
                    .chunks(ACROSS)
                    .map(<[&str]>::to_vec)
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

fn arrow(svg: &mut Svg, from: (f64, f64), to: (f64, f64)) {
    let down = to.1 >= from.1;
    let edge =
        |(x, y): (f64, f64), lower: bool| (x + 0.5 * BOX.0, if lower { y + BOX.1 } else { y });
    let (start, end) = (edge(from, down), edge(to, !down));
    let bend = if down { 0.5 * GAP.1 } else { -0.5 * GAP.1 };
    svg.put(format_args!(
        "<path class=\"b-axis\" d=\"M{} {}C{} {} {} {} {} {}\"/>",
        Px(start.0),
        Px(start.1),
        Px(start.0),
        Px(start.1 + bend),
        Px(end.0),
        Px(end.1 - bend),
        Px(end.0),
        Px(end.1)
    ));
    let back = if down { -7.0 } else { 7.0 };
    svg.put(format_args!(
        "<path class=\"b-axis\" d=\"M{} {}L{} {}L{} {}\"/>",
        Px(end.0 - 4.0),
        Px(end.1 + back),
        Px(end.0),
        Px(end.1),
        Px(end.0 + 4.0),
        Px(end.1 + back)
    ));
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn callers_stand_above_their_callees_and_circles_end() {
        let mut graph = ServiceGraph::new("<graph>");
        for name in ["a", "b", "c", "x\"<"] {
            graph.service(name, 0.5, "50 %");
        }
        for (caller, callee) in [("a", "b"), ("b", "c"), ("a", "c")] {
            graph.calls(caller, callee);
        }
        assert_eq!(
            graph.rows(&graph.drawn()),
            [vec!["a", "x\"<"], vec!["b"], vec!["c"]]
        );
        graph.calls("c", "a");
        let svg = graph.to_svg();
        assert!(svg.contains("&lt;graph&gt;") && !svg.contains("x\"<<"));
        graph.service("n", f64::NAN, "");
        for i in 0..200 {
            graph.service(format!("s{i}"), 0.9, "");
        }
        assert_eq!(graph.drawn().len(), ServiceGraph::MOST);
        assert!(!graph.drawn().contains("n"));
        assert!(ServiceGraph::new("").to_svg().ends_with("</svg>"));
    }
}
