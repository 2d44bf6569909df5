//! How a series goes together with itself some steps before.

use crate::Unit;
use crate::figure::{Area, Look};
use crate::svg::{Anchor, Px, Svg};
use crate::text;
use crate::value_axis::ValueAxis;

/// Autocorrelations from one step on, and the bound that 95 % of those of noise keep.
///
/// `r(k) = sum (x(t) - m)(x(t+k) - m) / sum (x(t) - m)^2` over the pairs of which both are there; the
/// bound is `1.96 / sqrt(n)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Correlogram {
    values: Vec<f64>,
    bound: f64,
}

const LAGS: usize = 40;
const MAX_LAGS: usize = 200;
/// The quantile of the normal distribution for bounds of 95 %.
const Z: f64 = 1.959_963_984_540_054;

impl Correlogram {
    pub(crate) fn of(values: &[f64], lags: Option<usize>) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let count = finite().count() as f64;
        let mean: f64 = finite().map(|value| value / count).sum();
        let scale = finite()
            .map(|value| (value - mean).abs())
            .fold(0.0, f64::max);
        // A constant has no correlations, and neither has what floats cannot tell from one.
        if !scale.is_finite() || scale <= mean.abs() * f64::EPSILON * 8.0 {
            return Self {
                values: Vec::new(),
                bound: 0.0,
            };
        }
        let place = |value: &f64| {
            let place = (value - mean) / scale;
            if place.is_finite() { place } else { 0.0 }
        };
        let places: Vec<f64> = values.iter().map(place).collect();
        let total: f64 = places.iter().map(|x| x * x).sum();
        let most = lags
            .unwrap_or(LAGS)
            .clamp(1, MAX_LAGS)
            .min(count as usize / 2);
        let at = |lag: usize| {
            let pairs = places.iter().zip(places.iter().skip(lag));
            pairs.map(|(a, b)| a * b).sum::<f64>() / total
        };
        Self {
            values: (1..=most).map(at).collect(),
            bound: Z / count.sqrt(),
        }
    }

    /// How many are outside the bounds, and of how many.
    pub(crate) fn outside(&self) -> Option<(usize, usize)> {
        let outside = self.values.iter().filter(|r| r.abs() > self.bound).count();
        (!self.values.is_empty()).then_some((outside, self.values.len()))
    }

    /// Stems about zero; the numbers of steps hang out below `outer`.
    pub(crate) fn draw(&self, svg: &mut Svg, outer: Area, look: Look) {
        let font = look.font;
        if self.values.is_empty() {
            let (x, y) = (
                outer.left + outer.width / 2.0,
                outer.top + outer.height / 2.0,
            );
            svg.text(x, y, Anchor::Middle, look.muted, "no data");
            return;
        }
        let all = self.values.iter().copied();
        let least = all.clone().fold(-1.4 * self.bound, f64::min).max(-1.0);
        let most = all.fold(1.4 * self.bound, f64::max).min(1.0);
        let margin = 0.06 * (most - least);
        let range = (least - margin, most + margin);
        let axis = ValueAxis::new(range, &Unit::Plain, outer.height / (font * 2.9));
        let labels = axis.ticks.iter().map(|(_, label)| text::width(label, font));
        let left = outer.left + labels.fold(font, f64::max) + 0.6 * font;
        let area = Area {
            left,
            width: outer.right() - left,
            ..outer
        };
        for (value, label) in &axis.ticks {
            let y = area.y(&axis, *value);
            svg.line("b-grid", (area.left, y), (area.right(), y));
            svg.text(
                area.left - 0.6 * font,
                y + 0.36 * font,
                Anchor::End,
                look.muted,
                label,
            );
        }
        let [upper, lower] = [self.bound, -self.bound].map(|r| area.y(&axis, r));
        svg.rect("b-band", area.left, upper, area.width, lower - upper);
        let zero = area.y(&axis, 0.0);
        svg.line("b-axis", (area.left, zero), (area.right(), zero));
        let count = self.values.len();
        let width = area.width / (count as f64 + 1.0);
        for (i, r) in self.values.iter().enumerate() {
            let (lag, y) = (i + 1, area.y(&axis, *r));
            let x = area.left + lag as f64 * width;
            let class = if r.abs() > self.bound {
                "b-anom"
            } else {
                "b-line"
            };
            svg.put(format_args!(
                "<path class=\"{class}\" stroke-width=\"{}\" d=\"M{} {}V{}\"/>",
                Px((0.4 * width).clamp(1.0, 5.0)),
                Px(x),
                Px(zero),
                Px(y)
            ));
            if lag % step(count) == 0 {
                let y = area.bottom() + 1.5 * font;
                svg.text(x, y, Anchor::Middle, look.muted, &lag.to_string());
            }
        }
        let (x, y) = (area.right(), (upper - 0.4 * font).max(area.top + font));
        svg.text(x, y, Anchor::End, look.muted, "95 % of noise");
    }
}

/// From one label to the next, so that about ten fit.
fn step(count: usize) -> usize {
    let fits = |step: &usize| count / step <= 10;
    [1, 2, 5, 10, 20].into_iter().find(fits).unwrap_or(20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_those_of_the_formula() {
        // By hand: deviations -2..2, squares 10, products 4, -1, ...
        let found = Correlogram::of(&[1.0, 2.0, 3.0, 4.0, 5.0], None);
        assert_eq!(found.values, [0.4, -0.1]);
        assert!((found.bound - 1.959_963_984_540_054 / 5_f64.sqrt()).abs() < 1e-15);
        // What alternates goes against itself, and two steps on with itself.
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let found = Correlogram::of(&values, Some(2));
        assert!((found.values[0] + 0.99).abs() < 1e-12 && (found.values[1] - 0.98).abs() < 1e-12);
        assert_eq!(found.outside(), Some((2, 2)));
    }

    #[test]
    fn what_says_nothing_has_none() {
        for values in [
            &[][..],
            &[1.0],
            &[0.1; 30],
            &[f64::NAN; 9],
            &[f64::INFINITY; 9],
        ] {
            assert_eq!(Correlogram::of(values, None).outside(), None, "{values:?}");
        }
        let huge = Correlogram::of(&[1e308, -1e308, 1e308, -1e308], None);
        assert!(huge.values.iter().all(|r| r.is_finite()), "{huge:?}");
        let holes = Correlogram::of(&[1.0, f64::NAN, -1.0, 1.0, f64::NAN, -1.0], Some(1));
        assert_eq!(holes.values, [-0.25]);
    }
}
