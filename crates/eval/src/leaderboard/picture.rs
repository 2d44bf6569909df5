//! Drawings of the leaderboard.

use std::fmt::Write as _;

use super::{DetectorScore, SetRanks, SetScore};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;

/// Text for HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

/// Accuracy over the time a value takes, on a logarithmic axis.
pub(super) fn scatter(scores: &[(&DetectorScore, &SetScore)], recommended: &str) -> String {
    const HEIGHT: f64 = 420.0;
    const BOTTOM: f64 = 370.0;
    const TOP: f64 = 20.0;
    let costs = scores.iter().map(|(_, score)| score.microseconds_per_value);
    let costs = costs.filter(|cost| cost.is_finite() && *cost > 0.0);
    let (low, high) = costs.fold((f64::INFINITY, 0.0_f64), |(a, b), cost| {
        (a.min(cost), b.max(cost))
    });
    if !low.is_finite() {
        return String::new();
    }
    let from = low.log10().floor();
    let decades = (high.log10().ceil() - from).max(1.0);
    let top = scores
        .iter()
        .map(|(_, score)| score.accuracy.upper)
        .fold(0.1, f64::max);
    let top = (top * 10.0).ceil() / 10.0;
    let x = |cost: f64| LEFT + (cost.log10() - from) / decades * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| BOTTOM - value / top * (BOTTOM - TOP);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Accuracy against cost\">\n"
    );
    let steps = (top * 10.0).round();
    let mut tenth = 0.0;
    while tenth <= steps {
        let value = tenth / 10.0;
        let _ = writeln!(
            out,
            "<path class=\"g\" d=\"M{LEFT} {0:.1}H{1}\"/><text class=\"m\" x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{value:.1}</text>",
            y(value),
            WIDTH - RIGHT,
            LEFT - 8.0,
            y(value) + 4.0
        );
        tenth += if steps > 5.0 { 2.0 } else { 1.0 };
    }
    let mut decade = 0.0;
    while decade <= decades {
        let place = LEFT + decade / decades * (WIDTH - LEFT - RIGHT);
        let label = cost_label(10.0_f64.powf(from + decade));
        let _ = writeln!(
            out,
            "<path class=\"g\" d=\"M{place:.1} {TOP}V{BOTTOM}\"/><text class=\"m\" x=\"{place:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            BOTTOM + 18.0
        );
        decade += 1.0;
    }
    let _ = writeln!(
        out,
        "<text class=\"m\" x=\"{}\" y=\"{}\" text-anchor=\"end\">time to learn and judge a value</text>",
        WIDTH - RIGHT,
        HEIGHT - 12.0
    );
    let points: Vec<(&DetectorScore, &SetScore, [f64; 2])> = scores
        .iter()
        .filter(|(_, score)| score.microseconds_per_value > 0.0)
        .map(|&(detector, score)| {
            let place = [x(score.microseconds_per_value), y(score.accuracy.estimate)];
            (detector, score, place)
        })
        .collect();
    for (detector, score, [px, py]) in &points {
        let (dot, line) = if detector.name == recommended {
            ("r", "rl")
        } else {
            ("d", "l")
        };
        let _ = writeln!(
            out,
            "<path class=\"{line}\" opacity=\".35\" d=\"M{px:.1} {:.1}V{:.1}\"/><circle class=\"{dot}\" cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"4.5\"><title>{}: {:.3}, {}</title></circle>",
            y(score.accuracy.lower),
            y(score.accuracy.upper),
            escaped(&detector.name),
            score.accuracy.estimate,
            cost_label(score.microseconds_per_value),
        );
    }
    let names = points
        .iter()
        .map(|(detector, _, at)| (detector.name.as_str(), *at));
    for (name, [px, py]) in named(&names.collect::<Vec<_>>()) {
        let _ = writeln!(
            out,
            "<text x=\"{px:.1}\" y=\"{py:.1}\">{}</text>",
            escaped(name)
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The width of a character and what a line takes above and below its base.
const CHARACTER: f64 = 7.0;
const ABOVE: f64 = 11.0;
const BELOW: f64 = 4.0;
/// From the middle of a dot to a name, and half the room of a dot.
const APART: f64 = 8.0;
const DOT: f64 = 5.0;

/// Where the names of points stand, the first ones first: clear of other names and of all dots. A name
/// for which there is no room is left out; the title of its dot tells it.
fn named<'a>(points: &[(&'a str, [f64; 2])]) -> Vec<(&'a str, [f64; 2])> {
    let dots = points
        .iter()
        .map(|(_, [x, y])| [x - DOT, y - DOT, x + DOT, y + DOT]);
    let mut taken: Vec<[f64; 4]> = dots.collect();
    let mut placed = Vec::new();
    for &(name, [px, py]) in points {
        let width = CHARACTER * name.chars().count() as f64;
        let lines = [4.0, -8.0, 16.0, -20.0, 28.0].map(|down| py + down);
        let starts = [px + APART, px - APART - width];
        let places = lines.into_iter().flat_map(|y| starts.map(|x| [x, y]));
        let room = |[x, y]: &[f64; 2]| [*x, y - ABOVE, x + width, y + BELOW];
        let is_free = |place: &[f64; 2]| {
            let own = room(place);
            let [left, _, right, _] = own;
            left >= LEFT && right <= WIDTH && !taken.iter().any(|other| overlap(&own, other))
        };
        if let Some(place) = places.into_iter().find(is_free) {
            taken.push(room(&place));
            placed.push((name, place));
        }
    }
    placed
}

