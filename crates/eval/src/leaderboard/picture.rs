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
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for (detector, score) in scores
        .iter()
        .filter(|(_, score)| score.microseconds_per_value > 0.0)
    {
        let (px, py) = (x(score.microseconds_per_value), y(score.accuracy.estimate));
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
        // A name stays away from names that are there already; the title tells the rest.
        let width = 6.6 * detector.name.chars().count() as f64;
        let right = px + 8.0 + width < WIDTH;
        let start = if right { px + 8.0 } else { px - 8.0 - width };
        let clashes = |place: f64| {
            taken
                .iter()
                .any(|(tx, ty)| (ty - place).abs() < 12.0 && (tx - start).abs() < 110.0)
        };
        let places = [py + 4.0, py - 9.0, py + 17.0];
        if let Some(place) = places.into_iter().find(|place| !clashes(*place)) {
            taken.push((start, place));
            let _ = writeln!(
                out,
                "<text x=\"{start:.1}\" y=\"{place:.1}\">{}</text>",
                escaped(&detector.name)
            );
        }
    }
    out.push_str("</svg>\n");
    out
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
