use crate::figure::{Area, Look};
use crate::svg::{Anchor, Px, Svg};
use crate::value_axis::ValueAxis;
use crate::{Theme, Unit, text, theme};

/// How often scores, or other numbers, are of which size, and where their bound is.
///
/// Numbers that are not finite are left out and counted. Those far beyond the others are in the last
/// bar, or the first, which says so.
///
/// ```
/// use bongsu_report::Histogram;
/// let svg = Histogram::new("Scores", (0..1_000).map(|i| f64::from(i % 50) / 60.0))
///     .bound(1.0, "bound")
///     .to_svg();
/// assert!(svg.starts_with("<svg") && svg.contains("bound"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    title: String,
    /// In order.
    values: Vec<f64>,
    left_out: usize,
    unit: Unit,
    bound: Option<(f64, String)>,
    normal: bool,
    theme: Theme,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const FONT: f64 = 16.0;
const MAX_BARS: usize = 60;
/// What lies this many times as far from the median as the 99th percentile is in the last bar, and
/// likewise in the first.
const FAR: f64 = 3.0;

/// Equal stretches of numbers, and how many lie in each.
struct Bars {
    low: f64,
    high: f64,
    counts: Vec<usize>,
    /// Numbers above the last.
    beyond: usize,
    /// Numbers below the first.
    below: usize,
}

impl Histogram {
    /// A histogram of `values`, in any order.
    pub fn new(title: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let mut left_out = 0;
        let mut values: Vec<f64> = values
            .into_iter()
            .filter(|value| {
                left_out += usize::from(!value.is_finite());
                value.is_finite()
            })
            .collect();
        values.sort_by(f64::total_cmp);
        Self {
            title: title.into(),
            values,
            left_out,
            unit: Unit::Plain,
            bound: None,
            normal: false,
            theme: Theme::Light,
        }
    }

    /// What the numbers measure (default: bare numbers).
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// A line at `value`; bars above it have another colour. One that is not finite is not drawn.
    #[must_use]
    pub fn bound(mut self, value: f64, name: impl Into<String>) -> Self {
        self.bound = value.is_finite().then(|| (value, name.into()));
        self
    }

    /// Adds the bell of the normal distribution with the same mean and deviation (default: none).
    #[must_use]
    pub const fn normal(mut self) -> Self {
        self.normal = true;
        self
    }

    /// The colours. Default: light.
    #[must_use]
    pub const fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    fn quantile(&self, share: f64) -> f64 {
        let place = (self.values.len().saturating_sub(1)) as f64 * share;
        self.values.get(place as usize).copied().unwrap_or_default()
    }

    fn bars(&self) -> Option<Bars> {
        let (bottom, top) = (*self.values.first()?, *self.values.last()?);
        let (middle, most) = (self.quantile(0.5), self.quantile(0.99));
        let far = middle - FAR * (middle - self.quantile(0.01));
        let low = if far < top { bottom.max(far) } else { bottom };
        let bound = self.bound.as_ref().map_or(low, |(bound, _)| *bound);
        let far = middle + FAR * (most - middle).max(bound - middle).max(0.0);
        let mut high = if far > low { top.min(far) } else { top };
        // Halves, so that huge numbers stay numbers.
        if high * 0.5 - low * 0.5 <= 0.0 {
            high = low + low.abs().max(1.0) * 1e-3;
        }
        // Freedman and Diaconis.
        let spread = self.quantile(0.75) - self.quantile(0.25);
        let width = 2.0 * spread / (self.values.len() as f64).cbrt();
        let wanted = (high * 0.5 - low * 0.5) / (width * 0.5);
        let bars = if wanted.is_finite() {
            wanted.ceil() as usize
        } else {
            20
        };
        let mut counts = vec![0; bars.clamp(8, MAX_BARS)];
        let (mut beyond, mut below) = (0, 0);
        let last = counts.len() - 1;
        for value in &self.values {
            let share = (value * 0.5 - low * 0.5) / (high * 0.5 - low * 0.5);
            let place = ((share * counts.len() as f64) as usize).min(last);
            beyond += usize::from(*value > high);
            below += usize::from(*value < low);
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        Some(Bars {
            low,
            high,
            counts,
            beyond,
            below,
        })
    }

    /// The drawing as a standalone SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let look = Look::new(FONT);
        let mut svg = Svg::default();
        self.open(&mut svg);
        let room = WIDTH - 2.0 * look.pad;
        let title = text::ellipsize(&self.title, room / 1.2, look.title.size);
        svg.text(look.pad, 2.0 * FONT, Anchor::Start, look.title, &title);
        svg.text(
            look.pad,
            3.5 * FONT,
            Anchor::Start,
            look.muted,
            &self.words(),
        );
        let top = 5.6 * FONT;
        let height = HEIGHT - top - 2.6 * FONT;
        let outer = Area {
            left: look.pad,
            top,
            width: WIDTH - 3.0 * look.pad,
            height,
        };
        self.body(&mut svg, outer, look);
        svg.put(format_args!("</svg>"));
        svg.finish()
    }