/// Whether two boxes of left, top, right and bottom have a point in common.
fn overlap(a: &[f64; 4], b: &[f64; 4]) -> bool {
    let [left, top, right, bottom] = a;
    let [other_left, other_top, other_right, other_bottom] = b;
    left < other_right && other_left < right && top < other_bottom && other_top < bottom
}

fn cost_label(microseconds: f64) -> String {
    if microseconds >= 1e6 {
        format!("{:.3} s", microseconds / 1e6).replace(".000", "")
    } else if microseconds >= 1e3 {
        format!("{:.3} ms", microseconds / 1e3).replace(".000", "")
    } else if microseconds >= 1.0 {
        format!("{microseconds:.2} \u{b5}s").replace(".00", "")
    } else {
        format!("{:.1} ns", microseconds * 1e3).replace(".0 ", " ")
    }
}

/// Mean ranks on a line each, and the critical difference as a bar from the best.
pub(super) fn ranks(of: &SetRanks) -> String {
    const ROW: f64 = 20.0;
    const NAMES: f64 = 190.0;
    let count = of.detectors.len();
    let last = (count as f64).max(2.0);
    let height = 40.0 + ROW * count as f64;
    let x = |rank: f64| NAMES + (rank - 1.0) / (last - 1.0) * (WIDTH - NAMES - 50.0);
    let mut out =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Mean ranks\">\n");
    let best = of.comparison.ranks.first().copied().unwrap_or(1.0);
    let reach = (best + of.comparison.critical_difference).min(last);
    let _ = writeln!(
        out,
        "<path class=\"b\" d=\"M{:.1} 18H{:.1}\"/>",
        x(best),
        x(reach)
    );
    for (row, (name, rank)) in of.detectors.iter().zip(&of.comparison.ranks).enumerate() {
        let y = 40.0 + ROW * row as f64;
        let dot = if *rank <= reach { "r" } else { "d" };
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><path class=\"g\" d=\"M{NAMES} {y:.1}H{:.1}\"/><circle class=\"{dot}\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4.5\"/><text class=\"m\" x=\"{:.1}\" y=\"{:.1}\">{rank:.1}</text>",
            NAMES - 10.0,
            y + 4.0,
            escaped(name),
            x(*rank),
            x(*rank),
            x(*rank) + 9.0,
            y + 4.0
        );
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_clear_of_each_other_and_of_dots() {
        let names = ["extended-isolation-forest", "sub-isolation-forest", "ewma"];
        let crowd: Vec<(&str, [f64; 2])> = (0..24_u32)
            .map(|i| {
                let at = [f64::from(300 + i * 37 % 90), f64::from(200 + i * 13 % 40)];
                (names[i as usize % 3], at)
            })
            .collect();
        let placed = named(&crowd);
        assert!((3..24).contains(&placed.len()), "{}", placed.len());
        let room = |(name, [x, y]): &(&str, [f64; 2])| {
            let width = CHARACTER * name.len() as f64;
            [*x, y - ABOVE, x + width, y + BELOW]
        };
        for (i, one) in placed.iter().enumerate() {
            let mut others = placed.iter().skip(i + 1);
            assert!(!others.any(|other| overlap(&room(one), &room(other))));
            let on_dot = |(_, [x, y]): &(&str, [f64; 2])| {
                overlap(&room(one), &[x - DOT, y - DOT, x + DOT, y + DOT])
            };
            assert!(!crowd.iter().any(on_dot));
        }
        let alone = named(&[("ewma", [890.0, 100.0])]);
        assert!(alone[0].1[0] < 890.0, "it goes to the left at the edge");
    }
}