    /// Bars, axes and bound; the numbers of the value axis hang out below `outer`.
    pub(crate) fn body(&self, svg: &mut Svg, outer: Area, look: Look) {
        let Some(bars) = self.bars() else {
            let (x, y) = (
                outer.left + outer.width / 2.0,
                outer.top + outer.height / 2.0,
            );
            svg.text(x, y, Anchor::Middle, look.muted, "no data");
            return;
        };
        let most = bars.counts.iter().copied().max().unwrap_or(1) as f64;
        let ticks = outer.height / (FONT * 2.9);
        let counts = ValueAxis::new((0.0, most * 1.05), &Unit::Plain, ticks);
        let margin = counts
            .ticks
            .iter()
            .map(|(_, label)| text::width(label, FONT));
        let left = outer.left + margin.fold(FONT, f64::max) + 0.6 * FONT;
        let area = Area {
            left,
            width: outer.right() - left,
            ..outer
        };
        self.draw(svg, &bars, &counts, area, look);
    }

    fn draw(&self, svg: &mut Svg, bars: &Bars, counts: &ValueAxis, area: Area, look: Look) {
        for (value, label) in &counts.ticks {
            let y = area.y(counts, *value);
            svg.line("b-grid", (area.left, y), (area.right(), y));
            let x = area.left - 0.6 * FONT;
            svg.text(x, y + 0.36 * FONT, Anchor::End, look.muted, label);
        }
        let share =
            |value: f64| (value * 0.5 - bars.low * 0.5) / (bars.high * 0.5 - bars.low * 0.5);
        let x = |value: f64| area.left + share(value) * area.width;
        let width = area.width / bars.counts.len() as f64;
        for (i, count) in bars.counts.iter().enumerate() {
            let left = area.left + i as f64 * width;
            let middle = left + width / 2.0;
            let above = self
                .bound
                .as_ref()
                .is_some_and(|(bound, _)| middle > x(*bound));
            let class = if above { "b-alert" } else { "b-benign" };
            if *count == 0 {
                continue;
            }
            // What is there is seen, however rare.
            let y = area.y(counts, *count as f64).min(area.bottom() - 2.0);
            svg.rect(class, left + 0.5, y, width - 1.0, area.bottom() - y);
        }
        if self.normal {
            self.bell(svg, bars, counts, area);
        }
        svg.line(
            "b-axis",
            (area.left, area.bottom()),
            (area.right(), area.bottom()),
        );
        let ticks = ValueAxis::new((bars.low, bars.high), &self.unit, 8.0);
        let mut free = 0.0;
        for (value, label) in &ticks.ticks {
            let half = text::width(label, FONT) / 2.0;
            let at = x(*value);
            if at >= area.left - 1.0 && at <= area.right() + 1.0 && at - half >= free {
                let y = area.bottom() + 1.5 * FONT;
                svg.text(at, y, Anchor::Middle, look.muted, label);
                free = at + half + 0.5 * FONT;
            }
        }
        if let Some((bound, name)) = &self.bound
            && (0.0..=1.0).contains(&share(*bound))
        {
            svg.put(format_args!(
                "<path class=\"b-exp\" stroke-width=\"1.6\" stroke-dasharray=\"6 5\" d=\"M{} {}V{}\"/>",
                Px(x(*bound)),
                Px(area.top - 0.5 * FONT),
                Px(area.bottom())
            ));
            let label = format!("{name} {}", self.unit.format(*bound));
            let label = text::ellipsize(&label, area.width / 2.0, FONT);
            let at_right = share(*bound) > 0.7;
            let (out, anchor) = if at_right {
                (-6.0, Anchor::End)
            } else {
                (6.0, Anchor::Start)
            };
            svg.text(x(*bound) + out, area.top, anchor, look.strong, &label);
        }
        if bars.beyond > 0 {
            let words = format!("{} beyond", bars.beyond);
            let y = area.bottom() - 0.8 * FONT;
            svg.text(area.right(), y, Anchor::End, look.muted, &words);
        }
        if bars.below > 0 {
            let words = format!("{} below", bars.below);
            let y = area.bottom() - 0.8 * FONT;
            svg.text(area.left + 0.3 * FONT, y, Anchor::Start, look.muted, &words);
        }
    }

    /// How many values a normal distribution would have in each bar.
    fn bell(&self, svg: &mut Svg, bars: &Bars, counts: &ValueAxis, area: Area) {
        let n = self.values.len() as f64;
        // In parts of the width of the bars, so that huge numbers stay numbers.
        let range = bars.high * 0.5 - bars.low * 0.5;
        let places = || {
            self.values
                .iter()
                .map(|v| (v * 0.5 - bars.low * 0.5) / range)
        };
        let mean = places().sum::<f64>() / n;
        let variance = places().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        if !variance.is_finite() || variance <= 0.0 {
            return;
        }
        let top = n / bars.counts.len() as f64 / (std::f64::consts::TAU * variance).sqrt();
        svg.put(format_args!(
            "<path class=\"b-exp\" fill=\"none\" stroke-width=\"1.6\" stroke-dasharray=\"6 5\" d=\""
        ));
        let points = (0..=120).map(|i| f64::from(i) / 120.0).map(|x| {
            let height = top * (-0.5 * (x - mean).powi(2) / variance).exp();
            let y = area.y(counts, height).max(area.top);
            (area.left + x * area.width, y)
        });
        svg.polyline(points);
        svg.put(format_args!("\"/>"));
    }

    fn words(&self) -> String {
        let above = self.bound.as_ref().map(|(bound, _)| {
            let above = self.values.len() - self.values.partition_point(|value| value <= bound);
            format!(", {above} above the bound")
        });
        let missing = match self.left_out {
            0 => String::new(),
            n => format!(", {n} are no numbers"),
        };
        format!(
            "{} values{}{missing}",
            self.values.len(),
            above.unwrap_or_default()
        )
    }

    fn open(&self, svg: &mut Svg) {
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"h-t h-d\" width=\"{w}\" height=\"{h}\" \
             font-family=\"'DejaVu Sans',Verdana,sans-serif\"><title id=\"h-t\">",
            w = Px(WIDTH),
            h = Px(HEIGHT),
        ));
        svg.escaped(&self.title);
        svg.put(format_args!("</title><desc id=\"h-d\">"));
        svg.escaped(&self.words());
        svg.put(format_args!(
            "</desc><style>{}</style>",
            theme::css(self.theme)
        ));
        svg.rect("b-bg", 0.0, 0.0, WIDTH, HEIGHT);
    }

    /// The drawing as a PNG file, with a bundled font.
    ///
    /// # Errors
    /// When the drawing cannot be turned into pixels, which would be a defect of this crate.
    #[cfg(feature = "png")]
    pub fn to_png(&self) -> Result<Vec<u8>, crate::Error> {
        crate::png::render(&self.to_svg())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_a_bar() {
        let odd: [&[f64]; 6] = [
            &[1.0],
            &[2.0, 2.0, 2.0],
            &[-1e308, 1e308],
            &[1e-308, 2e-308, 5e-308],
            &[0.0, 1.0, 1e12],
            &[f64::NAN, 1.0, f64::INFINITY, 3.0],
        ];
        for values in odd {
            let histogram = Histogram::new("t", values.iter().copied()).bound(1.0, "b");
            let bars = histogram.bars().unwrap();
            let finite = values.iter().filter(|value| value.is_finite()).count();
            assert_eq!(bars.counts.iter().sum::<usize>(), finite, "{values:?}");
            assert!(!histogram.to_svg().contains("NaN"), "{values:?}");
        }
        assert!(Histogram::new("t", []).to_svg().contains("no data"));
    }

    #[test]
    fn what_is_far_away_does_not_flatten_the_rest() {
        let values = (0..1_000).map(|i| f64::from(i) / 1_000.0).chain([1e6]);
        let bars = Histogram::new("t", values.clone()).bars().unwrap();
        assert!(bars.high < 10.0 && bars.beyond == 1, "{}", bars.high);
        let bars = Histogram::new("t", values.map(|value| -value));
        let bars = bars.bars().unwrap();
        assert!(bars.low > -10.0 && bars.below == 1, "{}", bars.low);
        assert_eq!(bars.counts.iter().sum::<usize>(), 1_001);
    }

    #[test]
    fn the_bell_is_as_high_as_the_bars_of_normal_values() {
        // Sums of twelve even numbers are nearly normal.
        let mut state = 1_u64;
        let mut even = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let values: Vec<f64> = (0..4_000)
            .map(|_| (0..12).map(|_| even()).sum::<f64>() - 6.0)
            .collect();
        let histogram = Histogram::new("t", values).normal();
        let svg = histogram.to_svg();
        let bell = svg.split("stroke-dasharray=\"6 5\" d=\"M").nth(1).unwrap();
        let bell = bell.split('"').next().unwrap();
        let numbers: Vec<f64> = bell
            .split([' ', 'L'])
            .map(|number| number.parse().unwrap())
            .collect();
        let highest = numbers
            .iter()
            .skip(1)
            .step_by(2)
            .copied()
            .fold(f64::MAX, f64::min);
        let bars = svg.split("class=\"b-benign\"").skip(1);
        let tops = bars.map(|bar| {
            let y = bar.split(" y=\"").nth(1).unwrap();
            y.split('"').next().unwrap().parse::<f64>().unwrap()
        });
        let tallest = tops.fold(f64::MAX, f64::min);
        assert!((highest - tallest).abs() < 40.0, "{highest} {tallest}");
        // Of equal values there is no bell.
        let flat = Histogram::new("t", [3.0; 9]).normal().to_svg();
        assert!(!flat.contains("stroke-dasharray=\"6 5\""));
    }
}
